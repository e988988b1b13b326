import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from keyword import iskeyword
from math import inf, nan
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import msgspec
import pytest
from attrs import define
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from mcpws.backends.app.arguments import MAX_EXPLANATION, Arguments, decode, reader, schema_of
from mcpws.backends.app.signature import MISSING, Signature
from mcpws.errors import ConfigError, InvalidParams
from mcpws.jsonrpc.messages import Request


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Node(Struct):
    value: int
    next: "Node | None" = None


@dataclass
class Point:
    """A place."""

    x: int
    y: int = 0


class Options(TypedDict):
    depth: int
    name: NotRequired[str]


class Even(Struct):
    number: int

    def __post_init__(self) -> None:
        if self.number % 2:
            raise ValueError("is odd")


def arguments(function: Callable[..., Any]) -> Arguments:
    return Arguments(Signature(function))


def refused(of: Arguments, raw: bytes) -> dict[str, str]:
    with pytest.raises(InvalidParams) as caught:
        of.decode(Raw(raw), "$.arguments")
    data: dict[str, str] = caught.value.data
    assert str(caught.value) == f"Invalid params: {data['path']}: {data['reason']}"
    return data


def everything(
    number: Annotated[int, Meta(ge=0, description="counted")],
    point: Point,
    colour: Colour,
    options: Options,
    node: Node | None = None,
    pair: tuple[int, str] = (1, "a"),
    choice: Literal["x", "y"] = "x",
    when: datetime | None = None,
    factors: list[float] = [1.5],  # noqa: B006
    table: dict[str, bool] = {},  # noqa: B006
    data: bytes = b"",
) -> None:
    """Take everything.

    :param number: not this one.
    :param point: where.
    """


def test_the_schema_describes_all_parameters() -> None:
    assert arguments(everything).schema == {
        "type": "object",
        "properties": {
            "number": {"type": "integer", "minimum": 0, "description": "counted"},
            "point": {"$ref": "#/$defs/Point", "description": "where."},
            "colour": {"$ref": "#/$defs/Colour"},
            "options": {"$ref": "#/$defs/Options"},
            "node": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}], "default": None},
            "pair": {
                "type": "array",
                "minItems": 2,
                "maxItems": 2,
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "items": False,
                "default": (1, "a"),
            },
            "choice": {"enum": ["x", "y"], "default": "x"},
            "when": {"anyOf": [{"type": "null"}, {"type": "string"}], "default": None},
            "factors": {"type": "array", "items": {"type": "number"}, "default": [1.5]},
            "table": {"type": "object", "additionalProperties": {"type": "boolean"}, "default": {}},
            "data": {"type": "string", "contentEncoding": "base64", "default": ""},
        },
        "required": ["number", "point", "colour", "options"],
        "additionalProperties": False,
        "$defs": {
            "Colour": {"title": "Colour", "enum": ["blue", "red"]},
            "Node": {
                "title": "Node",
                "type": "object",
                "properties": {
                    "value": {"type": "integer"},
                    "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}], "default": None},
                },
                "required": ["value"],
            },
            "Options": {
                "title": "Options",
                "type": "object",
                "properties": {"depth": {"type": "integer"}, "name": {"type": "string"}},
                "required": ["depth"],
            },
            "Point": {
                "title": "Point",
                "description": "A place.",
                "type": "object",
                "properties": {"x": {"type": "integer"}, "y": {"type": "integer", "default": 0}},
                "required": ["x"],
            },
        },
    }


def test_a_description_in_an_annotation_is_that_of_the_parameter() -> None:
    def function(a: Annotated[int, "the first"], b: Annotated[str, "the second"] | None = None) -> None:
        """:param a: not this one."""

    assert arguments(function).schema["properties"] == {
        "a": {"type": "integer", "description": "the first"},
        "b": {
            "anyOf": [{"type": "null"}, {"type": "string"}],
            "description": "the second",
            "default": None,
        },
    }


class Described(Struct, rename="camel"):
    first_one: Annotated[int, "the first"]
    next: "Annotated[Described, 'the next'] | None" = None
    plain: int = 0


class DescribedToo(TypedDict):
    a: Annotated[list[Described], "some of them"]


