"""Schemas as people read them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.cli.schema import KINDS, MAX_PARTS, Reader, kind_of

POINT = {"type": "object", "properties": {"x": {"type": "number"}, "y": {"type": "number"}}, "required": ["x", "y"]}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "integer"}, "integer"),
        ({"type": ["integer", "null"]}, "integer|null"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string|null"),
        ({"oneOf": [{"type": "string"}, {"type": "string", "format": "date"}]}, "string"),
        ({"oneOf": [{"const": "C", "title": "Celsius"}, {"const": "F"}]}, '"C"|"F"'),
        ({"enum": ["C", "F", 1, None, True]}, '"C"|"F"|1|null|true'),
        ({"enum": list(range(100))}, "0|1|2|3|4|5|6|7|..."),
        ({"const": "a"}, '"a"'),
        ({"type": "array"}, "array"),
        ({"type": "array", "items": {}}, "array"),
        ({"type": "array", "items": {"type": "string"}}, "[string]"),
        ({"type": "array", "prefixItems": [{"type": "number"}, {}]}, "[number, any]"),
        ({"type": "object"}, "object"),
        (POINT, "{x: number, y: number}"),
        ({"properties": {"a": {"type": ["integer", "null"]}, "b": True}}, "{a?: integer, b?}"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "{*: number}"),
        ({"type": "object", "additionalProperties": False}, "object"),
        (
            {
                "type": "object",
                "properties": {str(number): {"type": "null"} for number in range(20)},
                "required": ["0"],
            },
            "{0: null, 1?, 2?, 3?, 4?, 5?, 6?, 7?, ...}",
        ),
        ({"allOf": [{"type": "string"}]}, "string"),
        ({"$ref": "#/$defs/Point"}, "{x: number, y: number}"),
        ({"$ref": "#/$defs/a~1b~0c"}, "integer"),
        ({"$ref": "#/$defs/Nothing"}, ""),
        ({"$ref": "https://example.com/schema"}, ""),
        ({"$ref": 1}, ""),
        ({}, ""),
        (True, ""),
        (None, ""),
        ({"type": 1, "enum": 2, "anyOf": 3, "allOf": 4, "properties": 5}, "object"),
        ({"type": "array", "items": {"type": "array", "items": {"type": "array"}}}, "[[array]]"),
    ],
)
def test_a_type_is_written_shortly(schema: Any, text: str) -> None:
    root = {"$defs": {"Point": POINT, "a/b~c": {"type": "integer"}}}
    assert Reader(root).type(schema) == text


@pytest.mark.parametrize(
    ("schema", "required", "text"),
    [
        ({"type": "integer"}, True, "a: integer"),
        ({"type": "integer"}, False, "a?: integer"),
        ({"type": "integer", "default": 5}, False, "a: integer = 5"),
        ({"enum": ["C", "F"], "default": "C"}, False, 'a: "C"|"F" = "C"'),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}, False, "a?: integer"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, True, "a: integer|null"),
        ({"type": ["integer", "null"], "default": 1}, False, "a: integer|null = 1"),
        ({"enum": ["x", None], "default": None}, False, 'a?: "x"'),
        ({}, True, "a"),
        ({}, False, "a?"),
        ({"default": {"b": [1, 2]}}, False, 'a = {"b": [1, 2]}'),
        ({"type": "string", "default": "x" * 100}, False, 'a: string = "' + 39 * "x" + "..."),
    ],
)
def test_an_argument_says_what_a_caller_has_to_know(schema: dict[str, Any], required: bool, text: str) -> None:
    assert Reader({}).argument("a", schema, required) == text


def test_a_schema_that_is_part_of_itself_is_shown_as_far_as_it_makes_sense() -> None:
    node: dict[str, Any] = {"type": "object", "properties": {"next": {"$ref": "#"}}}
    assert Reader(node).type(node) == "{next?: {next?: {next?: {next?: object}}}}"
    for circle in ({"$ref": "#"}, {"anyOf": [{"$ref": "#"}, {"type": "null"}]}, {"allOf": [{"$ref": "#"}]}):
        assert len(Reader(circle).type(circle)) < 100
        assert Reader(circle).kinds(circle)


def test_a_schema_that_would_fill_the_screen_is_cut() -> None:
    wide: dict[str, Any] = {"anyOf": [{"$ref": "#"}, *({"type": "array", "items": {"$ref": "#"}} for _ in range(50))]}
    reader = Reader(wide)
    assert len(reader.type(wide)) < 100 * MAX_PARTS


@pytest.mark.parametrize(
    ("schema", "kinds"),
    [
        ({"type": "string"}, {"string"}),
        ({"type": ["string", "null"]}, {"string", "null"}),
        ({"enum": ["a", 1]}, {"string", "integer"}),
        ({"const": 1.5}, {"number"}),
        ({"anyOf": [{"type": "string"}, {"$ref": "#/$defs/a"}]}, {"string", "boolean"}),
        ({"properties": {}}, {"object"}),
        ({}, KINDS),
        (False, KINDS),
        ({"anyOf": [{"type": "string"}, {}]}, KINDS),
    ],
)
def test_what_a_value_may_be_is_known(schema: Any, kinds: set[str]) -> None:
    assert Reader({"$defs": {"a": {"type": "boolean"}}}).kinds(schema) == kinds


@pytest.mark.parametrize(
    ("value", "kind"),
    [(True, "boolean"), (1, "integer"), (1.0, "integer"), (1.5, "number"), ("", "string"), (None, "null")],
)
def test_the_kind_of_a_value_is_that_of_the_schema(value: object, kind: str) -> None:
    assert kind_of(value) == kind
    assert (kind_of([value]), kind_of({"a": value})) == ("array", "object")


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from(sorted(KINDS)),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["type", "enum", "const", "anyOf", "oneOf", "allOf", "items", "prefixItems", "properties", "required",
                 "additionalProperties", "default", "$ref", "a"]
            ),
            inner | st.just("#"),
            max_size=5,
        )
    ),
    max_leaves=20,
)  # fmt: skip


@given(json)
def test_no_schema_is_too_strange_to_be_read(schema: Any) -> None:
    reader = Reader(schema)
    for name, one, required in reader.members():
        assert reader.argument(name, one, required).startswith(name)
        assert reader.kinds(one)
    assert isinstance(reader.type(schema), str)
