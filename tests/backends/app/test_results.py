from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, IntEnum
from math import inf, nan
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import msgspec
import pytest
from msgspec import Meta, Raw, Struct

from mcpws.backends.app.results import Convert, results_of
from mcpws.backends.app.signature import Signature
from mcpws.errors import ConfigError
from mcpws.mcp.content import Annotations, Audio, EmbeddedResource, Image, ResourceContents, Text, ToolResult

IMAGE = Image(b"a", "image/png")
AUDIO = Audio(b"b", "audio/wav")
FILE = EmbeddedResource(ResourceContents("a:b", blob=b"c"))
SIGN = {"type": "image", "mimeType": "image/png"}
SOUND = {"type": "audio", "mimeType": "audio/wav"}
made: list[str] = []


@dataclass
class Point:
    x: int
    y: float = 0

    def __post_init__(self) -> None:
        made.append("Point")


class Tree(Struct):
    name: str
    children: "list[Tree]" = []

    def __post_init__(self) -> None:
        made.append("Tree")


class Options(TypedDict):
    depth: int
    name: NotRequired[str]


class Pair(NamedTuple):
    x: int
    y: str


class Colour(Enum):
    RED = "red"


class Size(IntEnum):
    SMALL = 1


class Open(Struct):
    name: str
    extra: Any = None


@dataclass
class Chart:
    title: str
    image: Image
    more: list[Audio] = field(default_factory=list)


class Framed(Struct, frozen=True, tag="framed", rename="camel"):
    the_title: str
    the_image: Image | None = None


def read(raw: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(raw))


def returning(annotation: Any) -> tuple[Convert, dict[str, Any] | None]:
    def function() -> Any: ...

    if annotation is not None:
        function.__annotations__["return"] = annotation
    else:
        del function.__annotations__["return"]
    return results_of(Signature(function))


@pytest.mark.parametrize(
    ("annotation", "value", "structured"),
    [
        (int, 3, {"result": 3}),
        (int, 3.0, {"result": 3}),
        (int, Size.SMALL, {"result": 1}),
        (int, 10**30, {"result": 10**30}),
        (float, 3, {"result": 3}),
        (float, 0.5, {"result": 0.5}),
        (bool, True, {"result": True}),
        (int | None, None, {"result": None}),
        (Annotated[int, Meta(ge=1)], 1, {"result": 1}),
        (Literal["a", 1], "a", {"result": "a"}),
        (Colour, Colour.RED, {"result": "red"}),
        (Colour, "red", {"result": "red"}),
        (datetime, datetime(2026, 1, 2), {"result": "2026-01-02T00:00:00"}),
        (list, (1, "a"), {"result": [1, "a"]}),
        (list[int], [1, 2.0], {"result": [1, 2.0]}),
        (set[int], {1}, {"result": [1]}),
        (tuple[int, str], (1, "a"), {"result": [1, "a"]}),
        (Pair, Pair(1, "a"), {"result": [1, "a"]}),
        (dict, {"a": None}, {"a": None}),
        (dict[str, Any], {"a": [None]}, {"a": [None]}),
        (dict[str, int], {"a": 1}, {"a": 1}),
        (dict[int, int], {1: 1}, {"1": 1}),
        (dict, Open("a"), {"name": "a", "extra": None}),
        (Point, Point(1), {"x": 1, "y": 0}),
        (Point, {"x": 1}, {"x": 1}),
        (Point, {"x": 1, "z": 2}, {"x": 1, "z": 2}),
        (Tree, Tree("a", [Tree("b")]), {"name": "a", "children": [{"name": "b", "children": []}]}),
        (Options, {"depth": 1}, {"depth": 1}),
        (Open, Open("a", {"b": 1}), {"name": "a", "extra": {"b": 1}}),
    ],
    ids=repr,
)
def test_what_fits_its_output_schema_is_the_result(annotation: Any, value: Any, structured: Any) -> None:
    convert, schema = returning(annotation)
    made.clear()
    result = read(convert(value))
    assert result["structuredContent"] == structured
    assert schema is not None
    assert schema["type"] == "object"
    # No code of the type's own runs for that.
    assert made == []


