"""`subscriptions/listen`, and what a server may do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred

from mcpws.client.identity import ClientIdentity
from mcpws.client.subscription import Filter, Subscription
from mcpws.errors import MalformedResult, RemoteError
from mcpws.testing import result_of

if TYPE_CHECKING:
    from tests.client.conftest import Script

    Scripts = Callable[..., Script]

META = "io.modelcontextprotocol/"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
CHANGED = "notifications/tools/list_changed"


class Listening:
    """A client that listens for changes of the list of tools; the server has said nothing to that yet."""

    def __init__(self, script: Script, **options: Any) -> None:
        self.script = script
        self.heard: list[dict[str, Any]] = []
        self.opening: Deferred[Subscription] = script.session.listen(
            tools=True, on_notification=lambda method, params: self.heard.append(params), **options
        )
        self.request = script.hears_one("subscriptions/listen")

    def tells(self, method: str, id: object = None, **params: object) -> None:
        meta = {f"{META}subscriptionId": self.request["id"] if id is None else id}
        self.script.tells(method, **params, _meta=meta)

    def acknowledged(self, **honoured: object) -> Subscription:
        self.tells(ACKNOWLEDGED, notifications=honoured)
        return result_of(self.opening)


def test_what_is_wanted_is_asked_for_in_one_request(script: Scripts) -> None:
    rig = script(identity=ClientIdentity("tester", "1")).begin_modern()
    rig.session.listen(prompts=True, resources=True, uris=["a:b"], on_notification=print).addErrback(print)
    assert rig.hears_one("subscriptions/listen")["params"] == {
        "notifications": {"promptsListChanged": True, "resourcesListChanged": True, "resourceSubscriptions": ["a:b"]},
        "_meta": {
            f"{META}protocolVersion": "2026-07-28",
            f"{META}clientInfo": {"name": "tester", "version": "1"},
            f"{META}clientCapabilities": {},
        },
    }


def test_the_server_says_what_it_honours(script: Scripts) -> None:
    rig = Listening(script().begin_modern())
    assert rig.acknowledged().honoured == Filter()
    rig = Listening(rig.script)
    assert rig.acknowledged(toolsListChanged=True, unknown=1).honoured == Filter(tools=True)


def test_notifications_go_by_the_id_of_the_subscription(script: Scripts) -> None:
    made = script().begin_modern()
    one, two = Listening(made), Listening(made)
    one.acknowledged(toolsListChanged=True)
    two.acknowledged(toolsListChanged=True)
    two.tells(CHANGED)
    assert (len(one.heard), len(two.heard)) == (0, 1)
    others: list[object] = [str(one.request["id"]), 10_000, True, 1.5, [1], {}]
    for id in others:
        one.tells(CHANGED, id)
    made.tells(CHANGED)
    made.tells(CHANGED, _meta=1)
    assert (len(one.heard), len(two.heard)) == (0, 1)


def test_nothing_is_brought_before_the_acknowledgement(script: Scripts) -> None:
    rig = Listening(script().begin_modern())
    rig.tells(CHANGED)
    subscription = rig.acknowledged(toolsListChanged=True)
    rig.tells(CHANGED)
    assert len(rig.heard) == 1
    rig.tells(ACKNOWLEDGED, notifications={})
    assert subscription.honoured == Filter(tools=True)


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("cancelled", [True, False])
def test_a_server_may_end_a_subscription_in_order(answered: bool, cancelled: bool, script: Scripts) -> None:
    rig = Listening(script().begin_modern())
    subscription = rig.acknowledged(toolsListChanged=True)
    ended = subscription.when_ended()
    if answered:
        meta = {f"{META}subscriptionId": rig.request["id"]}
        rig.script.answers(rig.request, {"resultType": "complete", "_meta": meta})
    if cancelled:
        rig.script.tells("notifications/cancelled", requestId=rig.request["id"])
    rig.tells(CHANGED)
    assert ended.called is (answered or cancelled)
    assert len(rig.heard) == (0 if ended.called else 1)
    if ended.called:
        assert result_of(ended) is None
        subscription.close()
    assert rig.script.hears() == []


def test_a_server_may_end_a_subscription_with_an_error(script: Scripts) -> None:
    rig = Listening(script().begin_modern())
    ended = rig.acknowledged(toolsListChanged=True).when_ended()
    rig.script.refuses(rig.request, 502, "the backend is gone")
    reason = result_of(ended)
    assert isinstance(reason, RemoteError)
    assert reason.code == 502


def test_a_server_that_knows_no_subscriptions_says_so(script: Scripts) -> None:
    rig = Listening(script().begin_modern(), timeout=5)
    rig.script.refuses(rig.request, -32601)
    with pytest.raises(RemoteError, match="-32601"):
        result_of(rig.opening)


def test_an_answer_before_the_acknowledgement_is_no_subscription(script: Scripts) -> None:
    rig = Listening(script().begin_modern(), timeout=5)
    rig.script.answers(rig.request, {"resultType": "complete"})
    with pytest.raises(MalformedResult, match=f"it came before {ACKNOWLEDGED}"):
        result_of(rig.opening)


@pytest.mark.parametrize("notifications", [None, [], {"toolsListChanged": 1}, {"resourceSubscriptions": "a:b"}])
def test_an_acknowledgement_that_cannot_be_read_is_no_subscription(notifications: object, script: Scripts) -> None:
    rig = Listening(script().begin_modern(), timeout=5)
    rig.tells(ACKNOWLEDGED, notifications=notifications)
    with pytest.raises(MalformedResult, match=ACKNOWLEDGED):
        result_of(rig.opening)
    assert rig.script.hears_one("notifications/cancelled")["params"]["requestId"] == rig.request["id"]
    rig.tells(ACKNOWLEDGED, notifications={})
    rig.tells(CHANGED)
    assert rig.heard == []


def test_a_closed_subscription_is_told_to_the_server(script: Scripts) -> None:
    rig = Listening(script().begin_modern())
    subscription = rig.acknowledged(toolsListChanged=True)
    subscription.close()
    assert rig.script.hears_one("notifications/cancelled")["params"]["requestId"] == rig.request["id"]
    assert result_of(subscription.when_ended()) is None
    rig.tells(CHANGED)
    rig.script.answers(rig.request, {"resultType": "complete"})
    assert rig.heard == []
