import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Optional

import annotated_types
import msgspec
import pytest
from msgspec import Raw
from pydantic import AfterValidator, BaseModel, Field
from pydantic.dataclasses import dataclass as checked_dataclass

from mcpws.backends.app import App
from mcpws.backends.app.arguments import Arguments
from mcpws.backends.app.modelled import ModelledArguments, arguments_of, is_modelled
from mcpws.backends.app.prompts import Prompt
from mcpws.backends.app.signature import Signature
from mcpws.backends.app.tools import Tool
from mcpws.errors import ConfigError, InvalidParams, RemoteError
from mcpws.jsonrpc.messages import to_raw

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient


class Address(BaseModel):
    street: str
    code: Annotated[str, Field(pattern=r"^\d+$")] = "0"


class User(BaseModel):
    name: str
    age: int = Field(ge=0, description="in years")
    addresses: list[Address] = []
    manager: Optional["User"] = None
    born: date | None = None


class Renamed(BaseModel):
    plain: int = Field(alias="dressed")


@checked_dataclass
class Checked:
    size: Annotated[int, Field(gt=0)]


@dataclass
class Plain:
    size: int


@dataclass
class Around:
    user: User


class Pair(NamedTuple):
    first: Annotated[int, annotated_types.Gt(0)]
    second: int


class Own:
    pass


def save(
    user: User,
    copies: Annotated[int, Field(ge=1, le=3, description="how many")] = 1,
    *,
    to: Path = Path("a"),
    tags: list[Annotated[str, annotated_types.MaxLen(3)]] = Field(default_factory=list),  # noqa: B008
    data: bytes = b"",
) -> User:
    """Save.

    :param user: whom.
    """
    return user


def taking(annotation: Any, **default: Any) -> Callable[..., Any]:
    def function(a: Any) -> None: ...

    function.__annotations__["a"] = annotation
    if default:
        function.__defaults__ = (default["default"],)
    return function


def decode(function: Callable[..., Any], raw: bytes) -> tuple[Any, ...]:
    return arguments_of(Signature(function)).decode(Raw(raw), "$.arguments")


@pytest.mark.parametrize(
    "annotation",
    [
        User, list[User], dict[str, User] | None, Around, Pair, Checked,
        Annotated[int, Field(ge=1)], Annotated[int, annotated_types.Gt(1)], list[Annotated[str, AfterValidator(str)]],
    ],
    ids=repr,
)  # fmt: skip
def test_what_is_pydantics_is_known_wherever_it_is(annotation: Any) -> None:
    assert is_modelled(annotation)
    assert isinstance(arguments_of(Signature(taking(annotation))), ModelledArguments)


@pytest.mark.parametrize(
    "annotation",
    [int, str | None, Plain, list[Plain], Any, dict, Path, Annotated[int, msgspec.Meta(ge=1)], Annotated[int, "text"]],
    ids=repr,
)
def test_what_is_not_is_left_to_msgspec(annotation: Any) -> None:
    assert not is_modelled(annotation)
    assert isinstance(arguments_of(Signature(taking(annotation))), Arguments)


def test_the_schema_says_all_and_is_complete_in_itself() -> None:
    schema = arguments_of(Signature(save)).schema
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["user"]
    assert "title" not in schema
    properties = schema["properties"]
    assert properties["user"] == {"$ref": "#/$defs/User", "description": "whom."}
    assert properties["copies"] == {
        "type": "integer", "minimum": 1, "maximum": 3, "default": 1, "description": "how many",
    }  # fmt: skip
    assert properties["to"] == {"type": "string", "format": "path", "default": "a"}
    assert properties["tags"] == {"type": "array", "items": {"type": "string", "maxLength": 3}}
    assert set(schema["$defs"]) == {"User", "Address"}
    assert schema["$defs"]["User"]["properties"]["age"] == {"type": "integer", "minimum": 0, "description": "in years"}