def test_a_description_in_an_annotation_is_that_of_a_field_too() -> None:
    schema = schema_of(list[DescribedToo])
    assert schema["$defs"]["DescribedToo"]["properties"]["a"]["description"] == "some of them"
    assert schema["$defs"]["Described"]["properties"] == {
        "firstOne": {"type": "integer", "description": "the first"},
        "next": {
            "anyOf": [{"$ref": "#/$defs/Described"}, {"type": "null"}],
            "description": "the next",
            "default": None,
        },
        "plain": {"type": "integer", "default": 0},
    }


def test_a_function_without_parameters_takes_an_empty_object() -> None:
    nothing = arguments(lambda: None)
    assert nothing.schema == {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert nothing.decode(Raw(b"{}"), "$") == ()


def test_arguments_are_decoded_into_the_types_of_the_parameters() -> None:
    raw = b"""{"options": {"depth": 1}, "colour": "red", "point": {"x": 1}, "number": 7, "node": {"value": 1},
        "when": "2026-01-02T03:04:05", "data": "YQ=="}"""
    assert arguments(everything).decode(Raw(raw), "$") == (
        7,
        Point(1),
        Colour.RED,
        {"depth": 1},
        Node(1),
        (1, "a"),
        "x",
        datetime(2026, 1, 2, 3, 4, 5),
        [1.5],
        {},
        b"a",
    )


def test_a_mutable_default_is_the_one_of_the_function() -> None:
    default = [1]

    def function(a: list[int] = default) -> None: ...

    [value] = arguments(function).decode(Raw(b"{}"), "$")
    assert value is default


def test_what_is_wrong_is_said_with_the_place_where_it_is() -> None:
    def function(
        a: int, b: list[Point] | None = None, c: Colour = Colour.RED, d: dict[int, Even] | None = None
    ) -> None:
        pass

    of = arguments(function)
    assert refused(of, b'{"a": "1"}') == {"path": "$.arguments.a", "reason": "Expected `int`, got `str`"}
    assert refused(of, b"{}") == {"path": "$.arguments.a", "reason": "Object missing required field `a`"}
    assert refused(of, b'{"z": 1}') == {"path": "$.arguments.z", "reason": "Object contains unknown field `z`"}
    assert refused(of, b"[1]") == {"path": "$.arguments", "reason": "Expected `object`, got `array`"}
    assert refused(of, b'{"a": 1, "b": [{"x": 1}, {}]}')["path"] == "$.arguments.b[1].x"
    assert refused(of, b'{"a": 1, "b": [{"x": []}]}')["path"] == "$.arguments.b[0].x"
    assert refused(of, b'{"a": 1, "c": "green"}')["reason"] == "Invalid enum value 'green'"
    assert refused(of, b'{"a": 1, "d": {"x": {"number": 1}}}')["path"] == "$.arguments.d"
    assert refused(of, b'{"a": 1, "d": {"1": {"number": 1}}}') == {"path": "$.arguments.d[...]", "reason": "is odd"}
    assert refused(of, b'{"a": 1, "c": "x` - at `$.z"}')["path"] == "$.arguments.c"


def test_a_refusal_stays_short_whatever_it_quotes() -> None:
    def function(c: Colour) -> None: ...

    data = refused(arguments(function), b'{"c": "%b"}' % (b"x" * 100_000))
    assert len(data["reason"]) == MAX_EXPLANATION
    assert data["path"] == "$.arguments.c"


@pytest.mark.parametrize("raw", [b'{"a": "\xff"}', b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"])
def test_what_cannot_be_decoded_at_all_is_refused_too(raw: bytes) -> None:
    with pytest.raises(InvalidParams):
        decode(msgspec.json.Decoder(dict[str, Any]), Raw(raw), "$.params")


def test_strings_become_what_the_parameters_want() -> None:
    def function(a: int, b: bool, c: str = "x", d: float | None = None) -> None: ...

    of = arguments(function)
    assert of.convert({"a": "1", "b": "true", "d": "0.5"}, "$.arguments") == (1, True, "x", 0.5)
    with pytest.raises(InvalidParams) as caught:
        of.convert({"a": "one", "b": "true"}, "$.arguments")
    assert caught.value.data["path"] == "$.arguments.a"
    with pytest.raises(InvalidParams) as caught:
        of.convert({"a": "1"}, "$.arguments")
    assert caught.value.data["path"] == "$.arguments.b"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 5


class Pair(NamedTuple):
    x: int
    y: int


@define
class Measured:
    x: int


class Tagged(Struct, tag="tagged"):
    x: int


class Other(Struct, tag="other"):
    x: float


@pytest.mark.parametrize(
    ("type", "raw", "value"),
    [
        (int, "5.0", 5),
        (int, "-5e0", -5),
        (int, "1e2", 100),
        (int, "9007199254740993.0", 9007199254740993),
        (Annotated[int, Meta(ge=1, le=5)], "5.0", 5),
        (int | None, "5.0", 5),
        (int | str, "5.0", 5),
        (list[int], "[1, 2.0]", [1, 2]),
        (tuple[int, str], '[1.0, "2.0"]', (1, "2.0")),
        (set[int], "[1.0]", {1}),
        (dict[str, int], '{"1.0": 1.0}', {"1.0": 1}),
        (dict[int, int], '{"1": 1.0}', {1: 1}),
        (Literal[1, 5], "5.0", 5),
        (Literal["a", 5], "5.0", 5),
        (list[Literal[5]], "[5.0]", [5]),
        (Size, "5.0", Size.LARGE),
        (Size | None, "1.0", Size.SMALL),
        (dict[str, Size], '{"a": 5.0}', {"a": Size.LARGE}),
        (Point, '{"x": 1.0, "y": 2.0}', Point(1, 2)),
        (Node, '{"value": 1.0, "next": {"value": 2.0}}', Node(1, Node(2))),
        (Options, '{"depth": 1.0}', {"depth": 1}),
        (Pair, "[1.0, 2]", Pair(1, 2)),
        (Measured, '{"x": 5.0}', Measured(5)),
        (Tagged | Other, '{"type": "tagged", "x": 5.0}', Tagged(5)),
        (list[Point | None], '[{"x": 1.0}, null]', [Point(1), None]),
        (tuple[int, float], "[5.0, 0.1000000000000000055]", (5, 0.1)),
        (tuple[int, Decimal], "[5.0, 1.10]", (5, Decimal("1.10"))),
        (tuple[int, str], '[5.0, "5.0"]', (5, "5.0")),
        (tuple[int, Any], "[5.0, {}]", (5, {})),
        (tuple[int, Raw], "[5.0, 1.50]", (5, Raw(b"1.50"))),
    ],
    ids=repr,
)
def test_an_integer_may_be_written_with_a_fraction_of_nothing(type: Any, raw: str, value: Any) -> None:
    def function(a: Any, b: int) -> None: ...

    function.__annotations__["a"] = type
    assert arguments(function).decode(Raw(f'{{"a": {raw}, "b": 2}}'.encode()), "$") == (value, 2)
    assert decode(msgspec.json.Decoder(type), Raw(raw.encode()), "$") == value


@pytest.mark.parametrize(
    ("type", "raw", "reason"),
    [
        (int, "5.5", "Expected `int`, got `float`"),
        (int, "1e-1", "Expected `int`, got `float`"),
        (int, '"5.0"', "Expected `int`, got `str`"),
        (Annotated[int, Meta(le=4)], "5.0", "Expected `int` <= 4"),
        (Literal[1, 5], "4.0", "Invalid enum value 4"),
        (Size, "4.0", "Invalid enum value 4"),
        (str, "5.0", "Expected `str`, got `int`"),
        (bool, "1.0", "Expected `bool`, got `int`"),
    ],
)
def test_what_is_no_such_integer_is_refused_as_what_it_is(type: Any, raw: str, reason: str) -> None:
    def function(a: Any, b: int) -> None: ...

    function.__annotations__["a"] = type
    expected = {"path": "$.arguments.a", "reason": reason}
    assert refused(arguments(function), f'{{"a": {raw}, "b": 1}}'.encode()) == expected


def test_what_is_wrong_beside_such_an_integer_is_said() -> None:
    def function(a: int, b: list[Point]) -> None: ...

    of = arguments(function)
    assert refused(of, b'{"a": 1.0, "b": [{"x": 2.0}, {"x": "3.0"}]}')["path"] == "$.arguments.b[1].x"
    assert refused(of, b'{"a": 1.0}') == {"path": "$.arguments.b", "reason": "Object missing required field `b`"}


@pytest.mark.parametrize("given_number", ["5.0", "5"])
def test_a_number_stays_a_float_where_one_is_wanted(given_number: str) -> None:
    def function(a: float, b: int) -> None: ...

    [a, b] = arguments(function).decode(Raw(f'{{"a": {given_number}, "b": {given_number}}}'.encode()), "$")
    assert (type(a), type(b)) == (float, int)


def odd_names(
    self: int,
    cls: int,
    __a: int,
    __init__: int,
    __class__: int,
    __post_init__: int,
    __struct_fields__: int,
    __slots__: int,
    class_: int,
    match: int,
    type: int,
    _: int,
    größe: int,
    ﬁ: int,
    p0: int,
    变量: int = 1,
    *,
    __b: int = 2,
) -> list[int]:
    """Take them all.

    :param __a: private.
    :param größe: of a letter.
    """
    return [__a, __init__, größe, 变量, __b]


def test_a_parameter_may_have_any_name_that_python_has() -> None:
    signature = Signature(odd_names)
    of = Arguments(signature)
    properties = of.schema["properties"]
    assert list(properties) == [parameter.name for parameter in signature.parameters]
    assert properties["__a"] == {"type": "integer", "description": "private."}
    assert properties["größe"] == {"type": "integer", "description": "of a letter."}
    assert properties["__b"] == {"type": "integer", "default": 2}
    assert "fi" in properties
    assert of.schema["required"] == [name for name in properties if name not in ("变量", "__b")]
    given = {name: index for index, name in enumerate(of.schema["required"])}
    assert signature.call(of.decode(Raw(msgspec.json.encode(given)), "$")) == [2, 3, 12, 1, 2]
    given = {name: index for index, name in enumerate(properties)}
    assert signature.call(of.decode(Raw(msgspec.json.encode(given)), "$")) == [2, 3, 12, 15, 16]
    assert refused(of, b'{"p1": 1}') == {"path": "$.arguments.p1", "reason": "Object contains unknown field `p1`"}
    assert refused(of, b"{}") == {"path": "$.arguments.self", "reason": "Object missing required field `self`"}
    assert refused(of, b'{"self": 1, "cls": 2, "__a": ""}')["path"] == "$.arguments.__a"


names = (
    st.text(alphabet="_ab1ö变", min_size=1, max_size=6)
    .filter(str.isidentifier)
    .filter(lambda name: not iskeyword(name))
)


@given(st.lists(names | st.sampled_from(dir(Struct)), min_size=1, unique=True))
def test_parameters_of_whatever_names_are_taken(given_names: list[str]) -> None:
    space: dict[str, Any] = {}
    exec(f"def function({', '.join(f'{name}: int' for name in given_names)}): return locals()", space)
    signature = Signature(space["function"])
    arguments = {parameter.name: index for index, parameter in enumerate(signature.parameters)}
    values = Arguments(signature).decode(Raw(msgspec.json.encode(arguments)), "$")
    assert signature.call(values) == arguments


def test_a_default_of_none_may_be_sent() -> None:
    def function(a: int = None, b: Point = None, c: Literal["x"] = None) -> None:  # type: ignore[assignment]  # noqa: RUF013
        pass

    of = arguments(function)
    assert of.schema["properties"]["a"] == {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}
    assert of.decode(Raw(b'{"a": null, "b": null, "c": null}'), "$") == (None, None, None)
    assert of.decode(Raw(b"{}"), "$") == (None, None, None)
    assert of.decode(Raw(b'{"a": 1, "b": {"x": 1}, "c": "x"}'), "$") == (1, Point(1), "x")


class Careless(Struct):
    number: int = None  # type: ignore[assignment]


@dataclass
class CarelessToo:
    names: list[Literal["a"]] | None = None
    colour: Colour = "green"  # type: ignore[assignment]


class Endless(Struct):
    limit: float = inf


class Optional_(Struct):
    a: int | None = None
    b: list[int] = []
    c: int | UnsetType = UNSET
    d: Colour = Colour.RED
    e: float = 1


@pytest.mark.parametrize(
    ("annotation", "default", "problem"),
    [
        (int, "x", "its default is none of its type's: Expected `int`, got `str`"),
        (int, 1.5, "its default is none of its type's: Expected `int`, got `float`"),
        (bool, 1, "its default is none of its type's: Expected `bool`, got `int`"),
        (list[int], ["x"], "its default is none of its type's: Expected `int`, got `str`"),
        (dict, [], "its default is none of its type's: Expected `object`, got `array`"),
        (Annotated[int, Meta(ge=1)], 0, "its default is none of its type's: Expected `int` >= 1"),
        (Literal["a", "b"], "c", "its default is none of its type's: Invalid enum value 'c'"),
        (Colour, "green", "its default is none of its type's: Invalid enum value 'green'"),
        (Point, Point("a"), "its default is none of its type's: Expected `int`, got `str`"),  # type: ignore[arg-type]
        (Careless, MISSING, "the default of number in Careless is none of its type's: Expected `int`, got `null`"),
        (list[Careless], MISSING, "the default of number in Careless is none of its type's: "),
        (CarelessToo, MISSING, "the default of colour in CarelessToo is none of its type's: "),
        (float, nan, "JSON cannot stand for it: cannot be written as JSON: nan at `$`"),
        (float, inf, "JSON cannot stand for it: cannot be written as JSON: inf at `$`"),
        (list[float], [0.0, -inf], "JSON cannot stand for it: cannot be written as JSON: -inf at `$[1]`"),
        (Endless, MISSING, "JSON cannot stand for it: cannot be written as JSON: inf at `$.properties.limit.default`"),
        (dict[str, Endless], MISSING, "JSON cannot stand for it: cannot be written as JSON: inf at `$.$defs.Endless."),
    ],
    ids=repr,
)
def test_a_default_that_would_be_refused_is_refused_at_once(annotation: Any, default: Any, problem: str) -> None:
    def function(a: Any = default) -> None: ...

    function.__annotations__["a"] = annotation
    if default is MISSING:
        function.__defaults__ = None
    with pytest.raises(ConfigError) as caught:
        arguments(function)
    assert f".function, parameter a: {problem}" in str(caught.value)


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (int, 1.0),
        (float, 1),
        (list[int], ()),
        (tuple[int, ...], [1]),
        (Colour, Colour.RED),
        (Colour, "red"),
        (Point, Point(1)),
        (Point, {"x": 1}),
        (datetime, datetime(2026, 1, 2)),
        (bytes, b"a"),
        (Any, None),
        (Optional_, Optional_()),
        (Node, None),
    ],
    ids=repr,
)
def test_a_default_that_may_be_sent_is_announced(annotation: Any, default: Any) -> None:
    def function(a: Any = default) -> None: ...

    function.__annotations__["a"] = annotation
    of = arguments(function)
    announced = msgspec.json.encode(of.schema["properties"]["a"]["default"])
    assert len(of.decode(Raw(b'{"a": %b}' % announced), "$")) == 1
    assert of.decode(Raw(b"{}"), "$") == (default,)


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (list[str], '["a", "b"]', ["a", "b"]),
        (list[int], "[1, 2.0]", [1, 2]),
        (list[str] | None, "null", None),
        (set[int], "[1, 1]", {1}),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (dict, '{"a": [1]}', {"a": [1]}),
        (dict[int, int], '{"1": 2}', {1: 2}),
        (Point, '{"x": 1}', Point(1)),
        (Node, '{"value": 1, "next": {"value": 2}}', Node(1, Node(2))),
        (Options, '{"depth": 1}', {"depth": 1}),
        (Pair, "[1, 2]", Pair(1, 2)),
        (list[Point], '[{"x": 1}]', [Point(1)]),
        (int | list[int], "5", 5),
        (int | list[int], "[5]", [5]),
        (datetime | list[int], "2026-01-02", datetime(2026, 1, 2)),
        (Annotated[list[int], Meta(min_length=1)], "[1]", [1]),
        # What a string may be it is.
        (str, "[1]", "[1]"),
        (str | list[str], '["a"]', '["a"]'),
        (Any, "[1]", "[1]"),
        (int, "5.0", 5),
        (bool, "true", True),
        (Literal[1, 2], "1", 1),
        (Size, "5", Size.LARGE),
        (Colour, "red", Colour.RED),
    ],
    ids=repr,
)
def test_what_no_string_is_comes_as_json_in_a_string(annotation: Any, text: str, value: Any) -> None:
    def function(a: Any) -> None: ...

    function.__annotations__["a"] = annotation
    if annotation == (datetime | list[int]):
        text += "T00:00:00"
    assert arguments(function).convert({"a": text}, "$") == (value,)


