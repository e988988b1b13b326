"""Kinds of values that settings have: what is one, how it is read from text and from TOML, and its JSON Schema."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

NONE = "none"
"""What stands for None where there is only text."""

MOST = 2**63 - 1
"""Of a whole number, as TOML has them too: what is far larger may not be a float any more."""

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")


class Unfit(ValueError):
    """`value`, which may be a part of what was given, cannot be taken, because of `problem`."""

    def __init__(self, value: object, problem: str) -> None:
        super().__init__(value, problem)
        self.value = value
        self.problem = problem


class Kind(ABC):
    """One kind of value. All methods that take one raise Unfit for what is none."""

    @property
    @abstractmethod
    def name(self) -> str:
        """A noun, for people: `whole number`."""

    @property
    def repeated(self) -> bool:
        """Whether there may be several of it, each in a text of its own."""
        return False

    @abstractmethod
    def check(self, value: object) -> None:
        """Raise Unfit unless `value`, of a Python program, is one."""

    @abstractmethod
    def from_texts(self, texts: Sequence[str]) -> Any:
        """The value that is written as `texts`: one text, or as many as there are if it may be `repeated`."""

    @abstractmethod
    def from_toml(self, value: object) -> Any:
        """The value that a TOML file has as `value`."""

    @abstractmethod
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of what a TOML file may have."""

    def split(self, text: str) -> Sequence[str]:
        """The texts in a variable of the environment."""
        return text.split() if self.repeated else [text]

    def to_text(self, value: Any) -> str:
        """`value` as people write it."""
        return str(value)

    def to_json(self, value: Any) -> Any:
        """`value` as TOML and JSON have it."""
        return value


