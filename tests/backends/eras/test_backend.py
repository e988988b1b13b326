"""DualEra as a backend, and before one that answers at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import pytest
from twisted.internet.defer import gatherResults, succeed
from twisted.internet.task import Clock

from mcpws import App
from mcpws.backends.eras import DualEra, EraTranslation
from mcpws.backends.upstream import Upstream
from mcpws.errors import ConfigError, RpcError, ShuttingDown
from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Message, to_raw
from mcpws.mcp.meta import PREFIX
from mcpws.seam.interfaces import Channel, Link
from mcpws.testing import Network, RecordingBackend, Served, connected, result_of
from mcpws.ws.server import ServerFactory

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Json, World


def test_stop_ends_every_conversation_and_stops_what_is_within(world: World) -> None:
    clients = [world.connect()]
    world.legacy_server(clients[0])
    clients[0].call(1, "tools/list")
    clients.append(world.connect())
    world.modern_server(clients[1], tools={"listChanged": True})
    clients[1].tell("notifications/initialized")
    clients.append(world.connect())
    world.within.slow = True
    _, opening = world.knock()
    stopped = world.backend.stop()
    assert [type(client.ended) for client in clients] == [ShuttingDown] * 3
    assert clients[0].error(1)["code"] == 503
    with pytest.raises(ShuttingDown):
        result_of(opening)
    result_of(stopped)
    assert world.within.stopped == 1
    assert all(server.closed for server in world.servers[:3])


def test_it_tells_what_the_backend_within_has_counted_as_well(clock: Clock) -> None:
    class Within(RecordingBackend):
        def counted(self) -> dict[str, int]:
            return {"within.started": 3}

    within = Within()
    pair = Served(DualEra(DualEra(within, clock=clock), clock=clock), clock=clock)
    statistics = pair.server.statistics()
    assert statistics.backend == {
        "eras.translated": 0,
        "eras.dropped": 0,
        "eras.refused": 0,
        "eras.expired": 0,
        "within.started": 3,
    }


@pytest.mark.parametrize("name", ["probe_timeout", "park_timeout", "max_servers"])
def test_a_setting_that_is_none_is_refused(name: str) -> None:
    nothing: Any = {name: 0}
    with pytest.raises(ConfigError, match=name):
        EraTranslation(**nothing)


def test_the_settings_that_it_is_given_are_those_that_count(world: World) -> None:
    world.backend = DualEra(world.within, clock=world.clock, settings=EraTranslation(probe_timeout=0.5))
    client = world.connect()
    client.call(1, "tools/list")
    [server] = world.servers
    server.take("server/discover")
    world.clock.advance(0.5)
    server.take("initialize")


@pytest.mark.proves("V-14")
def test_a_backend_in_this_process_is_served_through_it() -> None:
    app = App("calculator", "1")

    @app.tool
    def add(a: int, b: int) -> int:
        "Add."
        return a + b

    clock = Clock()
    pair = connected(DualEra(app, clock=clock), clock=clock)
    sum = pair.session.request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
    pair.flush()
    assert result_of(sum)["structuredContent"] == {"result": 3}


def test_a_legacy_server_upstream_serves_a_modern_client() -> None:
    network = Network()
    legacy = RecordingBackend(initialize=False)
    origin = ServerFactory(legacy, reactor=network.clock)
    upstream = Upstream("ws://127.0.0.1:8082", reactor=network.clock, endpoint=network.endpoint(origin))
    served = Served(DualEra(upstream, clock=network.clock), clock=network.clock)
    client = served.upgraded()

    def settle() -> None:
        served.flush()
        network.flush()
        served.flush()

    settle()
    meta = {f"{PREFIX}protocolVersion": "2026-07-28", f"{PREFIX}clientCapabilities": {}}
    client.send_message({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}})
    settle()
    [server] = legacy.conversations
    server.answer(server.requests[0], RpcError("Method not found", code=-32601))
    settle()
    info = {"name": "served", "version": "1"}
    greeting = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": info}
    server.answer(server.requests[1], greeting)
    settle()
    assert [request.method for request in server.requests] == ["server/discover", "initialize", "tools/list"]
    server.answer(server.requests[2], {"tools": []})
    settle()
    [answer] = client.take_messages()
    told = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "_meta": {f"{PREFIX}serverInfo": info}}
    assert answer["result"] == {"tools": [], **told}
    client.wire.loseConnection()
    settle()
    assert server.closed is not None
    stopped = gatherResults([served.server.stop(0), origin.stop(0)])
    settle()
    result_of(stopped)
    assert network.clock.getDelayedCalls() == []


class AtOnce:
    """A server that answers before `receive` returns: `answers` has a function for each method."""

    def __init__(self, answers: dict[str, Callable[[Json, Link], Json | None]]) -> None:
        self.answers = answers
        self.asked: list[Any] = []

    def open(self, link: Link) -> Any:
        self.link = link
        return succeed(cast(Channel, self))

    def stop(self) -> Any:
        return succeed(None)

    def receive(self, message: Message) -> None:
        import json

        from mcpws.jsonrpc.codec import encode

        request = json.loads(encode(message))
        self.asked.append(request)
        answer = self.answers.get(request.get("method"))
        said = answer(request, self.link) if answer else None
        if said is not None and "id" in request:
            self.link.send(decode(bytes(to_raw({"jsonrpc": "2.0", "id": request["id"], **said}))))

    def close(self, reason: str) -> None: ...
    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def stopProducing(self) -> None: ...


def test_a_modern_server_may_answer_at_once(world: World, clock: Clock) -> None:
    def acknowledge(request: Json, link: Link) -> None:
        told = {
            "jsonrpc": "2.0",
            "method": "notifications/subscriptions/acknowledged",
            "params": {
                "_meta": {"io.modelcontextprotocol/subscriptionId": request["id"]},
                "notifications": request["params"]["notifications"],
            },
        }
        link.send(decode(bytes(to_raw(told))))

    def read(request: Json, link: Link) -> Json:
        if "requestState" in request["params"]:
            return {"result": {"contents": []}}
        return {"result": {"resultType": "input_required", "requestState": "s"}}

    server = AtOnce(
        {
            "initialize": lambda *_: {"error": {"code": -32601, "message": "no"}},
            "server/discover": lambda *_: {
                "result": {"supportedVersions": ["2026-07-28"], "capabilities": {"resources": {"subscribe": True}}}
            },
            "resources/read": read,
            "subscriptions/listen": acknowledge,
        }
    )
    world.backend = DualEra(cast(Any, server), clock=clock)
    client = world.connect()
    client.initialize()
    client.result("init")
    client.ask(1, "resources/subscribe", uri="u:1")
    assert client.result(1) == {}
    client.ask(2, "resources/read", uri="u:1")
    clock.advance(1)
    assert client.result(2) == {"contents": []}
    server.answers["subscriptions/listen"] = lambda *_: {"error": {"code": -32603, "message": "full"}}
    client.ask(3, "resources/subscribe", uri="u:2")
    assert client.error(3)["message"] == "full"
    world.backend.stop()


def test_a_legacy_server_may_answer_at_once(world: World, clock: Clock) -> None:
    server = AtOnce(
        {
            "server/discover": lambda *_: {"error": {"code": -32601, "message": "no"}},
            "initialize": lambda *_: {
                "result": {"protocolVersion": "2025-11-25", "capabilities": {"resources": {"subscribe": True}}}
            },
            "tools/call": lambda *_: {"result": {"content": []}},
            "tools/list": lambda *_: {"result": {"tools": []}},
            "resources/subscribe": lambda *_: {"result": {}},
        }
    )
    world.backend = DualEra(cast(Any, server), clock=clock)
    client = world.connect()
    for id in range(2):
        client.call(id, "tools/call", name="t")
        assert client.result(id)["content"] == []
    client.call("l", "subscriptions/listen", notifications={"resourceSubscriptions": ["u:1", "u:2"]})
    assert client.told("notifications/subscriptions/acknowledged")["notifications"] == {
        "resourceSubscriptions": ["u:1", "u:2"]
    }
    client.call(9, "tools/list")
    assert client.result(9)["tools"] == []
    world.backend.stop()
