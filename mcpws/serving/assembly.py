"""A service, put together as its settings say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mcpws.admin.access import read_token
from mcpws.admin.activity import Activity
from mcpws.admin.factory import administered
from mcpws.admin.servers import SERVERS_PATH, Servers
from mcpws.backends.stdio import Stdio
from mcpws.fronts.roster import Roster
from mcpws.http.page import Page
from mcpws.log.events import service_log
from mcpws.policy.stats import ServerStatistics
from mcpws.seam.interfaces import Backend, unready_reason
from mcpws.seam.observer import together
from mcpws.service.listen import WebSocketService
from mcpws.serving.backend import backend_of
from mcpws.serving.config import ServiceConfig
from mcpws.serving.demo import demo_app
from mcpws.serving.kept import Kept
from mcpws.serving.several import Several
from mcpws.turns.heartbeat import period
from mcpws.turns.steady import steady
from mcpws.ws.server import ServerFactory

UNAVAILABLE = "(not available: the log says why)"


@dataclass(frozen=True, slots=True)
class Assembly:
    """A service that has not begun.

    :param backend: what answers.
    :param stdios: whose processes answer, now.
    :param several: the servers that it is made of; None where it is one.
    :param end_seconds: that it may take to end what was kept of it.
    """

    service: WebSocketService
    backend: Backend
    stdios: Callable[[], Sequence[Stdio]]
    several: Several | None = None
    end_seconds: float = 0

    @property
    def stop_seconds(self) -> float:
        """That it may take to stop, once nobody is connected any more."""
        return max((one.stop_seconds for one in self.stdios()), default=0) + self.end_seconds

    def servers(self) -> list[str]:
        """Path of each of several servers, with what is wrong if something is."""
        parts = [] if self.several is None else self.several.parts()
        problems = [(part.path, unready_reason(part.backend)) for part in parts]
        return [path if problem is None else f"{path}  {UNAVAILABLE}" for path, problem in problems]

    def abandon(self) -> None:
        """Kill what would outlive this process, which ends at once. Signal functions may call it."""
        for one in self.stdios():
            one.kill()


def assemble(config: ServiceConfig, reactor: Any, listener: Any = None) -> Assembly:
    """The service that `config` describes, with the pages for those who run it unless they are off.

    :param listener: listens for the endpoints in place of `reactor`, as a TakenSockets does.
    :raises ConfigError: what is to be served, or where, cannot be had. It names the field.
    """

    def statistics() -> ServerStatistics:
        return factory.statistics()

    shown = config.status == "on"
    kept = Kept.of(config, reactor)
    observer = together(service_log(config.access_log, config.log_level), kept.observer)
    # Children are told of; an App has none, and is loaded before anything looks at the time.
    has_children = config.stdio is not None or bool(config.entries)
    activity = Activity(steady(reactor)) if shown and has_children else None
    more: dict[str, Any] = {}
    several = None
    if config.entries:
        whole = Roster(
            reactor,
            max_connections=config.max_connections,
            drain_seconds=config.drain_seconds,
            period=period(config),
        )
        several = Several(config.entries, reactor, whole, together(observer, activity), activity, counting=shown)
        backend: Backend = several.together
        stdios = several.stdios
        pages = {SERVERS_PATH: Page(Servers(several.parts))}
        more |= {"roster": whole, "servers": several.factories, "pages": pages}
        if shown:
            more["parts"] = several.parts
    else:
        stdio = None
        if config.stdio is not None or config.app is not None:
            backend, stdio = backend_of(config, reactor, activity)
        else:
            backend = demo_app(statistics, reactor)
        stdios = partial(list[Stdio], [] if stdio is None else [stdio])
    if shown:
        token = None if config.admin_token_file is None else read_token(config.admin_token_file)
        factory = administered(
            backend,
            config,
            reactor=reactor,
            observer=observer,
            token=token,
            playground=config.playground == "on",
            activity=activity,
            **more,
        )
    else:
        factory = ServerFactory(backend, config, reactor=reactor, observer=observer, **more)
    service = WebSocketService(factory, config.listen, listener or reactor, ended=kept.end)
    return Assembly(service, backend, stdios, several, kept.end_seconds)
