"""A legacy server until it is initialised on behalf of a modern client."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mcpws.backends.eras.shared import MAX_PENDING
from mcpws.mcp.meta import PREFIX

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, Server, World

LEVEL = f"{PREFIX}logLevel"


@pytest.fixture
def server(world: World, client: Client) -> Server:
    """Initialised so far that its answer is missing."""
    client.call(1, "tools/list")
    server = world.servers[0]
    server.refuse_probe()
    return server


def test_what_comes_meanwhile_waits_in_order(client: Client, server: Server) -> None:
    client.call(2, "prompts/list")
    client.call(3, "prompts/list")
    client.tell("notifications/cancelled", requestId=2)
    server.be_initialized()
    server.take("tools/list")
    server.answer(server.take("prompts/list"), prompts=[])
    client.result(3)
    assert server.waiting == []


def test_only_so_much_waits(new_world: Callable[..., World]) -> None:
    world = new_world(max_held=2)
    client = world.connect()
    client.call(1, "tools/list")
    world.servers[0].refuse_probe()
    client.call(2, "tools/list")
    client.call(3, "tools/list")
    assert client.error(3)["code"] == 429


def test_what_turns_out_not_to_be_right_is_refused_then(client: Client, server: Server) -> None:
    client.call(2, "subscriptions/listen", notifications=1)
    server.be_initialized()
    assert client.error(2)["code"] == -32602


def test_a_server_may_ping_before_it_is_initialized_and_nothing_else(
    world: World, client: Client, server: Server
) -> None:
    initialize = server.take("initialize")
    server.ask(1, "ping")
    assert server.take() == {"id": 1, "result": {}}
    server.ask(2, "roots/list")
    assert server.take()["error"]["code"] == -32601
    server.tell("notifications/message", level="info", data="up")
    assert world.backend.dropped == 1
    server.answer(initialize, protocolVersion="2025-11-25", capabilities={}, serverInfo={})
    server.take("notifications/initialized")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ({"capabilities": {}}, "wrongly"),
        ({"protocolVersion": "2025-11-25", "capabilities": []}, "wrongly"),
        ({"protocolVersion": "2020-01-01", "capabilities": {}}, "2020-01-01"),
    ],
)
def test_a_server_that_answers_wrongly_is_of_no_use(client: Client, server: Server, answer: Any, problem: str) -> None:
    server.answer(server.take("initialize"), **answer)
    error = client.error(1)
    assert error["code"] == 502
    assert problem in error["message"]
    assert server.closed is not None


def test_a_server_that_does_not_answer_is_given_up(new_world: Callable[..., World]) -> None:
    world = new_world(initialize_timeout=3)
    client = world.connect()
    client.call(1, "tools/list")
    server = world.servers[0]
    server.refuse_probe()
    world.clock.advance(3)
    assert "within 3 s" in client.error(1)["message"]
    assert server.closed is not None


def test_an_older_server_is_served_in_its_version(client: Client, server: Server) -> None:
    server.answer(server.take("initialize"), protocolVersion="2024-11-05", capabilities={})
    server.take("notifications/initialized")
    server.answer(server.take("tools/list"), tools=[])
    assert client.result(1) == {"tools": [], "resultType": "complete", "ttlMs": 0, "cacheScope": "private"}


def test_too_many_requests_are_refused(world: World, client: Client) -> None:
    world.legacy_server(client)
    for id in range(MAX_PENDING + 1):
        client.call(id, "tools/list")
    assert client.error(MAX_PENDING)["code"] == 429


def test_a_server_that_was_to_be_initialized_may_go(world: World, client: Client, server: Server) -> None:
    client.channel.close("the client is gone")
    assert server.closed is not None
    assert client.got == [] or client.got[0]["error"]["code"] == 502
