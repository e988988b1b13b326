"""Names of what several servers offer together, and messages with them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from mcpws.backends.aggregate import Aggregate
from mcpws.backends.aggregate.merging import from_cursor, merged_list, to_cursor
from mcpws.backends.aggregate.names import (
    check_name,
    uri_with_server,
    uri_without_server,
    with_server,
    without_server,
)
from mcpws.backends.aggregate.rewriting import addressed
from mcpws.errors import ConfigError, InvalidParams
from mcpws.jsonrpc.messages import Request, to_raw

SERVERS = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9.-]|_(?!_|$)){0,20}", fullmatch=True)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(SERVERS, NAMES)
def test_a_name_is_told_from_that_of_its_server(server: str, name: str) -> None:
    check_name(server)
    assert without_server(with_server(server, name)) == (server, name)
    assert uri_without_server(uri_with_server(server, name)) == (server, name)


@pytest.mark.parametrize("name", ["", "a__b", "a_", "_a", "-a", "a b", "a/b", "x" * 65, "\N{SNOWMAN}", "a\n"])
def test_a_server_cannot_have_a_name_that_could_not_be_told_from_what_follows(name: str, clock: Any) -> None:
    with pytest.raises(ConfigError, match=r"^name: must have up to 64 letters"):
        Aggregate({name: Aggregate({}, clock=clock)}, clock=clock)


@pytest.mark.parametrize("name", ["no server", "no_server", "", "file:///a", "mcpws://server"])
def test_what_names_no_server_names_none(name: str) -> None:
    assert without_server(name) == ("", name)
    assert uri_without_server(name) == ("", name)


ARGUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)


@given(SERVERS, NAMES, ARGUMENTS, st.sampled_from([None, 1]), st.booleans())
def test_a_call_comes_to_its_server_with_nothing_changed_but_the_name(
    server: str, name: str, arguments: Any, indent: int | None, name_first: bool
) -> None:
    params = {"name": with_server(server, name), "arguments": arguments, "_meta": {"name": "a__b"}}
    if not name_first:
        params = dict(reversed(params.items()))
    text = json.dumps(params, indent=indent).encode()
    found, request = addressed(Request(1, "tools/call", Raw(text)))
    assert found == server
    assert json.loads(bytes(request.params or b"")) == {**params, "name": name}


@given(SERVERS, NAMES)
def test_a_resource_is_asked_for_by_the_uri_that_its_server_knows(server: str, uri: str) -> None:
    found, request = addressed(Request(1, "resources/read", to_raw({"uri": uri_with_server(server, uri), "x": 1})))
    assert (found, json.loads(bytes(request.params or b""))) == (server, {"uri": uri, "x": 1})


@pytest.mark.parametrize(
    ("method", "params", "path"),
    [
        ("tools/call", {}, "$.name"),
        ("tools/call", {"name": 5}, "$.name"),
        ("prompts/get", [], "$.name"),
        ("resources/read", {"name": "a__b"}, "$.uri"),
        ("resources/subscribe", {"uri": None}, "$.uri"),
        ("completion/complete", {"ref": {"type": "ref/prompt"}}, "$.ref.name"),
        ("completion/complete", {"ref": {"uri": 5}}, "$.ref.uri"),
        ("completion/complete", {}, "$.ref.name"),
    ],
)
def test_a_request_that_should_name_something_and_does_not_is_refused(method: str, params: Any, path: str) -> None:
    with pytest.raises(InvalidParams, match="must be a string") as caught:
        addressed(Request(1, method, to_raw(params)))
    assert caught.value.data["path"] == path


@given(st.dictionaries(SERVERS, NAMES, min_size=1))
def test_a_cursor_is_one_for_several(cursors: dict[str, str]) -> None:
    assert from_cursor(to_cursor(cursors), [*cursors, "another"]) == cursors


@given(ARGUMENTS)
def test_what_is_no_cursor_is_refused(cursor: Any) -> None:
    with pytest.raises(InvalidParams, match=r"\$\.cursor: not a cursor of this list"):
        from_cursor(cursor, ["ada"])


def test_a_cursor_for_servers_that_are_gone_is_refused() -> None:
    with pytest.raises(InvalidParams):
        from_cursor(to_cursor({"gone": "1"}), ["ada"])


def test_of_caches_the_most_careful_counts() -> None:
    modern = {"resultType": "complete", "tools": []}
    one = to_raw({**modern, "ttlMs": 500, "cacheScope": "public"})
    other = to_raw({**modern, "ttlMs": 200, "cacheScope": "private"})
    merged = json.loads(bytes(merged_list("tools/list", [("a", one), ("b", other)])))
    assert merged.pop("_meta")["io.modelcontextprotocol/serverInfo"]["name"] == "mcpws"
    assert merged == {"tools": [], "resultType": "complete", "ttlMs": 200, "cacheScope": "private"}
    # Another page of the same list may come from others, and has to say the same.
    assert json.loads(bytes(merged_list("tools/list", [("a", one)])))["cacheScope"] == "private"
    assert json.loads(bytes(merged_list("tools/list", [("a", one)], whole=False)))["ttlMs"] == 0


def test_a_list_that_is_none_is_left_out() -> None:
    fine = to_raw({"tools": [{"name": "x"}, {"title": "no name"}, 5]})
    merged = json.loads(bytes(merged_list("tools/list", [("a", to_raw({"tools": 5})), ("b", fine)])))
    assert merged == {"tools": [{"name": "b__x"}, {"title": "no name"}, 5]}