@dataclass(frozen=True, slots=True)
class Flag(Kind):
    """True or False."""

    name = "true or false"

    def check(self, value: object) -> None:
        if not isinstance(value, bool):
            raise Unfit(value, "must be True or False")

    def from_texts(self, texts: Sequence[str]) -> bool:
        word = texts[-1].lower()
        if word not in (*_TRUE, *_FALSE):
            raise Unfit(texts[-1], "must be true or false")
        return word in _TRUE

    def from_toml(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise Unfit(value, "must be true or false")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def to_text(self, value: bool) -> str:
        return "true" if value else "false"


@dataclass(frozen=True, slots=True)
class Number(Kind):
    """A number within bounds.

    :param whole: whether it has to be an int.
    :param unit: a plural.
    :param least: the smallest; None for no bound.
    :param above: what it has to be larger than; None for no bound.
    """

    whole: bool
    unit: str = ""
    least: float | None = None
    above: float | None = None

    @property
    def name(self) -> str:
        return "whole number" if self.whole else "number"

    @property
    def _expected(self) -> str:
        if self.whole:
            return "must be a whole number" + ("" if self.least is None else f", {self.least:g} or more")
        if self.least is not None:
            return f"must be {self.least:g} or more {self.unit}".rstrip()
        number = f"must be a number of {self.unit}" if self.unit else "must be a number"
        return number if self.above is None else f"{number} above {self.above:g}"

    def check(self, value: object) -> None:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            raise Unfit(value, self._expected)
        # Written so that what is not a number is out of bounds.
        if not ((self.least is None or value >= self.least) and (self.above is None or value > self.above)):
            raise Unfit(value, self._expected)
        if self.whole and value > MOST:
            raise Unfit(value, f"must be at most {MOST}")

    def from_texts(self, texts: Sequence[str]) -> float:
        text = texts[-1].strip()
        number: float
        try:
            if not self.whole:
                number = float(text)
            elif _WHOLE.fullmatch(text):
                number = int(text)
            else:
                raise ValueError
            self.check(number)
        except Unfit as unfit:
            raise Unfit(texts[-1], unfit.problem) from None
        except ValueError:
            raise Unfit(texts[-1], self._expected) from None
        return number

    def from_toml(self, value: object) -> Any:
        self.check(value)
        return value

    def schema(self) -> dict[str, Any]:
        bounds = {"minimum": self.least, "exclusiveMinimum": self.above}
        return {"type": "integer" if self.whole else "number"} | {k: v for k, v in bounds.items() if v is not None}

    def to_text(self, value: float) -> str:
        return str(value)


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of some words."""

    words: tuple[str, ...]

    @property
    def name(self) -> str:
        return " or ".join(filter(None, [", ".join(self.words[:-1]), self.words[-1]]))

    def check(self, value: object) -> None:
        if value not in self.words:
            raise Unfit(value, f"must be {self.name}")

    def from_texts(self, texts: Sequence[str]) -> str:
        self.check(texts[-1])
        return texts[-1]

    def from_toml(self, value: object) -> Any:
        self.check(value)
        return value

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.words)}


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """A text, not empty where it comes from a person."""

    name = "text"

    def check(self, value: object) -> None:
        if not isinstance(value, str):
            raise Unfit(value, "must be text")

    def from_texts(self, texts: Sequence[str]) -> str:
        return self.from_toml(texts[-1])

    def from_toml(self, value: object) -> str:
        if not isinstance(value, str):
            raise Unfit(value, "must be text")
        if not value.strip() or "\0" in value:
            raise Unfit(value, "must not hold a NUL character" if "\0" in value else "must not be empty")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class Words(Kind):
    """Texts in their order, `least` or more."""

    least: int = 0

    name = "list of texts"
    repeated = True

    def check(self, value: object) -> None:
        if isinstance(value, str) or not isinstance(value, Collection):
            raise Unfit(value, "must be a tuple, even for one")
        for one in value:
            if not isinstance(one, str):
                raise Unfit(one, "must be text")
        if len(value) < self.least:
            raise Unfit(value, f"must be {self.least} or more")

    def from_texts(self, texts: Sequence[str]) -> tuple[str, ...]:
        return tuple(map(Text().from_toml, texts))

    def from_toml(self, value: object) -> tuple[str, ...]:
        ones = value if isinstance(value, list) else [value]
        return tuple(_text(one, "must be a list of texts") for one in ones)

    def schema(self) -> dict[str, Any]:
        one = {"type": ["string", "integer"], "minLength": 1}
        return {"anyOf": [{"type": "array", "items": one, "minItems": self.least}, one]}

    def to_text(self, value: Sequence[str]) -> str:
        return " ".join(value) or NONE

    def to_json(self, value: Sequence[str]) -> Any:
        return list(value)


@dataclass(frozen=True, slots=True)
class Pairs(Kind):
    """Texts by their names."""

    name = "NAME=VALUE"
    repeated = True

    def check(self, value: object) -> None:
        if isinstance(value, str) or not isinstance(value, Collection):
            raise Unfit(value, "must be a tuple of pairs")
        for pair in value:
            if not (isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(one, str) for one in pair)):
                raise Unfit(pair, "must be a pair of texts")
            if not pair[0] or "=" in pair[0] or "\0" in "".join(pair):
                raise Unfit(pair[0], "must be a name without =, and without NUL characters as its value")

    def from_texts(self, texts: Sequence[str]) -> tuple[tuple[str, str], ...]:
        pairs: dict[str, str] = {}
        for text in texts:
            name, equals, value = text.partition("=")
            if not name or not equals:
                raise Unfit(text, "must be NAME=VALUE")
            pairs[name] = value
        return tuple(pairs.items())

    def from_toml(self, value: object) -> tuple[tuple[str, str], ...]:
        if not isinstance(value, dict):
            raise Unfit(value, 'must be a table, as { NAME = "value" }')
        # The name is shown and not the value, which may be a secret.
        for name, one in value.items():
            if not isinstance(one, str):
                raise Unfit(name, "must have a text as its value")
        pairs = tuple(value.items())
        self.check(pairs)
        return pairs

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "additionalProperties": {"type": "string"}}

    def to_text(self, value: Sequence[tuple[str, str]]) -> str:
        # Values may be secrets.
        return " ".join(f"{name}=..." for name, _ in value) or NONE

    def to_json(self, value: Sequence[tuple[str, str]]) -> Any:
        return dict(value)


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
        return f"{self.other.name}, or {NONE}" if self.written else self.other.name

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


def _text(value: object, problem: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unfit(value, problem)
    return Text().from_toml(str(value))
