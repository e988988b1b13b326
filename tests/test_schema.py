"""The check of what leaves mcpws is shown to find what is not valid, in each version, and nothing else."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any, cast

import pytest
from msgspec import Raw
from twisted.internet.task import Clock

from mcpws.backends.app import App
from mcpws.backends.eras import DualEra
from mcpws.backends.shared import SharedStdio
from mcpws.backends.stdio.backend import ProcessReactor, Stdio
from mcpws.client.identity import ClientIdentity
from mcpws.client.opening import Era
from mcpws.errors import InvalidRequest
from mcpws.fronts.front import Front
from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Error, ErrorObject, Notification, Request, Result, to_raw
from mcpws.seam.interfaces import Backend, Channel, Identity, Link
from mcpws.testing import RecordingBackend, connected, result_of
from mcpws.turns.caller import Caller
from tests.backends.stdio.test_backend import PlayedReactor
from tests.emitted import LARGE, LEGACY, MAX_REMEMBERED, META, MODERN, About, Emission, Said, Sender, Side
from tests.schema import complaint, complaints_about

ME = {"name": "tester", "version": "1"}
GREETING = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": ME}
MODERN_META = {f"{META}protocolVersion": "2026-07-28", f"{META}clientInfo": ME, f"{META}clientCapabilities": {}}
TOOL = {"name": "add", "inputSchema": {"type": "object"}}
ASK = {"messages": [], "maxTokens": 1}
NOT_MCP = pytest.mark.not_mcp("because").mark


def found(
    sender: Sender, method: str, version: str, message: dict[str, Any], *, passed_on: bool = False, bodies: bool = True
) -> str | None:
    data = json.dumps({"jsonrpc": "2.0", **message}).encode()
    return complaint(Emission(sender, (About(method, version),), data, passed_on), bodies)


def valid_tools(version: str) -> dict[str, Any]:
    modern = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private"} if version in MODERN else {}
    return {"tools": [TOOL], **modern}


# What is valid


@pytest.mark.parametrize("version", [*LEGACY, *MODERN])
def test_a_result_is_judged_by_the_method_and_the_version_of_its_request(version: str) -> None:
    result = valid_tools(version)
    assert found("server", "tools/list", version, {"id": 1, "result": result}) is None
    without_schema = {**result, "tools": [{"name": "add"}]}
    wrong = found("server", "tools/list", version, {"id": 1, "result": without_schema})
    assert wrong is not None
    assert f"about tools/list of {version}" in wrong
    assert "inputSchema" in wrong
    assert '"result": {"tools": [{"name": "add"}]' in wrong


@pytest.mark.parametrize("version", [*LEGACY, *MODERN])
def test_parameters_of_requests_and_notifications_are_judged_by_their_version(version: str) -> None:
    meta = {"_meta": MODERN_META} if version in MODERN else {}
    assert (
        found("client", "tools/call", version, {"id": 1, "method": "tools/call", "params": {"name": "a", **meta}})
        is None
    )
    wrong = found("client", "tools/call", version, {"id": 1, "method": "tools/call", "params": meta})
    assert wrong is not None
    assert "name" in wrong
    method = "notifications/resources/updated"
    assert found("server", method, version, {"method": method, "params": {"uri": "a://b"}}) is None
    assert "uri" in str(found("server", method, version, {"method": method, "params": {}}))


@pytest.mark.parametrize("version", LEGACY)
def test_what_a_server_asks_and_a_client_answers_is_judged_too(version: str) -> None:
    method = "sampling/createMessage"
    assert found("server", method, version, {"id": 1, "method": method, "params": ASK}) is None
    assert "maxTokens" in str(found("server", method, version, {"id": 1, "method": method, "params": {"messages": []}}))
    said = {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Hi."}}
    assert found("client", method, version, {"id": 1, "result": said}) is None
    assert "model" in str(found("client", method, version, {"id": 1, "result": {**said, "model": None}}))


@pytest.mark.parametrize(
    ("sender", "method", "version"),
    [
        ("server", "sampling/createMessage", "2026-07-28"),
        ("client", "sampling/createMessage", "2025-11-25"),
        ("server", "tools/list", "2025-11-25"),
        ("client", "initialize", "2026-07-28"),
        ("client", "server/discover", "2025-11-25"),
        ("server", "elicitation/create", "2025-03-26"),
    ],
)
def test_a_method_of_mcp_belongs_to_one_side_and_to_some_versions(sender: Sender, method: str, version: str) -> None:
    wrong = found(sender, method, version, {"id": 1, "method": method, "params": {}})
    assert f"there is no {method} from this side in {version}" in str(wrong)


def test_a_notification_belongs_to_one_side_as_well() -> None:
    told = {"method": "notifications/tools/list_changed"}
    assert found("server", told["method"], "2025-11-25", told) is None
    assert "from this side" in str(found("client", told["method"], "2025-11-25", told))


@pytest.mark.parametrize("params", [{}, {"params": {"a": 1}}, {"params": [1]}])
def test_of_methods_that_are_not_of_mcp_there_is_only_the_envelope(params: dict[str, Any]) -> None:
    assert found("client", "own", "2025-11-25", {"id": 1, "method": "own", **params}) is None
    assert found("server", "own", "2025-11-25", {"id": 1, "result": 3}) is None
    assert "id" in str(found("client", "own", "2025-11-25", {"id": 1.5, "method": "own", **params}))
    assert "params" in str(found("client", "own", "2025-11-25", {"id": 1, "method": "own", "params": "x"}))


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        ({"code": 502, "message": "gone"}, None),
        ({"code": 502, "message": "gone", "data": [1]}, None),
        ({"code": 502}, "error.message"),
        ({"message": "gone"}, "error.code"),
        ({"code": "502 or so", "message": "gone"}, "error.code"),
    ],
)
@pytest.mark.parametrize("id", [{"id": 1}, {}])
@pytest.mark.parametrize("bodies", [True, False])
def test_an_error_has_a_code_and_a_message_and_may_be_about_nothing(
    error: dict[str, Any], problem: str | None, id: dict[str, int], bodies: bool
) -> None:
    wrong = found("server", "tools/list", "2025-11-25", {**id, "error": error}, bodies=bodies)
    assert wrong is None if problem is None else problem in str(wrong)


def test_the_envelope_is_judged_even_where_nothing_else_is() -> None:
    bad = {"id": 1.5, "result": "x"}
    assert "id" in str(found("server", "tools/list", "2025-11-25", bad, bodies=False))
    assert found("server", "tools/list", "2025-11-25", {"id": 1, "result": "x"}, bodies=False) is None
    assert "id" in str(found("client", "tools/call", "2025-11-25", {"id": 1.5, "method": "tools/call"}, bodies=False))
    assert found("client", "tools/call", "2025-11-25", {"id": 1, "method": "tools/call"}, bodies=False) is None
    assert found("client", "tools/call", "2025-11-25", {"method": "tools/call", "jsonrpc": "1.0"}, bodies=False)


def test_an_answer_to_nothing_is_not_valid() -> None:
    data = b'{"jsonrpc":"2.0","id":1,"result":{}}'
    assert "it answers no request" in str(complaint(Emission("server", (), data)))


def test_an_answer_to_one_of_two_requests_with_an_id_is_valid_if_it_is_for_one_of_them() -> None:
    about = (About("tools/list", "2025-11-25"), About("ping", "2025-11-25"))
    assert complaint(Emission("server", about, b'{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}')) is None
    about = (About("tools/list", "2025-11-25"), About("tools/call", "2025-11-25"))
    wrong = complaint(Emission("server", about, b'{"jsonrpc":"2.0","id":1,"result":{}}'))
    assert "tools/list of 2025-11-25 or tools/call of 2025-11-25" in str(wrong)


def test_a_test_may_exempt_what_is_passed_on_and_with_more_words_what_is_made() -> None:
    about = (About("tools/list", "2025-11-25"),)
    made = Emission("server", about, b'{"jsonrpc":"2.0","id":1,"result":{}}')
    passed_on = made._replace(passed_on=True)
    assert complaints_about([made], None) == complaints_about([passed_on], None) != []
    assert complaints_about([passed_on], NOT_MCP) == []
    assert len(complaints_about([made], NOT_MCP)) == 1
    assert complaints_about([made], pytest.mark.not_mcp("because", made=True).mark) == []
    nonsense = passed_on._replace(message=b'{"jsonrpc":"2.0","id":1,"error":{}}')
    assert len(complaints_about([nonsense], NOT_MCP)) == 1


def test_a_long_message_is_cut_short_in_the_complaint() -> None:
    assert len(str(found("server", "tools/call", "2025-11-25", {"id": 1, "result": {"x": "x" * 100_000}}))) < 2_000


# What belongs to what


def said(side: Side, reports: list[Said], message: Any) -> tuple[About, ...]:
    side.says(message)
    return reports.pop().about


@pytest.mark.parametrize("version", LEGACY)
def test_the_version_of_a_conversation_is_what_its_server_settles_on(version: str) -> None:
    reports: list[Said] = []
    client, server = Side("client", reports.append), Side("server", reports.append)
    ask = Request(0, "initialize", to_raw({**GREETING, "protocolVersion": "2024-11-05"}))
    answer = Result(0, to_raw({"protocolVersion": version, "capabilities": {}, "serverInfo": ME}))
    assert said(client, reports, ask) == (About("initialize", "2024-11-05"),)
    server.hears(ask)
    assert said(server, reports, answer) == (About("initialize", version),)
    client.hears(answer)
    ask = Request(1, "tools/list")
    assert said(client, reports, ask) == (About("tools/list", version),)
    server.hears(ask)
    assert said(server, reports, Notification("notifications/message")) == (About("notifications/message", version),)
    assert said(server, reports, Result(1, Raw(b"{}"))) == (About("tools/list", version),)
    assert said(server, reports, Result(1, Raw(b"{}"))) == ()
    assert said(server, reports, Request("s", "ping")) == (About("ping", version),)


def test_in_a_conversation_of_both_eras_each_message_is_of_its_own() -> None:
    reports: list[Said] = []
    server = Side("server", reports.append)
    server.hears(Request(0, "initialize", to_raw(GREETING)))
    server.says(Result(0, to_raw({"protocolVersion": "2025-06-18"})))
    server.hears(Request("old", "tools/list", to_raw({"_meta": {"progressToken": "old"}})))
    server.hears(Request("new", "tools/list", to_raw({"_meta": {**MODERN_META, "progressToken": "new"}})))
    progress, cancelled = "notifications/progress", "notifications/cancelled"
    for name, version in (("old", "2025-06-18"), ("new", "2026-07-28")):
        told = Notification(progress, to_raw({"progressToken": name, "progress": 1}))
        assert said(server, reports, told) == (About(progress, version),)
        told = Notification(cancelled, to_raw({"requestId": name}))
        assert said(server, reports, told) == (About(cancelled, version),)
        assert said(server, reports, Error(name, ErrorObject(1, "no"))) == (About("tools/list", version),)
        assert said(server, reports, Result(name, Raw(b"{}"))) == (About("tools/list", version),)
    told = Notification("notifications/own", to_raw({"_meta": {f"{META}subscriptionId": 1}}))
    assert said(server, reports, told)[0].version == "2026-07-28"


def test_a_conversation_that_is_all_modern_is_so_in_what_names_nothing() -> None:
    reports: list[Said] = []
    client = Side("client", reports.append)
    client.says(Request(0, "tools/list", to_raw({"_meta": {f"{META}protocolVersion": "3000-01-01"}})))
    assert reports.pop().about == (About("tools/list", "2026-07-28"),)
    assert said(client, reports, Notification("notifications/a"))[0].version == "2026-07-28"


@pytest.mark.parametrize("params", [None, b"[1]", b"3", b'{"_meta":1}', b'{"_meta":{"progressToken":[]}}'])
def test_what_makes_no_sense_is_of_the_last_version_with_a_handshake(params: bytes | None) -> None:
    reports: list[Said] = []
    side = Side("client", reports.append)
    raw = None if params is None else Raw(params)
    assert said(side, reports, Request(1, "tools/list", raw))[0].version == LEGACY[-1]
    for method in ("notifications/cancelled", "notifications/progress"):
        assert said(side, reports, Notification(method, raw))[0].version == LEGACY[-1]


def test_no_more_is_remembered_than_was_meant_to_be() -> None:
    reports: list[Said] = []
    side = Side("server", reports.append)
    for id in range(MAX_REMEMBERED + 1):
        side.hears(Request(id, "ping"))
    assert said(side, reports, Result(0, Raw(b"{}"))) == ()
    assert said(side, reports, Result(1, Raw(b"{}"))) == (About("ping", LEGACY[-1]),)


def test_what_comes_in_and_goes_out_is_passed_on_and_anything_else_is_made() -> None:
    reports: list[Said] = []
    side, other = Side("client", reports.append), Side("server", reports.append)
    message = Notification("a")
    side.says(message)
    other.hears(message)
    side.says(message)
    side.says(Notification("b"))
    side.says(decode(b'{"jsonrpc":"2.0","method":"a"}'))
    assert [one.passed_on for one in reports] == [False, True, False, True]


def test_what_differs_has_another_digest_unless_it_is_large_and_differs_in_the_middle_only() -> None:
    about = (About("a", LEGACY[-1]),)

    def digest(message: Any, sender: Sender = "client", passed_on: bool = False) -> int:
        return Said(sender, about, message, passed_on).digest()

    messages = [
        Notification("a"),
        Notification("a", Raw(b"[1]")),
        Request(1, "a"),
        Request("1", "a", Raw(b"{}")),
        Result(1, Raw(b"[2]")),
        Error(1, ErrorObject(1, "no")),
        Error(1, ErrorObject(1, "no", Raw(b"{}"))),
        Error(None, ErrorObject(1, "no")),
        decode(b'{"jsonrpc":"2.0","method":"a"}'),
        Notification("a", Raw(b"%b1%b" % (b"x" * LARGE, b"y" * LARGE))),
        Notification("a", Raw(b"%b1%b" % (b"x" * LARGE, b"z" * LARGE))),
        Notification("a", Raw(b"%b11%b" % (b"x" * LARGE, b"y" * LARGE))),
    ]
    digests = [digest(message) for message in messages]
    assert len({*digests, digest(messages[0], "server"), digest(messages[0], passed_on=True)}) == len(messages) + 2
    assert digest(Notification("a", Raw(b"%b2%b" % (b"x" * LARGE, b"y" * LARGE)))) == digests[-3]


# That every place is watched


class Client:
    """A Link, and what a Front faces, as far as they are needed here."""

    identity = Identity("tester:1")

    def send(self, message: object) -> None: ...
    def deliver(self, message: object, data: bytes) -> None: ...
    def lost(self, reason: object) -> None: ...
    def backend_began(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


def taken(emitted: list[Emission]) -> list[str]:
    """The complaints so far; the test does not fail for them any more."""
    complaints = complaints_about(emitted, None)
    emitted.clear()
    return complaints


def channel_of(backend: Backend) -> Channel:
    return result_of(backend.open(cast(Link, Client())))


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_an_app_that_says_what_is_not_valid_is_caught(era: Era, emitted: list[Emission]) -> None:
    app = App("tested", "1", clock=Clock())

    @app.tool
    def add(a: int, b: int) -> int:
        return a + b

    pair = connected(app, era=era)
    pair.session.request("tools/list")
    pair.flush()
    assert taken(emitted) == []
    [tool] = app._catalog.tools
    tool.definition = Raw(b'{"name":"add"}')
    pair.session.request("tools/list")
    pair.flush()
    complaints = taken(emitted)
    assert complaints
    assert all("tools.0.inputSchema" in one for one in complaints)


def test_an_app_is_watched_without_a_front_as_well(emitted: list[Emission]) -> None:
    channel = channel_of(App("tested", "1", clock=Clock()))
    channel.receive(Request(0, "initialize", to_raw(GREETING)))
    assert [(one.about, one.passed_on) for one in emitted] == [((About("initialize", "2025-11-25"),), False)]
    assert taken(emitted) == []


def test_a_front_that_makes_an_error_without_a_message_is_caught(
    emitted: list[Emission], monkeypatch: pytest.MonkeyPatch
) -> None:
    front = Front(cast(Any, Client()), Identity("tester:1"), Clock())
    front.refuse(InvalidRequest("no"), 1)
    assert len(emitted) == 1
    assert taken(emitted) == []
    nothing = cast(str, None)
    monkeypatch.setattr(Error, "answering", lambda id, error: Error(id, ErrorObject(error.code, nothing)))
    front.refuse(InvalidRequest("no"), 1)
    [wrong] = taken(emitted)
    assert "error.message" in wrong


def test_what_a_front_gives_its_backend_is_watched(emitted: list[Emission]) -> None:
    front = Front(cast(Any, Client()), Identity("tester:1"), Clock())
    front.open(RecordingBackend())
    front.receive(Request(0, "initialize"))
    [wrong] = taken(emitted)
    assert "the client sent" in wrong
    assert "initialize" in wrong


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_a_client_without_a_name_is_caught(era: Era, emitted: list[Emission], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClientIdentity, "info", {"version": "1"})
    connected(RecordingBackend(modern=True), era=era)
    complaints = taken(emitted)
    assert complaints
    assert all("name" in one and "the client sent" in one for one in complaints)


def test_a_client_that_says_nothing_of_itself_is_caught(
    emitted: list[Emission], monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Caller.request

    def without(self: Caller, method: str, params: dict[str, Any], **options: Any) -> Any:
        return request(self, method, {name: params[name] for name in params if name != "clientInfo"}, **options)

    monkeypatch.setattr(Caller, "request", without)
    connected(RecordingBackend(), era="legacy")
    assert "params.clientInfo" in taken(emitted)[0]


def test_a_batch_is_watched(emitted: list[Emission]) -> None:
    pair = connected(RecordingBackend(), era="legacy", version="2025-03-26")
    # The version that a RecordingBackend settles on has no batches.
    pair.session._era.version = "2025-03-26"
    emitted.clear()
    pair.session.batch([("tools/list", None), ("tools/call", {})])
    assert len(emitted) == 2
    [wrong] = taken(emitted)
    assert "params.name" in wrong


@pytest.mark.parametrize("around", [DualEra, SharedStdio])
def test_what_is_translated_or_shared_is_watched_on_both_sides(
    around: Callable[..., Backend], emitted: list[Emission]
) -> None:
    within = RecordingBackend(modern=True)
    channel = channel_of(around(within, clock=Clock()))
    channel.receive(Request("a", "tools/call", to_raw({"_meta": {**MODERN_META, "progressToken": "t"}})))
    [request] = within.conversations[0].requests
    [wrong] = taken(emitted)
    assert "the client sent" in wrong
    assert "params.name" in wrong
    within.conversations[0].link.send(Result(request.id, to_raw({"resultType": "complete"})))
    [wrong] = taken(emitted)
    assert "the server sent" in wrong
    assert "content" in wrong


def test_what_a_child_is_given_is_watched(emitted: list[Emission], monkeypatch: pytest.MonkeyPatch) -> None:
    reactor = PlayedReactor()
    monkeypatch.setattr(os, "killpg", reactor.killpg)
    channel = channel_of(Stdio([sys.executable], reactor=cast(ProcessReactor, reactor)))
    channel.receive(Request(0, "initialize"))
    [wrong] = taken(emitted)
    assert "the client sent" in wrong
    reactor.processes[0].says(b'{"jsonrpc":"1.0","id":7,"method":"ping"}')
    assert [json.loads(one.message)["id"] for one in emitted] == [7]
    reactor.processes[0].exits()
