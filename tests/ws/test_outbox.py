"""What waits for a slow reader. The transport buffers and pauses as Twisted's own does; the peer reads when told to."""

import struct
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory

from mcpws.testing import Network, RawPeer
from mcpws.testing.network import WINDOW
from mcpws.turns.burst import burst
from mcpws.ws.outbox import SLICE, WHOLE, BufferedOutbox, Outbox, SocketOutbox, UnixOutbox, outbox

KIB = 1024
LIMIT = 1024 * KIB


KINDS = [SocketOutbox, UnixOutbox, BufferedOutbox]
both = pytest.mark.parametrize("kind", KINDS)


class Rig:
    """An outbox, the transport under it, and the peer.

    The transport of a BufferedOutbox is in truth one that could be written to directly: nothing tells it so.
    """

    def __init__(self, kind: type[Outbox], limit: int = LIMIT) -> None:
        self.clock = Clock()
        self.network = Network(self.clock)
        self.peer = RawPeer()
        sender = RawPeer()
        self.network.join(self.peer, Factory.forProtocol(lambda: sender))
        self.transport = sender.wire
        self.given = 0
        self.holds = 2 * SLICE + 1
        if issubclass(kind, SocketOutbox):
            self.holds = WINDOW
            self._count_what_is_taken()
        else:
            self._count_what_is_given()
        self.events: list[str] = []
        self.emptied = 0
        self.outbox = kind(
            self.transport,
            self.clock,
            limit,
            lambda: self.events.append("full"),
            lambda: self.events.append("space"),
            self._empty,
            lambda: self.events.append("close"),
        )

    def _empty(self) -> None:
        assert not self.outbox.behind
        assert self.outbox.queued == 0
        self.emptied += 1

    def _count_what_is_given(self) -> None:
        write = self.transport.write

        def counted(data: bytes) -> None:
            self.given += len(data)
            write(data)

        self.transport.write = counted  # type: ignore[method-assign]

    def _count_what_is_taken(self) -> None:
        take = self.transport.writeSomeData

        def counted(data: bytes) -> int | BaseException:
            taken = take(data)
            self.given += taken if isinstance(taken, int) else 0
            return taken

        self.transport.writeSomeData = counted  # type: ignore[method-assign]

    def read(self) -> None:
        """The peer reads whatever comes."""
        self.peer.wire.resumeProducing()
        self.network.flush()

    def read_once(self) -> None:
        """The peer takes what has arrived, and no more."""
        self.peer.wire.resumeProducing()
        self.peer.wire.step()
        self.peer.wire.pauseProducing()
        self.network.flush()

    def stop_reading(self) -> None:
        self.peer.wire.pauseProducing()
        self.network.flush()


def stuffed(kind: type[Outbox]) -> Rig:
    """A peer that does not read, and a transport that has all it takes."""
    rig = Rig(kind)
    rig.stop_reading()
    rig.outbox.write(b"-" * rig.holds)
    rig.network.flush()
    assert rig.outbox.queued == 0
    return rig


@pytest.mark.proves("K-17")
@both
def test_whoever_closes_the_transport_closes_what_sends_on_it(kind: type[Outbox]) -> None:
    rig = stuffed(kind)
    rig.outbox.write(b"=")
    for _ in range(2):
        rig.transport.loseConnection()
    assert rig.events == ["close", "close"]
    rig.read()
    assert rig.peer.received.endswith(b"-=")
    assert not rig.peer.is_gone()


@both
@pytest.mark.parametrize("end", ["hand_over", "stopProducing"])
def test_a_transport_that_is_handed_over_closes_itself(kind: type[Outbox], end: str) -> None:
    rig = Rig(kind)
    getattr(rig.outbox, end)()
    rig.transport.loseConnection()
    rig.read()
    assert rig.events == []
    assert rig.peer.is_gone()


@both
def test_a_reader_that_keeps_up_gets_every_frame_at_once(kind: type[Outbox]) -> None:
    rig = Rig(kind)
    for frame in b"one", b"two", b"three":
        rig.outbox.write(frame)
        assert rig.outbox.queued == 0
    rig.network.flush()
    assert rig.peer.received == b"onetwothree"
    assert rig.events == []


