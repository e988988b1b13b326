"""A stdio MCP server as a backend: each conversation gets a child process of its own."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from random import Random

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorProcess, IReactorTime
from twisted.logger import Logger

from mcpws.backends.stdio.child import ESCALATION, LAST_WORDS, Child, ChildCounters, ChildLimits
from mcpws.backends.stdio.interpreter import check_interpreter, interpreter, launcher
from mcpws.backends.stdio.memory import IS_KNOWN, resident_by_group
from mcpws.backends.stdio.naming import name_of
from mcpws.backends.stdio.room import Relapses, Room
from mcpws.backends.stdio.watched import ChildWatchedClosely, WatchedChild
from mcpws.errors import BackendLost, ConfigError, ShuttingDown
from mcpws.jsonrpc.codec import MAX_DEPTH
from mcpws.log.events import log_limit
from mcpws.policy.backoff import Backoff
from mcpws.seam.interfaces import Channel, Description, Link
from mcpws.seam.observer import MessageObserver, Observer, Party, tell
from mcpws.turns.once import Once
from mcpws.turns.steady import steady
from mcpws.turns.timer import Timer

log = Logger()

KEPT = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER")
"""Of the environment, with `inherit_env=False`: what programs need to run at all."""


DEFAULT_BACKOFF = Backoff()

LOOK = 5.0
"""Seconds between two looks at whether a child is stopped, unless `stall_timeout` is short."""

MEMORY_LOOK = 1.0
"""Seconds between two looks where its memory is looked at, too."""


class ProcessReactor(IReactorProcess, IReactorTime):
    """The reactor that a Stdio needs. SIGCHLD must be seen: not under asyncio with uvloop."""


class Stdio:
    """Starts `command` for each conversation and passes the messages through, one a line (MCP, stdio transport).

    What is wrong with a message of a child fails the request that it is about, and nothing else: with BackendLost, or
    with ResultTooLarge where it is too long. A child that ends, or does not read, ends its own conversation with
    BackendLost; the others go on. One that leaves late is sent SIGTERM, then SIGKILL, with its whole process group.

    :param command: program and arguments; no shell is involved.
    :param reactor: that runs the children.
    :param env: variables to set for the children.
    :param inherit_env: whether they get the rest of this process's environment as well, or only what `KEPT` names.
    :param cwd: where they run; None for here.
    :param max_line: bytes of a line from a child; a longer one is skipped.
    :param max_stderr_line: bytes of a line of standard error that are logged.
    :param stderr_lines_per_second: of each child that are logged; the others are counted.
    :param max_garbage: lines a minute that are no JSON-RPC message, of a child that has not sent one yet; one more ends
        it. Later they are skipped, however many there are.
    :param stall_timeout: seconds for which a child may take nothing while its client is not read for it, or be stopped,
        as by SIGSTOP, while something was asked of it.
    :param stop_grace: seconds between the end of input and SIGTERM, and between that and SIGKILL.
    :param max_depth: JSON arrays and objects within each other.
    :param max_children: at a time, those that are being shut down included; who comes then waits.
    :param room_timeout: seconds for that; then the conversation fails.
    :param max_memory: bytes that a child may use, with those that it starts; looked at once a second. None for any
        number, which it has to be where the system does not tell.
    :param backoff: for children that end by themselves, at once; until it is over conversations fail. One that has not
        read a word holds off all, another one only its own client, from its second time on. None to start one always.
    :param random: gives a number from 0 to 1, for the backoff.
    :param python: the interpreter that children are started with; None for the one that runs this.
    :param observer: is told of the children.
    :raises ConfigError: `command` is not to be found or to be run, `cwd` is no directory, a limit is not above 0, or
        there is no Python interpreter.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        reactor: ProcessReactor,
        env: Mapping[str, str] | None = None,
        inherit_env: bool = True,
        cwd: str | None = None,
        max_line: int = 16 * 1024 * 1024,
        max_stderr_line: int = 8 * 1024,
        stderr_lines_per_second: int = 100,
        max_garbage: int = 1000,
        stall_timeout: float = 30,
        stop_grace: float = 5,
        max_depth: int = MAX_DEPTH,
        max_children: int = 128,
        room_timeout: float = 15,
        max_memory: int | None = None,
        backoff: Backoff | None = DEFAULT_BACKOFF,
        random: Callable[[], float] | None = None,
        python: str | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._limits = ChildLimits(
            max_line=max_line,
            max_stderr_line=max_stderr_line,
            stderr_lines_per_second=stderr_lines_per_second,
            max_garbage=max_garbage,
            stall_timeout=stall_timeout,
            stop_grace=stop_grace,
            max_depth=max_depth,
        )
        self._observer = observer
        self._reactor = reactor
        self._clock = steady(reactor)
        self._command = command
        # As seen from here: a daemon changes its directory later.
        self._cwd = os.path.abspath(cwd or os.curdir)
        inherited = (name for name in os.environ if inherit_env or name in KEPT)
        self._env = {name: os.environ[name] for name in inherited} | dict(env or {})
        self._check()
        self._python = interpreter() if python is None else check_interpreter(python)
        self._launcher = launcher()
        self._counters = ChildCounters()
        self._children: set[Child] = set()
        self._relapses = None if backoff is None else Relapses(backoff, random or Random().random)
        self._max_children = max_children
        self._room = Room(max_children, room_timeout, self._start, self._children.__len__, self._clock, self._counters)
        if max_memory is not None and not (max_memory > 0 and IS_KNOWN):
            problem = "must be above 0" if IS_KNOWN else "cannot be heeded: this system does not tell what is used"
            raise ConfigError("child_memory", max_memory, problem)
        self._max_memory = max_memory
        self._look_after = min(LOOK, stall_timeout / 4) if max_memory is None else min(MEMORY_LOOK, stall_timeout / 4)
        self._look = Timer(self._clock)
        self._stopping = False
        self._stopped: Once[None] = Once()

    @property
    def children(self) -> int:
        """Number of children that are running now, those that are being shut down included."""
        return len(self._children)

    @property
    def started(self) -> int:
        """Number of children that were ever started."""
        return self._counters.started

    @property
    def given_up(self) -> int:
        """Number of children that were stopped for breaking the protocol or a limit."""
        return self._counters.given_up

    @property
    def garbage(self) -> int:
        """Number of lines that were no JSON-RPC messages."""
        return self._counters.garbage

    @property
    def too_long(self) -> int:
        """Number of lines that were longer than `max_line`."""
        return self._counters.too_long

    def counted(self) -> dict[str, int]:
        """The numbers of all children, and how often one was not started yet because of `backoff` (`held_off`), had no
        room (`crowded`), or was found stopped, as by SIGSTOP (`stopped`)."""
        return {"stdio.children": self.children} | {f"stdio.{key}": n for key, n in asdict(self._counters).items()}

    def described(self) -> Description:
        """The command, and a name that is made of it."""
        return Description(name_of(self._command), shlex.join(self._command))

    def unready(self) -> str | None:
        """The end of the last child, while nobody is to have one since it ended at once."""
        return None if self._relapses is None else self._relapses.unready(self._clock.seconds())

    def open(self, link: Link) -> Deferred[Channel]:
        """Start a child for `link`, when there is room for one.

        It fails with BackendLost after `stop`, when there is no room in time or can be no more processes, and while
        nobody is to have one after the last have ended at once; `data.retryAfterMs` then says for how long. Cancelling
        it gives up. A command that turns out not to run is seen later: its child exits with status 127.
        """
        if self._stopping:
            return fail(BackendLost("The service is shutting down"))
        refusal = self._held_off(link)
        if refusal is not None:
            return fail(refusal)
        if self._room.is_full:
            log_limit(link.identity, "max_children", self._max_children)
            if self._observer is not None:
                tell(self._observer.limited, Party("child", 0, link.identity), "max_children")
        return self._room.enter(link)

    def stop(self) -> Deferred[None]:
        """End all conversations with ShuttingDown; fires when every child has been reaped."""
        self._stopping = True
        self._room.close(ShuttingDown())
        for child in list(self._children):
            child.stop(ShuttingDown())
        self._fire_stopped()
        return self._stopped.when()

    @property
    def stop_seconds(self) -> float:
        """Seconds that `stop` may take: a child that heeds nothing is killed after this."""
        return len(ESCALATION) * self._limits.stop_grace + LAST_WORDS

    def kill(self) -> None:
        """End all children at once, with all their descendants, whatever becomes of the conversations.

        For the end of the program, when nothing is waited for; signal functions may call it.
        """
        for child in list(self._children):
            child.kill()

    def _held_off(self, link: Link) -> BackendLost | None:
        if self._relapses is None:
            return None
        refusal = self._relapses.refusal(link, self._clock.seconds())
        self._counters.held_off += refusal is not None
        return refusal

    def _start(self, link: Link) -> Deferred[Channel]:
        # It may have had to wait for room.
        if refusal := self._held_off(link):
            return fail(refusal)
        child = self._child(link)
        # What starts the process must be its parent, and daemons fork: so its id is not asked for earlier.
        args = [self._python, "-I", "-S", "-c", self._launcher, str(os.getpid()), self._cwd]
        try:
            self._reactor.spawnProcess(child, self._python, [*args, *self._command], self._env)
        except OSError as error:
            log.error("{command} cannot be started: {error}", command=self._command[0], error=error)
            return fail(BackendLost("The server process could not be started"))
        self._counters.started += 1
        child.begun(self._command[0])
        self._children.add(child)
        if not self._look.is_set:
            self._look.set(self._look_after, self._look_at_all)
        channel: Channel = child
        return succeed(channel)

    def _child(self, link: Link) -> Child:
        if self._observer is None:
            return Child(link, self._limits, self._clock, self._counters, self._ended)
        limits, clock, counters = self._limits, self._clock, self._counters
        if isinstance(self._observer, MessageObserver):
            return ChildWatchedClosely(link, limits, clock, counters, self._ended, self._observer)
        return WatchedChild(link, limits, clock, counters, self._ended, self._observer)

    def _look_at_all(self) -> None:
        """Find children that are stopped."""
        for child in list(self._children):
            child.look(self._look_after)
        if self._max_memory is not None:
            self._look_at_memory(self._max_memory)
        if any(child.serving for child in self._children):
            self._look.set(self._look_after, self._look_at_all)

    def _look_at_memory(self, limit: int) -> None:
        """End children that use too much."""
        used = resident_by_group({child.pid for child in self._children})
        for child in list(self._children):
            if used.get(child.pid, 0) > limit:
                log_limit(child.client.identity, "child_memory", limit)
                child.outgrown(used[child.pid], limit)

    def _ended(self, child: Child) -> None:
        self._children.discard(child)
        if not self._children:
            self._look.stop()
        if self._relapses is not None:
            others_talk = any(other.talks for other in self._children)
            self._relapses.ended(child, others_talk, self._clock.seconds())
        self._room.freed()
        self._fire_stopped()

    def _fire_stopped(self) -> None:
        if self._stopping and not self._children:
            self._stopped.fire(None)

    def _check(self) -> None:
        """Find out now what would otherwise fail with every client."""
        if isinstance(self._command, str) or not self._command:
            raise ConfigError("stdio", self._command, "must be a program and its arguments, in a list")
        for text in (*self._command, *self._env, *self._env.values()):
            if "\0" in text:
                raise ConfigError("stdio", text, "no argument or variable may hold a NUL character")
        if not os.path.isdir(self._cwd):
            raise ConfigError("stdio", self._cwd, "the directory to run in does not exist")
        program = self._command[0]
        place = os.path.join(self._cwd, program) if os.path.dirname(program) else program
        path = self._env.get("PATH", os.defpath)
        if shutil.which(place, path=path) is None:
            found = shutil.which(place, os.F_OK, path)
            problem = "the program is not executable" if found else "there is no such program"
            raise ConfigError("stdio", program, problem)
