"""Conversations within: how they begin and end, and who waits for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from twisted.internet.defer import CancelledError

from mcpws.errors import BackendLost, ConnectFailed
from mcpws.mcp.meta import PREFIX
from mcpws.testing import result_of

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, World
    from tests.conftest import LoggedErrors

OTHER = {f"{PREFIX}clientInfo": {"name": "other", "version": "1"}}


def test_a_slow_client_pauses_all_its_servers(world: World, client: Client) -> None:
    first = world.legacy_server(client)
    client.initialize()
    second = world.servers[1]
    client.channel.pauseProducing()
    assert first.is_paused()
    assert second.is_paused()
    client.call(1, "tools/list", meta=OTHER)
    third = world.servers[2]
    assert third.is_paused()
    client.channel.resumeProducing()
    assert not any(server.is_paused() for server in (first, second, third))
    client.channel.stopProducing()
    assert first.is_paused()


def test_a_client_is_paused_while_any_of_its_servers_is_slow(world: World, client: Client) -> None:
    first = world.legacy_server(client)
    client.call(1, "tools/list", meta=OTHER)
    second = world.servers[1]
    links = [server.conversation.link for server in (first, second)]
    links[0].pauseProducing()
    assert client.is_paused()
    links[1].stopProducing()
    links[0].resumeProducing()
    assert client.is_paused()
    second.lose(BackendLost("it is gone"))
    assert not client.is_paused()
    links[1].pauseProducing()
    assert not client.is_paused()


def test_close_closes_every_server(world: World, client: Client) -> None:
    world.legacy_server(client)
    client.call(1, "tools/list", meta=OTHER)
    client.initialize()
    client.channel.close("the client is gone")
    assert len(world.servers) == 3
    assert [server.closed for server in world.servers] == ["the client is gone"] * 3
    got = len(client.got)
    world.servers[0].tell("notifications/message", level="info", data="late")
    world.servers[0].lose(BackendLost("late"))
    client.call(2, "tools/list")
    assert len(client.got) == got
    assert client.ended is None


def test_the_first_is_begun_with_the_conversation(world: World) -> None:
    world.within.slow = True
    client, opening = world.knock()
    assert len(world.servers) == 1
    assert not opening.called
    world.within.begin()
    client.channel = result_of(opening)
    client.initialize()
    assert world.servers[0].take("initialize")["id"] == "init"


def test_a_conversation_begins_as_its_first_does(world: World) -> None:
    world.within.slow = True
    client, opening = world.knock()
    world.within.opening[0].errback(ConnectFailed("ws://x", "refused"))
    with pytest.raises(ConnectFailed):
        result_of(opening)
    assert client.ended is None


def test_a_first_that_ends_before_it_began_fails_the_conversation(world: World) -> None:
    world.within.slow = True
    client, opening = world.knock()
    world.servers[0].lose(BackendLost("it is gone"))
    with pytest.raises(BackendLost):
        result_of(opening)
    world.within.begin()
    assert world.servers[0].closed is not None
    assert client.ended is None


def test_a_conversation_that_is_given_up_gives_up_its_first(world: World) -> None:
    world.within.slow = True
    _, opening = world.knock()
    opening.cancel()
    with pytest.raises(CancelledError):
        result_of(opening)
    assert world.within.given_up == world.within.opening


def test_a_first_that_ends_before_it_is_needed_ends_the_conversation(world: World, client: Client) -> None:
    reason = BackendLost("it is gone")
    world.servers[0].lose(reason)
    assert client.ended is reason


def test_one_that_opens_for_a_slow_client_is_paused(world: World, client: Client) -> None:
    world.legacy_server(client)
    world.within.slow = True
    client.call(1, "tools/list", meta=OTHER)
    client.channel.pauseProducing()
    assert not world.servers[1].is_paused()
    world.within.begin()
    assert world.servers[1].is_paused()
    client.channel.resumeProducing()


def test_one_that_cannot_begin_fails_what_waits_for_it(world: World, client: Client) -> None:
    world.legacy_server(client)
    world.within.slow = True
    client.call(1, "tools/list", meta=OTHER)
    world.within.opening[0].errback(BackendLost("no more processes"))
    assert client.error(1) == {"code": 502, "message": "no more processes"}
    assert client.ended is None


def test_one_that_cannot_begin_by_a_defect_is_logged(world: World, client: Client, logged_errors: LoggedErrors) -> None:
    world.legacy_server(client)
    world.within.slow = True
    client.call(1, "tools/list", meta=OTHER)
    world.within.opening[0].errback(ZeroDivisionError("secret"))
    assert client.error(1)["message"] == "The backend could not begin the conversation"
    assert len(logged_errors.flush(ZeroDivisionError)) == 1


def test_one_that_nobody_waits_for_any_more_is_given_up(world: World, client: Client) -> None:
    world.legacy_server(client)
    world.within.slow = True
    client.call(1, "tools/list", meta=OTHER)
    client.channel.close("the client is gone")
    assert world.within.given_up == world.within.opening


def test_a_modern_client_waits_for_its_server(world: World, client: Client) -> None:
    client.initialize()
    world.within.slow = True
    client.call(1, "tools/list")
    server = world.servers[1]
    assert server.waiting == []
    world.within.begin()
    server.answer_probe()
    assert server.take("tools/list")["id"] == 1


def test_a_modern_client_whose_server_cannot_begin_may_try_again(world: World, client: Client) -> None:
    client.initialize()
    world.within.slow = True
    client.call(1, "tools/list")
    world.within.opening[0].errback(BackendLost("no more processes"))
    assert client.error(1)["code"] == 502
    client.call(2, "tools/list")
    assert len(world.servers) == 3


def test_a_legacy_client_waits_for_its_server(new_world: Callable[..., World]) -> None:
    world = new_world(max_held=2)
    client = world.connect()
    client.call(1, "tools/list")
    world.within.slow = True
    client.initialize()
    client.ask("early", "tools/list")
    client.ask("more", "tools/list")
    client.tell("notifications/more")
    assert client.error("more")["code"] == 429
    assert world.backend.dropped == 1
    server = world.servers[1]
    assert server.waiting == []
    world.within.begin()
    server.take("initialize")
    server.take("tools/list")
    assert server.waiting == []


def test_a_legacy_client_for_whom_no_server_can_be_had_now_is_told(new_world: Callable[..., World]) -> None:
    world = new_world(max_starts=1)
    client = world.connect()
    world.legacy_server(client)
    client.call(1, "tools/list", meta=OTHER)
    client.initialize()
    assert client.error("init")["code"] == 429
    world.clock.advance(60)
    client.initialize("again")
    assert world.servers[2].take("initialize")["id"] == "again"
