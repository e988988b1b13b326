"""What waits to be sent on one connection, bounded and counted: Twisted's own write buffer is neither."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.interfaces import IConsumer, IPushProducer, IReactorTime, ITransport
from zope.interface import implementer

SLICE = 64 * 1024
"""What is given to a slow transport at a time. Its size is how finely progress is seen."""

DIRECT = 256 * 1024
"""A frame up to this size goes to an idle transport whole."""


@implementer(IPushProducer)
class Outbox:
    """The push producer of a transport. Takes whole frames; keeps their order; never splits one for good.

    :param limit: bytes above which `on_full` is called; the feeding of this connection should be paused.
    :param on_full: called when more than `limit` bytes wait.
    :param on_space: called once less than half of `limit` waits again.
    :param on_empty: called once nothing waits any more.
    """

    __slots__ = (
        "_blocked_at",
        "_clock",
        "_corked",
        "_frames",
        "_full",
        "_gathered",
        "_limit",
        "_offset",
        "_on_empty",
        "_on_full",
        "_on_space",
        "_transport",
        "queued",
    )

    def __init__(
        self,
        transport: ITransport,
        clock: IReactorTime,
        limit: int,
        on_full: Callable[[], None],
        on_space: Callable[[], None],
        on_empty: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._limit = limit
        self._on_full = on_full
        self._on_space = on_space
        self._on_empty = on_empty
        self._frames: deque[bytes] = deque()
        self._offset = 0
        self._blocked_at: float | None = None
        self._corked: list[bytes] | None = None
        self._gathered = 0
        self._full = False
        self.queued = 0
        IConsumer(transport).registerProducer(self, True)

    def write(self, frame: bytes) -> None:
        """Send a frame, now or when there is room."""
        if self._blocked_at is None and not self._frames:
            if self._corked is not None:
                self._cork_in(self._corked, frame)
                return
            if len(frame) <= DIRECT:
                self._transport.write(frame)
                return
        self._frames.append(frame)
        self.queued += len(frame)
        if self._blocked_at is None:
            self._flush()
        if self.queued > self._limit and not self._full:
            self._full = True
            self._on_full()

    def cork(self) -> None:
        """Gather what is written until `uncork`, which must come in the same turn of the reactor."""
        self._corked = []
        self._gathered = 0

    def uncork(self) -> None:
        """Send what was gathered in one write."""
        corked, self._corked = self._corked, None
        if corked:
            self.write(corked[0] if len(corked) == 1 else b"".join(corked))

    def _cork_in(self, corked: list[bytes], frame: bytes) -> None:
        corked.append(frame)
        self._gathered += len(frame)
        if self._gathered > DIRECT:
            self.uncork()
            self.cork()

    @property
    def behind(self) -> bool:
        """Whether something waits."""
        return self._blocked_at is not None or bool(self._frames)

    def stalled(self, now: float) -> float:
        """Seconds for which the transport has taken nothing; 0 when nothing waits."""
        return 0.0 if self._blocked_at is None else now - self._blocked_at

    def discard(self) -> None:
        """Drop all that waits, but for the rest of a frame whose beginning is out already.

        What is gathered for `uncork` waits for no reader, and stays.
        """
        begun = self._frames[0] if self._offset else None
        self._frames.clear()
        self.queued = 0
        if begun is not None:
            self._frames.append(begun)
            self.queued = len(begun) - self._offset

    def hand_over(self) -> None:
        """Give everything to the transport, which is about to be closed and takes no pauses any more."""
        self.uncork()
        self._blocked_at = None
        while self._frames:
            self._write_slice()

    def pauseProducing(self) -> None:
        self._blocked_at = self._clock.seconds()

    def resumeProducing(self) -> None:
        self._blocked_at = None
        self._flush()
        if self._full and self.queued * 2 < self._limit:
            self._full = False
            self._on_space()
        if not self.behind:
            self._on_empty()

    def stopProducing(self) -> None:
        # What is written from now on goes to the transport, which is gone and drops it.
        self._blocked_at = self._corked = None
        self._frames.clear()
        self._offset = self.queued = 0

    def _flush(self) -> None:
        while self._frames and self._blocked_at is None:
            self._write_slice()

    def _write_slice(self) -> None:
        frame = self._frames[0]
        part = frame[self._offset : self._offset + SLICE]
        self._offset += len(part)
        self.queued -= len(part)
        if self._offset == len(frame):
            self._frames.popleft()
            self._offset = 0
        self._transport.write(part)
