from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogLevel, capturedLogs, formatEvent

from mcpws.turns.hearing import Hearing

if TYPE_CHECKING:
    from tests.conftest import LoggedErrors


def begin(hearing: Hearing, size: int) -> Deferred[Any]:
    assert hearing.has_room(size)
    work: Deferred[Any] = Deferred()
    hearing.add(work, size, "a.function")
    return work


@pytest.mark.proves("L-19")
def test_there_is_room_for_so_many_and_for_the_next_when_one_is_done() -> None:
    hearing = Hearing("tester:1", 2, 1000)
    first, second = begin(hearing, 1), begin(hearing, 1)
    assert not hearing.has_room(1)
    assert not hearing.has_room(0)
    assert hearing.dropped == 2
    first.callback("done")
    begin(hearing, 1)
    assert not hearing.has_room(1)
    second.callback(None)
    assert hearing.has_room(1)
    assert hearing.dropped == 3


@pytest.mark.proves("L-19")
def test_there_is_room_for_so_many_bytes_and_for_anything_alone() -> None:
    hearing = Hearing("tester:1", 10, 100)
    large = begin(hearing, 1000)
    assert not hearing.has_room(0)
    large.callback(None)
    small = begin(hearing, 60)
    assert not hearing.has_room(41)
    begin(hearing, 40)
    assert not hearing.has_room(1)
    small.callback(None)
    assert hearing.has_room(60)
    assert hearing.dropped == 3


def test_a_listener_is_called_if_there_is_room(logged_errors: "LoggedErrors", raised: type[BaseException]) -> None:
    def broken(what: str) -> None:
        raise raised(what)

    async def broken_later(what: str) -> None:
        raise raised(what)

    async def waiting(what: str) -> None:
        heard.append(what)
        await Deferred()

    heard: list[str] = []
    hearing = Hearing("tester:1", 1, 100)
    hearing.hear(broken, "a", 1, "now")
    hearing.hear(broken_later, "b", 1, "later")
    hearing.hear(waiting, "c", 1, "first")
    hearing.hear(waiting, "c", 1, "second")
    assert [(event["name"], str(event["log_failure"].value)) for event in logged_errors.flush(raised)] == [
        ("a", "now"),
        ("b", "later"),
    ]
    assert heard == ["first"]
    assert hearing.dropped == 1


def test_what_is_over_at_once_takes_no_room() -> None:
    hearing = Hearing("tester:1", 1, 1)
    for _ in range(3):
        assert hearing.has_room(5)
        work: Deferred[None] = Deferred()
        work.callback(None)
        hearing.add(work, 5, "a.function")
    assert hearing.dropped == 0


def test_what_is_dropped_is_logged_once() -> None:
    hearing = Hearing("tester:1", 1, 100)
    begin(hearing, 7)
    with capturedLogs() as logged:
        for _ in range(3):
            hearing.has_room(1)
    assert [(event["log_level"], formatEvent(event)) for event in logged] == [
        (LogLevel.warn, "notifications of tester:1 are dropped: 1 of 7 bytes are worked on")
    ]


def test_at_the_end_everything_is_cancelled(logged_errors: "LoggedErrors", raised: type[BaseException]) -> None:
    def cannot(_: Deferred[Any]) -> None:
        raise raised("no way")

    hearing = Hearing("tester:1", 3, 100)
    stubborn: Deferred[Any] = Deferred(cannot)
    hearing.add(stubborn, 1, "a.function")
    docile = begin(hearing, 1)
    ends: list[object] = []
    docile.addErrback(ends.append)
    hearing.end()
    assert docile.called
    assert len(logged_errors.flush(raised)) == 1
    # It has room for as long as it goes on.
    assert not hearing.has_room(100)
    stubborn.callback(None)
    assert hearing.has_room(100)


@pytest.mark.parametrize("cancelled", [False, True])
def test_what_fails_is_logged_by_the_name_of_the_function_unless_it_was_cancelled(
    logged_errors: "LoggedErrors", cancelled: bool
) -> None:
    work = begin(hearing := Hearing("tester:1", 1, 100), 1)
    work.errback(CancelledError() if cancelled else LookupError("no"))
    assert [event["name"] for event in logged_errors.flush(LookupError)] == ([] if cancelled else ["a.function"])
    assert hearing.has_room(1)