def test_arguments_are_what_they_are_annotated_with() -> None:
    raw = b'{"user": {"name": "Ada", "age": 36, "born": "1815-12-10"}, "tags": ["a"], "to": "b", "data": "YQ=="}'
    user = User(name="Ada", age=36, born=date(1815, 12, 10))
    assert decode(save, raw) == (user, 1, Path("b"), ["a"], b"a")
    assert decode(taking(Checked), b'{"a": {"size": 1}}') == (Checked(1),)
    assert decode(taking(Around), b'{"a": {"user": {"name": "x", "age": 1}}}') == (Around(User(name="x", age=1)),)
    assert decode(taking(Annotated[int, AfterValidator(lambda n: n * 2)]), b'{"a": 2}') == (4,)


def test_a_default_may_be_made_anew_for_each_call() -> None:
    first, second = (decode(save, b'{"user": {"name": "x", "age": 1}}')[3] for _ in range(2))
    assert first == second == []
    assert first is not second


@pytest.mark.parametrize(
    ("annotation", "default", "value"),
    [
        (int, Field(5, ge=1), 5),
        (Annotated[int, Field(5, ge=1)], None, 5),
        (Annotated[int, Field(ge=1)], 5, 5),
        (int, Field(default_factory=lambda: 5), 5),
    ],
    ids=repr,
)
def test_a_default_may_stand_where_pydantic_has_it(annotation: Any, default: Any, value: Any) -> None:
    function = taking(annotation) if default is None else taking(annotation, default=default)
    [parameter] = Signature(function).parameters
    assert not parameter.required
    assert decode(function, b"{}") == (value,)


def test_a_field_without_a_default_is_required() -> None:
    function = taking(int, default=Field(ge=1, description="a number"))
    [parameter] = Signature(function).parameters
    assert parameter.required
    assert parameter.description == "a number"
    with pytest.raises(InvalidParams, match="Field required"):
        decode(function, b"{}")


@pytest.mark.parametrize(
    ("raw", "path", "reason"),
    [
        (b"{}", "$.arguments.user", "Field required"),
        (b'{"user": {"name": "a", "age": -1}}', "$.arguments.user.age", "Input should be greater than or equal to 0"),
        (b'{"user": {"name": "a"}}', "$.arguments.user.age", "Field required"),
        (
            b'{"user": {"name": "a", "age": 1, "addresses": [{"street": "b"}, {"street": 5}]}}',
            "$.arguments.user.addresses[1].street",
            "Input should be a valid string",
        ),
        (b'{"user": {"name": "a", "age": 1}, "more": 1}', "$.arguments.more", "Extra inputs are not permitted"),
        (
            b'{"user": {"name": "a", "age": 1}, "copies": 4, "tags": ["long"]}',
            "$.arguments.copies",
            "Input should be less than or equal to 3; $.arguments.tags[0]: String should have at most 3 characters",
        ),
        (b'{"user": {"name": "a", "age": 1, "manager": {"name": 5}}}', "$.arguments.user.manager.name", None),
        (b'{"user": "\\ud800"}', "$.arguments", None),
        (b"5", "$.arguments", None),
    ],
    ids=repr,
)
def test_a_misfit_names_its_place(raw: bytes, path: str, reason: str | None) -> None:
    with pytest.raises(InvalidParams) as caught:
        decode(save, raw)
    assert caught.value.data["path"] == path
    assert reason is None or caught.value.data["reason"] == reason
    to_raw(caught.value.data)


def test_names_of_types_are_no_part_of_a_path() -> None:
    with pytest.raises(InvalidParams) as caught:
        decode(taking(Address | list[User]), b'{"a": [{"name": 1, "age": 1}]}')
    assert "$.arguments.a[0].name: Input should be a valid string" in caught.value.data["reason"]


def test_prompts_take_them_from_strings() -> None:
    prompt = Prompt(save)
    user = '{"name": "Ada", "age": 36}'
    given = {"user": user, "copies": "2", "tags": '["a"]', "to": "b"}
    assert prompt.arguments.convert(given, "$.arguments") == (User(name="Ada", age=36), 2, Path("b"), ["a"], b"")
    assert [prompt.arguments.is_json(name) for name in ("user", "copies", "tags", "to")] == [True, False, True, False]
    with pytest.raises(InvalidParams) as caught:
        prompt.arguments.convert({"user": "Ada"}, "$.arguments")
    assert caught.value.data["path"] == "$.arguments.user"
    told = msgspec.json.decode(prompt.definition)["arguments"][0]["description"]
    assert told.startswith("whom. (JSON: {")


