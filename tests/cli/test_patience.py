"""The time that an answer may take."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock

from mcpws.cli.patience import Patience
from mcpws.errors import RequestTimeout
from mcpws.testing import result_of


def test_an_answer_in_time_is_the_answer(clock: Clock) -> None:
    asked: Deferred[int] = Deferred()
    waiting = Patience(clock, 5).with_answer("a", asked)
    clock.advance(4)
    asked.callback(1)
    assert result_of(waiting) == 1
    assert clock.getDelayedCalls() == []


def test_an_answer_that_takes_too_long_is_not_waited_for(clock: Clock) -> None:
    cancelled: list[Any] = []
    waiting = Patience(clock, 5).with_answer("a", Deferred(cancelled.append))
    clock.advance(5)
    with pytest.raises(RequestTimeout, match="a: no answer within 5 s"):
        result_of(waiting)
    assert len(cancelled) == 1


@pytest.mark.parametrize("seconds", [5, None])
def test_no_time_passes_while_a_person_is_asked(clock: Clock, seconds: float | None) -> None:
    patience = Patience(clock, seconds)
    asked: Deferred[int] = Deferred()
    waiting = patience.with_answer("a", asked)
    for _ in range(2):
        clock.advance(2)
        with patience.held():
            clock.advance(100)
            assert clock.getDelayedCalls() == []
    assert not asked.called
    clock.advance(1)
    assert asked.called is (seconds is not None)
    if seconds is None:
        asked.callback(1)
        assert result_of(waiting) == 1
    else:
        with pytest.raises(RequestTimeout):
            result_of(waiting)
    assert clock.getDelayedCalls() == []


def test_what_is_answered_while_a_person_is_asked_leaves_no_timer(clock: Clock) -> None:
    patience = Patience(clock, 5)
    asked: Deferred[int] = Deferred()
    waiting = patience.with_answer("a", asked)
    with patience.held():
        asked.callback(1)
    assert result_of(waiting) == 1
    assert clock.getDelayedCalls() == []


def test_what_somebody_else_cancels_was_not_too_slow(clock: Clock) -> None:
    waiting = Patience(clock, 5).with_answer("a", Deferred())
    waiting.cancel()
    with pytest.raises(CancelledError):
        result_of(waiting)
    assert clock.getDelayedCalls() == []
