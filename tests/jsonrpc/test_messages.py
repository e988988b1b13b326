from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf, isfinite, nan
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Raw
from pydantic import BaseModel, Field

from mcpws.errors import InvalidParams, ParseError, RpcError
from mcpws.jsonrpc.codec import decode, encode
from mcpws.jsonrpc.messages import (
    EMPTY,
    NULL,
    Error,
    ErrorObject,
    Finite,
    Message,
    Notification,
    Request,
    Result,
    encode_value,
    to_raw,
)


def test_what_is_kept_with_a_request_is_no_part_of_it() -> None:
    data = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'
    request, kept = (Request(1, "ping", None, data, kept) for kept in (UNSET, object()))
    assert request == kept
    assert encode(kept) == data
    assert request != Request(2, "ping", None, data)
    assert (request == Notification("ping", None, data)) is False


@dataclass
class Point:
    x: int
    y: int


def test_to_raw_takes_json_and_what_describes_itself() -> None:
    assert to_raw({"a": [1, None, "é"]}) == Raw('{"a":[1,null,"é"]}'.encode())
    assert to_raw(Point(1, 2)) == Raw(b'{"x":1,"y":2}')
    assert to_raw(None) == NULL
    assert to_raw({}) == EMPTY


@pytest.mark.parametrize(
    ("value", "where"),
    [
        (nan, "nan at `$`"),
        (-inf, "-inf at `$`"),
        ([1.0, None, inf], "inf at `$[2]`"),
        ((nan,), "nan at `$[0]`"),
        ({"a": {"b": [{"c": nan}]}, "d": None}, "nan at `$.a.b[0].c`"),
        ({1: nan}, "nan at `$.1`"),
        (Point(1, nan), "nan at `$.y`"),  # type: ignore[arg-type]
        ({"a": Raw(b"null"), "b": inf}, "inf at `$.b`"),
        # MessagePack, in which it is looked for first, has no such integers.
        ({"a": 2**64, "b": nan}, "nan at `$.b`"),
    ],
    ids=repr,
)
def test_a_number_that_json_does_not_have_is_refused_by_its_place(value: Any, where: str) -> None:
    for write in (to_raw, encode_value, lambda value: Result.answering(1, value)):
        with pytest.raises(TypeError) as caught:
            write(value)
        assert str(caught.value) == f"cannot be written as JSON: {where}"


class Own:
    """No JSON."""


def nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "place"),
    [
        (Own(), "$"),
        ([1, (2, {"a": Own(), "b": Own()})], "$[1][1].a"),
        ({"a": Point(1, 2), "b": {1, Own()}}, "$.b"),
        ({"a": Point(1, Own())}, "$.a"),  # type: ignore[arg-type]
        ({"a": {Own(): 1}}, "$.a"),
        ({"a": ["b", "\ud83d"]}, "$.a[1]"),
        ({"a": 1, "\ud83d": 2}, "$"),
        (nested(Own(), 40), "$" + 32 * "[0]"),
        (nested(1, 100_000), "$"),
    ],
    ids=["itself", "within", "set", "field", "key", "surrogate", "surrogate in a key", "deep", "too deep"],
)
def test_what_is_no_json_is_refused_by_its_place(value: Any, place: str) -> None:
    for write in (to_raw, encode_value, lambda value: Result.answering(1, value)):
        with pytest.raises(TypeError, match=r"^cannot be written as JSON: ") as caught:
            write(value)
        assert str(caught.value).endswith(f" at `{place}`")


@pytest.mark.parametrize(
    "value",
    [
        None,
        [1.5, None, "nan", "null"],
        {"a": 2**64, "b": None},
        {"a": b"\xcb\x7f\xf0", "b": None, "c": [1.0, ()]},
        {"a": Raw(b"null"), "b": b"\xcb\xff\xff"},
    ],
)
def test_null_is_no_such_number(value: Any) -> None:
    assert to_raw(value) == Raw(msgspec.json.encode(value))
    assert Result.answering(1, value).result == to_raw(value)


def test_a_number_that_json_does_not_have_is_found_however_deep_it_is() -> None:
    value: Any = nan
    for _ in range(400):
        value = [value]
    with pytest.raises(TypeError, match=r"nan at `\$(\[0\]){400}`"):
        to_raw(value)


def test_what_was_seen_to_already_is_not_looked_through_again() -> None:
    class Seen(Finite, frozen=True):
        x: float

    assert Result.answering(1, Seen(nan)).result == Raw(b'{"x":null}')


numbers = st.floats() | st.integers() | st.none() | st.text(max_size=3) | st.binary(max_size=9)
mixtures = st.recursive(
    numbers, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)


