"""One child process that speaks MCP on its standard streams, from its start until nothing of it is left."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from twisted.internet.error import ConnectionDone, ProcessExitedAlready, ProcessTerminated
from twisted.internet.interfaces import IReactorTime
from twisted.internet.process import Process
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from mcpws.backends.stdio.streams import READ, ErrorLines, Intake, read_on, widen
from mcpws.config import require_positive
from mcpws.core.lifecycle import ChildState
from mcpws.errors import BackendLost, LineTooLong, McpwsError, ResultTooLarge, RpcError
from mcpws.jsonrpc.codec import decode, decode_batch, encode, is_batch
from mcpws.jsonrpc.lines import Line, LineFramer
from mcpws.jsonrpc.messages import Error, Message, Request, Result
from mcpws.jsonrpc.outline import outline
from mcpws.log.events import CHILD, log_child_ended, log_child_started
from mcpws.seam.interfaces import Link
from mcpws.seam.observer import Exit
from mcpws.turns.burst import burst
from mcpws.turns.timer import Timer

STDIN, STDOUT = 0, 1

ESCALATION = (signal.SIGTERM, signal.SIGKILL)
"""For a child that does not leave at the end of its input; `stop_grace` before each (MCP, stdio, shutdown)."""

LAST_WORDS = 1.0
"""Seconds for what ought to follow at once: the exit after a stream was closed, the streams' end after the exit."""

GARBAGE_SHOWN = 300
"""Bytes of what is logged of a line that is no message."""

MAX_BATCH = 1024
"""Messages in one line."""

GARBAGE_LOGGED = 5
"""Such lines a second that are logged; the others are counted."""

_ID, _METHOD = b'"id"', b'"method"'

# What no message begins with need not be decoded.
_BEGINNINGS = frozenset(b"{[ \t\r")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildLimits:
    """Limits of one child, as Stdio explains them; ConfigError names what is not above 0."""

    max_line: int
    max_stderr_line: int
    stderr_lines_per_second: int
    max_garbage: int
    stall_timeout: float
    stop_grace: float
    max_depth: int

    def __post_init__(self) -> None:
        require_positive(self)


@dataclass(slots=True)
class ChildCounters:
    """Numbers of all children of a backend so far."""

    started: int = 0
    given_up: int = 0
    garbage: int = 0
    too_long: int = 0
    held_off: int = 0
    crowded: int = 0
    stopped: int = 0


# To look a member up takes CPython 3.11 longer than to compare it.
_SERVING = ChildState.SERVING


