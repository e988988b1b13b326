"""Style of what people read on standard error, in colours where that is a terminal."""

from __future__ import annotations

import os
import sys
from typing import IO

import click

_LEVELS = {
    "debug": {"dim": True},
    "info": {"fg": "cyan"},
    "notice": {"fg": "cyan"},
    "warning": {"fg": "yellow"},
}
_WORSE = {"fg": "red", "bold": True}


def say(text: str, newline: bool = True) -> None:
    """Print on standard error; colours are left out where they have no place."""
    click.echo(text, err=True, nl=newline, color=is_terminal(sys.stderr) and not os.environ.get("NO_COLOR"))


def is_terminal(stream: IO[str] | None) -> bool:
    """Whether `stream` is a terminal on which the cursor can move."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def bold(text: str) -> str:
    """Text that matters most."""
    return click.style(text, bold=True)


def dim(text: str) -> str:
    """Text that matters least."""
    return click.style(text, dim=True)


def level(name: str) -> str:
    """The level of a log message, by how bad it is."""
    return click.style(name, **_LEVELS.get(name, _WORSE))  # type: ignore[arg-type]
