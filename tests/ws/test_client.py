"""The client's end, against servers that do only what the test says."""

import json
import struct
from typing import Any, cast

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import ConnectionState
from mcpws.errors import (
    ConfigError,
    ConnectFailed,
    ConnectionClosed,
    HandshakeRefused,
    McpwsError,
    MessageTooLarge,
    QueueFull,
    ResultTooLarge,
)
from mcpws.jsonrpc.messages import Error, Message, Notification, Request, Result, to_raw
from mcpws.testing import Network, RawServer, RecordingBackend, Served, result_of
from mcpws.testing.raw import CLOSE, TEXT
from mcpws.ws.client import ClientConnectionFactory, ClientProtocol
from mcpws.ws.target import Target

URL = "ws://127.0.0.1:8082"
KIB = 1024
MIB = 1024 * KIB


class Recorder:
    """Keeps what comes."""

    in_flight = 3

    def __init__(self) -> None:
        self.received: list[Message] = []
        self.reason: McpwsError | None = None
        self.told: list[str] = []

    def receive(self, message: Message) -> None:
        self.received.append(message)

    def pause_sending(self) -> None:
        self.told.append("pause")

    def resume_sending(self) -> None:
        self.told.append("resume")

    def lost(self, reason: McpwsError) -> None:
        assert self.reason is None
        self.reason = reason


class Rig:
    """A client that has connected to a server in bytes, and has sent its handshake."""

    def __init__(self, url: str = URL, config: WebSocketConfig | None = None, **arguments: Any) -> None:
        self.network = Network()
        self.recorder = Recorder()
        self.server = RawServer()
        target = Target(url, **arguments)
        self.factory = ClientConnectionFactory(
            target, lambda connection: self.recorder, config, reactor=self.network.clock
        )
        endpoint = self.network.endpoint(Factory.forProtocol(lambda: self.server))
        self.connection = cast(ClientProtocol, result_of(endpoint.connect(self.factory))).connection
        self._outcomes: list[object] = []
        self.connection.when_open.addBoth(self._outcomes.append)
        self.flush()

    def flush(self) -> None:
        self.network.flush()

    def state(self) -> ConnectionState:
        return self.connection.state

    def can_send(self) -> bool:
        return self.connection.can_send

    def outcome(self) -> object:
        """The open connection, or why there is none."""
        self.flush()
        assert self._outcomes, "neither open nor failed yet"
        [outcome] = self._outcomes
        return outcome.value if isinstance(outcome, Failure) else outcome

    def refused_with(self, data: bytes) -> HandshakeRefused:
        """Why there is no connection after the server has sent `data`."""
        self.server.send(data)
        outcome = self.outcome()
        assert isinstance(outcome, HandshakeRefused)
        assert self.server.is_gone()
        assert self.recorder.reason is None
        return outcome


def opened(**arguments: Any) -> Rig:
    rig = Rig(**arguments)
    rig.server.accept()
    assert rig.outcome() is rig.connection
    return rig


# The request


@pytest.mark.proves("H-1", "S-1", "rfc6455/4.1/request")
def test_the_handshake_says_what_rfc_6455_asks_for() -> None:
    first_line, headers = Rig("ws://mcp.example.com:8082/mcp?a=b").server.take_head()
    assert first_line == "GET /mcp?a=b HTTP/1.1"
    assert len(headers.pop("sec-websocket-key")) == 24
    assert headers == {
        "user-agent": "mcpws",
        "host": "mcp.example.com:8082",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "pragma": "no-cache",
        "cache-control": "no-cache",
        "sec-websocket-protocol": "mcp",
        "sec-websocket-version": "13",
    }


@pytest.mark.proves("S-1")
def test_headers_subprotocols_and_origin_are_sent_as_given() -> None:
    rig = Rig(headers={"Authorization": "Bearer é"}, subprotocols=("mcp", "mcp.auth.x"), origin="https://a.example")
    _, headers = rig.server.take_head()
    assert headers["authorization"].encode("latin-1").decode() == "Bearer é"
    assert headers["sec-websocket-protocol"] == "mcp,mcp.auth.x"
    assert headers["origin"] == "https://a.example"


