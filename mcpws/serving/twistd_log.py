"""The log under twistd and twist: they say where it goes, our settings say how it looks and what is in it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, MutableMapping
from types import FrameType
from typing import Any, cast

from twisted.application.service import Service
from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LegacyLogObserverWrapper,
    LogLevel,
    LogLevelFilterPredicate,
)

from mcpws.logs import Format, Level, Lines, LogFile

_TWIST_FACTORY, _TWIST_LEVEL = "fileLogObserverFactory", "logLevel"
_STDOUT = "-"
_DEFAULT_FILE = "twistd.log"


class RunnerLog:
    """The log of a program that twistd or twist runs.

    It has to be told of the runner's options before the runner makes its log of them: from within `postOptions`.

    :param runner: the options of twistd or twist. Whoever gave `--logger` to twistd, or `--log-format` to twist, has
        decided how the log looks: that stays.
    """

    def __init__(self, runner: MutableMapping[str, Any], form: Format, level: Level) -> None:
        self.file: LogFile | None = None
        """What was opened for it, if that is ours to open again."""
        self._runner = runner
        self._form = form
        self._level = level
        if _TWIST_LEVEL in runner:
            self._begin_twist()
        elif runner.get("logger") is None and (runner.get("nodaemon") or runner.get("logfile") != _STDOUT):
            # A daemon that is to log to a terminal twistd refuses itself.
            runner["logger"] = self._observer

    def _begin_twist(self) -> None:
        self._runner.setdefault(_TWIST_FACTORY, lambda stream: Lines(stream, self._form, self._level))
        if self._level == "debug" and self._runner[_TWIST_LEVEL] == LogLevel.info:
            # twist leaves out what is less than that, unless it is told otherwise.
            self._runner[_TWIST_LEVEL] = LogLevel.debug

    def _observer(self) -> ILogObserver:
        """What twistd is to give all events to; it asks when it begins to log."""
        runner = self._runner
        if runner.get("syslog"):
            from twisted.python.syslog import SyslogObserver

            observer = LegacyLogObserverWrapper(cast(Any, SyslogObserver(runner.get("prefix") or "twisted").emit))
            predicate = LogLevelFilterPredicate(LogLevel.levelWithName(self._level))
            return FilteringLogObserver(observer, [predicate])
        path = runner.get("logfile")
        if path == _STDOUT or (not path and runner.get("nodaemon")):
            return Lines(sys.stdout, self._form, self._level)
        self.file = LogFile(path or _DEFAULT_FILE)
        return Lines(self.file, self._form, self._level)


class Reopening(Service):
    """SIGHUP and SIGUSR1: the log file is opened anew, after somebody has renamed it.

    :param reactor: runs meanwhile.
    :param log: nothing is done unless it has a file by the time that the reactor runs.
    """

    def __init__(self, reactor: Any, log: RunnerLog) -> None:
        self._reactor = reactor
        self._log = log
        self._before: dict[int, Any] = {}

    def startService(self) -> None:
        super().startService()
        self._reactor.callWhenRunning(self._install)

    def stopService(self) -> None:
        super().stopService()
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before.clear()

    def _install(self) -> None:
        if self._log.file is None:
            return
        reopen = self._log.file.reopen
        for number in (signal.SIGHUP, signal.SIGUSR1):
            # What is ignored stays so, as SIGHUP does with nohup.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._received(reopen))

    def _received(self, reopen: Callable[[], None]) -> Callable[[int, FrameType | None], None]:
        def received(number: int, frame: FrameType | None) -> None:
            self._reactor.callFromThread(reopen)

        return received
