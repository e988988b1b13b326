"""A form that a server wants to have filled in, field by field (MCP 2025-11-25, elicitation)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from math import isfinite, nan
from typing import Any

from mcpws.cli.schema import Reader, Schema

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:\S+")
_YES = {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}


class Field:
    """One value of a form.

    :param name: as the answer has it.
    :param schema: of a string, a number, a boolean, an enumeration, or a list of values of one.
    :param required: whether it may not be left blank; with a default it may.
    """

    def __init__(self, name: str, schema: Schema, required: bool) -> None:
        self.name = name
        self.title: str = _text(schema.get("title")) or name
        self.description = _text(schema.get("description"))
        self.default: Any = schema.get("default")
        self.required = required and self.default is None
        self._schema = schema
        self.is_list = schema.get("type") == "array"
        self.choices = _choices(schema.get("items") if self.is_list else schema)

    @property
    def wanted(self) -> str:
        """Hint at what may be typed, in a few words."""
        low, high = self._schema.get("minimum"), self._schema.get("maximum")
        kind = self._schema.get("type")
        if self.choices:
            return "numbers or values, with commas between them" if self.is_list else "a number or a value"
        if kind == "boolean":
            return "y or n"
        if kind in ("integer", "number"):
            whole = "a whole number" if kind == "integer" else "a number"
            least = f" from {low}" if _is_number(low) else ""
            return f"{whole}{least}" + (f" up to {high}" if _is_number(high) else "")
        return _FORMATS.get(_text(self._schema.get("format")), "text")

    def typed(self, value: Any) -> str | None:
        """A value as it would be typed, None for none."""
        if value is None:
            return None
        if isinstance(value, bool):
            return "y" if value else "n"
        return ",".join(map(str, value)) if isinstance(value, list) else str(value)

    def value(self, text: str) -> Any:
        """Value of what was typed, as the answer has it; None for a blank that may be left.

        :raises ValueError: it does not fit, and why.
        """
        text = text.strip()
        if not text:
            if self.required:
                raise ValueError("it is required")
            return self.default
        if self.is_list:
            return self._several([self._chosen(part.strip()) for part in text.split(",") if part.strip()])
        if self.choices:
            return self._chosen(text)
        kind = self._schema.get("type")
        if kind == "boolean":
            if text.lower() not in _YES:
                raise ValueError("it must be y or n")
            return _YES[text.lower()]
        return self._number(text, kind) if kind in ("integer", "number") else self._text(text)

    def _chosen(self, text: str) -> str:
        values = [value for value, _ in self.choices]
        if text in values or not values:
            return text
        if text.isascii() and text.isdigit() and 1 <= int(text) <= len(values):
            return values[int(text) - 1]
        titled = [value for value, title in self.choices if title.lower() == text.lower()]
        if len(titled) != 1:
            raise ValueError(f"{text!r} is none of the choices")
        return titled[0]

    def _several(self, values: list[str]) -> list[str]:
        values = list(dict.fromkeys(values))
        self._check_bounds(len(values), "minItems", "maxItems", "choose {} or {}")
        return values

    def _number(self, text: str, kind: str) -> int | float:
        try:
            number = float(text) if kind == "number" and not text.removeprefix("-").isdigit() else int(text)
        except ValueError:
            number = nan
        if not isfinite(number):
            raise ValueError(f"it must be {self.wanted}")
        self._check_bounds(number, "minimum", "maximum", "it must be {} or {}")
        return number

    def _text(self, text: str) -> str:
        self._check_bounds(len(text), "minLength", "maxLength", "it must have {} or {} characters")
        format = _text(self._schema.get("format"))
        try:
            fits = _CHECKS[format](text) if format in _CHECKS else True
        except ValueError:
            fits = False
        if not fits:
            raise ValueError(f"it must be {self.wanted}")
        return text

    def _check_bounds(self, number: float, least: str, most: str, problem: str) -> None:
        low: Any = self._schema.get(least)
        high: Any = self._schema.get(most)
        if _is_number(low) and number < low:
            raise ValueError(problem.format(low, "more"))
        if _is_number(high) and number > high:
            raise ValueError(problem.format(high, "less"))


def fields(schema: Any) -> Iterator[Field]:
    """The fields of a form: the members of the object that `schema` describes."""
    for name, one, required in Reader(schema).members():
        yield Field(name, one, required)


def _choices(schema: Any) -> list[tuple[str, str]]:
    """Value and title of each."""
    if not isinstance(schema, dict):
        return []
    values = schema.get("enum")
    if isinstance(values, list):
        names = schema.get("enumNames")
        titles = names if isinstance(names, list) and len(names) == len(values) else values
        return [(str(value), str(title)) for value, title in zip(values, titles, strict=True)]
    for key in "oneOf", "anyOf":
        several = schema.get(key)
        if isinstance(several, list):
            return [
                (str(one["const"]), str(one.get("title", one["const"])))
                for one in several
                if isinstance(one, dict) and "const" in one
            ]
    return []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_FORMATS = {
    "email": "an e-mail address",
    "uri": "a URI, such as https://example.com",
    "date": "a date, such as 2026-07-28",
    "date-time": "a date and time, such as 2026-07-28T12:00:00Z",
}
_CHECKS = {
    "email": lambda text: bool(_EMAIL.fullmatch(text)),
    "uri": lambda text: bool(_URI.fullmatch(text)),
    "date": lambda text: bool(date.fromisoformat(text)) and len(text) == 10,
    "date-time": lambda text: datetime.fromisoformat(text).tzinfo is not None,
}
