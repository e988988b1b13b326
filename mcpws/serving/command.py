"""Command lines that are given as one text: their words, or what to write in place of what only a shell understands."""

from __future__ import annotations

import os
import re
import shlex

from mcpws.errors import ConfigError

# Quoted, a character means itself; but in double quotes a shell still expands what begins with these two.
_QUOTED = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.""", re.DOTALL)
_PARTS = re.compile(r"\\.|(\$[A-Za-z_{(]|`)|.", re.DOTALL)
_MASK = '"'

_WHITE = re.compile(r"[ \t\r\n]+")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_CD = re.compile(r"\s*cd\s+(\S+)\s*(?:&&|;)\s*(?=\S)")
_EXPANDED = re.compile(r"\$[A-Za-z_{(]\S*|`\S*")
_HOME = re.compile(r"~[A-Za-z0-9_-]*(?:/.*)?")
_OPERATOR = re.compile(r"\|\|?|&&?|;|\d*[<>].*|&>.*|.+[;&|]")


def words_of(text: str) -> tuple[str, ...]:
    """The words of a command line, as a shell would part them.

    :raises ConfigError: there are none, or they need a shell.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise _refused(text, f"cannot be split into words: {error}") from None
    if not words:
        raise _refused(text, "must be a command line, as mcp-server-time --local-timezone Europe/Paris")
    _check_no_shell(text, _masked(text), words)
    return tuple(words)


def _check_no_shell(text: str, masked: str, words: list[str]) -> None:
    if change := _CD.match(masked):
        folder = shlex.split(text[change.start(1) : change.end(1)])[0]
        raise _refused(text, f"cd is for a shell: write --cwd {folder}, and here {text[change.end() :]}")
    if _ASSIGNMENT.match(masked.lstrip()):
        raise _refused(text, f"{words[0]} is for a shell: write --env {shlex.quote(words[0])}, and here what follows")
    for word, written in zip(_WHITE.sub(" ", masked).strip(" ").split(" "), words, strict=True):
        if _HOME.fullmatch(word):
            raise _refused(text, f"{written} is for a shell: write {os.path.expanduser(written)}")
        if _OPERATOR.fullmatch(word) or _EXPANDED.search(word):
            raise _refused(text, f"{written} is for a shell, and none is involved: write sh -c {shlex.quote(text)}")


def _masked(text: str) -> str:
    """`text`, as long as it was, with a quotation mark for each character that is quoted."""

    def mask(quoted: re.Match[str]) -> str:
        if quoted[0].startswith('"'):
            return _PARTS.sub(lambda one: one[1] or _MASK * len(one[0]), quoted[0])
        return _MASK * len(quoted[0])

    return _QUOTED.sub(mask, text)


def _refused(text: str, problem: str) -> ConfigError:
    return ConfigError("stdio", text, problem)