class Child(ProcessProtocol):
    """A Channel to its client's front, a process protocol to the reactor.

    :param on_end: called once, when nothing of the child is left.
    """

    def __init__(
        self,
        link: Link,
        limits: ChildLimits,
        clock: IReactorTime,
        counters: ChildCounters,
        on_end: Callable[[Child], None],
    ) -> None:
        self._link: Link | None = link
        self._limits = limits
        self._clock = clock
        self._counters = counters
        self._on_end = on_end
        self._state = ChildState.SERVING
        self._lines = LineFramer(limits.max_line)
        self._errors = ErrorLines(self._log_error_line, limits.max_stderr_line, limits.stderr_lines_per_second)
        self._garbage = 0
        self._garbage_since = 0.0
        self._garbage_lines = ErrorLines(self._log_garbage, GARBAGE_SHOWN, GARBAGE_LOGGED)
        self._timer = Timer(clock)
        self._asked = 0
        self._stopped_for: float | None = None
        self.client = link
        self.started = clock.seconds()
        self.talks = False
        """Whether it has sent a message."""
        self.by_itself = False
        """Whether it has ended without being told to."""
        self.reason = ""
        """How it has ended."""

    @property
    def serving(self) -> bool:
        """Whether it has a client and was not told to go."""
        return self._state is ChildState.SERVING

    @property
    def stillborn(self) -> bool:
        """Whether it has ended before it read a word: none of its client's can be why."""
        return not self.talks and self._intake.untouched

    # What the front sees: Channel.

    def receive(self, message: Message) -> None:
        if self._state is _SERVING:
            if type(message) is Request:
                self._asked += 1
            self._intake.write(message.data or encode(message))

    def close(self, reason: str) -> None:
        if self._link is not None:
            self._link = None
            self._log(LogLevel.debug, "child_left", "has lost its client: {reason}", reason=reason)
            self._shut_down()

    def pauseProducing(self) -> None:
        if self._state is ChildState.SERVING and STDOUT in self._process.pipes:
            self._process.pipes[STDOUT].pauseProducing()
            self._intake.excuse(True)

    def resumeProducing(self) -> None:
        self._intake.excuse(False)
        if STDOUT in self._process.pipes:
            self._process.pipes[STDOUT].resumeProducing()

    def stopProducing(self) -> None:
        self.close("it takes no more messages")

    # What the backend sees.

    @property
    def pid(self) -> int:
        """The number of its process."""
        assert self._pid is not None
        return self._pid

    def begun(self, program: str) -> None:
        """The process runs `program`."""
        log_child_started(self.client.identity, self.pid, program)

    def over(self, exit: Exit) -> None:
        """The process is no more."""
        log_child_ended(self.client.identity, self.pid, exit)

    def stop(self, reason: McpwsError) -> None:
        """End the conversation because of `reason` if it is not over yet, and let the child go."""
        self._lose(reason)
        self._shut_down()

    def kill(self) -> None:
        """End the process and its descendants, now."""
        self._signal(signal.SIGKILL)

    def look(self, since: float) -> None:
        """Find out whether it is stopped, `since` seconds after the last look. For long, and asked, it is given up.

        One that is slow is not. And whoever stops a process, as with SIGSTOP, may let it go on again.
        """
        if not self.serving or self._pid is None or not is_stopped(self._pid):
            if self._stopped_for is not None:
                self._log(LogLevel.info, "child_continued", "is not stopped any more")
            self._stopped_for = None
        elif self._stopped_for is None:
            self._stopped_for = 0.0
            self._counters.stopped += 1
            self._log(LogLevel.warn, "child_stopped", "is stopped, as by SIGSTOP: it reads and answers nothing")
        else:
            # By looks, not by the clock: the time in which we were stopped ourselves does not count.
            self._stopped_for += since
            if self._stopped_for >= self._limits.stall_timeout and self._asked > 0:
                self._give_up(f"has been stopped for {self._stopped_for:g} s, as by SIGSTOP")

    def outgrown(self, used: int, limit: int) -> None:
        """It uses so much memory, with its descendants: it is ended now, before there is none left for others."""
        if self.serving:
            self.kill()
            self._give_up(f"used {used} bytes of memory, more than {limit}")

    # What the reactor sees: IProcessProtocol.

    def connectionMade(self) -> None:
        assert self._link is not None
        self._process = cast(Process, self.transport)
        self._pid = self._process.pid
        self._group = self._pid
        widen(self._process.pipes[STDIN])
        widen(self._process.pipes[STDOUT])
        self._intake = Intake(
            self._process.pipes[STDIN],
            self._link,
            self._clock,
            self._limits.stall_timeout,
            self._stalled,
        )

    def outReceived(self, data: bytes) -> None:
        if self._stopped_for is not None:
            # Only a wrapper is stopped, and what it has started is not.
            self._stopped_for = 0.0
        if self._link is None:
            return
        if len(data) >= READ:
            data += read_on(self._process.pipes[STDOUT])
        burst.during(self._take, self._lines.feed(data))

    def errReceived(self, data: bytes) -> None:
        self._errors.feed(data, self._clock.seconds())

    def inConnectionLost(self) -> None:
        self._expect_exit("closed its standard input")

    def outConnectionLost(self) -> None:
        if last := self._lines.finish():
            burst.during(self._take, [last])
        self._expect_exit("closed its standard output")

    def processExited(self, reason: Failure) -> None:
        self.by_itself = self._state is ChildState.SERVING
        self._state = self._state.to(ChildState.EXITED)
        self._intake.drop()
        self.resumeProducing()
        self._signal(signal.SIGTERM)
        self._timer.set(LAST_WORDS, self._sever)

    def processEnded(self, reason: Failure) -> None:
        self._timer.stop()
        self._signal(signal.SIGKILL)
        self._state = self._state.to(ChildState.ENDED)
        self._errors.finish(self._clock.seconds())
        self._garbage_lines.finish(self._clock.seconds())
        self.over(_exit(reason, self.by_itself, self._clock.seconds() - self.started))
        self.reason = f"The server process {_describe(reason)}"
        # Before its client can ask for another one.
        self._on_end(self)
        self._lose(BackendLost(self.reason))

    def _take(self, lines: list[Line]) -> None:
        """Pass on lines of standard output, unless one before has ended the conversation."""
        max_depth = self._limits.max_depth
        for line in lines:
            if self._link is None:
                return
            if isinstance(line, LineTooLong):
                self._refuse(line)
            else:
                try:
                    message = decode(line, max_depth)
                except RpcError as error:
                    self._take_apart(line, error)
                else:
                    self.talks = True
                    if type(message) is Result or type(message) is Error:
                        self._asked -= 1
                    self._link.send(message)

    def _take_apart(self, line: bytes, error: RpcError) -> None:
        """A line that is no message may be several (MCP 2025-03-26, batches), or tell who waits for it."""
        if line[0] not in _BEGINNINGS and _ID not in line:
            self._drop(line)
            return
        members: list[Message | RpcError] = [error]
        if is_batch(line):
            with suppress(RpcError):
                members = decode_batch(line, MAX_BATCH, self._limits.max_depth)
        for member in members:
            if self._link is None:
                return
            if not isinstance(member, RpcError):
                self.talks = True
                self._asked -= isinstance(member, Result | Error)
                self._link.send(member)
                continue
            if member.answers is not None:
                self._asked -= 1
                self._link.send(Error.in_place_of(member.answers, member))
            elif member.id is not None and _METHOD in line:
                self.receive(Error.answering(member.id, member))
            self._drop(b"%b: %b" % (f"{member} {member.data}".encode(), line[:GARBAGE_SHOWN]))

    def _refuse(self, line: LineTooLong) -> None:
        self._counters.too_long += 1
        self._log(LogLevel.warn, "child_line_too_long", "sent {output}, which is skipped", output=str(line))
        error = ResultTooLarge(line.size, line.limit)
        about = outline(line.begins, line.ends)
        if about.answers is not None:
            assert self._link is not None
            self._asked -= 1
            self._link.send(Error.answering(about.answers, error))
        elif about.asks is not None:
            self.receive(Error.answering(about.asks, error))

    def _drop(self, line: bytes) -> None:
        """Skip a line that is no message; many programs write to standard output what belongs into a log."""
        self._counters.garbage += 1
        now = self._clock.seconds()
        if not self._garbage_lines.hides(now):
            self._garbage_lines.feed(line[: GARBAGE_SHOWN + 1] + b"\n", now)
        if self.talks:
            return
        if now - self._garbage_since >= 60:
            self._garbage_since = now
            self._garbage = 0
        self._garbage += 1
        if self._garbage > self._limits.max_garbage:
            self._give_up(f"sent more than {self._limits.max_garbage} lines a minute that are no messages")

    def _log_garbage(self, line: str) -> None:
        self._log(LogLevel.warn, "child_garbage", "sent what is no message: {output}", output=line)

    def _log_error_line(self, line: str) -> None:
        self._log(LogLevel.info, "child_stderr", "stderr: {output}", output=line)

    def _log(self, level: Any, event: str, said: str, **fields: object) -> None:
        connection = self.client.identity.connection
        CHILD.emit(level, f"child {{pid}} {said}", event=event, connection=connection, pid=self._pid, **fields)

    def _stalled(self) -> None:
        self._give_up(f"has read nothing for {self._limits.stall_timeout:g} s")

    def _expect_exit(self, reason: str) -> None:
        """Most close their streams because they exit, and then the exit status says more."""
        if self._state is ChildState.SERVING and not self._timer.is_set:
            self._timer.set(LAST_WORDS, self._give_up, reason)

    def _give_up(self, reason: str) -> None:
        self._counters.given_up += 1
        self._log(LogLevel.warn, "child_given_up", "is given up: it {reason}", reason=reason)
        self.stop(BackendLost(f"The server process {reason}"))

    def _lose(self, reason: McpwsError) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.lost(reason)

    def _shut_down(self) -> None:
        if self._state is not ChildState.SERVING:
            return
        self._state = self._state.to(ChildState.STOPPING)
        # A child that cannot write would not come to see the end of its input.
        self.resumeProducing()
        self._intake.finish()
        self._timer.set(self._limits.stop_grace, self._escalate, *ESCALATION)

    def _escalate(self, number: int, *others: int) -> None:
        self._signal(number)
        if others:
            self._timer.set(self._limits.stop_grace, self._escalate, *others)

    def _signal(self, number: int) -> None:
        """Signal the child with all its descendants: wrappers such as npx do not always pass signals on."""
        if self._group is None:
            return
        try:
            os.killpg(self._group, number)
        except ProcessLookupError:
            if self._state is ChildState.EXITED:
                # Nobody is left, so the number may be given to a stranger.
                self._group = None
            else:
                # It has not come to make itself a group.
                with suppress(ProcessExitedAlready):
                    self._process.signalProcess(number)
        except PermissionError:
            self._log(LogLevel.warn, "child_signal", "may not be sent signal {number}", number=number)

    def _sever(self) -> None:
        """Close the streams that some descendant still holds open."""
        for pipe in list(self._process.pipes.values()):
            pipe.connectionLost(Failure(ConnectionDone()))


def _exit(reason: Failure, by_itself: bool, seconds: float) -> Exit:
    ended = reason.value
    if isinstance(ended, ProcessTerminated):
        return Exit(None if ended.signal is not None else ended.exitCode, ended.signal, by_itself, seconds)
    return Exit(0, None, by_itself, seconds)


def _describe(reason: Failure) -> str:
    """End of a process in words, as in "exited with status 1"."""
    ended = reason.value
    if isinstance(ended, ProcessTerminated) and ended.signal is not None:
        return f"was killed by signal {ended.signal} ({signal.strsignal(ended.signal)})"
    status = ended.exitCode if isinstance(ended, ProcessTerminated) else 0
    return f"exited with status {status}"


def is_stopped(pid: int) -> bool:
    """Whether our child `pid` is stopped, and not by a debugger; False where the system cannot tell."""
    if not hasattr(os, "waitid"):
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:
        return False
