"""Time that no setting of the clock moves, and that stands still while this process does not run.

Twisted's reactor keeps the time of day. When that is set forward everything is due at once, when it is set back nothing
is for as long. And time in which nothing was read, since the process was stopped or a function did not return, is no
silence of whoever is at the other end: what they said meanwhile waits to be read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from time import monotonic
from typing import Any

from twisted.internet.base import ReactorBase
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from zope.interface import implementer

LATE = 0.5
"""Seconds that a call may be late because there is much to do; more is time in which this process did not run."""

JUMP = 1.0
"""Seconds by which the time of day is set, at least: less is what two looks at two clocks may differ by."""


def steady(reactor: IReactorTime) -> IReactorTime:
    """The time of a reactor, made steady; that of anything else, as a Clock, is taken as it is."""
    return _steady(reactor) if isinstance(reactor, ReactorBase) else reactor


@cache
def _steady(reactor: ReactorBase) -> IReactorTime:
    hold(reactor, monotonic)
    return SteadyTime(reactor, monotonic)


def hold(reactor: ReactorBase, even: Callable[[], float]) -> None:
    """Let what `reactor` is to call later be called as much later as was asked, whatever the time of day is set to.

    It goes on telling the time of day. How long it sleeps does not depend on that, so it is enough to notice a jump
    when it next asks for the time, and to move all that is due by as much.

    :param even: seconds that no setting of a clock moves.
    """
    tell = reactor.seconds
    before = tell()
    ahead = before - even()

    def seconds() -> float:
        nonlocal ahead, before
        now = tell()
        # A reactor asks several times in each turn: the other clock is looked at only if it may have been a jump.
        if not 0.0 <= now - before < JUMP:
            jump = now - even() - ahead
            if not -JUMP < jump < JUMP:
                ahead += jump
                for call in reactor.getDelayedCalls():
                    call.delay(jump)
        before = now
        return now

    reactor.seconds = seconds


@implementer(IReactorTime)
class SteadyTime:
    """The time for which this process has run.

    A call comes one turn of the reactor after it is due, so what has come by then is read before. One that comes more
    than `LATE` seconds late is the sign of time in which the process did not run: that is taken out of the count, and
    what else was due in it is due as much later.

    :param reactor: makes the calls.
    :param now: seconds that no setting of a clock moves.
    """

    def __init__(self, reactor: IReactorTime, now: Callable[[], float]) -> None:
        self.reactor = reactor
        # It is asked with every read: as long as there is nothing to take out, the clock itself is asked.
        self.seconds = now
        self._now = now
        self._lost = 0.0

    def callLater(self, delay: float, callable: Callable[..., Any], *args: object, **kw: object) -> IDelayedCall:
        act = partial(callable, *args, **kw)
        return SteadyCall(self, delay, act) if delay > 0 else self.reactor.callLater(0, act)

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        return self.reactor.getDelayedCalls()

    def has_not_run(self, seconds: float) -> None:
        """Take out of the count what is no silence of others."""
        self._lost += seconds
        self.seconds = self._seconds_that_it_ran

    def _seconds_that_it_ran(self) -> float:
        return self._now() - self._lost


@implementer(IDelayedCall)
class SteadyCall:
    """One call of a SteadyTime."""

    __slots__ = ("_act", "_call", "_due", "_time")

    def __init__(self, time: SteadyTime, delay: float, act: Callable[[], object]) -> None:
        self._time = time
        self._act = act
        self._due = time.seconds() + delay
        self._call = time.reactor.callLater(delay, self._comes)

    def getTime(self) -> float:
        return self._due

    def active(self) -> bool:
        return bool(self._call.active())

    def cancel(self) -> None:
        self._call.cancel()

    def reset(self, secondsFromNow: float) -> None:
        self.cancel()
        self._due = self._time.seconds() + secondsFromNow
        self._call = self._time.reactor.callLater(secondsFromNow, self._comes)

    def delay(self, secondsLater: float) -> None:
        self.reset(max(0.0, self._due + secondsLater - self._time.seconds()))

    def _comes(self) -> None:
        late = self._time.seconds() - self._due
        if late > LATE:
            self._time.has_not_run(late)
        # A reactor's clock is not as fine as this one.
        early = -late > 0.001
        self._call = self._time.reactor.callLater(-late if early else 0, self._comes if early else self._act)
