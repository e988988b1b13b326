from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Request, Result, to_raw
from mcpws.mcp.meta import read_meta
from mcpws.mcp.naming import MAX_TEXT, client_of_initialize, client_of_meta, cut, has_failed, subject_of

json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda within: st.lists(within) | st.dictionaries(st.text(), within),
    max_leaves=10,
)
methods = st.sampled_from(
    [
        "tools/call",
        "prompts/get",
        "resources/read",
        "resources/subscribe",
        "completion/complete",
        "initialize",
        "my/own",
    ]
)


@pytest.mark.parametrize(
    ("method", "params", "subject"),
    [
        ("tools/call", {"name": "add", "arguments": {"name": "secret"}}, "add"),
        ("prompts/get", {"name": "greet"}, "greet"),
        ("resources/read", {"uri": "file:///a"}, "file:///a"),
        ("resources/subscribe", {"uri": "file:///a"}, "file:///a"),
        ("resources/unsubscribe", {"uri": "file:///a"}, "file:///a"),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {}}, "greet"),
        ("completion/complete", {"ref": {"type": "ref/resource", "uri": "a://{b}"}}, "a://{b}"),
        ("tools/list", {"name": "add"}, None),
        ("my/own", {"name": "an argument", "uri": "another"}, None),
        ("tools/call", {"name": 5}, None),
        ("tools/call", {}, None),
        ("tools/call", None, None),
        ("tools/call", [], None),
    ],
)
def test_a_request_is_about_what_its_method_has_a_name_for(method: str, params: Any, subject: str | None) -> None:
    assert subject_of(method, None if params is None else to_raw(params)) == subject


@given(methods, json)
def test_whatever_the_parameters_are_the_subject_is_a_short_text_or_none(method: str, params: Any) -> None:
    subject = subject_of(method, to_raw(params))
    assert subject is None or len(subject) <= MAX_TEXT


def test_halves_of_surrogate_pairs_are_replaced() -> None:
    request = decode(rb'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a\ud83d"}}')
    assert isinstance(request, Request)
    assert subject_of(request.method, request.params) == "a\N{REPLACEMENT CHARACTER}"


@given(st.text())
def test_a_text_is_cut_so_that_one_sees_it(text: str) -> None:
    short = cut(text)
    assert len(short) <= MAX_TEXT
    assert short == text or (short.endswith("...") and text.startswith(short[:-3]))


@pytest.mark.parametrize(
    ("result", "failed"),
    [
        ({"content": [], "isError": True}, True),
        ({"content": [], "isError": False}, False),
        ({"content": []}, False),
        ({"content": [{"type": "text", "text": '"isError":true'}]}, False),
        ({"content": [{"isError": True}]}, False),
        ({"isError": "yes"}, False),
        ([{"isError": True}], False),
    ],
)
def test_a_tool_has_failed_only_if_its_result_says_so(result: Any, failed: bool) -> None:
    data = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "result": result})
    for answer in (Result.answering(1, result), Result(1, to_raw(result)), decode(data)):
        assert isinstance(answer, Result)
        assert has_failed(answer) is failed


@pytest.mark.parametrize(
    ("params", "client"),
    [
        ({"clientInfo": {"name": "a", "version": "1"}}, ("a", "1")),
        ({"clientInfo": {"name": "a" * 300, "version": "1"}}, ("a" * 197 + "...", "1")),
        ({"clientInfo": {"name": "a"}}, ("a", "")),
        ({"clientInfo": 5}, ("", "")),
        ({}, ("", "")),
        (None, ("", "")),
    ],
)
def test_a_client_says_who_it_is_with_initialize(params: Any, client: tuple[str, str]) -> None:
    assert client_of_initialize(Request(1, "initialize", None if params is None else to_raw(params))) == client


PREFIX = "io.modelcontextprotocol/"


@pytest.mark.parametrize(
    ("meta", "client"),
    [
        ({"clientInfo": {"name": "a", "version": "1"}, "protocolVersion": "2026-07-28"}, ("a", "1", "2026-07-28")),
        ({"clientInfo": [], "protocolVersion": "2026-07-28"}, ("", "", "2026-07-28")),
        ({"protocolVersion": 5}, ("", "", "")),
    ],
)
def test_a_modern_request_says_who_its_client_is(meta: dict[str, Any], client: tuple[str, str, str]) -> None:
    named = {PREFIX + name: value for name, value in meta.items()}
    request = Request(1, "tools/list", to_raw({"_meta": named}))
    assert client_of_meta(read_meta(request)) == client
