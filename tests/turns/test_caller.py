from typing import Any, Protocol

import msgspec
import pytest
from msgspec import Raw
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent

from mcpws.core.rpc import Progress
from mcpws.errors import (
    ConnectionClosed,
    InvalidParams,
    MalformedResult,
    QueueFull,
    RemoteError,
    RequestTimeout,
)
from mcpws.jsonrpc.messages import Error, ErrorObject, Message, Notification, Request, Result, to_raw
from tests.turns.ends import GONE, End, failure_of, result_of, run, waits

pytestmark = pytest.mark.usefixtures("no_timer_left")


class LoggedErrors(Protocol):
    def flush(self, *types: type[BaseException]) -> list[LogEvent]: ...


# Asking.


def test_a_request_fires_with_the_result(client: End, server: End) -> None:
    server.methods["add"] = lambda request: {"sum": 3}
    answer = client.caller.request("add", {"a": 1, "b": 2}, timeout=5)
    [sent] = client.out
    assert sent == Request(0, "add", Raw(b'{"a":1,"b":2}'))
    assert waits(answer)
    run(client, server)
    assert result_of(answer) == {"sum": 3}


class Sum(msgspec.Struct):
    sum: int


def test_a_result_is_decoded_as_the_caller_wants_it(client: End, server: End) -> None:
    server.methods["add"] = lambda request: {"sum": 3}
    answer = client.caller.request("add", type=Sum)
    run(client, server)
    assert result_of(answer) == Sum(3)


def test_a_result_of_another_type_fails_the_request(client: End, server: End) -> None:
    server.methods["add"] = lambda request: {"sum": "three"}
    answer = client.caller.request("add", type=Sum)
    run(client, server)
    assert "$.sum" in str(failure_of(answer, MalformedResult))


def test_whatever_a_type_raises_fails_the_request(client: End, server: End, raised: type[BaseException]) -> None:
    class Picky(msgspec.Struct):
        sum: int

        def __post_init__(self) -> None:
            raise raised("never good enough")

    server.methods["add"] = lambda request: {"sum": 3}
    answers = [client.caller.request("add", type=type, timeout=5) for type in (Picky, object(), Sum)]
    run(client, server)
    failure_of(answers[0], raised)
    failure_of(answers[1], TypeError)
    assert result_of(answers[2]) == Sum(3)


def test_a_result_that_is_not_utf_8_fails_the_request(client: End) -> None:
    answer = client.caller.request("add")
    client.receive(Result(0, Raw(b'"\xff"')))
    failure_of(answer, UnicodeDecodeError)


def test_an_error_fails_the_request(client: End, server: End) -> None:
    def add(request: Request) -> object:
        raise InvalidParams("too small", {"path": "$.a"})

    server.methods["add"] = add
    answer = client.caller.request("add", timeout=5)
    run(client, server)
    error = failure_of(answer, RemoteError)
    assert (error.code, error.message, error.data) == (-32602, "too small", {"path": "$.a"})


def test_an_error_whose_data_cannot_be_decoded_fails_the_request_too(client: End) -> None:
    answer = client.caller.request("add")
    client.receive(Error(0, ErrorObject(1, "no", Raw(b'"\xff"'))))
    failure_of(answer, UnicodeDecodeError)


def test_an_answer_may_come_while_the_request_is_being_sent(clock: Clock) -> None:
    def echo(message: Message) -> None:
        assert isinstance(message, Request)
        end.receive(Result(message.id, Raw(b"1")))

    end = End(clock, send=echo)
    assert result_of(end.caller.request("ping", timeout=5)) == 1


def test_requests_over_the_limit_fail(clock: Clock) -> None:
    end = End(clock, max_pending=1)
    first = end.caller.request("ping", timeout=5)
    failure_of(end.caller.request("ping", timeout=5), QueueFull)
    end.receive(Result(0, Raw(b"1")))
    assert result_of(first) == 1


