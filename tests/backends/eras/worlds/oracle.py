"""What clients and servers of a world have in common."""

from __future__ import annotations

import json
from random import Random
from typing import Any, TypeAlias, TypeVar

from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Message, alike

Json: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, Any]
"""An id or a token with its type."""

T = TypeVar("T")

P = "io.modelcontextprotocol/"
SUBSCRIPTION = f"{P}subscriptionId"
IDS: list[Any] = [0, 1, 2, 3, 4, "0", "1", "2", "", -1, 2**53, "mcpws-0"]
"""What both sides use for ids and tokens, all of them for anything: so they collide, with our own numbers too."""

URIS = ["u:1", "u:2", "u:3", "u:1/part", ""]
STRAY = "stray"
"""Whose it is when it must reach nobody."""


class Violation(AssertionError):
    """Something that must not be was seen."""


def must(holds: object, *what: object) -> None:
    if not holds:
        raise Violation(" ".join(map(str, what)))


def key_of(id: Any) -> Key:
    must(type(id) in (int, str), "an id that is none:", repr(id))
    return type(id).__name__, id


def like(id: Any) -> set[Key]:
    """This id, and the one that it is taken for when a peer does not keep types."""
    keys = {key_of(id)}
    other = alike(id)
    return keys if other is None else keys | {key_of(other)}


def encoded(message: Json) -> Message:
    return decode(json.dumps({"jsonrpc": "2.0", **message}).encode())


KEPT = ("id", "method", "nonce", "echo", "re", "message", "from", "progressToken", "requestId", SUBSCRIPTION)
"""What the oracle goes by is not spoilt."""

ODD: list[Any] = [None, True, 0, -1, 2.5, 1e308, 2**70, "", "x", [], [1], {}, {"x": {}}, [[[{}]]], {"_meta": 1}]


def spoil(random: Random, message: Json) -> Json:
    """The message with something in it that does not belong there, but for what has to be kept."""
    copied: Json = json.loads(json.dumps(message))
    places: list[tuple[Any, Any]] = []

    def look(value: Any) -> bool:
        """Whether nothing in it has to be kept."""
        free = True
        for key, member in list(value.items() if isinstance(value, dict) else enumerate(value)):
            inner = look(member) if isinstance(member, (dict, list)) else True
            if inner and key not in KEPT:
                places.append((value, key))
            else:
                free = False
        return free

    for whole in (copied.get("params"), copied.get("result"), part(copied, "error", "data")):
        if isinstance(whole, (dict, list)):
            look(whole)
    if places:
        value, key = random.choice(places)
        value[key] = random.choice(ODD)
    return copied


def pick(random: Random, choices: Any) -> Any:
    """One of these; None of nothing."""
    choices = list(choices)
    return random.choice(choices) if choices else None


def part(params: Any, *names: str) -> Any:
    """What is at the end of this path; None without it."""
    for name in names:
        if not isinstance(params, dict):
            return None
        params = params.get(name)
    return params
