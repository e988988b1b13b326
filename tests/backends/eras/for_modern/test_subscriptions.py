"""A modern client's subscriptions at a legacy server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mcpws.errors import BackendLost
from mcpws.mcp.meta import PREFIX
from mcpws.mcp.schema import MAX_URI

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, Json, Server, World

ID = f"{PREFIX}subscriptionId"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
UPDATED = "notifications/resources/updated"
LISTS: Any = {"tools": {"listChanged": True}, "prompts": {}, "resources": {"listChanged": True, "subscribe": True}}


@pytest.fixture
def server(world: World, client: Client) -> Server:
    return world.legacy_server(client, **LISTS)


def listen(client: Client, id: Any, *uris: str, **filter: Any) -> None:
    wanted = {**filter, **({"resourceSubscriptions": uris} if uris else {})}
    client.call(id, "subscriptions/listen", notifications=wanted)


def acknowledged(client: Client, id: Any) -> Json:
    params = client.told(ACKNOWLEDGED)
    assert params["_meta"] == {ID: id}
    assert type(params["_meta"][ID]) is type(id)
    honored: Json = params["notifications"]
    return honored


def subscribe(client: Client, server: Server, id: Any, *uris: str) -> None:
    listen(client, id, *uris)
    for _ in uris:
        server.answer(server.take("resources/subscribe"))
    assert acknowledged(client, id) == {"resourceSubscriptions": sorted(uris)}


@pytest.mark.not_mcp("null stands where nothing should")
def test_null_is_nothing_to_listen_to(client: Client, server: Server) -> None:
    client.call(1, "subscriptions/listen", notifications={"toolsListChanged": True, "resourceSubscriptions": None})
    assert acknowledged(client, 1) == {"toolsListChanged": True}


@pytest.mark.parametrize("id", [7, "7"], ids=repr)
def test_lists_are_listened_to_as_far_as_the_server_tells_of_them(client: Client, server: Server, id: Any) -> None:
    listen(client, id, toolsListChanged=True, promptsListChanged=True, resourcesListChanged=False)
    assert acknowledged(client, id) == {"toolsListChanged": True}
    server.tell("notifications/tools/list_changed")
    server.tell("notifications/tools/list_changed", _meta={"x": 1})
    server.tell("notifications/resources/list_changed")
    server.tell("notifications/prompts/list_changed")
    assert client.take() == {"method": "notifications/tools/list_changed", "params": {"_meta": {ID: id}}}
    assert client.told("notifications/tools/list_changed") == {"_meta": {"x": 1, ID: id}}
    assert client.got == []
    assert server.waiting == []


def test_a_subscription_is_acknowledged_when_the_server_has_agreed_to_all_of_it(client: Client, server: Server) -> None:
    listen(client, 1, "u:1", "u:2", "u:3", toolsListChanged=True)
    requests = {request["params"]["uri"]: request for request in server.waiting}
    server.answer(requests["u:1"])
    server.fail(requests["u:2"], -32002)
    server.tell(UPDATED, uri="u:1")
    server.tell(UPDATED, uri="u:1")
    server.tell("notifications/tools/list_changed")
    assert client.got == []
    server.answer(requests["u:3"])
    assert acknowledged(client, 1) == {"toolsListChanged": True, "resourceSubscriptions": ["u:1", "u:3"]}
    assert client.told(UPDATED) == {"uri": "u:1", "_meta": {ID: 1}}
    assert client.told("notifications/tools/list_changed") == {"_meta": {ID: 1}}
    assert client.got == []


def test_what_the_server_cannot_do_is_not_honored(world: World, client: Client) -> None:
    server = world.legacy_server(client, resources={"listChanged": True})
    listen(client, 1, "u:1", toolsListChanged=True)
    assert acknowledged(client, 1) == {}
    assert server.waiting == []


def test_each_subscription_hears_of_what_it_is_about(client: Client, server: Server) -> None:
    subscribe(client, server, 1, "u:1")
    listen(client, 2, "u:1", "u:2")
    request = server.take("resources/subscribe")
    assert request["params"] == {"uri": "u:2"}
    server.answer(request)
    acknowledged(client, 2)
    server.tell(UPDATED, uri="u:1")
    assert [client.told(UPDATED)["_meta"][ID] for _ in range(2)] == [1, 2]
    server.tell(UPDATED, uri="u:2")
    assert client.told(UPDATED)["_meta"][ID] == 2
    server.tell(UPDATED, uri="u:2/part")
    assert client.told(UPDATED) == {"uri": "u:2/part", "_meta": {ID: 2}}
    server.tell(UPDATED, uri="v:1")
    assert client.got == []


def test_who_wants_what_is_being_subscribed_to_waits_for_it(client: Client, server: Server) -> None:
    listen(client, 1, "u:1")
    listen(client, 2, "u:1")
    assert client.got == []
    server.answer(server.take("resources/subscribe"))
    acknowledged(client, 1)
    acknowledged(client, 2)
    assert server.waiting == []
    listen(client, 3, "u:1")
    acknowledged(client, 3)


def test_the_last_who_leaves_unsubscribes(client: Client, server: Server) -> None:
    subscribe(client, server, 1, "u:1", "u:2")
    listen(client, 2, "u:1")
    acknowledged(client, 2)
    client.tell("notifications/cancelled", requestId=1)
    assert server.take("resources/unsubscribe")["params"] == {"uri": "u:2"}
    server.tell(UPDATED, uri="u:2")
    assert client.got == []
    client.tell("notifications/cancelled", requestId=2)
    request = server.take("resources/unsubscribe")
    assert request["params"] == {"uri": "u:1"}
    server.answer(request)
    subscribe(client, server, 3, "u:1")


def test_who_leaves_before_the_server_agrees_is_not_acknowledged(client: Client, server: Server) -> None:
    listen(client, 1, "u:1")
    request = server.take("resources/subscribe")
    client.tell("notifications/cancelled", requestId=1)
    assert server.waiting == []
    server.answer(request)
    server.take("resources/unsubscribe")
    assert client.got == []


def test_who_leaves_before_the_server_refuses_leaves_nothing(client: Client, server: Server) -> None:
    listen(client, 1, "u:1")
    request = server.take("resources/subscribe")
    client.tell("notifications/cancelled", requestId=1)
    server.fail(request, -32002)
    assert server.waiting == []
    listen(client, 2, "u:1")
    server.take("resources/subscribe")


@pytest.mark.parametrize("refuses", [False, True])
def test_who_comes_while_the_last_leaves_is_subscribed_after_that(
    client: Client, server: Server, refuses: bool
) -> None:
    subscribe(client, server, 1, "u:1")
    client.tell("notifications/cancelled", requestId=1)
    leaving = server.take("resources/unsubscribe")
    listen(client, 2, "u:1")
    assert server.waiting == []
    if refuses:
        server.fail(leaving, -32601)
    else:
        server.answer(leaving)
    server.answer(server.take("resources/subscribe"))
    assert acknowledged(client, 2) == {"resourceSubscriptions": ["u:1"]}


@pytest.mark.parametrize("agrees", [False, True])
def test_a_server_that_does_not_answer_is_not_asked_over_and_over(
    new_world: Callable[..., World], agrees: bool
) -> None:
    world = new_world(max_subscriptions=4, max_pending=4, max_parked=1)
    client = world.connect()
    server = world.legacy_server(client, **LISTS)
    if agrees:
        subscribe(client, server, 0, "u:0", "u:1", "u:2", "u:3")
        client.tell("notifications/cancelled", requestId=0)
    client.call("open", "tools/list")
    for id in range(1, 50):
        listen(client, id, *(f"u:{number}" for number in range(id % 5)))
        client.tell("notifications/cancelled", requestId=id)
    assert len([one for one in server.waiting if one["method"].startswith("resources/")]) == 4
    client.got.clear()
    listen(client, 50, "u:4")
    assert client.error(50)["code"] == 429
    server.conversation.received.clear()
    client.call(51, "tools/list")
    server.answer(server.take("tools/list"), tools=[])
    client.result(51)


@pytest.mark.parametrize("params", [{}, {"notifications": 1}, {"notifications": {"resourceSubscriptions": "u:1"}}])
def test_a_malformed_filter_is_refused(client: Client, server: Server, params: Any) -> None:
    client.call(1, "subscriptions/listen", **params)
    assert client.error(1)["code"] == -32602
    assert server.waiting == []


def test_malformed_changes_are_dropped(world: World, client: Client, server: Server) -> None:
    listen(client, 1, toolsListChanged=True)
    acknowledged(client, 1)
    server.send(method="notifications/tools/list_changed", params=[])
    server.tell(UPDATED, uri=1)
    assert client.got == []
    assert world.backend.dropped == 1


def test_there_may_be_only_so_many(new_world: Callable[..., World]) -> None:
    world = new_world(max_subscriptions=2)
    client = world.connect()
    server = world.legacy_server(client, **LISTS)
    subscribe(client, server, 1, "u:1", "u:2")
    listen(client, 2, "u:3")
    assert client.error(2)["code"] == 429
    listen(client, 3, "u:2")
    acknowledged(client, 3)
    listen(client, 4)
    assert client.error(4)["code"] == 429
    assert server.waiting == []


def test_what_is_subscribed_to_is_bounded_in_length(client: Client, server: Server) -> None:
    longest = "u:".ljust(MAX_URI, "x")
    subscribe(client, server, 1, longest)
    listen(client, 2, "u:2", longest + "x")
    refused = client.error(2)
    assert refused["code"] == -32602
    assert f"length <= {MAX_URI} - at `$.notifications.resourceSubscriptions[1]`" in refused["data"]["reason"]
    assert server.waiting == []


def test_only_so_much_is_kept_until_the_acknowledgement(new_world: Callable[..., World]) -> None:
    world = new_world(max_subscriptions=2)
    client = world.connect()
    server = world.legacy_server(client, **LISTS)
    listen(client, 1, "u:1")
    for number in range(3):
        server.tell(UPDATED, uri=f"u:1/{number}")
    server.answer(server.take("resources/subscribe"))
    acknowledged(client, 1)
    assert [client.told(UPDATED)["uri"] for _ in range(2)] == ["u:1/0", "u:1/1"]
    assert client.got == []
    assert world.backend.dropped == 1


def test_a_lost_server_ends_its_subscriptions_with_an_error(client: Client, server: Server) -> None:
    subscribe(client, server, 1, "u:1")
    listen(client, 2, "u:2")
    server.lose(BackendLost("it is gone"))
    assert [client.error(id)["code"] for id in (1, 2)] == [502, 502]


def test_a_server_with_a_subscription_is_not_idle(new_world: Callable[..., World]) -> None:
    world = new_world(max_servers=1)
    client = world.connect()
    server = world.legacy_server(client, **LISTS)
    listen(client, 1, toolsListChanged=True)
    acknowledged(client, 1)
    other = {f"{PREFIX}clientInfo": {"name": "other", "version": "1"}}
    client.call(2, "tools/list", meta=other)
    assert client.error(2)["code"] == 429
    client.tell("notifications/cancelled", requestId=1)
    client.call(3, "tools/list", meta=other)
    assert server.closed is not None
