"""Kinds of values that settings have: what is one, how it is read from text and from TOML, and its JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from mcpws.kinds.base import NONE, Kind, Unfit
from mcpws.kinds.plain import Choice, Flag, Number
from mcpws.kinds.texts import Pairs, Text, Words

__all__ = ["NONE", "Choice", "Flag", "Kind", "Maybe", "Number", "Pairs", "Text", "Unfit", "Words", "kind_of"]


@dataclass(frozen=True, slots=True)
class Maybe(Kind):
    """A value of another kind, or None.

    :param written: whether None may be given, as `none`, and is not only what it is when nothing is.
    """

    other: Kind
    written: bool

    @property
    def repeated(self) -> bool:
        return self.other.repeated

    @property
    def name(self) -> str:
        return self.other.name

    def check(self, value: object) -> None:
        if value is not None:
            with self._or("None"):
                self.other.check(value)

    def from_texts(self, texts: Sequence[str]) -> Any:
        if self.written and texts[-1].lower() == NONE:
            return None
        with self._or(NONE):
            return self.other.from_texts(texts)

    def from_toml(self, value: object) -> Any:
        if self.written and value == NONE:
            return None
        with self._or(f'"{NONE}"'):
            return self.other.from_toml(value)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.other.schema(), {"const": NONE}]} if self.written else self.other.schema()

    def to_text(self, value: Any) -> str:
        return NONE if value is None else self.other.to_text(value)

    def to_json(self, value: Any) -> Any:
        return NONE if value is None else self.other.to_json(value)

    @contextmanager
    def _or(self, none: str) -> Iterator[None]:
        try:
            yield
        except Unfit as unfit:
            if not self.written:
                raise
            raise Unfit(unfit.value, f"{unfit.problem}, or {none}") from None


def kind_of(
    annotation: Any, unit: str = "", least: float | None = None, above: float | None = None, written: bool = False
) -> Kind:
    """The kind of value that a field of a dataclass with this annotation holds.

    :param written: of Maybe.
    :raises TypeError: none is made for it.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType) and NoneType in arguments:
        [other] = (one for one in arguments if one is not NoneType)
        return Maybe(kind_of(other, unit, least, above), written)
    if annotation is bool:
        return Flag()
    if annotation in (int, float):
        return Number(annotation is int, unit, least, above)
    if annotation is str:
        return Text()
    if origin is Literal:
        return Choice(arguments)
    if annotation == tuple[str, ...]:
        return Words(int(least or 0))
    if annotation == tuple[tuple[str, str], ...]:
        return Pairs()
    raise TypeError(f"there is no kind of setting for {annotation}")
