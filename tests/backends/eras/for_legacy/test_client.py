"""A legacy client: everything passes, but for what a modern server is to be told differently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mcpws.backends.eras.for_legacy.client import LegacyClient
from mcpws.errors import BackendLost
from mcpws.jsonrpc.codec import decode, encode

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, Server, World


def accept(server: Server, initialize: dict[str, Any]) -> None:
    server.answer(
        initialize,
        protocolVersion="2025-11-25",
        capabilities={},
        serverInfo={"name": "a", "version": "1"},
    )


@pytest.mark.not_mcp("what is said is chosen for its bytes")
def test_what_a_legacy_client_and_a_legacy_server_say_passes_byte_for_byte(world: World, client: Client) -> None:
    from_client = [
        b'{"id": "i", "jsonrpc": "2.0",   "method": "initialize", "params": {"protocolVersion": "2024-11-05"}}',
        b'{"jsonrpc": "2.0", "method": "notifications/initialized" }',
        b'{"method": "tools/call", "params": {"_meta": {"progressToken": 1.0e0}}, "id": 1, "jsonrpc": "2.0"}',
        b'{"jsonrpc": "2.0", "id": 7, "result" : {"x": 1.00}}',
        b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}',
    ]
    from_server = [
        b'{"jsonrpc": "2.0", "result": {"protocolVersion": "2024-11-05", "odd": 1.50}, "id": "i"}',
        b'{"jsonrpc": "2.0", "method": "ping", "id":7}',
        b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "Resource not found"}}',
    ]
    for data in from_client:
        client.channel.receive(decode(data))
    [server] = world.within.conversations
    assert [encode(message) for message in server.received] == from_client
    for data in from_server:
        server.link.send(decode(data))
    assert client.raw == from_server
    assert world.backend.translated == 0


def test_once_it_is_accepted_nothing_stands_between_a_client_and_its_server(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.initialize()
    [server] = world.servers
    accept(server, server.take("initialize"))
    client.result("init")
    # Neither is looked up any more.
    monkeypatch.delattr(LegacyClient, "received")
    monkeypatch.delattr(LegacyClient, "_receive")
    client.ask(1, "tools/list")
    server.answer(server.take("tools/list"), tools=[])
    assert client.result(1) == {"tools": []}
    monkeypatch.undo()
    # The client may be modern as well, and then it has another one.
    client.call(2, "tools/list")
    assert server.waiting == []
    reason = BackendLost("it is gone")
    server.lose(reason)
    assert client.ended is reason


@pytest.mark.parametrize("translated", [False, True])
def test_what_a_server_says_when_its_client_is_gone_reaches_nobody(
    world: World, client: Client, translated: bool
) -> None:
    if translated:
        server = world.modern_server(client)
    else:
        client.initialize()
        [server] = world.servers
        accept(server, server.take("initialize"))
        client.result("init")
    client.channel.close("it is gone")
    server.tell("notifications/tools/list_changed")
    assert client.got == []


def test_what_a_server_was_asked_before_it_was_accepted_is_none_of_the_clients_business(
    world: World, client: Client
) -> None:
    client.call(1, "tools/list")
    [server] = world.servers
    discover = server.take("server/discover")
    client.tell("notifications/cancelled", requestId=1)
    client.initialize()
    accept(server, server.take("initialize"))
    client.result("init")
    server.fail(discover, -32601)
    client.ask(2, "ping")
    server.answer(server.take("ping"))
    assert [message["id"] for message in client.got] == [2]


def test_a_server_that_refuses_initialize_is_asked_which_era_it_is_of(world: World, client: Client) -> None:
    client.initialize(version="2025-06-18")
    [server] = world.servers
    server.fail(server.take("initialize"), -32601)
    assert client.got == []
    server.answer_probe(tools={})
    result = client.result("init")
    assert result["protocolVersion"] == "2025-06-18"
    assert world.backend.translated == 1


def test_a_legacy_server_that_refuses_initialize_has_its_say(world: World, client: Client) -> None:
    client.initialize()
    [server] = world.servers
    server.fail(server.take("initialize"), -32602, "bad", {"why": "so"})
    server.refuse_probe()
    assert client.error("init") == {"code": -32602, "message": "bad", "data": {"why": "so"}}
    client.initialize("again")
    accept(server, server.take("initialize"))
    assert client.result("again")["protocolVersion"] == "2025-11-25"


def test_a_server_that_does_not_answer_the_question_in_time_has_its_say(world: World, client: Client) -> None:
    client.initialize()
    [server] = world.servers
    server.fail(server.take("initialize"), -32602)
    world.clock.advance(2.9)
    assert client.got == []
    world.clock.advance(0.1)
    assert client.error("init")["code"] == -32602
    server.answer_probe()
    assert client.got == []


def test_a_modern_server_of_no_version_that_we_know_is_not_translated(world: World, client: Client) -> None:
    client.initialize()
    [server] = world.servers
    server.fail(server.take("initialize"), -32022, "only 2030")
    server.answer_probe(versions=("2030-01-01",))
    assert client.error("init")["message"] == "only 2030"


def test_a_ping_is_answered_while_the_server_is_asked(world: World, client: Client) -> None:
    client.initialize()
    [server] = world.servers
    server.fail(server.take("initialize"), -32601)
    client.ask("ping", "ping")
    assert client.result("ping") == {}
    server.take("server/discover")
    assert server.waiting == []


@pytest.mark.proves("A-5")
@pytest.mark.parametrize("id", [0, 1, "0", 7], ids=repr)
def test_a_ping_before_initialize_is_answered_here_and_disturbs_no_request(
    world: World, client: Client, id: Any
) -> None:
    client.ask(id, "ping")
    assert client.result(id) == {}
    [server] = world.servers
    assert server.waiting == []
    client.initialize()
    client.ask(id, "ping")
    assert client.result(id) == {}
    server.fail(server.take("initialize"), -32601)
    server.answer_probe()
    client.result("init")
    client.ask(id, "tools/list")
    assert [one["method"] for one in server.waiting] == ["tools/list"]


@pytest.mark.parametrize("id", [0, 1, 7, "init", 2**63])
@pytest.mark.not_mcp("a server answers twice")
def test_a_second_answer_to_initialize_answers_nothing_else(world: World, client: Client, id: Any) -> None:
    client.initialize(id)
    [server] = world.servers
    refused = server.take("initialize")
    server.fail(refused, -32601)
    server.answer_probe()
    client.result(id)
    for number in range(10):
        client.ask(f"call {number}", "tools/list")
    server.fail(refused, -32601)
    assert client.got == []


@pytest.mark.not_mcp("a server asks before it may")
def test_what_a_server_has_asked_before_it_turns_out_to_be_modern_is_withdrawn(world: World, client: Client) -> None:
    client.initialize(roots={})
    [server] = world.servers
    for id in (0, 1):
        server.ask(id, "roots/list")
        client.asked("roots/list")
    client.give(id=1, result={"roots": []})
    request = server.take("initialize")
    server.fail(request, -32601)
    server.take()
    server.answer_probe()
    assert client.told("notifications/cancelled") == {"requestId": 0}
    client.result("init")


def test_a_server_that_ends_over_the_question_has_its_say_first(world: World, client: Client) -> None:
    client.initialize()
    [server] = world.servers
    server.fail(server.take("initialize"), -32601)
    reason = BackendLost("it is gone")
    server.lose(reason)
    assert client.error("init")["code"] == -32601
    assert client.ended is reason


@pytest.mark.not_mcp("the initialize makes no sense")
def test_initialize_without_sense_is_not_translated(world: World, client: Client) -> None:
    client.ask("init", "initialize", protocolVersion=7)
    [server] = world.servers
    server.fail(server.take("initialize"), -32601)
    server.answer_probe()
    assert client.error("init")["code"] == -32602


def test_a_lost_server_ends_the_conversation(world: World, client: Client) -> None:
    client.ask(1, "ping")
    reason = BackendLost("it is gone")
    world.servers[0].lose(reason)
    assert client.ended is reason


def test_what_a_server_says_before_anybody_wants_it_passes(world: World, client: Client) -> None:
    world.servers[0].tell("notifications/message", level="info", data="up")
    assert client.told("notifications/message") == {"level": "info", "data": "up"}


@pytest.mark.not_mcp("a server answers twice")
def test_a_server_that_refuses_and_then_accepts_has_refused(world: World, client: Client) -> None:
    client.initialize()
    [server] = world.servers
    request = server.take("initialize")
    server.fail(request, -32601)
    accept(server, request)
    assert client.got == []
    server.refuse_probe()
    assert client.error("init")["code"] == -32601
    assert world.backend.dropped == 1
