"""A ServerFactory with the pages of those who run it, put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mcpws.admin.access import only_admins
from mcpws.admin.activity import Activity
from mcpws.admin.server import admin_server
from mcpws.admin.together import Part, Sum
from mcpws.admin.view import PLAYGROUND_PATH, STATUS_PATH, View
from mcpws.backends.aggregate import SEPARATOR
from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError
from mcpws.mcp.methods import OF_CLIENTS
from mcpws.seam.interfaces import Backend
from mcpws.seam.observer import Observer, together
from mcpws.turns.steady import steady
from mcpws.turns.timing import Counted, Timings, tool_timings
from mcpws.ws.server import ServerFactory

MAX_ADMINS = 16
"""Connections of status pages at a time."""


def administered(
    backend: Backend,
    config: WebSocketConfig | None = None,
    *,
    reactor: Any = None,
    observer: Observer | None = None,
    token: str | None = None,
    playground: bool = True,
    activity: Activity | None = None,
    parts: Callable[[], Sequence[Part]] | None = None,
    servers: Mapping[str, ServerFactory] | None = None,
    **server: Any,
) -> ServerFactory:
    """A ServerFactory that answers `/healthz`, `/readyz`, `/metrics`, `/status.json`, `/status` and `/playground`.

    :param token: with which the last four may be asked for from elsewhere; None for this machine alone.
    :param playground: whether the last one is there.
    :param activity: if a Stdio that answers has it for its observer, so that its children are told of.
    :param parts: gives the servers that are at other paths of the port, if there are any, in `servers`.
    :param server: further arguments of the factory, but for `timings`; `pages` come beside these.
    :raises ConfigError: as the factory does, and if a page has one of the paths of its WebSockets.
    """
    # Only who asks for pages waits for twisted.web to be imported.
    from mcpws.admin.pages import admin_pages

    if reactor is None:
        from twisted.internet import reactor
    config = config or WebSocketConfig()
    if STATUS_PATH in config.paths:
        raise ConfigError("paths", STATUS_PATH, "is where the status page is: --status off frees it")
    if playground and PLAYGROUND_PATH in config.paths:
        raise ConfigError("paths", PLAYGROUND_PATH, "is where the server can be tried: --playground off frees it")
    clock = steady(reactor)
    activity = activity or Activity(clock)
    timings = Timings(OF_CLIENTS, clock)
    tools = tool_timings(backend, timings, clock)
    all_timings: Counted = timings
    all_tools: Counted = tools
    if parts is not None:
        all_timings = Sum(timings, lambda: [("", one.timings) for one in parts()])
        all_tools = Sum(tools, lambda: [(one.name + SEPARATOR, one.tools) for one in parts()])

    view = View(
        lambda: factory.statistics(),
        lambda: factory.roster.is_leaving,
        backend,
        activity,
        all_timings,
        all_tools,
        clock,
        parts or tuple,
    )
    factory = ServerFactory(
        backend,
        config,
        reactor=reactor,
        observer=together(observer, activity),
        pages={**(server.pop("pages", None) or {}), **admin_pages(view, token, config.paths if playground else ())},
        servers={**(servers or {}), STATUS_PATH: _admin(view, lambda: factory, token, reactor)},
        timings=timings,
        **server,
    )
    return factory


def _admin(view: View, running: Callable[[], ServerFactory], token: str | None, reactor: Any) -> ServerFactory:
    """The server of the status page, which counts for itself."""
    # Its check sees to hosts and origins.
    config = WebSocketConfig(paths=(STATUS_PATH,), hosts=("*",), origins=("*",), max_connections=MAX_ADMINS)
    return ServerFactory(admin_server(view, running, reactor), config, reactor=reactor, checks=[only_admins(token)])
