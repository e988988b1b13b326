from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from mcpws.backends.app.input_required import MAX_STATE, Replay, Required, Safe, is_retry
from mcpws.errors import InvalidParams, RpcError
from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Request, to_raw
from mcpws.policy.seal import Seal

ELICIT, ROOTS = "elicitation/create", "roots/list"
PARAMS = Raw(b'{"message":"Name?"}')


def safe(name: str = "tested", key: bytes = b"k" * 32, now: float = 0) -> Safe:
    return Safe(Seal(key), name, lambda: now)


def call(required: Required | None = None, answers: Any = None, **params: Any) -> Request:
    """A call of a tool, again if there is something to answer."""
    params = {"name": "work", "arguments": {}, **params}
    if required is not None:
        params["requestState"] = required.request_state
        params["inputResponses"] = answers
    return Request(1, "tools/call", to_raw(params))


def replay(request: Request, principal: str | None = "bo", of: Safe | None = None) -> Replay:
    return Replay(of or safe(), principal, request)


def asked(request: Request | None = None) -> Required:
    """The result of a call that asks one question."""
    first = replay(request or call())
    first.ask(ELICIT, PARAMS)
    return first.required()


def refusal(request: Request, principal: str | None = "bo", of: Safe | None = None) -> str:
    with pytest.raises(InvalidParams) as caught:
        replay(request, principal, of)
    assert caught.value.data["path"] == "$.requestState"
    assert caught.value.message == f"Invalid params: $.requestState: {caught.value.data['reason']}"
    return str(caught.value.data["reason"])


def test_a_question_without_an_answer_is_open() -> None:
    first = replay(call())
    key, answer = first.ask(ELICIT, PARAMS)
    other, _ = first.ask(ROOTS, None)
    assert answer is None
    assert msgspec.json.decode(msgspec.json.encode(first.open)) == {
        key: {"method": ELICIT, "params": {"message": "Name?"}},
        other: {"method": ROOTS},
    }


def test_a_question_is_known_again_by_what_it_asks() -> None:
    [first] = asked().input_requests or {}
    assert first == replay(call()).ask(ELICIT, PARAMS)[0]
    assert first != replay(call()).ask(ELICIT, Raw(b'{"message":"Age?"}'))[0]
    assert replay(call()).ask(ROOTS, None) != replay(call()).ask(ELICIT, None)


def test_and_by_how_often_the_same_was_asked_before() -> None:
    one = replay(call())
    keys = [one.ask(ELICIT, PARAMS)[0], one.ask(ROOTS, None)[0], one.ask(ELICIT, PARAMS)[0]]
    assert len(set(keys)) == 3
    another = replay(call())
    assert [another.ask(ELICIT, PARAMS)[0], another.ask(ELICIT, PARAMS)[0], another.ask(ROOTS, None)[0]] == [
        keys[0],
        keys[2],
        keys[1],
    ]


def test_answers_come_with_the_retry_and_stay() -> None:
    required = asked()
    [key] = required.input_requests or {}
    second = replay(call(required, {key: {"action": "accept"}}))
    assert second.ask(ELICIT, PARAMS) == (key, Raw(b'{"action":"accept"}'))
    other, _ = second.ask(ROOTS, None)
    assert list(second.open) == [other]
    third = replay(call(second.required(), {other: {"roots": []}, key: "changed"}))
    assert third.ask(ELICIT, PARAMS)[1] == Raw(b'{"action":"accept"}')
    assert third.ask(ROOTS, None)[1] == Raw(b'{"roots":[]}')
    assert third.open == {}


@pytest.mark.parametrize("answers", [None, {}, {"other": 1}])
def test_what_is_not_answered_is_open_again(answers: Any) -> None:
    required = asked()
    again = replay(call(required, answers))
    again.ask(ELICIT, PARAMS)
    assert again.open == required.input_requests


def test_a_retry_brings_state() -> None:
    assert is_retry(call(asked()))
    assert not is_retry(call())
    assert not is_retry(call(requestState=None))
    assert not is_retry(call(arguments={"requestState": "a"}))
    assert not is_retry(Request(1, "tools/call"))


