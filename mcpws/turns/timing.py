"""Timing: how many requests of a kind were answered, how many of them with an error, and how long they took.

The numbers are exact, and cost next to nothing: what is answered while one read is handled goes out in one write, at
the end of its burst. So all of it took equally long, and the clock is asked for the first answer and for that write.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Protocol, runtime_checkable

from twisted.internet.interfaces import IReactorTime

from mcpws.turns.burst import burst

BOUNDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)
"""Seconds that the buckets of a Timing reach to, each with what takes as long; one more has what takes longer."""

MAX_CODES = 64
"""Error codes that are told apart: a backend may make up any."""

MAX_TOOLS = 256
"""Tools that are told apart: what is behind a gateway may have any."""

OTHER = "other"
"""The name of all kinds that have none of their own: what a client calls them makes no table grow."""


class Timing:
    """The requests of one kind so far, that were answered.

    `buckets` are their numbers by the bounds, each without those of the ones before; `seconds` is the sum of all.

    :param timings: whose it is; only of what is never measured there is none.
    """

    __slots__ = ("_timings", "buckets", "failed", "pending", "seconds")

    def __init__(self, timings: Timings | None = None) -> None:
        self._timings = timings
        self.failed = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.pending = 0
        """Those that were answered in this burst."""

    @property
    def count(self) -> int:
        """Number of them."""
        return sum(self.buckets)

    def answered_at_once(self) -> None:
        """A request was answered within the burst that it came in.

        Where `pending` is not 0, one more there is all that this comes to.
        """
        if self.pending:
            self.pending += 1
        elif self._timings is not None:
            self._timings.answered_at_once(self)

    def started(self) -> Started:
        """A request was not: tell what this returns of its end."""
        assert self._timings is not None
        return self._timings.started(self)

    def add(self, seconds: float, times: int = 1) -> None:
        """So many were answered, each in `seconds`."""
        self.seconds += seconds * times
        self.buckets[bisect_left(BOUNDS, seconds)] += times

    def include(self, other: Timing) -> None:
        """Count all that `other` has counted, too."""
        self.failed += other.failed
        self.seconds += other.seconds
        self.buckets = [one + more for one, more in zip(self.buckets, other.buckets, strict=True)]


class Started:
    """Requests of one kind that came in one read and have no answer yet: they share their beginning.

    :param tool: the Timing of the tool that they call; None where that is nobody's business.
    """

    __slots__ = ("_timings", "answered", "began", "new", "timing", "tool")

    def __init__(self, timings: Timings, timing: Timing, tool: Timing | None, began: float) -> None:
        self._timings = timings
        self.timing = timing
        self.tool = tool
        self.began = began
        self.new: str | None = None
        """The name of the tool, while no call of it has been answered."""
        self.answered = 0
        """Those that were, in this burst."""

    def ended(self, failed: bool, tool_failed: bool = False) -> None:
        """One of these was answered: with an error if it has `failed`; its tool may say that by itself."""
        if failed:
            self.timing.failed += 1
        if self.tool is not None:
            if self.new is not None:
                self._name(failed)
            if failed or tool_failed:
                self.tool.failed += 1
        self._timings.answered(self)

    def _name(self, failed: bool) -> None:
        # A name that somebody made up is answered with an error, and need not be told apart.
        assert self.new is not None
        assert self._timings.tools is not None
        self.tool = self._timings.tools.named(OTHER if failed else self.new)
        self.new = None


class Timings:
    """The Timing of each kind of request to one server, `by_name`; `of` has one for any name.

    `errors` are the error answers by their codes, as many as there may be of these; OTHER has the others.

    :param names: of the kinds that are told apart; all others are OTHER.
    :param clock: that says when a burst began, too.
    :param most: further kinds that may be `named`.
    :param beside: others of the same requests, which go by the same clock: what a burst brings is settled once for all.
    """

    def __init__(self, names: Iterable[str], clock: IReactorTime, most: int = 0, beside: Timings | None = None) -> None:
        self.by_name = {name: Timing(self) for name in (*names, OTHER)}
        self._left = most
        self.tools: Timings | None = None
        """Where calls are counted by their tools, too; None if nobody wants to know, or the backend sees to it."""
        self.errors: dict[int | str, int] = {}
        # Not its `seconds`, which another may take the place of.
        self._clock = clock
        self._at_once: list[Timing] = [] if beside is None else beside._at_once
        self._later: list[Started] = [] if beside is None else beside._later
        self._last: Started | None = None
        self._at_end = self._settle

    def named(self, name: str) -> Timing:
        """The Timing of a kind, which is told apart from now on if there is room."""
        if name not in self.by_name and self._left > 0:
            self._left -= 1
            self.by_name[name] = Timing(self)
        return self.of(name)

    def of(self, name: str) -> Timing:
        """The Timing of a kind: that of OTHER, if it is not told apart."""
        return self.by_name.get(name) or self.by_name[OTHER]

    def failed_with(self, code: int) -> None:
        """An error went out."""
        label = self._label(code)
        self.errors[label] = self.errors.get(label, 0) + 1

    def include(self, others: Timings) -> None:
        """Count all that `others` have counted, too; kinds that have no name here are OTHER."""
        for name, timing in others.by_name.items():
            self.of(name).include(timing)
        for code, count in others.errors.items():
            label = self._label(code)
            self.errors[label] = self.errors.get(label, 0) + count

    def answered_at_once(self, timing: Timing) -> None:
        """Count of a request that was answered in the burst it came in; `timing`, of these, has nothing `pending`."""
        if not burst.is_on:
            timing.add(0.0)
            return
        timing.pending = 1
        if not (self._at_once or self._later):
            burst.at_end(self._at_end)
        self._at_once.append(timing)

    def started(self, timing: Timing, tool: Timing | None = None, new: str | None = None) -> Started:
        """Beginning of a request; `timing` is of these, and `new` the name of a tool that has no Timing yet."""
        began = burst.began if burst.is_on else self._clock.seconds()
        last = self._last
        if (
            last is None
            or last.timing is not timing
            or last.tool is not tool
            or last.began != began
            or new is not None
            or last.new is not None
        ):
            last = self._last = Started(self, timing, Timing() if new is not None else tool, began)
            last.new = new
        return last

    def answered(self, started: Started) -> None:
        """Count of one more of `started`, which these have made, that was answered."""
        if not burst.is_on:
            self._add(started, self._clock.seconds() - started.began)
            return
        if not started.answered:
            if not (self._at_once or self._later):
                burst.at_end(self._at_end)
            self._later.append(started)
        started.answered += 1

    def _label(self, code: int | str) -> int | str:
        return code if code in self.errors or len(self.errors) < MAX_CODES else OTHER

    def _settle(self) -> None:
        now = self._clock.seconds()
        if self._at_once:
            # All of it took equally long.
            seconds = now - burst.began
            bucket = bisect_left(BOUNDS, seconds)
            for timing in self._at_once:
                times = timing.pending
                timing.pending = 0
                timing.seconds += seconds * times
                timing.buckets[bucket] += times
            self._at_once.clear()
        if self._later:
            for started in self._later:
                self._add(started, now - started.began, started.answered)
                started.answered = 0
            self._later.clear()

    def _add(self, started: Started, seconds: float, times: int = 1) -> None:
        started.timing.add(seconds, times)
        if started.tool is not None:
            started.tool.add(seconds, times)


class Counted(Protocol):
    """The Timings of one server, or the sums of several, for whoever reads them."""

    @property
    def by_name(self) -> Mapping[str, Timing]: ...
    @property
    def errors(self) -> Mapping[int | str, int]: ...


@runtime_checkable
class TimesTools(Protocol):
    """A backend that counts the calls of its tools itself, which costs less than to read their names once more."""

    def time_tools(self, timings: Timings) -> None:
        """Count and time the calls of each tool in `timings` from now on, by its name."""


def tool_timings(backend: object, timings: Timings, clock: IReactorTime) -> Timings:
    """The Timings of the tools of a backend, beside those of requests in general, which `timings` are."""
    tools = Timings((), clock, MAX_TOOLS, timings)
    if isinstance(backend, TimesTools):
        backend.time_tools(tools)
    else:
        timings.tools = tools
    return tools
