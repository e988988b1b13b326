"""Display of a call that goes on: progress and log messages on standard error, in lines or with a bar."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.cli.report import printable
from mcpws.cli.style import is_terminal, level, say
from mcpws.core.rpc import Progress

log = Logger()

_WIDTH = 30
"""Columns of a bar."""

REFRESH = 0.1
"""Seconds between two pictures of a bar."""


class Display:
    """Shows progress as a bar at the foot of a terminal, log messages above it; anywhere else a line for each.

    :param clock: moves the bar.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._bar: Bar | None = None
        self._has_bar = is_terminal(sys.stderr)

    def progress(self, progress: Progress) -> None:
        """Show the progress of the call."""
        if self._has_bar and self._bar is None:
            try:
                self._bar = Bar(self._clock)
            except ModuleNotFoundError:
                # It is in the extra `cli`, but click may be there without it.
                self._has_bar = False
        if self._bar is None:
            total = "" if progress.total is None else f"/{progress.total:g}"
            say(printable(f"progress {progress.progress:g}{total} {progress.message or ''}".rstrip()))
        else:
            self._bar.update(progress)
            self._bar.show()

    def message(self, params: dict[str, Any]) -> None:
        """A log message of the server."""
        data = params.get("data")
        text = data if isinstance(data, str) else msgspec.json.encode(data).decode()
        origin = [printable(str(params["logger"]))] if "logger" in params else []
        line = ": ".join([level(printable(str(params.get("level", "info")))), *origin, printable(text)])
        if self._bar is None:
            say(line)
        else:
            self._bar.above(line)

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Nothing moves meanwhile."""
        if self._bar is not None:
            self._bar.hide()
        yield
        if self._bar is not None:
            self._bar.show()

    def close(self) -> None:
        """Leave nothing behind but lines."""
        if self._bar is not None:
            self._bar.hide()
            self._bar = None


class Bar:
    """A bar, by rich."""

    def __init__(self, clock: IReactorTime) -> None:
        # Only now: it takes longer to import than most calls take, and most report nothing.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.text import Text
        from rich.theme import Theme

        self._progress = Progress(
            # In colours of the terminal's own choice, which fit its background.
            BarColumn(_WIDTH, "bright_black", "cyan", "cyan", "cyan"),
            TextColumn("{task.fields[done]}", markup=False),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(stderr=True, theme=Theme({"progress.elapsed": "default"})),
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._text = Text
        self._task = self._progress.add_task("", total=None, done="")
        self._moving = LoopingCall(self._progress.refresh)
        self._moving.clock = clock

    def update(self, progress: Progress) -> None:
        """Show the progress of the call."""
        total = progress.total or None
        done = f"{progress.progress:g}" if total is None else f"{min(progress.progress / total, 1):.0%}"
        told = self._text(printable(progress.message or ""))
        # All in one line; the time has 7 columns, and one is between each two.
        told.truncate(self._progress.console.width - _WIDTH - len(done) - 7 - 3, overflow="ellipsis")
        self._progress.update(self._task, completed=progress.progress, total=total, description=told.plain, done=done)

    def above(self, line: str) -> None:
        """Print a line, which stays."""
        self._progress.console.print(self._text.from_ansi(line), highlight=False)

    def show(self) -> None:
        """Show it; it goes on to move."""
        if not self._moving.running:
            self._progress.start()
            self._moving.start(REFRESH).addErrback(self._failed)

    def hide(self) -> None:
        """Take it away."""
        if self._moving.running:
            self._moving.stop()
            self._progress.stop()

    def _failed(self, failure: Failure) -> None:
        """Give up showing it; the call goes on."""
        log.warn("the progress cannot be shown: {error}", error=failure.value)
