"""A modern client: which era its server is of, and what becomes of it then."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mcpws.errors import BackendLost, ConnectionClosed
from mcpws.jsonrpc.codec import decode, encode
from mcpws.mcp.meta import PREFIX

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, Json, Server, World


def passing(world: World, client: Client) -> Server:
    client.call("first", "tools/list")
    server = world.servers[-1]
    server.answer_probe()
    server.answer(server.take("tools/list"), resultType="complete", tools=[], ttlMs=0, cacheScope="private")
    client.result("first")
    return server


@pytest.mark.not_mcp("what is said is chosen for its bytes")
def test_what_a_modern_client_and_a_modern_server_say_passes_byte_for_byte(world: World, client: Client) -> None:
    meta = '"_meta": {"io.modelcontextprotocol/protocolVersion":"2026-07-28", "progressToken":1 }'
    from_client = [
        f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {{ {meta}, "n": 1.00}} }}'.encode(),
        f'{{"jsonrpc": "2.0", "id": "1", "method": "subscriptions/listen", "params": {{ {meta} }} }}'.encode(),
        b'{"jsonrpc": "2.0", "method":   "notifications/cancelled", "params": {"requestId": "1"}}',
        b'{"jsonrpc": "2.0", "method":   "notifications/com.example/told"}',
    ]
    from_server = [
        b'{"jsonrpc": "2.0", "method": "notifications/progress",  "params": {"progressToken": 1}}',
        b'{"jsonrpc": "2.0",  "result": {"resultType": "input_required", "requestState": "x"}, "id": 1}',
        b'{"jsonrpc": "2.0", "error": {"code": -32700, "message":  "Parse error"}}',
    ]
    client.channel.receive(decode(from_client[0]))
    [server] = world.servers
    server.answer_probe()
    for data in from_client[1:]:
        client.channel.receive(decode(data))
    assert [encode(message) for message in server.conversation.received] == from_client
    for data in from_server:
        server.conversation.link.send(decode(data))
    assert client.raw == from_server
    assert world.backend.translated == 0


@pytest.mark.parametrize(
    "error",
    [
        {"code": -32022, "message": "no", "data": {"supported": ["2030-01-01"], "requested": "2026-07-28"}},
        {"code": -32022, "message": "no"},
        {"code": -32022, "message": "no", "data": "none"},
    ],
)
def test_a_server_of_another_modern_version_is_modern(world: World, client: Client, error: Any) -> None:
    client.call(1, "tools/list", meta={f"{PREFIX}protocolVersion": "2030-01-01"})
    [server] = world.servers
    server.send(id=server.take("server/discover")["id"], error=error)
    assert server.take("tools/list")["id"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"code": -32601, "message": "Method not found"}},
        {"error": {"code": -32022, "message": "no", "data": {"supported": ["2025-11-25"]}}},
        {"result": {}},
        {"result": {"supportedVersions": ["2025-06-18", "2025-11-25"], "capabilities": {}}},
        {"result": {"supportedVersions": 1}},
    ],
)
def test_a_server_that_gives_any_other_answer_is_legacy(world: World, client: Client, answer: Any) -> None:
    client.call(1, "tools/list")
    [server] = world.servers
    server.send(id=server.take("server/discover")["id"], **answer)
    server.take("initialize")


def test_a_server_that_gives_no_answer_in_time_is_legacy(new_world: Callable[..., World]) -> None:
    world = new_world(probe_timeout=2)
    client = world.connect()
    client.call(1, "tools/list")
    [server] = world.servers
    server.take("server/discover")
    world.clock.advance(1.9)
    assert server.waiting == []
    world.clock.advance(0.1)
    server.be_initialized()
    server.take("tools/list")


def test_a_modern_server_that_is_slow_to_say_so_is_modern(new_world: Callable[..., World]) -> None:
    world = new_world()
    client = world.connect()
    client.call(0, "tools/list")
    client.call(1, "tools/list", meta={f"{PREFIX}clientInfo": {"name": "other", "version": "1"}})
    server = world.servers[0]
    probe = server.take("server/discover")
    world.clock.advance(3)
    initialize = server.take("initialize")
    server.answer(probe, supportedVersions=["2026-07-28"], capabilities={})
    assert server.waiting == []
    server.fail(initialize, -32022)
    assert [server.take("tools/list")["id"] for _ in range(2)] == [0, 1]
    assert world.servers[1].closed is not None
    assert client.got == []


def test_a_server_that_lets_itself_be_initialized_after_all_is_legacy(world: World, client: Client) -> None:
    client.call(1, "tools/list")
    [server] = world.servers
    probe = server.take("server/discover")
    world.clock.advance(3)
    server.answer(probe, supportedVersions=["2026-07-28"], capabilities={})
    server.be_initialized()
    server.answer(server.take("tools/list"), tools=[])
    assert client.result(1)["resultType"] == "complete"


def test_a_late_answer_of_no_use_is_no_matter(world: World, client: Client) -> None:
    client.call(1, "tools/list")
    [server] = world.servers
    probe = server.take("server/discover")
    world.clock.advance(3)
    server.fail(probe, -32601)
    server.fail(server.take("initialize"), -32603)
    assert client.error(1)["code"] == 502


def test_a_server_that_ends_over_the_question_is_legacy(world: World, client: Client) -> None:
    client.call(1, "tools/list")
    first = world.servers[0]
    first.take("server/discover")
    first.lose(BackendLost("it is gone"))
    second = world.servers[1]
    second.be_initialized()
    second.answer(second.take("tools/list"), tools=[])
    client.result(1)
    assert client.ended is None


def test_what_waits_for_a_server_that_cannot_even_begin_is_answered(world: World, client: Client) -> None:
    client.call(1, "tools/list")
    world.servers[0].take("server/discover")
    world.within.refusal = BackendLost("it is held off")
    world.servers[0].lose(BackendLost("it is gone"))
    for id in (1, 2, 3):
        assert client.error(id) == {"code": 502, "message": "it is held off"}
        client.call(id + 1, "tools/list")
    client.error(4)
    world.within.refusal = None
    client.call(5, "tools/list")
    world.servers[-1].be_initialized()
    world.servers[-1].take("tools/list")


def test_what_is_known_to_be_legacy_is_not_asked_again(world: World, client: Client) -> None:
    world.legacy_server(client)
    other = world.connect()
    other.call(1, "tools/list")
    world.servers[-1].be_initialized()
    world.servers[-1].take("tools/list")


def test_what_was_known_to_be_legacy_and_is_not_any_more_is_asked_again(world: World, client: Client) -> None:
    world.legacy_server(client)
    other = world.connect()
    other.call(1, "tools/list")
    server = world.servers[-1]
    server.fail(server.take("initialize"), -32601)
    server.answer_probe()
    assert server.take("tools/list")["id"] == 1
    third = world.connect()
    third.call(1, "tools/list")
    world.servers[-1].take("server/discover")


def test_what_is_not_modern_either_fails(world: World, client: Client) -> None:
    world.legacy_server(client)
    other = world.connect()
    other.call(1, "tools/list")
    server = world.servers[-1]
    server.fail(server.take("initialize"), -32602, "not like this")
    server.refuse_probe()
    server.fail(server.take("initialize"), -32602, "not like this")
    assert other.error(1) == {
        "code": 502,
        "message": "The server refused to be initialised",
        "data": {"code": -32602, "message": "not like this"},
    }
    assert server.closed is not None


def test_what_comes_before_the_era_is_known_waits_in_order(world: World, client: Client) -> None:
    for id in range(3):
        client.call(id, "tools/list")
    client.tell("notifications/cancelled", requestId=1)
    client.tell("notifications/com.example/told")
    [server] = world.servers
    server.answer_probe()
    assert [server.take("tools/list")["id"] for _ in range(2)] == [0, 2]
    assert server.waiting == []


def test_only_so_much_waits(new_world: Callable[..., World]) -> None:
    world = new_world(max_held=2)
    client = world.connect()
    for id in range(3):
        client.call(id, "tools/list")
    assert client.error(2)["code"] == 429


def test_a_modern_server_may_not_ask(world: World, client: Client) -> None:
    server = passing(world, client)
    server.ask(1, "ping")
    assert client.got == []
    assert server.waiting == []
    assert world.backend.dropped == 1


def test_what_a_server_says_before_it_is_known_is_dropped(world: World, client: Client) -> None:
    client.call(1, "tools/list")
    [server] = world.servers
    server.tell("notifications/message", level="info", data="up")
    assert client.got == []


def test_a_lost_server_fails_what_was_open_and_the_next_request_gets_another(world: World, client: Client) -> None:
    server = passing(world, client)
    client.call(1, "tools/call", name="t")
    client.call("1", "subscriptions/listen", notifications={})
    server.lose(ConnectionClosed(1006, "secret"))
    assert client.error(1) == {"code": 502, "message": "The server is gone"}
    assert client.error("1")["code"] == 502
    assert client.ended is None
    client.call(2, "tools/list")
    again = world.servers[1]
    again.answer_probe()
    assert again.take("tools/list")["id"] == 2


def test_the_reason_of_a_loss_is_told_where_it_is_meant_to(world: World, client: Client) -> None:
    server = passing(world, client)
    client.call(1, "tools/list")
    server.lose(BackendLost("The server process exited with status 1"))
    assert client.error(1)["message"] == "The server process exited with status 1"


def test_a_server_is_not_started_over_and_over(new_world: Callable[..., World]) -> None:
    world = new_world(max_starts=2)
    client = world.connect()
    for id in range(3):
        server = passing(world, client)
        client.call(id, "tools/list")
        server.lose(BackendLost("it is gone"))
        assert client.error(id)["code"] == 502
    client.call("more", "tools/list")
    assert client.error("more")["code"] == 429
    assert len(world.servers) == 3
    world.clock.advance(60)
    passing(world, client)


def test_an_answer_to_what_is_not_open_goes_nowhere(world: World, client: Client) -> None:
    server = passing(world, client)
    client.call(1, "tools/list")
    request = server.take("tools/list")
    result: Json = {"resultType": "complete", "tools": [], "ttlMs": 0, "cacheScope": "private"}
    server.answer(request, **result)
    server.answer(request, tools=["again"])
    assert client.result(1) == result
    assert client.got == []


@pytest.mark.not_mcp("one notification does not say what is cancelled")
def test_a_subscription_that_the_server_ends_is_open_no_more(world: World, client: Client) -> None:
    server = passing(world, client)
    client.call("l", "subscriptions/listen", notifications={})
    server.tell("notifications/cancelled", requestId="l")
    server.tell("notifications/cancelled", requestId="l")
    server.tell("notifications/cancelled")
    assert client.told("notifications/cancelled") == {"requestId": "l"}
    assert client.got == []
    server.lose(BackendLost("it is gone"))
    assert client.got == []


def test_what_a_client_says_when_it_is_read_again_is_not_for_the_server_that_is_gone(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = passing(world, client)
    client.call("open", "tools/list")
    server.take("tools/list")
    server.conversation.link.pauseProducing()
    resume = client.resumeProducing

    def say() -> None:
        resume()
        client.call("next", "tools/list")

    monkeypatch.setattr(client, "resumeProducing", say)
    server.lose(BackendLost("it is gone"))
    assert server.waiting == []
    assert client.error("open")["code"] == 502
    assert client.got == []
    again = world.servers[-1]
    again.answer_probe()
    assert again.take("tools/list")["id"] == "next"


def test_a_server_that_another_one_needs_no_more_is_not_waited_for_over_its_question(
    world: World, client: Client
) -> None:
    client.call(1, "tools/list")
    client.tell("notifications/cancelled", requestId=1)
    [server] = world.servers
    client.initialize()
    server.take("server/discover")
    server.fail(server.take("initialize"), -32601)
    server.answer_probe()
    client.result("init")
    client.channel.close("gone")
    assert not world.clock.getDelayedCalls()
