"""What one turn of the reactor spends on one connection is bounded, whatever comes; and nothing is lost by it."""

import zlib
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from mcpws.config import WebSocketConfig
from mcpws.jsonrpc.messages import Message, Notification
from mcpws.testing import Frame, Network, RawServer, RecordingBackend, Served
from mcpws.testing.raw import CLOSE, CONTINUATION, PING, PONG, TEXT
from mcpws.ws.autobahn import AutobahnEnd
from mcpws.ws.client import ClientConnectionFactory
from mcpws.ws.fastlane import FastLane, frame

pytestmark = pytest.mark.not_mcp("what is said stands for any payload")

LOOK = 0.001
"""Seconds that pass with every look at the clock: what else takes time here takes none."""

LOOKS = 20
"""At most in a turn of 5 ms, those for other purposes included."""

DEFLATE = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits=10"}


class SlowClock(Clock):
    """Time passes with every look at it, and calls that are due are made only by `turn`."""

    looks = 0
    standing = True

    def seconds(self) -> float:
        if not self.standing:
            self.looks += 1
            self.rightNow += LOOK
        return super().seconds()

    def turn(self) -> int:
        """Make the calls that are due now, as a reactor does; returns how many."""
        now = self.rightNow
        due = [call for call in self.calls if call.getTime() <= now]
        for call in due:
            self.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)
        return len(due)


class Rig:
    """A server, and one client in bytes that has shaken hands."""

    def __init__(self, headers: Mapping[str, str | None] | None = None, **settings: Any) -> None:
        self.clock = SlowClock()
        self.backend = RecordingBackend()
        self.service = Served(self.backend, config=WebSocketConfig(**settings), clock=self.clock)
        self.client = self.service.raw()
        self.client.handshake(headers=headers)
        self.service.flush()
        self.client.take_head()
        self.serving = self.client.wire.other
        self.protocol: AutobahnEnd = self.serving.protocol  # type: ignore[assignment]

    @property
    def connection(self) -> Any:
        return self.service.server.connections[0]

    def read(self, data: bytes) -> int:
        """The server reads `data` at once; returns how often it looked at the clock in that turn."""
        return self._looks(lambda: self.protocol.dataReceived(data))

    def turn(self) -> int:
        """The next turn, as `read`."""
        return self._looks(self.clock.turn)

    def work_off(self) -> int:
        """Turn after turn until all is done; returns how many there were."""
        turns = 0
        while self.protocol._next_turn is not None:
            assert not self.serving.reading
            assert self.turn() <= LOOKS
            turns += 1
        assert self.serving.reading
        return turns

    def heard(self) -> list[str]:
        received = [message for one in self.backend.conversations for message in one.received]
        return [message.method for message in received if isinstance(message, Notification)]

    def _looks(self, work: Callable[[], object]) -> int:
        before, self.clock.standing = self.clock.looks, False
        try:
            work()
        finally:
            self.clock.standing = True
        return self.clock.looks - before


def masked(opcode: int, payload: bytes = b"", fin: bool = True, reserved: int = 0) -> bytes:
    """A frame of a client."""
    assert len(payload) < 126
    return bytes([fin << 7 | reserved << 4 | opcode, 0x80 | len(payload)]) + bytes(4) + payload


def note(method: str) -> bytes:
    return b'{"jsonrpc":"2.0","method":"%b"}' % method.encode()


END = frame(note("end"), False, bytes(4))
LONG = note("x" * 1000)


def in_single_bytes(payload: bytes, reserved: int = 0) -> bytes:
    parts = [payload[i : i + 1] for i in range(len(payload))]
    first = masked(TEXT, parts[0], False, reserved)
    return first + b"".join(masked(CONTINUATION, part, False) for part in parts[1:]) + masked(CONTINUATION)


def deflated(payload: bytes) -> bytes:
    compressor = zlib.compressobj(wbits=-10)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


CROWDS = {
    "fragments": in_single_bytes(LONG),
    "empty frames": masked(TEXT, b"", False)
    + masked(CONTINUATION, b"", False) * 3000
    + masked(CONTINUATION, note("x")),
    "pings": masked(PING) * 2000,
    "pings with payload": masked(PING, b"x" * 125) * 500,
    "pongs": masked(PONG) * 2000,
    "pings between the fragments": masked(TEXT, b"", False) + masked(PING) * 2000 + masked(CONTINUATION, note("x")),
    "notifications": frame(note("x"), False, b"mask") * 1000,
    "pings and notifications": (masked(PING) + frame(note("x"), False, b"mask")) * 1000,
    "long notifications": frame(LONG, False, b"mask") * 500,
}


@pytest.mark.proves("L-18")
@pytest.mark.parametrize("fast_lane", [True, False])
@pytest.mark.parametrize("kind", CROWDS)
def test_a_crowd_of_frames_takes_many_turns_and_arrives_whole(kind: str, fast_lane: bool) -> None:
    rig = Rig(fast_lane=fast_lane)
    assert rig.read(CROWDS[kind] + END) <= LOOKS
    assert "end" not in rig.heard()
    assert rig.work_off() > 5
    assert rig.heard()[-1] == "end"
    assert rig.connection.counters.postponed > 5
    # The next of its messages does not wait.
    assert rig.read(END) <= LOOKS
    assert rig.protocol._next_turn is None
    assert rig.heard()[-2:] == ["end", "end"]


