"""One piece of asynchronous work, run by the reactor as if it were an ordinary call."""

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

from mcpws.client.session import NotificationFunction, Session, connect
from mcpws.cli.target import Target
from mcpws.errors import ConnectFailed, ConnectionClosed

T = TypeVar("T")


def run(work: Callable[[Any], Coroutine[Any, Any, T]], verbose: bool = False) -> T:
    """What `work(reactor)` returns, or raises. Once in a process: a reactor does not run twice.

    SIGINT and SIGTERM cancel it. If it ends by that, so does the process, with 128 and the number of the signal.

    :param verbose: log everything to standard error; otherwise only what went wrong unexpectedly.
    """
    from twisted.internet import reactor as installed

    reactor: Any = installed
    _log_to_stderr(verbose)
    outcome: list[Any] = []
    received: list[int] = []

    def start() -> None:
        # The reactor has set its own functions, which would stop it at once.
        signal.signal(signal.SIGINT, interrupted)
        signal.signal(signal.SIGTERM, interrupted)
        working.append(Deferred.fromCoroutine(work(reactor)))
        working[0].addBoth(outcome.append).addCallback(lambda _: reactor.stop())

    def interrupted(number: int, frame: FrameType | None) -> None:
        received.append(number)
        reactor.callFromThread(cancel)

    def cancel() -> None:
        working[0].cancel()

    working: list[Deferred[Any]] = []
    reactor.callWhenRunning(start)
    reactor.run()
    [result] = outcome
    if not isinstance(result, Failure):
        return result  # type: ignore[no-any-return]
    if received and result.check(CancelledError):
        sys.exit(128 + received[0])
    result.raiseException()
