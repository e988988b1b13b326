"""Lists of what a server offers, as people read them."""

from __future__ import annotations

from typing import Any

import pytest
from click import unstyle
from msgspec import Raw
from msgspec.json import encode

from mcpws.cli.listing import prompt_entry, resource_entry, tool_entry
from mcpws.errors import McpwsError

ADD = {
    "name": "add",
    "description": "Add.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": "integer", "default": 5},
            "unit": {"enum": ["C", "F"], "default": "C"},
            "point": {"$ref": "#/$defs/Point"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        },
        "required": ["a", "point"],
        "$defs": {"Point": {"properties": {"x": {"type": "number"}, "y": {"type": "number"}}, "required": ["x", "y"]}},
    },
}
ARGUMENTS = [
    "a: integer",
    "b: integer = 5",
    'unit: "C"|"F" = "C"',
    "point: {x: number, y: number}",
    "tags?: [string]",
    "note?: string",
]


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ({"name": "now"}, "now()"),
        ({"name": "now", "description": None, "inputSchema": None}, "now()"),
        ({"name": "now", "description": ""}, "now()"),
        ({"name": "now", "description": "\n  Tell the time.\nIn UTC."}, "now()\n    Tell the time."),
        (ADD, f"add({', '.join(ARGUMENTS)})\n    Add."),
        ({"name": "add", "inputSchema": {"properties": [], "required": 1}}, "add()"),
        (
            {"name": "add", "inputSchema": {"properties": {"a": {"type": ["integer", "null"]}, "b": True}}},
            "add(a?: integer, b?)",
        ),
        ({"name": "a\x1bb", "description": "c\x07d", "inputSchema": {"properties": {"\r": {}}}}, "a?b( ?)\n    c?d"),
    ],
)
def test_a_tool_is_described_by_what_a_caller_needs(tool: dict[str, Any], text: str) -> None:
    assert unstyle(tool_entry(Raw(encode(tool))).written()) == text


def test_what_is_too_wide_has_a_line_for_each_argument() -> None:
    entry = tool_entry(Raw(encode(ADD)))
    assert unstyle(entry.written(80)).splitlines() == ["add(", *(f"    {one}," for one in ARGUMENTS), ")", "    Add."]
    assert "\n" not in unstyle(entry.written(1000)).removesuffix("\n    Add.")
    long = tool_entry(Raw(encode({"name": "x" * 100})))
    assert unstyle(long.written(80)) == "x" * 100 + "()"


@pytest.mark.parametrize(
    ("prompt", "text"),
    [
        ({"name": "greet"}, "greet()"),
        ({"name": "greet", "arguments": None, "description": "Greet."}, "greet()\n    Greet."),
        ({"name": "greet", "arguments": [{"name": "name", "required": True}, {"name": "in"}]}, "greet(name, in?)"),
    ],
)
def test_a_prompt_is_described_by_its_arguments(prompt: dict[str, Any], text: str) -> None:
    assert unstyle(prompt_entry(Raw(encode(prompt))).written(80)) == text


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        ({"uri": "file:///a", "name": "a"}, "file:///a"),
        ({"uri": "file:///a", "mimeType": "text/plain", "description": "A."}, "file:///a  text/plain\n    A."),
        ({"uriTemplate": "file:///{name}", "name": "a"}, "file:///{name}"),
    ],
)
def test_a_resource_is_described_by_its_uri(resource: dict[str, Any], text: str) -> None:
    assert unstyle(resource_entry(Raw(encode(resource))).written(80)) == text


@pytest.mark.parametrize("entry", [tool_entry, prompt_entry])
def test_what_has_no_name_is_told(entry: Any) -> None:
    with pytest.raises(McpwsError, match="malformed"):
        entry(Raw(b"{}"))
