import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec import UNSET, Raw
from msgspec.structs import replace

from mcpws.errors import InvalidRequest, ParseError
from mcpws.jsonrpc.codec import MAX_DEPTH, decode, decode_batch, encode, is_batch
from mcpws.jsonrpc.depth import depth
from mcpws.jsonrpc.messages import Error, ErrorObject, Message, Notification, Request, Result, to_raw

ids = st.integers() | st.text()
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
raws = values.map(to_raw)
structures = st.lists(values, max_size=3) | st.dictionaries(st.text(), values, max_size=3)
params = st.none() | structures.map(to_raw)
error_objects = st.builds(ErrorObject, st.integers(), st.text(), st.just(UNSET) | raws)
messages: st.SearchStrategy[Message] = st.one_of(
    st.builds(Request, ids, st.text(), params),
    st.builds(Notification, st.text(), params),
    st.builds(Result, ids, raws),
    st.builds(Error, st.none() | ids, error_objects),
)


def outcome(data: bytes) -> Message | InvalidRequest | ParseError:
    try:
        return decode(data)
    except (InvalidRequest, ParseError) as error:
        return error


def members(**changes: Any) -> bytes:
    """A request, with `changes` to its members; None takes one away."""
    request = {"jsonrpc": '"2.0"', "id": "1", "method": '"ping"'} | changes
    return ("{" + ",".join(f'"{k}":{v}' for k, v in request.items() if v is not None) + "}").encode()


# What is a message.


@pytest.mark.proves("M-1")
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (members(), Request(1, "ping")),
        (members(id='"1"'), Request("1", "ping")),
        (members(id='""'), Request("", "ping")),
        (members(id="-9223372036854775809"), Request(-(2**63) - 1, "ping")),
        (members(params='{"a":[1]}'), Request(1, "ping", Raw(b'{"a":[1]}'))),
        (members(params=" [ 1 ]"), Request(1, "ping", Raw(b"[ 1 ]"))),
        (members(params="null"), Request(1, "ping")),
        (members(id=None), Notification("ping")),
        (members(id=None, params="{}"), Notification("ping", Raw(b"{}"))),
        (members(extra="[{}]"), Request(1, "ping")),
        (members(method=None, result="null"), Result(1, Raw(b"null"))),
        (members(method=None, result='{"a":"é"}'), Result(1, Raw('{"a":"é"}'.encode()))),
        (
            members(method=None, error='{"code":1,"message":"x"}'),
            Error(1, ErrorObject(1, "x")),
        ),
        (
            members(method=None, id=None, error='{"code":1,"message":"x","data":null}'),
            Error(None, ErrorObject(1, "x", Raw(b"null"))),
        ),
        (
            members(method=None, id="null", error='{"code":1,"message":"x"}'),
            Error(None, ErrorObject(1, "x")),
        ),
        (b' {"id":1,\r\n\t"method":"ping","jsonrpc":"2.0"} \n', Request(1, "ping")),
        (members(id="1", method='"\\u0070ing"'), Request(1, "ping")),
    ],
)
def test_a_message_is_decoded_and_keeps_its_bytes(data: bytes, message: Message) -> None:
    assert decode(data) == replace(message, data=data)
    assert encode(decode(data)) is data


# What is none.


@pytest.mark.proves("E-1", "M-5")
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "Input data was truncated"),
        (b"{", "Input data was truncated"),
        (b"Content-Length: 20", "invalid character"),
        (b"\xef\xbb\xbf" + members(), "invalid character"),
        (members() + b"x", "trailing characters"),
        (members() + members(), "trailing characters"),
        (b"1 2", "trailing characters"),
        (b'[{"jsonrpc":"2.0","method"]', "malformed"),
        (members(jsonrpc='"1.0"') + b"x", "trailing characters"),
        (members(extra="NaN"), "invalid character"),
        (members(params='{"a":01}'), "invalid number"),
        (members(extra='"\\ud8 lone"'), "malformed"),
        (members(extra='"\\ud800 lone", NaN'), "malformed"),
    ],
)
def test_what_is_no_json_is_a_parse_error_with_a_reason(data: bytes, reason: str) -> None:
    error = outcome(data)
    assert isinstance(error, ParseError)
    assert reason in error.data["reason"]


