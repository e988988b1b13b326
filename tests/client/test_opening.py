"""How a session begins, with servers of either era, and of none."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError

from mcpws.client.identity import ClientIdentity
from mcpws.client.opening import Terms
from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import ConnectionState
from mcpws.errors import (
    ConfigError,
    ConnectionClosed,
    MalformedResult,
    McpwsError,
    RemoteError,
    RequestTimeout,
    UnsupportedVersion,
)
from mcpws.mcp.versions import LEGACY_VERSIONS
from mcpws.testing import result_of
from mcpws.version import __version__

if TYPE_CHECKING:
    from tests.client.conftest import Script

    Scripts = Callable[..., Script]

META = "io.modelcontextprotocol/"
MODERN = "2026-07-28"
NEWEST_LEGACY = LEGACY_VERSIONS[-1]
DISCOVERED = {"resultType": "complete", "supportedVersions": [MODERN], "capabilities": {}}


def initialized(version: str = NEWEST_LEGACY) -> dict[str, object]:
    return {"protocolVersion": version, "capabilities": {}, "serverInfo": {"name": "s", "version": "1"}}


def refused(*supported: str) -> dict[str, object]:
    return {"code": -32022, "message": "no", "data": {"supported": supported, "requested": MODERN}}


def is_closed(script: Script) -> bool:
    """Whether the client closed the connection in order, and left nothing."""
    closing = script.server.take_frames()[-1].payload
    script.advance(10)
    return closing == b"\x03\xe8" and script.server.is_gone() and script.clock.getDelayedCalls() == []


# Modern servers


@pytest.mark.proves("V-12")
def test_a_modern_server_is_asked_who_it_is_and_nothing_else(script: Scripts) -> None:
    rig = script(
        requests={"roots/list": lambda params: {}, "own/method": lambda params: {}},
        identity=ClientIdentity("tester", "1.2", {"experimental": {"x": {}}}),
    )
    request = rig.hears_one("server/discover")
    assert request["params"] == {
        "_meta": {
            f"{META}protocolVersion": MODERN,
            f"{META}clientInfo": {"name": "tester", "version": "1.2"},
            f"{META}clientCapabilities": {"roots": {}, "experimental": {"x": {}}},
        }
    }
    server = {f"{META}serverInfo": {"name": "s", "version": "1"}, "unknown": 1}
    more = {"capabilities": {"tools": {}}, "instructions": "be kind", "ttlMs": 1, "_meta": server}
    rig.answers(request, {**DISCOVERED, **more})
    session = rig.session
    assert session.protocol_version == MODERN
    assert session.server_info == {"name": "s", "version": "1"}
    assert session.server_capabilities == {"tools": {}}
    assert session.instructions == "be kind"
    assert session.state is ConnectionState.CONNECTED
    assert rig.hears() == []


def test_a_modern_server_need_not_say_its_name(script: Scripts) -> None:
    rig = script()
    rig.answers(rig.hears_one("server/discover"), {"supportedVersions": ["1999-01-01", MODERN], "capabilities": {}})
    assert (rig.session.protocol_version, rig.session.server_info, rig.session.instructions) == (MODERN, {}, None)


@pytest.mark.proves("M-13")
@pytest.mark.parametrize("meta", [None, {f"{META}serverInfo": None}])
def test_null_is_nothing_that_a_modern_server_says(meta: Any, script: Scripts) -> None:
    rig = script()
    nulls = {"capabilities": None, "instructions": None, "resultType": None, "_meta": meta}
    rig.answers(rig.hears_one("server/discover"), {"supportedVersions": [MODERN], **nulls})
    session = rig.session
    assert (session.server_info, session.server_capabilities, session.instructions) == ({}, {}, None)


@pytest.mark.parametrize(
    "answer", [{"result": {"supportedVersions": ["3000-01-01"]}}, {"error": refused("3000-01-01")}]
)
def test_a_modern_server_with_other_versions_is_not_asked_to_initialize(answer: Any, script: Scripts) -> None:
    rig = script()
    rig.says({"id": rig.hears_one("server/discover")["id"], **answer})
    with pytest.raises(UnsupportedVersion) as error:
        result_of(rig.connecting)
    assert error.value.versions == ("3000-01-01",)
    assert error.value.supported == (*LEGACY_VERSIONS, MODERN)
    assert is_closed(rig)


@pytest.mark.proves("mcp/2026-07-28/basic/versioning#probe")
def test_a_server_that_refuses_the_version_it_speaks_is_modern_none_the_less(script: Scripts) -> None:
    rig = script()
    rig.says({"id": rig.hears_one("server/discover")["id"], "error": refused(MODERN)})
    with pytest.raises(RemoteError, match="-32022"):
        result_of(rig.connecting)
    assert is_closed(rig)


def test_discovery_goes_on_with_the_version_that_the_server_names(
    script: Scripts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcpws.client.opening.MODERN_VERSIONS", (MODERN, "2027-01-01"))
    rig = script()
    first = rig.hears_one("server/discover")
    assert first["params"]["_meta"][f"{META}protocolVersion"] == "2027-01-01"
    rig.says({"id": first["id"], "error": refused(MODERN, NEWEST_LEGACY)})
    second = rig.hears_one("server/discover")
    assert second["id"] != first["id"]
    assert second["params"]["_meta"][f"{META}protocolVersion"] == MODERN
    rig.answers(second, DISCOVERED)
    assert rig.session.protocol_version == MODERN


@pytest.mark.parametrize(
    "answer", [{"result": {"supportedVersions": ["2025-06-18"]}}, {"error": refused("2025-06-18")}]
)
def test_a_server_that_names_legacy_versions_is_asked_for_the_newest_of_them(answer: Any, script: Scripts) -> None:
    rig = script()
    rig.says({"id": rig.hears_one("server/discover")["id"], **answer})
    request = rig.hears_one("initialize")
    assert request["params"]["protocolVersion"] == "2025-06-18"
    rig.answers(request, initialized("2025-06-18"))
    assert rig.session.protocol_version == "2025-06-18"


# Legacy servers


@pytest.mark.proves("V-12", "mcp/2026-07-28/basic/versioning#probe")
@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"code": -32601, "message": "no"}},
        {"error": {"code": -32602, "message": "not initialized"}},
        {"error": {"code": -32022, "message": "who knows"}},
        {"error": {"code": 0, "message": ""}},
        {"result": {}},
        {"result": None},
        {"result": {"resultType": "input_required"}},
    ],
)
def test_a_server_that_does_not_know_discovery_is_initialized(answer: Any, script: Scripts) -> None:
    rig = script()
    rig.says({"id": rig.hears_one("server/discover")["id"], **answer})
    rig.answers(rig.hears_one("initialize"), initialized())
    assert rig.session.protocol_version == NEWEST_LEGACY
    assert rig.hears_one("notifications/initialized")


@pytest.mark.proves("V-12", "mcp/2026-07-28/basic/versioning#probe")
@pytest.mark.parametrize(
    ("arguments", "seconds"),
    [({}, 5), ({"probe_timeout": 2}, 2), ({"config": WebSocketConfig(timeout_seconds=3)}, 3)],
)
def test_a_server_that_ignores_discovery_is_initialized_after_a_while(
    arguments: dict[str, Any], seconds: int, script: Scripts
) -> None:
    rig = script(**arguments)
    late = rig.hears_one("server/discover")
    rig.advance(seconds - 1)
    assert rig.hears() == []
    rig.advance(1)
    cancelled, request = rig.hears()
    assert (cancelled["method"], cancelled["params"]["requestId"]) == ("notifications/cancelled", late["id"])
    rig.answers(late, DISCOVERED)
    rig.answers(request, initialized())
    assert rig.session.protocol_version == NEWEST_LEGACY


def test_a_session_begins_with_initialize_and_knows_the_server(script: Scripts) -> None:
    rig = script(
        era="legacy",
        requests={"roots/list": lambda params: {}, "own/method": lambda params: {}},
        identity=ClientIdentity("tester", "1.2", {"experimental": {"x": {}}}),
    )
    request = rig.hears_one("initialize")
    assert request["params"] == {
        "protocolVersion": NEWEST_LEGACY,
        "capabilities": {"roots": {}, "experimental": {"x": {}}},
        "clientInfo": {"name": "tester", "version": "1.2"},
    }
    rig.answers(
        request,
        {
            "protocolVersion": "2025-03-26",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "s", "version": "1"},
            "instructions": "be kind",
            "unknown": 1,
        },
    )
    session = rig.session
    assert session.protocol_version == "2025-03-26"
    assert session.server_info == {"name": "s", "version": "1"}
    assert session.server_capabilities == {"tools": {}}
    assert session.instructions == "be kind"
    assert session.state is ConnectionState.CONNECTED
    assert rig.hears() == [{"jsonrpc": "2.0", "method": "notifications/initialized"}]


@pytest.mark.proves("M-13")
def test_null_is_nothing_that_a_legacy_server_says(script: Scripts) -> None:
    rig = script(era="legacy")
    nulls = {"capabilities": None, "instructions": None, "_meta": None}
    rig.answers(rig.hears_one("initialize"), {**initialized(), **nulls})
    assert (rig.session.server_capabilities, rig.session.instructions) == ({}, None)
    rig.hears()


def test_a_client_calls_itself_mcpws_by_default(script: Scripts) -> None:
    params = script(era="legacy").hears_one("initialize")["params"]
    assert (params["clientInfo"], params["capabilities"]) == ({"name": "mcpws", "version": __version__}, {})


@pytest.mark.proves("V-7")
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"result": initialized("1999-01-01")}, UnsupportedVersion),
        ({"result": initialized(MODERN)}, UnsupportedVersion),
        ({"result": {"protocolVersion": 1}}, MalformedResult),
        ({"error": {"code": -32602, "message": "no"}}, RemoteError),
    ],
)
def test_a_server_that_does_not_initialize_is_closed(answer: Any, error: type[Exception], script: Scripts) -> None:
    rig = script(era="legacy")
    rig.says({"id": rig.hears_one("initialize")["id"], **answer})
    with pytest.raises(error):
        result_of(rig.connecting)
    assert is_closed(rig)


# What is asked for


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
@pytest.mark.parametrize("era", ["auto", "legacy"])
def test_a_legacy_version_may_be_asked_for(version: str, era: str, script: Scripts) -> None:
    rig = script(version=version, era=era)
    request = rig.hears_one("initialize")
    assert request["params"]["protocolVersion"] == version
    rig.answers(request, initialized(version))
    assert rig.session.protocol_version == version


@pytest.mark.parametrize("arguments", [{"version": MODERN}, {"era": "modern"}, {"version": MODERN, "era": "modern"}])
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"error": {"code": -32601, "message": "no"}}, RemoteError),
        ({"error": refused("2025-06-18")}, UnsupportedVersion),
        ({"result": {"supportedVersions": ["2025-06-18"]}}, UnsupportedVersion),
        ({"result": {}}, MalformedResult),
    ],
)
def test_who_wants_a_modern_server_gets_no_other(
    arguments: dict[str, Any], answer: Any, error: type[McpwsError], script: Scripts
) -> None:
    rig = script(**arguments)
    rig.says({"id": rig.hears_one("server/discover")["id"], **answer})
    with pytest.raises(error):
        result_of(rig.connecting)
    assert is_closed(rig)


def test_who_wants_a_modern_server_waits_longer_for_it(script: Scripts) -> None:
    rig = script(era="modern", config=WebSocketConfig(timeout_seconds=7))
    rig.advance(6)
    assert rig.hears_one("server/discover")
    rig.advance(1)
    with pytest.raises(RequestTimeout, match="server/discover: no answer within 7 s"):
        result_of(rig.connecting)


@pytest.mark.parametrize(
    ("terms", "key"),
    [
        ({"era": "ancient"}, "era"),
        ({"version": "1999-01-01"}, "version"),
        ({"version": MODERN, "era": "legacy"}, "version"),
        ({"version": NEWEST_LEGACY, "era": "modern"}, "version"),
        ({"probe_timeout": 0}, "probe_timeout"),
        ({"probe_timeout": float("nan")}, "probe_timeout"),
        ({"probe_timeout": None}, "probe_timeout"),
    ],
)
def test_what_cannot_be_is_named(terms: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as error:
        Terms(**terms)
    assert (error.value.key, error.value.value) == (key, terms[key])


# What goes wrong


def test_a_server_that_does_not_answer_initialize_is_given_up(script: Scripts) -> None:
    rig = script(era="legacy", config=WebSocketConfig(timeout_seconds=7))
    rig.advance(8)
    with pytest.raises(RequestTimeout, match="initialize: no answer within 7 s"):
        result_of(rig.connecting)
    # MCP does not let initialize be cancelled: the connection goes without a word.
    assert rig.hears_one("initialize")


@pytest.mark.parametrize("era", ["auto", "legacy", "modern"])
def test_a_server_that_goes_meanwhile_is_told(era: str, script: Scripts) -> None:
    rig = script(era=era)
    rig.vanish()
    with pytest.raises(ConnectionClosed):
        result_of(rig.connecting)


@pytest.mark.parametrize("era", ["auto", "legacy", "modern"])
def test_giving_up_closes_the_connection(era: str, script: Scripts) -> None:
    rig = script(era=era)
    rig.connecting.cancel()
    with pytest.raises(CancelledError):
        result_of(rig.connecting)
    rig.network.flush()
    assert is_closed(rig)


def test_capabilities_that_are_no_json_fail_the_session(script: Scripts) -> None:
    rig = script(identity=ClientIdentity(capabilities={"x": object()}))
    with pytest.raises(TypeError):
        result_of(rig.connecting)
    assert is_closed(rig)
