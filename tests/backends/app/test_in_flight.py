from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent

from mcpws.backends.app.in_flight import InFlight


def fired(deferred: Deferred[None]) -> bool:
    return deferred.called


def test_work_is_in_flight_until_it_has_fired(clock: Clock) -> None:
    in_flight = InFlight()
    works: list[Deferred[Any]] = [Deferred(), Deferred(), succeed(1)]
    for work in works:
        in_flight.add(work, "work")
    results: list[object] = []
    none = in_flight.when_none(clock, 5)
    works[0].addCallback(results.append)
    works[1].addErrback(lambda failure: results.append(str(failure.value)))
    works[0].callback("done")
    assert not fired(none)
    works[1].errback(RuntimeError("failed"))
    assert fired(none)
    assert results == ["done", "failed"]
    assert works[2].result == 1
    assert clock.getDelayedCalls() == []


def test_where_none_is_in_flight_nobody_waits(clock: Clock) -> None:
    assert fired(InFlight().when_none(clock, 5))
    assert clock.getDelayedCalls() == []


def test_each_waits_for_a_time_of_its_own_and_what_is_left_is_logged_by_name(clock: Clock) -> None:
    in_flight = InFlight()
    works: list[Deferred[Any]] = [Deferred() for _ in range(4)]
    for work, name in zip(works, ("a.early", "a.twice", "a.once", "a.twice"), strict=True):
        in_flight.add(work, name)
    short, long = in_flight.when_none(clock, 1.5), in_flight.when_none(clock, 60)
    works[0].callback(None)
    with capturedLogs() as logs:
        clock.advance(1.5)
    assert (fired(short), fired(long)) == (True, False)
    [told] = [event for event in logs if event["log_level"] is LogLevel.warn]
    assert formatEvent(told) == "not waited for any longer than 1.5 s, though cancelled: a.twice (2), a.once"
    for work in works[1:]:
        work.callback(None)
    assert fired(long)
    assert clock.getDelayedCalls() == []


def test_who_waits_may_give_up(clock: Clock) -> None:
    in_flight = InFlight()
    work: Deferred[None] = Deferred()
    in_flight.add(work, "work")
    none = in_flight.when_none(clock, 5)
    given_up = none.addErrback(lambda failure: failure.trap(CancelledError))
    none.cancel()
    assert fired(given_up)
    assert clock.getDelayedCalls() == []
    work.callback(None)