@pytest.mark.proves("M-4", "mcp/2025-11-25/basic/transports#utf-8")
@pytest.mark.parametrize(
    "data",
    [
        members(method='"§"'),
        members(params='{"a":"§"}'),
        members(params='{"§":1}'),
        members(method=None, result='"§"'),
        members(extra='"§"'),
        members(id='"§"'),
        members(method=None, error='{"code":1,"message":"x","data":"§"}'),
        b'["\xc2\xa7"]',
    ],
)
def test_what_is_not_utf_8_is_a_parse_error_wherever_it_is(data: bytes) -> None:
    before, after = data.split("§".encode())
    for wrong in (b"\xff", b"\xc2", b"\xed\xa0\x80", b"\xc0\xaf"):
        error = outcome(before + wrong + after)
        assert isinstance(error, ParseError)
        assert error.data == {"reason": f"not UTF-8 at byte {len(before)}"}


@pytest.mark.proves("E-2", "I-1", "M-6", "mcp/2025-11-25/basic#ids")
@pytest.mark.parametrize(
    ("data", "path", "reason", "id"),
    [
        (b"1", "$", "must be an object", None),
        (b"null", "$", "must be an object", None),
        (b"[" + members() + b"]", "$", "must be an object", None),
        (b"{}", "$.jsonrpc", 'must be "2.0"', None),
        (members(jsonrpc=None), "$.jsonrpc", 'must be "2.0"', 1),
        (members(jsonrpc='"1.0"', id='"a"'), "$.jsonrpc", 'must be "2.0"', "a"),
        (members(jsonrpc="2.0"), "$.jsonrpc", 'must be "2.0"', 1),
        (members(jsonrpc=None, method=None), "$.jsonrpc", 'must be "2.0"', 1),
        (members(jsonrpc=None, method=None, result="1"), "$.jsonrpc", 'must be "2.0"', None),
        (members(jsonrpc="1e999"), "$.jsonrpc", 'must be "2.0"', 1),
        (members(id="null"), "$.id", "must be a string or an integer, not null", None),
        (members(id="1.5"), "$.id", "must be a string or an integer, not 1.5", None),
        (members(id="1.0"), "$.id", "must be a string or an integer, not 1.0", None),
        (members(id="true"), "$.id", "must be a string or an integer, not true", None),
        (members(id='{"a":1}'), "$.id", 'must be a string or an integer, not {"a":1}', None),
        (
            members(id="1" * 5000),
            "$.id",
            "must be a string or an integer, not " + "1" * 32,
            None,
        ),
        (
            members(id='["x' + "é" * 40 + '"]'),
            "$.id",
            'must be a string or an integer, not ["x' + "é" * 14 + "\ufffd",
            None,
        ),
        (members(method="7"), "$.method", "must be a string", 1),
        (members(method="null"), "$.method", "must be a string", 1),
        (members(method="null", id=None), "$.method", "must be a string", None),
        (members(params='"a"'), "$.params", "must be an object or an array", 1),
        (members(params="7", id=None), "$.params", "must be an object or an array", None),
        (members(method=None), "$", "has neither a method, nor a result, nor an error", 1),
        (
            members(method=None, id=None),
            "$",
            "has neither a method, nor a result, nor an error",
            None,
        ),
        (
            members(result="1"),
            "$",
            "has more than one of method, result and error",
            1,
        ),
        (
            members(error='{"code":1,"message":"x"}'),
            "$",
            "has more than one of method, result and error",
            1,
        ),
        (
            members(method=None, result="1", error='{"code":1,"message":"x"}'),
            "$",
            "has more than one of method, result and error",
            None,
        ),
        (members(method=None, id=None, result="1"), "$.id", "missing in a response", None),
        (
            members(method=None, id="null", result="1"),
            "$.id",
            "must be a string or an integer, not null",
            None,
        ),
        (
            members(method=None, id="null", result="1", error='{"code":1,"message":"x"}'),
            "$.id",
            "must be a string or an integer, not null",
            None,
        ),
        (
            members(method=None, id="1.5", error='{"code":1,"message":"x"}'),
            "$.id",
            "must be a string or an integer, not 1.5",
            None,
        ),
        (members(method=None, error="null"), "$.error", "Expected `object`, got `null`", None),
        (
            members(method=None, error='{"code":"1","message":"x"}'),
            "$.error",
            "Expected `int`, got `str` - at `$.code`",
            None,
        ),
        (
            members(method=None, id="null", error='{"code":1}'),
            "$.error",
            "Object missing required field `message`",
            None,
        ),
        (members(error="7"), "$.error", "Expected `object`, got `int`", 1),
        (
            b'{"jsonrpc":"1.0","jsonrpc":"2.0","id":1,"method":"ping"}',
            "$",
            "has a member more than once",
            1,
        ),
        (
            b'{"jsonrpc":"2.0","id":1,"error":7,"error":{"code":1,"message":"x"}}',
            "$",
            "has a member more than once",
            None,
        ),
    ],
)
def test_what_is_no_message_is_an_invalid_request_that_says_where_and_why(
    data: bytes, path: str, reason: str, id: str | int | None
) -> None:
    error = outcome(data)
    assert isinstance(error, InvalidRequest)
    assert error.data == {"path": path, "reason": reason}
    assert (error.id, type(error.id)) == (id, type(id))


