"""A service, put together as its settings say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mcpws.admin.access import read_token
from mcpws.admin.activity import Activity
from mcpws.admin.factory import administered
from mcpws.backends.eras import DualEra
from mcpws.backends.shared import SharedStdio
from mcpws.backends.stdio import Stdio
from mcpws.log.events import service_log
from mcpws.policy.backoff import Backoff
from mcpws.policy.stats import ServerStatistics
from mcpws.seam.interfaces import Backend
from mcpws.seam.observer import Observer
from mcpws.service.listen import WebSocketService
from mcpws.serving.config import SHARED, ServiceConfig
from mcpws.serving.demo import demo_app
from mcpws.serving.finding import find_backend
from mcpws.turns.steady import steady
from mcpws.ws.server import ServerFactory


@dataclass(frozen=True, slots=True)
class Assembly:
    """A service that has not begun.

    :param backend: what answers.
    :param stdio: whose processes answer, None where there are none.
    """

    service: WebSocketService
    backend: Backend
    stdio: Stdio | None

    @property
    def stop_seconds(self) -> float:
        """That the backend may take to stop, once nobody is connected any more."""
        return 0 if self.stdio is None else self.stdio.stop_seconds

    def abandon(self) -> None:
        """Kill what would outlive this process, which ends at once. Signal functions may call it."""
        if self.stdio is not None:
            self.stdio.kill()


def assemble(config: ServiceConfig, reactor: Any, listener: Any = None) -> Assembly:
    """The service that `config` describes, with the pages for those who run it unless they are off.

    :param listener: listens for the endpoints in place of `reactor`, as a TakenSockets does.
    :raises ConfigError: what is to be served, or where, cannot be had. It names the field.
    """

    def statistics() -> ServerStatistics:
        return factory.statistics()

    shown = config.status == "on"
    # Children are told of; an App has none, and is loaded before anything looks at the time.
    activity = Activity(steady(reactor)) if shown and config.stdio is not None else None
    stdio = None if config.stdio is None else _stdio(config, config.stdio, reactor, activity)
    if stdio is not None:
        backend = _behind(stdio, config, reactor)
    elif config.app is not None:
        backend = find_backend(config.app, "app")
    else:
        backend = demo_app(statistics, reactor)
    observer = service_log(config.access_log, config.log_level)
    if shown:
        token = None if config.admin_token_file is None else read_token(config.admin_token_file)
        factory = administered(backend, config, reactor=reactor, observer=observer, token=token, activity=activity)
    else:
        factory = ServerFactory(backend, config, reactor=reactor, observer=observer)
    return Assembly(WebSocketService(factory, config.listen, listener or reactor), backend, stdio)


def _stdio(config: ServiceConfig, command: Sequence[str], reactor: Any, observer: Observer | None) -> Stdio:
    return Stdio(
        command,
        reactor=reactor,
        env=dict(config.env),
        inherit_env=not config.clean_env,
        cwd=config.cwd,
        max_line=config.max_outbound_size,
        max_depth=config.max_depth,
        stall_timeout=config.stall_timeout,
        max_children=config.child_limit,
        max_memory=config.child_memory,
        observer=observer,
        # What is shared has a backoff of its own.
        backoff=None if config.stdio_mode == SHARED else Backoff(),
    )


def _behind(stdio: Stdio, config: ServiceConfig, reactor: Any) -> Backend:
    if config.stdio_mode != SHARED:
        return DualEra(stdio, clock=reactor, settings=config) if config.translate else stdio
    return SharedStdio(
        stdio,
        clock=reactor,
        # As many calls as a connection may have in flight, and as many subscriptions.
        max_open=2 * config.max_in_flight,
        max_queued_bytes=config.max_queued_bytes,
    )
