"""Forms, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from mcpws.cli.form import Field, fields


def field(required: bool = True, **schema: Any) -> Field:
    return Field("name", schema, required)


UNITS = {"oneOf": [{"const": "C", "title": "Celsius"}, {"const": "F", "title": "Fahrenheit"}]}
COLOURS = {"type": "array", "items": {"type": "string", "enum": ["red", "green", "3"]}}


@pytest.mark.parametrize(
    ("schema", "typed", "value"),
    [
        ({"type": "string"}, " Ann ", "Ann"),
        ({"type": "string"}, "5", "5"),
        ({"type": "string", "minLength": 2, "maxLength": 3}, "abc", "abc"),
        ({"type": "string", "format": "email"}, "ann@example.com", "ann@example.com"),
        ({"type": "string", "format": "uri"}, "https://example.com/a?b", "https://example.com/a?b"),
        ({"type": "string", "format": "date"}, "2026-02-28", "2026-02-28"),
        ({"type": "string", "format": "date-time"}, "2026-02-28T12:00:00Z", "2026-02-28T12:00:00Z"),
        ({"type": "string", "format": "hostname"}, "anything", "anything"),
        ({"type": "integer", "minimum": 1, "maximum": 12}, "12", 12),
        ({"type": "number"}, "1.5", 1.5),
        ({"type": "number"}, "-3", -3),
        ({"type": "boolean"}, "Y", True),
        ({"type": "boolean"}, "no", False),
        ({"type": "string", "enum": ["C", "F"]}, "F", "F"),
        ({"type": "string", "enum": ["C", "F"]}, "1", "C"),
        ({"type": "string", "enum": ["2", "1"]}, "1", "1"),
        ({"type": "string", "enum": ["C", "F"], "enumNames": ["Celsius", "Fahrenheit"]}, "celsius", "C"),
        (UNITS, "fahrenheit", "F"),
        (UNITS, "2", "F"),
        (COLOURS, "red, 2", ["red", "green"]),
        (COLOURS, "3,3", ["3"]),
        ({**COLOURS, "minItems": 1, "maxItems": 2}, "1,2", ["red", "green"]),
        ({"type": "array", "items": {"anyOf": [{"const": "a", "title": "A"}]}}, "A,1", ["a"]),
        ({"type": "integer", "default": 5}, "", 5),
    ],
)
def test_what_is_typed_becomes_what_the_schema_has(schema: dict[str, Any], typed: str, value: object) -> None:
    assert field(**schema).value(typed) == value


@pytest.mark.parametrize(
    ("schema", "typed", "problem"),
    [
        ({"type": "string"}, "", "it is required"),
        ({"type": "string", "minLength": 2}, "a", "it must have 2 or more characters"),
        ({"type": "string", "maxLength": 2}, "abc", "it must have 2 or less characters"),
        ({"type": "string", "format": "email"}, "ann", "it must be an e-mail address"),
        ({"type": "string", "format": "uri"}, "example.com", "it must be a URI"),
        ({"type": "string", "format": "date"}, "28.2.2026", "it must be a date"),
        ({"type": "string", "format": "date"}, "2026-02-30", "it must be a date"),
        ({"type": "string", "format": "date-time"}, "2026-02-28T12:00:00", "it must be a date and time"),
        ({"type": "integer"}, "1.5", "it must be a whole number"),
        ({"type": "integer", "minimum": 1}, "0", "it must be 1 or more"),
        ({"type": "integer", "maximum": 12}, "13", "it must be 12 or less"),
        ({"type": "number"}, "many", "it must be a number"),
        ({"type": "number"}, "nan", "it must be a number"),
        ({"type": "number"}, "inf", "it must be a number"),
        ({"type": "boolean"}, "perhaps", "it must be y or n"),
        ({"type": "string", "enum": ["C", "F"]}, "K", "'K' is none of the choices"),
        ({"type": "string", "enum": ["C", "F"]}, "3", "'3' is none of the choices"),
        ({**COLOURS, "minItems": 2}, "1", "choose 2 or more"),
        ({**COLOURS, "maxItems": 1}, "1,2", "choose 1 or less"),
    ],
)
def test_what_does_not_fit_is_told_why(schema: dict[str, Any], typed: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        field(**schema).value(typed)


def test_what_is_not_required_may_be_left_blank() -> None:
    assert field(required=False, type="string").value(" ") is None
    assert field(required=False, type="boolean", default=True).value("") is True


@pytest.mark.parametrize(
    ("schema", "wanted"),
    [
        ({"type": "integer", "minimum": 1, "maximum": 12}, "a whole number from 1 up to 12"),
        ({"type": "number", "minimum": 0.5}, "a number from 0.5"),
        ({"type": "integer", "minimum": "low"}, "a whole number"),
        ({"type": "boolean"}, "y or n"),
        (UNITS, "a number or a value"),
        (COLOURS, "numbers or values, with commas between them"),
        ({"type": "string", "format": "email"}, "an e-mail address"),
        ({}, "text"),
    ],
)
def test_what_may_be_typed_is_told(schema: dict[str, Any], wanted: str) -> None:
    assert field(**schema).wanted == wanted


@pytest.mark.parametrize(
    ("value", "typed"), [(None, None), (True, "y"), (False, "n"), (["a", "b"], "a,b"), (1.5, "1.5"), ("a", "a")]
)
def test_a_value_is_shown_as_it_would_be_typed(value: object, typed: str | None) -> None:
    assert field().typed(value) == typed


def test_the_fields_are_the_members_in_their_order() -> None:
    schema = {
        "type": "object",
        "properties": {"b": {"type": "string", "title": "B"}, "a": {"type": "integer", "default": 1}, "c": True},
        "required": ["b", "a"],
    }
    found = [(one.name, one.title, one.required) for one in fields(schema)]
    assert found == [("b", "B", True), ("a", "a", False), ("c", "c", False)]
    assert list(fields(None)) == []
