"""Return values of functions as MCP's content, and the time for which an answer may be kept."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

from msgspec import Struct

from mcpws.errors import ConfigError
from mcpws.jsonrpc.messages import encode_value
from mcpws.mcp.content import Block, Content, Text


class CacheHint(Struct, frozen=True):
    """Time for which a client may keep an answer, and for whom (MCP 2026-07-28, caching).

    :param ttl: seconds for which it is fresh; with 0 the client asks each time. A change that the client hears of ends
        it sooner.
    :param public: whether caches may give it to anybody, rather than to whom it was for.
    :raises ConfigError: `ttl` is negative or without end.
    """

    ttl: float = 0
    public: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.ttl < inf:
            raise ConfigError("ttl", self.ttl, "must be 0 or more")

    def members(self) -> dict[str, Any]:
        """Members that it adds to a result."""
        return {"ttlMs": int(self.ttl * 1000), "cacheScope": "public" if self.public else "private"}


UNCACHED = CacheHint()


def as_content(value: object) -> list[Content] | None:
    """`value` as content blocks, if it is a string, None, a block or blocks; None for anything else."""
    if isinstance(value, str):
        return [Text(value)]
    if value is None:
        return []
    if isinstance(value, Content):
        return [value]
    if isinstance(value, list | tuple) and all(isinstance(block, Content) for block in value):
        return list(value)
    return None


def check_content(content: Iterable[object]) -> None:
    """Raise TypeError for what is no block, and for numbers in one that JSON does not have."""
    for block in content:
        if not isinstance(block, Block):
            raise TypeError(f"{type(block).__name__} is no content")
        if block.annotations is not None or block.meta is not None:
            encode_value(block)