@pytest.mark.proves("H-31", "rfc6455/4.1/request")
@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("ws://[::1]:8082", "[::1]:8082"),
        ("ws://[2001:db8::1]/", "[2001:db8::1]"),
        ("ws://mcp.example.com:80", "mcp.example.com"),
        ("wss://mcp.example.com", "mcp.example.com"),
        ("wss://mcp.example.com:80", "mcp.example.com:80"),
        (URL, "127.0.0.1:8082"),
    ],
)
def test_the_host_has_its_brackets_and_the_port_unless_that_is_the_default(url: str, host: str) -> None:
    assert Rig(url).server.take_head()[1]["host"] == host


@pytest.mark.proves("H-31")
def test_a_host_that_is_given_replaces_that_of_the_url() -> None:
    head = Rig(headers=[("Host", "a.example"), ("Cookie", "a=1"), ("Cookie", "b=2")]).server.received
    assert head.count(b"Host:") == 1
    assert b"\r\nHost: a.example\r\nCookie: a=1\r\nCookie: b=2\r\n" in head


@pytest.mark.proves("H-1", "rfc6455/4.1/nonce")
def test_the_key_is_another_every_time() -> None:
    assert len({Rig().server.take_head()[1]["sec-websocket-key"] for _ in range(10)}) == 10


@pytest.mark.proves("rfc6455/3/uri")
@pytest.mark.parametrize(
    ("arguments", "key"),
    [
        ({"headers": {"X": "a\r\nY: b"}}, "headers"),
        ({"headers": {"X": "a\nY: b"}}, "headers"),
        ({"headers": {"X": "a\0"}}, "headers"),
        ({"headers": {"X: a\r\nY": "b"}}, "headers"),
        ({"headers": {"": "b"}}, "headers"),
        ({"origin": "https://a.example\r\nY: b"}, "origin"),
        ({"subprotocols": ("mcp", "mcp.auth.a\r\nY: b")}, "subprotocols[1]"),
        ({"subprotocols": ("a,b",)}, "subprotocols[0]"),
        ({"subprotocols": ("",)}, "subprotocols[0]"),
        ({"url": "ws://user:secret@127.0.0.1:8082"}, "url"),
        ({"url": "ws://127.0.0.1:8082/#fragment"}, "url"),
        ({"url": "http://127.0.0.1:8082"}, "url"),
        ({"url": "ws://:8082"}, "url"),
        ({"url": "http://user:secret@127.0.0.1:8082"}, "url"),
        ({"url": "ws://user:secret@[::1"}, "url"),
        ({"url": "ws://127.0.0.1:99999"}, "url"),
        ({"url": "ws://127.0.0.1/é"}, "url"),
        ({"url": "ws://[::1"}, "url"),
        ({"url": "ws://127.0.0.1/a b"}, "url"),
    ],
)
@pytest.mark.parametrize("config", [None, WebSocketConfig(server_mode=False)], ids=["no config", "config"])
def test_what_would_spoil_the_request_is_refused_by_name(
    arguments: dict[str, Any], key: str, config: WebSocketConfig | None
) -> None:
    with pytest.raises(ConfigError) as error:
        ClientConnectionFactory(Target(**{"url": URL, **arguments}), lambda connection: Recorder(), config)
    assert error.value.key == key
    assert "secret" not in str(error.value)


def test_a_header_that_is_refused_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as error:
        Rig(headers={"Authorization": "Bearer secret\n"})
    assert str(error.value) == "headers: has a value with control characters (got 'Authorization')"


# The answer


def test_an_accepted_handshake_opens_the_connection() -> None:
    rig = opened()
    assert rig.state() is ConnectionState.CONNECTED
    assert rig.connection.in_flight == 3
    rig.connection.send_message(Request(1, "ping"))
    rig.server.send_message({"jsonrpc": "2.0", "method": "notifications/message"})
    rig.flush()
    assert rig.server.take_messages() == [{"jsonrpc": "2.0", "id": 1, "method": "ping"}]
    assert [type(message) for message in rig.recorder.received] == [Notification]


