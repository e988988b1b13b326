"""A child's input that may not be read, and its errors that may be too many; no process, the pipe is played."""

import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.abstract import FileDescriptor
from twisted.internet.error import ConnectionLost
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure

from mcpws.backends.stdio import streams
from mcpws.backends.stdio.streams import READ, ROOM, ErrorLines, Intake, read_on, widen
from mcpws.turns.burst import burst

PIECE = 16 * 1024
CAPACITY = 4 * PIECE


class Pipe(FileDescriptor):
    """Both ends of a pipe that holds `CAPACITY` bytes; `read` is the child's side of it."""

    connected = 1
    reactor: MemoryReactorClock

    def __init__(self, reactor: MemoryReactorClock) -> None:
        super().__init__(reactor)
        self.held = b""
        self.broken = False
        self.number = -1

    def fileno(self) -> int:
        return self.number

    def writeSomeData(self, data: bytes) -> int | Exception:
        if self.broken:
            return ConnectionLost()
        taken = data[: CAPACITY - len(self.held)]
        self.held += taken
        return len(taken)

    def is_closed(self) -> bool:
        return bool(self.disconnected)

    def close(self) -> None:
        """The child closes its end."""
        descriptor: FileDescriptor = self
        descriptor.connectionLost(Failure(ConnectionLost()))

    def turn(self) -> None:
        """What the reactor does while there is room in the pipe."""
        descriptor: FileDescriptor = self
        while self in self.reactor.getWriters() and len(self.held) < CAPACITY:
            if end := descriptor.doWrite():
                descriptor.connectionLost(Failure(end))

    def read(self, size: int | None = None) -> bytes:
        self.turn()
        size = len(self.held) if size is None else size
        taken, self.held = self.held[:size], self.held[size:]
        self.turn()
        return taken

    def read_all(self) -> bytes:
        return b"".join(iter(self.read, b""))


