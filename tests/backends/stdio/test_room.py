"""Room for children, and who has to wait after some have failed."""

from typing import Any, cast

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mcpws.backends.stdio.child import Child, ChildCounters
from mcpws.backends.stdio.room import MAX_REMEMBERED, Relapses, Room
from mcpws.errors import BackendLost, ConfigError, ShuttingDown
from mcpws.policy.backoff import Backoff
from mcpws.seam.interfaces import Channel, Link
from mcpws.testing import RecordingLink


class House:
    """A Room whose children are those links that got in and did not `leave`."""

    def __init__(self, clock: Clock, most: int = 2, timeout: float = 15) -> None:
        self.inside: list[Link] = []
        self.counters = ChildCounters()
        self.refusal: BackendLost | None = None
        self.room = Room(most, timeout, self._start, self.inside.__len__, clock, self.counters)

    def _start(self, link: Link) -> Deferred[Channel]:
        if self.refusal is not None:
            return fail(self.refusal)
        self.inside.append(link)
        return succeed(cast(Channel, link))

    def enter(self) -> tuple[Link, list[Any]]:
        """Who comes, and the outcome once there is one."""
        coming, outcome = RecordingLink(), list[Any]()
        self.room.enter(coming).addBoth(outcome.append)
        return coming, outcome

    def leave(self) -> None:
        self.inside.pop(0)
        self.room.freed()


@pytest.fixture
def house(clock: Clock) -> House:
    return House(clock)


def reason(outcome: list[Any]) -> str:
    [failure] = outcome
    assert isinstance(failure, Failure)
    return str(failure.value)


@pytest.mark.proves("L-22")
def test_there_are_never_more_than_may_be_and_who_waits_comes_in_order(house: House) -> None:
    comers = [house.enter() for _ in range(4)]
    assert [bool(outcome) for _, outcome in comers] == [True, True, False, False]
    house.leave()
    assert comers[2][1] == [comers[2][0]]
    assert comers[3][1] == []
    house.leave()
    assert comers[3][1] == [comers[3][0]]
    assert house.counters.crowded == 2


def test_who_comes_later_does_not_overtake(house: House) -> None:
    for _ in range(3):
        house.enter()
    house.inside.pop(0)
    _, late = house.enter()
    assert late == []


@pytest.mark.proves("L-22")
def test_nobody_waits_for_ever(house: House, clock: Clock) -> None:
    comers = [house.enter() for _ in range(3)]
    clock.advance(14.9)
    assert comers[2][1] == []
    clock.advance(0.2)
    assert reason(comers[2][1]) == "2 server processes run already"
    assert comers[2][1][0].value.data == {"limit": 2, "retryAfterMs": 1000}
    house.leave()
    assert len(house.inside) == 1


def test_no_more_wait_than_may_run(house: House, clock: Clock) -> None:
    comers = [house.enter() for _ in range(5)]
    assert [bool(outcome) for _, outcome in comers] == [True, True, False, False, True]
    assert reason(comers[4][1]) == "2 server processes run already"
    clock.advance(15)


def test_who_gives_up_leaves_its_place_to_the_next(house: House) -> None:
    for _ in range(2):
        house.enter()
    failures: list[Failure] = []
    impatient = house.room.enter(RecordingLink()).addErrback(failures.append)
    _, patient = house.enter()
    impatient.cancel()
    assert failures[0].check(CancelledError)
    house.leave()
    assert len(patient) == 1


def test_who_waited_may_still_be_refused_and_the_next_one_has_its_turn(house: House) -> None:
    comers = [house.enter() for _ in range(4)]
    house.refusal = BackendLost("not now")
    house.leave()
    assert [reason(outcome) for _, outcome in comers[2:]] == ["not now", "not now"]


