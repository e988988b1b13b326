"""Telemetry: OpenTelemetry's own machinery, begun and ended with the service. Nothing of it is imported before."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from importlib import import_module
from threading import Thread
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mcpws.errors import ConfigError
from mcpws.policy.pace import Pace
from mcpws.seam.observer import Observer
from mcpws.version import __version__

log = Logger()

END_SECONDS = 5.0
"""For the last spans to be sent when the service ends."""

TOLD_PER_SECOND = 1
"""Of what OpenTelemetry has to say, as that nobody listens where spans are to go."""

_EXPORTER = "opentelemetry.exporter.otlp.proto.http.trace_exporter"
_INSTALL = "needs OpenTelemetry: pip install 'mcpws[otel]'"


class Telemetry:
    """Spans of a service, sent in a thread of OpenTelemetry's by OTLP over HTTP, as its environment variables say.

    :param reactor: to whose thread it returns.
    :raises ConfigError: the extra `otel` is not installed, or what the environment says cannot be done. It names the
        field `otel`.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        _check_environment()
        try:
            exporter = import_module(_EXPORTER).OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor

            from mcpws.log.spans import Spans
        except ModuleNotFoundError as error:
            raise ConfigError("otel", "on", _INSTALL) from error
        self._saying = _Saying(reactor)
        logging.getLogger("opentelemetry").addHandler(self._saying)
        try:
            # In the end we see to it ourselves, and wait for it no longer than we want.
            self._provider = TracerProvider(resource=Resource.create(_named()), shutdown_on_exit=False)
            self._provider.add_span_processor(BatchSpanProcessor(exporter()))
        except Exception as error:
            # Whatever it does not like of its variables.
            self._be_silent()
            raise ConfigError("otel", "on", f"cannot begin: {error}") from error
        self.observer: Observer = Spans(self._provider.get_tracer("mcpws", __version__))

    def end(self) -> Deferred[None]:
        """Send what there is; fires when that is done, or has taken `END_SECONDS`."""
        ended: Deferred[None] = Deferred()

        def told() -> None:
            if not ended.called:
                ended.callback(None)

        def shut_down() -> None:
            try:
                self._provider.shutdown()
            finally:
                self._reactor.callFromThread(told)

        # Not of the reactor's pool: at its end it waits for all of those.
        Thread(target=shut_down, name="mcpws-otel-end", daemon=True).start()
        ended.addTimeout(END_SECONDS, self._reactor, lambda *_: log.warn("the last spans could not be sent in time"))
        return ended.addBoth(self._be_silent)

    def _be_silent(self, result: Any = None) -> Any:
        logging.getLogger("opentelemetry").removeHandler(self._saying)
        return result


class _Saying(logging.Handler):
    """Passes on to our log what OpenTelemetry says in a thread of its own; so much of it in a second."""

    def __init__(self, reactor: Any) -> None:
        super().__init__(logging.WARNING)
        self._reactor: Any = reactor
        self._clock: IReactorTime = reactor
        self._pace = Pace(TOLD_PER_SECOND)

    def emit(self, record: logging.LogRecord) -> None:
        say: Callable[..., None] = self._say
        self._reactor.callFromThread(say, record.getMessage())

    def _say(self, text: str) -> None:
        if self._pace.passes(self._clock.seconds()):
            log.warn("OpenTelemetry: {text}", text=text, hidden=self._pace.hidden())


def _check_environment() -> None:
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = os.environ.get(name, "http/protobuf")
        if protocol != "http/protobuf":
            raise ConfigError("otel", "on", f"sends http/protobuf alone, and {name} is {protocol}")


def _named() -> dict[str, str]:
    """What the service is called, unless the environment says so."""
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return {} if named else {"service.name": "mcpws", "service.version": __version__}
