from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from mcpws.core.messages import Request, to_raw
from mcpws.core.meta import (
    MODERN_HINT,
    NOTHING,
    PROTOCOL_VERSION,
    RequestMeta,
    read_meta,
    with_meta,
)

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


def test_what_the_protocol_defines_is_read_and_left_as_it_came() -> None:
    meta = meta_of(EVERYTHING)
    assert meta.progress_token == 7
    assert meta.protocol_version == Raw(b'"2026-07-28"')
    assert meta.client_info == Raw(b'{"name":"a","version":"1"}')
    assert meta.client_capabilities == Raw(b'{"roots":{}}')
    assert meta.log_level == Raw(b'"info"')


def test_what_is_missing_is_unset() -> None:
    assert meta_of(b"{}") == NOTHING == RequestMeta(None, UNSET, UNSET, UNSET, UNSET)


@pytest.mark.parametrize(
    "params",
    [None, b"{}", b"[]", b'["_meta"]', b'{"_meta":null}', b'{"_meta":[]}', b'{"_meta":"protocolVersion"}', b'{"_meta'],
)
def test_where_no_meta_is_there_is_nothing(params: bytes | None) -> None:
    assert read_meta(Request(1, "a", None if params is None else Raw(params))) is NOTHING


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
    assert meta_of(b'{"progressToken":%b}' % token) == NOTHING


def test_every_modern_request_has_the_byte_to_look_for() -> None:
    assert MODERN_HINT in PROTOCOL_VERSION.encode()
    assert len(MODERN_HINT) == 1


def test_members_are_put_into_meta_and_taken_out() -> None:
    params = with_meta(Raw(b'{"name":"x"}'), progress_token=1, protocol_version="2026-07-28", client_info={"name": "a"})
    assert msgspec.json.decode(params) == {
        "name": "x",
        "_meta": {
            "progressToken": 1,
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "a"},
        },
    }
    less = with_meta(params, progress_token="b", client_info=None, log_level=None)
    assert msgspec.json.decode(less)["_meta"] == {
        "progressToken": "b",
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    }
    assert with_meta(less, progress_token=None, protocol_version=None) == Raw(b'{"name":"x"}')


def test_what_else_is_in_meta_stays_as_it_is() -> None:
    params = with_meta(Raw(b'{"_meta":{"own": [1, 2],"progressToken":1}}'), subscription_id=1, server_info=Raw(b"{ }"))
    assert params == Raw(
        b'{"_meta":{"own":[1, 2],"progressToken":1,'
        b'"io.modelcontextprotocol/subscriptionId":1,"io.modelcontextprotocol/serverInfo":{ }}}'
    )


def test_there_may_be_no_parameters() -> None:
    assert with_meta(None) == Raw(b"{}")
    assert with_meta(None, client_capabilities={}) == Raw(
        b'{"_meta":{"io.modelcontextprotocol/clientCapabilities":{}}}'
    )


@pytest.mark.parametrize("params", [b"[]", b'{"_meta":null}', b'{"_meta":[]}'])
def test_what_is_no_object_takes_no_members(params: bytes) -> None:
    with pytest.raises(ValueError, match="Expected `object`"):
        with_meta(Raw(params), progress_token=1)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, max_size=4), st.integers(0, 2**53) | st.text())
def test_what_was_put_in_is_read_again(params: dict[str, Any], token: int | str) -> None:
    params.pop("_meta", None)
    written = with_meta(to_raw(params), progress_token=token, protocol_version="2026-07-28")
    meta = read_meta(Request(1, "a", written))
    assert meta.progress_token == token
    assert meta.protocol_version == Raw(b'"2026-07-28"')
    assert msgspec.json.decode(with_meta(written, progress_token=None, protocol_version=None)) == params


@given(json_values)
def test_no_meta_is_too_odd_to_read(value: Any) -> None:
    assert isinstance(read_meta(Request(1, "a", to_raw({"_meta": value}))), RequestMeta)