@pytest.mark.parametrize("value", ["Zürich".encode("latin-1"), "Zürich".encode(), bytes(range(128, 256)), b"\t \x7f"])
def test_a_header_of_the_answer_may_hold_any_bytes(value: bytes) -> None:
    rig = Rig()
    rig.server.accept({"X": value.decode("latin-1")})
    assert rig.outcome() is rig.connection
    assert Rig().refused_with(b"HTTP/1.1 403 Forbidden\r\nX: " + value + b"\r\n\r\n").status == 403


def test_frames_right_behind_the_answer_are_not_lost() -> None:
    rig = Rig()
    rig.server.accept()
    rig.server.send_message({"jsonrpc": "2.0", "method": "notifications/message"})
    rig.flush()
    assert len(rig.recorder.received) == 1


def test_an_answer_may_come_byte_by_byte() -> None:
    rig = Rig()
    server, step = rig.server, RawServer.send

    def send_byte_by_byte(data: bytes) -> None:
        for byte in data:
            assert rig.state() is ConnectionState.CONNECTING
            step(server, bytes([byte]))
            rig.flush()

    server.send = send_byte_by_byte  # type: ignore[method-assign]
    server.accept()
    assert rig.state() is ConnectionState.CONNECTED


@pytest.mark.proves("H-32")
@pytest.mark.parametrize("at_once", [True, False])
def test_interim_answers_come_before_the_one_that_counts(at_once: bool) -> None:
    rig = Rig()
    for interim in b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n":
        rig.server.send(interim)
        if not at_once:
            rig.flush()
            assert rig.state() is ConnectionState.CONNECTING
    rig.server.accept()
    rig.server.send_message({"jsonrpc": "2.0", "method": "notifications/message"})
    rig.flush()
    assert len(rig.recorder.received) == 1


def test_an_interim_answer_before_a_refusal_does_not_hide_it() -> None:
    refused = Rig().refused_with(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 403 Forbidden\r\nX: y\r\n\r\n")
    assert (refused.status, refused.headers) == (403, {"x": "y"})


@pytest.mark.proves("H-32")
@pytest.mark.parametrize("at_once", [True, False])
def test_interim_answers_without_end_are_refused(at_once: bool) -> None:
    rig = Rig()
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    for _ in range(0 if at_once else 600):
        rig.server.send(interim)
        rig.flush()
    assert rig.state() is ConnectionState.CONNECTING
    refused = rig.refused_with(interim * (1000 if at_once else 400))
    assert str(refused).endswith("more than 16384 bytes of headers")


def test_a_refusal_comes_with_status_reason_and_headers() -> None:
    refused = Rig().refused_with(
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 19\r\n\r\nno token, \x1b[31m\nsorry"
    )
    assert (refused.status, refused.reason) == (401, "Unauthorized: no token, [31msorry")
    assert refused.headers == {"www-authenticate": "Bearer", "content-length": "19"}
    assert str(refused).startswith("the server refused the WebSocket upgrade: HTTP 401 Unauthorized: no token")


@pytest.mark.proves("H-26", "rfc6455/4.1/status")
@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\n\r\n", 404, "Not Found"),
        (b"HTTP/1.0 503 Service Unavailable\r\n\r\n", 503, "Service Unavailable"),
        (b"HTTP/1.1 302\r\n\r\n", 302, ""),
        (b"HTTP/1.1 403 \x1b[31mForbidden\0\r\n\r\n", 403, "[31mForbidden"),
        (b"HTTP/1.1 500 Oops\r\n\r\n" + b"x" * 1000, 500, "Oops: " + "x" * 200),
    ],
)
def test_any_other_status_than_101_is_a_refusal(data: bytes, status: int, reason: str) -> None:
    refused = Rig().refused_with(data)
    assert (refused.status, refused.reason) == (status, reason)


def test_a_refusal_of_our_own_server_reads_well() -> None:
    service = Served(RecordingBackend())
    with pytest.raises(HandshakeRefused) as refused:
        service.connect(headers={"X": "y"}, subprotocols=("wamp",))
    assert str(refused.value) == (
        "the server refused the WebSocket upgrade: "
        "HTTP 400 Bad Request: none of the offered subprotocols is spoken here"
    )


