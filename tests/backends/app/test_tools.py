from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn, TypedDict

import msgspec
import pytest
from msgspec import Meta, Struct
from twisted.internet.defer import Deferred

from mcpws.backends.app.tools import Tool, failed
from mcpws.errors import ConfigError, ToolError
from mcpws.mcp.content import Content, Image, Text, ToolAnnotations, ToolResult

IMAGE = Image(b"a", "image/png")
NUMBERS = {"type": "array", "items": {"type": "integer"}}


@dataclass
class Point:
    x: int


class Tree(Struct):
    name: str
    children: "list[Tree]" = []


class Options(TypedDict):
    depth: int


def read(raw: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(raw))


def definition(tool: Tool) -> dict[str, Any]:
    defined: dict[str, Any] = read(tool.definition)
    return defined


def returning(annotation: Any) -> Tool:
    def function() -> Any: ...

    function.__annotations__["return"] = annotation
    return Tool(function)


def test_a_tool_is_defined_by_its_function() -> None:
    def add(a: int, b: int = 2) -> str:
        """Add.

        :param a: the first.
        """
        return str(a + b)

    assert definition(Tool(add)) == {
        "name": "add",
        "description": "Add.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "a": {"type": "integer", "description": "the first."},
                "b": {"type": "integer", "default": 2},
            },
            "required": ["a"],
            "additionalProperties": False,
        },
    }


def test_what_is_given_goes_before_what_the_function_says() -> None:
    def add() -> None:
        """Add."""

    tool = Tool(add, name="math.add", title="Add", description="", annotations=ToolAnnotations(idempotent_hint=True))
    assert definition(tool) == {
        "name": "math.add",
        "title": "Add",
        "description": "",
        "inputSchema": {"type": "object", "properties": {}, "required": [], "additionalProperties": False},
        "annotations": {"idempotentHint": True},
    }


@pytest.mark.parametrize("name", ["", "a b", "é", "x" * 129, "a/b"])
def test_a_name_is_one_that_mcp_has(name: str) -> None:
    with pytest.raises(ConfigError, match="tool: a name has 1 to 128 letters"):
        Tool(lambda: None, name=name)


def test_a_lambda_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="'<lambda>'"):
        Tool(lambda: None)


@pytest.mark.parametrize(
    "annotation",
    [
        str,
        None,
        str | None,
        Any,
        object,
        NoReturn,
        ToolResult,
        Text,
        Content,
        list[Content],
        Sequence[Text | Image],
        int | ToolResult,
        Annotated[str, Meta(description="text")],
        Deferred[str],
        Deferred,
    ],
    ids=str,
)
def test_what_is_text_or_content_or_unknown_has_no_output_schema(annotation: Any) -> None:
    assert "outputSchema" not in definition(returning(annotation))


@pytest.mark.proves("mcp/2025-11-25/server/tools#structured-content")
def test_what_returns_a_json_object_has_its_schema() -> None:
    properties = {"x": {"type": "integer"}}
    point = {"type": "object", "title": "Point", "properties": properties, "required": ["x"]}
    assert definition(returning(Point))["outputSchema"] == point
    assert definition(returning(Deferred[Point]))["outputSchema"] == point
    assert definition(returning(Options))["outputSchema"]["properties"] == {"depth": {"type": "integer"}}
    assert definition(returning(dict))["outputSchema"] == {"type": "object"}
    assert definition(returning(dict[str, int]))["outputSchema"] == {
        "type": "object",
        "additionalProperties": {"type": "integer"},
    }
    tree = definition(returning(Tree))["outputSchema"]
    assert tree["type"] == "object"
    assert list(tree["$defs"]) == ["Tree"]


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (int, {"type": "integer"}),
        (list[int], NUMBERS),
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}]}),
        (Point | None, {"anyOf": [{"$ref": "#/$defs/Point"}, {"type": "null"}]}),
    ],
)
def test_what_returns_another_value_has_the_schema_of_an_object_around_it(
    annotation: Any, schema: dict[str, Any]
) -> None:
    output = definition(returning(annotation))["outputSchema"]
    assert output["type"] == "object"
    assert output["properties"] == {"result": schema}
    assert output["required"] == ["result"]
    assert ("$defs" in output) is ("$ref" in str(schema))


def test_a_return_type_that_json_cannot_stand_for_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"function, parameter return: JSON cannot stand for it"):
        returning(complex)


@pytest.mark.proves("mcp/2025-11-25/server/tools#structured-content")
@pytest.mark.parametrize(
    ("annotation", "value", "result"),
    [
        (str, "a", ToolResult([Text("a")])),
        (None, None, ToolResult([])),
        (Any, "a", ToolResult([Text("a")])),
        (Any, [Text("a"), IMAGE], ToolResult([Text("a"), IMAGE])),
        (Image, IMAGE, ToolResult([IMAGE])),
        (ToolResult, ToolResult([IMAGE], {"a": 1}), ToolResult([IMAGE], {"a": 1})),
        (Any, 1, ToolResult([Text("1")])),
        (Any, [1, 2], ToolResult([Text("[1,2]")])),
        (Any, {"a": 1}, ToolResult([Text('{"a":1}')], {"a": 1})),
        (Any, Point(1), ToolResult([Text('{"x":1}')], {"x": 1})),
        (Point, Point(1), ToolResult([Text('{"x":1}')], {"x": 1})),
        (Options, {"depth": 1}, ToolResult([Text('{"depth":1}')], {"depth": 1})),
        (Point, ToolResult([IMAGE], {"x": 1}), ToolResult([IMAGE], {"x": 1})),
        (int, 3, ToolResult([Text("3")], {"result": 3})),
        (list[int], [1], ToolResult([Text("[1]")], {"result": [1]})),
        (int | str, "a", ToolResult([Text("a")], {"result": "a"})),
        (Point | None, None, ToolResult([Text("null")], {"result": None})),
        (int, ToolResult([IMAGE], is_error=True), ToolResult([IMAGE], is_error=True)),
    ],
)
def test_a_value_becomes_a_result(annotation: Any, value: Any, result: ToolResult) -> None:
    assert read(returning(annotation).result(value)) == read(result)


def test_a_value_that_is_no_json_is_a_defect() -> None:
    with pytest.raises(TypeError):
        returning(Any).result(object())


@pytest.mark.proves("E-15", "mcp/2025-11-25/server/tools#execution-errors")
def test_a_failure_is_for_the_model_to_read() -> None:
    assert failed(ToolError("no such city")) == ToolResult([Text("no such city")], is_error=True)
    assert failed(ToolError("no caf\udce9")) == ToolResult([Text("no caf\\udce9")], is_error=True)


def test_the_function_is_called_with_what_was_decoded() -> None:
    def add(a: int, b: int = 2) -> int:
        return a + b

    tool = Tool(add)
    call: Callable[..., Any] = tool.signature.call
    assert call(tool.arguments.decode(msgspec.Raw(b'{"a":1}'), "$.arguments")) == 3
