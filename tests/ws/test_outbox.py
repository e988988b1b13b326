"""What waits for a slow reader. The transport buffers and pauses as Twisted's own does; the peer reads when told to."""

import struct

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock

from mcpws.testing import Network, RawPeer
from mcpws.ws.outbox import DIRECT, SLICE, Outbox

KIB = 1024
LIMIT = 1024 * KIB


class Rig:
    """An outbox, the transport under it, and the peer."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.clock = Clock()
        self.network = Network(self.clock)
        self.peer = RawPeer()
        sender = RawPeer()
        self.network.join(self.peer, Factory.forProtocol(lambda: sender))
        self.transport = sender.wire
        self.given = 0
        self._count_what_is_given()
        self.events: list[str] = []
        self.emptied = 0
        self.outbox = Outbox(
            self.transport,
            self.clock,
            limit,
            lambda: self.events.append("full"),
            lambda: self.events.append("space"),
            self._empty,
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


def stuffed() -> Rig:
    """A peer that does not read, and a transport that has all it takes."""
    rig = Rig()
    rig.stop_reading()
    rig.outbox.write(b"-" * (2 * SLICE + 1))
    rig.network.flush()
    assert rig.outbox.queued == 0
    return rig


def test_a_reader_that_keeps_up_gets_every_frame_at_once() -> None:
    rig = Rig()
    for frame in b"one", b"two", b"three":
        rig.outbox.write(frame)
        assert rig.outbox.queued == 0
    rig.network.flush()
    assert rig.peer.received == b"onetwothree"
    assert rig.events == []


def test_a_large_frame_goes_in_slices_as_fast_as_the_transport_takes_them() -> None:
    rig = Rig()
    frame = bytes(range(256)) * (3 * DIRECT // 256)
    rig.outbox.write(frame)
    # The transport pauses its producer with more than 64 KiB in its buffer.
    assert rig.given == 2 * SLICE
    assert rig.outbox.queued == len(frame) - 2 * SLICE
    rig.read()
    assert rig.peer.received == frame
    assert rig.outbox.queued == 0


def test_what_waits_is_counted_to_the_byte_and_keeps_its_order() -> None:
    rig = stuffed()
    rig.outbox.write(b"a" * 1000)
    rig.outbox.write(b"b" * 200)
    rig.outbox.write(b"c")
    assert rig.outbox.queued == 1201
    rig.peer.received = b""
    rig.read()
    assert rig.peer.received.lstrip(b"-") == b"a" * 1000 + b"b" * 200 + b"c"
    assert rig.outbox.queued == 0


def test_it_is_full_above_its_limit_and_has_space_below_half_of_it() -> None:
    rig = stuffed()
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


def test_a_stall_lasts_from_the_first_pause_to_the_next_progress() -> None:
    rig = Rig()
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


def test_discard_keeps_the_rest_of_a_frame_that_has_begun() -> None:
    rig = Rig()
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


def test_discard_drops_everything_between_two_frames() -> None:
    rig = stuffed()
    rig.outbox.write(b"dropped")
    rig.outbox.discard()
    assert rig.outbox.queued == 0
    rig.read()
    assert rig.peer.received.strip(b"-") == b""


def test_what_is_gathered_leaves_in_one_write_and_waits_for_no_reader() -> None:
    rig = Rig()
    rig.outbox.cork()
    for frame in b"one", b"two", b"three":
        rig.outbox.write(frame)
    assert (rig.given, rig.outbox.queued) == (0, 0)
    rig.outbox.discard()
    rig.outbox.uncork()
    assert rig.given == len(b"onetwothree")
    rig.network.flush()
    assert rig.peer.received == b"onetwothree"


def test_no_more_is_gathered_than_leaves_directly() -> None:
    rig = Rig()
    rig.outbox.cork()
    rig.outbox.write(b"-" * DIRECT)
    assert rig.given == 0
    rig.outbox.write(b"-")
    assert rig.given > 0
    rig.outbox.uncork()
    rig.network.flush()
    assert len(rig.peer.received) == DIRECT + 1


def test_hand_over_gives_the_transport_all_that_waits() -> None:
    rig = stuffed()
    rig.outbox.write(b"x" * LIMIT)
    rig.transport.unregisterProducer()
    rig.outbox.hand_over()
    assert rig.outbox.queued == 0
    rig.transport.loseConnection()
    rig.read()
    assert rig.peer.received.endswith(b"-" + b"x" * LIMIT)
    assert rig.peer.is_gone()


def test_a_lost_connection_leaves_nothing_waiting() -> None:
    rig = stuffed()
    rig.outbox.write(b"x" * LIMIT)
    rig.transport.abortConnection()
    rig.network.flush()
    assert rig.outbox.queued == 0
    rig.outbox.write(b"too late")
    assert rig.outbox.queued == 0
    assert rig.outbox.stalled(rig.clock.seconds()) == 0


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Frames carry their number and length, so the peer can tell whether each came whole and in order."""

    limit = 300 * KIB

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(self.limit)
        self.number = 0
        self.written = 0
        self.dropped = 0
        self.droppable: set[int] = set()

    @rule(size=st.sampled_from([0, 100, SLICE - 8, SLICE, DIRECT - 8, DIRECT, DIRECT + 1, 3 * DIRECT]))
    def write(self, size: int) -> None:
        frame = struct.pack("!II", self.number, size) + bytes(size)
        self.number += 1
        self.written += len(frame)
        self.rig.outbox.write(frame)

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


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase
TestAnyOrderOfEvents.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