class Client:
    """Counts how often it is paused and resumed."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def pauseProducing(self) -> None:
        self.calls.append("pause")

    def resumeProducing(self) -> None:
        self.calls.append("resume")

    def stopProducing(self) -> None:
        raise AssertionError("a child never stops its client")


class Fixture:
    """An Intake with a pipe that has room, and all that it does to others."""

    def __init__(self) -> None:
        self.reactor = MemoryReactorClock()
        self.pipe = Pipe(self.reactor)
        self.client = Client()
        self.stalls = 0
        self.intake = Intake(self.pipe, self.client, self.reactor, 30, self._stalled)

    def _stalled(self) -> None:
        self.stalls += 1

    def fill(self) -> bytes:
        """Write until the client is paused; returns what was written."""
        written = b""
        while not self.client.calls:
            written += b"x" * 999 + b"\n"
            self.intake.write(b"x" * 999)
            self.pipe.turn()
        return written


@pytest.fixture
def f() -> Fixture:
    return Fixture()


def test_a_line_goes_into_a_pipe_with_room_at_once(f: Fixture) -> None:
    f.intake.write(b"one")
    assert f.pipe.read() == b"one\n"
    f.intake.write(b"two")
    assert f.pipe.read() == b"two\n"
    assert f.client.calls == []
    assert f.reactor.getDelayedCalls() == []


def test_lines_keep_their_order_however_slowly_they_are_read(f: Fixture) -> None:
    written = f.fill()
    read = b""
    while piece := f.pipe.read(777):
        read += piece
    assert read == written


def test_one_line_may_be_longer_than_there_is_room(f: Fixture) -> None:
    message = bytes(range(32, 256)) * (ROOM // 100)
    f.intake.write(message)
    assert f.client.calls == ["pause"]
    assert f.pipe.read_all() == message + b"\n"
    assert f.client.calls == ["pause", "resume"]


def test_the_client_is_paused_once_the_room_is_used_up(f: Fixture) -> None:
    written = f.fill()
    assert CAPACITY + ROOM < len(written) <= CAPACITY + ROOM + PIECE + 1000
    f.intake.write(b"a few more may come")
    assert f.client.calls == ["pause"]


def test_the_client_is_resumed_when_half_of_the_room_is_free_again(f: Fixture) -> None:
    f.fill()
    f.pipe.read(PIECE)
    assert f.client.calls == ["pause"]
    f.pipe.read(ROOM // 2)
    assert f.client.calls == ["pause", "resume"]
    assert f.reactor.getDelayedCalls() == []


def test_the_client_is_paused_again_when_the_child_falls_behind_again(f: Fixture) -> None:
    f.fill()
    f.pipe.read_all()
    f.client.calls.clear()
    f.fill()
    assert f.client.calls == ["pause"]


def test_a_child_that_takes_nothing_for_the_timeout_has_stalled(f: Fixture) -> None:
    f.fill()
    f.reactor.advance(29.9)
    assert f.stalls == 0
    f.reactor.advance(0.2)
    assert f.stalls == 1
    assert f.reactor.getDelayedCalls() == []


def test_a_child_that_takes_little_has_not_stalled(f: Fixture) -> None:
    f.intake.write(b"x" * (CAPACITY + 10 * ROOM - 1))
    for _ in range(10):
        f.reactor.advance(29)
        f.pipe.read(PIECE)
    assert f.client.calls == ["pause"]
    assert f.stalls == 0
    f.reactor.advance(30)
    assert f.stalls == 1


def test_a_child_that_takes_nothing_is_let_be_while_there_is_room(f: Fixture) -> None:
    f.intake.write(b"x" * (CAPACITY - 1))
    f.pipe.turn()
    f.intake.write(b"x" * (ROOM - 1))
    f.reactor.advance(1000)
    assert f.client.calls == []
    assert f.stalls == 0


def test_the_input_is_closed_after_what_waits_has_been_read(f: Fixture) -> None:
    written = f.fill()
    f.intake.finish()
    f.intake.finish()
    assert not f.pipe.is_closed()
    assert f.pipe.read_all() == written
    assert f.pipe.is_closed()
    assert f.reactor.getDelayedCalls() == []


def test_an_idle_input_is_closed_at_once(f: Fixture) -> None:
    f.intake.finish()
    f.pipe.turn()
    assert f.pipe.is_closed()


def test_nothing_is_taken_after_the_end(f: Fixture) -> None:
    f.intake.finish()
    f.intake.write(b"late")
    assert f.pipe.read_all() == b""


def test_a_pipe_that_the_child_closes_ends_it_all(f: Fixture) -> None:
    f.fill()
    f.pipe.close()
    f.intake.write(b"late")
    f.intake.finish()
    assert f.client.calls == ["pause"]
    assert f.reactor.getDelayedCalls() == []


def test_what_comes_in_one_burst_is_written_in_one_go(f: Fixture) -> None:
    def event() -> None:
        f.intake.write(b"one")
        f.intake.write(b"two")
        assert f.pipe.held == b""

    burst.during(event)
    assert f.pipe.held == b"one\ntwo\n"
    assert f.reactor.getWriters() == []

    def larger() -> None:
        f.intake.write(b"x" * (CAPACITY + ROOM))
        assert f.client.calls == ["pause"]

    burst.during(larger)
    assert f.pipe.read_all() == b"one\ntwo\n" + b"x" * (CAPACITY + ROOM) + b"\n"
    assert f.client.calls == ["pause", "resume"]


def test_a_pipe_that_turns_out_to_be_closed_is_left_to_the_reactor(f: Fixture) -> None:
    f.pipe.broken = True

    def event() -> None:
        f.intake.write(b"one")

    burst.during(event)
    f.intake.write(b"two")
    assert not f.pipe.is_closed()
    f.pipe.turn()
    assert f.pipe.is_closed()
    assert f.reactor.getDelayedCalls() == f.reactor.getWriters() == []


def test_what_twisted_has_not_read_is_read_at_once() -> None:
    end, other = os.pipe()
    os.set_blocking(end, False)
    pipe = Pipe(MemoryReactorClock())
    pipe.number = end
    widen(pipe)
    os.write(other, b"x" * 2 * READ)
    assert read_on(pipe) == b"x" * 2 * READ
    assert read_on(pipe) == b""
    os.close(other)
    assert read_on(pipe) == b""
    os.close(end)


def test_what_is_dropped_is_not_written(f: Fixture) -> None:
    f.fill()
    f.intake.drop()
    f.intake.drop()
    assert len(f.pipe.read_all()) <= CAPACITY + PIECE
    assert not f.pipe.is_closed()
    assert f.reactor.getDelayedCalls() == []


def lines_of(*chunks: bytes, max_line: int = 10, per_second: int = 100) -> list[str]:
    shown: list[str] = []
    errors = ErrorLines(shown.append, max_line, per_second)
    for chunk in chunks:
        errors.feed(chunk, 0)
    errors.finish(0)
    return shown


def test_each_line_is_shown_for_itself() -> None:
    assert lines_of(b"one\ntwo\r\n\n\r\nthree") == ["one", "two", "three"]


def test_a_line_over_the_limit_is_cut() -> None:
    assert lines_of(b"0123456789\n0123456789a\n" + b"b" * 10**6) == [
        "0123456789",
        "0123456789...",
        "bbbbbbbbbb...",
    ]


def test_what_is_no_text_is_escaped() -> None:
    assert lines_of("é\x1b[2J\t\x07\x9b".encode() + b"\xff", max_line=99) == ["é\\x1b[2J\t\\x07\\x9b\\xff"]


def test_lines_over_the_rate_are_counted_and_the_count_is_shown_later() -> None:
    shown: list[str] = []
    errors = ErrorLines(shown.append, 10, 2)
    errors.feed(b"a\nb\nc\nd\n", 7)
    errors.feed(b"e\n", 7.9)
    assert shown == ["a", "b"]
    errors.feed(b"f\n", 8)
    assert shown == ["a", "b", "3 more lines not shown", "f"]


def test_lines_over_the_rate_are_accounted_for_at_the_end() -> None:
    assert lines_of(b"a\nb\nc\nd", per_second=1) == ["a", "3 more lines not shown"]


@given(st.binary(max_size=80), st.lists(st.integers(0, 80), max_size=8))
def test_it_does_not_matter_in_which_pieces_the_bytes_come(data: bytes, cuts: list[int]) -> None:
    # Newlines are rare in arbitrary bytes.
    data = data.replace(b"0", b"\n").replace(b"1", b"\r\n")
    places = [0, *sorted(cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(places)]
    assert lines_of(*pieces) == lines_of(data) == expected_lines(data)


def expected_lines(data: bytes) -> list[str]:
    lines = []
    for line in data.split(b"\n"):
        stripped = line[:11].rstrip(b"\r")
        if stripped:
            text = stripped[:10].decode("utf-8", "backslashreplace")
            escaped = (c if c == "\t" or c.isprintable() or ord(c) >= 160 else f"\\x{ord(c):02x}" for c in text)
            lines.append("".join(escaped) + ("..." if len(stripped) > 10 else ""))
    return lines


@pytest.mark.proves("L-23")
def test_a_child_that_waits_for_us_to_read_it_has_not_stalled(f: Fixture) -> None:
    f.fill()
    f.reactor.advance(20)
    f.intake.excuse(True)
    for _ in range(10):
        f.reactor.advance(20)
    assert f.stalls == 0
    f.intake.excuse(False)
    f.reactor.advance(29.9)
    assert f.stalls == 0
    f.reactor.advance(30)
    assert f.stalls == 1


@pytest.mark.proves("L-23")
def test_a_child_that_reads_less_than_makes_room_has_not_stalled(f: Fixture, monkeypatch: pytest.MonkeyPatch) -> None:
    unread = [CAPACITY]
    monkeypatch.setattr(streams, "in_pipe", lambda pipe: unread[0])
    f.fill()
    for _ in range(10):
        unread[0] -= 1
        f.reactor.advance(30)
    assert f.stalls == 0
    f.reactor.advance(30)
    assert f.stalls == 1