@pytest.mark.proves("M-6")
@settings(deadline=None)
@given(st.binary())
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"jsonrpc":"2.0","id":' + b"[" * 900 + b"]" * 900 + b"}")
def test_arbitrary_bytes_are_refused_in_no_other_way(data: bytes) -> None:
    outcome(data)


@settings(deadline=None)
@given(messages, st.data())
def test_a_damaged_message_is_refused_in_no_other_way(message: Message, draw: st.DataObject) -> None:
    data = encode(message)
    start = draw.draw(st.integers(0, len(data)))
    end = draw.draw(st.integers(start, len(data)))
    outcome(data[:start] + draw.draw(st.binary(max_size=3)) + data[end:])


def read_naively(message: Mapping[str, Any]) -> str | None:
    """Which kind of message JSON-RPC 2.0 and MCP make of this object."""

    def is_id(value: object) -> bool:
        return type(value) in (str, int)

    kinds = message.keys() & {"method", "result", "error"}
    if kinds == {"result", "error"} and None in (message["result"], message["error"]):
        kinds = {"result" if message["error"] is None else "error"}
    if message.get("jsonrpc") != "2.0" or len(kinds) != 1:
        return None
    [kind] = kinds
    if kind == "method":
        if type(message["method"]) is not str:
            return None
        if type(message.get("params")) not in (dict, list, type(None)):
            return None
        if "id" not in message:
            return "Notification"
        return "Request" if is_id(message["id"]) else None
    if kind == "result":
        return "Result" if is_id(message.get("id")) else None
    error = message["error"]
    if type(error) is not dict or type(error.get("code")) is not int:
        return None
    if type(error.get("message")) is not str:
        return None
    return "Error" if message.get("id") is None or is_id(message["id"]) else None


awkward: st.SearchStrategy[Any] = st.sampled_from([None, True, 1, 1.5, "", "2.0", [], {}, {"code": 1, "message": "x"}])


@pytest.mark.proves("M-8", "mcp/2025-11-25/basic#answers", "mcp/2025-11-25/basic#notifications")
@settings(deadline=None, max_examples=300)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "jsonrpc": st.just("2.0") | awkward,
            "id": awkward,
            "method": awkward,
            "params": awkward,
            "result": awkward,
            "error": awkward,
            "extra": awkward,
        },
    )
)
@example({"id": None, "jsonrpc": "2.0", "error": {"code": 1, "message": "x"}, "result": None})
@example({"id": None, "jsonrpc": "2.0", "error": None, "result": None})
@example({"id": 1.5, "jsonrpc": "2.0", "error": {"code": 1, "message": "x"}, "result": None})
@example({"id": 1, "jsonrpc": "2.0", "error": None, "result": None})
@example({"id": 1, "jsonrpc": "2.0", "error": 7, "result": None})
def test_an_object_is_read_as_the_specification_says(message: dict[str, Any]) -> None:
    found = outcome(json.dumps(message).encode())
    expected = read_naively(message)
    assert type(found).__name__ == (expected or "InvalidRequest")
    if isinstance(found, Request | Result):
        assert found.id == message["id"]
        assert type(found.id) is type(message["id"])


