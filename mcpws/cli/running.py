"""Asynchronous work, run by the reactor as if it were an ordinary call."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from types import FrameType
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    eventAsText,
    globalLogBeginner,
)
from twisted.python.failure import Failure

from mcpws.cli.options import Remote
from mcpws.client.factory import connect
from mcpws.client.opening import Era
from mcpws.client.session import Session
from mcpws.errors import ConnectFailed, ConnectionClosed, MalformedResult, RemoteError

T = TypeVar("T")

PATIENCE = 0.5
"""Seconds for an end that nobody needs to be told of."""


def say(text: str) -> None:
    """Print a line for people."""
    with suppress(OSError):
        print(f"mcpws: {text}", file=sys.stderr, flush=True)


def run(
    work: Callable[[Any], Coroutine[Any, Any, T]],
    verbose: bool = False,
    *,
    end_seconds: float,
    leave: Callable[[], None] | None = None,
) -> T:
    """Result of `work(reactor)`, or its exception. Once in a process: a reactor does not run twice.

    SIGINT and SIGTERM cancel it. If it ends by that, so does the process, with 128 and the number of the signal; after
    a second one at once.

    :param verbose: log everything to standard error, and not only what goes wrong.
    :param end_seconds: that `work` may take to end once it is cancelled; told to whoever waits for it.
    :param leave: called before the process ends at once.
    """
    from twisted.internet import reactor as installed

    reactor: Any = installed
    outcome: list[Any] = []
    received: list[int] = []
    # What is ignored stays so, as for a job in the background.
    heeded = [one for one in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(one) is not signal.SIG_IGN]

    def start() -> None:
        working = Deferred.fromCoroutine(work(reactor))

        def cancel(name: str) -> None:
            working.cancel()
            if not outcome:
                reactor.callLater(PATIENCE, say, f"{name}: ending, which may take {end_seconds:g} s; again: at once")

        def interrupted(number: int, frame: FrameType | None) -> None:
            if received:
                if leave is not None:
                    leave()
                os._exit(128 + number)
            received.append(number)
            reactor.callFromThread(cancel, signal.Signals(number).name)

        # In place of the reactor's own, which are set by now and would stop it at once.
        for number in heeded:
            signal.signal(number, interrupted)
        working.addBoth(outcome.append).addCallback(lambda _: reactor.stop())

    _log_to_stderr(verbose)
    reactor.callWhenRunning(start)
    reactor.run()
    # What is left to do may wait for a reader, and nobody else listens any more.
    for number in heeded:
        signal.signal(number, signal.SIG_DFL)
    [result] = outcome
    if isinstance(result, Failure):
        if received and result.check(CancelledError):
            sys.exit(128 + received[0])
        result.raiseException()
    return result  # type: ignore[no-any-return]


def with_session(
    remote: Remote,
    work: Callable[[Session], Awaitable[T]],
    era: Era,
    equip: Callable[[Any], dict[str, Any]] = lambda reactor: {},
) -> T:
    """Connect, do `work` with the session, close it; what `work` returns.

    :param equip: given the reactor, has further arguments for `connect`.
    :raises McpwsError: as `connect` and `work` do, but ConnectFailed for all that goes wrong before the session.
    """

    async def connected(reactor: Any) -> T:
        session = await begin_session(remote, reactor, era, **equip(reactor))
        try:
            return await work(session)
        finally:
            await session.close()

    return run(connected, remote.verbose, end_seconds=remote.config.close_timeout)


async def begin_session(remote: Remote, reactor: Any, era: Era, **further: Any) -> Session:
    """A session with the server, for whoever runs the reactor; close it in the end.

    :param further: arguments for `connect`.
    :raises McpwsError: as `connect` does, but ConnectFailed for all that goes wrong before the session.
    """
    try:
        return await connect(remote.target, reactor=reactor, config=remote.config, era=era, **further)
    except (ConnectionClosed, MalformedResult, RemoteError) as error:
        raise ConnectFailed(remote.target.shown, str(error)) from error


def _log_to_stderr(verbose: bool) -> None:
    def text(event: LogEvent) -> str:
        return f"mcpws: {eventAsText(event, includeTimestamp=verbose, includeSystem=verbose)}\n"

    level = LogLevel.debug if verbose else LogLevel.warn
    observer = FilteringLogObserver(FileLogObserver(sys.stderr, text), [LogLevelFilterPredicate(level)])
    globalLogBeginner.beginLoggingTo([observer], discardBuffer=True, redirectStandardIO=False)
