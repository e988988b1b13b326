"""One connection, from the bytes of its peer: messages, limits, slow readers, liveness, and the end."""

import struct
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed

from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import ConnectionState
from mcpws.errors import BackendLost, InvalidParams
from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import EMPTY, Error, Message, Notification, Request, Result, to_raw
from mcpws.seam.interfaces import Channel, Link
from mcpws.testing import Frame, RawClient, RecordedConversation, RecordingBackend, Served
from mcpws.testing.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT
from mcpws.ws.connection import Connection

pytestmark = pytest.mark.not_mcp("what is said stands for any payload")

KIB = 1024
MIB = 1024 * KIB


def call(id: object, method: str = "tools/call", **params: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def notification(method: str, **params: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": method, "params": params}


class Rig:
    """A server with one client in bytes, which has initialised; the test answers."""

    def __init__(self, backend: RecordingBackend | None = None, **settings: Any) -> None:
        self.backend = backend or RecordingBackend()
        self.service = Served(self.backend, config=WebSocketConfig(**settings))
        self.client = self.initialised()

    def initialised(self) -> RawClient:
        client = self.service.upgraded()
        client.send_message(call("start", "initialize"))
        client.send_message(notification("notifications/initialized"))
        self.service.flush()
        assert [answer["id"] for answer in client.take_messages()] == ["start"]
        return client

    @property
    def conversation(self) -> RecordedConversation:
        return self.backend.conversations[0]

    @property
    def connection(self) -> Connection:
        return self.service.server.connections[0]

    def is_read(self) -> bool:
        """Whether the server reads its socket."""
        return self.client.wire.other.reading

    def is_paused(self) -> bool:
        """Whether the backend is to send less."""
        return self.conversation.paused

    def state(self) -> ConnectionState:
        return self.connection.state

    def flush(self) -> None:
        self.service.flush()

    def advance(self, seconds: float) -> None:
        self.service.advance(seconds)

    def send(self, *messages: Any, binary: bool = False) -> None:
        for message in messages:
            self.client.send_message(message, binary=binary)
        self.flush()

    def answer(self, request: Request, result: Any = None) -> None:
        self.conversation.answer(request, result)
        self.flush()

    def answers(self) -> list[Any]:
        self.flush()
        return self.client.take_messages()

    def frames(self) -> list[Frame]:
        self.flush()
        return self.client.take_frames()

    def stop_reading(self) -> None:
        self.client.wire.pauseProducing()

    def read_on(self) -> None:
        self.client.wire.resumeProducing()
        self.flush()

    def closing(self) -> tuple[int, str]:
        """Code and reason of the Close frame that the server sent last."""
        frame = self.frames()[-1]
        assert frame.opcode == CLOSE
        return struct.unpack("!H", frame.payload[:2])[0], frame.payload[2:].decode()

    def assert_lives(self) -> None:
        """The connection still takes requests, and so does the server."""
        self.send(call("alive", "ping"))
        assert self.conversation.requests[-1].id == "alive"
        self.assert_next_is_served()

    def assert_next_is_served(self) -> None:
        self.initialised().wire.loseConnection()
        self.flush()


class Echo(RecordedConversation):
    """Answers every request at once, with its parameters."""

    def receive(self, message: Message) -> None:
        super().receive(message)
        if message in self.requests:
            self.answer(self.requests[-1], self.requests[-1].params)


class EchoBackend(RecordingBackend):
    def open(self, link: Link) -> Deferred[Channel]:
        self.conversations.append(Echo(link, initialize=True))
        return succeed(self.conversations[-1])


# Messages


@pytest.mark.proves("M-2", "M-3")
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_a_request_is_answered_in_the_kind_of_frame_it_came_in(binary: bool) -> None:
    rig = Rig()
    rig.send(call(1), binary=binary)
    rig.send(call(2, "ping"), binary=not binary)
    rig.answer(rig.conversation.requests[0], {"a": 1})
    [frame] = rig.frames()
    assert frame == (BINARY if binary else TEXT, b'{"jsonrpc":"2.0","id":1,"result":{"a":1}}', True)


@pytest.mark.proves("M-3")
@pytest.mark.parametrize("kind", [TEXT, BINARY])
@pytest.mark.parametrize("payload", [b"no JSON", b'{"jsonrpc":"1.0","id":1,"method":"a"}', b'{"jsonrpc":"2.0","id":1}'])
def test_a_bad_message_is_answered_in_kind(kind: int, payload: bytes) -> None:
    rig = Rig()
    rig.client.send_frame(kind, payload)
    assert [frame.opcode for frame in rig.frames()] == [kind]


@pytest.mark.proves("I-3", "M-3")
def test_a_refused_request_is_answered_in_kind_and_leaves_the_first_of_its_id_alone() -> None:
    rig = Rig()
    rig.send(call(1), binary=True)
    rig.send(call(1))
    rig.send(call(2))
    rig.send(call(2), binary=True)
    assert [frame.opcode for frame in rig.frames()] == [TEXT, BINARY]
    for request in rig.conversation.requests:
        rig.answer(request)
    assert [frame.opcode for frame in rig.frames()] == [BINARY, TEXT]


def test_nothing_is_kept_of_binary_requests_that_were_cancelled() -> None:
    rig = Rig()
    for id in range(20):
        rig.send(call(id), notification("notifications/cancelled", requestId=id), binary=True)
    assert len(rig.connection._replies._binary) == 0  # type: ignore[attr-defined]


@pytest.mark.proves("M-5", "M-6")
@pytest.mark.parametrize(
    ("payload", "code", "id"),
    [
        (b"", -32700, None),
        (b"no JSON", -32700, None),
        (b'{"jsonrpc":"2.0","id":1,"method":"a"', -32700, None),
        (b"[" * 200, -32700, None),
        (b'{"jsonrpc":"2.0","id":7,"method":"a","params":{"v":NaN}}', -32700, 7),
        (b'{"jsonrpc":"1.0","id":7,"method":"a"}', -32600, 7),
        (b'{"jsonrpc":"2.0","id":null,"method":"a"}', -32600, None),
        (b"[]", -32600, None),
    ],
)
def test_a_bad_message_is_answered_and_the_connection_lives(payload: bytes, code: int, id: object) -> None:
    rig = Rig()
    rig.client.send_frame(TEXT, payload)
    [answer] = rig.answers()
    assert (answer["error"]["code"], answer.get("id")) == (code, id)
    assert rig.connection.statistics(0).bad_messages == 1
    rig.assert_lives()


@pytest.mark.proves("L-7", "M-7")
def test_too_many_bad_messages_in_a_minute_end_the_connection() -> None:
    rig = Rig(max_bad_messages=3)
    for _ in range(2):
        for _ in range(3):
            rig.client.send_frame(TEXT, b"?")
        assert len(rig.answers()) == 3
        rig.advance(60)
    for _ in range(4):
        rig.client.send_frame(TEXT, b"?")
    assert rig.closing() == (1008, "too many bad messages")
    rig.assert_next_is_served()


@pytest.mark.proves("L-2", "M-5")
def test_json_may_nest_as_deep_as_the_settings_say() -> None:
    rig = Rig(max_depth=10)
    rig.client.send_frame(TEXT, b'{"jsonrpc":"2.0","id":1,"method":"a","params":' + b"[" * 9 + b"]" * 9 + b"}")
    assert rig.answers() == []
    rig.client.send_frame(TEXT, b'{"jsonrpc":"2.0","id":1,"method":"a","params":' + b"[" * 10 + b"]" * 10 + b"}")
    assert [answer["error"]["code"] for answer in rig.answers()] == [-32700]


@pytest.mark.proves("M-1", "rfc6455/5.4/fragments")
def test_a_message_in_fragments_is_one_message() -> None:
    rig = Rig()
    rig.client.send_frame(TEXT, b'{"jsonrpc":"2.0",', fin=False)
    rig.client.send_frame(CONTINUATION, b'"id":1,', fin=False)
    rig.client.send_frame(PING, b"meanwhile")
    rig.client.send_frame(CONTINUATION, b'"method":"ping"}')
    assert rig.frames() == [Frame(PONG, b"meanwhile")]
    assert [request.id for request in rig.conversation.requests] == [1]


# What a peer must not do


@pytest.mark.proves("K-3", "K-4", "K-5", "K-7", "K-14", "L-1", "M-2", "rfc6455/5.1/client-masks")
@pytest.mark.parametrize(
    ("settings", "frames", "code"),
    [
        ({}, [(TEXT, b'"\xff"', {})], 1007),
        ({}, [(TEXT, b'"\xc3', {})], 1007),
        ({}, [(TEXT, b"1", {"masked": False})], 1002),
        ({}, [(TEXT, b"1", {"reserved": 4})], 1002),
        ({}, [(3, b"1", {})], 1002),
        ({}, [(11, b"1", {})], 1002),
        ({}, [(CONTINUATION, b"1", {})], 1002),
        ({}, [(TEXT, b"1", {"fin": False}), (TEXT, b"1", {})], 1002),
        ({}, [(PING, b"1", {"fin": False})], 1002),
        ({}, [(PING, b"1" * 126, {})], 1002),
        ({}, [(CLOSE, b"1", {})], 1002),
        ({}, [(CLOSE, struct.pack("!H", 1006), {})], 1002),
        ({}, [(CLOSE, struct.pack("!H", 1000) + b"\xff", {})], 1007),
        ({"binary": "refuse"}, [(BINARY, b"1", {})], 1003),
        ({"max_message_size": 200}, [(TEXT, b"1" * 201, {})], 1009),
        ({"max_message_size": 200}, [(TEXT, b"1" * 150, {"fin": False}), (CONTINUATION, b"1" * 51, {})], 1009),
    ],
)
def test_a_breach_of_the_protocol_ends_the_connection_with_its_code(
    settings: dict[str, Any], frames: list[tuple[int, bytes, dict[str, Any]]], code: int
) -> None:
    rig = Rig(**settings)
    for opcode, payload, flags in frames:
        rig.client.send_frame(opcode, payload, **flags)
    assert rig.closing()[0] == code
    rig.client.send_frame(CLOSE, struct.pack("!H", code))
    rig.flush()
    assert rig.client.is_gone()
    assert rig.conversation.received == []
    assert rig.conversation.closed == f"closed with {code}"
    rig.assert_next_is_served()


MID_FRAME = {
    "a reserved bit": b"\xf1\xff",
    "no mask": b"\x81\x7e\xff\xff1",
    "a reserved opcode": b"\x83\xfe",
    "a large ping": b"\x89\xfe\x01\x00",
    "no UTF-8": b"\x81\xff" + (10_000_000).to_bytes(8, "big") + bytes(4) + b'"\xff',
    "too large": b"\x81\xff" + (2**40).to_bytes(8, "big") + bytes(4) + b"1",
    "too many fragments": b"\x01\x81" + bytes(4) + b"1" + b"\x80\xff" + (2**24).to_bytes(8, "big") + bytes(4) + b"1",
}


@pytest.mark.proves("K-19")
@pytest.mark.parametrize("sent", MID_FRAME.values(), ids=MID_FRAME)
@pytest.mark.parametrize("sends_on", [False, True])
def test_whoever_breaks_the_protocol_in_the_middle_of_a_frame_is_gone_within_a_second(
    sent: bytes, sends_on: bool
) -> None:
    rig = Rig(close_timeout=60)
    # It does not see the end, and so does not close.
    rig.stop_reading()
    rig.client.send(sent)
    rig.flush()
    for tenth in range(9):
        if sends_on and tenth < 7:
            rig.client.send(b"\0" * 10_000)
        rig.advance(0.1)
    assert rig.service.server.connections == ()
    rig.read_on()
    assert len(rig.frames()) == 1
    assert rig.conversation.received == []


@pytest.mark.proves("K-19")
def test_whoever_broke_the_protocol_may_not_send_for_ever() -> None:
    rig = Rig(max_message_size=100_000)
    rig.stop_reading()
    rig.client.send_frame(3)
    rig.flush()
    rig.client.send(b"\0" * 100_000)
    rig.flush()
    assert len(rig.service.server.connections) == 1
    rig.client.send(b"\0")
    rig.flush()
    assert not rig.service.server.connections


@pytest.mark.proves("K-19")
def test_a_breach_after_our_close_is_the_end_with_our_code() -> None:
    rig = Rig(close_timeout=60)
    rig.connection.close(4000, "enough")
    rig.client.send_frame(3)
    rig.flush()
    assert rig.client.is_gone()
    assert [frame.opcode for frame in rig.frames()] == [CLOSE]
    assert rig.conversation.closed == "closed with 4000"


@pytest.mark.proves("K-19")
def test_who_reads_nothing_of_what_it_broke_is_gone_within_a_second() -> None:
    rig = Rig(close_timeout=60)
    rig.stop_reading()
    rig.conversation.link.send(Notification("notifications/message", to_raw({"data": "x" * MIB})))
    rig.client.send_frame(3)
    rig.flush()
    rig.advance(0.9)
    assert rig.service.server.connections == ()


BREACHES = st.lists(
    st.tuples(
        st.sampled_from([CONTINUATION, TEXT, BINARY, 3, CLOSE, PING, PONG]),
        st.sampled_from(
            [b"", b"\xc3", b"\xff", b'{"jsonrpc":"2.0","id":1,"method":"a"}', b"\x03\xe8", b"\xc3\xa9" * 70]
        ),
        st.booleans(),
        st.sampled_from([0, 0, 0, 4]),
        st.sampled_from([True, True, True, False]),
    ),
    max_size=5,
)


@pytest.mark.proves("Z-6")
@given(BREACHES, st.lists(st.integers(0, 300), max_size=4))
@settings(deadline=None)
def test_how_tcp_cuts_frames_decides_nothing(frames: list[tuple[int, bytes, bool, int, bool]], cuts: list[int]) -> None:
    outcomes = set()
    for fast_lane in (True, False):
        for by in ("whole", "cut", "byte"):
            rig = Rig(max_message_size=150, fast_lane=fast_lane)
            for opcode, payload, fin, reserved, masked in frames:
                rig.client.send_frame(opcode, payload, fin=fin, reserved=reserved, masked=masked)
            # What was written waits for the flush: taken back, it is sent anew in pieces.
            wire = rig.client.wire
            waiting = b"".join(wire._tempDataBuffer)
            wire._tempDataBuffer, wire._tempDataLen = [], 0
            ends = {"whole": [], "cut": sorted(cuts), "byte": list(range(len(waiting)))}[by]
            for start, end in pairwise([0, *ends, len(waiting)]):
                rig.client.send(waiting[start:end])
                rig.flush()
            outcomes.add(tuple((frame.opcode, frame.payload) for frame in rig.frames()))
    assert len(outcomes) == 1


@pytest.mark.proves("K-18")
@pytest.mark.parametrize("code", [1000, 1003, 1007, 1011, 1012, 1013, 1014, 3000, 4999])
def test_a_code_that_may_be_sent_is_answered_and_told(code: int) -> None:
    rig = Rig()
    rig.client.send_frame(CLOSE, struct.pack("!H", code))
    rig.flush()
    assert rig.closing() == (code, "")
    assert rig.conversation.closed == f"closed with {code}"


@pytest.mark.proves("K-18")
@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000])
def test_a_code_that_must_not_be_sent_breaks_the_protocol(code: int) -> None:
    rig = Rig()
    rig.client.send_frame(CLOSE, struct.pack("!H", code))
    assert rig.closing() == (1002, f"invalid close code {code}")