def test_a_large_frame_goes_in_slices_as_fast_as_a_buffer_takes_them() -> None:
    rig = Rig(BufferedOutbox)
    frame = bytes(range(256)) * (3 * WHOLE // 256)
    rig.outbox.write(frame)
    # The transport pauses its producer with more than 64 KiB in its buffer.
    assert rig.given == 2 * SLICE
    assert rig.outbox.queued == len(frame) - 2 * SLICE
    rig.read()
    assert rig.peer.received == frame
    assert rig.outbox.queued == 0


@both
@pytest.mark.parametrize("size", [WHOLE + 1, 5 * WHOLE])
def test_a_large_frame_in_two_parts_is_one_frame(kind: type[Outbox], size: int) -> None:
    rig = Rig(kind)
    payload = bytes(range(256)) * (size // 256)
    rig.outbox.write_large(b"head", payload)
    assert rig.outbox.queued == 4 + len(payload) - rig.given
    rig.read()
    assert rig.peer.received == b"head" + payload


@both
def test_of_a_large_frame_in_two_parts_none_is_left_without_the_other(kind: type[Outbox]) -> None:
    rig = stuffed(kind)
    rig.outbox.write_large(b"head", b"x" * WHOLE)
    assert rig.outbox.queued == 4 + WHOLE
    rig.outbox.discard()
    assert rig.outbox.queued == 0
    begun = Rig(kind)
    begun.outbox.write_large(b"head", b"x" * 5 * WHOLE)
    assert begun.outbox.queued > 0
    begun.outbox.discard()
    begun.read()
    assert begun.peer.received == b"head" + b"x" * 5 * WHOLE


@both
def test_a_large_frame_goes_out_after_what_was_gathered(kind: type[Outbox]) -> None:
    rig = Rig(kind)

    def event() -> None:
        rig.outbox.write(b"one")
        rig.outbox.write_large(b"two", b"x" * WHOLE)
        rig.outbox.write(b"three")

    burst.during(event)
    rig.read()
    assert rig.peer.received == b"onetwo" + b"x" * WHOLE + b"three"


@both
def test_a_large_frame_is_left_to_a_transport_that_is_to_send_all(kind: type[Outbox]) -> None:
    rig = stuffed(kind)
    rig.outbox.hand_over()
    rig.outbox.write_large(b"head", b"x" * WHOLE)
    assert rig.outbox.queued == 0
    rig.read()
    assert rig.peer.received.endswith(b"-head" + b"x" * WHOLE)


def test_a_socket_gets_no_more_than_it_takes_at_once() -> None:
    rig = Rig(SocketOutbox)
    frame = bytes(range(256)) * (3 * WHOLE // 256)
    rig.outbox.write(frame)
    assert rig.given == WINDOW
    assert rig.outbox.queued == len(frame) - WINDOW
    rig.read()
    assert rig.peer.received == frame
    assert rig.outbox.queued == 0


@both
def test_what_waits_is_counted_to_the_byte_and_keeps_its_order(kind: type[Outbox]) -> None:
    rig = stuffed(kind)
    rig.outbox.write(b"a" * 1000)
    rig.outbox.write(b"b" * 200)
    rig.outbox.write(b"c")
    assert rig.outbox.queued == 1201
    rig.peer.received = b""
    rig.read()
    assert rig.peer.received.lstrip(b"-") == b"a" * 1000 + b"b" * 200 + b"c"
    assert rig.outbox.queued == 0


@pytest.mark.proves("L-18")
@both
def test_small_frames_that_waited_are_not_written_one_by_one(kind: type[Outbox]) -> None:
    rig = stuffed(kind)
    frames = [f"{number:08}".encode() for number in range(20_000)]
    for frame in frames:
        rig.outbox.write(frame)
    give, gives = rig.outbox._give, 0

    def counted(frame: bytes, offset: int) -> int:
        nonlocal gives
        gives += 1
        return give(frame, offset)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(type(rig.outbox), "_give", lambda _, frame, offset: counted(frame, offset))
        rig.peer.received = b""
        rig.read()
    assert rig.peer.received.lstrip(b"-") == b"".join(frames)
    assert rig.outbox.queued == 0
    assert gives < 100


@both
def test_it_is_full_above_its_limit_and_has_space_below_half_of_it(kind: type[Outbox]) -> None:
    rig = stuffed(kind)
    rig.outbox.write(b"x" * LIMIT)
    assert rig.events == []
    rig.outbox.write(b"x")
    rig.outbox.write(b"x")
    assert rig.events == ["full"]
    while rig.outbox.queued * 2 >= LIMIT:
        assert rig.events == ["full"]
        rig.read_once()
    assert rig.events == ["full", "space"]
    rig.read()
    rig.stop_reading()
    rig.outbox.write(b"x" * 2 * LIMIT)
    assert rig.events == ["full", "space", "full"]


@both
def test_a_stall_lasts_from_the_first_pause_to_the_next_progress(kind: type[Outbox]) -> None:
    rig = Rig(kind)
    assert rig.outbox.stalled(rig.clock.seconds()) == 0
    rig.stop_reading()
    rig.outbox.write(b"x" * LIMIT)
    rig.clock.advance(7)
    rig.outbox.write(b"y")
    assert rig.outbox.stalled(rig.clock.seconds()) == 7
    for _ in range(3):
        rig.read_once()
    assert rig.outbox.stalled(rig.clock.seconds()) == 0
    rig.read()
    assert rig.outbox.stalled(rig.clock.seconds()) == 0


@both
def test_discard_keeps_the_rest_of_a_frame_that_has_begun(kind: type[Outbox]) -> None:
    rig = Rig(kind)
    rig.stop_reading()
    begun = b"b" * (4 * SLICE + 1)
    rig.outbox.write(begun)
    assert 0 < rig.outbox.queued < len(begun)
    rig.outbox.write(b"dropped")
    rig.outbox.discard()
    assert rig.outbox.queued == len(begun) - rig.given
    rig.outbox.write(b"the end")
    rig.read()
    assert rig.peer.received == begun + b"the end"


@both
def test_discard_drops_everything_between_two_frames(kind: type[Outbox]) -> None:
    rig = stuffed(kind)
    rig.outbox.write(b"dropped")
    rig.outbox.discard()
    assert rig.outbox.queued == 0
    rig.read()
    assert rig.peer.received.strip(b"-") == b""


@both
def test_what_is_gathered_leaves_in_one_write_and_waits_for_no_reader(kind: type[Outbox]) -> None:
    rig = Rig(kind)

    def event() -> None:
        for frame in b"one", b"two", b"three":
            rig.outbox.write(frame)
        assert (rig.given, rig.outbox.queued) == (0, 0)
        rig.outbox.discard()

    burst.during(event)
    assert rig.given == len(b"onetwothree")
    rig.network.flush()
    assert rig.peer.received == b"onetwothree"


def test_what_was_gathered_before_a_pause_goes_before_what_comes_after_it() -> None:
    rig = Rig(BufferedOutbox)

    def event() -> None:
        rig.outbox.write(b"one")
        # As TLS does for reasons of its own.
        assert isinstance(rig.outbox, BufferedOutbox)
        rig.outbox.pauseProducing()
        rig.outbox.write(b"two")

    burst.during(event)
    assert rig.given == 0
    rig.outbox.resumeProducing()
    rig.network.flush()
    assert rig.peer.received == b"onetwo"


@both
def test_no_more_is_gathered_than_leaves_directly(kind: type[Outbox]) -> None:
    rig = Rig(kind)

    def event() -> None:
        rig.outbox.write(b"-" * WHOLE)
        assert rig.given == 0
        rig.outbox.write(b"-")
        assert rig.given > 0

    burst.during(event)
    rig.network.flush()
    assert len(rig.peer.received) == WHOLE + 1


@both
def test_hand_over_gives_the_transport_all_that_waits(kind: type[Outbox]) -> None:
    rig = stuffed(kind)
    rig.outbox.write(b"x" * LIMIT)
    rig.outbox.hand_over()
    assert rig.outbox.queued == 0
    rig.transport.loseConnection()
    rig.read()
    assert rig.peer.received.endswith(b"-" + b"x" * LIMIT)
    assert rig.peer.is_gone()


@both
def test_a_lost_connection_leaves_nothing_waiting(kind: type[Outbox]) -> None:
    rig = stuffed(kind)
    rig.outbox.write(b"x" * LIMIT)
    rig.transport.abortConnection()
    rig.network.flush()
    assert rig.outbox.queued == 0
    rig.outbox.write(b"too late")
    assert rig.outbox.queued == 0
    assert rig.outbox.stalled(rig.clock.seconds()) == 0


def test_a_connection_that_is_lost_while_it_is_written_to_is_for_the_reactor_to_find() -> None:
    rig = Rig(SocketOutbox)
    rig.peer.wire.abortConnection()
    rig.clock.advance(0)
    rig.outbox.write(b"too late")
    assert rig.transport.writing
    rig.network.flush()
    assert rig.transport.disconnected
    assert rig.outbox.queued == 0


def test_a_large_frame_for_a_connection_that_is_lost_waits_for_the_reactor_to_find_out() -> None:
    rig = Rig(SocketOutbox)
    rig.peer.wire.abortConnection()
    rig.clock.advance(0)
    rig.outbox.write_large(b"head", b"x" * WHOLE)
    assert rig.transport.writing
    rig.network.flush()
    assert rig.transport.disconnected
    assert rig.outbox.queued == 0


def test_a_transport_that_is_no_plain_socket_is_written_to_through_its_buffer() -> None:
    def chosen(transport: Any) -> type[Outbox]:
        def nothing() -> None: ...

        return type(outbox(transport, Clock(), LIMIT, nothing, nothing, nothing, nothing))

    plain, encrypted, wrapped = (RawPeer() for _ in range(3))
    Network().join(RawPeer(), Factory.forProtocol(lambda: plain))
    Network().join(RawPeer(), Factory.forProtocol(lambda: encrypted))
    Network().join(RawPeer(), Factory.forProtocol(lambda: wrapped))
    encrypted.wire.TLS = True  # type: ignore[attr-defined]
    wrapper = ProtocolWrapper(WrappingFactory(Factory()), RawPeer())
    wrapper.makeConnection(wrapped.wire)
    assert chosen(plain.wire) is SocketOutbox
    assert chosen(encrypted.wire) is BufferedOutbox
    assert chosen(wrapper) is BufferedOutbox


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Frames carry their number and length, so the peer can tell whether each came whole and in order."""

    kind: type[Outbox]
    limit = 300 * KIB

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(self.kind, self.limit)
        self.number = 0
        self.written = 0
        self.dropped = 0
        self.droppable: set[int] = set()

    @rule(size=st.sampled_from([0, 100, SLICE - 8, SLICE, WHOLE - 8, WHOLE, WHOLE + 1, 3 * WHOLE]))
    def write(self, size: int) -> None:
        frame = struct.pack("!II", self.number, size) + bytes(size)
        self.number += 1
        self.written += len(frame)
        self.rig.outbox.write(frame)

    @rule(size=st.sampled_from([WHOLE + 1, 5 * WHOLE]))
    def write_large(self, size: int) -> None:
        head = struct.pack("!II", self.number, size)
        self.number += 1
        self.written += len(head) + size
        self.rig.outbox.write_large(head, bytes(size))

    @rule()
    def read(self) -> None:
        self.rig.read()

    @rule()
    def read_once(self) -> None:
        self.rig.read_once()

    @rule()
    def stop_reading(self) -> None:
        self.rig.stop_reading()

    @rule()
    @precondition(lambda self: self.rig.outbox.queued > 0)
    def discard(self) -> None:
        before = self.rig.outbox.queued
        self.rig.outbox.discard()
        self.dropped += before - self.rig.outbox.queued
        self.droppable |= set(range(self.number))

    @rule(seconds=st.integers(1, 30))
    def wait(self, seconds: int) -> None:
        blocked = self.rig.outbox.stalled(self.rig.clock.seconds()) > 0 or self.rig.outbox.queued > 0
        before = self.rig.outbox.stalled(self.rig.clock.seconds())
        self.rig.clock.advance(seconds)
        if blocked:
            assert self.rig.outbox.stalled(self.rig.clock.seconds()) == before + seconds

    @invariant()
    def every_byte_is_accounted_for(self) -> None:
        assert self.rig.outbox.queued == self.written - self.dropped - self.rig.given

    @invariant()
    def full_and_space_take_turns(self) -> None:
        assert self.rig.events == (["full", "space"] * len(self.rig.events))[: len(self.rig.events)]

    @invariant()
    def it_has_told_when_more_than_the_limit_waits(self) -> None:
        if self.rig.outbox.queued > self.limit:
            assert self.rig.events[-1] == "full"

    def teardown(self) -> None:
        self.rig.read()
        assert self.rig.outbox.queued == 0
        came, rest = [], self.rig.peer.received
        while rest:
            number, size = struct.unpack("!II", rest[:8])
            assert rest[8 : 8 + size] == bytes(size)
            came.append(number)
            rest = rest[8 + size :]
        assert came == sorted(came)
        assert set(range(self.number)) - set(came) <= self.droppable


class AnyOrderOnASocket(AnyOrderOfEvents):
    kind = SocketOutbox


class AnyOrderInABuffer(AnyOrderOfEvents):
    kind = BufferedOutbox


TestAnyOrderOnASocket = AnyOrderOnASocket.TestCase
TestAnyOrderInABuffer = AnyOrderInABuffer.TestCase
# More of them take long, as what is drawn gets larger.
EXAMPLES = min(60, settings().max_examples)
TestAnyOrderOnASocket.settings = settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None)
TestAnyOrderInABuffer.settings = settings(max_examples=EXAMPLES, stateful_step_count=30, deadline=None)
