"""A legacy client before a modern server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mcpws.backends.eras.shared import MAX_PENDING
from mcpws.errors import BackendLost
from mcpws.mcp.meta import PREFIX
from mcpws.mcp.versions import LEGACY_VERSIONS

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, World


def test_initialize_is_answered_with_what_the_server_says_of_itself(world: World, client: Client) -> None:
    client.initialize()
    [server] = world.servers
    server.fail(server.take("initialize"), -32601)
    server.answer_probe(tools={"listChanged": True}, tasks={}, extensions={"com.example/x": {"a": 1}})
    assert client.result("init") == {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {"listChanged": True}, "extensions": {"com.example/x": {"a": 1}}},
        "serverInfo": {"name": "served", "version": "2"},
        "instructions": "use it",
    }


def test_a_version_that_we_do_not_speak_becomes_our_newest(world: World, client: Client) -> None:
    client.initialize(version="2030-01-01")
    [server] = world.servers
    server.fail(server.take("initialize"), -32601)
    server.answer_probe()
    assert client.result("init")["protocolVersion"] == "2025-11-25"


def test_a_server_that_is_nobody_gets_a_name(world: World, client: Client) -> None:
    client.initialize()
    [server] = world.servers
    server.fail(server.take("initialize"), -32601)
    server.answer(server.take("server/discover"), supportedVersions=["2026-07-28"])
    result = client.result("init")
    assert result["serverInfo"]["name"] == "mcpws"
    assert result["capabilities"] == {}
    assert "instructions" not in result


@pytest.mark.proves("M-13")
@pytest.mark.not_mcp("null stands where nothing should")
def test_null_is_nothing_that_either_says_of_itself(world: World, client: Client) -> None:
    client.ask("init", "initialize", protocolVersion="2025-11-25", capabilities=None, clientInfo=None)
    [server] = world.servers
    server.fail(server.take("initialize"), -32601)
    meta = {f"{PREFIX}serverInfo": None}
    nulls = {"capabilities": None, "instructions": None, "resultType": None, "_meta": meta}
    server.answer(server.take("server/discover"), supportedVersions=["2026-07-28"], **nulls)
    result = client.result("init")
    assert (result["serverInfo"]["name"], result["capabilities"]) == ("mcpws", {})
    assert "instructions" not in result
    client.ask(1, "tools/list")
    meta = server.take("tools/list")["params"]["_meta"]
    assert meta == {f"{PREFIX}protocolVersion": "2026-07-28", f"{PREFIX}clientCapabilities": {}}


def test_requests_stand_for_themselves_and_results_lose_what_is_modern(world: World, client: Client) -> None:
    declared = {"sampling": {"tools": {}}, "roots": {"listChanged": True}, "tasks": {"list": {}}}
    server = world.modern_server(client, declares=declared, tools={})
    client.tell("notifications/initialized")
    client.ask(1, "tools/list", cursor="c", _meta={"progressToken": "t", "traceparent": "00"})
    request = server.take("tools/list")
    assert request["params"] == {
        "cursor": "c",
        "_meta": {
            "progressToken": "t",
            "traceparent": "00",
            f"{PREFIX}protocolVersion": "2026-07-28",
            f"{PREFIX}clientInfo": {"name": "tester", "version": "1"},
            f"{PREFIX}clientCapabilities": {"sampling": {"tools": {}}, "roots": {}},
        },
    }
    server.answer(
        request,
        resultType="complete",
        tools=[],
        ttlMs=5,
        cacheScope="public",
        _meta={f"{PREFIX}serverInfo": {}, "x": 1},
    )
    assert client.result(1) == {"tools": [], "_meta": {"x": 1}}


@pytest.mark.not_mcp("the client breaks the schema: it has no name")
def test_a_client_without_a_name_has_none(world: World, client: Client) -> None:
    client.ask("init", "initialize", protocolVersion="2025-11-25", capabilities={})
    [server] = world.servers
    server.fail(server.take("initialize"), -32601)
    server.answer_probe()
    client.ask(1, "tools/list")
    assert set(server.take("tools/list")["params"]["_meta"]) == {
        f"{PREFIX}protocolVersion",
        f"{PREFIX}clientCapabilities",
    }


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
def test_what_the_version_of_a_client_does_not_have_the_server_cannot_want(
    world: World, client: Client, version: str
) -> None:
    client.initialize(version=version, sampling={}, elicitation={})
    [server] = world.servers
    server.fail(server.take("initialize"), -32601)
    server.answer_probe(tools={})
    assert client.result("init")["protocolVersion"] == version
    client.ask(1, "tools/list")
    declared = server.take("tools/list")["params"]["_meta"][f"{PREFIX}clientCapabilities"]
    assert set(declared) == ({"sampling"} if version < "2025-06-18" else {"sampling", "elicitation"})


def test_ids_keep_their_type(world: World, client: Client) -> None:
    server = world.modern_server(client, tools={})
    client.ask(1, "tools/list")
    client.ask("1", "tools/list")
    first, second = server.take("tools/list"), server.take("tools/list")
    server.answer(second, tools=[], nextCursor="second")
    server.answer(first, tools=[], nextCursor="first")
    assert client.result("1") == {"tools": [], "nextCursor": "second"}
    assert client.result(1) == {"tools": [], "nextCursor": "first"}


def test_ping_is_answered_here(world: World, client: Client) -> None:
    server = world.modern_server(client)
    client.ask(1, "ping")
    assert client.result(1) == {}
    assert server.waiting == []


def test_progress_and_log_messages_pass(world: World, client: Client) -> None:
    server = world.modern_server(client, tools={})
    client.ask(1, "tools/call", name="x", _meta={"progressToken": 9})
    server.tell("notifications/progress", progressToken=9, progress=0.5)
    server.tell("notifications/message", level="info", data=[])
    assert client.told("notifications/progress") == {"progressToken": 9, "progress": 0.5}
    assert client.told("notifications/message") == {"level": "info", "data": []}


def test_a_log_level_goes_with_every_later_request(world: World, client: Client) -> None:
    server = world.modern_server(client, tools={})
    client.ask(1, "logging/setLevel", level="notice")
    assert client.result(1) == {}
    client.ask(2, "tools/list")
    assert server.take("tools/list")["params"]["_meta"][f"{PREFIX}logLevel"] == "notice"


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("logging/setLevel", {"level": "loud"}, -32602),
        ("logging/setLevel", {}, -32602),
        ("resources/subscribe", {}, -32602),
        ("resources/unsubscribe", {"uri": 1}, -32602),
        ("tools/call", {"_meta": 1}, -32602),
    ],
)
def test_bad_parameters_are_refused(world: World, client: Client, method: str, params: Any, code: int) -> None:
    server = world.modern_server(client, tools={}, logging={}, resources={"subscribe": True})
    client.ask(1, method, **params)
    assert client.error(1)["code"] == code
    assert server.waiting == []


@pytest.mark.parametrize("method", ["resources/subscribe", "resources/unsubscribe"])
def test_what_the_server_does_not_offer_is_not_found(world: World, client: Client, method: str) -> None:
    world.modern_server(client, tools={}, resources={})
    client.ask(1, method, uri="u:1")
    assert client.error(1)["code"] == -32601


def test_parameters_that_are_an_array_are_refused(world: World, client: Client) -> None:
    world.modern_server(client)
    client.give(id=1, method="tools/list", params=[])
    assert client.error(1)["code"] == -32602


def test_a_cancelled_request_is_cancelled_by_the_id_that_the_server_knows(world: World, client: Client) -> None:
    server = world.modern_server(client, tools={})
    client.ask("mine", "tools/call", name="x")
    request = server.take("tools/call")
    client.tell("notifications/cancelled", requestId="mine", reason="enough")
    assert server.take("notifications/cancelled")["params"]["requestId"] == request["id"]
    server.answer(request, content=[])
    assert client.got == []


def test_what_the_modern_era_does_not_want_to_know_is_kept_from_it(world: World, client: Client) -> None:
    server = world.modern_server(client, tools={})
    client.tell("notifications/initialized")
    client.tell("notifications/roots/list_changed")
    client.tell("notifications/com.example/told")
    server.take("notifications/com.example/told")
    assert server.waiting == []


def test_a_modern_server_may_not_ask(world: World, client: Client) -> None:
    server = world.modern_server(client, declares={"sampling": {}})
    server.ask(1, "sampling/createMessage")
    assert client.got == []
    assert server.waiting == []
    assert world.backend.dropped == 1


def test_a_missing_resource_has_its_legacy_code(world: World, client: Client) -> None:
    server = world.modern_server(client, resources={})
    client.ask(1, "resources/read", uri="u:1")
    server.fail(server.take("resources/read"), -32602, "Resource not found", {"uri": "u:1"})
    assert client.error(1) == {"code": -32002, "message": "Resource not found", "data": {"uri": "u:1"}}
    client.ask(2, "resources/read", uri="u:2")
    server.fail(server.take("resources/read"), -32602, "something else")
    assert client.error(2) == {"code": -32602, "message": "something else"}


def test_a_result_that_is_no_object_passes_as_it_is(world: World, client: Client) -> None:
    server = world.modern_server(client)
    client.ask(1, "com.example/odd")
    server.send(id=server.take("com.example/odd")["id"], result=[1])
    assert client.take() == {"id": 1, "result": [1]}


def test_too_many_requests_are_refused(world: World, client: Client) -> None:
    world.modern_server(client)
    for id in range(MAX_PENDING + 1):
        client.ask(id, "tools/list")
    assert client.error(MAX_PENDING)["code"] == 429


def test_a_lost_server_ends_the_conversation(world: World, client: Client) -> None:
    server = world.modern_server(client, tools={"listChanged": True})
    client.tell("notifications/initialized")
    client.ask(1, "tools/list")
    reason = BackendLost("it is gone")
    server.lose(reason)
    assert client.ended is reason
    assert client.got == []