@pytest.mark.proves("H-26", "rfc6455/4.1/response")
@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Sec-WebSocket-Accept": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}, "Sec-WebSocket-Accept bogus"),
        ({"Sec-WebSocket-Accept": None}, "Sec-WebSocket-Accept header missing"),
        ({"Upgrade": "h2c"}, "Upgrade header different"),
        ({"Connection": "close"}, "Connection header"),
        ({"Sec-WebSocket-Protocol": "wamp"}, "subprotocol selected by server"),
        ({"Sec-WebSocket-Extensions": "permessage-deflate"}, "denied by client"),
        ({"Sec-WebSocket-Extensions": "unheard-of"}, "unheard-of"),
    ],
)
def test_an_upgrade_that_is_wrong_is_refused_by_us(headers: dict[str, str | None], reason: str) -> None:
    rig = Rig()
    rig.server.accept(headers)
    refused = rig.outcome()
    assert isinstance(refused, HandshakeRefused)
    assert refused.status is None
    assert reason in str(refused)


@pytest.mark.proves("H-26")
@pytest.mark.parametrize(
    "data", [b"SSH-2.0-OpenSSH_9.9\r\n", b"\x16\x03\x03", b"<html>", b"220 mail.example.com ESMTP\r\n", b"HTTP/2 "]
)
def test_a_server_that_speaks_no_http_is_refused_at_its_first_bytes(data: bytes) -> None:
    refused = Rig().refused_with(data)
    assert refused.status is None
    assert str(refused) == "the server did not complete the WebSocket handshake: it does not speak HTTP/1.1"


def test_a_status_line_that_is_none_is_refused_without_repeating_it_all() -> None:
    refused = Rig().refused_with(b"HTTP/1.1 \x1b[31m" + b"x" * 10_000 + b"\r\n\r\n")
    assert refused.status is None
    assert len(str(refused)) < 400
    assert str(refused).isprintable()


def test_headers_without_an_end_are_refused() -> None:
    refused = Rig().refused_with(b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"x" * 17 * KIB)
    assert str(refused).endswith("the server sent more than 16384 bytes of headers")


# The end, before and after the opening


def test_a_connection_that_is_lost_before_it_opened_fails() -> None:
    rig = Rig()
    rig.server.wire.loseConnection()
    failed = rig.outcome()
    assert isinstance(failed, ConnectFailed)
    assert str(failed) == "cannot connect to ws://127.0.0.1:8082: the server hung up"
    assert rig.recorder.reason is None


@pytest.mark.proves("H-27")
def test_a_server_that_does_not_answer_the_handshake_is_given_up() -> None:
    rig = Rig(config=WebSocketConfig(timeout_seconds=10))
    rig.network.advance(12)
    failed = rig.outcome()
    assert isinstance(failed, ConnectFailed)
    assert failed.problem == "no handshake within 10 s"
    assert rig.server.is_gone()


def test_a_tls_failure_says_what_it_is() -> None:
    rig = Rig()
    rig.server.wire.other.connectionLost(Failure(ValueError("certificate verify failed")))
    assert str(rig.outcome()).endswith(": certificate verify failed")


def test_a_failure_without_a_text_is_named() -> None:
    rig = Rig()
    rig.server.wire.other.connectionLost(Failure(ValueError()))
    assert str(rig.outcome()).endswith(": ValueError")


def test_giving_up_before_it_opened_drops_the_connection() -> None:
    rig = Rig()
    waiting = rig.connection.when_open
    waiting.cancel()
    with pytest.raises(CancelledError):
        result_of(waiting)
    assert isinstance(rig.outcome(), CancelledError)
    assert rig.server.is_gone()
    assert rig.network.clock.getDelayedCalls() == []


def test_everybody_who_waits_for_a_connection_is_told() -> None:
    rig = Rig()
    outcomes: list[object] = []
    for _ in range(2):
        rig.connection.when_open.addBoth(outcomes.append)
    rig.server.accept()
    rig.flush()
    assert outcomes == [rig.connection, rig.connection]
    assert result_of(rig.connection.when_open) is rig.connection