@pytest.mark.parametrize(
    ("annotation", "value", "problem"),
    [
        (int, None, "$: Expected `int`, got `null`"),
        (int, "3", "$: Expected `int`, got `str`"),
        (int, 3.5, "$: Expected `int`, got `float`"),
        (int, True, "$: Expected `int`, got `bool`"),
        (bool, 1, "$: Expected `bool`, got `int`"),
        (float, "1", "$: Expected `float`, got `str`"),
        (int | None, "a", "$: Expected `int | null`, got `str`"),
        (Annotated[int, Meta(ge=1)], 0, "$: Expected `int` >= 1"),
        (Literal["a", 1], "b", "$: Invalid enum value 'b'"),
        (Colour, "blue", "$: Invalid enum value 'blue'"),
        (dict, [1], "$: Expected `object`, got `array`"),
        (dict, None, "$: Expected `object`, got `null`"),
        (dict[str, int], {"a": 1, "b": "2"}, "$[...]: Expected `int`, got `str`"),
        (list, {"a": 1}, "$: Expected `array`, got `object`"),
        (list[int], [1, None], "$[1]: Expected `int`, got `null`"),
        (tuple[int, str], (1,), "$: Expected `array` of length 2"),
        (Pair, ("a", "b"), "$[0]: Expected `int`, got `str`"),
        (Point, Point("a"), "$.x: Expected `int`, got `str`"),  # type: ignore[arg-type]
        (Point, {"y": 1}, "$.x: Object missing required field `x`"),
        (Point, None, "$: Expected `object`, got `null`"),
        (Tree, Tree("a", [Tree(1)]), "$.children[0].name: Expected `str`, got `int`"),  # type: ignore[arg-type]
        (Options, {"depth": 1, "name": 2}, "$.name: Expected `str`, got `int`"),
        (int, ToolResult([IMAGE]), "without structured content, which its outputSchema promises"),
        (int, ToolResult([], {"result": "a"}), "$.structuredContent.result: Expected `int`, got `str`"),
        (Point, ToolResult([], {"x": None}), "$.structuredContent.x: Expected `int`, got `null`"),
    ],
    ids=repr,
)
def test_what_does_not_fit_its_output_schema_is_a_defect_of_the_function(
    annotation: Any, value: Any, problem: str
) -> None:
    convert, _ = returning(annotation)
    with pytest.raises(TypeError) as caught:
        convert(value)
    said = str(caught.value)
    assert said.startswith(f"{__name__}.returning.<locals>.function returned what ")
    assert said.endswith(problem)


def test_a_failure_need_not_fit() -> None:
    convert, _ = returning(Point)
    assert convert(ToolResult([Text("no")], is_error=True)).is_error


@pytest.mark.parametrize(
    ("annotation", "value", "place"),
    [
        (float, nan, "nan at `$`"),
        (float, inf, "inf at `$`"),
        (float | None, -inf, "-inf at `$`"),
        (list[float], [1, nan], "nan at `$[1]`"),
        (dict[str, float], {"a": inf}, "inf at `$.a`"),
        (dict, {"a": [{"b": nan}]}, "nan at `$.a[0].b`"),
        (Point, Point(1, nan), "nan at `$.y`"),
        (Open, Open("a", nan), "nan at `$.extra`"),
        (Any, nan, "nan at `$`"),
        (Any, {"a": (None, inf)}, "inf at `$.a[1]`"),
        (None, [10**30, nan], "nan at `$[1]`"),
        (Any, ToolResult([], {"a": nan}), "nan at `$.a`"),
        (Any, ToolResult([], meta={"a": nan}), "nan at `$.a`"),
        (Any, ToolResult([Text("a", annotations=Annotations(priority=nan))]), "nan at `$.annotations.priority`"),
        (Any, ["a", Text("a", meta={"b": inf})], "inf at `$[1]._meta.b`"),
        (Text, Text("a", meta={"b": inf}), "inf at `$._meta.b`"),
        (dict, ToolResult([], {"a": nan}), "nan at `$.a`"),
    ],
    ids=repr,
)
def test_a_number_that_json_does_not_have_is_a_defect_of_the_function(annotation: Any, value: Any, place: str) -> None:
    convert, _ = returning(annotation)
    with pytest.raises(TypeError, match=r"function returned what it may not: cannot be written as JSON") as caught:
        convert(value)
    assert str(caught.value).endswith(place)


def test_content_that_is_none_is_a_defect_of_the_function() -> None:
    convert, _ = returning(ToolResult)
    with pytest.raises(TypeError, match="function returned what it may not: str is no content"):
        convert(ToolResult(["a"]))  # type: ignore[list-item]


def text(value: Any) -> dict[str, Any]:
    return {"type": "text", "text": value if isinstance(value, str) else msgspec.json.encode(value).decode()}