def test_what_is_said_to_a_crowd_is_the_same_in_turns() -> None:
    answers = []
    for turn_seconds in (0.005, 1000):
        rig = Rig(turn_seconds=turn_seconds, heartbeat_interval=0)
        said = []
        for kind in CROWDS:
            rig.read(CROWDS[kind])
            rig.work_off()
            rig.service.flush()
            said += rig.client.take_frames()
        answers.append((rig.heard(), said))
    assert answers[0] == answers[1]
    assert answers[0][1].count(Frame(PONG, b"")) == 5000


@pytest.mark.proves("L-18")
def test_compressed_fragments_take_many_turns() -> None:
    rig = Rig(DEFLATE, compression=True)
    assert rig.read(in_single_bytes(deflated(note("".join(map(str, range(1000))))), 4) + END) <= LOOKS
    assert rig.work_off() > 5
    assert rig.heard()[-1] == "end"


def test_what_inflates_to_much_is_inflated_in_many_turns() -> None:
    rig = Rig(DEFLATE, compression=True)
    packed = deflated(note("x" * 8_000_000))
    head = b"\xc1\xfe" + len(packed).to_bytes(2, "big") + bytes(4)
    sizes: list[int] = []
    take: Any = rig.protocol.onMessageFrameData
    rig.protocol.onMessageFrameData = lambda payload: (sizes.append(len(payload)), take(payload))  # type: ignore[method-assign, assignment, func-returns-value]
    rig.read(head + packed + END)
    rig.work_off()
    assert max(sizes) < 2_200_000
    assert rig.heard() == ["x" * 8_000_000, "end"]


@pytest.mark.proves("L-18")
def test_the_others_have_their_turn_meanwhile() -> None:
    rig = Rig()
    other = rig.service.raw()
    other.handshake()
    rig.service.flush()
    rig.read(CROWDS["pings"] + END)
    serving: Any = other.wire.other.protocol
    serving.dataReceived(END)
    assert rig.heard() == ["end"]
    rig.work_off()
    assert rig.heard() == ["end", "end"]


@pytest.mark.proves("L-18")
def test_nothing_more_is_read_until_what_was_read_is_done() -> None:
    rig = Rig()
    rig.read(CROWDS["pings"])
    assert not rig.serving.reading
    # As TLS does, which has decrypted more than it could give.
    rig.protocol.dataReceived(END)
    assert rig.heard() == []
    rig.connection.pause_reading()
    rig.connection.resume_reading()
    assert not rig.serving.reading
    rig.connection.pause_reading()
    rig.turn()
    assert rig.protocol._next_turn is None
    assert not rig.serving.reading
    rig.connection.resume_reading()
    rig.work_off()
    assert rig.heard() == ["end"]


def test_a_connection_that_is_lost_between_two_turns_leaves_no_timer() -> None:
    rig = Rig()
    rig.read(CROWDS["pings"])
    rig.client.wire.abortConnection()
    rig.service.flush()
    assert rig.clock.getDelayedCalls() == []


def test_a_close_behind_a_crowd_is_answered() -> None:
    rig = Rig()
    rig.read(CROWDS["fragments"] + masked(CLOSE, b"\x03\xe8") + END)
    while rig.protocol._next_turn is not None:
        rig.turn()
    rig.service.flush()
    assert rig.client.take_frames()[-1] == (CLOSE, b"\x03\xe8", True)
    assert rig.client.is_gone()
    assert "end" not in rig.heard()


@pytest.mark.proves("L-18")
def test_a_client_takes_turns_with_its_servers_as_well() -> None:
    clock = SlowClock()
    network = Network(clock)
    heard: list[Message] = []

    class Hearing:
        in_flight = 0

        def receive(self, message: Message) -> None:
            heard.append(message)

        def pause_sending(self) -> None: ...
        def resume_sending(self) -> None: ...
        def lost(self, reason: object) -> None: ...

    factory = ClientConnectionFactory("ws://127.0.0.1:8082", lambda connection: Hearing(), reactor=clock)
    protocol: Any = factory.buildProtocol(None)
    protocol.connection.when_open.addErrback(lambda failure: None)
    server = RawServer()
    listening = Factory()
    listening.buildProtocol = lambda addr: server  # type: ignore[method-assign]
    network.join(protocol, listening)
    network.flush()
    server.accept()
    network.flush()
    clock.standing = False
    protocol.dataReceived((b"\x89\x00" + frame(note("x"), False)) * 1000)
    assert 0 < len(heard) < 50
    turns = 0
    while protocol._next_turn is not None:
        clock.turn()
        turns += 1
    assert turns > 20
    assert len(heard) == 1000
    clock.standing = True
    server.wire.loseConnection()
    network.flush()


def test_the_lane_looks_at_the_time_once_in_eight_frames() -> None:
    looks: list[int] = []
    got: list[bytes] = []

    def is_over() -> bool:
        looks.append(len(got))
        return len(looks) == 3

    def deliver(payload: bytes, binary: bool) -> bool:
        got.append(payload)
        return True

    lane = FastLane(True, 100, deliver, is_over)
    one = frame(b"{}", False, b"mask")
    assert lane.take(one * 100) == one * 76
    assert looks == [8, 16, 24]
