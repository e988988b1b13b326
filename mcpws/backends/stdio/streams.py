"""The two streams of a child that need more than framing: its input, which it may not read, and its errors."""

from __future__ import annotations

import fcntl
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.interfaces import IPullProducer, IReactorTime
from zope.interface import implementer

from mcpws.jsonrpc.lines import to_lines
from mcpws.seam.interfaces import Producer
from mcpws.turns.burst import burst
from mcpws.turns.timer import Timer
from mcpws.ws.unread import in_pipe

ROOM = 64 * 1024
"""Bytes that may wait before the client is paused; it is resumed below half of them."""

READ = 8 * 1024
"""Bytes that Twisted reads from a pipe at a time."""

WIDE = 256 * 1024
"""Bytes that a pipe holds, where that can be had, and that are read at once when Twisted has not read all."""

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(9), *range(10, 32), *range(127, 160))}


@implementer(IPullProducer)
class Intake:
    """Messages that wait to be read by a child, as the producer of the pipe to its standard input.

    It is written here, what came in one burst in one go, and straight to the pipe: Twisted's own buffer tells when it
    is empty, never that it becomes less.

    :param pipe: the write end; from now on it is written and closed here alone.
    :param client: paused while more than `ROOM` waits.
    :param stall_timeout: seconds for which the child may take nothing while the client is paused.
    :param on_stall: called when it has not; nothing else is done about it here.
    """

    def __init__(
        self,
        pipe: FileDescriptor,
        client: Producer,
        clock: IReactorTime,
        stall_timeout: float,
        on_stall: Callable[[], None],
    ) -> None:
        self._pipe: Any = pipe
        self._client = client
        self._clock = clock
        self._stall_timeout = stall_timeout
        self._on_stall = on_stall
        self._begun: bytes | memoryview = b""
        self._messages: list[bytes] = []
        self._waiting = 0
        self._blocked = False
        self._open = True
        self._given = 0
        self._unread = 0
        self._taken_at = 0.0
        self._watch = Timer(clock)
        self._unread_before: int | None = None
        self._excused = False
        pipe.registerProducer(self, False)

    @property
    def untouched(self) -> bool:
        """Whether the pipe was closed before anything of what it had been given was read."""
        return not self._open and self._unread == self._given

    def write(self, message: bytes) -> None:
        """Give `message`, encoded, to the child when it reads, on a line; nothing once the input is closed."""
        if not self._open:
            return
        if not self._messages and not self._blocked:
            if burst.is_on:
                burst.at_end(self._flush)
            else:
                self._wait()
        self._messages.append(message)
        self._waiting += len(message)
        if self._waiting > ROOM and not self._watch.is_set:
            self._flush()
            if self._waiting > ROOM:
                self._taken_at = self._clock.seconds()
                self._unread_before = in_pipe(self._pipe)
                self._watch.set(self._stall_timeout, self._check)
                self._client.pauseProducing()

    def excuse(self, excused: bool) -> None:
        """Whether the child may wait for us to read it: that it does not read meanwhile is not held against it."""
        if self._excused and not excused:
            self._taken_at = self._clock.seconds()
        self._excused = excused

    def finish(self) -> None:
        """Close the input after all that waits has been read."""
        if self._open:
            rest = b"".join((self._begun, to_lines(self._messages)))
            self.drop()
            self._pipe.write(rest)
            self._pipe.loseConnection()

    def drop(self) -> None:
        """There is nobody to read what waits: forget it."""
        if self._open:
            self.stopProducing()
            self._pipe.unregisterProducer()

    def resumeProducing(self) -> None:
        """The pipe takes more."""
        self._blocked = False
        self._flush()

    def stopProducing(self) -> None:
        """The pipe is closed."""
        self._unread = in_pipe(self._pipe) or 0
        self._open = False
        self._begun = b""
        self._messages.clear()
        self._waiting = 0
        self._watch.stop()

    def _flush(self) -> None:
        """Give the pipe what it takes now."""
        while not self._blocked and (self._begun or self._messages):
            if not self._begun:
                self._begun = to_lines(self._messages)
                self._waiting += len(self._messages)
                self._messages.clear()
            taken = self._pipe.writeSomeData(self._begun)
            if not isinstance(taken, int):
                # The other end is closed: Twisted finds out by itself, and tells, once it has something to write.
                self._blocked = True
                self._pipe.write(bytes(self._begun))
                return
            self._waiting -= taken
            self._given += taken
            if taken < len(self._begun):
                self._begun = memoryview(self._begun)[taken:]
                self._wait()
            else:
                self._begun = b""
            if self._watch.is_set and taken:
                self._taken_at = self._clock.seconds()
        if self._watch.is_set and self._waiting * 2 < ROOM:
            self._watch.stop()
            self._client.resumeProducing()

    def _wait(self) -> None:
        """Have `resumeProducing` called when there is room in the pipe."""
        self._blocked = True
        self._pipe.startWriting()

    def _check(self) -> None:
        now, unread = self._clock.seconds(), in_pipe(self._pipe)
        if self._excused or unread != self._unread_before:
            # It may have read less than makes room in the pipe.
            self._taken_at = now
        self._unread_before = unread
        left = self._taken_at + self._stall_timeout - now
        if left > 0:
            self._watch.set(left, self._check)
        else:
            self._on_stall()


