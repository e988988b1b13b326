"""A legacy client's subscriptions at a modern server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mcpws.mcp.meta import PREFIX
from mcpws.mcp.schema import MAX_URI

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, Json, Server, World

ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
UPDATED = "notifications/resources/updated"
LISTS: Any = {"tools": {"listChanged": True}, "prompts": {}, "resources": {"listChanged": True, "subscribe": True}}


@pytest.fixture
def server(world: World, client: Client) -> Server:
    return world.modern_server(client, **LISTS)


def about(listen: Json) -> Json:
    return {f"{PREFIX}subscriptionId": listen["id"]}


def acknowledge(server: Server, listen: Json, **honored: Any) -> None:
    server.tell(ACKNOWLEDGED, _meta=about(listen), notifications=honored or listen["params"]["notifications"])


def subscribe(client: Client, server: Server, uri: str = "u:1") -> Json:
    client.ask(uri, "resources/subscribe", uri=uri)
    listen = server.take("subscriptions/listen")
    acknowledge(server, listen)
    assert client.result(uri) == {}
    return listen


def test_the_lists_that_change_are_listened_to_once_the_client_is_ready(client: Client, server: Server) -> None:
    assert server.waiting == []
    client.tell("notifications/initialized")
    client.tell("notifications/initialized")
    listen = server.take("subscriptions/listen")
    assert server.waiting == []
    assert listen["params"]["notifications"] == {"toolsListChanged": True, "resourcesListChanged": True}
    assert listen["params"]["_meta"][f"{PREFIX}protocolVersion"] == "2026-07-28"
    acknowledge(server, listen)
    server.tell("notifications/tools/list_changed", _meta=about(listen))
    server.tell("notifications/tools/list_changed", _meta={**about(listen), "x": 1})
    assert client.take() == {"method": "notifications/tools/list_changed"}
    assert client.told("notifications/tools/list_changed") == {"_meta": {"x": 1}}


def test_nothing_is_listened_to_where_nothing_changes(world: World, client: Client) -> None:
    server = world.modern_server(client, tools={}, prompts={"listChanged": False})
    client.tell("notifications/initialized")
    assert server.waiting == []


def test_a_resource_is_subscribed_to_when_the_server_says_so(client: Client, server: Server) -> None:
    client.ask(1, "resources/subscribe", uri="u:1")
    listen = server.take("subscriptions/listen")
    assert listen["params"]["notifications"] == {"resourceSubscriptions": ["u:1"]}
    assert client.got == []
    acknowledge(server, listen)
    assert client.result(1) == {}
    server.tell(UPDATED, uri="u:1/part", _meta=about(listen))
    assert client.told(UPDATED) == {"uri": "u:1/part"}


def test_no_change_is_lost_while_another_resource_is_subscribed_to(client: Client, server: Server) -> None:
    first = subscribe(client, server, "u:1")
    client.ask(2, "resources/subscribe", uri="u:2")
    server.tell(UPDATED, uri="u:1", _meta=about(first))
    assert client.told(UPDATED) == {"uri": "u:1"}
    second = server.take("subscriptions/listen")
    acknowledge(server, second)
    client.result(2)
    server.tell(UPDATED, uri="u:1", _meta=about(first))
    server.tell(UPDATED, uri="u:2", _meta=about(second))
    assert [client.told(UPDATED)["uri"] for _ in range(2)] == ["u:1", "u:2"]
    assert server.waiting == []


def test_to_subscribe_again_changes_nothing(client: Client, server: Server) -> None:
    subscribe(client, server)
    client.ask(2, "resources/subscribe", uri="u:1")
    assert client.result(2) == {}
    assert server.waiting == []


def test_two_who_wait_for_the_same_are_both_answered(client: Client, server: Server) -> None:
    client.ask(1, "resources/subscribe", uri="u:1")
    client.ask(2, "resources/subscribe", uri="u:1")
    listen = server.take("subscriptions/listen")
    assert server.waiting == []
    acknowledge(server, listen)
    client.result(1)
    client.result(2)


@pytest.mark.parametrize("honored", [{"resourceSubscriptions": ["u:2"]}, {"toolsListChanged": True}, [1]])
def test_a_resource_of_which_the_server_does_not_tell_is_an_error(client: Client, server: Server, honored: Any) -> None:
    client.ask(1, "resources/subscribe", uri="u:1")
    listen = server.take("subscriptions/listen")
    server.tell(ACKNOWLEDGED, _meta=about(listen), notifications=honored)
    error = client.error(1)
    assert error["code"] == -32602
    assert error["data"] == {"uri": "u:1"}
    assert server.take("notifications/cancelled")["params"]["requestId"] == listen["id"]
    server.tell(UPDATED, uri="u:1", _meta=about(listen))
    assert client.got == []


def test_a_subscription_that_is_refused_is_an_error(client: Client, server: Server) -> None:
    client.ask(1, "resources/subscribe", uri="u:1")
    server.fail(server.take("subscriptions/listen"), -32603, "full")
    assert client.error(1) == {"code": -32603, "message": "full"}
    subscribe(client, server)


def test_a_subscription_that_ends_before_it_began_is_an_error(client: Client, server: Server) -> None:
    client.ask(1, "resources/subscribe", uri="u:1")
    listen = server.take("subscriptions/listen")
    server.answer(listen, resultType="complete", _meta=about(listen))
    assert "ended" in client.error(1)["message"]


def test_unsubscribe_ends_the_subscription(client: Client, server: Server) -> None:
    listen = subscribe(client, server)
    client.ask(2, "resources/unsubscribe", uri="u:1")
    assert client.result(2) == {}
    assert server.take("notifications/cancelled")["params"]["requestId"] == listen["id"]
    server.tell(UPDATED, uri="u:1", _meta=about(listen))
    assert client.got == []
    client.ask(3, "resources/unsubscribe", uri="u:1")
    assert client.result(3) == {}


def test_unsubscribe_answers_whoever_still_waits(client: Client, server: Server) -> None:
    client.ask(1, "resources/subscribe", uri="u:1")
    client.ask(2, "resources/unsubscribe", uri="u:1")
    assert client.result(1) == {}
    assert client.result(2) == {}
    server.take("subscriptions/listen")
    server.take("notifications/cancelled")


def test_a_subscription_nobody_waits_for_any_more_is_given_up(client: Client, server: Server) -> None:
    client.ask(1, "resources/subscribe", uri="u:1")
    client.ask(2, "resources/subscribe", uri="u:1")
    listen = server.take("subscriptions/listen")
    client.tell("notifications/cancelled", requestId=1)
    assert server.waiting == []
    client.tell("notifications/cancelled", requestId=2)
    assert server.take("notifications/cancelled")["params"]["requestId"] == listen["id"]
    subscribe(client, server)


def test_a_subscription_that_the_server_ends_is_asked_for_again(world: World, client: Client, server: Server) -> None:
    listen = subscribe(client, server)
    for wait in (1, 2, 4):
        server.answer(listen, resultType="complete", _meta=about(listen))
        world.clock.advance(wait - 0.1)
        assert server.waiting == []
        world.clock.advance(0.1)
        listen = server.take("subscriptions/listen")
        assert listen["params"]["notifications"] == {"resourceSubscriptions": ["u:1"]}
    assert client.got == []
    acknowledge(server, listen)
    # It may have changed meanwhile.
    assert client.told(UPDATED) == {"uri": "u:1"}
    server.tell(UPDATED, uri="u:1", _meta=about(listen))
    assert client.told(UPDATED) == {"uri": "u:1"}
    server.tell("notifications/cancelled", requestId=listen["id"])
    server.take("notifications/cancelled")
    world.clock.advance(1)
    server.take("subscriptions/listen")


def test_lists_may_have_changed_while_nobody_listened(world: World, client: Client, server: Server) -> None:
    client.tell("notifications/initialized")
    listen = server.take("subscriptions/listen")
    acknowledge(server, listen)
    server.answer(listen, resultType="complete")
    world.clock.advance(1)
    acknowledge(server, server.take("subscriptions/listen"))
    assert client.take() == {"method": "notifications/tools/list_changed"}
    assert client.take() == {"method": "notifications/resources/list_changed"}
    assert client.got == []


def test_nothing_is_asked_for_again_after_unsubscribe(world: World, client: Client, server: Server) -> None:
    listen = subscribe(client, server)
    server.fail(listen, -32603)
    client.ask(2, "resources/unsubscribe", uri="u:1")
    client.result(2)
    world.clock.advance(100)
    assert server.waiting == []


def test_lists_that_the_server_will_not_tell_of_are_not_asked_for_again(
    world: World, client: Client, server: Server
) -> None:
    client.tell("notifications/initialized")
    server.fail(server.take("subscriptions/listen"), -32601)
    world.clock.advance(100)
    assert server.waiting == []


def test_what_belongs_to_no_subscription_is_dropped(world: World, client: Client, server: Server) -> None:
    server.tell(UPDATED, uri="u:1", _meta={f"{PREFIX}subscriptionId": "nobody's"})
    server.tell("notifications/cancelled", requestId="nobody's")
    server.tell("notifications/cancelled")
    assert client.got == []
    assert world.backend.dropped == 3


def test_there_may_be_only_so_many(new_world: Callable[..., World]) -> None:
    world = new_world(max_subscriptions=2)
    client = world.connect()
    server = world.modern_server(client, **LISTS)
    subscribe(client, server, "u:1")
    subscribe(client, server, "u:2")
    client.ask(3, "resources/subscribe", uri="u:3")
    assert client.error(3)["code"] == 429
    assert server.waiting == []


def test_what_is_subscribed_to_is_bounded_in_length(client: Client, server: Server) -> None:
    longest = "u:".ljust(MAX_URI, "x")
    subscribe(client, server, longest)
    client.ask(2, "resources/subscribe", uri=longest + "x")
    refused = client.error(2)
    assert refused["code"] == -32602
    assert refused["data"] == {"path": "$.uri", "reason": f"Expected `str` of length <= {MAX_URI}"}
    assert server.waiting == []


def test_nothing_is_asked_for_again_once_the_conversation_is_over(world: World, client: Client, server: Server) -> None:
    client.tell("notifications/initialized")
    lists = server.take("subscriptions/listen")
    acknowledge(server, lists)
    server.answer(lists, resultType="complete")
    server.answer(subscribe(client, server), resultType="complete")
    client.channel.close("the client is gone")
    assert not world.clock.getDelayedCalls()


def test_who_was_answered_may_cancel_too_late(client: Client, server: Server) -> None:
    subscribe(client, server)
    client.tell("notifications/cancelled", requestId="u:1")
    assert server.waiting == []
