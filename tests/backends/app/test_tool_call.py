import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from mcpws.backends.app.arguments import Arguments
from mcpws.backends.app.catalog import Catalog
from mcpws.backends.app.tool_call import LARGE, read_tool_call
from mcpws.backends.app.tools import Tool
from mcpws.errors import InvalidParams
from mcpws.jsonrpc.messages import Request
from mcpws.mcp.content import Implementation


def echo(text: str, times: int = 1) -> str:
    return text * times


def shout(text: str) -> str:
    return text.upper()


catalog = Catalog(Implementation("tested", "1"), None, 10)
for function in echo, shout:
    catalog.tools.add(function.__name__, Tool(function))


def read(params: bytes | None, size: int) -> object:
    """What is to be called, or what is wrong, of a request of `size` bytes."""
    raw = None if params is None else Raw(params)
    try:
        tool, values = read_tool_call(catalog, Request(1, "tools/call", raw, b" " * size))
    except InvalidParams as error:
        return str(error), error.data
    return tool.name, values


NAMES = st.sampled_from(["echo", "shout", "none", "\u00e9cho", 7])
ARGUMENTS: st.SearchStrategy[Any] = st.one_of(
    st.fixed_dictionaries({"text": st.text(max_size=9)}, optional={"times": st.integers(0, 3)}),
    st.dictionaries(st.sampled_from(["text", "times", "more"]), st.none() | st.integers() | st.text(max_size=3)),
    st.just([]),
)
MEMBERS = st.one_of(
    st.tuples(st.just("name"), NAMES),
    st.tuples(st.just("arguments"), ARGUMENTS),
    st.tuples(st.just("_meta"), st.just({"name": "echo"})),
)


@st.composite
def parameters(draw: st.DrawFn) -> bytes:
    """Mostly those of a call, with white space, escapes, and members that are missing, odd, or there twice."""
    space = draw(st.sampled_from(["", " ", "\n\t"]))
    usual = [("name", draw(NAMES)), ("arguments", draw(ARGUMENTS))]
    members = draw(st.one_of(st.just(usual), st.lists(MEMBERS, max_size=4).map(lambda more: usual + more)))
    if draw(st.booleans()):
        members = draw(st.permutations(members))
    ascii_only = draw(st.booleans())
    pairs = [
        f"{space}{json.dumps(name)}{space}:{space}{json.dumps(value, ensure_ascii=ascii_only)}"
        for name, value in members
    ]
    return f"{space}{{{','.join(pairs)}{space}}}".encode()


@given(parameters())
def test_a_large_call_is_read_like_a_small_one(params: bytes) -> None:
    assert read(params, LARGE) == read(params, 0)


@pytest.mark.parametrize("params", [None, b"[]", b"{}", b'{"name":"echo"}', b'{"n\\u0061me":"echo","arguments":{}}'])
def test_what_is_no_call_is_refused_alike(params: bytes | None) -> None:
    assert read(params, LARGE) == read(params, 0)


def test_a_large_call_is_read_in_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_second_pass(*others: Any) -> None:
        raise AssertionError

    monkeypatch.setattr(Arguments, "decode", no_second_pass)
    assert read(b'{"name":"echo","arguments":{"times":2,"text":"a"},"_meta":{}}', LARGE) == ("echo", ("a", 2))


def test_of_a_name_that_is_there_twice_the_last_one_counts() -> None:
    params = b'{"name":"echo","arguments":{"text":"a"},"name":"shout"}'
    assert read(params, LARGE) == ("shout", ("a",))


HALF = "a string holds half of a surrogate pair"


@pytest.mark.parametrize("size", [0, LARGE])
@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (rb'{"name":"echo","arguments":{"text":"a"},"x":"\ud83d"}', ("echo", ("a", 1))),
        (rb'{"name":"echo","arguments":{"text":"a\ud83d"}}', f"Invalid params: $.arguments: {HALF}"),
        (rb'{"name":"echo","arguments":{"\ud83d":1}}', f"Invalid params: $.arguments: {HALF}"),
        (rb'{"name":"echo\ud83d","arguments":{}}', "Unknown tool: echo\ufffd"),
        (rb'{"name":7,"x":"\ud83d"}', "Invalid params: $.name: Expected `str`, got `int`"),
    ],
    ids=range(5),
)
def test_half_a_surrogate_pair_is_refused_only_where_a_function_would_get_it(
    params: bytes, expected: Any, size: int
) -> None:
    found = read(params, size)
    assert isinstance(found, tuple)
    assert found == expected if isinstance(expected, tuple) else found[0] == expected
