"""A modern client before a legacy server, but for calls and subscriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from mcpws.mcp.meta import PREFIX

if TYPE_CHECKING:
    from tests.backends.eras.conftest import Client, World

LEVEL = f"{PREFIX}logLevel"
SERVED = {f"{PREFIX}serverInfo": {"name": "served", "version": "2"}}


@pytest.mark.proves("V-14")
def test_discover_is_answered_with_what_the_server_said_when_it_was_initialized(world: World, client: Client) -> None:
    server = world.legacy_server(client, tools={"listChanged": True}, logging={}, tasks={"list": {}})
    client.call(1, "server/discover")
    assert client.result(1) == {
        "resultType": "complete",
        "supportedVersions": ["2026-07-28"],
        "capabilities": {"tools": {"listChanged": True}, "logging": {}},
        "instructions": "use it",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": SERVED,
    }
    assert server.waiting == []


def test_requests_lose_what_is_modern(world: World, client: Client) -> None:
    server = world.legacy_server(client)
    client.call(1, "tools/list", cursor="c", meta={"traceparent": "00", "progressToken": "t"})
    request = server.take("tools/list")
    token = request["params"]["_meta"].pop("progressToken")
    assert request["params"] == {"cursor": "c", "_meta": {"traceparent": "00"}}
    server.tell("notifications/progress", progressToken=token, progress=1, total=2, message="m")
    assert client.told("notifications/progress") == {"progressToken": "t", "progress": 1, "total": 2, "message": "m"}
    client.call(2, "prompts/list")
    assert server.take("prompts/list")["params"] == {}


@pytest.mark.proves("V-14")
@pytest.mark.parametrize(
    ("method", "things"),
    [
        ("tools/list", "tools"),
        ("prompts/list", "prompts"),
        ("resources/list", "resources"),
        ("resources/templates/list", "resourceTemplates"),
        ("resources/read", "contents"),
    ],
)
def test_results_gain_what_is_modern(world: World, client: Client, method: str, things: str) -> None:
    server = world.legacy_server(client)
    client.call(1, method, uri="a://b")
    server.answer(server.take(method), **{things: []}, nextCursor="n", _meta={"x": 1})
    assert client.result(1) == {
        "resultType": "complete",
        things: [],
        "nextCursor": "n",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {"x": 1, **SERVED},
    }


@pytest.mark.parametrize(
    ("method", "result"),
    [
        ("completion/complete", {"completion": {"values": []}}),
        ("prompts/get", {"messages": []}),
        ("tools/call", {"content": []}),
        ("com.example/own", {"x": 1}),
    ],
)
def test_only_what_may_be_cached_says_for_how_long(
    world: World, client: Client, method: str, result: dict[str, Any]
) -> None:
    server = world.legacy_server(client)
    reference = {"type": "ref/prompt", "name": "p"}
    client.call(1, method, name="p", ref=reference, argument={"name": "a", "value": ""})
    server.answer(server.take(method), **result)
    assert client.result(1) == {"resultType": "complete", **result, "_meta": SERVED}


@pytest.mark.parametrize(
    ("code", "becomes"),
    [
        (-32002, -32602),
        (-32601, -32601),
        (-32000, -32000),
        (-32021, -32603),
        (-32099, -32603),
        (-32100, -32100),
        (7, 7),
    ],
)
def test_codes_of_errors_may_stand_in_the_modern_era(world: World, client: Client, code: int, becomes: int) -> None:
    server = world.legacy_server(client)
    for id, method in enumerate(("resources/list", "resources/read")):
        client.call(id, method, uri="u:1")
        server.fail(server.take(method), code, "why", {"uri": "u:1"})
        assert client.error(id) == {"code": becomes, "message": "why", "data": {"uri": "u:1"}}


def test_a_result_that_is_no_object_passes_as_it_is(world: World, client: Client) -> None:
    server = world.legacy_server(client)
    client.call(1, "com.example/odd")
    server.send(id=server.take("com.example/odd")["id"], result="odd")
    assert client.take() == {"id": 1, "result": "odd"}


def test_a_cancelled_request_is_cancelled_by_the_id_that_the_server_knows(world: World, client: Client) -> None:
    server = world.legacy_server(client)
    client.call("mine", "tools/list")
    request = server.take("tools/list")
    client.tell("notifications/cancelled", requestId="mine")
    assert server.take("notifications/cancelled")["params"]["requestId"] == request["id"]
    server.answer(request, tools=[])
    assert client.got == []


def test_log_messages_come_only_while_a_request_wants_them(world: World, client: Client) -> None:
    server = world.legacy_server(client, logging={})

    def log(level: str) -> None:
        server.tell("notifications/message", level=level, data=level)

    log("emergency")
    client.call(1, "tools/list", meta={LEVEL: "warning"})
    assert server.take("logging/setLevel")["params"] == {"level": "warning"}
    first = server.take("tools/list")
    client.call(2, "tools/list", meta={LEVEL: "info"})
    assert server.take("logging/setLevel")["params"] == {"level": "info"}
    second = server.take("tools/list")
    client.call(3, "tools/list", meta={LEVEL: "error"})
    third = server.take("tools/list")
    log("debug")
    log("info")
    server.answer(second, tools=[])
    log("info")
    log("warning")
    server.answer(first, tools=[])
    server.answer(third, tools=[])
    log("emergency")
    server.tell("notifications/message", level="loud")
    server.tell("notifications/message", level=1)
    assert [one["params"]["data"] if "method" in one else one["id"] for one in client.got] == [
        "info",
        2,
        "warning",
        1,
        3,
    ]
    client.got.clear()
    client.call(4, "tools/list", meta={LEVEL: "error"})
    assert server.take("logging/setLevel")["params"] == {"level": "error"}


def test_a_server_that_does_not_log_is_not_told_how(world: World, client: Client) -> None:
    server = world.legacy_server(client)
    client.call(1, "tools/list", meta={LEVEL: "debug"})
    server.take("tools/list")


@pytest.mark.parametrize("method", ["notifications/elicitation/complete", "notifications/tasks/status"])
def test_what_the_modern_era_does_not_want_to_know_is_kept_from_it(world: World, client: Client, method: str) -> None:
    server = world.legacy_server(client)
    server.tell(method, elicitationId="e")
    server.tell("notifications/com.example/told")
    assert client.take() == {"method": "notifications/com.example/told"}
    assert client.got == []


@pytest.mark.parametrize(("method", "answer"), [("ping", {"result": {}}), ("tasks/list", None)])
def test_a_server_may_ping_but_not_ask_for_what_nobody_has(
    world: World, client: Client, method: str, answer: Any
) -> None:
    server = world.legacy_server(client)
    server.ask(5, method)
    message = server.take()
    assert message.pop("id") == 5
    assert message == answer or message["error"]["code"] == -32601
    assert client.got == []


@pytest.mark.parametrize(
    "said", [{"capabilities": {}}, {"capabilities": None, "serverInfo": None, "instructions": None, "_meta": None}]
)
def test_a_server_that_is_nobody_names_nobody(world: World, client: Client, said: dict[str, Any]) -> None:
    client.call(1, "server/discover")
    server = world.servers[0]
    server.refuse_probe()
    server.answer(server.take("initialize"), protocolVersion="2025-11-25", **said)
    result = client.result(1)
    assert "_meta" not in result
    assert "instructions" not in result
