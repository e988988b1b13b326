"""Kinds of values that are one thing: true or false, a number, one of some words."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mcpws.kinds.base import Kind, Unfit

MOST = 2**63 - 1
"""Of a whole number, as TOML has them too: what is far larger may not be a float any more."""

_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")


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
