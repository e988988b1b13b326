"""Time: a jump of the clock decides nothing, and time in which nothing ran is nobody's silence."""

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.base import ReactorBase
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.task import Clock, LoopingCall

from mcpws.config import WebSocketConfig
from mcpws.testing import RecordingBackend, Served
from mcpws.turns.steady import LATE, SteadyTime, hold, steady
from mcpws.ws.server import ServerFactory


class Still(ReactorBase):
    """A reactor that does nothing by itself, and whose time of day is what one says."""

    def __init__(self) -> None:
        self.day = 1000.0
        self.even = 7.0
        super().__init__()
        self.seconds = lambda: self.day
        hold(self, lambda: self.even)

    def installWaker(self) -> None:
        """Nobody sleeps."""

    def turn(self, passed: float) -> float | None:
        """So much time passes, and then a turn; returns for how long there is nothing to do."""
        self.day += passed
        self.even += passed
        self.runUntilCurrent()
        return self.timeout()


@pytest.mark.proves("A-6")
@pytest.mark.parametrize("jump", [3600.0, -3600.0, 86_400.0 * 365, -1.5, 1.5])
def test_a_jump_moves_all_that_is_due(jump: float) -> None:
    reactor, called = Still(), list[str]()
    # As many as make a heap of some depth, one of them cancelled.
    for seconds in (5, 1, 4, 2, 3):
        reactor.callLater(seconds, called.append, str(seconds))
    reactor.callLater(2.5, called.append, "cancelled").cancel()
    assert reactor.turn(0.5) == 0.5
    reactor.day += jump
    reactor.callLater(1.2, called.append, "after")
    assert reactor.turn(0.1) == pytest.approx(0.4)
    assert called == []
    for _ in range(50):
        reactor.turn(0.1)
    assert called == ["1", "after", "2", "3", "4", "5"]
    assert reactor.seconds() == reactor.day


def test_a_clock_that_is_a_little_off_is_no_jump() -> None:
    reactor, called = Still(), list[int]()
    call = reactor.callLater(1, called.append, 1)
    reactor.day += 0.5
    assert reactor.turn(0) == 0.5
    reactor.day -= 0.5
    assert call.getTime() == 1001.0
    call.cancel()


def test_no_other_clock_is_touched() -> None:
    clock = Clock()
    taken: object = steady(clock)
    assert taken is clock
    assert "seconds" not in vars(clock)


class Rig:
    """A SteadyTime over a reactor of which a test says when it turns."""

    def __init__(self) -> None:
        self.reactor = Clock()
        self.time = SteadyTime(self.reactor, self.reactor.seconds)
        self.called: list[tuple[Any, float]] = []

    def call(self, delay: float, name: object = "called") -> Any:
        return self.time.callLater(delay, lambda: self.called.append((name, self.time.seconds())))

    def turn(self, passed: float = 0) -> None:
        """As a reactor does: what is asked for in a turn has its own turn."""
        self.reactor.rightNow += passed
        due = sorted((call for call in self.reactor.calls if call.getTime() <= self.reactor.rightNow), key=_time)
        for call in due:
            if call.active():
                self.reactor.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)


def _time(call: Any) -> float:
    return float(call.getTime())


@pytest.mark.proves("A-6")
def test_a_call_comes_a_turn_after_it_is_due_so_that_what_came_is_read() -> None:
    rig = Rig()
    rig.call(2)
    rig.turn(1)
    rig.turn(1)
    assert rig.called == []
    rig.turn()
    assert rig.called == [("called", 2)]


def test_a_call_in_no_time_comes_in_the_next_turn() -> None:
    rig = Rig()
    rig.call(0)
    rig.turn()
    assert rig.called == [("called", 0)]


@pytest.mark.proves("A-6")
def test_time_in_which_nothing_ran_is_not_counted() -> None:
    rig = Rig()
    for name in (1, 2, 3, 30):
        rig.call(name, name)
    rig.turn(11)
    assert rig.time.seconds() == 1
    rig.turn()
    assert rig.called == [(1, 1)]
    for _ in range(2):
        rig.turn(1)
        rig.turn()
    assert rig.called == [(1, 1), (2, 2), (3, 3)]
    rig.turn(26.5)
    assert len(rig.called) == 3
    rig.turn(0.5)
    rig.turn()
    assert rig.called[3:] == [(30, 30)]


def test_a_little_late_is_only_late() -> None:
    rig = Rig()
    rig.call(1)
    rig.turn(1 + LATE)
    rig.turn()
    assert rig.called == [("called", 1 + LATE)]


def test_a_loop_goes_on_as_if_nothing_had_been() -> None:
    rig = Rig()
    loop = LoopingCall(lambda: rig.called.append(("loop", rig.time.seconds())))
    loop.clock = rig.time
    loop.start(1, now=False)
    rig.turn(60)
    for _ in range(5):
        rig.turn()
        rig.turn(1)
    loop.stop()
    assert [at for _, at in rig.called] == [1, 2, 3, 4, 5]
    assert rig.time.getDelayedCalls() == []


def test_a_call_can_be_cancelled_until_it_has_come() -> None:
    rig = Rig()
    first, second, third = rig.call(1), rig.call(1), rig.call(1)
    first.cancel()
    with pytest.raises(AlreadyCancelled):
        first.cancel()
    rig.turn(1)
    assert second.active()
    second.cancel()
    rig.turn()
    assert [first.active(), second.active(), third.active()] == [False] * 3
    assert rig.called == [("called", 1)]
    with pytest.raises(AlreadyCalled):
        third.cancel()


@pytest.mark.parametrize("move", [lambda call: call.reset(4), lambda call: call.delay(3)], ids=["reset", "delay"])
def test_a_call_can_be_moved(move: Callable[[Any], None]) -> None:
    rig = Rig()
    call = rig.call(2)
    rig.turn(1)
    move(call)
    assert call.getTime() == 5
    rig.turn(3)
    rig.turn()
    assert rig.called == []
    rig.turn(1)
    rig.turn()
    assert rig.called == [("called", 5)]


@pytest.mark.proves("A-6")
@pytest.mark.not_mcp("what is said stands for any payload")
def test_a_server_that_was_stopped_holds_it_against_nobody() -> None:
    clock = Clock()
    time = SteadyTime(clock, clock.seconds)
    config = WebSocketConfig(heartbeat_interval=1, heartbeat_timeout=3, initialize_timeout=30)
    service = Served(RecordingBackend(), clock=clock)
    service.server = ServerFactory(RecordingBackend(), config, reactor=time)
    client = service.upgraded()
    service.advance(2)
    frames = client.take_frames()
    assert frames
    for frame in frames:
        client.send_frame(10, frame.payload)
    service.flush()
    # Longer than every timeout there is.
    clock.advance(3600)
    service.flush()
    assert not client.is_gone()
    assert service.server.connections[0].statistics(time.seconds()).idle < 2
    # But who is silent from now on is.
    service.advance(6)
    assert client.is_gone()
