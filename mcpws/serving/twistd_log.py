"""The log under twistd and twist: they say where it goes, our settings say how it looks and what is in it."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any, cast

from twisted.logger import (
    FilteringLogObserver,
    ILogObserver,
    LegacyLogObserverWrapper,
    LogLevel,
    LogLevelFilterPredicate,
)
from twisted.python.components import Componentized

from mcpws.log.output import Format, Level, Lines, LogFile
from mcpws.service.program import Start, Whole

_TWIST_FACTORY, _TWIST_LEVEL = "fileLogObserverFactory", "logLevel"
_STDOUT = "-"
_DEFAULT_FILE = "twistd.log"


class RunnerLog:
    """The log of a program that twistd or twist runs.

    Whoever gave `--logger` to twistd, or `--log-format` to twist, has decided how the log looks: that stays.

    :param runner: the options of twistd or twist; those of twist are changed.
    """

    def __init__(self, runner: MutableMapping[str, Any], form: Format, level: Level) -> None:
        self.file: LogFile | None = None
        """What was opened for it, and can be opened again."""
        self._runner = runner
        self._form = form
        self._level = level
        if _TWIST_LEVEL in runner:
            self._begin_twist()

    def give_to(self, application: object) -> None:
        """Let twistd log as the settings say, if it has not been told otherwise.

        :param application: what twistd puts its services in; it looks there for what writes the log.
        :raises OSError: the file for the log cannot be opened.
        """
        if isinstance(application, Componentized) and self._runner.get("logger") is None:
            observer = self._observer()
            if observer is not None:
                application.setComponent(ILogObserver, observer)

    def _begin_twist(self) -> None:
        self._runner.setdefault(_TWIST_FACTORY, lambda stream: Lines(stream, self._form, self._level))
        if self._level == "debug" and self._runner[_TWIST_LEVEL] == LogLevel.info:
            # twist leaves out what is less than that, unless it is told otherwise.
            self._runner[_TWIST_LEVEL] = LogLevel.debug

    def _observer(self) -> ILogObserver | None:
        runner = self._runner
        if runner.get("syslog"):
            from twisted.python.syslog import SyslogObserver

            emit = cast(Any, SyslogObserver(runner.get("prefix") or "twisted").emit)
            predicate = LogLevelFilterPredicate(LogLevel.levelWithName(self._level))
            return FilteringLogObserver(LegacyLogObserverWrapper(emit), [predicate])
        path, in_foreground = runner.get("logfile"), runner.get("nodaemon")
        if path == _STDOUT or (in_foreground and not path):
            # A daemon that is to log to a terminal twistd refuses itself.
            return Lines(sys.stdout, self._form, self._level) if in_foreground else None
        self.file = LogFile(path or _DEFAULT_FILE)
        return Lines(self.file, self._form, self._level)


class Logged(Whole):
    """A Whole that brings its log along.

    :raises SystemExit: with one line, when twistd takes it and the file for the log cannot be opened.
    """

    def __init__(self, start: Start, log: RunnerLog) -> None:
        super().__init__(start)
        self._log = log

    def setServiceParent(self, parent: Any) -> None:
        try:
            self._log.give_to(parent)
        except OSError as error:
            raise SystemExit(f"mcpws: cannot log to {error.filename}: {error.strerror}") from None
        super().setServiceParent(parent)
