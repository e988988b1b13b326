"""Notifications that a client asked for: the same program in both eras."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from mcpws.client.subscription import Filter, Subscription
from mcpws.errors import ConfigError, ConnectionClosed, RequestTimeout
from mcpws.jsonrpc.messages import to_raw
from mcpws.testing import result_of

if TYPE_CHECKING:
    from tests.client.conftest import Script
    from tests.conftest import LoggedErrors

    Scripts = Callable[..., Script]

SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId"
A, B = "file:///a", "file:///b"
NAMES = {
    "tools": "notifications/tools/list_changed",
    "prompts": "notifications/prompts/list_changed",
    "resources": "notifications/resources/list_changed",
}
UPDATED = "notifications/resources/updated"


def wanted(*kinds: str) -> dict[str, Any]:
    """Arguments that ask for these kinds of list."""
    return dict.fromkeys(kinds, True)


class Listening:
    """A program that listens, and a server that agrees to all of it and does not say by which era's rules."""

    def __init__(self, script: Script, then: Callable[[], object] = bool, **arguments: Any) -> None:
        self.script = script
        self.heard: list[tuple[str, Any]] = []
        self.id: dict[str, object] = {}
        self._then = then
        opening = script.session.listen(on_notification=self._hear, **arguments)
        for request in script.hears():
            if request["method"] == "subscriptions/listen":
                self.id = {"_meta": {SUBSCRIPTION_ID: request["id"]}}
                agreed = request["params"]["notifications"]
                script.tells("notifications/subscriptions/acknowledged", notifications=agreed, **self.id)
            else:
                assert request["method"] == "resources/subscribe"
                script.answers(request, {})
        self.subscription: Subscription = result_of(opening)

    def tells(self, method: str, **params: object) -> None:
        """Have the server send a notification."""
        self.script.tells(method, **params, **self.id)

    def says(self) -> list[Any]:
        """Answer what the client sends; returns it, without what differs between requests."""
        said = []
        for message in self.script.hears():
            if "id" in message:
                self.script.answers(message, {})
            said.append((message["method"], message["params"].get("uri")))
        return said

    def _hear(self, method: str, params: dict[str, Any]) -> object:
        self.heard.append((method, params.get("uri")))
        return self._then()


@pytest.mark.parametrize("kind", NAMES)
def test_changes_of_a_list_are_brought(kind: str, begun: Scripts) -> None:
    rig = Listening(begun(), **wanted(kind))
    assert rig.subscription.honoured == Filter(**wanted(kind))
    rig.tells(NAMES[kind])
    assert rig.heard == [(NAMES[kind], None)]


def test_updates_of_resources_are_brought(begun: Scripts) -> None:
    rig = Listening(begun(), uris=[A, B, A])
    assert rig.subscription.honoured == Filter(uris=(A, B))
    for uri in A, B, f"{A}/part":
        rig.tells(UPDATED, uri=uri)
    assert rig.heard == [(UPDATED, A), (UPDATED, B), (UPDATED, f"{A}/part")]


def test_a_subscription_is_no_request_that_waits_for_its_answer(begun: Scripts) -> None:
    rig = Listening(begun(), tools=True, uris=[A])
    assert rig.script.session.in_flight == 0
    assert rig.script.session.statistics().in_flight == 0


def test_notifications_reach_the_functions_for_all_as_well(begun: Scripts) -> None:
    heard: list[Any] = []
    rig = Listening(begun(notifications={NAMES["tools"]: heard.append}), tools=True)
    rig.tells(NAMES["tools"])
    assert (len(heard), len(rig.heard)) == (1, 1)


def test_a_closed_subscription_brings_nothing_more(begun: Scripts) -> None:
    rig = Listening(begun(), tools=True, uris=[A])
    ended = [rig.subscription.when_ended() for _ in range(2)]
    rig.subscription.close()
    rig.subscription.close()
    said = rig.says()
    assert said in ([("notifications/cancelled", None)], [("resources/unsubscribe", A)])
    rig.tells(NAMES["tools"])
    rig.tells(UPDATED, uri=A)
    assert rig.heard == []
    assert [result_of(one) for one in [*ended, rig.subscription.when_ended()]] == [None] * 3
    rig.script.vanish()
    assert result_of(rig.subscription.when_ended()) is None


def test_a_subscription_ends_with_the_connection(begun: Scripts) -> None:
    rig = Listening(begun(), tools=True, uris=[A])
    ended = rig.subscription.when_ended()
    rig.script.vanish()
    reason = result_of(ended)
    assert isinstance(reason, ConnectionClosed)
    assert reason.code == 1006
    rig.subscription.close()


def test_who_hears_of_the_loss_may_close_the_others(begun: Scripts) -> None:
    script = begun()
    subscriptions = [Listening(script, tools=True, uris=[A]).subscription for _ in range(3)]
    reasons: list[object] = []

    def ended(reason: object) -> None:
        reasons.append(reason)
        for one in subscriptions:
            one.close()

    for one in subscriptions:
        one.when_ended().addCallback(ended)
    script.vanish()
    assert [type(reason) for reason in reasons].count(ConnectionClosed) == 1
    assert len(reasons) == 3