@pytest.mark.parametrize(
    ("annotation", "value", "content", "structured"),
    [
        (list[str | Image], ["a", IMAGE, "b"], [text("a"), IMAGE, text("b")], None),
        (list[str | Image], ["a", "b"], [text("a"), text("b")], None),
        (tuple[str, Image], ("a", IMAGE), [text("a"), IMAGE], None),
        (tuple[Image, ...], (IMAGE, IMAGE), [IMAGE, IMAGE], None),
        (list[list[str | Image]], [["a", IMAGE], [IMAGE]], [text("a"), IMAGE, IMAGE], None),
        (None, ["a", IMAGE], [text("a"), IMAGE], None),
        (None, [1, IMAGE, None], [text(1), IMAGE, text(None)], None),
        (None, ("a", {"b": IMAGE}), [text("a"), text({"b": SIGN}), IMAGE], None),
        (Any, {"a": 1, "b": IMAGE}, [text({"a": 1, "b": SIGN}), IMAGE], {"a": 1, "b": SIGN}),
        (object, {"a": [IMAGE, AUDIO]}, [text({"a": [SIGN, SOUND]}), IMAGE, AUDIO],
            {"a": [SIGN, SOUND]}),
        (dict[str, Image], {"a": IMAGE}, [text({"a": SIGN}), IMAGE], {"a": SIGN}),
        (dict[str, str | Image], {"a": "x", "b": IMAGE}, [text({"a": "x", "b": SIGN}), IMAGE], {"a": "x", "b": SIGN}),
        (dict, {"a": IMAGE}, [text({"a": SIGN}), IMAGE], {"a": SIGN}),
        (dict[str, Any], {"a": {"b": (IMAGE,)}}, [text({"a": {"b": [SIGN]}}), IMAGE], {"a": {"b": [SIGN]}}),
        (list, [IMAGE], [IMAGE], {"result": [SIGN]}),
        (list, ["a", IMAGE], [text("a"), IMAGE], {"result": ["a", SIGN]}),
        (list[Any], [1, IMAGE], [text(1), IMAGE], {"result": [1, SIGN]}),
        (tuple, (IMAGE, "a"), [IMAGE, text("a")], {"result": [SIGN, "a"]}),
        (Open, Open("a", IMAGE), [text({"name": "a", "extra": SIGN}), IMAGE], {"name": "a", "extra": SIGN}),
        (Chart, Chart("a", IMAGE), [text({"title": "a", "image": SIGN, "more": []}), IMAGE],
            {"title": "a", "image": SIGN, "more": []}),
        (Framed, Framed("a", IMAGE), [text({"type": "framed", "theTitle": "a", "theImage": SIGN}), IMAGE],
            {"type": "framed", "theTitle": "a", "theImage": SIGN}),
        (list[Chart], [Chart("a", IMAGE, [AUDIO])],
            [text({"title": "a", "image": SIGN, "more": [SOUND]}), IMAGE, AUDIO], None),
        (None, {"a": FILE}, [text({"a": {"type": "resource"}}), FILE], {"a": {"type": "resource"}}),
        (None, {"a": Text("b")}, [text({"a": {"type": "text"}}), text("b")], {"a": {"type": "text"}}),
        (None, ["a", "b"], [text(["a", "b"])], None),
        (None, {"type": "image", "a": 1}, [text({"type": "image", "a": 1})], {"type": "image", "a": 1}),
        (dict, {"type": "text"}, [text({"type": "text"})], {"type": "text"}),
    ],
    ids=repr,
)  # fmt: skip
def test_a_block_among_other_things_is_a_block(annotation: Any, value: Any, content: Any, structured: Any) -> None:
    convert, _ = returning(annotation)
    result = read(convert(value))
    assert result["content"] == read(content)
    assert result.get("structuredContent") == structured


def test_what_holds_blocks_is_left_as_it_is() -> None:
    convert, _ = returning(Chart)
    chart = Chart("a", IMAGE, [AUDIO])
    convert(chart)
    assert chart == Chart("a", IMAGE, [AUDIO])


@pytest.mark.parametrize("annotation", [Chart, list[Chart], dict[str, Image], Framed, Chart | None])
def test_what_holds_blocks_has_no_output_schema(annotation: Any) -> None:
    assert returning(annotation)[1] is None


class Unlimited(Struct):
    x: float = inf


@pytest.mark.parametrize("annotation", [Unlimited, list[Unlimited]])
def test_a_schema_with_a_number_that_json_does_not_have_is_refused(annotation: Any) -> None:
    with pytest.raises(ConfigError, match=r"function, parameter return: JSON cannot stand for it: .*inf at `\$"):
        returning(annotation)


def test_what_is_json_already_is_taken_as_it_is() -> None:
    convert, _ = returning(dict)
    assert read(convert(Raw(b'{"a":null}')))["structuredContent"] == {"a": None}
    with pytest.raises(TypeError, match="Expected `object`, got `array`"):
        convert(Raw(b"[]"))


def test_what_comes_later_is_held_to_its_schema_as_well() -> None:
    async def function() -> int:
        return None  # type: ignore[return-value]

    convert: Callable[[Any], ToolResult] = results_of(Signature(function))[0]
    with pytest.raises(TypeError, match="Expected `int`, got `null`"):
        convert(None)