def test_a_request_with_parameters_that_are_no_json_fails(client: End) -> None:
    for params in ({"a": object()}, {"a": "\ud800"}):
        failure_of(client.caller.request("ping", params, timeout=5), TypeError)
    assert client.rpc.pending == 0


def test_a_request_that_cannot_be_sent_fails_once(clock: Clock) -> None:
    def refuse(message: Message) -> None:
        raise GONE

    end = End(clock, send=refuse)
    answer = end.caller.request("ping", timeout=5)
    assert failure_of(answer, ConnectionClosed) is GONE
    end.rpc.lost(GONE)


# Giving up.


@pytest.mark.proves("mcp/2025-11-25/basic/lifecycle#timeouts")
def test_a_request_fails_when_its_time_is_over_and_the_other_end_is_told(
    client: End, server: End, clock: Clock
) -> None:
    work: Deferred[object] = Deferred()
    server.methods["add"] = lambda request: work
    answer = client.caller.request("add", timeout=2.5)
    run(client, server)
    clock.advance(2.4)
    assert waits(answer)
    clock.advance(0.1)
    error = failure_of(answer, RequestTimeout)
    assert (error.method, error.seconds) == ("add", 2.5)
    assert client.rpc.pending == 0
    assert client.out[0] == Notification(
        "notifications/cancelled", to_raw({"requestId": 0, "reason": "no answer within 2.5 s"})
    )
    run(client, server)
    assert server.rpc.working == 0


def test_requests_with_the_same_timeout_share_a_timer(client: End, clock: Clock) -> None:
    answers = [client.caller.request("add", timeout=5) for _ in range(3)]
    assert len(clock.getDelayedCalls()) == 1
    answers.append(client.caller.request("add", timeout=2))
    assert len(clock.getDelayedCalls()) == 2
    clock.advance(5)
    for answer in answers:
        failure_of(answer, RequestTimeout)


def test_every_request_fails_in_its_own_time_whatever_was_answered_before(client: End, clock: Clock) -> None:
    first, answered, last = Deferred[Any](), Deferred[Any](), Deferred[Any]()
    for answer in (first, answered, last):
        client.caller.request("add", timeout=5).chainDeferred(answer)
        clock.advance(1)
    client.receive(Result(1, Raw(b"1")))
    clock.advance(1.75)
    assert waits(first)
    clock.advance(0.25)
    failure_of(first, RequestTimeout)
    clock.advance(1.75)
    assert waits(last)
    clock.advance(0.25)
    failure_of(last, RequestTimeout)


def test_the_first_answer_puts_off_no_other_timeout(client: End, clock: Clock) -> None:
    client.caller.request("add", timeout=5)
    clock.advance(2)
    second = client.caller.request("add", timeout=5)
    client.receive(Result(0, Raw(b"1")))
    clock.advance(4.75)
    assert waits(second)
    clock.advance(0.25)
    failure_of(second, RequestTimeout)


def test_who_hears_of_a_timeout_can_cancel_what_would_be_next(client: End, clock: Clock) -> None:
    first, second = (client.caller.request("add", timeout=5) for _ in range(2))
    first.addErrback(lambda _: second.cancel())
    clock.advance(5)
    failure_of(second, CancelledError)
    assert [message.method for message in client.out if type(message) is Notification] == [
        "notifications/cancelled",
        "notifications/cancelled",
    ]


def test_who_hears_of_a_timeout_can_ask_again(client: End, clock: Clock) -> None:
    again: list[Deferred[Any]] = []
    first, second = (client.caller.request("add", timeout=5) for _ in range(2))
    first.addErrback(lambda _: again.append(client.caller.request("add", timeout=5)))
    clock.advance(5)
    failure_of(second, RequestTimeout)
    assert waits(again[0])
    clock.advance(5)
    failure_of(again[0], RequestTimeout)


def test_a_clock_that_is_set_back_delays_no_timeout_of_later_requests(client: End, clock: Clock) -> None:
    clock.advance(10_000)
    before = client.caller.request("add", timeout=5)
    clock.advance(-3_600)
    after = client.caller.request("add", timeout=5)
    clock.advance(5)
    failure_of(before, RequestTimeout)
    failure_of(after, RequestTimeout)


