"""Both eras in one conversation: every message goes where it belongs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcpws.errors import BackendLost
from mcpws.mcp.meta import PREFIX

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, Server, World


INFO = {"name": "tester", "version": "1"}


@pytest.fixture
def both(world: World, client: Client) -> tuple[Server, Server]:
    """The legacy server of a client that uses both eras, and the one for its modern requests, which is legacy too."""
    modern = world.legacy_server(client)
    client.initialize()
    legacy = world.servers[1]
    legacy.answer(legacy.take("initialize"), protocolVersion="2025-11-25", capabilities={}, serverInfo=INFO)
    client.result("init")
    return legacy, modern


def test_each_request_goes_to_the_server_of_its_era(client: Client, both: tuple[Server, Server]) -> None:
    legacy, modern = both
    tool = {"name": "modern", "inputSchema": {"type": "object"}}
    client.ask(1, "tools/list")
    client.call(2, "tools/list")
    assert legacy.take("tools/list")["id"] == 1
    modern.answer(modern.take("tools/list"), tools=[tool])
    assert client.result(2)["tools"] == [tool]
    assert legacy.waiting == []
    assert modern.waiting == []


def test_initialize_is_legacy_whatever_it_carries(world: World, client: Client) -> None:
    meta = {f"{PREFIX}protocolVersion": "2026-07-28"}
    client.ask(1, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=INFO, _meta=meta)
    assert world.servers[0].take("initialize")["id"] == 1


@pytest.mark.not_mcp("one notification does not say what is cancelled")
def test_what_is_cancelled_is_cancelled_where_it_is_open(client: Client, both: tuple[Server, Server]) -> None:
    legacy, modern = both
    client.ask(1, "tools/list")
    client.call("1", "tools/list")
    legacy.take("tools/list")
    modern.take("tools/list")
    client.tell("notifications/cancelled", requestId="1")
    modern.take("notifications/cancelled")
    assert legacy.waiting == []
    client.tell("notifications/cancelled", requestId=1)
    assert legacy.take("notifications/cancelled")["params"]["requestId"] == 1
    client.tell("notifications/cancelled")
    legacy.take("notifications/cancelled")
    assert modern.waiting == []


@pytest.mark.not_mcp("there is an answer to nothing")
def test_what_names_no_era_is_legacy_where_there_is_a_legacy_server(
    client: Client, both: tuple[Server, Server]
) -> None:
    legacy, modern = both
    client.tell("notifications/initialized")
    client.give(id=7, result={})
    legacy.take("notifications/initialized")
    assert legacy.take() == {"id": 7, "result": {}}
    assert modern.waiting == []


def test_what_names_no_era_is_dropped_where_nothing_has_begun(world: World, client: Client) -> None:
    client.tell("notifications/initialized")
    client.give(id=7, result={})
    assert world.servers[0].waiting == []
    assert world.backend.dropped == 2


def test_a_modern_client_answers_nothing(world: World, client: Client) -> None:
    server = world.legacy_server(client)
    client.give(id=7, result={})
    client.tell("notifications/cancelled", requestId="nobody's")
    assert server.waiting == []
    assert world.backend.dropped == 2


def test_a_lost_modern_server_leaves_the_legacy_one(client: Client, both: tuple[Server, Server]) -> None:
    legacy, modern = both
    client.call(1, "tools/list")
    modern.lose(BackendLost("it is gone"))
    client.error(1)
    client.ask(2, "tools/list")
    assert legacy.take("tools/list")["id"] == 2
    assert client.ended is None


def test_a_lost_legacy_server_ends_all(client: Client, both: tuple[Server, Server]) -> None:
    legacy, modern = both
    reason = BackendLost("it is gone")
    legacy.lose(reason)
    assert client.ended is reason
    assert modern.closed is not None


@pytest.mark.parametrize("seconds", [0, 3])
def test_a_client_that_gives_the_modern_era_up_gets_the_server_that_was_asked(
    world: World, client: Client, seconds: float
) -> None:
    client.call("probe", "server/discover")
    [server] = world.servers
    probe = server.take("server/discover")
    client.tell("notifications/cancelled", requestId="probe")
    world.clock.advance(seconds)
    client.initialize()
    world.clock.advance(10)
    server.answer(server.take("initialize"), protocolVersion="2025-11-25", capabilities={}, serverInfo=INFO)
    client.result("init")
    server.fail(probe, -32601)
    assert client.got == []
    assert len(world.servers) == 1
    other = world.connect()
    other.call(1, "tools/list")
    world.servers[1].be_initialized()
    client.call(2, "tools/list")
    world.servers[2].be_initialized()


def test_a_client_of_both_eras_may_begin_before_its_server_is_there(world: World) -> None:
    client = world.connect()
    client.initialize()
    world.within.slow = True
    client.call(1, "server/discover")
    client.tell("notifications/cancelled", requestId=1)
    client.call(2, "tools/list")
    world.within.begin()
    world.servers[1].answer_probe()
    assert world.servers[1].take("tools/list")["id"] == 2
