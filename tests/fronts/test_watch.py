"""What an Observer is told of a client's conversation, and what that must not change."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec
import pytest

from mcpws import App, WebSocketConfig
from mcpws.errors import ToolError
from mcpws.jsonrpc.messages import Notification, Result, to_raw
from mcpws.seam.observer import Observer
from mcpws.testing import RawClient, RecordingBackend, Served, connected, result_of
from mcpws.testing.raw import CLOSE, TEXT
from tests.observing import MessageRecorder, Raising, Recorder

pytestmark = pytest.mark.not_mcp("requests and results say no more than the rules for them need")

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": "start",
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "tester", "version": "7"},
    },
}


class LoggedErrors(Protocol):
    """The fixture `logged_errors`."""

    def flush(self, *types: type[BaseException]) -> list[object]: ...


def call(id: object, method: str = "tools/call", **params: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def say(service: Served, client: RawClient, *messages: object, binary: bool = False) -> None:
    for message in messages:
        client.send_message(message, binary=binary)
    service.flush()


def served(observer: Observer, backend: Any = None, **settings: Any) -> tuple[Served, RawClient]:
    service = Served(backend or RecordingBackend(), config=WebSocketConfig(**settings), observer=observer)
    client = service.upgraded()
    return service, client


def test_an_observer_of_connections_is_told_who_came_who_it_is_and_how_it_went() -> None:
    recorder = Recorder()
    service, client = served(recorder)
    say(service, client, INITIALIZE)
    say(service, client, call(1), call(2))
    client.send_frame(CLOSE, b"\x03\xe8bye")
    service.flush()
    assert recorder.told == ["opened", "introduced", "closed"]
    [party], [who], [closing] = recorder.parties, recorder.clients, recorder.closings
    assert (party.kind, party.id, party.identity.connection, party.identity.path) == ("client", 1, 1, "/")
    assert (who.name, who.version, who.protocol) == ("tester", "7", "2025-11-25")
    assert (closing.code, closing.reason, closing.by) == (1000, "bye", "them")
    assert (closing.counts.messages_received, closing.counts.messages_sent) == (3, 1)


@pytest.mark.parametrize("observer", [Recorder(), MessageRecorder()], ids=["connections", "messages"])
@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_a_client_of_either_era_is_introduced_once(observer: Recorder, era: Any) -> None:
    app = App("a", "1")
    pair = connected(app, observer=observer, era=era)
    for _ in range(2):
        listing = pair.session.request("tools/list")
        pair.flush()
        result_of(listing)
    assert [(one.name, one.protocol) for one in observer.clients] == [
        ("mcpws", "2025-11-25" if era == "legacy" else "2026-07-28")
    ]
    observer.clients.clear()


def test_a_client_that_speaks_binary_is_introduced_too() -> None:
    recorder = Recorder()
    service, client = served(recorder)
    client.send_frame(2, msgspec.json.encode(INITIALIZE))
    service.flush()
    say(service, client, call(1))
    assert [one.name for one in recorder.clients] == ["tester"]


def test_once_a_client_is_introduced_nobody_looks_at_its_messages() -> None:
    service = Served(RecordingBackend())
    # In place of those that these tests give to every server.
    service.server.observer = Recorder()
    client = service.upgraded()
    connection = service.server.connections[0]
    assert connection.receive != connection.front.receive
    say(service, client, INITIALIZE)
    assert connection.receive == connection.front.receive


def test_an_observer_of_messages_is_told_of_each_and_how_requests_ended() -> None:
    app = App("a", "1")

    @app.tool
    def divide(a: int, b: int) -> int:
        if b == 0:
            raise ToolError("b is 0")
        return a // b

    recorder = MessageRecorder()
    pair = connected(app, observer=recorder, era="legacy")
    del recorder.told[:], recorder.ended[:]
    asked = [pair.session.request("tools/call", {"name": "divide", "arguments": {"a": 1, "b": b}}) for b in (1, 0)]
    asked.append(pair.session.request("resources/read", {"uri": "file:///nowhere"}))
    for one in asked:
        one.addErrback(lambda failure: failure.value)
    pair.flush()
    assert recorder.told == ["received", "sent", "answered"] * 3
    assert recorder.outcomes == [
        ("tools/call", "divide", "ok"),
        ("tools/call", "divide", "failed"),
        ("resources/read", "file:///nowhere", "error"),
    ]
    error = recorder.ended[-1][1].error
    assert error is not None
    assert error.code == -32002


def test_the_time_of_a_request_is_told() -> None:
    recorder = MessageRecorder()
    backend = RecordingBackend()
    service, client = served(recorder, backend)
    say(service, client, INITIALIZE, call(1, name="slow"))
    service.clock.advance(1.5)
    backend.conversations[0].answer(backend.conversations[0].requests[0], {})
    asked, ended = recorder.ended[-1]
    assert (asked.id, asked.subject, ended.outcome, ended.seconds) == (1, "slow", "ok", 1.5)
    assert ended.size == len(b'{"jsonrpc":"2.0","id":1,"result":{}}')


def test_a_request_that_its_client_withdraws_has_ended() -> None:
    recorder = MessageRecorder()
    service, client = served(recorder)
    say(service, client, INITIALIZE, call(1))
    say(service, client, {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    assert recorder.outcomes[-1] == ("tools/call", None, "cancelled")


def test_what_has_no_answer_when_the_client_goes_is_abandoned() -> None:
    recorder = MessageRecorder()
    service, client = served(recorder)
    say(service, client, INITIALIZE, call(1), call(2))
    client.wire.abortConnection()
    service.flush()
    assert [outcome for *_, outcome in recorder.outcomes] == ["ok", "abandoned", "abandoned"]
    assert recorder.told[-3:] == ["answered", "answered", "closed"]
    assert (recorder.closings[0].code, recorder.closings[0].by) == (1006, "them")


def test_a_request_with_an_id_in_use_is_one_of_its_own() -> None:
    recorder = MessageRecorder()
    backend = RecordingBackend()
    service, client = served(recorder, backend)
    say(service, client, INITIALIZE, call(1, name="first"), call(1, name="second"))
    assert recorder.outcomes[1:] == [("tools/call", "second", "error")]
    backend.conversations[0].answer(backend.conversations[0].requests[0], {})
    service.flush()
    assert recorder.outcomes[2:] == [("tools/call", "first", "ok")]


def test_what_belongs_nowhere_is_told_from_either_side() -> None:
    recorder = MessageRecorder()
    backend = RecordingBackend()
    service, client = served(recorder, backend)
    say(service, client, INITIALIZE, {"jsonrpc": "2.0", "id": 9, "result": {}})
    backend.conversations[0].link.send(Result.answering(8, {}))
    backend.conversations[0].link.send(Notification("notifications/progress", to_raw({"progressToken": 7})))
    service.flush()
    assert [type(one) for one in recorder.lost] == [Result, Result, Notification]
    assert service.server.statistics().dropped == 3


@pytest.mark.parametrize("recorder", [Recorder(), MessageRecorder()], ids=["connections", "messages"])
def test_limits_are_told_once_for_each_connection(recorder: Recorder) -> None:
    service, client = served(recorder, max_in_flight=1, max_waiting=1)
    say(service, client, INITIALIZE, *(call(number) for number in range(5)))
    assert recorder.limits == ["max_waiting"]
    recorder.limits.clear()


DEEP = b'{"jsonrpc":"2.0","id":1,"method":"a","params":{"a":[[[[1]]]]}}'


@pytest.mark.parametrize(
    ("settings", "frames", "seconds", "limits", "closed"),
    [
        ({"timeout_seconds": 5}, None, 40, ["timeout_seconds"], False),
        ({"initialize_timeout": 5}, [], 70, ["initialize_timeout", "close_timeout"], True),
        ({"heartbeat_timeout": 50}, [], 120, ["heartbeat_timeout"], True),
        ({"max_message_size": 10}, [b"x" * 11], 0, ["max_message_size"], True),
        ({"max_bad_messages": 1}, [b"{", b"{"], 0, ["max_bad_messages"], True),
        ({"max_name_size": 9}, [msgspec.json.encode(call("x" * 10))], 0, ["max_name_size"], False),
        ({"max_depth": 3}, [DEEP, DEEP], 0, ["max_depth"], False),
        ({"close_timeout": 3, "max_bad_messages": 1}, [b"{", b"{"], 40, ["max_bad_messages", "close_timeout"], True),
    ],
)
def test_whoever_comes_to_a_limit_is_told_by_the_name_of_its_setting(
    settings: dict[str, Any], frames: list[bytes] | None, seconds: float, limits: list[str], closed: bool
) -> None:
    recorder = Recorder()
    service = Served(RecordingBackend(), config=WebSocketConfig(**settings), observer=recorder)
    client = service.raw() if frames is None else service.upgraded()
    for frame in frames or ():
        client.send_frame(TEXT, frame)
    service.flush()
    service.advance(seconds)
    assert recorder.limits == limits
    client.wire.abortConnection()
    service.flush()
    assert [one.by == "us" for one in recorder.closings] == ([] if frames is None else [closed])


def test_a_refusal_is_told_with_what_was_refused_and_what_would_allow_it() -> None:
    recorder = Recorder()
    service = Served(RecordingBackend(), observer=recorder)
    for path, headers in (
        ("/elsewhere", {}),
        ("/", {"Host": "evil.example"}),
        ("/", {"Origin": "https://evil.example"}),
    ):
        client = service.raw()
        client.handshake(path=path, headers=headers)
        service.flush()
    told = [(one.connection, one.status, one.value, one.setting) for one in recorder.refusals]
    assert told == [
        (1, 404, "/elsewhere", "paths"),
        (2, 421, "evil.example", "hosts"),
        (3, 403, "https://evil.example", "origins"),
    ]
    assert recorder.told == ["refused"] * 3


def test_an_observer_with_a_defect_disturbs_nobody(logged_errors: LoggedErrors) -> None:
    app = App("a", "1")

    @app.tool
    def add(a: int, b: int) -> int:
        return a + b

    raising = Raising()
    pair = connected(app, observer=raising, era="legacy")
    sum = pair.session.request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
    pair.flush()
    assert result_of(sum)["structuredContent"] == {"result": 3}
    assert raising.times == len(logged_errors.flush(LookupError)) > 5
