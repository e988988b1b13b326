"""docs/troubleshooting.md: every heading is a text that the code can say, and says nothing else."""

import ast
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest

from mcpws.errors import GOING_AWAY
from mcpws.ws import connection
from tests.docs.snippets import ROOT

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
HEADINGS = re.findall(r"^### `(.*)`$", PAGE, re.MULTILINE)
CODES = {value for value in vars(connection).values() if isinstance(value, int)} | {GOING_AWAY, 1009}
"""Close codes that are sent here; 1009 is Autobahn's to send."""

ANYTHING = "\0"
ENOUGH = 10
"""Characters of its own that a text with values in it has to have, to say what it says."""
_NUMBERED = re.compile(r"(\d{3,4})(?: (.+))?")


def spoken(tree: ast.AST) -> Iterator[str]:
    """Every text of a module, with ANYTHING in the place of each value that is put in."""
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(part.value if isinstance(part, ast.Constant) else ANYTHING for part in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            # Of the log, and of messages that are filled in later.
            yield re.sub(r"\{[^{}]*\}", ANYTHING, node.value)


def all_spoken() -> list[str]:
    modules = sorted((ROOT / "mcpws").rglob("*.py"))
    return [text for module in modules for text in spoken(ast.parse(module.read_text()))]


SPOKEN = all_spoken()
PATTERNS = [
    re.compile(".+".join(map(re.escape, text.split(ANYTHING))))
    for text in SPOKEN
    if ANYTHING in text and len(text.replace(ANYTHING, "")) >= ENOUGH
]


def can_be_said(heading: str) -> bool:
    """Whether one text of the code has all the parts of `heading` that `...` leaves, in their order, or is it."""
    parts = [re.escape(part) for part in re.split(r"\s*\.\.\.\s*", heading) if part]
    wanted = re.compile(".*?".join(parts), re.DOTALL)
    return any(wanted.search(text) for text in SPOKEN) or any(one.fullmatch(heading) for one in PATTERNS)


def test_there_are_headings() -> None:
    assert len(HEADINGS) > 40
    assert len(set(HEADINGS)) == len(HEADINGS)
    assert re.findall(r"^### (?!`.*`$).*", PAGE, re.MULTILINE) == []


@pytest.mark.parametrize("heading", HEADINGS)
def test_the_code_can_say_what_the_heading_says(heading: str) -> None:
    numbered = _NUMBERED.fullmatch(heading)
    if numbered is None:
        assert can_be_said(heading)
        return
    number, text = int(numbered[1]), numbered[2]
    assert number in ({*HTTPStatus} if number < 1000 else CODES)
    assert text is None or can_be_said(text)


@pytest.mark.parametrize("heading", ["no such words are here", "held the ... reactor up for", "503 no connection is"])
def test_what_nobody_says_is_found(heading: str) -> None:
    assert not can_be_said(heading)


def test_every_refusal_of_the_handshake_that_a_person_meets_is_told() -> None:
    source = Path(ROOT / "mcpws" / "http" / "checks.py").read_text()
    settable = re.findall(r'setting="?(\w+)', source)
    assert settable
    for status in (400, 403, 404, 421, 426, 431, 503):
        assert any(heading.startswith(f"{status} ") for heading in HEADINGS)
