"""Differences between a recorded value and the one that came in its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from mcpws.recording.carried import OPAQUE, QUESTIONS, with_names_of
from mcpws.recording.secrets import LEFT_OUT

Kind: TypeAlias = Literal["changed", "missing", "extra", "moved"]

NAMING = ("name", "uri", "uriTemplate")
"""Members by which the objects of a list are told apart, as its tools or resources."""


class Difference(NamedTuple):
    """One place that is not as it was recorded.

    :param path: a JSON Pointer (RFC 6901).
    :param expected: the recorded value; None if it is `extra`.
    :param got: what came; None if it is `missing`. Of what has `moved`, these are the names in order.
    """

    path: str
    kind: Kind
    expected: Any
    got: Any


class Ignored:
    """Places that may differ.

    :param places: JSON Pointers into a message, in which `*` stands for any one step; or names of members, wherever
        they are.
    """

    def __init__(self, places: Sequence[str] = ()) -> None:
        self._names = frozenset(one for one in places if not one.startswith("/"))
        self._pointers = [one.split("/")[1:] for one in places if one.startswith("/")]

    def has(self, path: str) -> bool:
        """Whether the value at `path`, and so all in it, may differ."""
        steps = path.split("/")[1:]
        if steps and unescaped(steps[-1]) in self._names:
            return True
        return any(
            len(pointer) == len(steps) and all(one in ("*", step) for one, step in zip(pointer, steps, strict=True))
            for pointer in self._pointers
        )


def differences(expected: Any, got: Any, ignored: Ignored, path: str = "") -> Iterator[Difference]:
    """What in `got` is not as `expected`, in its order.

    A value that was left out of the recording is as any; so are two texts that only the server can read, as cursors.
    """
    if ignored.has(path) or expected == LEFT_OUT:
        return
    if isinstance(expected, dict) and isinstance(got, dict):
        yield from _of_members(expected, got, ignored, path)
    elif isinstance(expected, list) and isinstance(got, list):
        yield from _of_items(expected, got, ignored, path)
    elif not _same(expected, got):
        yield Difference(path, "changed", expected, got)


def escaped(name: str) -> str:
    """The name of a member as a step of a JSON Pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def unescaped(step: str) -> str:
    """The name that a step of a JSON Pointer means."""
    return step.replace("~1", "/").replace("~0", "~")


def _of_members(expected: dict[str, Any], got: dict[str, Any], ignored: Ignored, path: str) -> Iterator[Difference]:
    for name in [*expected, *(one for one in got if one not in expected)]:
        inner = f"{path}/{escaped(name)}"
        if name not in got:
            if not ignored.has(inner):
                yield Difference(inner, "missing", expected[name], None)
        elif name not in expected:
            if not ignored.has(inner):
                yield Difference(inner, "extra", None, got[name])
        else:
            before, after = expected[name], got[name]
            if name in OPAQUE and isinstance(before, str) and isinstance(after, str):
                continue
            if name == QUESTIONS and isinstance(before, dict) and isinstance(after, dict):
                after = with_names_of(before, after)
            yield from differences(before, after, ignored, inner)


def _of_items(expected: list[Any], got: list[Any], ignored: Ignored, path: str) -> Iterator[Difference]:
    before, after = _by_name(expected), _by_name(got)
    if before is None or after is None:
        before = {str(number): number for number in range(len(expected))}
        after = {str(number): number for number in range(len(got))}
    for name, at in before.items():
        inner = f"{path}/{at}"
        if name in after:
            yield from differences(expected[at], got[after[name]], ignored, inner)
        elif not ignored.has(inner):
            yield Difference(inner, "missing", expected[at], None)
    for name, at in after.items():
        inner = f"{path}/{at}"
        if name not in before and not ignored.has(inner):
            yield Difference(inner, "extra", None, got[at])
    common = [name for name in before if name in after]
    moved = [name for name in after if name in before]
    if common != moved:
        yield Difference(path, "moved", common, moved)


def _by_name(items: list[Any]) -> dict[str, int] | None:
    """The places of objects in a list, by their names; None if they have none of their own."""
    for naming in NAMING:
        names = [one.get(naming) if isinstance(one, dict) else None for one in items]
        found = {name: at for at, name in enumerate(names) if isinstance(name, str)}
        if found and len(found) == len(items):
            return found
    return None


def _same(expected: Any, got: Any) -> bool:
    if isinstance(expected, str) and isinstance(got, str):
        return expected == got or (LEFT_OUT in expected and _has_parts(got, expected.split(LEFT_OUT)))
    # In Python True is 1.
    return isinstance(expected, bool) is isinstance(got, bool) and bool(expected == got)


def _has_parts(text: str, parts: list[str]) -> bool:
    """Whether `text` is made of `parts`, with anything between them."""
    first, *middle, last = parts
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        at = text.find(part, at, end)
        if at < 0:
            return False
        at += len(part)
    return True