@pytest.mark.proves("M-15")
@pytest.mark.parametrize(
    ("data", "answers"),
    [
        (members(method=None, result='{"v":NaN}'), 1),
        (b'{"result":{"v":-Infinity},"jsonrpc":"2.0","id":"a\\"b"}', 'a"b'),
        (b'{"jsonrpc":"2.0","id":1,"result":"\xff"}', 1),
        (members(method=None, result="[" * 300 + "]" * 300), 1),
        (b'DEBUG {"jsonrpc":"2.0","id":3,"result":{}}', 3),
        (b'{"jsonrpc":"2.0","id":3,"result":{"content":[', 3),
        (members(method=None, error='"boom"'), 1),
        (members(method=None, error="null"), 1),
        (members(method=None, error='{"code":1}', id='"1"'), "1"),
        (members(method=None, result="1", error='{"code":1,"message":"x"}'), 1),
        (members(method=None, result="1", jsonrpc=None), 1),
        (members(method=None, result="1", jsonrpc='"1.0"'), 1),
        (members(method=None, result="1", id="3.0"), 3),
        (members(method=None), 1),
        (members(method=None, result="1", id="1.5"), None),
        (members(method=None, result="1", id="null"), None),
        (members(method=None, result="1", id="true"), None),
        (b'{"jsonrpc":"2.0","id":3', None),
        (b'{"id":3,"level":"info","took":NaN}', None),
        (members(result="NaN"), None),
        (b'[{"jsonrpc":"2.0","id":3,"result":NaN}]', 3),
        (b'[{"jsonrpc":"2.0","id":3,"method":"a","params":NaN}]', None),
        (b'{"result":{"v":NaN},"id":3,"_meta":{"id":4},"jsonrpc":"2.0"}', 3),
    ],
)
def test_what_is_no_message_says_which_request_it_was_to_answer(data: bytes, answers: str | int | None) -> None:
    error = outcome(data)
    assert isinstance(error, InvalidRequest | ParseError)
    assert (error.answers, type(error.answers)) == (answers, type(answers))


@settings(deadline=None)
@given(values, st.data())
def test_damage_behind_the_id_does_not_hide_whose_answer_it_is(value: Any, draw: st.DataObject) -> None:
    before, after = b'{"jsonrpc":"2.0","id":7,"result":', b"}"
    inside = json.dumps(value).encode()
    start = draw.draw(st.integers(0, len(inside)))
    end = draw.draw(st.integers(start, len(inside)))
    found = outcome(before + inside[:start] + draw.draw(st.binary(max_size=3)) + inside[end:] + after)
    assert (found.id if isinstance(found, Result) else getattr(found, "answers", None)) == 7


@pytest.mark.parametrize(
    ("data", "id"),
    [
        (members(params='{"v":NaN}'), 1),
        (b'{"method":"a","params":[NaN],"jsonrpc":"2.0","id":"x"}', "x"),
        (members(params="[" * 300 + "]" * 300), 1),
        (members(params='{"v":NaN}')[:-2], None),
        (members(method=None, result='{"v":NaN}'), None),
    ],
)
def test_a_request_that_is_no_json_is_known_by_its_id_where_that_can_be_read(data: bytes, id: str | int | None) -> None:
    error = outcome(data)
    assert isinstance(error, ParseError)
    assert (error.id, type(error.id)) == (id, type(id))


@pytest.mark.proves("M-16")
@pytest.mark.parametrize(
    ("members_", "expected"),
    [
        ({"result": "{}", "error": "null"}, Result(1, Raw(b"{}"))),
        ({"result": "null", "error": "null"}, Result(1, Raw(b"null"))),
        ({"result": "null", "error": '{"code":1,"message":"x"}'}, Error(1, ErrorObject(1, "x"))),
        ({"result": '"\\ud800"', "error": "null"}, Result(1, Raw(b'"\\ud800"'))),
    ],
)
def test_of_result_and_error_the_one_that_is_null_is_left_out(members_: dict[str, str], expected: Message) -> None:
    found = decode(members(method=None, extra='"é"', **members_))
    assert replace(found, data=None) == expected
    passed = json.loads(encode(found))
    assert passed.keys() == {"jsonrpc", "id", "extra", "result" if isinstance(expected, Result) else "error"}


# Lone surrogates.