def widen(pipe: FileDescriptor) -> None:
    """Let the pipe hold more than 64 KiB: the less often do two processes wait for each other over a long message.

    Only Linux does that, and only for so many pipes of one user (pipe(7)). It is no error where it cannot be had.
    """
    if sys.platform == "linux":
        with suppress(OSError, ValueError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, WIDE)


def read_on(pipe: FileDescriptor) -> bytes:
    """Bytes that are still to be read; the end, and what goes wrong, Twisted is left to see."""
    try:
        return os.read(pipe.fileno(), WIDE)
    except OSError:
        return b""


class ErrorLines:
    """Standard error of a child, line by line for the log, however much it is.

    Control characters are escaped: a log is read on terminals.

    :param show: called with each line to be logged.
    :param max_line: bytes of a line that are kept; what follows becomes `...`.
    :param per_second: lines that are shown; those beyond are counted, and the count is shown with the next line.
    """

    def __init__(self, show: Callable[[str], None], max_line: int, per_second: int) -> None:
        self._show = show
        self._max_line = max_line
        self._per_second = per_second
        self._line = b""
        self._second = 0.0
        self._shown = 0
        self._hidden = 0

    def hides(self, now: float) -> bool:
        """Whether a line at `now`, in seconds, would not be shown; then it is counted, and need not be fed."""
        hidden = self._shown == self._per_second and now - self._second < 1
        self._hidden += hidden
        return hidden

    def feed(self, data: bytes, now: float) -> None:
        """Take in what was read at `now`, in seconds."""
        first, *others = data.split(b"\n")
        self._extend(first)
        for other in others:
            self._end_line(now)
            self._extend(other)

    def finish(self, now: float) -> None:
        """The stream has ended: show what is left, and how much was not shown."""
        self._end_line(now)
        self._report()

    def _extend(self, data: bytes) -> None:
        # One byte over the limit is kept, to know that there was more.
        self._line = (self._line + data[: self._max_line + 1])[: self._max_line + 1]

    def _end_line(self, now: float) -> None:
        line, self._line = self._line.rstrip(b"\r"), b""
        if not line:
            return
        if now - self._second >= 1:
            self._report()
            self._second = now
            self._shown = 0
        if self._shown == self._per_second:
            self._hidden += 1
            return
        self._shown += 1
        end = "..." if len(line) > self._max_line else ""
        text = line[: self._max_line].decode("utf-8", "backslashreplace")
        self._show(text.translate(_CONTROLS) + end)

    def _report(self) -> None:
        if self._hidden:
            self._show(f"{self._hidden} more lines not shown")
            self._hidden = 0
