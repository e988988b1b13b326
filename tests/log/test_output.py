"""How lines of the log look, and where they go; nobody outside can make them look like anything else."""

from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogBeginner, LogEvent, Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure

from mcpws.log import output as logs
from mcpws.log.output import MAX_LINE, MAX_TRACEBACK, Lines, LogFile, escaped, json_line, text_line

NEWLINES = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


class LoggedErrors(Protocol):
    """The fixture `logged_errors`."""

    def flush(self, *types: type[BaseException]) -> list[object]: ...


def event(said: str = "it rains", level: Any = LogLevel.info, **fields: Any) -> LogEvent:
    return {
        "log_format": "{line}",
        "line": said,
        "log_level": level,
        "log_namespace": "mcpws.connection",
        "log_time": 1_790_000_000.9876,
        **fields,
    }


def failed() -> Failure:
    try:
        raise LookupError("no\x1b[31m such\nplace")
    except LookupError:
        return Failure()


def test_text_has_the_time_the_place_the_level_and_what_is_said() -> None:
    time, rest = text_line(event()).split(" ", 1)
    assert datetime.fromisoformat(time).timestamp() == 1_790_000_000.987
    assert rest == "[mcpws.connection#info] it rains\n"


def test_json_has_them_too_and_what_else_there_is_to_know() -> None:
    line = json_line(
        event(event="rain", drops=5, heavy=False, none=None, rate=0.5, log_source=object(), place=Path("/a"))
    )
    whole = json.loads(line)
    assert datetime.fromisoformat(whole.pop("time")).timestamp() == 1_790_000_000.987
    assert whole == {
        "level": "info",
        "logger": "mcpws.connection",
        "message": "it rains",
        "event": "rain",
        "drops": 5,
        "heavy": False,
        "rate": 0.5,
        "place": "/a",
    }


def test_a_traceback_follows_line_by_line_or_is_a_member() -> None:
    first, *others = text_line(event(log_failure=failed())).splitlines()
    assert first.endswith("it rains")
    assert others[0] == "\tTraceback (most recent call last):"
    assert all(line.startswith("\t") and line.expandtabs().isprintable() for line in others)
    assert others[-2:] == [r"	builtins.LookupError: no\x1b[31m such", "\tplace"]
    whole = json.loads(json_line(event(log_failure=failed())))
    assert whole["traceback"].splitlines()[-1] == "place"


@given(st.text())
def test_whatever_is_said_is_one_printable_line(text: str) -> None:
    line = text_line(event(text))
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert line.splitlines() == [line[:-1]]


@given(st.text(), st.dictionaries(st.text(), st.text() | st.floats() | st.integers() | st.binary() | st.none()))
def test_whatever_is_said_is_one_line_of_json_in_printable_ascii(text: str, fields: dict[str, Any]) -> None:
    line = json_line({**fields, **event(text)})
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert line.isascii()
    assert json.loads(line)["message"] == text[:MAX_LINE]
    assert json.loads(line)["logger"] == "mcpws.connection"


@given(st.text())
def test_what_is_escaped_can_be_read_again(text: str) -> None:
    if "\\" not in text:
        assert escaped(text).encode("latin-1", "backslashreplace").decode("unicode_escape") == text


@pytest.mark.parametrize("text", [*NEWLINES, "\x1b[2J", "\x9b2J", "\x07", "\x00", "\u202e", "\u200b", "\ud83d"])
def test_what_moves_the_cursor_or_turns_the_text_around_is_escaped(text: str) -> None:
    assert text_line(event(f"a{text}b"))[:-1].isprintable()


def test_what_is_too_long_is_cut() -> None:
    assert len(text_line(event("x" * 10 * MAX_LINE))) < MAX_LINE + 100
    assert len(json_line(event("x" * 10 * MAX_LINE, field="y" * 10 * MAX_LINE))) < 2 * MAX_LINE + 300
    failure = Failure(ValueError("z" * 10 * MAX_TRACEBACK))
    assert len(text_line(event(log_failure=failure))) < MAX_TRACEBACK + 200


class Unshowable:
    """Neither text nor anything."""

    def __str__(self) -> str:
        raise RuntimeError("no")


def test_what_cannot_be_shown_is_told() -> None:
    assert json.loads(json_line(event(field=Unshowable())))["field"] == "cannot be shown: RuntimeError('no')"


def test_events_of_other_programs_are_written_as_well() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    lines({"log_format": "{a} and {b}", "a": 1, "b": "two\n", "log_level": LogLevel.warn, "log_namespace": "else"})
    lines({})
    assert [line.split(" ", 1)[1] for line in stream.getvalue().splitlines()] == [
        r"[else#warn] 1 and two\n",
        "[-#info] ",
    ]


@pytest.mark.parametrize(("level", "count"), [("debug", 5), ("info", 4), ("warn", 3), ("error", 2)])
def test_what_is_less_important_is_left_out(level: Any, count: int) -> None:
    stream = io.StringIO()
    lines = Lines(stream, "text", level)
    for one in LogLevel.iterconstants():
        lines(event(level=one))
    assert len(stream.getvalue().splitlines()) == count


def test_a_program_begins_to_log_once(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = LogPublisher()
    beginner = LogBeginner(publisher, io.StringIO(), __import__("sys"), __import__("warnings"))
    monkeypatch.setattr(logs, "globalLogBeginner", beginner)
    stream = io.StringIO()
    logs.begin("warn", "json", stream)
    logger = Logger("mcpws.test", observer=publisher)
    logger.info("not this")
    logger.warn("{who} rains", who="it", log_time=0.0)
    [line] = stream.getvalue().splitlines()
    assert json.loads(line)["message"] == "it rains"


def test_a_file_that_was_renamed_is_opened_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = LogFile(str(path))
    file.write("one\n")
    file.flush()
    path.rename(tmp_path / "log.1")
    file.write("two\n")
    file.reopen()
    file.write("three\udcff\n")
    file.close()
    assert (tmp_path / "log.1").read_text() == "one\ntwo\n"
    assert path.read_text() == "three\\udcff\n"


def test_a_file_that_is_there_is_added_to(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    file = LogFile(str(path))
    file.write("after\n")
    file.close()
    assert path.read_text() == "before\nafter\n"


def test_a_file_that_cannot_be_opened_anew_stays_open(tmp_path: Path, logged_errors: LoggedErrors) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    file = LogFile(str(folder / "log"))
    folder.rename(tmp_path / "moved")
    file.reopen()
    file.write("on\n")
    file.close()
    assert (tmp_path / "moved" / "log").read_text() == "on\n"
    assert len(logged_errors.flush()) == 1