def test_closing_before_it_opened_drops_the_connection() -> None:
    rig = Rig()
    rig.connection.close(4000, "changed my mind")
    failed = rig.outcome()
    assert isinstance(failed, ConnectFailed)
    assert failed.problem == "changed my mind"
    assert rig.server.is_gone()


@pytest.mark.proves("rfc6455/7.1.1/tcp")
def test_a_server_that_closes_is_answered_and_has_to_hang_up() -> None:
    rig = opened()
    rig.server.send_frame(CLOSE, struct.pack("!H", 1001) + b"going away")
    rig.flush()
    assert rig.server.take_frames() == [(CLOSE, struct.pack("!H", 1001) + b"going away", True)]
    assert rig.recorder.reason is None
    rig.server.wire.loseConnection()
    rig.flush()
    assert str(rig.recorder.reason) == "connection closed with 1001: going away"
    assert rig.network.clock.getDelayedCalls() == []


@pytest.mark.proves("K-15")
def test_a_server_that_closes_but_does_not_hang_up_is_dropped() -> None:
    rig = opened(config=WebSocketConfig(close_timeout=3))
    rig.server.send_frame(CLOSE, struct.pack("!H", 1001))
    rig.network.advance(5)
    assert str(rig.recorder.reason) == "connection closed with 1001"
    assert rig.server.is_gone()


def test_a_server_that_vanishes_is_told_to_the_receiver() -> None:
    rig = opened()
    rig.server.wire.abortConnection()
    rig.flush()
    assert isinstance(rig.recorder.reason, ConnectionClosed)
    assert rig.recorder.reason.code == 1006
    assert rig.connection.statistics(0).state is ConnectionState.DISCONNECTED


@pytest.mark.proves("A-2")
def test_a_server_that_says_nothing_is_lost() -> None:
    rig = opened(config=WebSocketConfig(heartbeat_interval=10, heartbeat_timeout=20))
    rig.network.advance(22)
    assert str(rig.recorder.reason) == "connection closed with 1006: nothing was heard for 20 s"


@pytest.mark.proves("K-3", "rfc6455/5.1/server-does-not")
@pytest.mark.parametrize("masked", [False, True])
def test_a_masked_frame_of_a_server_breaks_the_protocol(masked: bool) -> None:
    rig = opened()
    rig.server.send_frame(TEXT, b'{"jsonrpc":"2.0","method":"a"}', masked=masked)
    rig.flush()
    assert len(rig.recorder.received) == (0 if masked else 1)
    closes = [frame for frame in rig.server.take_frames() if frame.opcode == CLOSE]
    assert [frame.payload[:2] for frame in closes] == ([struct.pack("!H", 1002)] if masked else [])


@pytest.mark.proves("K-19")
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\xf1\x05", 1002),
        (b"\x81\xff", 1002),
        (b"\x81\x7f" + (10_000_000).to_bytes(8, "big") + b'"\xff', 1007),
        (b"\x81\x7f" + (2**40).to_bytes(8, "big") + b"1", 1009),
    ],
)
@pytest.mark.parametrize("sends_on", [False, True])
def test_a_server_that_breaks_the_protocol_in_the_middle_of_a_frame_is_left_within_a_second(
    sent: bytes, code: int, sends_on: bool
) -> None:
    rig = opened(config=WebSocketConfig(close_timeout=60))
    rig.server.wire.pauseProducing()
    rig.server.send(sent)
    rig.flush()
    for tenth in range(9):
        if sends_on and tenth < 7:
            rig.server.send(b"\0" * 10_000)
        rig.network.advance(0.1)
    assert isinstance(rig.recorder.reason, ConnectionClosed)
    assert rig.recorder.reason.code == code
    rig.server.wire.resumeProducing()
    rig.flush()
    [close] = rig.server.take_frames()
    assert close.payload[:2] == struct.pack("!H", code)


