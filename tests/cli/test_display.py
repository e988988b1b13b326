"""Progress and log messages: lines in a file, a bar on a terminal."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from mcpws.cli.display import Display
from mcpws.core.rpc import Progress

MESSAGE = {"level": "warning", "logger": "db", "data": "slow"}


class Screen(io.StringIO):
    """A terminal of 80 columns."""

    gone = False

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if self.gone:
            raise OSError("gone")
        return super().write(text)

    def take(self) -> str:
        """What was written since, without colours and the movements of the cursor."""
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.getvalue())
        self.seek(0)
        self.truncate()
        return text


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Screen()


@contextmanager
def showing(clock: Clock, screen: Screen) -> Iterator[Display]:
    """A display on that terminal; in the end nothing may be left of it."""
    with redirect_stderr(screen):
        display = Display(clock)
        yield display
        display.close()
    assert clock.getDelayedCalls() == []


def test_where_there_is_no_terminal_there_are_lines(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(clock)
    display.progress(Progress(1))
    display.progress(Progress(2.5, 10, "half\x1b[31m"))
    display.message(MESSAGE)
    display.message({"data": {"a": 1}})
    with display.hidden():
        pass
    display.close()
    assert capsys.readouterr().err == ('progress 1\nprogress 2.5/10 half?[31m\nwarning: db: slow\ninfo: {"a":1}\n')
    assert clock.getDelayedCalls() == []


def test_a_bar_says_how_far_it_is_and_goes_away(clock: Clock, screen: Screen) -> None:
    with showing(clock, screen) as display:
        display.progress(Progress(1, 4, "one of four"))
        first = screen.take()
        assert "25%" in first
        assert "one of four" in first
        display.progress(Progress(4, 4, "x" * 200))
        clock.advance(1)
        last = screen.take()
        assert "100%" in last
        assert all(len(line) <= 80 for line in re.split(r"[\r\n]+", last))
        display.close()
        screen.take()
        clock.advance(1)
        assert screen.take() == ""


def test_a_bar_without_a_total_says_how_much(clock: Clock, screen: Screen) -> None:
    with showing(clock, screen) as display:
        display.progress(Progress(1234, None, "rows\nread"))
        assert "1234" in (said := screen.take())
        assert "rows read" in said
        display.progress(Progress(5, 0))
        display.progress(Progress(7, 5))
        clock.advance(1)
        assert "100%" in screen.take()


def test_log_messages_stay_above_the_bar(clock: Clock, screen: Screen) -> None:
    with showing(clock, screen) as display:
        display.message(MESSAGE)
        assert screen.take() == "warning: db: slow\n"
        display.progress(Progress(1, 4, "[bold]one"))
        screen.take()
        display.message({"level": "info", "data": "[red]a\x1b[2Jb"})
        said = screen.take()
        assert "info: [red]a?[2Jb\n" in said.replace("\r", "")
        assert said.rstrip().endswith("[bold]one")


def test_a_bar_is_hidden_while_a_person_is_asked(clock: Clock, screen: Screen) -> None:
    with showing(clock, screen) as display:
        display.progress(Progress(1, 4, "one"))
        with display.hidden():
            screen.take()
            clock.advance(10)
            assert screen.take() == ""
        assert "one" in screen.take()


def test_without_rich_there_are_lines(clock: Clock, screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "rich"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich", None)
    with showing(clock, screen) as display:
        display.progress(Progress(1, 4))
        display.progress(Progress(2, 4))
    assert screen.take() == "progress 1/4\nprogress 2/4\n"


@pytest.mark.parametrize("level", ["debug", "info", "error", "strange"])
def test_a_level_has_its_colour(level: str, clock: Clock, screen: Screen) -> None:
    with showing(clock, screen) as display:
        display.message({"level": level, "data": "a"})
    assert "\x1b[" in screen.getvalue()
    assert screen.take() == f"{level}: a\n"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_colours_can_be_switched_off(
    name: str, value: str, clock: Clock, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with showing(clock, screen) as display:
        display.message({"level": "error", "data": "a"})
    assert screen.getvalue() == "error: a\n"


def test_a_terminal_that_is_gone_does_not_end_the_call(clock: Clock, screen: Screen) -> None:
    with capturedLogs() as logs, redirect_stderr(screen):
        display = Display(clock)
        display.progress(Progress(1, 4))
        screen.gone = True
        clock.advance(1)
        assert clock.getDelayedCalls() == []
    assert [formatEvent(event) for event in logs] == ["the progress cannot be shown: gone"]
