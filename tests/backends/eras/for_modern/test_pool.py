"""Legacy servers for a modern client: one for each that it says it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mcpws.errors import BackendLost
from mcpws.mcp.meta import PREFIX

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, World

VERSION = f"{PREFIX}protocolVersion"
INFO = f"{PREFIX}clientInfo"
CAPABILITIES = f"{PREFIX}clientCapabilities"
LEVEL = f"{PREFIX}logLevel"


def named(name: str) -> Any:
    return {INFO: {"name": name, "version": "1"}}


def test_an_unknown_version_is_refused_with_those_that_are_known(world: World, client: Client) -> None:
    world.legacy_server(client)
    client.call(1, "tools/list", meta={VERSION: "1900-01-01"})
    assert client.error(1) == {
        "code": -32022,
        "message": "Unsupported protocol version: 1900-01-01",
        "data": {"supported": ["2026-07-28"], "requested": "1900-01-01"},
    }


@pytest.mark.parametrize(
    ("meta", "named"),
    [
        ({VERSION: 7}, VERSION),
        ({CAPABILITIES: None}, CAPABILITIES),
        ({CAPABILITIES: []}, CAPABILITIES),
        ({INFO: "me"}, INFO),
        ({INFO: {"name": "me"}}, INFO),
        ({LEVEL: "loud"}, "loud"),
        ({LEVEL: 1}, "log level"),
    ],
)
def test_what_is_missing_or_malformed_is_named(world: World, client: Client, meta: Any, named: str) -> None:
    server = world.legacy_server(client)
    client.call(1, "tools/list", meta=meta)
    error = client.error(1)
    assert error["code"] == -32602
    assert named in str(error)
    assert server.waiting == []


@pytest.mark.parametrize("params", [{"requestState": 1}, {"inputResponses": []}, {"inputResponses": {"a": 1}}])
def test_a_malformed_retry_is_refused(world: World, client: Client, params: Any) -> None:
    server = world.legacy_server(client)
    client.call(1, "tools/call", name="t", **params)
    assert client.error(1)["code"] == -32602
    assert server.waiting == []


@pytest.mark.parametrize(
    "method", ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/get"]
)
def test_what_the_modern_era_has_not_is_not_found(world: World, client: Client, method: str) -> None:
    server = world.legacy_server(client)
    client.call(1, method)
    assert client.error(1)["code"] == -32601
    assert server.waiting == []


def test_a_server_is_initialized_on_behalf_of_its_client(world: World, client: Client) -> None:
    declared: Any = {"sampling": {"tools": {}}, "roots": {}, "extensions": {"com.example/x": {}}}
    client.call(1, "tools/list", meta={CAPABILITIES: declared})
    [server] = world.servers
    server.refuse_probe()
    assert server.be_initialized() == {
        "protocolVersion": "2025-11-25",
        "capabilities": declared,
        "clientInfo": {"name": "tester", "version": "1"},
    }


@pytest.mark.proves("M-13")
@pytest.mark.not_mcp("null stands where nothing should")
def test_null_is_nothing_that_a_request_says(world: World, client: Client) -> None:
    client.call(1, "tools/call", name="t", meta={LEVEL: None})
    server = world.servers[0]
    server.refuse_probe()
    server.be_initialized(logging={})
    server.answer(server.take("tools/call"), content=[])
    assert client.result(1)["content"] == []
    meta = {VERSION: "2026-07-28", CAPABILITIES: {}, INFO: {"name": "tester", "version": "1"}, LEVEL: None}
    said: list[dict[str, Any]] = [{"requestState": None}, {"inputResponses": None}, {"inputResponses": {"0": None}}]
    for id, nulls in enumerate(said, 2):
        client.ask(id, "tools/call", name="t", **nulls, _meta={**meta, "progressToken": None})
        server = world.servers[-1]
        if id == 2:
            server.be_initialized(logging={})
        assert server.take("tools/call")["params"] == {"name": "t"}


def test_a_client_without_a_name_gets_one(world: World, client: Client) -> None:
    client.call(1, "tools/list", meta={INFO: None})
    [server] = world.servers
    server.refuse_probe()
    assert server.be_initialized()["clientInfo"]["name"] == "mcpws"


def test_each_that_the_client_says_it_is_has_a_server_of_its_own(world: World, client: Client) -> None:
    server = world.legacy_server(client)
    client.call(1, "tools/list", meta=named("other"))
    other = world.servers[1]
    assert other.be_initialized()["clientInfo"]["name"] == "other"
    client.call(2, "tools/list", meta={CAPABILITIES: {}})
    third = world.servers[2]
    assert third.be_initialized()["capabilities"] == {}
    client.call(3, "tools/list", meta={INFO: {"version": "1", "name": "other"}})
    assert len(world.servers) == 3
    for one, id in ((other, 1), (third, 2), (other, 3)):
        one.answer(one.take("tools/list"), tools=[], nextCursor=str(id))
        assert client.result(id)["nextCursor"] == str(id)
    assert server.waiting == []


def test_the_one_that_was_not_needed_for_longest_makes_room(new_world: Callable[..., World]) -> None:
    world = new_world(max_servers=2)
    client = world.connect()
    first = world.legacy_server(client)
    client.call(1, "tools/list", meta=named("second"))
    second = world.servers[1]
    second.be_initialized()
    second.answer(second.take("tools/list"), tools=[])
    client.call(2, "tools/list")
    first.answer(first.take("tools/list"), tools=[])
    client.call(3, "tools/list", meta=named("third"))
    assert first.closed is None
    assert second.closed is not None
    world.servers[2].be_initialized()


def test_there_is_no_room_while_all_are_busy(new_world: Callable[..., World]) -> None:
    world = new_world(max_servers=1)
    client = world.connect()
    server = world.legacy_server(client)
    client.call(1, "tools/list")
    client.call(2, "tools/list", meta=named("other"))
    assert client.error(2)["code"] == 429
    server.take("tools/list")
    assert server.closed is None


def test_a_server_that_is_not_ready_is_not_idle(new_world: Callable[..., World]) -> None:
    world = new_world(max_servers=1)
    client = world.connect()
    client.call(1, "tools/list")
    world.servers[0].refuse_probe()
    client.call(2, "tools/list", meta=named("other"))
    assert client.error(2)["code"] == 429


def test_a_lost_server_fails_what_was_open_and_the_next_request_gets_another(world: World, client: Client) -> None:
    server = world.legacy_server(client)
    client.call(1, "tools/list")
    client.call(2, "tools/call", name="t")
    server.lose(BackendLost("it is gone"))
    assert [client.error(id)["code"] for id in (1, 2)] == [502, 502]
    assert client.ended is None
    client.call(3, "tools/list")
    again = world.servers[1]
    again.be_initialized()
    again.answer(again.take("tools/list"), tools=[])
    client.result(3)


def test_a_server_that_refuses_one_client_still_serves_another(world: World, client: Client) -> None:
    server = world.legacy_server(client)
    client.call(1, "tools/list", meta=named("other"))
    other = world.servers[1]
    other.fail(other.take("initialize"), -32603)
    assert client.error(1)["code"] == 502
    assert other.closed is not None
    client.call(2, "tools/list")
    server.take("tools/list")


def test_a_conversation_that_nobody_needed_may_end(world: World, client: Client) -> None:
    client.call(1, "tools/list", meta={VERSION: "1900-01-01"})
    [server] = world.servers
    server.refuse_probe()
    assert client.error(1)["code"] == -32022
    server.tell("notifications/message")
    server.lose(BackendLost("it is gone"))
    client.call(2, "tools/list")
    world.servers[1].be_initialized()


def test_a_conversation_that_nobody_needed_yet_is_not_begun_again(world: World, client: Client) -> None:
    client.call(1, "tools/list", meta={VERSION: "1900-01-01"})
    [server] = world.servers
    server.refuse_probe()
    client.call(2, "tools/list")
    server.be_initialized()
    assert len(world.servers) == 1


@pytest.mark.parametrize("ready", [False, True])
def test_what_a_client_says_when_it_hears_that_its_server_is_gone_is_for_another_one(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch, ready: bool
) -> None:
    if ready:
        server = world.legacy_server(client)
    client.call(1, "tools/list")
    [server] = world.servers
    if not ready:
        server.refuse_probe()
    send = client.send

    def answered(message: Any) -> None:
        send(message)
        if getattr(message, "id", None) == 1:
            client.call(2, "tools/list")

    monkeypatch.setattr(client, "send", answered)
    server.lose(BackendLost("it is gone"))
    assert client.error(1)["code"] == 502
    again = world.servers[1]
    again.be_initialized()
    again.answer(again.take("tools/list"), tools=[])
    client.result(2)


def test_when_servers_turn_out_to_be_modern_no_more_waits_than_may(new_world: Callable[..., World]) -> None:
    world = new_world(max_held=2)
    client = world.connect()
    client.call(1, "tools/list")
    [first] = world.servers
    discover = first.take("server/discover")
    world.clock.advance(3)
    client.call(2, "tools/list")
    for id in (3, 4):
        client.call(id, "tools/list", meta=named("other"))
    first.answer(discover, supportedVersions=["2026-07-28"], capabilities={})
    first.fail(first.take("initialize"), -32022)
    assert [client.error(id)["code"] for id in (3, 4)] == [429, 429]
    assert world.servers[1].closed is not None
    assert [first.take("tools/list")["id"] for _ in range(2)] == [1, 2]
