"""The settings as options of `twistd` and `twist`."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from twisted.python import usage

from mcpws.errors import McpwsError, UnknownSetting
from mcpws.serving.config import service_settings
from mcpws.serving.reference import CONFIG_ROW, grouped, help_rows
from mcpws.serving.sources import CONFIG, Reading, options_of_settings, read_settings
from mcpws.settings import nearest

_COMPLAINT = re.compile(r"option (--?[^ ]+) (.*)", re.DOTALL)
_STATUS = "The exit status is 0 after SIGTERM; it is 1 when the service cannot begin, and one line says why."
_WIDTH = 80
_INDENT = 8


class SettingsOptions(usage.Options):
    """Options that are made of the settings of the service. They only note what is given; `read` makes sense of it.

    :param environ: the environment; this process's by default.
    """

    longdesc = ""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.environ = os.environ if environ is None else environ
        self.given: list[tuple[str, str]] = []

    def read(self) -> Reading:
        """The settings, from the options, the environment and the file."""
        return read_settings(self.given, self.environ)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """Raises McpwsError for what cannot be understood."""
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            raise _in_our_words(str(error)) from None

    def getUsage(self, width: int | None = None) -> str:
        """The help: the settings in their groups, then what else there is."""
        own = [CONFIG_ROW, ("--help", "Show this and end."), ("--version", "Show Twisted's version.")]
        groups = [(title, [help_rows(one) for one in ones]) for title, ones in grouped(service_settings().values())]
        paragraphs = [f"\n{textwrap.fill(self.longdesc, width or _WIDTH)}\n"] if self.longdesc else []
        for title, rows in [*groups, ("Other options", own)]:
            paragraphs.append("\n".join([f"\n{title}:", *_formatted(rows, width or _WIDTH)]))
        return "\n".join([*paragraphs, "", textwrap.fill(_STATUS, width or _WIDTH)]) + "\n"


def _formatted(rows: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    for options, text in rows:
        yield f"  {options}"
        yield textwrap.fill(
            text, width, initial_indent=" " * _INDENT, subsequent_indent=" " * _INDENT, break_on_hyphens=False
        )


def _in_our_words(complaint: str) -> McpwsError:
    match = _COMPLAINT.fullmatch(complaint)
    if match is None:
        return McpwsError(complaint)
    option, problem = match.groups()
    if problem == "not recognized":
        return UnknownSetting(option, nearest(option, [*options_of_settings(), f"--{CONFIG}"], "--"))
    return McpwsError(f"{option}: {problem}")


def _noting(option: str) -> Callable[[Any, str], None]:
    def note(self: SettingsOptions, text: str) -> None:
        self.given.append((option, text))

    return note


def _noting_flag(option: str) -> Callable[[Any], None]:
    def note(self: SettingsOptions) -> None:
        self.given.append((option, ""))

    return note


def _add_options() -> None:
    # Twisted finds options by the names of methods.
    setattr(SettingsOptions, f"opt_{CONFIG}", _noting(f"--{CONFIG}"))
    for option, (setting, _) in options_of_settings().items():
        note = _noting_flag(option) if setting.is_flag else _noting(option)
        setattr(SettingsOptions, f"opt_{option.strip('-').replace('-', '_')}", note)
        if setting.short and option == f"--{setting.option}":
            setattr(SettingsOptions, f"opt_{setting.short}", note)


_add_options()
