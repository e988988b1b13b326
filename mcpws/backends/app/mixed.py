"""Content among other things: a block in what a function returned goes to the model as a block."""

from __future__ import annotations

from copy import copy
from dataclasses import fields, is_dataclass
from typing import Any

import msgspec
from msgspec import Struct

from mcpws.jsonrpc.messages import to_raw
from mcpws.mcp.content import Block, Content, Text

BEGIN = b'{"type":"'
"""What JSON has in it if there is a block in the value that it was made of: cheaper to look for than the block."""

_ABROAD = frozenset({"data", "resource", "text"})


def taken_apart(value: Any) -> tuple[Any, list[Content]]:
    """`value` with a sign in the place of each of its blocks, which says of what kind it is; and these, in order."""
    blocks: list[Content] = []
    return _without(value, blocks), blocks


def as_parts(value: Any) -> list[Content]:
    """`value`, in which there are blocks, as content: of a list item by item, of anything else before its blocks."""
    if isinstance(value, str):
        return [Text(value)]
    if isinstance(value, list | tuple):
        return [part for item in value for part in as_parts(item)]
    rest, blocks = taken_apart(value)
    return blocks if isinstance(value, Block) else [Text(bytes(to_raw(rest)).decode()), *blocks]


def _without(value: Any, blocks: list[Content]) -> Any:
    if isinstance(value, Block):
        assert isinstance(value, Content)
        blocks.append(value)
        return {name: part for name, part in msgspec.to_builtins(value).items() if name not in _ABROAD}
    if isinstance(value, dict):
        return {key: _without(member, blocks) for key, member in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_without(item, blocks) for item in value]
    if isinstance(value, Struct):
        # Copied and not made anew: how it is written is its own affair, and so is what its making does.
        twin = copy(value)
        for name in value.__struct_fields__:
            msgspec.structs.force_setattr(twin, name, _without(getattr(value, name), blocks))
        return twin
    if is_dataclass(value) and not isinstance(value, type):
        other = copy(value)
        for field in fields(value):
            object.__setattr__(other, field.name, _without(getattr(value, field.name), blocks))
        return other
    return value
