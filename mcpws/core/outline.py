"""Whom a text is about that is no message: what can be read of its envelope nevertheless.

A text may be broken anywhere (a number that JSON does not have, bytes that are not UTF-8, an end that is missing), or
too long to be kept whole. The members that matter stand first in it with some programs, last with others: so it is read
from both ends, up to what cannot be.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec

from mcpws.core.messages import RequestId

KEPT = 68 * 1024
"""Bytes of either end of a text that are looked at: there is room in them for the longest id."""

_MEMBERS = 64
"""As many are looked at from the beginning."""

_STRING = rb'"(?:[^"\\]|\\.)*+"'
_SCALAR = rb"(?:%b|[-+.0-9A-Za-z]++)" % _STRING
_SPACE = rb"[ \t\r\n]*+"

_first = re.compile(
    rb"%b(?P<name>%b)%b:%b(?:(?P<value>%b)%b(?=[,}]))?" % (_SPACE, _STRING, _SPACE, _SPACE, _SCALAR, _SPACE), re.DOTALL
).match
_last = re.compile(
    rb'"id"%b:%b(?P<value>%b)%b(?:,%b%b%b:%b%b%b)*+}%b\Z'
    % (_SPACE, _SPACE, _SCALAR, _SPACE, _SPACE, _STRING, _SPACE, _SPACE, _SCALAR, _SPACE, _SPACE),
    re.DOTALL,
).match
_decode_id = msgspec.json.Decoder(RequestId | float).decode


class Outline(NamedTuple):
    """Which request a text may be, and which it may answer, by their ids; both where that cannot be told apart."""

    asks: RequestId | None = None
    answers: RequestId | None = None


NOTHING = Outline()

_OF_REQUESTS = frozenset({b'"method"', b'"params"'})
_OF_ANSWERS = frozenset({b'"result"', b'"error"'})
_OF_MESSAGES = _OF_REQUESTS | _OF_ANSWERS | {b'"jsonrpc"'}


def outline(begins: bytes, ends: bytes) -> Outline:
    """What the two ends of a text tell, which are the same of a short one. Takes time in proportion to their length.

    What stands before the first brace does not count.
    """
    at = begins.find(b"{")
    if at < 0:
        return NOTHING
    names: set[bytes] = set()
    id: RequestId | None = None
    for _ in range(_MEMBERS):
        member = _first(begins, at + 1)
        if member is None:
            break
        names.add(member["name"])
        if member["value"] is None:
            break
        if member["name"] == b'"id"':
            id = read_id(member["value"])
        at = member.end()
    if id is None:
        # What stands there may be within a string, but then not as the name of a member.
        at = ends.rfind(b'"id"')
        member = None if at < 0 or not ends[:at].rstrip().endswith((b",", b"{")) else _last(ends, at)
        id = None if member is None else read_id(member["value"])
    if id is None or names.isdisjoint(_OF_MESSAGES):
        # Programs write other things that have an id.
        return NOTHING
    return Outline(
        id if names.isdisjoint(_OF_ANSWERS) else None,
        id if names.isdisjoint(_OF_REQUESTS) else None,
    )


def read_id(raw: bytes) -> RequestId | None:
    """The id that this is, if only nearly: programs that know of no integers write `3.0` for 3."""
    try:
        id: RequestId | float = _decode_id(raw)
    except ValueError:
        return None
    if isinstance(id, float):
        return int(id) if id.is_integer() and abs(id) < 2**53 else None
    return id