@pytest.mark.proves("L-1", "rfc6455/10.4/limits")
def test_no_more_than_the_limit_is_kept_of_a_message_that_is_too_large() -> None:
    rig = Rig(max_message_size=1000)
    protocol: Any = rig.connection._protocol
    rig.client.send_frame(TEXT, b"1" * 1000)
    rig.flush()
    assert [answer["error"]["code"] for answer in rig.answers()] == [-32600]
    rig.client.send_frame(TEXT, b"1" * 10 * MIB)
    assert rig.closing() == (1009, "received WebSocket message size 10485760 exceeds payload limit of 1000 octets")
    assert not protocol.frame_data
    assert protocol.data == b""


@pytest.mark.proves("L-1")
@pytest.mark.parametrize("by", ["fragment", "read"])
def test_a_message_in_pieces_of_a_byte_is_not_kept_in_pieces_of_a_byte(by: str) -> None:
    # The lane, where it is, has the same test.
    rig = Rig(fast_lane=False)
    pieces = 20_000
    payload = bytes(to_raw(call("x", text="t" * pieces)))
    if by == "fragment":
        rig.client.send_frame(TEXT, payload[:-pieces], fin=False)
        for n in range(len(payload) - pieces, len(payload) - 1):
            rig.client.send_frame(CONTINUATION, payload[n : n + 1], fin=False)
        rig.flush()
        kept = rig.connection._protocol.message_data
        rig.client.send_frame(CONTINUATION, payload[-1:])
    else:
        head = b"\x81\xfe" + len(payload).to_bytes(2, "big") + bytes(4)
        rig.client.send(head + payload[:1])
        for n in range(1, len(payload) - 1):
            rig.client.send(payload[n : n + 1])
            rig.flush()
        kept = rig.connection._protocol.frame_data
        rig.client.send(payload[-1:])
    assert len(kept) < 30
    rig.flush()
    assert [request.id for request in rig.conversation.requests] == ["x"]


