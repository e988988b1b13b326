"""What a docstring says of a function, and what of each parameter."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

_SECTION = re.compile(r"(?:Args|Arguments|Parameters):\s*$")
_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")
_FIELD = re.compile(r"[:@]param\s+(?:\S+\s+)*?(\w+)\s*:\s*(.*)$")


def parse(docstring: str | None) -> tuple[str | None, dict[str, str]]:
    """The description, and each parameter's.

    Parameters are read from a section `Args:` with indented entries, and from the fields `:param x:` and `@param x:`.
    All else is description; None when nothing is left.
    """
    kept: list[str] = []
    entries: dict[str, list[str]] = {}
    current: list[str] | None = None
    section_indent: int | None = None
    entry_indent = 0
    for line, indent, text in _lines(docstring or ""):
        if section_indent is not None and text and indent <= section_indent:
            section_indent = current = None
        if field := _FIELD.match(text):
            current = entries.setdefault(field[1], [])
            current.append(field[2])
            entry_indent = indent
        elif section_indent is None and _SECTION.match(text):
            section_indent = indent
            current = None
        elif current is not None and text and indent > entry_indent:
            current.append(text)
        elif section_indent is not None:
            if entry := _ENTRY.match(text):
                current = entries.setdefault(entry[1], [])
                current.append(entry[2])
                entry_indent = indent
        else:
            current = None
            kept.append(line)
    description = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return description or None, {name: " ".join(filter(None, lines)) for name, lines in entries.items()}


def _lines(docstring: str) -> Iterator[tuple[str, int, str]]:
    for line in inspect.cleandoc(docstring).splitlines():
        text = line.strip()
        yield line, len(line) - len(line.lstrip()), text
