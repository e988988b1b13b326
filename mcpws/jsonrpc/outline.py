"""Outline of a text that is no message: what can be read of its envelope nevertheless.

A text may be broken anywhere (a number that JSON does not have, bytes that are not UTF-8, an end that is missing), or
too long to be kept whole. The members that matter stand first in it with some programs, last with others: so it is read
from both ends, up to what cannot be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from string import ascii_letters, digits
from typing import NamedTuple

import msgspec

from mcpws.jsonrpc.messages import RequestId

KEPT = 68 * 1024
"""Bytes of either end of a text that are looked at: there is room in them for the longest id."""

_TOKENS = 1024
"""As many are looked at from either end."""

# What is of no interest is matched too, so that it is looked at only once.
_OTHERS = rb'[+.0-9A-Za-z-]++|[][{}:,]|[^]["{}:,+.0-9A-Za-z-]++'
# A string that is cut off goes on to the end, so that no text takes longer than in proportion to its length.
_forward = re.compile(rb'"(?:[^"\\]|\\.)*+"?|' + _OTHERS, re.DOTALL).finditer
# The same of a text that is reversed: there a quote that is escaped stands before its backslashes.
_backward = re.compile(rb'"(?:[^"]|"(?=\\(?:\\\\)*+(?!\\)))*+"?|' + _OTHERS).finditer
_INTERESTING = frozenset(b'"[]{}:,+-.' + ascii_letters.encode() + digits.encode())
_decode_id = msgspec.json.Decoder(RequestId | float).decode


class Outline(NamedTuple):
    """Ids of the request that a text may be, and of the one that it may answer; both where one cannot tell."""

    asks: RequestId | None = None
    answers: RequestId | None = None


NO_OUTLINE = Outline()

_BRACKETS = frozenset({b"{", b"}", b"[", b"]"})
_OF_REQUESTS = frozenset({b'"method"', b'"params"'})
_OF_ANSWERS = frozenset({b'"result"', b'"error"'})
_OF_MESSAGES = _OF_REQUESTS | _OF_ANSWERS | {b'"jsonrpc"'}


def outline(begins: bytes, ends: bytes) -> Outline:
    """Outline that the two ends of a text tell, which are the same of a short one. Takes time in proportion to them.

    What stands before the first brace does not count.
    """
    at = begins.find(b"{")
    if at < 0:
        return NO_OUTLINE
    tokens, is_whole = _of_object(found[0] for found in islice(_forward(begins, at), _TOKENS))
    id, names = _members(tokens)
    if id is None and ends.rstrip().endswith(b"}"):
        reversed_tokens = (found[0][::-1] for found in islice(_backward(ends[::-1]), _TOKENS))
        tokens, _ = _of_object(reversed_tokens)
        id, others = _members(tokens[::-1])
        # What ends before may be no part of the message.
        names = others if is_whole else names | others
    if id is None or names.isdisjoint(_OF_MESSAGES):
        # Programs write other things that have an id.
        return NO_OUTLINE
    return Outline(
        id if names.isdisjoint(_OF_ANSWERS) else None,
        id if names.isdisjoint(_OF_REQUESTS) else None,
    )


def _of_object(tokens: Iterable[bytes]) -> tuple[list[bytes], bool]:
    """The tokens of an object that begins, or ends, with the first of all, and whether they are all there.

    In the place of what is within another object, or an array, stands an empty one.
    """
    kept: list[bytes] = []
    depth = 0
    # Seen from behind, what closes opens.
    opening = b""
    for token in tokens:
        if token not in _BRACKETS:
            if depth == 1 and token[0] in _INTERESTING:
                kept.append(token)
            continue
        opening = opening or (b"{[" if token in b"{[" else b"}]")
        if token in opening:
            depth += 1
            if depth <= 2:
                kept.append(token if depth == 1 else b"")
        else:
            depth -= 1
            if depth == 0:
                return [*kept, token], True
    return kept, False


def _members(tokens: list[bytes]) -> tuple[RequestId | None, set[bytes]]:
    """The id among the members of an object, and the names of all."""
    names: set[bytes] = set()
    id: RequestId | None = None
    followed = [*tokens, b"", b""]
    for before, name, colon, value, after in zip(tokens, *(followed[shift:] for shift in range(1, 5)), strict=False):
        if colon == b":" and before in (b"{", b","):
            names.add(name)
            if name == b'"id"' and after in (b",", b"}"):
                id = read_id(value)
    return id, names


def read_id(raw: bytes) -> RequestId | None:
    """The id that this is, if only nearly: programs that know of no integers write `3.0` for 3."""
    try:
        id: RequestId | float = _decode_id(raw)
    except ValueError:
        return None
    if isinstance(id, float):
        return int(id) if id.is_integer() and abs(id) < 2**53 else None
    return id