FRAMES = st.tuples(
    st.integers(0, 15),
    st.binary(max_size=200) | st.just(b'{"jsonrpc":"2.0","id":1,"method":"a"}') | st.just(b"\x03\xe8"),
    st.fixed_dictionaries({"fin": st.booleans(), "reserved": st.integers(0, 7), "masked": st.booleans()})
    | st.just({"fin": True, "reserved": 0, "masked": True}),
)


@pytest.mark.proves("rfc6455/10.7/invalid-data")
@settings(deadline=None)
@given(st.lists(FRAMES | st.binary(max_size=50), max_size=12))
def test_no_bytes_at_all_raise_here_or_keep_a_connection_for_ever(
    sent: list[tuple[int, bytes, dict[str, Any]] | bytes],
) -> None:
    rig = Rig(max_message_size=300, close_timeout=1, heartbeat_interval=1, heartbeat_timeout=3)
    for one in sent:
        if isinstance(one, bytes):
            rig.client.send(one)
        else:
            opcode, payload, flags = one
            rig.client.send_frame(opcode, payload, **flags)
        rig.flush()
    rig.advance(6)
    assert rig.service.server.connections == ()
    rig.assert_next_is_served()


@pytest.mark.proves("K-11", "rfc6455/7.1.7/fail")
def test_what_comes_after_the_breach_is_not_looked_at() -> None:
    rig = Rig(binary="refuse")
    rig.client.send_frame(BINARY, b"1")
    rig.send(call(1), call(2))
    assert rig.closing()[0] == 1003
    assert rig.conversation.received == []


