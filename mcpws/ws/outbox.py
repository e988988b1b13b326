"""A queue of what waits to be sent on one connection, bounded and counted: Twisted's own write buffer is neither."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import IPullProducer, IPushProducer, IReactorTime, ITransport
from zope.interface import implementer

from mcpws.turns.burst import burst
from mcpws.ws.unread import in_socket

SLICE = 64 * 1024
"""What is given to a slow transport at a time. Its size is how finely progress is seen."""

PIECE = 16 * 1024
"""What is given to a unix socket at a time."""

WHOLE = 256 * 1024
"""A frame up to this size goes to an idle transport whole; what is gathered goes out as soon as it is more."""


class Outbox(ABC):
    """The producer of a transport. Takes whole frames; keeps their order; never splits one for good.

    :param limit: bytes above which `on_full` is called; the feeding of this connection should be paused.
    :param on_full: called when more than `limit` bytes wait.
    :param on_space: called once less than half of `limit` waits again.
    :param on_empty: called once nothing waits any more.
    :param on_close: called in place of the transport's `loseConnection`, which a producer would keep waiting, until
        `hand_over`: to end a WebSocket takes more than to end its transport, whoever asks for it.
    """

    streaming: ClassVar[bool]
    """Whether it is a push producer."""

    __slots__ = (
        "_blocked_at",
        "_clock",
        "_frames",
        "_full",
        "_gathered",
        "_gathered_bytes",
        "_limit",
        "_offset",
        "_on_empty",
        "_on_full",
        "_on_space",
        "_over",
        "_transport",
        "_unread",
        "queued",
    )

    def __init__(
        self,
        transport: Any,
        clock: IReactorTime,
        limit: int,
        on_full: Callable[[], None],
        on_space: Callable[[], None],
        on_empty: Callable[[], None],
        on_close: Callable[[], None],
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._limit = limit
        self._on_full = on_full
        self._on_space = on_space
        self._on_empty = on_empty
        # Only while something waits: an empty deque takes as much memory as all the rest.
        self._frames: deque[bytes] | None = None
        self._offset = 0
        self._blocked_at: float | None = None
        self._gathered: list[bytes] | None = None
        self._gathered_bytes = 0
        self._full = False
        self._unread: int | None = None
        self._over = False
        self.queued = 0
        transport.registerProducer(self, self.streaming)
        # Whom an endpoint gave the transport to, as it does to a ClientService, has this very object.
        transport.loseConnection = on_close

    @abstractmethod
    def _give(self, frame: bytes, offset: int) -> int:
        """Give the transport of `frame`, from `offset` on, what it takes now; returns how many bytes are left.

        If there is a rest, `resumeProducing` follows.
        """

    def write(self, frame: bytes) -> None:
        """Send a frame: now, at the end of the burst, or when there is room."""
        gathered = self._gathered
        # First: what is gathered goes out before what has to wait from now on.
        if gathered is not None:
            gathered.append(frame)
        elif self._blocked_at is not None:
            self._wait(frame, 0)
            return
        elif burst.is_on:
            self._gathered = [frame]
            burst.at_end(self.flush)
        else:
            left = self._give(frame, 0)
            if left:
                self._wait(frame, len(frame) - left)
            return
        self._gathered_bytes += len(frame)
        if self._gathered_bytes > WHOLE:
            self.flush()

    def write_large(self, head: bytes, payload: bytes) -> None:
        """`write` for a frame in two parts, which are put together only if they cannot go out at once."""
        self.write(head + payload)

    def flush(self) -> None:
        """Send what was gathered in one write."""
        gathered, self._gathered = self._gathered, None
        if gathered is not None:
            data = gathered[0] if len(gathered) == 1 else b"".join(gathered)
            self._gathered_bytes = 0
            left = self._give(data, 0) if self._blocked_at is None else len(data)
            if left:
                self._wait(data, len(data) - left)

    @property
    def behind(self) -> bool:
        """Whether something waits, or would have to."""
        return self._blocked_at is not None

    def stalled(self, now: float) -> float:
        """Seconds for which the transport, and as far as `takes` has seen the other end, has taken nothing.

        0 when nothing waits.
        """
        return 0.0 if self._blocked_at is None else now - self._blocked_at

    def takes(self, now: float) -> bool:
        """Whether the other end has taken something, since this was last asked, of what the kernel holds for it."""
        before, self._unread = self._unread, in_socket(self._transport)
        if before is None or self._unread is None:
            return False
        if self._blocked_at is None:
            # More may have been written meanwhile.
            return self._unread < before
        if self._unread != before:
            self._blocked_at = now
        return self._unread != before

    def discard(self) -> None:
        """Drop all that waits, but for the rest of a frame whose beginning is out already.

        What is gathered waits for no reader, and stays.
        """
        begun = self._frames[0] if self._frames and self._offset else None
        self._frames = None
        self.queued = 0
        if begun is not None:
            self._frames = deque([begun])
            self.queued = len(begun) - self._offset

    def hand_over(self) -> None:
        """Give everything to the transport, which is about to be closed and takes no pauses any more."""
        self.flush()
        self._give_up()
        self._blocked_at = None
        self._flush()

    def resumeProducing(self) -> None:
        """The transport takes more."""
        if self._blocked_at is None:
            # A pull producer is asked for more than anybody has written.
            return
        self._blocked_at = None
        self._flush()
        if self._full and self.queued * 2 < self._limit:
            self._full = False
            self._on_space()
        if not self.behind:
            self._on_empty()

    def stopProducing(self) -> None:
        """The transport is gone, or is to be; what is written from now on, it drops."""
        self._give_up()
        self._blocked_at = self._gathered = self._frames = None
        self._gathered_bytes = self._offset = self.queued = 0

    def _give_up(self) -> None:
        """Be the transport's producer no more: it closes only then. From now on it has to take what it is given."""
        if not self._over:
            self._over = True
            self._transport.unregisterProducer()
            del self._transport.loseConnection

    def _wait(self, frame: bytes, offset: int) -> None:
        """Put a frame at the end; its first `offset` bytes are out."""
        if self._frames is None:
            self._frames = deque()
            self._offset = offset
        self._frames.append(frame)
        self.queued += len(frame) - offset
        self._blocked()
        if self.queued > self._limit and not self._full:
            self._full = True
            self._on_full()

    def _flush(self) -> None:
        """Send what waits, as far as it goes."""
        frames = self._frames
        while frames and self._blocked_at is None:
            _join_first(frames)
            frame, offset = frames[0], self._offset
            left = self._give(frame, offset)
            self._offset = len(frame) - left
            self.queued -= self._offset - offset
            if left:
                self._blocked()
            else:
                frames.popleft()
                self._offset = 0
        if not frames:
            self._frames = None

    def _blocked(self) -> None:
        if self._blocked_at is None:
            self._blocked_at = self._clock.seconds()


