"""How many requests were answered, and how long they took."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from mcpws.turns.burst import burst
from mcpws.turns.timing import BOUNDS, MAX_CODES, OTHER, Started, Timing, Timings


class Rig:
    """Timings, and reads that are handled."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.timings = Timings(["call", "list"], self.clock)
        self.call = self.timings.by_name["call"]

    def read(self, *answered: str, seconds: float = 0.0) -> None:
        """Requests that come in one read and are answered within it, which takes so long."""
        burst.began = self.clock.seconds()
        burst.during(self._handle, answered, seconds)

    def _handle(self, answered: tuple[str, ...], seconds: float) -> None:
        for name in answered:
            self.timings.of(name).answered_at_once()
        self.clock.advance(seconds)


@given(st.lists(st.floats(0, 100)))
def test_every_request_is_in_one_bucket_that_is_not_below_it(times: list[float]) -> None:
    timing = Timing()
    for one in times:
        timing.add(one)
    assert timing.count == sum(timing.buckets) == len(times)
    assert timing.seconds == pytest.approx(sum(times))
    for number, bound in enumerate(BOUNDS):
        assert sum(timing.buckets[: number + 1]) == sum(one <= bound for one in times)


def test_what_one_read_is_answered_with_took_as_long_as_the_read() -> None:
    rig = Rig()
    rig.read("call", "call", "list", "call", seconds=0.25)
    assert (rig.call.count, rig.call.seconds) == (3, 0.75)
    assert (rig.timings.by_name["list"].count, rig.timings.by_name["list"].seconds) == (1, 0.25)
    rig.clock.advance(1)
    rig.read("call", seconds=2)
    assert (rig.call.count, rig.call.seconds, rig.call.pending) == (4, 2.75, 0)


def test_names_that_are_none_of_these_are_one() -> None:
    rig = Rig()
    rig.read("made", "up", "call")
    assert rig.timings.by_name[OTHER].count == 2
    assert rig.timings.by_name.keys() == {"call", "list", OTHER}


def test_what_is_answered_later_took_from_its_read_to_then() -> None:
    rig = Rig()
    burst.began = rig.clock.seconds()
    begun: list[Started] = []
    burst.during(lambda: begun.extend(rig.call.started() for _ in range(3)))
    # One read has one beginning.
    assert len(set(begun)) == 1
    rig.clock.advance(1)
    begun[0].ended(False)
    assert (rig.call.count, rig.call.seconds) == (1, 1)
    rig.clock.advance(1)

    def event() -> None:
        begun[1].ended(False)
        begun[2].ended(True)
        assert rig.call.count == 1

    burst.during(event)
    assert (rig.call.count, rig.call.seconds, rig.call.failed) == (3, 5, 1)


def test_reads_are_not_mixed_up() -> None:
    rig = Rig()
    first = rig.call.started()
    rig.clock.advance(1)
    second = rig.call.started()
    second.ended(False)
    first.ended(False)
    assert (rig.call.count, rig.call.seconds) == (2, 1)


def test_without_a_burst_it_is_counted_at_once() -> None:
    rig = Rig()
    rig.call.answered_at_once()
    assert (rig.call.count, rig.call.pending) == (1, 0)


def test_codes_that_a_backend_makes_up_are_bounded() -> None:
    rig = Rig()
    for code in range(MAX_CODES + 10):
        rig.timings.failed_with(code)
    rig.timings.failed_with(0)
    assert len(rig.timings.errors) == MAX_CODES + 1
    assert (rig.timings.errors[0], rig.timings.errors[OTHER]) == (2, 10)


def test_names_may_be_added_as_long_as_there_is_room() -> None:
    timings = Timings([], Clock(), most=2)
    one, two, three = (timings.named(name) for name in ("a", "b", "c"))
    assert timings.named("a") is one
    assert timings.by_name.keys() == {OTHER, "a", "b"}
    assert three is timings.by_name[OTHER]
    assert two is not three


def test_two_of_the_same_requests_are_settled_with_one_look_at_the_clock() -> None:
    rig = Rig()
    beside = Timings(["tool"], rig.clock, beside=rig.timings)

    def work() -> None:
        rig.call.answered_at_once()
        beside.of("tool").answered_at_once()
        beside.of("tool").answered_at_once()
        rig.clock.advance(0.5)

    burst.began = rig.clock.seconds()
    burst.during(work)
    assert (rig.call.count, rig.call.seconds) == (1, 0.5)
    assert (beside.of("tool").count, beside.of("tool").seconds) == (2, 1.0)


def test_what_others_have_counted_can_be_taken_in() -> None:
    rig, other = Rig(), Timings(["call", "unheard of"], Clock())
    rig.call.add(1.0, 2)
    other.of("call").add(0.5)
    other.of("call").failed += 1
    other.of("unheard of").add(2.0, 3)
    other.failed_with(-32601)
    rig.timings.include(other)
    assert (rig.call.count, rig.call.failed, rig.call.seconds) == (3, 1, 2.5)
    assert rig.timings.of(OTHER).count == 3
    assert rig.timings.errors == {-32601: 1}