# Requests in flight


@pytest.mark.proves("E-10", "L-4", "L-15")
def test_over_the_limit_requests_wait_and_over_that_they_are_refused() -> None:
    rig = Rig(max_in_flight=3, max_waiting=2)
    rig.send(*(call(id) for id in range(7)))
    assert [request.id for request in rig.conversation.requests] == [0, 1, 2]
    refused = rig.answers()
    assert [(answer["id"], answer["error"]["code"], answer["error"]["data"]) for answer in refused] == [
        (5, 429, {"limit": 3}),
        (6, 429, {"limit": 3}),
    ]
    assert rig.service.server.statistics().too_many == 2
    rig.answer(rig.conversation.requests[0])
    assert [request.id for request in rig.conversation.requests] == [0, 1, 2, 3]
    rig.answer(rig.conversation.requests[1])
    rig.answer(rig.conversation.requests[2])
    assert [request.id for request in rig.conversation.requests] == [0, 1, 2, 3, 4]
    assert rig.connection.in_flight == 2


@pytest.mark.proves("L-16")
def test_with_everything_in_flight_all_that_is_no_request_gets_through() -> None:
    rig = Rig(max_in_flight=2)
    rig.send(*(call(id) for id in range(4)))
    rig.client.send_frame(PING, b"alive?")
    assert [frame.opcode for frame in rig.frames()] == [PONG]
    rig.send(
        {"jsonrpc": "2.0", "id": "p", "method": "ping"},
        {"jsonrpc": "2.0", "method": "notifications/x"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 2}},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 0}},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "p"}},
    )
    assert [getattr(message, "id", getattr(message, "method", None)) for message in rig.conversation.received] == [
        0,
        1,
        "p",
        "notifications/x",
        "notifications/cancelled",
        "notifications/cancelled",
        3,
    ]
    rig.client.send_frame(CLOSE, struct.pack("!H", 1000))
    rig.flush()
    assert rig.client.is_gone()
    assert rig.conversation.closed == "closed with 1000"


@pytest.mark.proves("L-16")
def test_the_end_of_tcp_is_seen_with_everything_in_flight() -> None:
    rig = Rig(max_in_flight=1)
    rig.send(call(1), call(2))
    rig.client.wire.loseConnection()
    rig.flush()
    assert rig.conversation.closed == "closed with 1006"


@pytest.mark.proves("L-13")
def test_answering_from_within_a_message_does_not_change_the_order() -> None:
    rig = Rig(EchoBackend(), max_in_flight=1)
    rig.send(*(call(id) for id in range(100)))
    assert [answer["id"] for answer in rig.answers()] == list(range(100))


@pytest.mark.proves("L-13")
def test_pausing_and_resuming_from_within_a_message_does_not_change_the_order() -> None:
    class Restless(Echo):
        def receive(self, message: Message) -> None:
            self.link.pauseProducing()
            super().receive(message)
            self.link.resumeProducing()

    class RestlessBackend(RecordingBackend):
        def open(self, link: Link) -> Deferred[Channel]:
            self.conversations.append(Restless(link, initialize=True))
            return succeed(self.conversations[-1])

    rig = Rig(RestlessBackend())
    rig.send(*(call(id) for id in range(100)))
    assert [answer["id"] for answer in rig.answers()] == list(range(100))


