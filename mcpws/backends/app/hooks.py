"""Types that msgspec does not know of itself: how JSON is read as one, and described."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any

SUPPORTED = (
    "write a type of JSON's, Literal, Enum, datetime, UUID, Decimal, bytes, Path, or a TypedDict, dataclass,"
    " msgspec.Struct or pydantic model of such; a class of your own can be made a dataclass"
)
"""What an annotation may be, for whoever wrote another."""


def dec_hook(type: type, value: Any) -> Any:
    """For a decoder of msgspec's: what `value`, of a type of JSON's, is as `type`."""
    if issubclass(type, PurePath):
        if not isinstance(value, str):
            raise TypeError(f"Expected `str`, got `{_NAMES.get(value.__class__, 'null')}`")
        return type(value)
    raise _unknown(type)


def schema_hook(type: type) -> dict[str, Any]:
    """For msgspec's schemas."""
    if issubclass(type, PurePath):
        return {"type": "string", "format": "path"}
    raise _unknown(type)


_NAMES: dict[type, str] = {bool: "bool", int: "int", float: "float", list: "array", dict: "object"}


def _unknown(type: type) -> TypeError:
    return TypeError(f"{type.__name__} is not among what it has: {SUPPORTED}")
