"""Servers that want to know something before they answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from msgspec import Raw
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from mcpws.client.rounds import LONGEST_PAUSE, MAX_INPUTS, MAX_ROUNDS
from mcpws.core.rpc import Progress
from mcpws.errors import ConnectionClosed, InputRequired, MalformedResult, RequestTimeout, RpcError
from mcpws.mcp.rounds import FIRST_PAUSE
from mcpws.testing import result_of

if TYPE_CHECKING:
    from tests.client.conftest import Script
    from tests.conftest import LoggedErrors

    Scripts = Callable[..., Script]

NAME = {"method": "elicitation/create", "params": {"message": "Your name?"}}
CAPITAL = {"method": "sampling/createMessage", "params": {"maxTokens": 10}}
ROOTS = {"method": "roots/list"}


def wants(state: object = None, **requests: object) -> dict[str, object]:
    """A result that asks for input."""
    result: dict[str, object] = {"resultType": "input_required"}
    if requests:
        result["inputRequests"] = requests
    return result if state is None else {**result, "requestState": state}


def body(request: Any) -> dict[str, Any]:
    """The parameters of a request, but for what stands in every one."""
    return {name: value for name, value in request["params"].items() if name != "_meta"}


async def sampled(params: dict[str, Any]) -> object:
    """A function that takes its time: until `params` says so."""
    return {"role": "assistant", "model": "m", "content": {"type": "text", "text": f"{params['maxTokens']} tokens"}}


def elicited(params: dict[str, Any]) -> object:
    """A function that needs none."""
    return {"action": "accept", "content": {"asked": params["message"]}}


def listed(params: dict[str, Any]) -> Deferred[object]:
    """A function that returns a Deferred."""
    deferred: Deferred[object] = Deferred()
    deferred.callback({"roots": [], "asked": params})
    return deferred


FUNCTIONS = {"elicitation/create": elicited, "sampling/createMessage": sampled, "roots/list": listed}


@pytest.mark.proves("R-10", "mcp/2026-07-28/basic/patterns/mrtr#client")
@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "resources/read"])
def test_what_the_server_wants_to_know_comes_with_the_request_when_it_is_repeated(method: str, script: Scripts) -> None:
    rig = script(requests=FUNCTIONS).begin_modern()
    asked = rig.session.request(method, {"name": "x", "uri": "a://x", "_meta": {"own": 1}})
    first = rig.hears_one(method)
    assert body(first) == {"name": "x", "uri": "a://x"}
    rig.answers(first, wants("sealed", login=NAME, capital=CAPITAL, where=ROOTS))
    second = rig.hears_one(method)
    assert second["id"] != first["id"]
    assert second["params"]["_meta"] == first["params"]["_meta"]
    assert body(second) == {
        "name": "x",
        "uri": "a://x",
        "requestState": "sealed",
        "inputResponses": {
            "login": {"action": "accept", "content": {"asked": "Your name?"}},
            "capital": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "10 tokens"}},
            "where": {"roots": [], "asked": {}},
        },
    }
    rig.answers(second, {"resultType": "complete", "x": 1})
    assert result_of(asked) == {"resultType": "complete", "x": 1}
    assert rig.session.in_flight == 0


@pytest.mark.proves("mcp/2026-07-28/basic/patterns/mrtr#client")
def test_each_round_has_only_what_the_last_one_wanted(script: Scripts) -> None:
    rig = script(requests=FUNCTIONS).begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"}, type=Raw)
    rig.answers(rig.hears_one("tools/call"), wants("one", a=ROOTS))
    rig.answers(rig.hears_one("tools/call"), wants(b=ROOTS))
    third = rig.hears_one("tools/call")
    assert body(third) == {"name": "x", "inputResponses": {"b": {"roots": [], "asked": {}}}}
    rig.answers(third, {"x": 1})
    assert msgspec.json.decode(result_of(asked)) == {"x": 1}


@pytest.mark.proves("M-13")
def test_null_is_nothing_that_the_server_wants_or_says(script: Scripts) -> None:
    rig = script(requests=FUNCTIONS).begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"})
    question = {"method": "roots/list", "params": None}
    wanted = {"resultType": "input_required", "inputRequests": {"a": question}, "requestState": None}
    rig.answers(rig.hears_one("tools/call"), wanted)
    second = rig.hears_one("tools/call")
    assert body(second) == {"name": "x", "inputResponses": {"a": {"roots": [], "asked": {}}}}
    rig.answers(second, {"resultType": None, "x": 1})
    assert result_of(asked) == {"resultType": None, "x": 1}


@pytest.mark.proves("R-10", "mcp/2026-07-28/basic/patterns/mrtr#client")
@pytest.mark.parametrize("state", [b'"a\\u00e9\\ud83d\\ude00\\/"', b'""', b'"{\\"a\\": 1}"'])
def test_the_state_goes_back_byte_by_byte(state: bytes, script: Scripts) -> None:
    rig = script(requests=FUNCTIONS).begin_modern()
    rig.session.request("tools/call", {"name": "x"}).addErrback(lambda failure: None)
    rig.answers(
        rig.hears_one("tools/call"),
        Raw(b'{"resultType":"input_required","inputRequests":{},"requestState":%b}' % state),
    )
    rig.advance(FIRST_PAUSE)
    rig.network.flush()
    [frame] = rig.server.take_frames()
    assert b'"requestState":%b' % state in frame.payload


@pytest.mark.proves("M-14")
def test_names_that_python_cannot_hold_go_back_as_they_came(script: Scripts) -> None:
    rig = script(requests=FUNCTIONS).begin_modern()
    rig.session.request("tools/call", {"name": "x"}).addErrback(lambda failure: None)
    question = rb'{"method":"elicitation/create","params":{"message":"Who\ud83d?"}}'.replace(rb"\\", b"\\")
    rig.answers(
        rig.hears_one("tools/call"),
        Raw(b'{"resultType":"input_required","inputRequests":{"a\\ud83d":%b},"requestState":"\\ud83d"}' % question),
    )
    rig.network.flush()
    [frame] = rig.server.take_frames()
    assert b'"inputResponses":{"a\\ud83d":{' in frame.payload
    assert b'"requestState":"\\ud83d"' in frame.payload
    assert "Who\ufffd?" in frame.payload.decode()


def test_a_server_that_asks_for_no_input_at_all_is_given_time_as_well(script: Scripts) -> None:
    rig = script().begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"})
    for pause in (FIRST_PAUSE, 2 * FIRST_PAUSE):
        rig.answers(rig.hears_one("tools/call"), {**wants(), "inputRequests": {}})
        rig.advance(pause * 0.99)
        assert rig.hears() == []
        rig.advance(pause * 0.02)
    request = rig.hears_one("tools/call")
    assert body(request) == {"name": "x", "inputResponses": {}}
    rig.answers(request, {})
    assert result_of(asked) == {}


def test_a_server_that_wants_only_time_gets_more_of_it_each_round(script: Scripts) -> None:
    rig = script().begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"})
    pauses = [FIRST_PAUSE * 2**n for n in range(6)] + [LONGEST_PAUSE] * 2
    for number, pause in enumerate(pauses):
        rig.answers(rig.hears_one("tools/call"), wants(str(number)))
        rig.advance(pause * 0.99)
        assert rig.hears() == []
        rig.advance(pause * 0.02)
    request = rig.hears_one("tools/call")
    assert body(request) == {"name": "x", "requestState": "7"}
    rig.answers(request, {})
    assert result_of(asked) == {}


def test_progress_goes_on_through_the_rounds(script: Scripts) -> None:
    reports: list[Progress] = []
    rig = script(requests=FUNCTIONS).begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"}, on_progress=reports.append)
    tokens = []
    for number in 1, 2:
        request = rig.hears_one("tools/call")
        tokens.append(request["params"]["_meta"]["progressToken"])
        rig.tells("notifications/progress", progressToken=tokens[-1], progress=number)
        rig.answers(request, wants(a=ROOTS) if number == 1 else {})
    assert result_of(asked) == {}
    assert tokens[0] != tokens[1]
    assert reports == [Progress(1), Progress(2)]


# What goes wrong


@pytest.mark.proves("R-10")
def test_there_is_an_end_of_rounds(script: Scripts) -> None:
    rig = script(requests=FUNCTIONS).begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"})
    for _ in range(MAX_ROUNDS + 1):
        rig.answers(rig.hears_one("tools/call"), wants(a=ROOTS))
    assert rig.hears() == []
    with pytest.raises(InputRequired, match=r"tools/call: the server wants input: still, after 16 rounds of it"):
        result_of(asked)


def test_what_nobody_answers_is_named_before_anybody_is_asked(script: Scripts) -> None:
    called: list[object] = []
    rig = script(requests={"roots/list": called.append}).begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"}, timeout=5)
    rig.answers(rig.hears_one("tools/call"), wants(a=ROOTS, b=NAME, c=CAPITAL, d=NAME))
    with pytest.raises(InputRequired, match="no function answers elicitation/create, sampling/createMessage"):
        result_of(asked)
    assert called == []


def test_a_server_cannot_ask_for_any_number_of_things_at_once(script: Scripts) -> None:
    called: list[object] = []
    rig = script(requests={"roots/list": called.append}).begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"})
    rig.answers(rig.hears_one("tools/call"), wants(**{str(n): ROOTS for n in range(MAX_INPUTS + 1)}))
    with pytest.raises(InputRequired, match="65 times at once, which is more than 64"):
        result_of(asked)
    assert called == []


@pytest.mark.parametrize(
    ("method", "result", "problem"),
    [
        ("tools/list", wants(a=ROOTS), "this method may not ask for input"),
        ("tools/call", wants(), "neither inputRequests nor requestState"),
        ("tools/call", {**wants(), "inputRequests": None}, "neither inputRequests nor requestState"),
        ("tools/call", {**wants(), "requestState": None}, "neither inputRequests nor requestState"),
        ("tools/call", {**wants(), "inputRequests": []}, r"at `\$.inputRequests`"),
        ("tools/call", wants(a={"params": {}}), "missing required field `method`"),
        ("tools/call", wants(a={"method": "roots/list", "params": []}), r"Expected `object \| null`"),
    ],
)
def test_input_that_cannot_be_asked_for_so_is_malformed(
    method: str, result: object, problem: str, script: Scripts
) -> None:
    rig = script(requests=FUNCTIONS).begin_modern()
    asked = rig.session.request(method, {"name": "x"})
    rig.answers(rig.hears_one(method), result)
    with pytest.raises(MalformedResult, match=problem):
        result_of(asked)


def raising(params: dict[str, Any]) -> object:
    raise RpcError("not today", code=7)


async def raising_later(params: dict[str, Any]) -> object:
    raise RpcError("not today", code=7)


@pytest.mark.parametrize("function", [raising, raising_later])
def test_a_function_that_fails_fails_the_request_and_cancels_the_others(
    function: Callable[[dict[str, Any]], object], script: Scripts
) -> None:
    waiting: Deferred[object] = Deferred()
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    rig = script(requests={"elicitation/create": lambda params: waiting, "roots/list": function}).begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"}, timeout=5)
    rig.answers(rig.hears_one("tools/call"), wants(a=NAME, b=ROOTS))
    with pytest.raises(RpcError, match="not today"):
        result_of(asked)
    assert waiting.called
    assert rig.hears() == []


def test_an_answer_that_is_no_json_fails_the_request(script: Scripts) -> None:
    rig = script(requests={"roots/list": lambda params: object()}).begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"})
    rig.answers(rig.hears_one("tools/call"), wants(a=ROOTS))
    with pytest.raises(TypeError, match="object"):
        result_of(asked)
    assert rig.hears() == []


# The exits: while the server works, while a function does, and while it is given time.


@pytest.mark.parametrize("result", [wants(a=ROOTS), wants("state")], ids=["input", "pause"])
def test_the_timeout_is_for_everything_together(result: object, script: Scripts) -> None:
    never: Deferred[object] = Deferred()
    rig = script(requests={"roots/list": lambda params: never}).begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"}, timeout=5)
    request = rig.hears_one("tools/call")
    rig.advance(4.99)
    rig.answers(request, result)
    rig.clock.advance(0.011)
    with pytest.raises(RequestTimeout, match="tools/call: no answer within 5 s"):
        result_of(asked)
    assert rig.hears() == []


def test_the_timeout_goes_on_through_the_rounds(script: Scripts) -> None:
    rig = script(requests=FUNCTIONS).begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"}, timeout=5)
    request = rig.hears_one("tools/call")
    rig.advance(4)
    rig.answers(request, wants(a=ROOTS))
    again = rig.hears_one("tools/call")
    rig.advance(1)
    with pytest.raises(RequestTimeout, match="tools/call: no answer within 5 s"):
        result_of(asked)
    assert rig.hears_one("notifications/cancelled")["params"]["requestId"] == again["id"]


@pytest.mark.parametrize("result", [wants(a=ROOTS), wants("state")], ids=["input", "pause"])
def test_cancelling_ends_whatever_goes_on(result: object, script: Scripts) -> None:
    working: Deferred[object] = Deferred()
    rig = script(requests={"roots/list": lambda params: working}).begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"}, timeout=5)
    rig.answers(rig.hears_one("tools/call"), result)
    asked.cancel()
    with pytest.raises(CancelledError):
        result_of(asked)
    rig.advance(10)
    assert rig.hears() == []


def test_a_function_that_answers_when_it_is_cancelled_is_too_late(script: Scripts) -> None:
    async def stubborn(params: dict[str, Any]) -> Any:
        try:
            return await Deferred()
        except CancelledError:
            return {"action": "cancel"}

    rig = script(requests={"elicitation/create": stubborn}).begin_modern()
    cancelled, late = (
        rig.session.request("tools/call", {"name": "x"}),
        rig.session.request("tools/call", {"name": "x"}, timeout=5),
    )
    for request in rig.hears():
        rig.answers(request, wants(a=NAME))
    cancelled.cancel()
    rig.advance(5)
    with pytest.raises(CancelledError):
        result_of(cancelled)
    with pytest.raises(RequestTimeout):
        result_of(late)
    assert rig.hears() == []


def test_a_function_that_fails_when_it_is_cancelled_is_logged(script: Scripts, logged_errors: LoggedErrors) -> None:
    async def broken(params: dict[str, Any]) -> object:
        try:
            await Deferred()
        finally:
            raise ValueError("a defect")

    rig = script(requests={"elicitation/create": broken}).begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"})
    rig.answers(rig.hears_one("tools/call"), wants(a=NAME))
    asked.cancel()
    with pytest.raises(CancelledError):
        result_of(asked)
    assert len(logged_errors.flush(ValueError)) == 1


def test_a_connection_that_is_lost_while_a_function_works_fails_the_request(script: Scripts) -> None:
    working: Deferred[object] = Deferred()
    rig = script(requests={"roots/list": lambda params: working}).begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"}, timeout=5)
    rig.answers(rig.hears_one("tools/call"), wants(a=ROOTS))
    rig.vanish()
    with pytest.raises(ConnectionClosed):
        result_of(asked)
    assert working.called


def test_who_hears_of_the_loss_may_cancel_the_others(script: Scripts) -> None:
    rig = script(requests={"roots/list": lambda params: Deferred()}).begin_modern()
    asked = [rig.session.request("tools/call", {"name": "x"}, timeout=5) for _ in range(3)]
    for request in rig.hears():
        rig.answers(request, wants(a=ROOTS))
    failures: list[object] = []

    def heard(failure: Failure) -> None:
        failures.append(failure.type)
        for one in asked:
            one.cancel()

    for one in asked:
        one.addErrback(heard)
    rig.vanish()
    assert sorted(failures, key=str) == [ConnectionClosed, CancelledError, CancelledError]
