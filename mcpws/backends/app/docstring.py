"""Docstrings read for what they say of a function, and of each parameter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from inspect import cleandoc
from itertools import pairwise
from textwrap import dedent

from docstring_parser import DocstringParam, DocstringStyle, ParseError
from docstring_parser import parse as parse_style

Described = dict[str, str]

_TITLE = re.compile(r"(?:Keyword |Other )?(?:Arguments|Args|Parameters|Params)(:?)\s*")
_RULE = re.compile(r"[-=]{3,}\s*")
_FIELD = re.compile(r"[:@](?=\w)")
# Types say nothing here, and those with a colon in them would mislead; a dash may stand for the colon.
_ENTRY = re.compile(
    r"(?:[-*\u2022]\s+)?([\\*`]*\w+`?)\s*(?:\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))?\s*(?::|\s[-\u2010-\u2015]+\s)"
)


def parse(docstring: str | None) -> tuple[str | None, Described]:
    """The description, and each parameter's.

    Parameters are described in the style of Google, of NumPy, or in fields as Sphinx and Epydoc have them. All else is
    description, what is not understood included; None when there is nothing of it.
    """
    kept: list[str] = []
    described: Described = {}
    for text, found in _pieces(cleandoc(docstring or "")):
        if found is None:
            kept.append(text)
        else:
            described |= found
    description = re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()
    return description or None, described


def _pieces(text: str) -> Iterator[tuple[str, Described | None]]:
    """Pieces of a docstring, each with what it says of parameters; None with what is not about them."""
    pieces = [*_indented(text.splitlines()), [""]]
    is_numpy = False
    for piece, following in pairwise(pieces):
        title, is_headed = _TITLE.fullmatch(piece[0]), _RULE.fullmatch(following[0]) is not None
        whole = "\n".join(piece)
        if is_headed:
            is_numpy = title is not None
            yield whole, {} if is_numpy else None
        elif is_numpy and _RULE.fullmatch(piece[0]):
            yield from _section(piece[1:])
        elif is_numpy:
            yield whole, _understood(f"Parameters\n----------\n{whole}", DocstringStyle.NUMPYDOC)
        elif title is not None and title[1]:
            yield from _section(piece[1:], piece[0])
        elif _FIELD.match(whole):
            yield whole, _understood(f":{whole[1:]}", DocstringStyle.REST)
        else:
            yield whole, None


def _section(lines: list[str], title: str = "") -> Iterator[tuple[str, Described | None]]:
    """The entries of a section in the style of Google, those that are not understood below its title again."""
    for piece in _indented(lines):
        entry = _ENTRY.sub(r"\1:", dedent("\n".join(piece)), count=1)
        found = _understood("\nArgs:\n" + re.sub("^(?=.)", "    ", entry, flags=re.M), DocstringStyle.GOOGLE)
        if found is None and title:
            yield title, None
            title = ""
        yield "\n".join(piece), found


def _indented(lines: Iterable[str]) -> list[list[str]]:
    """Lines by pieces: what is indented deeper than the first of all belongs to the one before it."""
    pieces: list[list[str]] = []
    margin: int | None = None
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if line.strip() and margin is None:
            margin = indent
        if pieces and (not line.strip() or (margin is not None and indent > margin)):
            pieces[-1].append(line)
        else:
            pieces.append([line])
    return pieces


def _understood(text: str, style: DocstringStyle) -> Described | None:
    """Descriptions of parameters in a piece, if it is about nothing else."""
    try:
        parts = parse_style(text, style).meta
    except ParseError:
        return None
    found: Described = {}
    for part in parts:
        if not isinstance(part, DocstringParam) or part.args[0] == "attribute":
            return None
        names = [name.strip(" \\*`") for name in part.arg_name.split(",")]
        # In the style of NumPy, any line may be a name.
        is_said = part.description or part.type_name or style is not DocstringStyle.NUMPYDOC
        if not (is_said and all(name.isidentifier() for name in names)):
            return None
        found |= dict.fromkeys(names, " ".join((part.description or "").split()))
    return {name: said for name, said in found.items() if said}
