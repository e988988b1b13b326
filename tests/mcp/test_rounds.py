"""Rounds of a request whose server may require input, for whoever sends it."""

from typing import Any

import pytest
from msgspec import Raw

from mcpws.jsonrpc.messages import to_raw
from mcpws.mcp.rounds import FIRST_PAUSE, Fault, InputRounds, Round, Unusable
from mcpws.mcp.schema import InputRequest

REQUIRED = "input_required"
ASKS = {"inputRequests": {"a": {"method": "roots/list"}}}
QUESTION = InputRequest("roots/list")


def after(*results: Any, method: str = "tools/call", most: int = 3, type: str | None = REQUIRED) -> Any:
    """What the last of these results asks for, all of the same type."""
    rounds = InputRounds(method, most, longest_pause=0.3)
    return [rounds.next(type, to_raw(result)) for result in results][-1]


@pytest.mark.parametrize("type", [None, "complete"])
def test_a_result_that_is_complete_is_final_for_any_method(type: str | None) -> None:
    assert after({"x": 1}, method="tools/list", type=type) is None


def test_questions_and_state_are_what_a_round_is_about() -> None:
    assert after({**ASKS, "requestState": "s"}) == Round({"a": QUESTION}, Raw(b'"s"'), FIRST_PAUSE)
    assert after(ASKS) == Round({"a": QUESTION}, None, FIRST_PAUSE)
    assert after({"requestState": 5}) == Round(None, Raw(b"5"), FIRST_PAUSE)
    assert after({"inputRequests": {}, "requestState": None}) == Round({}, None, FIRST_PAUSE)


def test_each_pause_is_twice_the_last_up_to_the_longest() -> None:
    busy = {"requestState": "s"}
    assert [after(*[busy] * n, most=9).pause for n in range(1, 6)] == [0.05, 0.1, 0.2, 0.3, 0.3]


def test_the_next_try_has_what_the_round_is_about_and_nothing_of_an_earlier_one() -> None:
    params = {"name": "x", "_meta": {}}
    assert Round({}, Raw(b"1"), 0).params(params, {"a": 2}) == {
        **params,
        "inputResponses": {"a": 2},
        "requestState": Raw(b"1"),
    }
    assert Round(None, None, 0).params(params, None) == params
    assert Round({}, None, 0).params(params, {}) == {**params, "inputResponses": {}}


@pytest.mark.parametrize(
    ("result", "type", "method", "fault", "detail"),
    [
        (ASKS, "task", "tools/list", Fault.UNKNOWN_TYPE, "task"),
        (ASKS, "", "tools/call", Fault.UNKNOWN_TYPE, ""),
        ([], REQUIRED, "tools/list", Fault.MAY_NOT_ASK, "tools/list"),
        ([], REQUIRED, "tools/call", Fault.MALFORMED, "Expected `object`"),
        ({}, REQUIRED, "tools/call", Fault.MALFORMED, "neither inputRequests nor requestState"),
        ({"inputRequests": None, "requestState": None}, REQUIRED, "tools/call", Fault.MALFORMED, "neither"),
        ({"inputRequests": {"a": {"method": 1}}}, REQUIRED, "tools/call", Fault.MALFORMED, "method"),
    ],
)
def test_the_first_fault_counts(result: Any, type: str, method: str, fault: Fault, detail: str) -> None:
    found = after(result, method=method, type=type)
    assert isinstance(found, Unusable)
    assert found.fault is fault
    assert detail in found.detail


def test_rounds_are_counted_before_anybody_looks_at_what_is_required() -> None:
    assert isinstance(after(*[ASKS] * 3), Round)
    assert after(*[ASKS] * 3, []) == Unusable(Fault.TOO_OFTEN, "3")
    assert after(*[ASKS] * 4, method="tools/list") == Unusable(Fault.MAY_NOT_ASK, "tools/list")
