"""The stdio front in memory: a client's lines on one side, a backend that the test plays on the other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from mcpws.errors import BackendLost, ConnectFailed, ConnectionClosed, InvalidParams, McpwsError
from mcpws.fronts.stdio import StdioFront
from mcpws.jsonrpc.messages import Error, Notification, Request, to_raw
from mcpws.seam.interfaces import Channel, Link
from mcpws.testing import RecordedConversation, RecordingBackend, result_of

GRACE = 5
GREETING = {"protocolVersion": "2025-11-25", "capabilities": {}}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {**GREETING, "clientInfo": {"name": "tester", "version": "1"}},
}
INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


def request(id: int | str, method: str = "tools/call") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": {"name": "x"}}


def cancelled(id: int | str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}


class LateBackend:
    """Lets the test say when, and how, the conversation begins."""

    def __init__(self) -> None:
        self.opening: Deferred[Channel] = Deferred()
        self.link: Link | None = None

    def open(self, link: Link) -> Deferred[Channel]:
        self.link = link
        return self.opening

    def begin(self) -> RecordedConversation:
        assert self.link is not None
        conversation = RecordedConversation(self.link, initialize=False)
        self.opening.callback(conversation)
        return conversation

    def stop(self) -> Deferred[None]:
        return succeed(None)


class Terminal:
    """The client of a StdioFront, which writes lines and reads what is answered."""

    def __init__(self, backend: Any, **limits: Any) -> None:
        self.clock = Clock()
        self.transport = StringTransport()
        self.front = StdioFront(backend, clock=self.clock, grace=GRACE, **limits)
        self.done = self.front.when_done()
        self.front.makeConnection(self.transport)

    def says(self, *messages: dict[str, Any]) -> None:
        """Write these messages at once."""
        self.writes(b"".join(json.dumps(message).encode() + b"\n" for message in messages))

    def writes(self, data: bytes) -> None:
        self.front.dataReceived(data)

    def hangs_up(self) -> None:
        """Close standard input."""
        self.front.readConnectionLost()

    def reads(self) -> list[dict[str, Any]]:
        """Everything that was answered since the last time."""
        lines = self.transport.value().splitlines(keepends=True)
        self.transport.clear()
        assert all(line.endswith(b"\n") for line in lines)
        return [json.loads(line) for line in lines]

    def stops_reading(self) -> None:
        """More waits to be read than the transport holds."""
        assert self.transport.producer is not None
        self.transport.producer.pauseProducing()

    def reads_on(self) -> None:
        assert self.transport.producer is not None
        self.transport.producer.resumeProducing()

    def is_read(self) -> bool:
        """Whether the front reads what the client writes."""
        return self.transport.producerState == "producing"

    def ends(self) -> McpwsError | None:
        """The front has closed the transport, whose output is out now; what it was done with."""
        assert self.transport.disconnecting
        assert not self.done.called
        self.front.connectionLost()
        assert self.clock.getDelayedCalls() == []
        return result_of(self.done)


def ready(**limits: Any) -> tuple[Terminal, RecordedConversation]:
    """An initialised conversation."""
    backend = RecordingBackend()
    terminal = Terminal(backend, **limits)
    terminal.says(INITIALIZE, INITIALIZED)
    assert [answer["id"] for answer in terminal.reads()] == [0]
    return terminal, backend.conversations[0]


def test_it_is_what_standard_io_expects() -> None:
    front = Terminal(RecordingBackend()).front
    assert verifyObject(IHalfCloseableProtocol, front)
    assert verifyObject(IPushProducer, front)


def test_messages_pass_both_ways_one_a_line() -> None:
    terminal, remote = ready()
    terminal.says(request(1), {"jsonrpc": "2.0", "method": "notifications/roots/list_changed"})
    remote.answer(remote.requests[0], {"content": []})
    remote.link.send(Notification("notifications/message", to_raw({"level": "info", "data": "hello"})))
    remote.link.send(Request("s1", "roots/list"))
    assert terminal.reads() == [
        {"jsonrpc": "2.0", "id": 1, "result": {"content": []}},
        {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "hello"}},
        {"jsonrpc": "2.0", "id": "s1", "method": "roots/list"},
    ]
    terminal.says({"jsonrpc": "2.0", "id": "s1", "result": {"roots": []}})
    assert [type(message).__name__ for message in remote.received] == ["Request", "Notification", "Result"]


def test_a_message_with_line_feeds_between_its_tokens_is_one_line() -> None:
    terminal, remote = ready()
    remote.link.send(Notification("a", None, b'{"jsonrpc":"2.0",\n"method":"a"\r\n}'))
    assert terminal.reads() == [{"jsonrpc": "2.0", "method": "a"}]


def test_lines_may_come_in_any_pieces() -> None:
    terminal, remote = ready()
    for byte in b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}\r\n\n':
        terminal.writes(bytes([byte]))
    assert [one.id for one in remote.requests] == [1]


@pytest.mark.parametrize(
    ("line", "code", "id"),
    [
        (b"nonsense", -32700, None),
        (b"\xff", -32700, None),
        (b"[" * 200 + b"]" * 200, -32700, None),
        (b"[]", -32600, None),
        (b'{"jsonrpc":"1.0","id":3,"method":"ping"}', -32600, 3),
    ],
)
def test_what_is_no_message_is_answered_with_an_error(line: bytes, code: int, id: int | None) -> None:
    terminal, remote = ready()
    terminal.writes(line + b"\n")
    [answer] = terminal.reads()
    assert (answer["error"]["code"], answer.get("id")) == (code, id)
    terminal.says(request(1))
    assert len(remote.requests) == 1


def test_a_request_before_initialize_is_refused() -> None:
    terminal = Terminal(RecordingBackend())
    terminal.says(request(1))
    [answer] = terminal.reads()
    assert (answer["id"], answer["error"]["code"]) == (1, -32602)


def test_what_is_read_while_the_backend_begins_waits_in_order() -> None:
    backend = LateBackend()
    terminal = Terminal(backend)
    assert terminal.is_read()
    terminal.says(request(1, "ping"), request(2, "ping"))
    terminal.says(request(3, "ping"))
    assert not terminal.front.began
    remote = backend.begin()
    assert [one.id for one in remote.requests] == [1, 2, 3]
    assert terminal.front.began


def test_the_end_of_the_input_is_seen_while_initialize_is_not_answered() -> None:
    backend = RecordingBackend(initialize=False)
    terminal = Terminal(backend)
    terminal.says(INITIALIZE, request(1))
    assert terminal.is_read()
    terminal.hangs_up()
    terminal.clock.advance(GRACE)
    assert [(answer["id"], answer["error"]["code"]) for answer in terminal.reads()] == [(0, 502), (1, -32602)]
    assert terminal.ends() is None


def test_what_waits_for_the_answer_to_initialize_is_bounded() -> None:
    backend = RecordingBackend(initialize=False)
    terminal = Terminal(backend, max_queued_bytes=10_000)
    terminal.says(INITIALIZE)
    sent = 0
    while terminal.is_read():
        terminal.says(request(sent := sent + 1))
        assert sent < 1000
    [remote] = backend.conversations
    remote.answer(remote.requests[0], {**GREETING, "serverInfo": {"name": "served", "version": "1"}})
    assert terminal.is_read()
    assert len(remote.requests) == sent + 1


def test_what_follows_initialize_in_one_go_waits_for_its_answer() -> None:
    backend = RecordingBackend(initialize=False)
    terminal = Terminal(backend)
    terminal.says(request(9, "ping"), INITIALIZE, request(8, "ping"), INITIALIZED, request(1))
    terminal.hangs_up()
    [remote] = backend.conversations
    assert [one.id for one in remote.requests] == [9, 0, 8]
    remote.answer(remote.requests[1], {**GREETING, "serverInfo": {"name": "served", "version": "1"}})
    assert [getattr(message, "method", None) for message in remote.received[3:]] == [
        "notifications/initialized",
        "tools/call",
    ]
    for id in (9, 8, 1):
        remote.answer(next(one for one in remote.requests if one.id == id), {"content": []})
    assert [answer["id"] for answer in terminal.reads()] == [0, 9, 8, 1]
    assert terminal.ends() is None


def test_what_follows_a_refused_initialize_is_refused_as_well() -> None:
    backend = RecordingBackend(initialize=False)
    terminal = Terminal(backend)
    terminal.says(INITIALIZE, request(1))
    [remote] = backend.conversations
    remote.answer(remote.requests[0], InvalidParams("no such version"))
    assert [(answer["id"], answer["error"]["code"]) for answer in terminal.reads()] == [(0, -32602), (1, -32602)]
    assert terminal.is_read()


def test_with_everything_in_flight_requests_wait_and_the_rest_gets_through() -> None:
    terminal, remote = ready(max_in_flight=2, max_waiting=2)
    terminal.says(*(request(id) for id in range(1, 6)), request("p", "ping"), cancelled(1), cancelled(3))
    assert [one.id for one in remote.requests] == [1, 2, "p"]
    assert [(answer["id"], answer["error"]["code"]) for answer in terminal.reads()] == [(5, 429)]
    remote.answer(remote.requests[2], {})
    assert [one.id for one in remote.requests] == [1, 2, "p", 4]
    assert [answer["id"] for answer in terminal.reads()] == ["p"]


def test_a_slow_backend_slows_the_client() -> None:
    terminal, remote = ready(max_waiting=2)
    remote.link.pauseProducing()
    terminal.says(request(1))
    assert terminal.is_read()
    terminal.says(cancelled(1), request(2), request(3))
    assert not terminal.is_read()
    remote.link.resumeProducing()
    assert terminal.is_read()
    assert [one.id for one in remote.requests] == [2, 3]


def test_a_slow_client_slows_the_backend() -> None:
    terminal, remote = ready()
    terminal.stops_reading()
    slowed = remote.paused
    terminal.says(request(1))
    assert remote.requests == []
    terminal.reads_on()
    assert (slowed, remote.paused) == (True, False)
    assert len(remote.requests) == 1


def test_a_client_that_does_not_read_is_not_read_once_it_has_caused_too_much() -> None:
    terminal, remote = ready(max_queued_bytes=500)
    remote.link.send(Request("s1", "roots/list"))
    terminal.stops_reading()
    terminal.writes(b"nonsense\n")
    assert terminal.is_read()
    terminal.writes(b"nonsense\n" * 20 + json.dumps(request(1)).encode() + b"\n")
    assert not terminal.is_read()
    assert len(terminal.reads()) < 10
    while not terminal.is_read():
        terminal.reads_on()
        terminal.stops_reading()
    assert len(remote.requests) == 1


def test_a_long_answer_becomes_an_error() -> None:
    terminal, remote = ready(max_line=1000)
    terminal.says(request(1))
    remote.answer(remote.requests[0], "x" * 1000)
    [answer] = terminal.reads()
    assert (answer["id"], answer["error"]["code"]) == (1, 413)


def test_a_line_over_the_limit_is_answered_and_skipped_whatever_its_length() -> None:
    terminal, remote = ready(max_line=1000)
    terminal.says(request(1))
    for _ in range(5):
        terminal.writes(b"x" * 1001)
    terminal.writes(b"\n" + json.dumps(request(2)).encode() + b"\n")
    [answer] = terminal.reads()
    assert answer == {
        "jsonrpc": "2.0",
        "error": {
            "code": -32600,
            "message": "Invalid Request",
            "data": {"reason": "a line of 5005 bytes, more than the limit of 1000"},
        },
    }
    assert [one.id for one in remote.requests] == [1, 2]


@pytest.mark.parametrize("last", [False, True])
def test_a_request_over_the_limit_is_refused_by_its_id(last: bool) -> None:
    terminal, remote = ready(max_line=1000)
    head = {"jsonrpc": "2.0", "id": 7, "method": "tools/call"}
    long = {"params": {"x": "y" * 1000}}
    terminal.says(long | head if last else head | long)
    [answer] = terminal.reads()
    assert (answer["id"], answer["error"]["code"]) == (7, -32600)
    assert remote.requests == []


def test_a_byte_order_mark_before_the_first_line_is_skipped() -> None:
    terminal = Terminal(RecordingBackend())
    terminal.writes(b"\xef\xbb\xbf" + json.dumps(INITIALIZE).encode() + b"\n")
    assert [answer["id"] for answer in terminal.reads()] == [0]


@pytest.mark.proves("M-15")
@pytest.mark.parametrize(
    "answer",
    [
        b'{"jsonrpc":"2.0","id":5,"result":{"v":NaN}}',
        b'{"jsonrpc":"2.0","id":5,"error":"boom"}',
        b'{"jsonrpc":"2.0","id":5}',
        b'{"id":5,"result":{}}',
        b'{"jsonrpc":"2.0","id":5,"result":"' + b"x" * 1000 + b'"}',
    ],
)
def test_what_the_server_asked_fails_when_the_answer_cannot_be_used(answer: bytes) -> None:
    terminal, remote = ready(max_line=1000)
    remote.link.send(Request(5, "roots/list"))
    terminal.writes(answer + b"\n")
    [failed] = remote.received
    assert isinstance(failed, Error)
    assert (failed.id, failed.error.code) == (5, 502)
    [asked, refusal] = terminal.reads()
    assert asked["method"] == "roots/list"
    assert refusal["error"]["code"] in (-32700, -32600)


def test_the_end_of_input_ends_an_idle_conversation_at_once() -> None:
    terminal, remote = ready()
    terminal.hangs_up()
    assert remote.closed is not None
    assert terminal.ends() is None


def test_the_end_of_input_lets_what_is_in_flight_be_answered() -> None:
    terminal, remote = ready()
    terminal.says(request(1))
    terminal.hangs_up()
    terminal.clock.advance(GRACE - 1)
    assert remote.closed is None
    remote.answer(remote.requests[0], {"content": []})
    assert [answer["id"] for answer in terminal.reads()] == [1]
    assert terminal.ends() is None


def test_the_last_line_needs_no_line_feed() -> None:
    terminal, remote = ready()
    terminal.writes(json.dumps(request(1)).encode())
    terminal.hangs_up()
    assert len(remote.requests) == 1
    remote.answer(remote.requests[0], {"content": []})
    assert terminal.ends() is None


def test_what_is_not_answered_in_time_after_the_end_of_input_gets_errors() -> None:
    terminal, remote = ready(max_in_flight=1)
    terminal.says(request(1), request("waits"), INITIALIZED)
    terminal.hangs_up()
    terminal.clock.advance(GRACE)
    answers = terminal.reads()
    assert [(answer["id"], answer["error"]["code"]) for answer in answers] == [(1, 502), ("waits", 502)]
    assert answers[0]["error"]["message"] == "No answer came within 5 s after the end of the input"
    assert remote.closed is not None
    assert terminal.ends() is None


def test_an_end_of_input_before_the_backend_has_begun_waits_for_that() -> None:
    backend = LateBackend()
    terminal = Terminal(backend)
    terminal.hangs_up()
    assert not terminal.transport.disconnecting
    remote = backend.begin()
    assert remote.closed is not None
    assert terminal.ends() is None


def test_a_backend_that_does_not_begin_in_time_after_the_end_of_input_is_given_up() -> None:
    backend = LateBackend()
    terminal = Terminal(backend)
    terminal.hangs_up()
    terminal.clock.advance(GRACE)
    assert backend.opening.called
    assert isinstance(terminal.ends(), BackendLost)


def test_a_backend_that_cannot_begin_is_told_to_who_asked() -> None:
    backend = LateBackend()
    terminal = Terminal(backend)
    terminal.says(INITIALIZE, INITIALIZED)
    backend.opening.errback(ConnectFailed("ws://x", "refused"))
    assert [(answer["id"], answer["error"]) for answer in terminal.reads()] == [
        (0, {"code": 502, "message": "cannot connect to ws://x: refused"})
    ]
    assert isinstance(terminal.ends(), ConnectFailed)
    assert not terminal.front.began


def test_a_backend_that_fails_at_once_ends_the_conversation() -> None:
    class Failing(LateBackend):
        def open(self, link: Link) -> Deferred[Channel]:
            return fail(ConnectFailed("ws://x", "refused"))

    terminal = Terminal(Failing())
    assert isinstance(terminal.ends(), ConnectFailed)
    assert not terminal.front.began


def test_a_lost_backend_ends_the_conversation_with_its_reason() -> None:
    terminal, remote = ready(max_in_flight=1)
    terminal.says(request(1), request("waits"))
    remote.link.lost(ConnectionClosed(1006, ""))
    assert [(answer["id"], answer["error"]["code"]) for answer in terminal.reads()] == [(1, 502), ("waits", 502)]
    terminal.says(request(3))
    assert terminal.reads() == []
    assert isinstance(terminal.ends(), ConnectionClosed)
    assert terminal.front.began


def test_a_backend_that_says_why_it_ends_is_quoted() -> None:
    terminal, remote = ready()
    terminal.says(request(1))
    remote.link.lost(BackendLost("exited with 3"))
    [answer] = terminal.reads()
    assert answer["error"]["message"] == "exited with 3"
    assert isinstance(terminal.ends(), BackendLost)


def test_a_closed_output_ends_the_conversation_at_once() -> None:
    terminal, remote = ready()
    terminal.says(request(1))
    terminal.front.stopProducing()
    terminal.front.writeConnectionLost()
    assert remote.closed is not None
    assert result_of(terminal.done) is None
    assert result_of(terminal.front.when_done()) is None
    assert terminal.front.output_lost
    assert terminal.transport.disconnecting
    assert terminal.clock.getDelayedCalls() == []


@pytest.mark.parametrize(("reason", "lost"), [(ConnectionDone(), False), (ConnectionLost(), True)])
def test_it_knows_whether_the_output_was_written_to_its_end(reason: Exception, lost: bool) -> None:
    terminal, _ = ready()
    terminal.hangs_up()
    terminal.front.connectionLost(Failure(reason))
    assert result_of(terminal.done) is None
    assert terminal.front.output_lost is lost


def test_stop_answers_what_is_open_and_ends() -> None:
    terminal, remote = ready(max_in_flight=1)
    terminal.says(request(1), request(2))
    terminal.front.stop()
    assert [(answer["id"], answer["error"]["code"]) for answer in terminal.reads()] == [(1, 503), (2, 503)]
    assert remote.closed is not None
    assert terminal.ends() is None
    terminal.front.stop()
    assert terminal.clock.getDelayedCalls() == []


def test_stop_does_not_wait_for_ever_for_a_client_that_does_not_read() -> None:
    terminal, _ = ready()
    terminal.stops_reading()
    terminal.front.stop()
    terminal.clock.advance(GRACE)
    assert result_of(terminal.done) is None


def test_otherwise_the_output_is_written_to_its_end_however_slowly() -> None:
    terminal, remote = ready()
    terminal.says(request(1))
    terminal.stops_reading()
    remote.answer(remote.requests[0], {"content": []})
    terminal.hangs_up()
    terminal.clock.advance(100 * GRACE)
    assert [answer["id"] for answer in terminal.reads()] == [1]
    assert terminal.ends() is None


def test_the_time_for_answers_stands_still_while_the_client_reads_too_slowly() -> None:
    terminal, remote = ready()
    terminal.says(request(1), request(2), request(3))
    terminal.stops_reading()
    terminal.hangs_up()
    terminal.clock.advance(100 * GRACE)
    remote.answer(remote.requests[0], {"content": []})
    terminal.reads_on()
    terminal.clock.advance(GRACE - 1)
    terminal.stops_reading()
    terminal.clock.advance(100 * GRACE)
    remote.answer(remote.requests[1], {"content": []})
    terminal.reads_on()
    terminal.clock.advance(GRACE)
    assert [(answer["id"], "result" in answer) for answer in terminal.reads()] == [(1, True), (2, True), (3, False)]
    assert terminal.ends() is None


def test_waiting_for_the_end_may_be_given_up() -> None:
    terminal, _ = ready()
    other = terminal.front.when_done()
    other.cancel()
    with pytest.raises(CancelledError):
        result_of(other)
    terminal.hangs_up()
    assert terminal.ends() is None