def test_at_the_end_nobody_waits(house: House, clock: Clock) -> None:
    comers = [house.enter() for _ in range(4)]
    house.room.close(ShuttingDown())
    assert [outcome[0].check(ShuttingDown) for _, outcome in comers[2:]] == [ShuttingDown] * 2
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize(("most", "timeout", "key"), [(0, 1, "max_children"), (1, 0, "room_timeout")])
def test_limits_are_above_0(clock: Clock, most: int, timeout: float, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        House(clock, most, timeout)
    assert caught.value.key == key


# What has failed


class Ended:
    """A child that is gone."""

    def __init__(
        self,
        of: Link,
        *,
        stillborn: bool = False,
        by_itself: bool = True,
        talks: bool = False,
        started: float = 0.0,
    ) -> None:
        self.client = of
        self.stillborn = stillborn
        self.by_itself = by_itself
        self.talks = talks
        self.started = started
        self.reason = "The server process exited with status 1"


def waits(relapses: Relapses, link: Link, now: float) -> float:
    """Seconds, as the refusal says."""
    refusal = relapses.refusal(link, now)
    return 0 if refusal is None else cast(float, refusal.data["retryAfterMs"]) / 1000


def ends(relapses: Relapses, now: float, others_talk: bool = False, **how: Any) -> None:
    relapses.ended(cast(Child, Ended(how.pop("of"), **how)), others_talk, now)


@pytest.fixture
def relapses() -> Relapses:
    return Relapses(Backoff(spread=0), lambda: 0)


@pytest.mark.proves("G-10")
def test_who_reads_nothing_holds_off_all_for_longer_each_time(relapses: Relapses) -> None:
    one, other = RecordingLink(), RecordingLink()
    for now, wait in ((0, 1), (10, 2), (20, 4), (30, 8), (50, 16), (70, 30), (200, 30)):
        ends(relapses, now, of=one, stillborn=True, started=now)
        assert waits(relapses, one, now) == waits(relapses, other, now) == wait
        assert waits(relapses, other, now + wait) == 0


def test_the_refusal_says_why_and_for_how_long(relapses: Relapses) -> None:
    ends(relapses, 0, of=RecordingLink(), stillborn=True)
    refusal = relapses.refusal(RecordingLink(), 0.25)
    assert str(refusal) == "The server process exited with status 1; it is started again in 0.8 s"
    assert refusal is not None
    assert refusal.data == {"retryAfterMs": 750}


@pytest.mark.proves("G-10")
def test_what_may_be_the_clients_own_doing_holds_off_nobody_else(relapses: Relapses) -> None:
    one, other = RecordingLink(), RecordingLink()
    for now in range(5):
        ends(relapses, now, of=one, started=now)
    assert waits(relapses, one, 4) == 8
    assert waits(relapses, other, 4) == 0


@pytest.mark.proves("G-10")
def test_a_server_may_end_once_over_what_it_does_not_know(relapses: Relapses) -> None:
    one = RecordingLink()
    ends(relapses, 0, of=one)
    assert waits(relapses, one, 0) == 0
    ends(relapses, 0, of=one)
    assert waits(relapses, one, 0) == 1


def test_one_that_lasted_is_no_failure_and_takes_back_those_before(relapses: Relapses) -> None:
    one = RecordingLink()
    ends(relapses, 0, of=one)
    ends(relapses, 30, of=one)
    ends(relapses, 31, of=one, started=31)
    assert waits(relapses, one, 31) == 0


def test_who_was_told_to_go_has_not_failed(relapses: Relapses) -> None:
    one = RecordingLink()
    for _ in range(3):
        ends(relapses, 0, of=one, by_itself=False, stillborn=True)
    assert waits(relapses, one, 0) == 0


@pytest.mark.parametrize("how", [{"talks": True}, {"others_talk": True}])
def test_when_somebody_is_served_the_next_wait_is_short_again(relapses: Relapses, how: dict[str, bool]) -> None:
    one = RecordingLink()
    for _ in range(4):
        ends(relapses, 0, of=one, stillborn=True)
    ends(relapses, 0, of=one, by_itself=False, **how)
    assert waits(relapses, one, 0) == 0
    ends(relapses, 0, of=one, stillborn=True)
    assert waits(relapses, one, 0) == 1


def test_not_every_client_is_remembered(relapses: Relapses) -> None:
    for _ in range(2 * MAX_REMEMBERED):
        ends(relapses, 0, of=RecordingLink())
    assert len(relapses._by_client) == MAX_REMEMBERED