def test_what_is_returned_is_held_to_what_was_announced() -> None:
    tool = Tool(save)
    schema = msgspec.json.decode(tool.definition)["outputSchema"]
    assert schema["type"] == "object"
    assert schema["required"] == ["name", "age"]
    result = tool.result(User(name="Ada", age=36))
    assert bytes(result.structured) == b'{"name":"Ada","age":36,"addresses":[],"manager":null,"born":null}'
    assert tool.result({"name": "Ada", "age": 36}) == tool.result(User(name="Ada", age=36))
    with pytest.raises(TypeError, match=r"outputSchema does not allow: \$\.name: Input should be a valid string"):
        tool.result({"name": 5})


def test_what_is_no_object_is_wrapped_in_one() -> None:
    def users() -> list[User]:
        return []

    tool = Tool(users)
    schema = msgspec.json.decode(tool.definition)["outputSchema"]
    assert schema["properties"]["result"] == {"type": "array", "items": {"$ref": "#/$defs/User"}}
    assert set(schema["$defs"]) == {"User", "Address"}
    assert bytes(tool.result([]).structured) == b'{"result":[]}'


def test_a_name_is_the_one_that_is_sent() -> None:
    def renamed(a: Renamed) -> Renamed:
        return a

    tool = Tool(renamed)
    assert set(tool.arguments.schema["$defs"]["Renamed"]["properties"]) == {"dressed"}
    [value] = tool.arguments.decode(Raw(b'{"a": {"dressed": 5}}'), "$")
    assert bytes(tool.result(value).structured) == b'{"dressed":5}'


def test_what_is_not_announced_is_written_all_the_same(app: App, client: "AppClient") -> None:
    @app.tool
    def user() -> Any:
        return User(name="Ada", age=36)

    @app.method("own/user")
    def own(params: User) -> Any:
        return {"user": params}

    client.initialize()
    assert client.tool("user")["structuredContent"]["name"] == "Ada"
    assert client.call("own/user", name="Ada", age=36)["user"]["age"] == 36
    with pytest.raises(RemoteError, match=r"\$\.params\.age: Field required"):
        client.call("own/user", name="Ada")


class Endless(BaseModel):
    size: float = 1.0


def test_a_number_that_json_does_not_have_is_refused() -> None:
    def endless() -> Endless:
        return Endless()

    with pytest.raises(TypeError, match="it may not: cannot be written as JSON: inf"):
        Tool(endless).result(Endless(size=float("inf")))


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (
            taking(Annotated[int, Field(ge=1)], default=0),
            "parameter a: its default is none of its type's",
        ),
        (
            taking(Annotated[Own, Field(description="x")]),
            "parameter a: pydantic has no JSON for it: Unable",
        ),
        (taking(list[User | Own]), "parameter a: pydantic has no JSON for it: "),
        (taking(Own), "parameter a: JSON cannot stand for it: Own is not among what it has: write a type of JSON's"),
        (taking(Annotated[object, Field(title="x")], default=object()), "parameter a: pydantic has no JSON for it: "),
    ],
    ids=count(),
)
def test_what_cannot_be_checked_or_announced_is_refused_by_name(function: Callable[..., Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Tool(function)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_parameter_that_cannot_be_is_the_one_that_is_named() -> None:
    def two(user: User, other: Own) -> None: ...

    with pytest.raises(ConfigError, match=r"two, parameter other: pydantic has no JSON for it"):
        Tool(two)


def test_a_result_that_cannot_be_announced_is_refused() -> None:
    def both() -> list[User | Own]:
        return []

    with pytest.raises(ConfigError, match=r"both, parameter return: pydantic has no JSON for it"):
        Tool(both)


def test_a_constraint_is_not_lost_where_pydantic_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydantic", None)
    with pytest.raises(ConfigError, match=r"would be lost: install pydantic, or write it as msgspec\.Meta"):
        Tool(taking(Annotated[int, annotated_types.Gt(0)]))
