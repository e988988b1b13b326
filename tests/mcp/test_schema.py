"""Parameters and results that more than one part reads or writes."""

from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta, Raw

from mcpws.mcp.methods import LIST_CHANGED, LOG_MESSAGE, RESOURCE_UPDATED
from mcpws.mcp.schema import (
    MAX_URI,
    DiscoverResult,
    InitializeParams,
    InitializeResult,
    ListenParams,
    ResultMeta,
    SubscriptionFilter,
    Uri,
)

Filter = SubscriptionFilter[tuple[str, ...]]
Server = dict[str, Any]

INFO = {"name": "tester", "version": "1"}


def test_what_is_empty_is_written_and_what_is_missing_is_not() -> None:
    written = msgspec.to_builtins(InitializeResult("2025-11-25", {}, INFO))
    assert written == {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": INFO}
    assert msgspec.to_builtins(InitializeParams("2025-11-25")) == {"protocolVersion": "2025-11-25"}


def test_who_passes_something_on_reads_it_no_further() -> None:
    data = b'{"protocolVersion":"1","capabilities":{"a":{ "b" : 1 }},"clientInfo":{"name": "x" }}'
    params = msgspec.json.decode(data, type=InitializeParams[Raw, dict[str, Raw]])
    assert params.capabilities is not None
    assert bytes(params.capabilities["a"]) == b'{ "b" : 1 }'
    assert params.client_info is not None
    assert bytes(params.client_info["name"]) == b'"x"'


@pytest.mark.parametrize(
    ("meta", "info"), [(None, None), (ResultMeta[Server](), None), (ResultMeta[Server](INFO), INFO)]
)
def test_a_modern_server_may_say_who_it_is(meta: ResultMeta[Server] | None, info: Server | None) -> None:
    written = msgspec.json.encode(DiscoverResult[Any, Server](("2026-07-28",), {}, meta=meta))
    assert msgspec.json.decode(written, type=DiscoverResult[Any, Server]).server_info == info


def test_a_filter_is_written_as_the_protocol_has_it() -> None:
    written = msgspec.json.decode(msgspec.json.encode(Filter(tools=True, uris=("a:b",))))
    assert written == {"toolsListChanged": True, "resourceSubscriptions": ["a:b"]}
    assert Filter(True, False, True).features == ("tools", "resources")


@pytest.mark.parametrize("feature", LIST_CHANGED)
def test_a_filter_passes_the_changes_of_its_lists_alone(feature: str) -> None:
    wanted = Filter(**{feature: True})  # type: ignore[arg-type]
    assert [method for method in LIST_CHANGED.values() if wanted.passes(method, {})] == [LIST_CHANGED[feature]]
    assert not wanted.passes(LOG_MESSAGE, {})
    assert not wanted.passes(RESOURCE_UPDATED, {"uri": "a:b"})


@pytest.mark.parametrize(
    ("uri", "passes"), [("a:/b", True), ("a:/b/c", True), ("a:/bc", False), ("a:/", False), (5, False), (None, False)]
)
def test_a_part_of_a_resource_is_the_resource_too(uri: object, passes: bool) -> None:
    assert Filter(uris=("x:y", "a:/b")).passes(RESOURCE_UPDATED, {"uri": uri}) is passes


def test_a_server_bounds_what_it_keeps() -> None:
    bounded = ListenParams[SubscriptionFilter[Annotated[tuple[Uri, ...], Meta(max_length=2)]]]
    longest = msgspec.json.encode({"notifications": {"resourceSubscriptions": ["a" * MAX_URI] * 2}})
    assert len(msgspec.json.decode(longest, type=bounded).notifications.uris) == 2
    for uris in (["a" * (MAX_URI + 1)], ["a"] * 3):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(msgspec.json.encode({"notifications": {"resourceSubscriptions": uris}}), type=bounded)
