"""What a Front keeps back while its client does not read."""

from typing import Any

import msgspec
import pytest

from mcpws.errors import BackendLost
from mcpws.fronts.outgoing import MAX_OVERTAKEN
from mcpws.jsonrpc.messages import Notification, Request, to_raw
from tests.fronts.test_front import Rig

pytestmark = pytest.mark.not_mcp("requests and results say no more than the rules for them need")

TOOLS = "notifications/tools/list_changed"
PROMPTS = "notifications/prompts/list_changed"


def behind() -> Rig:
    """Two requests are open, 1 and 2, under the tokens "a" and "b"; the client does not read."""
    rig = Rig()
    rig.ask(1, token="a")
    rig.ask(2, token="b")
    rig.client.behind = True
    return rig


def told(rig: Rig) -> list[Any]:
    """What the client was told: tokens with their progress, and the rest as `delivered` has it."""
    seen: list[Any] = []
    for message, shown in zip(rig.client.delivered, rig.delivered(), strict=True):
        if type(message) is Notification and message.method == "notifications/progress":
            params = msgspec.json.decode(message.params or b"{}")
            seen.append((params["progressToken"], params["progress"]))
        else:
            seen.append(shown)
    return seen


def changed(rig: Rig, method: str, subscription: str | None = None) -> None:
    meta = {} if subscription is None else {"_meta": {"io.modelcontextprotocol/subscriptionId": subscription}}
    rig.front.send(Notification(method, to_raw(meta)))


def test_a_client_that_keeps_up_gets_everything() -> None:
    rig = behind()
    rig.client.behind = False
    for value in (1, 2, 3):
        rig.progress("a", value)
    changed(rig, TOOLS)
    changed(rig, TOOLS)
    assert told(rig) == [("a", 1), ("a", 2), ("a", 3), TOOLS, TOOLS]
    assert rig.front.counters.coalesced == 0


@pytest.mark.proves("P-5")
def test_of_the_progress_of_one_request_a_client_that_is_behind_gets_the_latest() -> None:
    rig = behind()
    for value in (1, 2, 3):
        rig.progress("a", value)
        rig.progress("b", 10 * value)
    assert told(rig) == []
    rig.front.caught_up()
    assert told(rig) == [("a", 3), ("b", 30)]
    assert rig.front.counters.coalesced == 4
    rig.front.caught_up()
    assert len(rig.client.delivered) == 2


@pytest.mark.proves("P-5")
def test_a_list_that_has_changed_often_is_told_of_once() -> None:
    rig = behind()
    for method in (TOOLS, PROMPTS, TOOLS):
        changed(rig, method)
    changed(rig, TOOLS, "mine")
    changed(rig, TOOLS, "mine")
    rig.front.caught_up()
    assert told(rig) == [PROMPTS, TOOLS, TOOLS]
    assert rig.front.counters.coalesced == 2


@pytest.mark.proves("P-5")
@pytest.mark.parametrize("after", ["answer", "request", "notification"])
def test_what_was_kept_back_goes_before_what_comes_after(after: str) -> None:
    rig = behind()
    rig.progress("a", 1)
    rig.progress("a", 2)
    if after == "answer":
        rig.answer(1)
        rig.clock.advance(1)
        assert told(rig) == [("a", 2), 1]
    elif after == "request":
        rig.front.send(Request("ask", "roots/list"))
        assert told(rig) == [("a", 2), "roots/list"]
    else:
        rig.front.send(Notification("notifications/message"))
        assert told(rig) == [("a", 2), "notifications/message"]


def test_progress_of_a_request_that_was_cancelled_meanwhile_is_not_sent() -> None:
    rig = behind()
    rig.progress("a")
    rig.progress("b")
    rig.front.receive(Notification("notifications/cancelled", to_raw({"requestId": 1})))
    rig.front.caught_up()
    assert told(rig) == [("b", 1)]
    assert rig.front.counters.dropped == 1


def test_what_does_not_belong_is_not_kept_either() -> None:
    rig = behind()
    rig.progress("unknown")
    assert rig.front.counters.dropped == 1
    rig.front.caught_up()
    assert told(rig) == []


def test_the_errors_that_a_lost_backend_leaves_come_after_its_last_words() -> None:
    rig = behind()
    rig.progress("a", 7)
    rig.front.lost(BackendLost("died"))
    assert told(rig) == [("a", 7), 1, 2]


def test_nothing_is_kept_for_a_client_that_is_gone() -> None:
    rig = behind()
    rig.progress("a")
    rig.front.close("gone")
    rig.front.caught_up()
    assert told(rig) == []


def test_what_is_kept_back_is_bounded() -> None:
    rig = Rig(max_in_flight=10_000)
    rig.client.behind = True
    for number in range(1000):
        rig.ask(number, token=number)
        rig.progress(number)
    kept = 1000 - len(rig.client.delivered)
    assert 0 < kept < MAX_OVERTAKEN / 256 + 1
    rig.front.caught_up()
    assert [token for token, _ in told(rig)] == list(range(1000))
