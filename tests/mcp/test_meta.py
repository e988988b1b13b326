from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from mcpws.jsonrpc.codec import decode, encode
from mcpws.jsonrpc.messages import Request, to_raw
from mcpws.mcp.meta import NO_META, RequestMeta, read_meta, read_modern

EVERYTHING = (
    b'{"progressToken":7,'
    b'"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
    b'"io.modelcontextprotocol/clientInfo":{"name":"a","version":"1"},'
    b'"io.modelcontextprotocol/clientCapabilities":{"roots":{}},'
    b'"io.modelcontextprotocol/logLevel":"info",'
    b'"com.example/own":[1]}'
)


def meta_of(meta: bytes) -> RequestMeta:
    return read_meta(Request(1, "a", Raw(b'{"name":"x","_meta":%b}' % meta)))


@pytest.mark.proves("mcp/2026-07-28/basic#meta")
def test_what_the_protocol_defines_is_read_and_left_as_it_came() -> None:
    meta = meta_of(EVERYTHING)
    assert meta.progress_token == 7
    assert meta.protocol_version == Raw(b'"2026-07-28"')
    assert meta.client_info == Raw(b'{"name":"a","version":"1"}')
    assert meta.client_capabilities == Raw(b'{"roots":{}}')
    assert meta.log_level == Raw(b'"info"')


def test_what_is_missing_is_unset() -> None:
    assert meta_of(b"{}") == NO_META == RequestMeta(None, UNSET, UNSET, UNSET, UNSET)


@pytest.mark.parametrize(
    "params",
    [None, b"{}", b"[]", b'["_meta"]', b'{"_meta":null}', b'{"_meta":[]}', b'{"_meta":"protocolVersion"}', b'{"_meta'],
)
def test_where_no_meta_is_there_is_nothing(params: bytes | None) -> None:
    assert read_meta(Request(1, "a", None if params is None else Raw(params))) is NO_META


@pytest.mark.proves("V-1")
@pytest.mark.parametrize("version", [b'"2026-07-28"', b'"1999-01-01"', b"5", b"null"])
def test_a_request_that_names_its_version_is_modern_whatever_the_version(version: bytes) -> None:
    assert meta_of(b'{"io.modelcontextprotocol/protocolVersion":%b}' % version).is_modern


@pytest.mark.parametrize("meta", [b"{}", b'{"progressToken":1}', b'{"protocolVersion":"2026-07-28"}'])
def test_a_request_that_names_no_version_is_legacy(meta: bytes) -> None:
    assert not meta_of(meta).is_modern


def test_a_slash_may_be_escaped() -> None:
    assert meta_of(rb'{"io.modelcontextprotocol\/protocolVersion":"2026-07-28"}').is_modern


@pytest.mark.parametrize("token", [b"1.5", b"true", b"[]", b"{}", b'{"a":1}'])
def test_a_token_of_no_use_takes_nothing_else_with_it(token: bytes) -> None:
    meta = meta_of(EVERYTHING.replace(b"7,", token + b",", 1))
    assert meta == RequestMeta(
        None, *(getattr(meta_of(EVERYTHING), name) for name in RequestMeta.__struct_fields__[1:])
    )
    assert meta.is_modern
    assert meta_of(b'{"progressToken":%b}' % token) == NO_META


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=4), st.integers(0, 2**53) | st.text())
def test_what_was_put_in_is_read_again(params: dict[str, Any], token: int | str) -> None:
    params["_meta"] = {"progressToken": token, "io.modelcontextprotocol/protocolVersion": "2026-07-28"}
    meta = read_meta(Request(1, "a", to_raw(params)))
    assert meta.progress_token == token
    assert meta.protocol_version == Raw(b'"2026-07-28"')


@given(json_values)
def test_no_meta_is_too_odd_to_read(value: Any) -> None:
    assert isinstance(read_meta(Request(1, "a", to_raw({"_meta": value}))), RequestMeta)


VERSION = b'"io.modelcontextprotocol/protocolVersion":"2026-07-28"'
TOKEN = b'"progressToken":5'


@pytest.mark.parametrize("member", [VERSION, TOKEN])
@pytest.mark.parametrize("letter", [b"V", b"T", b"o", None])
def test_what_is_of_interest_is_found_however_it_is_spelled(member: bytes, letter: bytes | None) -> None:
    named = member if letter is None else member.replace(letter, rb"\u%04x" % ord(letter))
    params = b'{"_meta":{%b}}' % named
    data = b'{"jsonrpc":"2.0","id":1,"method":"m","params":%b}' % params
    meta = read_meta(Request(1, "m", Raw(params), data))
    assert meta == meta_of(b"{%b}" % member) != NO_META
    assert (read_modern(Request(1, "m", Raw(params), data)) == meta) is (member is VERSION)


def test_what_came_from_a_peer_is_read_once() -> None:
    data = b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":%b}}' % EVERYTHING
    request = decode(data)
    assert isinstance(request, Request)
    meta = read_meta(request)
    assert read_meta(request) is read_modern(request) is meta
    assert request == decode(data)
    assert encode(request) == data


def test_of_what_is_still_to_be_written_nothing_is_kept() -> None:
    request = Request(1, "m", Raw(b'{"_meta":%b}' % EVERYTHING))
    assert read_meta(request).is_modern
    assert encode(request) == b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":%b}}' % EVERYTHING


@pytest.mark.parametrize("params", [b"{}", b'{"V":"\\\\"}', b'{"_meta":{"progressToken":1}}'])
def test_no_other_request_is_modern(params: bytes) -> None:
    assert read_modern(Request(1, "m", Raw(params), params)) is None
    assert read_modern(Request(1, "m", Raw(params))) is None


@pytest.mark.parametrize("params", [["_meta", "_T"], {"_meta": "_T"}, {"_meta": 5, "T": 1}])
def test_where_no_object_is_nothing_is_said(params: Any) -> None:
    assert read_meta(Request(1, "tools/call", to_raw(params))) is NO_META


@pytest.mark.parametrize(("token", "read"), [("", None), ('"progressToken":"t",', "t"), ('"progressToken":7,', 7)])
def test_half_a_surrogate_pair_somewhere_hides_nothing(token: str, read: object) -> None:
    meta = f'{{"_meta":{{{token}"io.modelcontextprotocol/protocolVersion":"2026-07-28"}},"x":"\\ud83d"}}'
    found = read_meta(Request(1, "tools/call", Raw(meta.encode())))
    assert (found.is_modern, found.progress_token) == (True, read)
