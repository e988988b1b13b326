"""A stdio MCP server as a backend: each conversation gets a child process of its own."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorProcess, IReactorTime
from twisted.logger import Logger

from mcpws.backends.stdio import launch
from mcpws.backends.stdio.child import ESCALATION, LAST_WORDS, Child, Counters, Limits
from mcpws.core.codec import MAX_DEPTH
from mcpws.errors import BackendLost, ConfigError, ShuttingDown
from mcpws.interfaces import Channel, Link

log = Logger()

KEPT = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER")
"""Of the environment, with `inherit_env=False`: what programs need to run at all."""


class ProcessReactor(IReactorProcess, IReactorTime):
    """What a Stdio needs of its reactor. SIGCHLD must be seen: not under asyncio with uvloop."""


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
    :param stall_timeout: seconds for which a child may take nothing while its client is not read for it.
    :param stop_grace: seconds between the end of input and SIGTERM, and between that and SIGKILL.
    :param max_depth: JSON arrays and objects within each other.
    :raises ConfigError: `command` is not to be found or to be run, `cwd` is no directory, or a limit is not above 0.
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
    ) -> None:
        self._limits = Limits(
            max_line=max_line,
            max_stderr_line=max_stderr_line,
            stderr_lines_per_second=stderr_lines_per_second,
            max_garbage=max_garbage,
            stall_timeout=stall_timeout,
            stop_grace=stop_grace,
            max_depth=max_depth,
        )
        self._reactor = reactor
        self._command = command
        # As seen from here: a daemon changes its directory later.
        self._cwd = os.path.abspath(cwd or os.curdir)
        inherited = (name for name in os.environ if inherit_env or name in KEPT)
        self._env = {name: os.environ[name] for name in inherited} | dict(env or {})
        self._check()
        self._counters = Counters()
        self._children: set[Child] = set()
        self._stopping = False
        self._stopped: list[Deferred[None]] = []

    @property
    def children(self) -> int:
        """How many are running now, those that are being shut down included."""
        return len(self._children)

    @property
    def started(self) -> int:
        """How many were ever started."""
        return self._counters.started

    @property
    def given_up(self) -> int:
        """How many were stopped for breaking the protocol or a limit."""
        return self._counters.given_up

    @property
    def garbage(self) -> int:
        """How many lines were no JSON-RPC messages."""
        return self._counters.garbage

    @property
    def too_long(self) -> int:
        """How many lines were longer than `max_line`."""
        return self._counters.too_long

    def counted(self) -> dict[str, int]:
        """All of these."""
        return {
            "stdio.children": self.children,
            "stdio.started": self.started,
            "stdio.given_up": self.given_up,
            "stdio.garbage": self.garbage,
            "stdio.too_long": self.too_long,
        }

    def open(self, link: Link) -> Deferred[Channel]:
        """Start a child for `link`. It fails with BackendLost after `stop`, or when there can be no more processes.

        A command that turns out not to run is seen later: its child exits with status 127.
        """
        if self._stopping:
            return fail(BackendLost("The service is shutting down"))
        child = Child(link, self._limits, self._reactor, self._counters, self._ended)
        # What starts the process must be its parent, and daemons fork: so its id is not asked for earlier.
        args = [sys.executable, "-I", "-S", launch.__file__, str(os.getpid()), self._cwd]
        try:
            self._reactor.spawnProcess(child, sys.executable, [*args, *self._command], self._env)
        except OSError as error:
            log.error("{command} cannot be started: {error}", command=self._command[0], error=error)
            return fail(BackendLost("The server process could not be started"))
        self._counters.started += 1
        self._children.add(child)
        channel: Channel = child
        return succeed(channel)

    def stop(self) -> Deferred[None]:
        """End all conversations with ShuttingDown; fires when every child has been reaped."""
        self._stopping = True
        stopped: Deferred[None] = Deferred()
        self._stopped.append(stopped)
        for child in list(self._children):
            child.stop(ShuttingDown())
        self._fire_stopped()
        return stopped

    @property
    def stop_seconds(self) -> float:
        """How long `stop` may take: a child that heeds nothing is killed after this."""
        return len(ESCALATION) * self._limits.stop_grace + LAST_WORDS

    def kill(self) -> None:
        """End all children at once, with all their descendants, whatever becomes of the conversations.

        For the end of the program, when nothing is waited for; signal functions may call it.
        """
        for child in list(self._children):
            child.kill()

    def _ended(self, child: Child) -> None:
        self._children.discard(child)
        self._fire_stopped()

    def _fire_stopped(self) -> None:
        if not self._children:
            waiting, self._stopped = self._stopped, []
            for stopped in waiting:
                stopped.callback(None)

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
