import pytest
from twisted.internet.task import Clock

from mcpws.turns.timer import Timer


@pytest.fixture
def timer(clock: Clock) -> Timer:
    return Timer(clock)


def test_it_calls_once_when_the_time_is_over(timer: Timer, clock: Clock) -> None:
    called: list[str] = []
    timer.set(2, called.append, "a")
    clock.advance(1.5)
    assert (called, timer.is_set) == ([], True)
    clock.advance(5)
    assert (called, timer.is_set) == (["a"], False)


def test_what_is_stopped_is_not_called(timer: Timer, clock: Clock) -> None:
    called: list[str] = []
    timer.stop()
    timer.set(2, called.append, "a")
    timer.stop()
    timer.stop()
    assert not timer.is_set
    assert clock.getDelayedCalls() == []
    clock.advance(5)
    assert called == []


def test_to_set_it_again_replaces_what_was_due(timer: Timer, clock: Clock) -> None:
    called: list[str] = []
    timer.set(2, called.append, "a")
    timer.set(3, called.append, "b")
    clock.advance(5)
    assert called == ["b"]


def test_what_is_called_may_set_it_again_or_stop_it(timer: Timer, clock: Clock) -> None:
    called: list[bool] = []

    def act() -> None:
        called.append(timer.is_set)
        timer.stop()
        if len(called) < 3:
            timer.set(1, act)

    timer.set(1, act)
    clock.pump([1] * 5)
    assert called == [False] * 3
    assert clock.getDelayedCalls() == []


def test_it_has_stopped_where_what_it_calls_fails(timer: Timer, clock: Clock) -> None:
    def fail() -> None:
        raise RuntimeError("a defect")

    timer.set(1, fail)
    with pytest.raises(RuntimeError, match="a defect"):
        clock.advance(1)
    assert not timer.is_set
    timer.stop()
