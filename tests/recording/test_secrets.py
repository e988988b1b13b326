"""What is left out of recordings: no secret is left in them, and nothing else is missing."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Message, Request
from mcpws.recording.secrets import HARMLESS, LEFT_OUT, MAX_KNOWN, NAMES, WHOLE_NAMES, Secrets

SECRET = "hunter22-4711"


def message(method: str = "tools/call", **params: Any) -> Message:
    return decode(json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode())


def answer(**result: Any) -> Message:
    return decode(json.dumps({"jsonrpc": "2.0", "id": 1, "result": result}).encode())


def without(message: Message, secrets: Secrets | None = None) -> Any:
    return json.loads(bytes((secrets or Secrets()).without(message)))


def spellings(name: str) -> list[str]:
    first, *more = name.split()
    return [name.replace(" ", joint) for joint in ("", "_", "-", ".", " ")] + [
        first + "".join(word.title() for word in more),
        name.upper().replace(" ", "_"),
        f"the_{name.replace(' ', '')}s",
    ]


NAMED = sorted({one for name in NAMES for one in spellings(name)} | set(WHOLE_NAMES) | {"Auth", "refreshToken"})


@pytest.mark.parametrize("name", NAMED)
def test_a_value_is_left_out_by_its_name_wherever_it_is(name: str) -> None:
    arguments = {"user": "ann", name: SECRET, "deep": [{name: {"value": SECRET, "list": [SECRET]}}]}
    recorded = without(message(name="login", arguments=arguments, _meta={name: SECRET}))
    assert SECRET not in json.dumps(recorded)
    assert recorded["params"]["arguments"] == {"user": "ann", name: LEFT_OUT, "deep": [{name: LEFT_OUT}]}
    assert SECRET not in json.dumps(without(answer(structuredContent={name: SECRET})))


@pytest.mark.parametrize("name", [*HARMLESS, "nextCursor", "requestState", "author", "pinned", "spin", "name"])
def test_what_only_looks_like_a_secret_stays(name: str) -> None:
    assert without(message(**{name: "value"}))["params"] == {name: "value"}


@given(
    st.recursive(
        st.one_of(st.integers(), st.booleans(), st.none(), st.text(max_size=6), st.just(SECRET)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.one_of(st.sampled_from(NAMED), st.text(max_size=5)), inner, max_size=3),
            inner.map(json.dumps),
        ),
        max_leaves=12,
    ),
    st.sampled_from(NAMED),
)
def test_no_secret_survives_in_any_text_once_it_is_known(value: Any, name: str) -> None:
    secrets = Secrets()
    said = message(before=value, secret={name: SECRET}, after=[value, f"it is {SECRET}!"])
    assert SECRET not in bytes(secrets.without(said)).decode()
    assert SECRET not in bytes(secrets.without(answer(value=value, text=SECRET))).decode()


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.integers(), st.text(max_size=8), st.floats(0, 1))))
def test_what_has_no_secrets_is_as_it_came(params: dict[str, Any]) -> None:
    said = message(**{f"x{number}": value for number, value in enumerate(params.values())})
    assert without(said) == json.loads(said.data or b"")


@pytest.mark.parametrize(
    "text",
    [
        '{"token": "%s"}',
        ' [{"a": {"apiKey": ["%s"]}}]',
        '{"token": "%s", "token": null}',
        '{"t\\u006fken": "%s"}',
    ],
)
def test_json_in_a_text_is_looked_into(text: str) -> None:
    recorded = without(answer(content=[{"type": "text", "text": text % SECRET}]))
    assert SECRET not in json.dumps(recorded)


def test_names_may_be_spelled_with_escapes_and_given_twice() -> None:
    data = b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"p\\u0061ssword":"%b","a":{"pin":"%b","pin":"1"}}}'
    assert SECRET.encode() not in bytes(Secrets().without(decode(data % (SECRET.encode(), SECRET.encode()))))


def test_schemas_keep_the_names_of_their_properties_and_lose_their_values() -> None:
    schema = {
        "type": "object",
        "properties": {"password": {"type": "string", "default": SECRET, "enum": [SECRET]}, "pin": True},
        "$defs": {"Token": {"type": "string"}},
        "required": ["password"],
    }
    recorded = without(answer(tools=[{"name": "login", "inputSchema": schema}]))["result"]["tools"][0]["inputSchema"]
    assert recorded["properties"]["password"] == {"type": "string", "default": LEFT_OUT, "enum": LEFT_OUT}
    assert (recorded["properties"]["pin"], recorded["$defs"], recorded["required"]) == (
        True,
        {"Token": {"type": "string"}},
        ["password"],
    )
    # Elsewhere it is no schema, and the same names are those of values.
    assert without(message(arguments=schema))["params"]["arguments"]["properties"]["password"] == LEFT_OUT


def test_what_is_empty_is_no_secret() -> None:
    assert without(message(password="", token=None))["params"] == {"password": "", "token": None}


def test_a_secret_that_was_seen_is_left_out_of_the_texts_that_follow() -> None:
    secrets = Secrets()
    secrets.without(message(arguments={"password": SECRET, "pin": "1234"}))
    later = without(answer(content=[{"type": "text", "text": f"{SECRET} is no good, nor is 1234"}]), secrets)
    assert later["result"]["content"][0]["text"] == f"{LEFT_OUT} is no good, nor is 1234"
    assert secrets.text(f"about {SECRET}") == f"about {LEFT_OUT}"


@pytest.mark.parametrize("secret", ['quo"ted\\one', "zwölf Jäger", "two\nlines"])
def test_it_is_found_in_json_as_well_however_it_is_written_there(secret: str) -> None:
    texts = [json.dumps({"other": secret}), json.dumps({"other": secret}, ensure_ascii=False), f"({secret})"]
    recorded = without(answer(structuredContent={"token": secret}, texts=texts))
    assert recorded["result"]["texts"] == ['{"other": "[left out]"}', '{"other": "[left out]"}', "([left out])"]


def test_no_more_secrets_are_known_than_there_may_be() -> None:
    secrets = Secrets(known=[f"secret-{number:03}" for number in range(MAX_KNOWN + 1)])
    assert secrets.text("secret-000 secret-001") == f"secret-000 {LEFT_OUT}"


def test_further_names_may_be_given() -> None:
    recorded = without(message(arguments={"Iban": SECRET, "ibans": "x"}), Secrets(["iban"]))
    assert recorded["params"]["arguments"] == {"Iban": LEFT_OUT, "ibans": "x"}


def test_they_need_not_be_in_ascii() -> None:
    assert (
        without(message(arguments={"lösung": SECRET}), Secrets(["LÖSUNG"]))["params"]["arguments"]["lösung"] == LEFT_OUT
    )


def test_headers_that_have_secrets_are_left_out_and_known() -> None:
    secrets = Secrets()
    found = secrets.headers(
        {
            "host": "here",
            "authorization": f"Bearer {SECRET}",
            "cookie": "a=b",
            "x-api-key": "key-12345",
            "sec-websocket-key": "abcdef==",
            "sec-websocket-protocol": "mcp, mcp.auth.c2VjcmV0",
        }
    )
    assert found == {"host": "here", "sec-websocket-protocol": "mcp"}
    assert secrets.text(f"{SECRET} key-12345 c2VjcmV0") == f"{LEFT_OUT} {LEFT_OUT} {LEFT_OUT}"


def test_a_message_takes_one_line() -> None:
    said = decode(b'{"jsonrpc": "2.0",\r\n"id": 1,\n"method": "x"}')
    assert bytes(Secrets().without(said)) == b'{"jsonrpc": "2.0",  "id": 1, "method": "x"}'


def test_halves_of_surrogates_stay() -> None:
    data = rb'{"jsonrpc":"2.0","id":1,"method":"x","params":{"token":"abc","text":"a\ud83d"}}'
    assert rb"\ud83d" in bytes(Secrets().without(decode(data)))


def test_what_cannot_be_looked_into_is_left_out_whole() -> None:
    deep: Any = SECRET
    for _ in range(250):
        deep = [deep]
    assert SECRET not in json.dumps(without(Request(1, "x", Raw(msgspec.json.encode({"a": deep, "token": 1})))))
    odd = Request(1, "x", Raw(b'{"token":"\xff"}'))
    assert without(odd) == LEFT_OUT
