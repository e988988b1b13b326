"""Depth of JSON: how many arrays and objects are within each other."""

from __future__ import annotations

from itertools import accumulate
from operator import add

COUNTED = 1024
"""Bytes up to which it is quicker to count all brackets than to look for one after the other."""

_CHUNK = 64 * 1024
"""Bytes that are looked at together: what is cut at its quotes takes many times as much meanwhile."""

_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_BITS = bytes(ord("1") if byte in b"[{" else ord("0") for byte in range(256))


def _steps(eight: int) -> list[int]:
    """The levels after each of eight brackets, which are bits: 1 opens, 0 closes."""
    return list(accumulate(1 if eight >> position & 1 else -1 for position in reversed(range(8))))


_RISE = [_steps(eight)[-1] for eight in range(256)]
_TOP = [max(_steps(eight)) for eight in range(256)]


def is_deeper(data: bytes, most: int) -> bool:
    """Whether valid JSON nests more than `most` levels deep."""
    return _may_be_deeper(data, most) and depth(data, most) > most


def depth(data: bytes, most: int | None = None) -> int:
    """The depth of valid JSON; once it is found to be more than `most`, whatever it has come to.

    Strings are dropped, and brackets added up eight at a time. Every step runs at C speed and is linear: no choice of
    brackets and quotes buys much more time than another, nor more memory than some times `data`.
    """
    text = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    level = deepest = in_string = 0
    for start in range(0, len(text), _CHUNK):
        parts = text[start : start + _CHUNK].split(b'"')
        brackets = b"".join(parts[in_string::2]).translate(_BITS, _NOT_BRACKETS)
        in_string ^= (len(parts) - 1) & 1
        if brackets:
            count = len(brackets)
            # What is put behind only closes, and so is no higher.
            eights = int(brackets + b"0" * (-count % 8), 2).to_bytes((count + 7) // 8, "big")
            before = accumulate(map(_RISE.__getitem__, eights), initial=level)
            deepest = max(deepest, max(map(add, before, map(_TOP.__getitem__, eights))))
            if most is not None and deepest > most:
                break
            level += 2 * brackets.count(b"1") - count
    return deepest


def _may_be_deeper(data: bytes, most: int) -> bool:
    """Whether there are more opening brackets than that; most of what is long holds few, or many at its beginning."""
    if len(data) <= COUNTED:
        return data.count(b"[") + data.count(b"{") > most
    left = most
    for bracket in (b"[", b"{"):
        at = data.find(bracket)
        while at >= 0:
            if not left:
                return True
            left -= 1
            at = data.find(bracket, at + 1)
    return False