def _join_first(frames: deque[bytes]) -> None:
    """Make one of the small frames at the beginning: to write each by itself would take a turn of a second."""
    if len(frames[0]) < SLICE and len(frames) > 1:
        first, size = [frames.popleft()], 0
        while frames and (size := size + len(first[-1])) + len(frames[0]) <= SLICE:
            first.append(frames.popleft())
        frames.appendleft(b"".join(first))


@implementer(IPullProducer)
class SocketOutbox(Outbox):
    """Writes straight to a socket, without a turn through the reactor, and never more than it takes."""

    __slots__ = ("_socket",)

    streaming = False

    def __init__(self, transport: Any, *others: Any) -> None:
        super().__init__(transport, *others)
        self._socket = transport.getHandle()

    def write_large(self, head: bytes, payload: bytes) -> None:
        self.flush()
        if self._over or self.behind:
            self.write(head + payload)
            return
        try:
            taken: int = self._socket.sendmsg((head, payload))
        except OSError:
            taken = 0
        if taken < len(head) + len(payload):
            self._transport.startWriting()
            self._wait(head + payload, taken)

    def _give(self, frame: bytes, offset: int) -> int:
        if self._over:
            self._transport.write(frame[offset:])
            return 0
        # Past Twisted's writeSomeData, which takes half a microsecond for what is done here.
        try:
            taken: int = self._socket.send(memoryview(frame)[offset:] if offset else frame)
        except OSError:
            # It is full, or lost: the reactor finds out which, and tells.
            taken = 0
        left = len(frame) - offset - taken
        if left:
            self._transport.startWriting()
        return left


class UnixOutbox(SocketOutbox):
    """Writes piece by piece: a unix socket counts a piece as unread until all of it was read."""

    __slots__ = ()

    def write_large(self, head: bytes, payload: bytes) -> None:
        self.write(head + payload)

    def _give(self, frame: bytes, offset: int) -> int:
        if self._over:
            return super()._give(frame, offset)
        while offset < len(frame):
            piece = frame[offset : offset + PIECE]
            left = super()._give(piece, 0)
            offset += len(piece) - left
            if left:
                break
        return len(frame) - offset


@implementer(IPushProducer)
class BufferedOutbox(Outbox):
    """Fills the buffer of a transport that has one and says when it is full: TLS, or any other wrapper."""

    __slots__ = ()

    streaming = True

    def pauseProducing(self) -> None:
        """The transport has enough for now."""
        self._blocked()

    def _give(self, frame: bytes, offset: int) -> int:
        if self._over or (not offset and len(frame) <= WHOLE):
            self._transport.write(frame[offset:])
            return 0
        while offset < len(frame) and not self.behind:
            part = frame[offset : offset + SLICE]
            self._transport.write(part)
            offset += len(part)
        return len(frame) - offset


def outbox(
    transport: ITransport,
    clock: IReactorTime,
    limit: int,
    on_full: Callable[[], None],
    on_space: Callable[[], None],
    on_empty: Callable[[], None],
    on_close: Callable[[], None],
) -> Outbox:
    """The one that suits `transport`; the parameters are those of Outbox."""
    # With startTLS, a socket encrypts what it is given by `write` only. Not every descriptor is a socket.
    if (
        isinstance(transport, FileDescriptor)
        and hasattr(transport, "getHandle")
        and not getattr(transport, "TLS", False)
    ):
        kind = UnixOutbox if isinstance(transport.getHost(), UNIXAddress) else SocketOutbox
        return kind(transport, clock, limit, on_full, on_space, on_empty, on_close)
    return BufferedOutbox(transport, clock, limit, on_full, on_space, on_empty, on_close)
