"""Blame for an exception: the last line of the user's own code on its way, and how to show it."""

from __future__ import annotations

import os
import site
import sys
import sysconfig
import traceback
from traceback import TracebackException

MAX_TEXT = 500
"""Characters of an exception's text that are shown in a line."""

_INSTALLED = {"site-packages", "dist-packages"}
_OURS = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))


def is_theirs(path: str) -> bool:
    """Whether the file at `path` is the user's own: neither Python's, nor installed, nor of mcpws."""
    if path.startswith("<"):
        return False
    full = os.path.realpath(path)
    return _INSTALLED.isdisjoint(full.split(os.sep)) and not full.startswith(_FOREIGN)


def _foreign() -> tuple[str, ...]:
    installed = [sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    folders = [_OURS, *installed, *site.getsitepackages(), site.getusersitepackages()]
    return tuple(os.path.realpath(folder) + os.sep for folder in folders if folder)


_FOREIGN = _foreign()


def shown_path(path: str) -> str:
    """`path` as somebody who stands here would write it."""
    here = os.getcwd() + os.sep
    return path.removeprefix(here)


def blamed(error: BaseException) -> str:
    """`error` in one line, with file and line of the user's code that it comes from."""
    # The whole text of a SyntaxError names file and line as well.
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    what = f"{type(error).__name__}: {text[:MAX_TEXT]}" if text else type(error).__name__
    file, line = _place(error)
    notes = [f"{shown_path(file)}, line {line}"] if file else []
    if isinstance(error, ModuleNotFoundError) and error.name:
        notes.append(f"it has to be installed for {sys.executable}")
    return f"{what} ({'; '.join(notes)})" if notes else what


def shown_traceback(error: BaseException) -> str:
    """The traceback of `error` from the first line of the user's code on, without what mcpws and Python did before.

    Where it ends in mcpws it is cut there, too.
    """
    told = TracebackException.from_exception(error)
    _cut(told)
    return "".join(told.format())


def blamed_files(error: BaseException | None) -> set[str]:
    """The user's own files that `error` went through, or is about: a change in one of them may mend it."""
    found: set[str] = set()
    while error is not None:
        files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        if isinstance(error, SyntaxError) and error.filename:
            files.append(error.filename)
        found.update(os.path.realpath(file) for file in files if is_theirs(file) and os.path.isfile(file))
        error = error.__cause__ or error.__context__
    return found


def _place(error: BaseException) -> tuple[str | None, int | None]:
    if isinstance(error, SyntaxError) and error.filename and os.path.isfile(error.filename):
        return error.filename, error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if is_theirs(frame.filename)]
    return (own[-1].filename, own[-1].lineno) if own else (None, None)


def _cut(told: TracebackException) -> None:
    frames = list(told.stack)
    while frames and not is_theirs(frames[0].filename):
        frames.pop(0)
    while frames and os.path.realpath(frames[-1].filename).startswith(_OURS + os.sep):
        frames.pop()
    told.stack[:] = frames
    for cause in (told.__cause__, told.__context__):
        if cause is not None:
            _cut(cause)