@pytest.mark.proves("M-14")
@pytest.mark.parametrize(
    "data",
    [
        members(params='{"text":"ab\\ud83d"}'),
        members(params='["\\uDEAD", "\\ud83d\\ud83d\\ude00"]'),
        members(params='{"\\ud83d":1}', id=None),
        members(extra='"\\udc00"'),
        members(method=None, result='{"content":[{"type":"text","text":"ab\\ud83d"}]}'),
        members(method=None, result='"\\\\\\ud83d \\\\ud83d é"'),
        members(method=None, error='{"code":1,"message":"cut \\ud83d","data":["\\udfff"]}'),
        members(method=None, id=None, error='{"code":1,"message":"cut \\ud83d"}'),
    ],
)
def test_a_message_may_hold_lone_surrogates_and_keeps_them(data: bytes) -> None:
    message = decode(data)
    assert message.data == data
    again = encode(replace(message, data=None))
    expected = json.loads(data)
    expected.pop("extra", None)
    assert json.loads(again) == expected
    again.decode()


@pytest.mark.proves("M-14")
@pytest.mark.parametrize(
    ("data", "path", "id"),
    [
        (members(method='"a\\ud83d"'), "$.method", 1),
        (members(method='"a\\ud83d"', id=None), "$.method", None),
        (members(id='"a\\ud83d"'), "$.id", None),
    ],
)
def test_an_id_and_a_method_may_not(data: bytes, path: str, id: int | None) -> None:
    error = outcome(data)
    assert isinstance(error, InvalidRequest)
    assert error.data == {"path": path, "reason": "holds half of a surrogate pair"}
    assert error.id == id


def test_whole_pairs_beside_them_are_read_as_ever() -> None:
    assert decode(members(id='"\\ud83d\\ude00"', method='"\\ud83d\\ude00"', extra='"\\ud83d"')) == Request(
        "\U0001f600", "\U0001f600", None, members(id='"\\ud83d\\ude00"', method='"\\ud83d\\ude00"', extra='"\\ud83d"')
    )


@settings(deadline=None)
@given(st.text(st.sampled_from('ab\\"\ud83d\ude00\udfff\ud800\x7f\ufdd0é😀')), st.booleans())
def test_any_text_passes_as_python_writes_it(text: str, in_result: bool) -> None:
    value = json.dumps({text: [text]})
    data = members(method=None, result=value) if in_result else members(params=value)
    message = decode(data)
    assert message.data == data
    assert json.loads(encode(replace(message, data=None))) == json.loads(data)


@pytest.mark.proves("E-13")
@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["jsonrpc", "id", "result", "error", "params"]), values, max_size=5))
def test_what_is_wrong_with_an_answer_carries_no_id_of_a_request(message: dict[str, Any]) -> None:
    found = outcome(json.dumps(message).encode())
    if isinstance(found, InvalidRequest) and message.keys() & {"result", "error"}:
        assert found.id is None


# Back to bytes.


@settings(deadline=None)
@given(messages)
def test_encoding_and_decoding_again_changes_nothing(message: Message) -> None:
    decoded = decode(encode(message))
    assert replace(decoded, data=None) == message
    if not isinstance(message, Notification):
        assert not isinstance(decoded, Notification)
        assert type(decoded.id) is type(message.id)


@pytest.mark.proves("E-13", "mcp/2025-11-25/basic#errors")
def test_an_error_that_is_about_no_request_has_no_id_member() -> None:
    # JSON-RPC 2.0 has null there, which no version of MCP takes for an id.
    data = encode(Error(None, ErrorObject(-32700, "Parse error")))
    assert json.loads(data) == {"jsonrpc": "2.0", "error": {"code": -32700, "message": "Parse error"}}


@settings(deadline=None)
@given(messages)
def test_what_is_encoded_is_json_for_others_too(message: Message) -> None:
    assert json.loads(encode(message))["jsonrpc"] == "2.0"


# Depth.