@pytest.mark.proves("K-18")
def test_a_server_may_close_with_1014() -> None:
    rig = opened()
    rig.server.send_frame(CLOSE, struct.pack("!H", 1014) + b"no answer from behind")
    rig.flush()
    assert rig.server.take_frames()[-1].payload == struct.pack("!H", 1014) + b"no answer from behind"
    rig.server.wire.loseConnection()
    rig.flush()
    assert isinstance(rig.recorder.reason, ConnectionClosed)
    assert (rig.recorder.reason.code, rig.recorder.reason.reason) == (1014, "no answer from behind")


# Messages and flow


@pytest.mark.proves("M-12")
def test_bad_messages_of_the_server_are_not_answered_and_end_it_at_last() -> None:
    rig = opened(config=WebSocketConfig(max_bad_messages=2))
    for _ in range(2):
        rig.server.send_frame(TEXT, b"?")
    rig.flush()
    assert rig.server.take_frames() == []
    assert rig.connection.statistics(0).bad_messages == 2
    rig.server.send_frame(TEXT, b"?")
    rig.flush()
    [close] = rig.server.take_frames()
    assert close.payload.startswith(struct.pack("!H", 1008))


@pytest.mark.proves("B-6")
def test_a_batch_of_the_server_is_taken_member_by_member() -> None:
    rig = opened()
    told = {"jsonrpc": "2.0", "method": "notifications/message"}
    rig.server.send_message([told, 7, {"jsonrpc": "2.0", "id": 1, "result": {}}])
    rig.flush()
    assert [getattr(message, "method", getattr(message, "id", None)) for message in rig.recorder.received] == [
        "notifications/message",
        1,
    ]
    assert rig.connection.statistics(0).bad_messages == 1
    assert rig.server.take_frames() == []


@pytest.mark.not_mcp("what is said is chosen for its size", made=True)
def test_a_server_that_reads_slowly_is_not_sent_more() -> None:
    rig = opened(config=WebSocketConfig(max_queued_bytes=MIB))
    rig.server.wire.pauseProducing()
    assert rig.can_send()
    for _ in range(15):
        rig.connection.send_message(Notification("a", to_raw("x" * 100 * KIB)))
    rig.flush()
    assert rig.recorder.told == ["pause"]
    assert not rig.can_send()
    rig.server.wire.resumeProducing()
    rig.flush()
    assert rig.recorder.told == ["pause", "resume"]
    assert len(rig.server.take_messages()) == 15


@pytest.mark.proves("L-21")
@pytest.mark.not_mcp("what is said is chosen for its size", made=True)
def test_a_message_over_the_limit_is_not_sent_and_harms_nothing() -> None:
    rig = opened(config=WebSocketConfig(max_outbound_size=KIB, max_queued_bytes=1))
    attempts: list[tuple[Message, type[McpwsError]]] = [
        (Request(1, "a", to_raw("x" * KIB)), MessageTooLarge),
        (Notification("a", to_raw("x" * KIB)), MessageTooLarge),
        (Result(1, to_raw("x" * KIB)), ResultTooLarge),
    ]
    for message, error in attempts:
        with pytest.raises(error, match="more than the limit of 1024"):
            rig.connection.send_message(message)
    rig.connection.send_message(Notification("a", to_raw("x" * 900)))
    rig.flush()
    [sent] = rig.server.take_messages()
    assert len(sent["params"]) == 900


@pytest.mark.not_mcp("what is said is chosen for its size", made=True)
def test_what_goes_together_is_cut_into_batches_that_may_be_sent() -> None:
    rig = opened(config=WebSocketConfig(max_outbound_size=KIB))
    with rig.connection.together():
        for id in range(7):
            rig.connection.send_message(Request(id, "a", to_raw("x" * 400)))
        with pytest.raises(MessageTooLarge):
            rig.connection.send_message(Request(7, "a", to_raw("x" * KIB)))
    rig.flush()
    frames = rig.server.take_frames()
    assert all(len(frame.payload) <= KIB for frame in frames)
    assert [[one["id"] for one in json.loads(frame.payload)] for frame in frames] == [[0, 1], [2, 3], [4, 5], [6]]


