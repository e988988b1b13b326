"""What is written differently in the two eras."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from mcpws.backends.eras import shapes
from mcpws.jsonrpc.messages import ErrorObject, Notification, to_raw
from mcpws.mcp.meta import PREFIX
from mcpws.mcp.methods import CAPABILITY_OF

JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
OBJECT: Any = st.dictionaries(
    st.sampled_from(["_meta", "resultType", "ttlMs", "cacheScope", "tools", "content", "structuredContent", "x"]), JSON
)
METHOD = st.sampled_from(["tools/list", "tools/call", "resources/read", "prompts/get", "x/y"])
SERVER = to_raw({"name": "served", "version": "2"})


def back(value: Any) -> Any:
    return json.loads(bytes(to_raw(value)))


@given(METHOD, OBJECT)
def test_a_legacy_result_comes_back_from_the_modern_era_as_it_was(method: str, result: Any) -> None:
    if not isinstance(result.get("_meta"), dict | None):
        assert back(shapes.to_modern_result(method, to_raw(result), SERVER)) == result
        return
    modern = shapes.to_modern_result(method, to_raw(result), SERVER)
    assert back(modern)["resultType"] == "complete"
    assert back(modern)["_meta"][f"{PREFIX}serverInfo"] == {"name": "served", "version": "2"}
    legacy = back(shapes.to_legacy_result(method, shapes.members(modern)))
    modern_only = {"resultType", "ttlMs", "cacheScope", "structuredContent", "content", "tools"}
    expected = {name: value for name, value in result.items() if name not in modern_only and (value or name != "_meta")}
    assert {name: value for name, value in legacy.items() if name not in modern_only} == expected


@given(METHOD, OBJECT)
def test_any_result_can_be_written_for_either_era(method: str, result: Any) -> None:
    modern = back(shapes.to_modern_result(method, to_raw(result), None))
    legacy = back(shapes.to_legacy_result(method, shapes.members(to_raw(result))))
    assert isinstance(modern, dict)
    assert isinstance(legacy, dict)


@given(
    st.sampled_from(sorted(CAPABILITY_OF)),
    st.dictionaries(st.sampled_from(["mode", "tools", "_meta", "x"]), JSON),
    OBJECT,
)
def test_whether_a_client_can_be_asked_can_always_be_said(method: str, params: Any, capabilities: Any) -> None:
    raw = shapes.members(to_raw(params))
    missing = shapes.missing_capability(method, raw, shapes.members(to_raw(capabilities)))
    assert missing is None or len(missing) == 1


def test_a_tool_with_a_schema_that_legacy_clients_do_not_take_loses_it() -> None:
    tools = [
        {"name": "a", "outputSchema": {"type": "object", "x": 1}},
        {"name": "b", "outputSchema": {"type": "array"}},
        {"name": "c", "outputSchema": {"anyOf": []}},
        {"name": "d"},
    ]
    legacy = shapes.to_legacy_result("tools/list", shapes.members(to_raw({"tools": tools})))
    assert back(legacy)["tools"] == [tools[0], {"name": "b"}, {"name": "c"}, {"name": "d"}]


@pytest.mark.parametrize("structured", [[1], "text", 5, None, True])
def test_structured_content_that_is_no_object_becomes_text(structured: Any) -> None:
    result = shapes.members(to_raw({"structuredContent": structured, "content": []}))
    assert back(shapes.to_legacy_result("tools/call", result)) == {
        "content": [{"type": "text", "text": json.dumps(structured, separators=(",", ":"))}]
    }


def test_structured_content_that_is_no_object_is_left_out_where_there_is_text() -> None:
    result = shapes.members(to_raw({"structuredContent": [1], "content": [{"type": "text", "text": "one"}]}))
    legacy = back(shapes.to_legacy_result("tools/call", result))
    assert legacy == {"content": [{"type": "text", "text": "one"}]}


def test_structured_content_that_is_an_object_stays() -> None:
    result = {"structuredContent": {"a": 1}, "content": []}
    assert back(shapes.to_legacy_result("tools/call", shapes.members(to_raw(result)))) == result


@pytest.mark.parametrize(
    ("code", "data", "becomes"),
    [
        (-32602, {"uri": "u:1", "x": 1}, -32002),
        (-32602, {"uri": "u:2"}, -32602),
        (-32602, "u:1", -32602),
        (-32603, {"uri": "u:1"}, -32603),
    ],
)
def test_only_what_says_that_this_resource_is_missing_gets_its_code(code: int, data: Any, becomes: int) -> None:
    error = ErrorObject(code, "Resource not found", to_raw(data))
    assert shapes.to_legacy_error("resources/read", {"uri": Raw(b'"u:1"')}, error).code == becomes
    assert shapes.to_legacy_error("tools/call", {"uri": Raw(b'"u:1"')}, error).code == code


@pytest.mark.parametrize("params", [{"_meta": 1}, {"_meta": {f"{PREFIX}subscriptionId": {}}}, {}, {"_meta": {}}])
def test_a_notification_need_not_say_to_which_subscription_it_belongs(params: Any) -> None:
    assert shapes.subscription_of(Notification("notifications/x", to_raw(params))) is None
    assert shapes.subscription_of(Notification("notifications/x")) is None


def test_null_is_as_good_as_nothing() -> None:
    assert shapes.members(Raw(b"null")) == {}
    assert shapes.members(None) == {}


def test_what_a_server_asks_keeps_a_meta_of_its_own() -> None:
    params = shapes.members(to_raw({"message": "m", "_meta": {"progressToken": 1, "x": 2}, "task": {}}))
    asked = shapes.to_modern_ask("elicitation/create", params)
    assert back(asked) == {"method": "elicitation/create", "params": {"message": "m", "_meta": {"x": 2}}}
