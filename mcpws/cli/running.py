"""Asynchronous work, run by the reactor as if it were an ordinary call."""

from __future__ import annotations

import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping
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

from mcpws.cli.options import Target
from mcpws.client.factory import connect
from mcpws.client.identity import NotificationFunction
from mcpws.client.opening import Era
from mcpws.client.session import Session
from mcpws.errors import ConnectFailed, ConnectionClosed

T = TypeVar("T")


def run(work: Callable[[Any], Coroutine[Any, Any, T]], verbose: bool = False) -> T:
    """What `work(reactor)` returns, or raises. Once in a process: a reactor does not run twice.

    SIGINT and SIGTERM cancel it. If it ends by that, so does the process, with 128 and the number of the signal.

    :param verbose: log everything to standard error, and not only what goes wrong.
    """
    from twisted.internet import reactor as installed

    reactor: Any = installed
    outcome: list[Any] = []
    received: list[int] = []

    def start() -> None:
        working = Deferred.fromCoroutine(work(reactor))

        def interrupted(number: int, frame: FrameType | None) -> None:
            received.append(number)
            reactor.callFromThread(working.cancel)

        # In place of the reactor's own, which are set by now and would stop it at once.
        signal.signal(signal.SIGINT, interrupted)
        signal.signal(signal.SIGTERM, interrupted)
        working.addBoth(outcome.append).addCallback(lambda _: reactor.stop())

    _log_to_stderr(verbose)
    reactor.callWhenRunning(start)
    reactor.run()
    [result] = outcome
    if isinstance(result, Failure):
        if received and result.check(CancelledError):
            sys.exit(128 + received[0])
        result.raiseException()
    return result  # type: ignore[no-any-return]


def with_session(
    target: Target,
    work: Callable[[Session], Awaitable[T]],
    era: Era,
    notifications: Mapping[str, NotificationFunction] | None = None,
) -> T:
    """Connect, do `work` with the session, close it; what `work` returns.

    :param notifications: functions that hear of the server's notifications, by method.
    :raises McpwsError: as `connect` and `work` do, but ConnectFailed for all that goes wrong before the session.
    """

    async def connected(reactor: Any) -> T:
        try:
            session = await connect(
                target.url,
                reactor=reactor,
                config=target.config,
                notifications=notifications,
                era=era,
                headers=target.headers,
                subprotocols=target.subprotocols,
                origin=target.origin,
            )
        except ConnectionClosed as error:
            raise ConnectFailed(target.url, str(error)) from error
        try:
            return await work(session)
        finally:
            await session.close()

    return run(connected, target.verbose)


def _log_to_stderr(verbose: bool) -> None:
    def text(event: LogEvent) -> str:
        return f"mcpws: {eventAsText(event, includeTimestamp=verbose, includeSystem=verbose)}\n"

    level = LogLevel.debug if verbose else LogLevel.warn
    observer = FilteringLogObserver(FileLogObserver(sys.stderr, text), [LogLevelFilterPredicate(level)])
    globalLogBeginner.beginLoggingTo([observer], discardBuffer=True, redirectStandardIO=False)
