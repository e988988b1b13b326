"""Kinds of values that are made of text: one, several, or several by their names."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from mcpws.kinds.base import NONE, Kind, Unfit


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
        # Values are not shown: they may be secrets.
        if not isinstance(value, dict):
            raise Unfit(type(value).__name__, 'must be a table, as { NAME = "value" }')
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


def _text(value: object, problem: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Unfit(value, problem)
    return Text().from_toml(str(value))