@pytest.mark.not_mcp("what is said is chosen for its size", made=True)
def test_what_goes_together_is_refused_once_too_much_waits() -> None:
    rig = opened(config=WebSocketConfig(max_outbound_size=100 * KIB, max_queued_bytes=KIB))
    rig.server.wire.pauseProducing()
    with rig.connection.together():
        rig.connection.send_message(Request(0, "a", to_raw("x" * 90 * KIB)))
        with pytest.raises(QueueFull):
            rig.connection.send_message(Request(1, "a", to_raw("x" * 90 * KIB)))
        rig.connection.send_message(Request(2, "a"))
    assert rig.state() is ConnectionState.CONNECTED
    rig.server.wire.resumeProducing()
    rig.flush()
    assert [one["id"] for batch in rig.server.take_messages() for one in batch] == [0, 2]


def test_every_frame_has_a_mask_of_its_own() -> None:
    rig = opened()
    keys = []
    for id in range(1_000):
        rig.connection.send_message(Request(id, "ping"))
        rig.flush()
        # After two bytes of head, as long as there are no more than 125 bytes.
        keys.append(rig.server.received[2:6])
        assert len(rig.server.take_messages()) == 1
    # Among a thousand of 32 random bits hardly two are the same, and every byte of them is anything.
    assert len(set(keys)) > 990
    assert len({key[0] for key in keys}) > 200


def test_a_server_can_be_read_more_slowly() -> None:
    rig = opened()
    rig.connection.pause_reading()
    rig.server.send_message({"jsonrpc": "2.0", "method": "a"})
    rig.flush()
    assert rig.recorder.received == []
    rig.connection.resume_reading()
    rig.flush()
    assert len(rig.recorder.received) == 1


def test_a_factory_has_a_timer_only_while_it_has_connections() -> None:
    rig = opened()
    second = RawServer()
    endpoint = rig.network.endpoint(Factory.forProtocol(lambda: second))
    other = cast(ClientProtocol, result_of(endpoint.connect(rig.factory))).connection
    other.when_open.addErrback(lambda failure: None)
    for server in rig.server, second:
        assert len(rig.network.clock.getDelayedCalls()) == 1
        server.wire.abortConnection()
        rig.flush()
    assert rig.network.clock.getDelayedCalls() == []


def test_the_url_is_enough_for_a_factory() -> None:
    factory = ClientConnectionFactory(URL, lambda connection: Recorder())
    assert factory.config == WebSocketConfig(url=URL, server_mode=False)
    assert factory.clock is factory.reactor
    protocol = factory.protocol
    assert protocol is ClientProtocol


@pytest.mark.proves("M-15")
@pytest.mark.parametrize(
    "answer",
    [
        b'{"jsonrpc":"2.0","id":1,"result":{"v":NaN}}',
        b'{"result":{},"jsonrpc":"1.0","id":1}',
        b'{"jsonrpc":"2.0","id":1,"error":"no"}',
        b'{"jsonrpc":"2.0","id":1.0,"result":{}}',
        b'[{"jsonrpc":"2.0","id":1}]',
    ],
)
def test_an_answer_of_the_server_that_cannot_be_used_is_an_error_for_its_request(answer: bytes) -> None:
    rig = opened()
    rig.server.send_frame(TEXT, answer)
    rig.flush()
    [failed] = rig.recorder.received
    assert isinstance(failed, Error)
    assert (failed.id, failed.error.code) == (1, 502)
    assert rig.server.take_frames() == []


@pytest.mark.proves("M-12")
def test_a_request_of_the_server_that_cannot_be_used_is_refused_by_its_id() -> None:
    rig = opened()
    rig.server.send_frame(TEXT, b'{"jsonrpc":"2.0","id":"s","method":"roots/list","params":{"v":NaN}}')
    rig.server.send_frame(TEXT, b'{"jsonrpc":"2.0","id":"t","method":7}')
    rig.flush()
    assert [(one["id"], one["error"]["code"]) for one in rig.server.take_messages()] == [("s", -32700), ("t", -32600)]
    assert rig.recorder.received == []
