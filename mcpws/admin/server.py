"""`mcpws-admin`: an MCP server that shows another one to whoever runs it. The page `/status` is its client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mcpws.admin.status import status_of
from mcpws.admin.view import View
from mcpws.backends.app import App
from mcpws.errors import GOING_AWAY, ToolError
from mcpws.version import __version__

log = Logger()

STATUS = "mcpws://status"
"""The resource that has all of it, as `/status.json` has."""

PERIOD = 1.0
"""Seconds after which its subscribers are told that it has changed, which it always has."""

CLOSED = "closed by who runs this server"


class Connection(Protocol):
    """One client of the server."""

    @property
    def id(self) -> int: ...
    def close(self, code: int, reason: str) -> None: ...


class Running(Protocol):
    """The server that is looked after."""

    @property
    def connections(self) -> tuple[Connection, ...]: ...
    def drain(self) -> Deferred[None]: ...


def admin_server(view: View, running: Callable[[], Running], clock: IReactorTime) -> App:
    """The App. Who may talk to it is for its front to say.

    :param running: gives the server, once it is there.
    """
    app = App(
        "mcpws-admin",
        __version__,
        title="mcpws: status",
        instructions=f"Read {STATUS} for the state of this server; subscribe to it to be told each second.",
        clock=clock,
    )

    @app.resource(STATUS, mime_type="application/json")
    def status() -> Deferred[str]:
        "Connections, requests, errors, limits, children and refusals of this server, now."
        return view.lag().addCallback(lambda lag: msgspec.json.encode(status_of(view, lag)).decode())

    @app.tool
    def drain() -> str:
        "Let nobody in any more, let requests in flight finish, and close all connections."
        log.info("a drain was asked for by who runs this server")
        running().drain()
        return "the server drains"

    @app.tool
    def close_connection(id: int) -> str:
        """Close the connection of one client.

        :param id: its number, as the status has it.
        """
        for connection in running().connections:
            if connection.id == id:
                log.info("connection #{id} is closed by who runs this server", id=id)
                connection.close(GOING_AWAY, CLOSED)
                return f"connection {id} is closed"
        raise ToolError(f"there is no connection {id}")

    ticking = LoopingCall(app.resource_updated, STATUS)
    ticking.clock = clock

    def watched(anybody: bool) -> None:
        if anybody:
            ticking.start(PERIOD, now=False)
        else:
            ticking.stop()

    app.on_subscription(STATUS, watched)
    return app