@given(mixtures)
def test_only_numbers_that_json_does_not_have_are_refused(value: Any) -> None:
    try:
        to_raw(value)
    except TypeError:
        found = True
    else:
        found = False
    assert found is any(isinstance(one, float) and not isfinite(one) for one in leaves(value))


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [one for part in value for one in leaves(part)] if isinstance(value, list) else [value]


def test_to_raw_leaves_raw_json_alone() -> None:
    raw = Raw(b'{ "a" : 1 }')
    assert to_raw(raw) is raw


def within_itself() -> list[Any]:
    values: list[Any] = []
    values.append(values)
    return values


@pytest.mark.parametrize("path", [Path("a/b"), PurePosixPath("/etc"), PureWindowsPath("c:\\b")])
def test_a_path_is_a_string(path: PurePath) -> None:
    assert bytes(to_raw([path])) == msgspec.json.encode([str(path)])


def test_a_model_of_pydantics_is_written_as_it_writes_itself() -> None:
    class Reading(BaseModel):
        at: datetime
        celsius: float = Field(serialization_alias="temperature")

    reading = Reading(at=datetime(2026, 1, 2, tzinfo=UTC), celsius=20.5)
    assert bytes(to_raw({"last": reading})) == b'{"last":{"at":"2026-01-02T00:00:00Z","temperature":20.5}}'


@pytest.mark.parametrize("value", [object(), "\ud800", {"\udfff": 1}, {(1,): 2}, within_itself()])
def test_to_raw_refuses_what_is_no_json_with_one_error(value: object) -> None:
    with pytest.raises(TypeError):
        to_raw(value)


@pytest.mark.parametrize("value", [{"a": "é"}, Point(1, 2), None, Raw(b'{ "a": 1 }')])
def test_a_result_can_be_read_back_from_what_it_was_encoded_as(value: object) -> None:
    answer = Result.answering("7", value)
    assert answer.result == to_raw(value)
    assert encode(answer) == answer.data
    assert decode(encode(answer)) == Result("7", to_raw(value), answer.data)


@pytest.mark.parametrize("value", [object(), "\ud800", {"\udfff": 1}, {(1,): 2}, within_itself()])
def test_what_is_no_json_is_no_result(value: object) -> None:
    with pytest.raises(TypeError):
        Result.answering(1, value)


@pytest.mark.proves("mcp/2025-11-25/basic#errors")
def test_an_error_answers_with_its_code_message_and_data() -> None:
    answer = Error.answering("7", InvalidParams("too small", {"path": "$.n"}))
    assert answer == Error("7", ErrorObject(-32602, "too small", Raw(b'{"path":"$.n"}')))


def test_an_error_without_data_has_no_data_member() -> None:
    assert Error.answering(None, ParseError("no")).error.data is UNSET


def test_an_error_whose_data_are_no_json_cannot_answer() -> None:
    with pytest.raises(TypeError):
        Error.answering(1, RpcError("x", object()))


@settings(deadline=None)
@given(st.text())
def test_the_text_of_an_error_reaches_the_peer(text: str) -> None:
    answer = decode(encode(Error.answering(1, RpcError(text))))
    assert isinstance(answer, Error)
    assert answer.error.message == text


def test_the_text_of_an_error_may_hold_a_file_name_that_is_not_utf_8() -> None:
    answer = decode(encode(Error.answering(1, RpcError("no file caf\udce9"))))
    assert isinstance(answer, Error)
    assert answer.error.message == "no file caf\\udce9"


def test_the_caller_gets_an_error_with_its_data_decoded() -> None:
    error = Error(1, ErrorObject(409, "taken", Raw(b'{"by":[1]}'))).exception()
    assert (error.code, error.message, error.data) == (409, "taken", {"by": [1]})


def test_the_caller_gets_none_for_an_error_without_data() -> None:
    assert Error(1, ErrorObject(409, "taken")).exception().data is None


@pytest.mark.parametrize(
    "message",
    [
        Request(1, "ping"),
        Notification("ping"),
        Result(1, NULL),
        Error(1, ErrorObject(1, "x")),
        ErrorObject(1, "x"),
    ],
)
def test_messages_cannot_be_changed(message: Message | ErrorObject) -> None:
    for name in message.__struct_fields__:
        with pytest.raises(AttributeError):
            setattr(message, name, None)


def test_an_answer_that_cannot_be_used_is_replaced_by_an_error_that_says_why() -> None:
    error = Error.in_place_of(1, ParseError("Parse error", {"reason": "NaN"}))
    assert (error.id, error.error.code, error.error.message) == (1, 502, "The answer cannot be used")
    assert isinstance(error.error.data, Raw)
    assert bytes(error.error.data) == b'{"reason":"NaN"}'