def came(params: bytes) -> Request:
    """A call as it comes from a client."""
    message = decode(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":%b}' % params)
    assert isinstance(message, Request)
    return message


@pytest.mark.parametrize(
    ("params", "retries"),
    [
        (rb'{"name":"work","arguments":{"a":"\n\\u0053"}}', False),
        (rb'{"name":"work","arguments":{"requestState":"a"}}', False),
        (rb'{"name":"work","requestState":null}', False),
        (rb'{"name":"work","requestState":"a"}', True),
        (rb'{"name":"work","request\u0053tate":"a"}', True),
    ],
)
def test_a_retry_is_known_by_its_bytes_however_they_spell_it(params: bytes, retries: bool) -> None:
    assert is_retry(came(params)) is retries


@pytest.mark.parametrize("name", [b"inputResponses", rb"input\u0052esponses"])
def test_answers_of_another_type_are_refused_without_a_state_too(name: bytes) -> None:
    with pytest.raises(InvalidParams) as caught:
        is_retry(came(b'{"name":"work","%b":5}' % name))
    assert caught.value.data["path"] == "$.inputResponses"


@pytest.mark.parametrize(
    ("params", "path"), [({"requestState": 5}, "$.requestState"), ({"inputResponses": []}, "$.inputResponses")]
)
def test_what_is_no_retry_but_looks_like_one_is_refused(params: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        replay(call(**params))
    assert caught.value.data["path"] == path


@pytest.mark.parametrize(
    "same",
    [
        {"_meta": {"progressToken": 5}},
        {"arguments": {"b": 1, "a": [1.5, None]}},
        {"arguments": {"a": [1.5, None], "b": 1}},
    ],
)
def test_the_same_call_may_be_written_otherwise(same: dict[str, Any]) -> None:
    arguments = {"a": [1.5, None], "b": 1} if "arguments" in same else {}
    required = asked(call(arguments=arguments))
    assert replay(call(required, {}, **same)).open == {}


@pytest.mark.proves("R-8")
@pytest.mark.parametrize(
    "other",
    [
        {"name": "other"},
        {"arguments": {"a": 1}},
        {"arguments": None},
        {"uri": "a://b"},
    ],
)
def test_another_call_is_none_to_go_on_with(other: dict[str, Any]) -> None:
    assert refusal(call(asked(), {}, **other)) == "was not given out here for this request"


def test_another_method_is_none_to_go_on_with() -> None:
    request = call(asked(), {})
    other = Request(1, "prompts/get", request.params)
    assert refusal(other) == "was not given out here for this request"


def test_others_do_not_go_on_with_it() -> None:
    request = call(asked(), {})
    assert refusal(request, "eve") == refusal(request, None) == "was not given out here for this request"
    assert refusal(request, of=safe(key=b"K" * 32)) == "was not given out here for this request"
    assert refusal(request, of=safe(name="other")) == "was not given out here for this request"
    assert refusal(request, of=safe(now=600)) == "has expired"
    assert replay(request, of=safe(now=599)).open == {}


def test_nobody_can_do_without_a_name() -> None:
    """Two that prove nothing are one as far as anybody knows; but nobody is called null."""
    nobody = replay(call(), None)
    nobody.ask(ELICIT, PARAMS)
    request = call(nobody.required(), {})
    assert replay(request, None).open == {}
    assert refusal(request, "null") == "was not given out here for this request"


def test_as_much_can_be_carried_as_comes_back() -> None:
    required = asked()
    [key] = required.input_requests or {}

    def carried(length: int) -> int:
        second = replay(call(required, {key: "x" * length}))
        second.ask(ROOTS, None)
        return len(str(second.required().request_state))

    # Four characters carry three bytes.
    most = 3 * (MAX_STATE - carried(0)) // 4
    while carried(most) < MAX_STATE:
        most += 1
    assert carried(most) == MAX_STATE
    with pytest.raises(RpcError) as caught:
        carried(most + 3)
    assert (caught.value.code, caught.value.data["limit"]) == (413, MAX_STATE)
    longest = call(requestState="x" * (MAX_STATE + 1))
    assert refusal(longest) == f"is longer than {MAX_STATE} bytes"


@given(st.dictionaries(st.sampled_from("abc"), st.text() | st.integers(), max_size=3), st.text() | st.none())
def test_whatever_was_asked_can_be_gone_on_with(arguments: dict[str, Any], principal: str | None) -> None:
    first = replay(call(arguments=arguments), principal)
    key, _ = first.ask(ELICIT, to_raw(arguments))
    again = replay(call(first.required(), {key: arguments}, arguments=arguments), principal)
    _, answer = again.ask(ELICIT, to_raw(arguments))
    assert answer is not None
    assert msgspec.json.decode(answer) == arguments