@pytest.mark.proves("mcp/2025-11-25/basic/utilities/cancellation#late-answers")
def test_a_late_answer_is_dropped(client: End, clock: Clock) -> None:
    answer = client.caller.request("add", timeout=1)
    clock.advance(1)
    failure_of(answer, RequestTimeout)
    client.receive(Result(0, Raw(b"1")))
    assert client.rpc.dropped == 1


@pytest.mark.parametrize("timeout", [None, 5])
def test_cancelling_a_request_tells_the_other_end(client: End, server: End, timeout: float | None) -> None:
    work: Deferred[object] = Deferred()
    server.methods["add"] = lambda request: work
    answer = client.caller.request("add", timeout=timeout)
    run(client, server)
    answer.cancel()
    failure_of(answer, CancelledError)
    run(client, server)
    assert server.rpc.working == 0
    assert client.rpc.pending == 0


@pytest.mark.proves("mcp/2025-11-25/basic/utilities/cancellation#not-initialize")
def test_the_other_end_is_not_told_that_initialize_is_cancelled(client: End) -> None:
    answer = client.caller.request("initialize")
    answer.cancel()
    failure_of(answer, CancelledError)
    assert len(client.out) == 1


def test_cancelling_what_was_answered_does_nothing(client: End, server: End) -> None:
    server.methods["ping"] = lambda request: {}
    answer = client.caller.request("ping")
    run(client, server)
    answer.cancel()
    assert result_of(answer) == {}
    assert not client.out


# Progress.


def test_progress_reaches_the_caller(client: End, server: End) -> None:
    work: Deferred[object] = Deferred()
    server.methods["add"] = lambda request: work
    seen: list[Progress] = []
    answer = client.caller.request("add", on_progress=seen.append)
    run(client, server)
    server.caller.notify("notifications/progress", {"progressToken": 0, "progress": 0.5})
    run(client, server)
    assert seen == [Progress(0.5)]
    work.callback(3)
    run(client, server)
    assert result_of(answer) == 3


def test_a_caller_that_fails_on_progress_still_gets_the_answer(
    client: End, logged_errors: LoggedErrors, raised: type[BaseException]
) -> None:
    def take(progress: Progress) -> None:
        raise raised("no bar to move")

    answer = client.caller.request("add", on_progress=take)
    client.receive(Notification("notifications/progress", Raw(b'{"progressToken":0,"progress":1}')))
    client.receive(Result(0, Raw(b"3")))
    assert result_of(answer) == 3
    [event] = logged_errors.flush(raised)
    assert event["method"] == "add"


# Notifications.


def test_a_notification_reaches_the_other_end(client: End, server: End) -> None:
    client.caller.notify("notifications/initialized")
    client.caller.notify("notifications/message", {"data": "x"})
    run(client, server)
    assert server.notifications == [
        Notification("notifications/initialized"),
        Notification("notifications/message", Raw(b'{"data":"x"}')),
    ]


# The loss.


@pytest.mark.proves("G-6")
def test_the_loss_fails_every_request_with_its_reason(client: End) -> None:
    answers = [client.caller.request("add", timeout=5) for _ in range(3)]
    client.rpc.lost(GONE)
    client.rpc.lost(ConnectionClosed(1000, "again"))
    assert [failure_of(answer, ConnectionClosed) for answer in answers] == [GONE, GONE, GONE]


def test_after_the_loss_nothing_is_sent(client: End) -> None:
    client.rpc.lost(GONE)
    assert failure_of(client.caller.request("add", timeout=5), ConnectionClosed) is GONE
    client.caller.notify("notifications/initialized")
    assert not client.out


def test_a_request_made_because_of_the_loss_fails_too(client: End) -> None:
    answer = client.caller.request("add")
    answer.addErrback(lambda _: client.caller.request("add", timeout=5))
    client.rpc.lost(GONE)
    assert failure_of(answer, ConnectionClosed) is GONE
