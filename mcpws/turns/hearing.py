"""Bounds of what functions do because of the other end's notifications: nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.turns.outcome import as_deferred

log = Logger()


class Hearing:
    """That of one conversation.

    `dropped` counts what came while there was no room.

    :param peer: who the other end is, for the log.
    :param limit: notifications that may be worked on at the same time.
    :param max_bytes: of these, together. A longer one has room alone.
    """

    __slots__ = ("_bytes", "_limit", "_max_bytes", "_peer", "_work", "dropped")

    def __init__(self, peer: str, limit: int, max_bytes: int) -> None:
        self._peer = peer
        self._limit = limit
        self._max_bytes = max_bytes
        self._work: dict[Deferred[Any], int] = {}
        self._bytes = 0
        self.dropped = 0

    def hear(self, listener: Callable[..., object], name: str, size: int, *arguments: object) -> None:
        """Call a listener, if there is room for a notification of `size` bytes; what goes wrong is logged."""
        if not self.has_room(size):
            return
        try:
            outcome = listener(*arguments)
        except BaseException:
            _not_heard(Failure(), name)
            return
        later = as_deferred(outcome)
        if later is not None:
            self.add(later, size, name)

    def has_room(self, size: int) -> bool:
        """Whether a function may hear of one more, of `size` bytes. If not, it is counted: drop it."""
        if not self._work or (len(self._work) < self._limit and self._bytes + size <= self._max_bytes):
            return True
        if not self.dropped:
            log.warn(
                "notifications of {peer} are dropped: {count} of {bytes} bytes are worked on",
                peer=self._peer,
                count=len(self._work),
                bytes=self._bytes,
            )
        self.dropped += 1
        return False

    def add(self, work: Deferred[Any], size: int, name: str) -> None:
        """A function, whose `name` tells people of it, has begun `work`; what it raises in the end is logged."""
        self._work[work] = size
        self._bytes += size
        work.addErrback(_not_heard, name).addBoth(self._over, work)

    def end(self) -> None:
        """The other end is gone: cancel everything."""
        for work in list(self._work):
            try:
                work.cancel()
            except BaseException:
                log.failure("what a notification began could not be cancelled")

    def _over(self, _: object, work: Deferred[Any]) -> None:
        self._bytes -= self._work.pop(work)


def _not_heard(failure: Failure, name: str) -> None:
    if not failure.check(CancelledError):
        log.failure("a notification could not be taken: {name}", failure=failure, name=name)
