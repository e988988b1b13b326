"""How a session of the legacy era listens: what it asks for, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from mcpws.client.legacy import UNSUBSCRIBE_TIMEOUT
from mcpws.client.subscription import Filter, Subscription
from mcpws.errors import RequestTimeout
from mcpws.testing import result_of

if TYPE_CHECKING:
    from tests.client.conftest import Script

    Scripts = Callable[..., Script]

A, B, C = "file:///a", "file:///b", "file:///c"
SUBSCRIBE = {"resources": {"subscribe": True}}


def listen(script: Script, *uris: str, heard: list[Any] | None = None, **options: Any) -> Deferred[Subscription]:
    def hear(method: str, params: dict[str, Any]) -> None:
        if heard is not None:
            heard.append(params["uri"])

    return script.session.listen(uris=uris, on_notification=hear, **options)


def said(script: Script) -> list[tuple[str, Any]]:
    """What the client sent, all of which is answered."""
    messages = script.hears()
    for message in messages:
        if "id" in message:
            script.answers(message, {})
    return [(message["method"], message["params"].get("uri")) for message in messages]


@pytest.mark.parametrize(
    ("capabilities", "honoured"),
    [
        ({}, Filter()),
        ({"tools": {"listChanged": True}}, Filter(tools=True)),
        ({"prompts": {"listChanged": True}, "tools": {"listChanged": False}}, Filter(prompts=True)),
        ({"resources": {"listChanged": True}}, Filter(resources=True)),
        (SUBSCRIBE, Filter(uris=(A,))),
        ({"tools": None, "prompts": [], "resources": {"subscribe": "yes"}}, Filter()),
    ],
)
def test_what_the_server_does_not_offer_is_not_honoured(
    capabilities: dict[str, object], honoured: Filter, script: Scripts
) -> None:
    rig = script().begin_legacy(capabilities)
    listening = rig.session.listen(tools=True, prompts=True, resources=True, uris=[A], on_notification=print)
    assert said(rig) == ([("resources/subscribe", A)] if honoured.uris else [])
    subscription = result_of(listening)
    assert subscription.honoured == honoured
    subscription.close()
    assert said(rig) == ([("resources/unsubscribe", A)] if honoured.uris else [])


def test_what_the_server_tells_without_offering_it_is_brought(script: Scripts) -> None:
    heard: list[str] = []
    rig = script().begin_legacy()
    rig.session.listen(tools=True, on_notification=lambda method, params: heard.append(method))
    rig.tells("notifications/tools/list_changed")
    assert heard == ["notifications/tools/list_changed"]


def test_a_resource_that_the_server_refuses_is_not_honoured(script: Scripts) -> None:
    rig = script().begin_legacy(SUBSCRIBE)
    listening = listen(rig, A, B, C)
    first, second, third = rig.hears()
    rig.answers(third, {})
    rig.refuses(second, -32002)
    rig.answers(first, {})
    subscription = result_of(listening)
    assert subscription.honoured.uris == (A, C)
    subscription.close()
    assert said(rig) == [("resources/unsubscribe", A), ("resources/unsubscribe", C)]


@pytest.mark.parametrize("cancelled", [True, False])
def test_what_was_subscribed_already_is_undone_when_the_rest_fails(cancelled: bool, script: Scripts) -> None:
    heard: list[Any] = []
    rig = script().begin_legacy(SUBSCRIBE)
    listening = listen(rig, A, B, timeout=5, heard=heard)
    first, second = rig.hears()
    rig.answers(first, {})
    rig.tells("notifications/resources/updated", uri=A)
    assert heard == [A]
    if cancelled:
        listening.cancel()
    rig.advance(5)
    with pytest.raises(CancelledError if cancelled else RequestTimeout):
        result_of(listening)
    withdrawn, *undone = rig.hears()
    assert withdrawn["params"]["requestId"] == second["id"]
    assert [(one["method"], one["params"]["uri"]) for one in undone] == [
        ("resources/unsubscribe", A),
        ("resources/unsubscribe", B),
    ]
    rig.tells("notifications/resources/updated", uri=A)
    assert heard == [A]


def test_a_resource_is_unsubscribed_with_its_last_subscription(script: Scripts) -> None:
    heard: list[Any] = []
    rig = script().begin_legacy(SUBSCRIBE)
    one, two = listen(rig, A, B), listen(rig, B, C, heard=heard)
    assert len(said(rig)) == 4
    result_of(one).close()
    assert said(rig) == [("resources/unsubscribe", A)]
    rig.tells("notifications/resources/updated", uri=B)
    assert heard == [B]
    result_of(two).close()
    assert said(rig) == [("resources/unsubscribe", B), ("resources/unsubscribe", C)]


def test_nobody_waits_for_a_server_that_does_not_unsubscribe(script: Scripts) -> None:
    rig = script().begin_legacy(SUBSCRIBE)
    first, second = listen(rig, A), listen(rig, B)
    said(rig)
    result_of(first).close()
    rig.refuses(rig.hears_one("resources/unsubscribe"), -32601)
    result_of(second).close()
    assert rig.hears_one("resources/unsubscribe")
    assert rig.session.in_flight == 1
    rig.advance(UNSUBSCRIBE_TIMEOUT)
    assert rig.session.in_flight == 0


def test_a_log_level_is_not_for_legacy_requests(script: Scripts) -> None:
    rig = script().begin_legacy()
    rig.session.log_level = "info"
    rig.session.request("tools/list", log_level="debug").addErrback(lambda failure: None)
    assert "params" not in rig.hears_one("tools/list")
