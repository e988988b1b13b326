"""The JSON of a type without the type's own code, to hold to it what exists already."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union
from uuid import UUID

import msgspec
from msgspec import NODEFAULT, UNSET, Meta, Raw, inspect

_LEAVES: dict[type[inspect.Type], Any] = {
    inspect.AnyType: Any,
    inspect.NoneType: None,
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.StrType: str,
    inspect.BytesType: bytes,
    inspect.ByteArrayType: bytes,
    inspect.MemoryViewType: bytes,
    inspect.DateTimeType: datetime.datetime,
    inspect.DateType: datetime.date,
    inspect.TimeType: datetime.time,
    inspect.TimeDeltaType: datetime.timedelta,
    inspect.UUIDType: UUID,
    inspect.DecimalType: Decimal,
    inspect.RawType: Raw,
}
_CONSTRAINTS = ("gt", "ge", "lt", "le", "multiple_of", "pattern", "min_length", "max_length", "tz")


class Shapes:
    """Types that take the same JSON as others, by what msgspec tells of these; each class is looked at once.

    They are made of what is built in, so to decode JSON by them runs no code of a class: it has no side effects.
    """

    def __init__(self) -> None:
        self._of_class: dict[object, Any] = {}

    def of(self, info: inspect.Type) -> Any:
        """The type for what `info` is about."""
        match info:
            case inspect.Metadata(type=inner):
                return self.of(inner)
            case inspect.UnionType(types=types):
                return Union[tuple(self.of(one) for one in types)]  # noqa: UP007
            case inspect.LiteralType(values=values):
                return Literal[values]
            case inspect.EnumType(cls=cls):
                return cls
            case inspect.TupleType(item_types=types):
                return tuple[tuple(self.of(one) for one in types)]  # type: ignore[misc]
            case inspect.CollectionType(item_type=item):
                return _constrained(list[self.of(item)], info)  # type: ignore[misc]
            case inspect.DictType(key_type=key, value_type=value):
                return _constrained(dict[self.of(key), self.of(value)], info)  # type: ignore[misc]
            case inspect.StructType() | inspect.DataclassType() | inspect.TypedDictType() | inspect.NamedTupleType():
                return self._of_object(info)
            case inspect.CustomType(cls=cls) if issubclass(cls, PurePath):
                return str
            case _:
                return _constrained(_LEAVES.get(type(info), Any), info)

    def _of_object(self, info: Any) -> Any:
        if info.cls in self._of_class:
            return self._of_class[info.cls]
        fields = {f"f{number}": field for number, field in enumerate(info.fields)}
        shape = self._of_class[info.cls] = msgspec.defstruct(
            "Shape",
            [(name, Any, NODEFAULT if field.required else UNSET) for name, field in fields.items()],
            rename={name: field.encode_name for name, field in fields.items()},
            kw_only=True,
            tag_field=getattr(info, "tag_field", None),
            tag=getattr(info, "tag", None),
            array_like=getattr(info, "array_like", isinstance(info, inspect.NamedTupleType)),
            forbid_unknown_fields=getattr(info, "forbid_unknown_fields", False),
        )
        # Only now: a class may have itself for a part.
        shape.__annotations__.update((name, self.of(field.type)) for name, field in fields.items())
        return shape


def within(info: inspect.Type) -> Iterator[inspect.Type | inspect.Field]:
    """`info` and all that it is made of, each once."""
    seen: set[int] = set()
    ahead: list[object] = [info]
    while ahead:
        part = ahead.pop()
        if isinstance(part, tuple):
            ahead.extend(part)
        elif isinstance(part, inspect.Type | inspect.Field) and id(part) not in seen:
            seen.add(id(part))
            yield part
            ahead.extend(getattr(part, name) for name in part.__struct_fields__)


def _constrained(type: Any, info: inspect.Type) -> Any:
    constraints = {name: getattr(info, name, None) for name in _CONSTRAINTS}
    given = {name: value for name, value in constraints.items() if value is not None}
    return Annotated[type, Meta(**given)] if given else type