@pytest.mark.parametrize(
    ("annotation", "text", "path", "reason"),
    [
        (list[str], "a, b", "$.a", "has to be JSON in a string: JSON is malformed: invalid character (byte 0)"),
        (list[str], '["a"', "$.a", "has to be JSON in a string: Input data was truncated"),
        (list[str], '"a"', "$.a", "Expected `array`, got `str`"),
        (list[str], '{"a": 1}', "$.a", "Expected `array`, got `object`"),
        (list[int], '[1, "a"]', "$.a[1]", "Expected `int`, got `str`"),
        (Point, '{"y": 1}', "$.a.x", "Object missing required field `x`"),
        (Point, "\ud83d", "$.a", None),
        (dict, "[" * 100_000, "$.a", None),
        (int | list[int], "x", "$.a", "Expected `int | array`, got `str`"),
        (int, "[1]", "$.a", "Expected `int`, got `str`"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_json_in_a_string_that_does_not_fit_is_refused_by_its_place(
    annotation: Any, text: str, path: str, reason: str | None
) -> None:
    def function(a: Any) -> None: ...

    function.__annotations__["a"] = annotation
    with pytest.raises(InvalidParams) as caught:
        arguments(function).convert({"a": text}, "$")
    assert caught.value.data["path"] == path
    assert reason is None or caught.value.data["reason"] == reason


def no_annotation(a, b: int):  # type: ignore[no-untyped-def]
    pass


def no_json(a: int, b: complex) -> None: ...


def no_json_inside(a: list[object]) -> None: ...


def two_objects(a: Point | Node) -> None: ...


def no_default(a: Any = object()) -> None:  # noqa: B008
    pass


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (no_annotation, ".no_annotation, parameter a: needs a type annotation"),
        (no_json, ".no_json, parameter b: JSON cannot stand for it: "),
        (no_json_inside, ".no_json_inside, parameter a: JSON cannot stand for it: "),
        (two_objects, ".two_objects, parameter a: JSON cannot stand for it: Type unions"),
        (no_default, ".no_default, parameter a: JSON cannot stand for it: "),
    ],
)
def test_what_json_cannot_stand_for_is_refused_by_name(function: Callable[..., Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        arguments(function)
    assert text in str(caught.value)


@pytest.mark.parametrize("type", [int, list[Node], Node, Point, dict[str, Colour], tuple[Options, ...] | None])
def test_a_schema_is_complete_in_itself(type: Any) -> None:
    schema = schema_of(type)
    used = {part.partition("#/$defs/")[2] for part in strings_in(schema) if part.startswith("#/$defs/")}
    assert used == set(schema.get("$defs", {}))


def strings_in(schema: Any) -> list[str]:
    if isinstance(schema, str):
        return [schema]
    parts = list(schema.values()) if isinstance(schema, dict) else schema if isinstance(schema, list) else []
    return [string for part in parts for string in strings_in(part)]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdxyz"), inner, max_size=3),
)


@given(json_values)
def test_any_json_is_taken_or_refused(value: Any) -> None:
    def function(a: int = 0, b: Point | None = None, c: dict[str, list[Options]] | None = None) -> None: ...

    of = arguments(function)
    try:
        values = of.decode(Raw(msgspec.json.encode(value)), "$.arguments")
    except InvalidParams as error:
        path = error.data["path"]
    else:
        path = "$.arguments"
        assert len(values) == 3
    assert path.startswith("$.arguments")


@pytest.mark.proves("M-14")
def test_half_a_surrogate_pair_is_refused_by_name() -> None:
    def function(a: str) -> None: ...

    data = refused(arguments(function), rb'{"a":"\ud83d"}')
    assert data == {"path": "$.arguments", "reason": "a string holds half of a surrogate pair"}


@pytest.mark.parametrize("odd", [rb'"\ud83d"', b"1e999"])
def test_what_python_cannot_hold_is_refused_beside_null_too(odd: bytes) -> None:
    read = reader(Node)
    with pytest.raises(InvalidParams):
        read(Request(1, "a", Raw(b'{"value":null,"next":%b}' % odd)))