@pytest.mark.proves("L-2")
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"a","params":', b"}"),
        (b'{"jsonrpc":"2.0","id":1,"result":', b"}"),
        (b'{"jsonrpc":"2.0","id":1,"method":"a","extra":', b"}"),
        # Its id takes another way through the decoder.
        (b'{"jsonrpc":"2.0","id":null,"error":{"code":1,"message":"x","data":[', b"]}}"),
    ],
)
@pytest.mark.parametrize(("open", "close"), [(b"[", b"]"), (b'{"a":', b"}")])
@pytest.mark.parametrize("limit", [4, 20, MAX_DEPTH])
def test_no_message_nests_deeper_than_the_limit(
    before: bytes, after: bytes, open: bytes, close: bytes, limit: int
) -> None:
    levels = limit - depth(before + after)
    decode(before + open * levels + b"1" + close * levels + after, limit)
    levels += 1
    with pytest.raises(ParseError) as caught:
        decode(before + open * levels + b"1" + close * levels + after, limit)
    assert caught.value.data == {"reason": f"nested deeper than {limit} levels"}


@pytest.mark.proves("M-5")
def test_what_nests_too_deep_is_a_parse_error_even_if_it_is_no_message() -> None:
    for data in (b"[" * 200 + b"]" * 200, b'{"a":' * 200 + b"1" + b"}" * 200):
        assert isinstance(outcome(data), ParseError)


def test_brackets_that_do_not_nest_are_not_counted() -> None:
    wide = b"[" + b",".join([b"[]"] * 1000) + b"]"
    assert isinstance(decode(b'{"jsonrpc":"2.0","id":1,"result":%b}' % wide), Result)
    quoted = to_raw("[{" * 1000)
    assert isinstance(decode(b'{"jsonrpc":"2.0","id":1,"result":%b}' % quoted), Result)


# Batches.


@pytest.mark.parametrize("data", [b"[]", b" \t\r\n[1]", b"["])
def test_an_array_is_a_batch(data: bytes) -> None:
    assert is_batch(data)


@pytest.mark.parametrize("data", [b"", b"{}", b' {"a":[]}', b"1", b"\xff["])
def test_anything_else_is_none(data: bytes) -> None:
    assert not is_batch(data)


def test_the_members_of_a_batch_are_messages_or_say_what_is_wrong_with_them() -> None:
    data = b'[{"jsonrpc":"2.0","id":1,"method":"a"}, 1 ,{"jsonrpc":"2.0","id":"x","method":7}]'
    first, second, third = decode_batch(data, 3)
    assert first == Request(1, "a", None, b'{"jsonrpc":"2.0","id":1,"method":"a"}')
    assert isinstance(second, InvalidRequest)
    assert isinstance(third, InvalidRequest)
    assert (second.id, third.id) == (None, "x")


@pytest.mark.proves("M-14")
def test_the_members_of_a_batch_may_hold_halves_of_surrogate_pairs() -> None:
    halves = rb'{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":"ab\uD83d \\ud83d"}}'
    whole = rb'{"jsonrpc":"2.0","id":2,"method":"a","params":{"x":"\ud83d\ude00"}}'
    assert decode_batch(b"[%b, %b]" % (halves, whole), 2) == [decode(halves), decode(whole)]


@pytest.mark.proves("B-2")
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"[]", "is an empty batch"),
        (b"{}", "must be an array"),
        (b"[1,2,3,4]", "is a batch of more than 3 messages"),
    ],
)
def test_what_is_no_batch_that_can_be_answered_is_an_invalid_request(data: bytes, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        decode_batch(data, 3)
    assert caught.value.data == {"path": "$", "reason": reason}


@pytest.mark.parametrize("data", [b"[1", b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b"[nope]"])
def test_a_batch_that_is_no_json_is_a_parse_error(data: bytes) -> None:
    with pytest.raises(ParseError):
        decode_batch(data, 3)


def test_a_member_may_nest_one_level_less_than_a_message() -> None:
    member = b'{"jsonrpc":"2.0","method":"a","params":%b}' % (b"[" * 5 + b"]" * 5)
    (found,) = decode_batch(b"[%b]" % member, 1, max_depth=7)
    assert isinstance(found, Notification)
    (found,) = decode_batch(b"[%b]" % member, 1, max_depth=6)
    assert isinstance(found, ParseError)


@given(st.binary(max_size=60) | st.lists(st.sampled_from([b"[", b"]", b"{", b"}", b"1", b",", b'"a":'])).map(b"".join))
def test_arbitrary_bytes_are_no_batch_in_no_other_way(data: bytes) -> None:
    try:
        members = decode_batch(data, 9)
    except (ParseError, InvalidRequest):
        return
    assert 1 <= len(members) <= 9
