"""Requests that stand for themselves: what each of them says, and what a server may make of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from mcpws.client.identity import ClientIdentity
from mcpws.errors import MalformedResult, QueueFull, RemoteError, UnsupportedVersion
from mcpws.testing import RecordingBackend, connected, result_of

if TYPE_CHECKING:
    from tests.client.conftest import Script

    Scripts = Callable[..., Script]

META = "io.modelcontextprotocol/"
OLD, NEW = "2026-07-28", "2027-01-01"


@pytest.fixture
def two_versions(script: Scripts, monkeypatch: pytest.MonkeyPatch) -> Script:
    """A session of the newer of two modern versions."""
    monkeypatch.setattr("mcpws.client.opening.MODERN_VERSIONS", (OLD, NEW))
    rig = script()
    rig.answers(rig.hears_one("server/discover"), {"supportedVersions": [OLD, NEW], "capabilities": {}})
    assert rig.session.protocol_version == NEW
    return rig


def version_of(request: Any) -> Any:
    return request["params"]["_meta"][f"{META}protocolVersion"]


def refuse(script: Script, request: Any, *supported: str) -> None:
    script.refuses(request, -32022, "Unsupported", {"supported": supported, "requested": version_of(request)})


@pytest.mark.proves("mcp/2026-07-28/basic#meta-of-the-client")
def test_every_request_says_version_client_and_capabilities(script: Scripts) -> None:
    identity = ClientIdentity("tester", "1", {"experimental": {}})
    rig = script(identity=identity, requests={"sampling/createMessage": lambda params: {}}).begin_modern()
    for params in None, {"cursor": "c"}:
        rig.session.request("tools/list", params).addErrback(lambda failure: None)
        assert rig.hears_one("tools/list")["params"] == {
            **(params or {}),
            "_meta": {
                f"{META}protocolVersion": OLD,
                f"{META}clientInfo": {"name": "tester", "version": "1"},
                f"{META}clientCapabilities": {"sampling": {}, "experimental": {}},
            },
        }


def test_parameters_are_left_as_they_are(script: Scripts) -> None:
    rig = script().begin_modern()
    params: dict[str, Any] = {"_meta": {"own": 1}}
    rig.session.request("tools/list", params, on_progress=print).addErrback(lambda failure: None)
    assert set(rig.hears_one("tools/list")["params"]["_meta"]) > {"own", "progressToken"}
    assert params == {"_meta": {"own": 1}}


@pytest.mark.proves("mcp/2026-07-28/basic#meta-of-the-client")
def test_what_meta_says_already_is_not_replaced(script: Scripts) -> None:
    rig = script().begin_modern()
    meta = {f"{META}protocolVersion": "mine", f"{META}logLevel": "error"}
    rig.session.request("tools/list", {"_meta": meta}, log_level="info").addErrback(lambda failure: None)
    assert rig.hears_one("tools/list")["params"]["_meta"].items() >= meta.items()


def test_meta_that_is_no_object_is_not_sent(script: Scripts) -> None:
    rig = script().begin_modern()
    with pytest.raises(TypeError, match=r"_meta must be an object \(got 1\)"):
        result_of(rig.session.request("tools/list", {"_meta": 1}))
    assert rig.hears() == []


def test_log_messages_are_asked_for_by_session_and_by_request(script: Scripts) -> None:
    heard: list[dict[str, Any]] = []
    rig = script(notifications={"notifications/message": heard.append}).begin_modern()

    def level(**options: Any) -> Any:
        rig.session.request("tools/list", **options).addErrback(lambda failure: None)
        return rig.hears_one("tools/list")["params"]["_meta"].get(f"{META}logLevel")

    assert level() is None
    assert level(log_level="error") == "error"
    rig.session.log_level = "info"
    assert level() == "info"
    assert level(log_level="debug") == "debug"
    rig.tells("notifications/message", level="info", data="hello")
    assert heard == [{"level": "info", "data": "hello"}]


@pytest.mark.parametrize("method", ["tools/call", "own/method"])
@pytest.mark.parametrize("result", [{"resultType": "complete", "x": 1}, {"x": 1}])
def test_a_result_is_what_the_server_sent(method: str, result: dict[str, object], script: Scripts) -> None:
    rig = script().begin_modern()
    asked = rig.session.request(method, {"name": "x"})
    rig.answers(rig.hears_one(method), result)
    assert result_of(asked) == result


@pytest.mark.parametrize(
    ("result", "problem"),
    [
        ({"resultType": "half-done"}, "there is no resultType 'half-done'"),
        ({"resultType": ""}, "there is no resultType ''"),
        ({"resultType": 1}, r"at `\$.resultType`"),
        ([], "Expected `object`"),
        (3, "Expected `object`"),
    ],
)
def test_a_result_of_an_unknown_type_is_malformed(result: object, problem: str, script: Scripts) -> None:
    rig = script().begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"})
    rig.answers(rig.hears_one("tools/call"), result)
    with pytest.raises(MalformedResult, match=problem):
        result_of(asked)


@pytest.mark.proves("R-5")
def test_requests_of_a_modern_server_get_no_answer(script: Scripts) -> None:
    rig = script(requests={"roots/list": lambda params: {"roots": []}}).begin_modern()
    for method in "ping", "roots/list":
        rig.says({"id": 1, "method": method})
    assert rig.hears() == []


def test_a_modern_server_cancels_no_requests(script: Scripts) -> None:
    rig = script().begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"})
    request = rig.hears_one("tools/call")
    rig.tells("notifications/cancelled", requestId=request["id"])
    rig.tells("notifications/cancelled")
    rig.answers(request, {"x": 1})
    assert result_of(asked) == {"x": 1}


def test_a_modern_server_that_reads_too_slowly_fails_requests_at_once() -> None:
    pair = connected(RecordingBackend(modern=True))
    pair.server.connections[0].pause_reading()
    waiting = [pair.session.request("a", {"x": "x" * 1_000_000}) for _ in range(6)]
    for refused in pair.session.request("a"), pair.session.listen(tools=True, on_notification=print):
        with pytest.raises(QueueFull):
            result_of(refused)
    for one in waiting:
        one.addErrback(lambda failure: None)
    pair.server.connections[0].abort()
    pair.flush()


# Versions


@pytest.mark.proves("V-13", "mcp/2026-07-28/basic/versioning#retry")
def test_a_refused_version_is_replaced_by_one_that_is_spoken(two_versions: Script) -> None:
    rig = two_versions
    asked = rig.session.request("tools/call", {"name": "add"})
    first = rig.hears_one("tools/call")
    refuse(rig, first, OLD, "2025-11-25")
    second = rig.hears_one("tools/call")
    assert (version_of(first), version_of(second)) == (NEW, OLD)
    assert second["id"] != first["id"]
    rig.answers(second, {"x": 1})
    assert result_of(asked) == {"x": 1}
    assert rig.session.protocol_version == OLD


def test_several_requests_may_be_refused_at_a_time(two_versions: Script) -> None:
    rig = two_versions
    asked = [rig.session.request("tools/call", {"name": "x"}) for _ in range(2)]
    requests = rig.hears()
    for request in requests:
        refuse(rig, request, OLD)
    again = rig.hears()
    assert [version_of(request) for request in again] == [OLD, OLD]
    for request in again:
        rig.answers(request, {})
    assert [result_of(one) for one in asked] == [{}, {}]


@pytest.mark.proves("V-13", "mcp/2026-07-28/basic/versioning#retry")
def test_a_version_is_replaced_only_once_for_a_request(two_versions: Script) -> None:
    rig = two_versions
    asked = rig.session.request("tools/call", {"name": "x"})
    refuse(rig, rig.hears_one("tools/call"), OLD)
    refuse(rig, rig.hears_one("tools/call"), NEW)
    with pytest.raises(RemoteError, match="-32022"):
        result_of(asked)


def test_a_server_that_speaks_none_of_our_versions_any_more_is_named(script: Scripts) -> None:
    rig = script().begin_modern()
    asked = rig.session.request("tools/call", {"name": "x"})
    refuse(rig, rig.hears_one("tools/call"), "3000-01-01", "2025-11-25")
    with pytest.raises(UnsupportedVersion, match="speaks MCP 3000-01-01, 2025-11-25, not one of 2026-07-28"):
        result_of(asked)
    assert rig.session.protocol_version == OLD


def test_a_subscription_goes_on_in_another_version_as_well(two_versions: Script) -> None:
    rig = two_versions
    opening = rig.session.listen(tools=True, on_notification=print)
    refuse(rig, rig.hears_one("subscriptions/listen"), OLD)
    again = rig.hears_one("subscriptions/listen")
    assert version_of(again) == OLD
    id = {"_meta": {f"{META}subscriptionId": again["id"]}}
    rig.tells("notifications/subscriptions/acknowledged", notifications={"toolsListChanged": True}, **id)
    assert result_of(opening).honoured.tools
    assert rig.session.in_flight == 0