@pytest.mark.proves("R-3")
def test_a_backend_that_waits_for_the_client_gets_its_answer_with_everything_in_flight() -> None:
    rig = Rig(max_in_flight=2)
    rig.send(call(1), call(2), call(3))
    rig.conversation.link.send(Request("ask", "roots/list"))
    assert rig.answers() == [{"jsonrpc": "2.0", "id": "ask", "method": "roots/list"}]
    rig.send({"jsonrpc": "2.0", "id": "ask", "result": {}})
    assert [getattr(message, "id", None) for message in rig.conversation.received] == [1, 2, "ask"]


def test_a_backend_that_pauses_its_client_is_not_given_more() -> None:
    rig = Rig()
    rig.conversation.link.pauseProducing()
    rig.send(call(1))
    assert rig.conversation.requests == []
    rig.conversation.link.resumeProducing()
    rig.flush()
    assert [request.id for request in rig.conversation.requests] == [1]


# Messages that are too large to send


@pytest.mark.proves("E-9", "L-3")
def test_an_answer_over_the_limit_becomes_an_error_and_the_connection_lives() -> None:
    rig = Rig(max_outbound_size=1000)
    rig.send(call(1))
    rig.answer(rig.conversation.requests[0], "x" * 1000)
    [answer] = rig.answers()
    assert (answer["id"], answer["error"]["code"]) == (1, 413)
    assert answer["error"]["data"] == {"size": 1002 + len('{"jsonrpc":"2.0","id":1,"result":}'), "limit": 1000}
    rig.assert_lives()


def test_an_error_over_the_limit_becomes_one_that_fits() -> None:
    rig = Rig(max_outbound_size=1000)
    rig.send(call(1))
    rig.answer(rig.conversation.requests[0], InvalidParams("x" * 1000))
    assert [answer["error"]["code"] for answer in rig.answers()] == [413]


def test_an_id_that_makes_any_answer_too_large_is_answered_none_the_less() -> None:
    rig = Rig(max_outbound_size=1000)
    rig.send(call("x" * 1000, "initialize"))
    [answer] = rig.answers()
    assert answer["id"] == "x" * 1000
    assert answer["error"]["message"] == "Already initialized"
    rig.assert_lives()


@pytest.mark.proves("L-3")
def test_a_request_over_the_limit_is_answered_to_the_backend() -> None:
    rig = Rig(max_outbound_size=1000)
    rig.conversation.link.send(Request("ask", "sampling/createMessage", to_raw({"x": "x" * 1000})))
    assert rig.answers() == []
    [error] = rig.conversation.received
    assert error.id == "ask"  # type: ignore[union-attr]


@pytest.mark.proves("L-3")
def test_a_notification_over_the_limit_is_dropped_and_counted() -> None:
    rig = Rig(max_outbound_size=1000)
    rig.conversation.link.send(Notification("notifications/message", to_raw({"x": "x" * 1000})))
    assert rig.answers() == []
    assert rig.connection.statistics(0).dropped == 1


# A peer that reads slowly


def flood(rig: Rig, size: int) -> None:
    for _ in range(0, size, 100 * KIB):
        rig.conversation.link.send(Notification("notifications/message", to_raw("x" * 100 * KIB)))
    rig.flush()


