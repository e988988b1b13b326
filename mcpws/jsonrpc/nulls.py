"""`null` for a member that may be missing, which many write: the same as none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from mcpws.jsonrpc.messages import to_raw
from mcpws.jsonrpc.surrogates import mark, reader

T = TypeVar("T")


def without_nulls(raw: bytes | Raw) -> Raw:
    """JSON equal to `raw` without the members of objects that are `null`. In arrays they stay, as they count there.

    :raises ValueError: it is no JSON, or holds what Python has no value for.
    """
    return to_raw(_without_nulls(msgspec.json.decode(raw)))


def null_as_none(type: type[T]) -> Callable[[bytes | Raw], T]:
    """A `surrogates.reader` of `type`; where that has no place for a `null`, it reads as if there were none."""
    decode = reader(type)

    def read(raw: bytes | Raw) -> T:
        try:
            return decode(raw)
        except msgspec.ValidationError:
            if b"null" not in bytes(raw):
                raise
        return decode(without_nulls(mark(raw) or raw))

    return read


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_without_nulls(member) for member in value]
    return value
