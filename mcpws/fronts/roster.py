"""The clients of a server, whatever carries them: how many may be, what they have done, and how all of them leave."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mcpws.core.counters import Counters
from mcpws.jsonrpc.messages import Notification
from mcpws.log.events import REFUSED_PER_SECOND, log_more_refused, log_refused
from mcpws.policy.pace import Pace
from mcpws.policy.stats import NO_NUMBERS, ConnectionStatistics, ServerStatistics, Totals
from mcpws.seam.observer import Refused
from mcpws.turns.heartbeat import Heartbeat, Swept
from mcpws.turns.once import Once
from mcpws.turns.steady import steady
from mcpws.turns.timer import Timer

MAX_CONNECTIONS = "max_connections"
"""The setting that is its own."""

RESTART_SECONDS = 1.0
"""For those who are entering when all have to leave for a restart."""


class Member(Swept, Protocol):
    """One client, as a front has it."""

    @property
    def id(self) -> int:
        """Its number, which `Roster.new_id` gave."""

    @property
    def counters(self) -> Counters: ...

    def statistics(self, now: float) -> ConnectionStatistics: ...

    def notify(self, notification: Notification) -> bool:
        """Send it, if the client is initialised; returns whether it is."""

    def drain(self) -> None:
        """Take no new requests, and leave once those in flight are answered; who is entering need not be let in."""

    def give_up(self) -> None:
        """Answer what is in flight with an error, and leave."""


class Roster:
    """The clients of one server. Several fronts may share it: then they share its limits, its totals and its end.

    A front tells of each client in this order: `enter`, `present` unless it was refused, `gone`. What is `refused`
    before there is a Member enters not at all.

    :param clock: for the term of a drain; what else takes time goes by `time`, which stands while the process does.
    :param max_connections: clients that are present; as many more may be entering.
    :param drain_seconds: for requests in flight when all have to leave.
    :param period: seconds between two sweeps of all members.
    :param within: a larger one, of which this is a part: all that is here is there as well, with its limits and its
        end, and it sees to the sweeps.
    """

    def __init__(
        self,
        clock: IReactorTime,
        *,
        max_connections: int,
        drain_seconds: float,
        period: float = 1.0,
        within: Roster | None = None,
    ) -> None:
        self.time = steady(clock)
        self._within = within
        self._restarting = False
        self._max_connections = max_connections
        self._drain_seconds = drain_seconds
        self._ids: count[int] = count(1) if within is None else within._ids
        self._entering: dict[int, Member] = {}
        self._present: dict[int, Member] = {}
        self._heartbeat = Heartbeat(self.time, period, lambda: self.members)
        self._totals = Totals(self.time.seconds())
        self._refusals = Pace(REFUSED_PER_SECOND)
        self._draining = False
        self._empty: Once[None] = Once()
        self._deadline = Timer(clock)

    @property
    def members(self) -> tuple[Member, ...]:
        """All, with those who are entering, as they came to be what they are."""
        return (*self._present.values(), *self._entering.values())

    # Admission, which fronts ask for.

    def may_enter(self, more: int = 0) -> bool:
        """Whether one more may begin to enter: if not, somebody begins more than he completes.

        :param more: places besides those of clients, for what may turn out to be none.
        """
        may_here = len(self._entering) < self._max_connections + more
        return may_here and (self._within is None or self._within.may_enter(more))

    @property
    def is_full(self) -> bool:
        """Whether as many are present as may be."""
        return len(self._present) >= self._max_connections or (self._within is not None and self._within.is_full)

    @property
    def is_leaving(self) -> bool:
        """Whether nobody new is let in, for good."""
        return (self._draining and not self._restarting) or (self._within is not None and self._within.is_leaving)

    @property
    def restarting(self) -> bool:
        """Whether all leave since another one takes over; until they have left, who is entering is let in."""
        return self._restarting or (self._within is not None and self._within.restarting)

    # What fronts tell.

    def new_id(self) -> int:
        """The number of the next Member."""
        return next(self._ids)

    def enter(self, member: Member) -> None:
        """A client begins: with a handshake, for example."""
        self._entering[member.id] = member
        if self._empty.fired:
            self._empty = Once()
        if self._within is None:
            self._heartbeat.start()
        else:
            self._within.enter(member)

    def present(self, member: Member) -> None:
        """A client is let in."""
        self._present[member.id] = self._entering.pop(member.id)
        self._totals.connections += 1
        if self._within is not None:
            self._within.present(member)

    def aborted(self) -> None:
        """A client is not waited for any longer; `gone` follows, unless it came before."""
        self._totals.aborted += 1
        if self._within is not None:
            self._within.aborted()

    def gone(self, member: Member) -> None:
        """A client is no more, whether it was let in or not."""
        if self._present.pop(member.id, None) is None:
            del self._entering[member.id]
        self._totals.closed(member.counters)
        if self._is_empty:
            self._heartbeat.stop()
            self._tell_empty()
        if self._within is not None:
            self._within.gone(member)

    def refused(self, refused: Refused) -> None:
        """Count and log one that is not let in; the log shows some in a second."""
        self._totals.refused += 1
        if refused.setting == MAX_CONNECTIONS:
            self._totals.limited(refused.setting)
        if self._within is not None:
            self._within.refused(refused)
        elif self._refusals.passes(self.time.seconds()):
            if hidden := self._refusals.hidden():
                log_more_refused(hidden)
            log_refused(refused)

    def limited(self, setting: str) -> None:
        """A client has come to a limit; every time."""
        self._totals.limited(setting)
        if self._within is not None:
            self._within.limited(setting)

    # What the program asks for.

    def statistics(self, backend: Mapping[str, int] = NO_NUMBERS) -> ServerStatistics:
        """A snapshot of all members, of the totals since the start, and of what the backend has counted."""
        now = self.time.seconds()
        open = tuple(one.statistics(now) for one in self.members)
        return self._totals.snapshot(open, now, backend, self._max_connections)

    def broadcast(self, notification: Notification) -> int:
        """Send to every initialised client; returns to how many."""
        return sum([one.notify(notification) for one in list(self._present.values())])

    def drain(self, seconds: float | None = None) -> Deferred[None]:
        """Let nobody in, and all leave once what is in flight is answered; fires when nobody is left.

        What takes longer than `seconds`, `drain_seconds` by default, is answered with an error. Nobody is let in again.
        """
        if not self._draining:
            self._draining = True
            members = self.members
            if members:
                limit = self._drain_seconds if seconds is None else seconds
                # Not by the time for which this process runs: whoever stops it has set a term.
                self._deadline.set(limit, self._give_up)
            for one in members:
                one.drain()
        drained = self._empty.when()
        self._tell_empty()
        return drained

    def restart(self) -> Deferred[None]:
        """Let all leave at once for another process that serves from now on; fires when nobody is left.

        What is in flight is answered with an error. Who is entering is let in before, to be told as well, if that takes
        no longer than a second. Let nobody begin to enter from now on.
        """
        self._restarting = True
        drained = self.drain(RESTART_SECONDS)
        for one in list(self._present.values()):
            one.give_up()
        return drained

    def make_way(self, seconds: float | None = None) -> Deferred[None]:
        """Let all leave, as `drain` does, for another server that is at this place from now on; fires when they have.

        Who is entering is let in before, to be told as well. Let nobody begin to enter from now on.
        """
        self._restarting = True
        return self.drain(seconds)

    @property
    def _is_empty(self) -> bool:
        return not (self._present or self._entering)

    def _give_up(self) -> None:
        for one in self.members:
            one.give_up()

    def _tell_empty(self) -> None:
        if self._draining and self._is_empty:
            self._deadline.stop()
            self._empty.fire(None)