@pytest.mark.proves("L-5")
def test_a_slow_reader_pauses_what_feeds_it_until_it_has_caught_up() -> None:
    rig = Rig(max_queued_bytes=MIB)
    rig.stop_reading()
    flood(rig, MIB // 2)
    assert not rig.is_paused()
    flood(rig, MIB)
    assert rig.is_paused()
    assert rig.service.server.statistics().queued_bytes > MIB
    rig.read_on()
    assert not rig.is_paused()
    assert rig.connection.queued_bytes == 0
    assert len(rig.answers()) >= 15


@pytest.mark.proves("L-6")
def test_a_reader_that_takes_nothing_is_closed_and_its_queue_dropped() -> None:
    rig = Rig(stall_timeout=30)
    rig.stop_reading()
    flood(rig, MIB)
    rig.advance(30)
    assert rig.state() is ConnectionState.CONNECTED
    rig.advance(2)
    assert rig.state() is ConnectionState.SHUTTING_DOWN
    assert (rig.connection.close_code, rig.connection.close_reason) == (1013, "nothing was read for 30 s")
    assert rig.connection.queued_bytes < 100 * KIB
    rig.advance(7)
    assert rig.service.server.connections == ()
    assert rig.conversation.closed == "closed with 1013"
    rig.assert_next_is_served()


@pytest.mark.proves("L-6")
def test_a_reader_that_takes_a_little_is_not_closed() -> None:
    rig = Rig(stall_timeout=10, heartbeat_timeout=0)
    rig.stop_reading()
    flood(rig, MIB)
    for _ in range(5):
        rig.advance(9)
        for _ in range(3):
            rig.client.wire.resumeProducing()
            rig.client.wire.step()
            rig.stop_reading()
            rig.flush()
    assert rig.state() is ConnectionState.CONNECTED


@pytest.mark.proves("K-9", "L-5")
def test_a_queue_that_grows_in_spite_of_all_is_the_end() -> None:
    rig = Rig(max_queued_bytes=MIB, max_outbound_size=MIB)
    rig.stop_reading()
    flood(rig, 3 * MIB)
    assert rig.state() is ConnectionState.SHUTTING_DOWN
    assert rig.connection.queued_bytes < 200 * KIB
    rig.read_on()
    assert rig.closing() == (1013, "too much waits to be read")
    rig.assert_next_is_served()


@pytest.mark.proves("P-5")
def test_of_a_flood_of_progress_a_slow_reader_gets_little() -> None:
    rig = Rig()
    rig.send(call(1, _meta={"progressToken": "t"}))
    rig.stop_reading()
    progress = "notifications/progress"
    for value in range(100_000):
        rig.conversation.link.send(Notification(progress, to_raw({"progressToken": "t", "progress": value})))
        if not value % 1000:
            rig.flush()
    assert rig.connection.queued_bytes < KIB
    rig.read_on()
    came = [message["params"]["progress"] for message in rig.answers()]
    assert came == [*range(len(came) - 1), 99_999]
    # What the transports hold is on its way.
    assert len(came) < 5000
    assert rig.service.server.statistics().coalesced == 100_000 - len(came)
    rig.answer(rig.conversation.requests[-1])
    rig.advance(1)
    assert [answer["id"] for answer in rig.answers()] == [1]


@pytest.mark.proves("A-4", "rfc6455/10.4/limits")
def test_pings_of_a_client_that_does_not_read_the_pongs_are_bounded() -> None:
    rig = Rig(max_queued_bytes=50 * KIB, stall_timeout=30)
    rig.stop_reading()
    for _ in range(10):
        for _ in range(1000):
            rig.client.send_frame(PING, b"x" * 125)
        rig.flush()
        assert rig.connection.queued_bytes < 150 * KIB
    assert rig.is_read()
    rig.advance(31)
    assert rig.connection.close_code == 1013


@pytest.mark.proves("A-4")
def test_of_the_pings_of_a_client_that_does_not_read_the_latest_is_answered_too() -> None:
    rig = Rig()
    rig.stop_reading()
    rig.service.server.broadcast("notifications/message", {"data": "x" * MIB})
    for number in range(100):
        rig.client.send_frame(PING, b"%d" % number)
    rig.flush()
    rig.read_on()
    assert [frame.payload for frame in rig.frames() if frame.opcode == PONG] == [b"0", b"99"]
    assert rig.service.server.statistics().coalesced == 98
    rig.client.send_frame(PING, b"again")
    assert [frame.payload for frame in rig.frames()] == [b"again"]


@pytest.mark.proves("L-5")
def test_many_answers_to_one_read_are_no_slow_reader() -> None:
    rig = Rig(EchoBackend(), max_queued_bytes=1000, max_outbound_size=1000)
    for id in range(10):
        rig.client.send_message(call(id, text="x" * 900))
    assert [answer["id"] for answer in rig.answers()] == list(range(10))
    assert rig.state() is ConnectionState.CONNECTED


@pytest.mark.proves("L-5")
def test_a_client_that_asks_for_much_at_once_gets_it_as_fast_as_it_reads() -> None:
    rig = Rig(EchoBackend(), max_queued_bytes=MIB, max_outbound_size=MIB)
    rig.stop_reading()
    for id in range(20):
        rig.client.send_message(call(id, text="x" * 300 * KIB))
    rig.flush()
    assert not rig.is_read()
    assert rig.connection.queued_bytes < 2 * MIB
    rig.read_on()
    assert [answer["id"] for answer in rig.answers()] == list(range(20))
    assert rig.is_read()


# Liveness


@pytest.mark.proves("A-1", "rfc6455/5.5.3/pong")
def test_a_ping_goes_out_every_interval_and_its_pong_measures_the_round_trip() -> None:
    rig = Rig(heartbeat_interval=10)
    assert rig.connection.statistics(0).round_trip is None
    rig.advance(10)
    [ping] = rig.frames()
    assert ping.opcode == PING
    rig.service.clock.advance(0.25)
    rig.client.send_frame(PONG, b"another")
    rig.flush()
    assert rig.connection.statistics(0).round_trip is None
    rig.client.send_frame(PONG, ping.payload)
    rig.flush()
    assert rig.connection.statistics(0).round_trip == 0.25
    rig.advance(10)
    [again] = rig.frames()
    assert again.opcode == PING
    assert again.payload != ping.payload


@pytest.mark.proves("A-2")
def test_a_peer_that_says_nothing_is_lost_after_the_timeout() -> None:
    rig = Rig(heartbeat_interval=10, heartbeat_timeout=25)
    rig.advance(25)
    assert not rig.client.is_gone()
    rig.advance(2)
    assert rig.client.is_gone()
    assert rig.conversation.closed == "closed with 1006"


@pytest.mark.proves("A-2")
def test_any_byte_of_the_peer_is_a_sign_of_life() -> None:
    rig = Rig(heartbeat_interval=10, heartbeat_timeout=25)
    for _ in range(5):
        rig.advance(20)
        rig.client.send(b"\x89")
        rig.advance(1)
        rig.client.send(b"\x80" + bytes(4))
    assert not rig.client.is_gone()


@pytest.mark.proves("A-1")
def test_no_heartbeat_is_possible() -> None:
    rig = Rig(heartbeat_interval=0, heartbeat_timeout=0)
    rig.advance(1000)
    assert rig.frames() == []
    assert not rig.client.is_gone()


@pytest.mark.proves("A-3")
def test_silence_of_a_peer_that_we_do_not_read_does_not_count() -> None:
    rig = Rig(heartbeat_interval=10, heartbeat_timeout=25, max_waiting=1)
    rig.conversation.link.pauseProducing()
    rig.send(call(1))
    assert not rig.is_read()
    rig.advance(100)
    assert not rig.client.is_gone()
    rig.conversation.link.resumeProducing()
    rig.advance(25)
    assert not rig.client.is_gone()
    rig.advance(2)
    assert rig.client.is_gone()


# The end


@pytest.mark.proves("K-12", "rfc6455/7.1.5/code")
def test_a_close_frame_is_answered_with_the_same_code_and_the_end_of_the_connection() -> None:
    rig = Rig()
    rig.client.send_frame(CLOSE, struct.pack("!H", 4321) + b"enough")
    assert rig.closing() == (4321, "enough")
    assert rig.client.is_gone()
    assert rig.conversation.closed == "closed with 4321"


@pytest.mark.proves("K-16", "rfc6455/7.1.5/code")
def test_a_close_frame_without_a_code_is_1005() -> None:
    rig = Rig()
    rig.client.send_frame(CLOSE)
    assert rig.frames() == [Frame(CLOSE, b"")]
    assert rig.conversation.closed == "closed with 1005"


@pytest.mark.proves("K-16", "rfc6455/7.1.5/code")
def test_a_peer_that_vanishes_is_1006() -> None:
    rig = Rig()
    connection = rig.connection
    rig.client.wire.abortConnection()
    rig.flush()
    assert rig.conversation.closed == "closed with 1006"
    assert connection.state is ConnectionState.DISCONNECTED


@pytest.mark.proves("rfc6455/7.1.2/start")
def test_our_close_frame_waits_for_the_answer_of_the_peer() -> None:
    rig = Rig()
    rig.connection.close(4000, "that is all")
    assert rig.closing() == (4000, "that is all")
    assert not rig.client.is_gone()
    rig.client.send_frame(CLOSE, struct.pack("!H", 4000))
    rig.flush()
    assert rig.client.is_gone()
    assert rig.conversation.closed == "closed with 4000"


@pytest.mark.proves("rfc6455/7.1.1/tcp")
def test_a_connection_that_was_closed_in_order_ends_in_order() -> None:
    rig = Rig()
    rig.connection.close()
    rig.client.send_frame(CLOSE, struct.pack("!H", 1000))
    rig.flush()
    assert rig.client.lost is not None
    assert rig.client.lost.getErrorMessage() == "Connection was closed cleanly."


@pytest.mark.proves("K-17")
def test_to_close_the_transport_closes_the_websocket() -> None:
    rig = Rig()
    rig.send(call(1))
    connection = rig.connection
    rig.conversation.link.pauseProducing()
    for _ in range(2):
        connection._protocol.transport.loseConnection()
    assert rig.frames() == [Frame(CLOSE, struct.pack("!H", 1000))]
    assert not rig.client.is_gone()
    rig.client.send_frame(CLOSE, struct.pack("!H", 1000))
    rig.flush()
    assert rig.client.is_gone()
    assert (connection.close_code, connection.close_reason) == (1000, "")
    assert rig.conversation.closed == "closed with 1000"


def test_to_close_the_transport_in_the_handshake_drops_the_connection() -> None:
    rig = Rig()
    client = rig.service.raw()
    rig.service.server.connections[1]._protocol.transport.loseConnection()
    rig.flush()
    assert client.is_gone()
    assert client.received == b""


@pytest.mark.proves("K-15", "L-11", "rfc6455/7.1.2/start")
def test_a_peer_that_never_answers_a_close_is_dropped() -> None:
    rig = Rig(close_timeout=5)
    rig.connection.close()
    rig.advance(5)
    assert not rig.client.is_gone()
    rig.advance(2)
    assert rig.client.is_gone()
    assert rig.conversation.closed == "closed with 1000"


@pytest.mark.proves("K-15")
def test_a_peer_that_answers_but_does_not_read_is_dropped() -> None:
    rig = Rig(close_timeout=5)
    rig.stop_reading()
    flood(rig, MIB)
    rig.client.send_frame(CLOSE, struct.pack("!H", 1000))
    rig.flush()
    assert rig.service.server.connections != ()
    rig.advance(7)
    assert rig.service.server.connections == ()


@pytest.mark.proves("K-12")
def test_the_answer_to_a_close_does_not_wait_for_what_was_queued() -> None:
    rig = Rig()
    rig.stop_reading()
    flood(rig, 2 * MIB)
    rig.client.send_frame(CLOSE, struct.pack("!H", 1000))
    rig.flush()
    rig.read_on()
    frames = rig.frames()
    assert frames[-1] == (CLOSE, struct.pack("!H", 1000), True)
    assert len(frames) < 10
    assert rig.client.is_gone()


@pytest.mark.proves("K-12")
def test_a_request_right_before_the_close_frame_is_answered() -> None:
    rig = Rig(EchoBackend())
    rig.client.send_message(call(1, a=1))
    rig.client.send_frame(PING, b"?")
    rig.client.send_frame(CLOSE, struct.pack("!H", 1000))
    assert [frame.opcode for frame in rig.frames()] == [TEXT, PONG, CLOSE]


@pytest.mark.proves("K-11")
def test_the_close_frame_of_a_peer_is_read_even_if_it_was_paused() -> None:
    rig = Rig(max_waiting=1)
    rig.send(call(1))
    rig.conversation.link.pauseProducing()
    rig.send(call(2), call(3))
    assert not rig.is_read()
    rig.connection.close(1001)
    rig.client.send_frame(CLOSE, struct.pack("!H", 1001))
    rig.flush()
    assert rig.client.is_gone()
    assert [request.id for request in rig.conversation.requests] == [1]


def test_pausing_a_connection_that_closes_does_not_delay_the_end() -> None:
    rig = Rig()
    rig.connection.close(1001)
    rig.conversation.link.pauseProducing()
    rig.client.send_frame(CLOSE, struct.pack("!H", 1001))
    rig.flush()
    assert rig.client.is_gone()


@pytest.mark.proves("K-11", "rfc6455/5.5.1/no-data-after")
def test_nothing_is_sent_after_the_close_frame() -> None:
    rig = Rig()
    rig.send(call(1))
    rig.connection.close()
    sent = rig.connection.statistics(0).messages_sent
    rig.answer(rig.conversation.requests[0])
    rig.client.send_frame(PING)
    rig.connection.close(4000, "again")
    assert [frame.opcode for frame in rig.frames()] == [CLOSE]
    assert rig.connection.statistics(0).messages_sent == sent


def test_a_close_frame_that_autobahn_sends_for_a_subclass_counts_as_ours() -> None:
    rig = Rig()
    connection = rig.connection
    for code in 4001, 4002:
        connection._protocol.sendClose(code, "as I please")
    assert [frame.payload for frame in rig.frames()] == [struct.pack("!H", 4001) + b"as I please"]
    rig.client.wire.abortConnection()
    rig.flush()
    assert (connection.close_code, connection.close_reason) == (4001, "as I please")


@pytest.mark.proves("K-13")
@pytest.mark.parametrize(
    ("reason", "sent"), [("é" * 100, "é" * 61), ("x" * 124, "x" * 123), ("no \udcff in UTF-8", "no \\udcff in UTF-8")]
)
def test_any_reason_fits_into_a_close_frame(reason: str, sent: str) -> None:
    rig = Rig()
    rig.connection.close(1000, reason)
    assert rig.closing() == (1000, sent)


def test_what_comes_after_the_end_is_not_kept() -> None:
    rig = Rig()
    protocol: Any = rig.connection._protocol
    rig.client.send_frame(CLOSE, struct.pack("!H", 1000))
    rig.flush()
    # TLS may still bring data after loseConnection.
    protocol.dataReceived(b"x" * MIB)
    assert protocol.data == b""
    assert rig.conversation.closed == "closed with 1000"


@pytest.mark.proves("G-3")
def test_a_backend_that_dies_answers_what_is_open_and_ends_the_connection() -> None:
    rig = Rig()
    rig.send(call(1), call("two"))
    rig.conversation.link.lost(BackendLost("The child exited with 1"))
    *answers, close = rig.frames()
    assert [frame.payload for frame in answers] == [
        b'{"jsonrpc":"2.0","id":1,"error":{"code":502,"message":"The child exited with 1"}}',
        b'{"jsonrpc":"2.0","id":"two","error":{"code":502,"message":"The child exited with 1"}}',
    ]
    assert close == (CLOSE, struct.pack("!H", 1011) + b"The child exited with 1", True)


# Answers that cannot be used


@pytest.mark.proves("M-15")
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize(
    "answer",
    [
        b'{"jsonrpc":"2.0","id":"ask","result":{"v":NaN}}',
        b'{"result":{"v":NaN},"jsonrpc":"2.0","id":"ask"}',
        b'{"jsonrpc":"2.0","id":"ask","error":"no"}',
        b'{"jsonrpc":"2.0","id":"ask"}',
        b'{"id":"ask","result":{}}',
    ],
)
def test_a_question_fails_when_the_answer_of_the_client_cannot_be_used(answer: bytes, binary: bool) -> None:
    rig = Rig()
    rig.conversation.link.send(Request("ask", "roots/list"))
    rig.client.send_frame(BINARY if binary else TEXT, answer)
    rig.flush()
    [failed] = rig.conversation.received
    assert isinstance(failed, Error)
    assert (failed.id, failed.error.code, failed.error.message) == ("ask", 502, "The answer cannot be used")
    assert rig.answers()[-1]["error"]["code"] in (-32700, -32600)
    rig.assert_lives()


@pytest.mark.proves("M-14")
def test_a_lone_surrogate_passes_both_ways_byte_for_byte() -> None:
    rig = Rig()
    asked = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":{"t":"ab\\ud83d"}}}'
    answered = b'{"jsonrpc":"2.0", "id":1,"result":{"content":[{"type":"text","text":"\\uDEAD"}]}}'
    rig.client.send_frame(TEXT, asked)
    rig.flush()
    [request] = rig.conversation.requests
    assert request.data == asked
    rig.conversation.link.send(decode(answered))
    assert [frame.payload for frame in rig.frames()] == [answered]


@pytest.mark.proves("I-5")
def test_an_answer_may_have_the_id_in_the_other_type() -> None:
    rig = Rig()
    rig.send(call(1))
    # The client began with an id that is a string, so nobody knows which it is.
    rig.conversation.link.send(Result("1", EMPTY))
    assert rig.answers() == []
    rig.answer(rig.conversation.requests[0])
    assert [answer["id"] for answer in rig.answers()] == [1]


@pytest.mark.proves("L-20")
def test_ids_over_the_limit_are_refused_and_counted() -> None:
    rig = Rig(max_name_size=100)
    rig.send(call("x" * 101), call("x" * 100), call(1, _meta={"progressToken": "y" * 101}))
    assert [(answer["id"], answer["error"]["code"]) for answer in rig.answers()] == [("x" * 101, -32600), (1, -32600)]
    assert len(rig.conversation.requests) == 1
    assert rig.service.server.statistics().too_long == 2
    rig.client.wire.abortConnection()
    rig.flush()
    assert rig.service.server.statistics().too_long == 2
