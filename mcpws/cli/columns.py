"""Columns of a terminal: texts, whoever wrote them, cut to their cells, and tables that fit a width. It needs rich."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from rich.cells import cell_len
from rich.text import Text

T = TypeVar("T")

HEADING = "reverse"
GAP = "  "

_MARKS = 2
"""Characters without a width of their own that may follow each other: more than writing needs would pile up."""


def escaped(text: str) -> str:
    """`text` in one line that does nothing to a terminal: `\\x1b` stands for the character that begins commands."""
    return "".join(_safe(text))


def _safe(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        marks = marks + 1 if not cell_len(character) else 0
        if not character.isprintable():
            yield character.encode("unicode_escape").decode()
        elif marks <= _MARKS:
            yield character


def cut(text: str, width: int) -> str:
    """`text`, of which `…` stands for the end if it takes more than `width` cells."""
    whole = Text(text)
    whole.truncate(max(0, width), overflow="ellipsis")
    return whole.plain if width > 0 else ""


@dataclass(frozen=True, slots=True)
class Column(Generic[T]):
    """A column of a table: what it shows of a row, and how wide it is.

    :param value: as it came: it is escaped and cut here.
    :param width: cells that it has at least.
    :param most: cells that it may have if there is room and a text is so long; 0 for no more than `width`.
    :param rank: those with the highest are left out first where there is no room for all.
    :param style: how to show the value, if in a way of its own.
    """

    heading: str
    value: Callable[[T], str]
    width: int
    rank: int
    most: int = 0
    right: bool = False
    style: Callable[[T], str] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A line of a section, and how many things are in it."""

    text: Text
    holds: int = 1


def table(columns: Sequence[Column[T]], things: Sequence[T], width: int, marked: str = "") -> tuple[Text, list[Row]]:
    """The heading and the rows of a table that takes at most `width` cells.

    :param marked: the heading of the column that says the order.
    """
    kept = _that_fit(columns, width, marked)
    cells = [[escaped(column.value(thing)) for column in kept] for thing in things]
    widths = _widths(kept, cells, width)
    heading = Text(style=HEADING)
    for column, at in zip(kept, widths, strict=True):
        mark = "bold underline" if column.heading == marked else ""
        _add(heading, column.heading, at, column.right, mark)
    heading.append(" " * (width - heading.cell_len))
    heading.truncate(width)
    rows = []
    for thing, values in zip(things, cells, strict=True):
        line = Text()
        for column, at, value in zip(kept, widths, values, strict=True):
            _add(line, value, at, column.right, column.style(thing) if column.style is not None else "")
        line.truncate(width)
        rows.append(Row(line))
    return heading, rows


def flow(items: Sequence[Text], width: int, indent: str = "") -> list[Row]:
    """`items` beside each other, in as many rows as that takes."""
    rows: list[Row] = []
    line, holds = Text(indent), 0
    for item in items:
        if holds and line.cell_len + len(GAP) + item.cell_len > width:
            rows.append(Row(line, holds))
            line, holds = Text(indent), 0
        if holds:
            line.append(GAP)
        line.append_text(item)
        holds += 1
    if holds:
        rows.append(Row(line, holds))
    for row in rows:
        row.text.truncate(width, overflow="ellipsis")
    return rows


def ends(left: Text, right: Text, width: int) -> Text:
    """A line with a text at either end; the right one is left out if there is no room for both."""
    # Not a copy, whose style would be that of both.
    line = Text().append_text(left)
    room = width - left.cell_len - right.cell_len
    if right.cell_len and room >= len(GAP):
        line.append(" " * room)
        line.append_text(right)
    line.truncate(width, overflow="ellipsis")
    return line


def _add(line: Text, value: str, width: int, right: bool, style: str) -> None:
    if line.plain:
        line.append(" ")
    short = cut(value, width)
    room = " " * (width - cell_len(short))
    line.append(room if right else "")
    line.append(short, style)
    line.append("" if right else room)


def _that_fit(columns: Sequence[Column[T]], width: int, marked: str) -> list[Column[T]]:
    kept = list(columns)
    while len(kept) > 1 and sum(one.width + 1 for one in kept) - 1 > width:
        # What says the order goes last.
        kept.remove(max(kept, key=lambda one: (one.heading != marked, one.rank)))
    return kept


def _widths(columns: Sequence[Column[T]], cells: Sequence[Sequence[str]], width: int) -> list[int]:
    widths = [one.width for one in columns]
    room = width - sum(widths) - len(widths) + 1
    for at, column in enumerate(columns):
        longest = max((cell_len(values[at]) for values in cells), default=0)
        more = max(0, min(longest, column.most) - column.width, 0)
        widths[at] += min(more, max(0, room))
        room -= min(more, max(0, room))
    return widths