@pytest.mark.proves("mcp/2026-07-28/basic/patterns/subscriptions#client")
def test_subscriptions_do_not_disturb_each_other(begun: Scripts) -> None:
    script = begun()
    tools, both, uri = (
        Listening(script, tools=True),
        Listening(script, tools=True, uris=[A]),
        Listening(script, uris=[B]),
    )
    uri.tells(UPDATED, uri=B)
    assert (tools.heard, both.heard, uri.heard) == ([], [], [(UPDATED, B)])
    tools.subscription.close()
    tools.says()
    both.tells(NAMES["tools"])
    assert (tools.heard, both.heard) == ([], [(NAMES["tools"], None)])


def test_a_function_may_end_its_own_subscription(begun: Scripts) -> None:
    script = begun()
    rig = Listening(script, lambda: rig.subscription.close(), tools=True)
    other = Listening(script, tools=True)
    for one in rig, other, rig:
        one.tells(NAMES["tools"])
    assert len(rig.heard) == 1
    assert other.heard
    assert result_of(rig.subscription.when_ended()) is None


def failing() -> None:
    raise RuntimeError


async def failing_later() -> None:
    raise RuntimeError


@pytest.mark.parametrize("function", [failing, failing_later])
def test_a_function_that_fails_is_logged_and_called_again(
    function: Callable[[], object], begun: Scripts, logged_errors: LoggedErrors
) -> None:
    rig = Listening(begun(), function, tools=True)
    for _ in range(2):
        rig.tells(NAMES["tools"])
    assert len(rig.heard) == 2
    assert len(logged_errors.flush(RuntimeError)) == 2


# The way to it


def opening(script: Script, **options: Any) -> Deferred[Subscription]:
    """A subscription that the server has not agreed to yet."""
    return script.session.listen(uris=[A], on_notification=print, **options)


def test_a_server_that_does_not_agree_is_given_up(begun: Scripts) -> None:
    script = begun()
    listening = opening(script, timeout=5)
    asked = script.hears()[0]
    script.advance(5)
    with pytest.raises(RequestTimeout, match=f"{asked['method']}: no answer within 5 s"):
        result_of(listening)
    withdrawn = script.hears()[0]
    assert (withdrawn["method"], withdrawn["params"]["requestId"]) == ("notifications/cancelled", asked["id"])


def test_a_subscription_may_be_given_up_before_it_is_there(begun: Scripts) -> None:
    script = begun()
    listening = opening(script, timeout=5)
    asked = script.hears()[0]
    listening.cancel()
    with pytest.raises(CancelledError):
        result_of(listening)
    withdrawn = script.hears()[0]
    assert (withdrawn["method"], withdrawn["params"]["requestId"]) == ("notifications/cancelled", asked["id"])
    script.answers(asked, {})


def test_a_subscription_that_is_not_there_yet_fails_with_the_connection(begun: Scripts) -> None:
    script = begun()
    listening = opening(script, timeout=5)
    script.vanish()
    for one in listening, opening(script, timeout=5):
        with pytest.raises(ConnectionClosed):
            result_of(one)


def test_one_uri_is_not_taken_for_many(begun: Scripts) -> None:
    with pytest.raises(ConfigError, match="uris: must be a sequence, even for one"):
        begun().session.listen(uris=A, on_notification=print)


# Filters


def test_a_filter_is_what_the_protocol_calls_so() -> None:
    assert to_raw(Filter()) == to_raw({})
    assert to_raw(Filter(True, True, True, (A,))) == to_raw(
        {
            "toolsListChanged": True,
            "promptsListChanged": True,
            "resourcesListChanged": True,
            "resourceSubscriptions": [A],
        }
    )


@pytest.mark.parametrize(
    ("uri", "passes"),
    [
        (A, True),
        (f"{A}/part", True),
        (f"{A}b", False),
        (B, False),
        ("dir:///part", True),
        ("dir:///", True),
        (None, False),
        (1, False),
    ],
)
def test_a_part_of_a_resource_passes_with_the_whole(uri: object, passes: bool) -> None:
    assert Filter(uris=(A, "dir:///")).passes(UPDATED, {"uri": uri}) is passes


@pytest.mark.proves("mcp/2026-07-28/basic/patterns/subscriptions#client")
def test_what_was_not_asked_for_does_not_pass() -> None:
    for kind, method in NAMES.items():
        assert Filter(**wanted(kind)).passes(method, {})
        assert not Filter(uris=(A,), **wanted(*NAMES.keys() - {kind})).passes(method, {})
    assert not Filter(True, True, True, (A,)).passes("notifications/message", {"uri": A})
    assert not Filter(uris=(A,)).passes(UPDATED, {})
