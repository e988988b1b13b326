"""Output of the log: where it goes, and how its lines look: text for people, or one JSON object a line."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import Any, Literal, Protocol, TypeAlias

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, formatEvent, globalLogBeginner
from zope.interface import implementer

log = Logger()

Format: TypeAlias = Literal["text", "json"]
Level: TypeAlias = Literal["debug", "info", "warn", "error"]

MAX_LINE = 16 * 1024
"""Characters of what an event says; what follows becomes `...`."""

MAX_TRACEBACK = 64 * 1024
"""Characters of a traceback, of which the end is kept."""

_RANK = {level: rank for rank, level in enumerate(LogLevel.iterconstants())}

# What Twisted keeps in events for itself, of old.
_NO_FIELDS = frozenset(
    {"line", "message", "time", "system", "format", "isError", "failure", "why", "text", "traceback", "level", "logger"}
)


class Stream(Protocol):
    """A file to write text to."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> object: ...


@implementer(ILogObserver)
class Lines:
    """Writes each event as a line, the traceback of a failure after it or, in JSON, within.

    Nothing in a line can be taken for the end of it or for a command to a terminal, whoever it comes from.

    :param level: the least important that is written.
    """

    def __init__(self, stream: Stream, form: Format = "text", level: Level = "info") -> None:
        self._stream = stream
        self._line = text_line if form == "text" else json_line
        self._least = _RANK[LogLevel.levelWithName(level)]

    def __call__(self, event: LogEvent) -> None:
        if _RANK.get(event.get("log_level"), self._least) >= self._least:
            self._stream.write(self._line(event))
            self._stream.flush()


def text_line(event: LogEvent) -> str:
    """An event for people, as twistd writes it but for what is escaped: `TIME [NAMESPACE#LEVEL] what it says`."""
    # Of old, a log said so itself.
    place = event.get("log_system") or f"{event.get('log_namespace', '-')}#{_level(event)}"
    traceback = "".join(f"\t{escaped(line)}\n" for line in _traceback(event).splitlines())
    return f"{_time(event)} [{escaped(str(place))}] {escaped(_said(event))}\n{traceback}"


def json_line(event: LogEvent) -> str:
    """An event for programs: time, level, logger, message, traceback if there is one, and the fields of the event."""
    members: dict[str, Any] = {
        "time": _time(event),
        "level": _level(event),
        "logger": event.get("log_namespace", "-"),
        "message": _said(event),
    }
    if traceback := _traceback(event):
        members["traceback"] = traceback
    members.update(_fields(event))
    # In ASCII: what a terminal would take for a command is escaped, and so are halves of surrogate pairs.
    return f"{json.dumps(members)}\n"


def escaped(text: str) -> str:
    """`text` with what is not printable as Python writes it."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def begin(level: Level = "info", form: Format = "text", stream: Stream | None = None) -> None:
    """Begin to log, to standard error by default, for a program that does nothing but serve."""
    globalLogBeginner.beginLoggingTo([Lines(stream or sys.stderr, form, level)], redirectStandardIO=False)


class LogFile:
    """A file that grows at its end, and is opened anew when somebody has renamed it.

    :raises OSError: it cannot be opened.
    """

    def __init__(self, path: str) -> None:
        # A daemon changes its directory later.
        self.path = os.path.abspath(path)
        self._file = self._open()

    def write(self, text: str, /) -> None:
        """Write, at once."""
        self._file.write(text)

    def flush(self) -> None:
        """See that it is written."""
        self._file.flush()

    def reopen(self) -> None:
        """Open what is at the path now. If that cannot be, what is open stays so, and the log says why."""
        try:
            file = self._open()
        except OSError as error:
            log.error("the log file cannot be opened again: {error}", error=error)
            return
        before, self._file = self._file, file
        before.close()
        log.info("the log file is opened again: {path}", path=self.path)

    def close(self) -> None:
        """Write no more."""
        self._file.close()

    def _open(self) -> Any:
        return open(self.path, "a", encoding="utf-8", errors="backslashreplace")


def _said(event: LogEvent) -> str:
    # Most of ours say only that.
    line = event["line"] if event.get("log_format") == "{line}" else formatEvent(event)
    text = str(line)
    return text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]}..."


def _level(event: LogEvent) -> str:
    level = event.get("log_level")
    return "info" if level is None else str(level.name)


def _time(event: LogEvent) -> str:
    seconds, part = divmod(float(event.get("log_time") or 0.0), 1)
    date, zone = _second(int(seconds))
    return f"{date}.{int(part * 1000):03}{zone}"


@lru_cache(4)
def _second(seconds: int) -> tuple[str, str]:
    # Local time, and how far that is from UTC (ISO 8601).
    text = datetime.fromtimestamp(seconds).astimezone().isoformat()
    return text[:19], text[19:]


def _traceback(event: LogEvent) -> str:
    failure = event.get("log_failure")
    if failure is None:
        return ""
    try:
        text = str(failure.getTraceback())
    except Exception as error:
        text = f"the traceback cannot be had: {error!r}"
    return text if len(text) <= MAX_TRACEBACK else f"...{text[-MAX_TRACEBACK:]}"


def _fields(event: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for name, value in event.items():
        if not name.startswith("log_") and name not in _NO_FIELDS and value is not None:
            yield name, _json(value)


def _json(value: object) -> object:
    if isinstance(value, bool | int) or (isinstance(value, float) and isfinite(value)):
        return value
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception as error:
        text = f"cannot be shown: {error!r}"
    return text if len(text) <= MAX_LINE else f"{text[:MAX_LINE]}..."
