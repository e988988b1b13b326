"""A server that is the test, in JSON: it says what the test says, and nothing is left of the client in the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from mcpws.client.factory import connect
from mcpws.client.session import Session
from mcpws.errors import ConnectionClosed
from mcpws.testing import Network, RawServer, result_of

URL = "ws://127.0.0.1:8082"
META = "io.modelcontextprotocol/"
NOTHING: Mapping[str, object] = {}


class Script:
    """A client and its server, the WebSocket open; arguments as for `connect`."""

    def __init__(self, **arguments: Any) -> None:
        self.network = Network()
        self.clock = self.network.clock
        self.server = RawServer()
        endpoint = self.network.endpoint(Factory.forProtocol(lambda: self.server))
        self.connecting: Deferred[Session] = connect(URL, reactor=self.clock, endpoint=endpoint, **arguments)
        self.network.flush()
        self.server.accept()
        self.network.flush()

    @cached_property
    def session(self) -> Session:
        """The session, which has begun."""
        return result_of(self.connecting)

    def hears(self) -> list[Any]:
        """What the client sent, and was not taken yet."""
        self.network.flush()
        return self.server.take_messages()

    def hears_one(self, method: str) -> Any:
        """The one message that the client sent."""
        [message] = self.hears()
        assert message["method"] == method
        return message

    def answers(self, request: Any, result: object) -> None:
        """Answer a request that was heard."""
        self.says({"id": request["id"], "result": result})

    def refuses(self, request: Any, code: int, message: str = "no", data: object = None) -> None:
        """Answer a request that was heard with an error."""
        self.says({"id": request["id"], "error": {"code": code, "message": message, "data": data}})

    def tells(self, method: str, **params: object) -> None:
        """Send a notification."""
        self.says({"method": method, "params": params})

    def says(self, message: dict[str, object]) -> None:
        """Send a message, all but its `jsonrpc`."""
        self.server.send_message({"jsonrpc": "2.0", **message})
        self.network.flush()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.network.advance(seconds)

    def vanish(self) -> None:
        """Drop the connection."""
        self.server.wire.abortConnection()
        self.network.flush()

    def begin_modern(self, capabilities: Mapping[str, object] = NOTHING) -> Script:
        """Answer `server/discover`, as a server with these capabilities."""
        versions = ["2026-07-28"]
        server = {f"{META}serverInfo": {"name": "scripted", "version": "1"}}
        result = {
            "resultType": "complete",
            "supportedVersions": versions,
            "capabilities": dict(capabilities),
            "_meta": server,
        }
        self.answers(self.hears_one("server/discover"), result)
        return self

    def begin_legacy(self, capabilities: Mapping[str, object] = NOTHING, version: str = "2025-11-25") -> Script:
        """Answer `initialize`, and refuse what may come before it, as a server with these capabilities."""
        [request] = self.hears()
        if request["method"] == "server/discover":
            self.refuses(request, -32601)
            [request] = self.hears()
        server = {"name": "scripted", "version": "1"}
        self.answers(request, {"protocolVersion": version, "capabilities": dict(capabilities), "serverInfo": server})
        assert self.hears_one("notifications/initialized")
        return self


@pytest.fixture
def script() -> Iterator[Callable[..., Script]]:
    """Makes a Script; in the end its client must have nothing left to do."""
    scripts: list[Script] = []

    def make(**arguments: Any) -> Script:
        scripts.append(Script(**arguments))
        return scripts[-1]

    yield make
    for one in scripts:
        # It may not have begun yet.
        one.connecting.addErrback(lambda failure: failure.trap(ConnectionClosed))
        one.vanish()
        one.advance(1)
        assert one.clock.getDelayedCalls() == []


@pytest.fixture(params=["legacy", "modern"])
def begun(request: pytest.FixtureRequest, script: Callable[..., Script]) -> Callable[..., Script]:
    """Makes a Script whose session has begun, in either era; the server offers all notifications."""

    def make(**arguments: Any) -> Script:
        made = script(**arguments)
        options = {"listChanged": True}
        offered = {"tools": options, "prompts": options, "resources": {**options, "subscribe": True}}
        return made.begin_modern(offered) if request.param == "modern" else made.begin_legacy(offered)

    return make
