"""What is written of connections, requests, children and limits: the same lines in memory as in a real process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from mcpws import App, ToolError, WebSocketConfig
from mcpws.jsonrpc.messages import ErrorObject
from mcpws.log.events import (
    FAILED_PER_SECOND,
    REFUSED_PER_SECOND,
    AccessLog,
    ConnectionLog,
    log_child_ended,
    log_child_started,
    log_limit,
    log_refused,
    option_of,
    quoted,
    service_log,
)
from mcpws.log.output import json_line, text_line
from mcpws.mcp.naming import MAX_TEXT
from mcpws.seam.interfaces import Identity
from mcpws.seam.observer import Call, ClientInfo, Closing, Ended, Exit, Observer, Party, Refused
from mcpws.testing import RawClient, RecordingBackend, Served
from mcpws.testing.raw import CLOSE
from tests.fronts.test_watch import INITIALIZE, call, say

pytestmark = pytest.mark.not_mcp("requests and results say no more than the rules for them need", made=True)

WHO = Identity("tcp4:127.0.0.1:50000", path="/mcp", connection=3)


class Log:
    """The events of `mcpws` since it was made."""

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    @property
    def lines(self) -> list[str]:
        """As they look, without the time."""
        return [text_line(event)[:-1].split(" ", 1)[1] for event in self.events]

    @property
    def members(self) -> list[dict[str, Any]]:
        """As JSON, without the time and the line."""
        whole = [json.loads(json_line(event)) for event in self.events]
        return [{name: value for name, value in one.items() if name not in ("time", "message")} for one in whole]


@pytest.fixture
def log() -> Iterator[Log]:
    log = Log()

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        if "event" in event:
            log.events.append(event)

    globalLogPublisher.addObserver(observe)
    yield log
    globalLogPublisher.removeObserver(observe)


app = App("shop", "1")


@app.tool
def divide(a: int, b: int) -> int:
    if b == 0:
        raise ToolError("b is 0")
    return a // b


def served(observer: Observer | None, **settings: Any) -> tuple[Served, RawClient]:
    service = Served(app, config=WebSocketConfig(**settings), observer=observer)
    return service, service.upgraded()


def ask(id: int, b: int) -> dict[str, Any]:
    return call(id, name="divide", arguments={"a": 4, "b": b})


def test_a_connection_is_three_lines(log: Log) -> None:
    service, client = served(ConnectionLog())
    say(service, client, INITIALIZE, ask(1, 0))
    service.clock.advance(2.5)
    client.send_frame(CLOSE, b"\x03\xe8bye bye")
    service.flush()
    assert [line.partition(" after")[0] for line in log.lines] == [
        "[mcpws.connection#info] #1 tcp4:127.0.0.1:50000 connected: path /",
        "[mcpws.connection#info] #1 tcp4:127.0.0.1:50000 is tester 7, MCP 2025-11-25",
        "[mcpws.connection#info] #1 tcp4:127.0.0.1:50000 closed by client with 1000 'bye bye'",
    ]
    about = {"logger": "mcpws.connection", "level": "info", "connection": 1, "peer": "tcp4:127.0.0.1:50000"}
    connected, client_is, closed = log.members
    assert connected == {**about, "event": "connected", "path": "/"}
    assert client_is == {**about, "event": "client", "client": "tester", "client_version": "7", "mcp": "2025-11-25"}
    counted = {name: closed.pop(name) for name in ("bytes_received", "bytes_sent")}
    assert all(count > 100 for count in counted.values())
    assert closed == {
        **about,
        "event": "closed",
        "by": "client",
        "code": 1000,
        "reason": "bye bye",
        "seconds": 2.5,
        "messages_received": 2,
        "messages_sent": 2,
    }


def test_what_a_handshake_tells_is_in_the_line(log: Log) -> None:
    service = Served(RecordingBackend(), observer=ConnectionLog())
    client = service.raw()
    client.handshake(
        path="/mcp?token=secret",
        headers={
            "Origin": "http://localhost:3000",
            "Sec-WebSocket-Protocol": "mcp",
            "User-Agent": "Mozilla/5.0 (X11)",
            "Authorization": "Bearer secret",
        },
    )
    service.flush()
    [line] = log.lines
    assert line.endswith(
        "connected: path /mcp, origin http://localhost:3000, subprotocol mcp, user agent 'Mozilla/5.0 (X11)'"
    )
    assert "secret" not in json.dumps(log.members)


@pytest.mark.parametrize(
    ("level", "shown"),
    [
        ("info", ["info ok", "info failed", "info error"]),
        ("debug", ["debug ok", "info failed", "info error"]),
        (None, ["info failed", "info error"]),
    ],
)
def test_requests_that_go_well_are_as_important_as_one_likes(log: Log, level: Any, shown: list[str]) -> None:
    service, client = served(AccessLog(level))
    say(service, client, INITIALIZE)
    log.events.clear()
    say(service, client, ask(1, 2), ask(2, 0), call(3, "resources/read", uri="file:///nowhere"))
    assert [f"{one['level']} {one['outcome']}" for one in log.members] == shown


def test_a_request_is_a_line_without_its_arguments(log: Log) -> None:
    service, client = served(AccessLog())
    say(service, client, INITIALIZE)
    log.events.clear()
    say(service, client, ask(1, 2), ask(2, 0), call(3, "resources/read", uri="file:///no where"))
    begins = "[mcpws.request#info] #1 tcp4:127.0.0.1:50000"
    assert [line.partition(" in 0.0 s")[0] for line in log.lines] == [
        f"{begins} tools/call divide: ok",
        f"{begins} tools/call divide: failed",
        f"{begins} resources/read 'file:///no where': error -32002 'Resource not found: file:///no where'",
    ]
    ok, failed, error = log.members
    assert ok.pop("bytes") > 50
    assert ok == {
        "logger": "mcpws.request",
        "level": "info",
        "event": "request",
        "connection": 1,
        "peer": "tcp4:127.0.0.1:50000",
        "method": "tools/call",
        "name": "divide",
        "request": 1,
        "outcome": "ok",
        "seconds": 0.0,
    }
    assert (failed["outcome"], "code" in failed) == ("failed", False)
    assert (error["code"], error["error"]) == (-32002, "Resource not found: file:///no where")
    assert "arguments" not in json.dumps(log.members)


@pytest.mark.parametrize("padding", [0, 10_000])
def test_a_request_tells_of_the_trace_that_it_belongs_to(log: Log, padding: int) -> None:
    service, client = served(AccessLog())
    say(service, client, INITIALIZE)
    log.events.clear()
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    traced = ask(1, 2)
    traced["params"]["_meta"] = {"traceparent": f"00-{trace}-{span}-01", "more": "x" * padding}
    malformed = ask(2, 2)
    malformed["params"]["_meta"] = {"traceparent": f"00-{trace}-{span}", "more": "x" * padding}
    say(service, client, traced, malformed)
    assert [line.endswith(f", trace {trace}") for line in log.lines] == [True, False]
    assert [(one.get("trace_id"), one.get("span_id")) for one in log.members] == [(trace, span), (None, None)]


def test_else_it_belongs_to_the_trace_of_its_handshake(log: Log) -> None:
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    service = Served(app, observer=AccessLog())
    client = service.raw()
    client.handshake(headers={"traceparent": f"00-{trace}-{span}-01"})
    service.flush()
    client.take_head()
    say(service, client, INITIALIZE)
    [request] = [one for one in log.members if one["event"] == "request"]
    assert (request["trace_id"], request["span_id"]) == (trace, span)


@pytest.mark.parametrize(
    ("path", "headers", "line", "members"),
    [
        (
            "/elsewhere",
            {},
            "refused with 404: nothing is served at this path, /elsewhere (--path serves it)",
            {"status": 404, "value": "/elsewhere", "setting": "paths", "option": "--path"},
        ),
        (
            "/",
            {"Host": "mcp.example.com"},
            "refused with 421: this host is not served here, mcp.example.com (--allow-host allows it)",
            {"status": 421, "value": "mcp.example.com", "setting": "hosts", "option": "--allow-host"},
        ),
        (
            "/",
            {"Origin": "https://evil.example"},
            "refused with 403: this origin may not connect, https://evil.example (--allow-origin allows it)",
            {"status": 403, "value": "https://evil.example", "setting": "origins", "option": "--allow-origin"},
        ),
        (
            "/",
            {"Origin": "x\x9b31m y"},
            r"refused with 403: this origin may not connect, 'x\x9b31m y' (--allow-origin allows it)",
            {"status": 403, "value": "x\x9b31m y", "setting": "origins", "option": "--allow-origin"},
        ),
        ("/", {"Upgrade": None}, "refused with 426: this is a WebSocket endpoint", {"status": 426}),
    ],
)
def test_a_refusal_says_what_was_refused_and_what_would_allow_it(
    log: Log, path: str, headers: dict[str, Any], line: str, members: dict[str, Any]
) -> None:
    service = Served(RecordingBackend())
    client = service.raw()
    client.handshake(path=path, headers=headers)
    service.flush()
    assert log.lines == [f"[mcpws.connection#info] #1 tcp4:127.0.0.1:50000 {line}"]
    [told] = log.members
    assert told["event"] == "refused"
    assert {name: told.get(name) for name in ("status", "value", "setting", "option") if name in told} == members


def test_an_origin_that_has_to_be_there_is_asked_for(log: Log) -> None:
    service = Served(RecordingBackend(), config=WebSocketConfig(require_origin=True))
    service.raw().handshake()
    service.flush()
    [line] = log.lines
    assert line.endswith("refused with 403: this origin may not connect (--require-origin asks for one)")


def test_who_finds_the_server_full_is_told_of_with_the_setting(log: Log) -> None:
    service = Served(RecordingBackend(), config=WebSocketConfig(max_connections=1))
    service.upgraded()
    client = service.raw()
    client.handshake()
    service.raw()
    service.flush()
    assert [line.split(" ", 1)[1] for line in log.lines] == [
        "tcp4:127.0.0.1:50002 refused: as many connections as may be have yet to finish their handshake"
        " (--max-connections allows more)",
        "#2 tcp4:127.0.0.1:50001 refused with 503: no connection is free (--max-connections allows more)",
    ]


def test_nobody_can_fill_the_log_with_refusals(log: Log) -> None:
    service = Served(RecordingBackend())

    def knock(times: int) -> None:
        for _ in range(times):
            service.raw().handshake(path="/elsewhere")
        service.flush()

    knock(REFUSED_PER_SECOND + 20)
    assert len(log.lines) == REFUSED_PER_SECOND
    service.advance(1)
    knock(1)
    assert log.lines[REFUSED_PER_SECOND] == "[mcpws.connection#info] 20 more connections were refused"
    assert len(log.lines) == REFUSED_PER_SECOND + 2
    assert service.server.statistics().connections_refused == REFUSED_PER_SECOND + 21


@pytest.mark.parametrize(("level", "told"), [(None, FAILED_PER_SECOND), ("debug", FAILED_PER_SECOND + 20)])
def test_nobody_can_fill_the_log_with_failures_unless_all_is_to_be_told(log: Log, level: Any, told: int) -> None:
    service, client = served(AccessLog(level))
    say(service, client, INITIALIZE)
    log.events.clear()
    say(service, client, *(ask(number, 0) for number in range(FAILED_PER_SECOND + 20)))
    assert len(log.lines) == told
    service.clock.advance(1)
    say(service, client, ask(1, 0))
    more = ["[mcpws.request#info] 20 more requests that failed"] if level is None else []
    assert log.lines[told:-1] == more


def test_a_limit_is_a_warning_once_for_each_connection(log: Log) -> None:
    service, client = served(None, max_bad_messages=1)
    for _ in range(5):
        client.send_frame(1, b"{")
    service.flush()
    assert log.lines == [
        "[mcpws.limit#warn] #1 tcp4:127.0.0.1:50000 came to the limit max_bad_messages, which is 1"
        " (--max-bad-messages sets it)"
    ]
    assert log.members[0] == {
        "logger": "mcpws.limit",
        "level": "warn",
        "event": "limit",
        "connection": 1,
        "peer": "tcp4:127.0.0.1:50000",
        "setting": "max_bad_messages",
        "limit": 1,
        "option": "--max-bad-messages",
    }


@pytest.mark.parametrize(
    ("exit", "level", "said"),
    [
        (Exit(0, None, False, 1.5), "info", "exited with status 0 after 1.5 s"),
        (Exit(3, None, True, 1.5), "warn", "exited with status 3 after 1.5 s, by itself"),
        (Exit(None, 9, True, 0.0001), "warn", "was killed by signal 9 (Killed) after 0.0 s, by itself"),
    ],
)
def test_a_child_is_tied_to_its_connection(log: Log, exit: Exit, level: str, said: str) -> None:
    log_child_started(WHO, 77, "/usr/bin/my server")
    log_child_ended(WHO, 77, exit)
    assert log.lines == [
        "[mcpws.child#info] #3 tcp4:127.0.0.1:50000 child 77 started: '/usr/bin/my server'",
        f"[mcpws.child#{level}] #3 tcp4:127.0.0.1:50000 child 77 {said}",
    ]
    assert [(one["event"], one["connection"], one["pid"]) for one in log.members] == [
        ("child_started", 3, 77),
        ("child_ended", 3, 77),
    ]


def test_a_client_that_is_dropped_and_a_shutdown_are_told_apart(log: Log) -> None:
    service, client = served(ConnectionLog())
    dropped = service.upgraded()
    dropped.wire.abortConnection()
    service.flush()
    service.server.drain(0)
    service.flush()
    client.send_frame(CLOSE, b"\x03\xe9")
    service.flush()
    assert [line.split(" ", 2)[2].partition(" after")[0] for line in log.lines[2:]] == [
        "tcp4:127.0.0.1:50001 closed by client with 1006 'dropped without a closing handshake'",
        "tcp4:127.0.0.1:50000 closed by server with 1001 'the service is shutting down'",
    ]


@pytest.mark.parametrize(
    ("access_log", "level", "kind"),
    [
        (None, "info", AccessLog),
        (None, "debug", AccessLog),
        (True, "info", AccessLog),
        (False, "info", ConnectionLog),
        (True, "warn", type(None)),
        (None, "error", type(None)),
    ],
)
def test_nobody_is_told_what_the_log_does_not_have(access_log: bool | None, level: str, kind: type) -> None:
    assert type(service_log(access_log, level)) is kind


def test_options_are_spelled_as_on_the_command_line() -> None:
    assert [option_of(one) for one in ("hosts", "origins", "paths", "max_depth")] == [
        "--allow-host",
        "--allow-origin",
        "--path",
        "--max-depth",
    ]


texts = st.text() | st.text("\n\r\x1b\x9b\u202e'\"\\ #:[]{}%", min_size=1) | st.text(min_size=MAX_TEXT + 1)


@given(texts)
def test_a_text_of_somebody_else_is_bounded_and_has_no_blank_outside_quotes(text: str) -> None:
    shown = quoted(text)
    assert shown.isprintable()
    assert len(shown) <= 10 * MAX_TEXT + 2
    if " " in shown or not shown:
        assert shown[0] == shown[-1]
        assert shown[0] in "'\""


@settings(deadline=None)
@given(texts, texts, texts, texts, texts, st.integers())
def test_whatever_a_client_says_an_event_stays_one_line(a: str, b: str, c: str, d: str, e: str, code: int) -> None:
    log = Log()

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        log.events.append(event)

    headers = {"origin": a, "user-agent": b}
    party = Party("client", 1, Identity(c, path=d, headers=headers, subprotocol=e, connection=1))
    observer = AccessLog()
    globalLogPublisher.addObserver(observe)
    try:
        observer.opened(party)
        observer.introduced(party, ClientInfo(a, b, c))
        observer.answered(party, Call(a, b, 0.0, None, c), Ended("error", 1.0, 5, ErrorObject(code, d)))
        observer.closed(party, Closing(1000, a, "them", 1.0, service_counts()))
        log_refused(Refused(1, a, 403, "this origin may not connect", b, "origins"))
        log_child_started(party.identity, 1, a)
        log_limit(party.identity, "max_depth", 5)
    finally:
        globalLogPublisher.removeObserver(observe)
    assert len(log.events) == 7
    for event in log.events:
        # Also in a line that somebody else's observer has made.
        assert str(event["line"]).isprintable()
        assert event["log_format"] == "{line}"
        assert len(event["line"]) < 60 * MAX_TEXT
        assert all(len(value) <= MAX_TEXT for name, value in event.items() if isinstance(value, str) and name != "line")


def service_counts() -> Any:
    return Served(RecordingBackend()).server.statistics()
