"""Room for child processes: how many there may be, and how soon after one has failed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime

from mcpws.backends.stdio.child import Child, ChildCounters
from mcpws.errors import BackendLost, ConfigError, McpwsError
from mcpws.policy.backoff import Backoff, Failures
from mcpws.seam.interfaces import Channel, Identity, Link

MAX_REMEMBERED = 1024
"""Clients whose children have ended too soon."""

Start = Callable[[Link], Deferred[Channel]]


class Room:
    """For so many children at a time, those that are being shut down included. Whoever finds none waits, in order.

    :param start: starts a child.
    :param count: how many there are.
    :param timeout: seconds for one that waits.
    :raises ConfigError: one of these is not above 0.
    """

    def __init__(
        self,
        most: int,
        timeout: float,
        start: Start,
        count: Callable[[], int],
        clock: IReactorTime,
        counters: ChildCounters,
    ) -> None:
        for key, value in (("max_children", most), ("room_timeout", timeout)):
            if not value > 0:
                raise ConfigError(key, value, "must be above 0")
        self._most = most
        self._timeout = timeout
        self._start = start
        self._count = count
        self._clock = clock
        self._counters = counters
        self._waiting: dict[Deferred[Channel], Link] = {}

    @property
    def is_full(self) -> bool:
        """Whether whoever enters now has to wait."""
        return bool(self._waiting) or self._count() >= self._most

    def enter(self, link: Link) -> Deferred[Channel]:
        """Start a child when there is room. Fails with BackendLost if there is none in time; cancelling gives it up."""
        if not self.is_full:
            return self._start(link)
        self._counters.crowded += 1
        if len(self._waiting) >= self._most:
            return fail(self._full())
        waiting: Deferred[Channel] = Deferred(self._forget)
        self._waiting[waiting] = link
        timer = self._clock.callLater(self._timeout, self._time_is_up, waiting)

        def over(outcome: object) -> object:
            if timer.active():
                timer.cancel()
            return outcome

        # In front of whatever its owner adds.
        waiting.addBoth(over)
        return waiting

    def freed(self) -> None:
        """A child is gone: let who waits have its room."""
        while self._waiting and self._count() < self._most:
            waiting, link = next(iter(self._waiting.items()))
            del self._waiting[waiting]
            self._start(link).chainDeferred(waiting)

    def close(self, reason: McpwsError) -> None:
        """Nobody gets in any more."""
        waiting, self._waiting = list(self._waiting), {}
        for one in waiting:
            one.errback(reason)

    def _time_is_up(self, waiting: Deferred[Channel]) -> None:
        self._forget(waiting)
        waiting.errback(self._full())

    def _forget(self, waiting: Deferred[Channel]) -> None:
        self._waiting.pop(waiting, None)

    def _full(self) -> BackendLost:
        return BackendLost(f"{self._most} server processes run already", {"limit": self._most, "retryAfterMs": 1000})


class Relapses:
    """Children that ended by themselves too soon, and the wait before there is another.

    One that has not read a word of its client was not ended by that: everybody has to wait. Of what else ends within
    `backoff.most` seconds it may be the client who makes it do so, and nobody else has to suffer that. Once that is no
    reason to wait: some servers end at what they do not know, and are then asked something else.
    """

    def __init__(self, backoff: Backoff, random: Callable[[], float]) -> None:
        self._backoff = backoff
        self._random = random
        self._own = Failures(backoff)
        self._by_client: OrderedDict[int, tuple[Identity, Failures]] = OrderedDict()
        self._reason = ""

    def unready(self, now: float) -> str | None:
        """Why nobody gets a child now; None if somebody would."""
        left = self._own.left(now)
        return None if left <= 0 else self._told(left)

    def refusal(self, link: Link, now: float) -> BackendLost | None:
        """Why `link` gets no child now; None if it may have one."""
        left = self._own.left(now)
        if self._by_client and (client := self._by_client.get(id(link.identity))):
            left = max(left, client[1].left(now))
        if left <= 0:
            return None
        return BackendLost(self._told(left), {"retryAfterMs": ceil(left * 1000)})

    def _told(self, left: float) -> str:
        return f"{self._reason}; it is started again in {left:.1f} s"

    def ended(self, child: Child, others_talk: bool, now: float) -> None:
        """`child` is gone; `others_talk` says whether another one that runs has sent a message."""
        if child.talks or others_talk:
            self._own.over()
        if not child.by_itself:
            return
        self._reason = child.reason
        if child.stillborn:
            self._own.add(now, self._random())
            return
        identity = child.client.identity
        _, failures = self._by_client.pop(id(identity), (identity, Failures(self._backoff, free=1)))
        if now - child.started < self._backoff.most:
            failures.add(now, self._random())
            self._by_client[id(identity)] = identity, failures
            if len(self._by_client) > MAX_REMEMBERED:
                self._by_client.popitem(last=False)
