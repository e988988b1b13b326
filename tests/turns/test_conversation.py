from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol, cast

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from msgspec import Raw
from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults, succeed
from twisted.internet.task import Clock
from twisted.logger import LogEvent
from twisted.python.failure import Failure

from mcpws.core.peer import Progress
from mcpws.errors import (
    CapabilityMissing,
    ConnectionClosed,
    InternalError,
    InvalidParams,
    MalformedResult,
    McpwsError,
    MethodNotFound,
    QueueFull,
    RemoteError,
    RequestTimeout,
    RpcError,
)
from mcpws.jsonrpc.messages import Error, ErrorObject, Message, Notification, Request, Result, to_raw
from mcpws.turns.conversation import Conversation, to_rpc_error

GONE = ConnectionClosed(1006, "")


class LoggedErrors(Protocol):
    def flush(self, *types: type[BaseException]) -> list[LogEvent]: ...


class End:
    """A conversation whose messages wait in `out`, and whose methods are a dictionary."""

    def __init__(self, clock: Clock, max_pending: int = 1024) -> None:
        self.out: deque[Message] = deque()
        self.methods: dict[str, Callable[[Request], object]] = {}
        self.notifications: list[Notification] = []
        self.conversation = Conversation(self.out.append, clock, self.dispatch, self.notifications.append, max_pending)

    def dispatch(self, request: Request) -> object:
        if request.method not in self.methods:
            raise MethodNotFound(request.method)
        return self.methods[request.method](request)


def deliver(sender: End, receiver: End) -> None:
    while sender.out:
        receiver.conversation.receive(sender.out.popleft())


def run(*ends: End) -> None:
    """Until both ends have nothing more to say."""
    one, other = ends
    while one.out or other.out:
        deliver(one, other)
        deliver(other, one)


def failure_of(deferred: Deferred[Any], *types: type[BaseException]) -> Any:
    """The exception that a Deferred has failed with."""
    found: list[Failure] = []
    deferred.addErrback(found.append)
    assert found, "has not failed"
    assert found[0].check(*types), found[0]
    return found[0].value


def result_of(deferred: Deferred[Any]) -> Any:
    found: list[Any] = []
    deferred.addCallback(found.append)
    assert found, "has not fired"
    return found[0]


def waits(deferred: Deferred[Any]) -> bool:
    return not deferred.called


@pytest.fixture
def client(clock: Clock) -> End:
    return End(clock)


@pytest.fixture
def server(clock: Clock) -> End:
    return End(clock)


@pytest.fixture(autouse=True)
def _no_timer_left(clock: Clock) -> Iterator[None]:
    yield
    assert clock.getDelayedCalls() == []


# Asking.


def test_a_request_fires_with_the_result(client: End, server: End) -> None:
    server.methods["add"] = lambda request: {"sum": 3}
    answer = client.conversation.request("add", {"a": 1, "b": 2}, timeout=5)
    [sent] = client.out
    assert sent == Request(0, "add", Raw(b'{"a":1,"b":2}'))
    assert waits(answer)
    run(client, server)
    assert result_of(answer) == {"sum": 3}


class Sum(msgspec.Struct):
    sum: int


def test_a_result_is_decoded_as_the_caller_wants_it(client: End, server: End) -> None:
    server.methods["add"] = lambda request: {"sum": 3}
    answer = client.conversation.request("add", type=Sum)
    run(client, server)
    assert result_of(answer) == Sum(3)


def test_a_result_of_another_type_fails_the_request(client: End, server: End) -> None:
    server.methods["add"] = lambda request: {"sum": "three"}
    answer = client.conversation.request("add", type=Sum)
    run(client, server)
    assert "$.sum" in str(failure_of(answer, MalformedResult))


def test_whatever_a_type_raises_fails_the_request(client: End, server: End, raised: type[BaseException]) -> None:
    class Picky(msgspec.Struct):
        sum: int

        def __post_init__(self) -> None:
            raise raised("never good enough")

    server.methods["add"] = lambda request: {"sum": 3}
    answers = [client.conversation.request("add", type=type, timeout=5) for type in (Picky, object(), Sum)]
    run(client, server)
    failure_of(answers[0], raised)
    failure_of(answers[1], TypeError)
    assert result_of(answers[2]) == Sum(3)


def test_a_result_that_is_not_utf_8_fails_the_request(client: End) -> None:
    answer = client.conversation.request("add")
    client.conversation.receive(Result(0, Raw(b'"\xff"')))
    failure_of(answer, UnicodeDecodeError)


def test_an_error_fails_the_request(client: End, server: End) -> None:
    def add(request: Request) -> object:
        raise InvalidParams("too small", {"path": "$.a"})

    server.methods["add"] = add
    answer = client.conversation.request("add", timeout=5)
    run(client, server)
    error = failure_of(answer, RemoteError)
    assert (error.code, error.message, error.data) == (-32602, "too small", {"path": "$.a"})


def test_an_error_whose_data_cannot_be_decoded_fails_the_request_too(client: End) -> None:
    answer = client.conversation.request("add")
    client.conversation.receive(Error(0, ErrorObject(1, "no", Raw(b'"\xff"'))))
    failure_of(answer, UnicodeDecodeError)


def test_an_answer_may_come_while_the_request_is_being_sent(clock: Clock) -> None:
    def echo(message: Message) -> None:
        assert isinstance(message, Request)
        conversation.receive(Result(message.id, Raw(b"1")))

    conversation = Conversation(echo, clock, lambda request: None, lambda notification: None)
    assert result_of(conversation.request("ping", timeout=5)) == 1


def test_requests_over_the_limit_fail(clock: Clock) -> None:
    end = End(clock, max_pending=1)
    first = end.conversation.request("ping", timeout=5)
    failure_of(end.conversation.request("ping", timeout=5), QueueFull)
    end.conversation.receive(Result(0, Raw(b"1")))
    assert result_of(first) == 1


def test_a_request_with_parameters_that_are_no_json_fails(client: End) -> None:
    for params in ({"a": object()}, {"a": "\ud800"}):
        failure_of(client.conversation.request("ping", params, timeout=5), TypeError)
    assert client.conversation.peer.pending == 0


def test_a_request_that_cannot_be_sent_fails_once(clock: Clock) -> None:
    def refuse(message: Message) -> None:
        raise GONE

    conversation = Conversation(refuse, clock, lambda request: None, lambda notification: None)
    answer = conversation.request("ping", timeout=5)
    assert failure_of(answer, ConnectionClosed) is GONE
    conversation.lost(GONE)


# Giving up.


@pytest.mark.proves("mcp/2025-11-25/basic/lifecycle#timeouts")
def test_a_request_fails_when_its_time_is_over_and_the_other_end_is_told(
    client: End, server: End, clock: Clock
) -> None:
    work: Deferred[object] = Deferred()
    server.methods["add"] = lambda request: work
    answer = client.conversation.request("add", timeout=2.5)
    run(client, server)
    clock.advance(2.4)
    assert waits(answer)
    clock.advance(0.1)
    error = failure_of(answer, RequestTimeout)
    assert (error.method, error.seconds) == ("add", 2.5)
    assert client.conversation.peer.pending == 0
    assert client.out[0] == Notification(
        "notifications/cancelled", to_raw({"requestId": 0, "reason": "no answer within 2.5 s"})
    )
    run(client, server)
    assert server.conversation.peer.working == 0


def test_requests_with_the_same_timeout_share_a_timer(client: End, clock: Clock) -> None:
    answers = [client.conversation.request("add", timeout=5) for _ in range(3)]
    assert len(clock.getDelayedCalls()) == 1
    answers.append(client.conversation.request("add", timeout=2))
    assert len(clock.getDelayedCalls()) == 2
    clock.advance(5)
    for answer in answers:
        failure_of(answer, RequestTimeout)


def test_every_request_fails_in_its_own_time_whatever_was_answered_before(client: End, clock: Clock) -> None:
    first, answered, last = Deferred[Any](), Deferred[Any](), Deferred[Any]()
    for answer in (first, answered, last):
        client.conversation.request("add", timeout=5).chainDeferred(answer)
        clock.advance(1)
    client.conversation.receive(Result(1, Raw(b"1")))
    clock.advance(1.75)
    assert waits(first)
    clock.advance(0.25)
    failure_of(first, RequestTimeout)
    clock.advance(1.75)
    assert waits(last)
    clock.advance(0.25)
    failure_of(last, RequestTimeout)


def test_the_first_answer_puts_off_no_other_timeout(client: End, clock: Clock) -> None:
    client.conversation.request("add", timeout=5)
    clock.advance(2)
    second = client.conversation.request("add", timeout=5)
    client.conversation.receive(Result(0, Raw(b"1")))
    clock.advance(4.75)
    assert waits(second)
    clock.advance(0.25)
    failure_of(second, RequestTimeout)


def test_who_hears_of_a_timeout_can_cancel_what_would_be_next(client: End, clock: Clock) -> None:
    first, second = (client.conversation.request("add", timeout=5) for _ in range(2))
    first.addErrback(lambda _: second.cancel())
    clock.advance(5)
    failure_of(second, CancelledError)
    assert [message.method for message in client.out if type(message) is Notification] == [
        "notifications/cancelled",
        "notifications/cancelled",
    ]


def test_who_hears_of_a_timeout_can_ask_again(client: End, clock: Clock) -> None:
    again: list[Deferred[Any]] = []
    first, second = (client.conversation.request("add", timeout=5) for _ in range(2))
    first.addErrback(lambda _: again.append(client.conversation.request("add", timeout=5)))
    clock.advance(5)
    failure_of(second, RequestTimeout)
    assert waits(again[0])
    clock.advance(5)
    failure_of(again[0], RequestTimeout)


def test_a_clock_that_is_set_back_delays_no_timeout_of_later_requests(client: End, clock: Clock) -> None:
    clock.advance(10_000)
    before = client.conversation.request("add", timeout=5)
    clock.advance(-3_600)
    after = client.conversation.request("add", timeout=5)
    clock.advance(5)
    failure_of(before, RequestTimeout)
    failure_of(after, RequestTimeout)


@pytest.mark.proves("mcp/2025-11-25/basic/utilities/cancellation#late-answers")
def test_a_late_answer_is_dropped(client: End, clock: Clock) -> None:
    answer = client.conversation.request("add", timeout=1)
    clock.advance(1)
    failure_of(answer, RequestTimeout)
    client.conversation.receive(Result(0, Raw(b"1")))
    assert client.conversation.peer.dropped == 1


@pytest.mark.parametrize("timeout", [None, 5])
def test_cancelling_a_request_tells_the_other_end(client: End, server: End, timeout: float | None) -> None:
    work: Deferred[object] = Deferred()
    server.methods["add"] = lambda request: work
    answer = client.conversation.request("add", timeout=timeout)
    run(client, server)
    answer.cancel()
    failure_of(answer, CancelledError)
    run(client, server)
    assert server.conversation.peer.working == 0
    assert client.conversation.peer.pending == 0


@pytest.mark.proves("mcp/2025-11-25/basic/utilities/cancellation#not-initialize")
def test_the_other_end_is_not_told_that_initialize_is_cancelled(client: End) -> None:
    answer = client.conversation.request("initialize")
    answer.cancel()
    failure_of(answer, CancelledError)
    assert len(client.out) == 1


def test_cancelling_what_was_answered_does_nothing(client: End, server: End) -> None:
    server.methods["ping"] = lambda request: {}
    answer = client.conversation.request("ping")
    run(client, server)
    answer.cancel()
    assert result_of(answer) == {}
    assert not client.out


# Progress.


def test_progress_reaches_the_caller(client: End, server: End) -> None:
    work: Deferred[object] = Deferred()
    server.methods["add"] = lambda request: work
    seen: list[Progress] = []
    answer = client.conversation.request("add", on_progress=seen.append)
    run(client, server)
    server.conversation.notify("notifications/progress", {"progressToken": 0, "progress": 0.5})
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

    answer = client.conversation.request("add", on_progress=take)
    client.conversation.receive(Notification("notifications/progress", Raw(b'{"progressToken":0,"progress":1}')))
    client.conversation.receive(Result(0, Raw(b"3")))
    assert result_of(answer) == 3
    [event] = logged_errors.flush(raised)
    assert event["method"] == "add"


# Notifications.


def test_a_notification_reaches_the_other_end(client: End, server: End) -> None:
    client.conversation.notify("notifications/initialized")
    client.conversation.notify("notifications/message", {"data": "x"})
    run(client, server)
    assert server.notifications == [
        Notification("notifications/initialized"),
        Notification("notifications/message", Raw(b'{"data":"x"}')),
    ]


@pytest.mark.proves("M-9")
def test_a_notification_that_cannot_be_taken_is_logged(
    clock: Clock, logged_errors: LoggedErrors, raised: type[BaseException]
) -> None:
    def refuse(notification: Notification) -> None:
        raise raised("what is that")

    conversation = Conversation(lambda message: None, clock, lambda request: None, refuse)
    conversation.receive(Notification("notifications/message"))
    [event] = logged_errors.flush(raised)
    assert event["method"] == "notifications/message"


# Answering.


async def coroutine(value: object) -> object:
    return await succeed(value)


async def failing_coroutine() -> object:
    return await fail(InvalidParams("too small"))


@pytest.mark.parametrize(
    "method",
    [
        lambda request: [1],
        lambda request: Raw(b"[1]"),
        lambda request: succeed([1]),
        lambda request: coroutine([1]),
    ],
    ids=["value", "raw", "deferred", "coroutine"],
)
def test_a_method_may_answer_in_several_ways(server: End, method: Callable[[Request], object]) -> None:
    server.methods["add"] = method
    server.conversation.receive(Request("7", "add"))
    assert list(server.out) == [Result.answering("7", [1])]
    assert server.conversation.peer.working == 0


def raising(request: Request) -> object:
    raise InvalidParams("too small")


@pytest.mark.parametrize(
    "method",
    [raising, lambda request: fail(InvalidParams("too small")), lambda request: failing_coroutine()],
    ids=["raise", "deferred", "coroutine"],
)
def test_a_method_may_fail_in_several_ways(server: End, method: Callable[[Request], object]) -> None:
    server.methods["add"] = method
    server.conversation.receive(Request("7", "add"))
    assert list(server.out) == [Error("7", ErrorObject(-32602, "too small"))]
    assert server.conversation.peer.working == 0


def test_an_answer_may_come_later(server: End) -> None:
    work: Deferred[object] = Deferred()
    server.methods["add"] = lambda request: work
    server.conversation.receive(Request(1, "add"))
    assert not server.out
    assert server.conversation.peer.working == 1
    work.callback(3)
    assert list(server.out) == [Result.answering(1, 3)]


def later(value: object) -> Callable[[Request], Deferred[object]]:
    return lambda request: succeed(value)


def now(value: object) -> Callable[[Request], object]:
    return lambda request: value


def failing_now(error: Exception) -> Callable[[Request], object]:
    def method(request: Request) -> object:
        raise error

    return method


def failing_later(error: Exception) -> Callable[[Request], Deferred[object]]:
    return lambda request: fail(error)


@pytest.mark.proves("E-5", "E-14")
@pytest.mark.parametrize(
    ("method", "error"),
    [
        (failing_now(LookupError("secret")), LookupError),
        (failing_later(LookupError("secret")), LookupError),
        (now(object()), TypeError),
        (later(object()), TypeError),
        (now({"secret": "\ud800"}), TypeError),
        (failing_now(RpcError("secret", object())), TypeError),
        (failing_later(RpcError("secret", object())), TypeError),
    ],
    ids=[
        "unexpected exception",
        "unexpected failure",
        "result that is no JSON",
        "later result that is no JSON",
        "result with a lone surrogate",
        "error that is no JSON",
        "later error that is no JSON",
    ],
)
def test_what_a_method_did_not_foresee_is_answered_with_a_reference_to_the_log(
    server: End,
    logged_errors: LoggedErrors,
    method: Callable[[Request], object],
    error: type[Exception],
) -> None:
    server.methods["add"] = method
    server.conversation.receive(Request(1, "add"))
    [answer] = server.out
    assert isinstance(answer, Error)
    assert (answer.error.code, answer.error.message) == (-32603, "Internal error")
    assert isinstance(answer.error.data, Raw)
    [event] = logged_errors.flush(error)
    assert msgspec.json.decode(answer.error.data) == {"reference": event["reference"]}
    assert server.conversation.peer.working == 0


@pytest.mark.parametrize("when", ["now", "later", "in a coroutine"])
def test_whatever_a_method_raises_is_one_failed_request(
    server: End, logged_errors: LoggedErrors, raised: type[BaseException], when: str
) -> None:
    async def leave() -> None:
        raise raised("leave")

    def method(request: Request) -> object:
        if when == "now":
            raise raised("leave")
        return fail(raised("leave")) if when == "later" else leave()

    server.methods = {"leave": method, "stay": lambda request: "here"}
    server.conversation.receive(Request(1, "leave"))
    server.conversation.receive(Request(2, "stay"))
    left, stayed = server.out
    [event] = logged_errors.flush(raised)
    assert left == Error.answering(1, InternalError(event["reference"]))
    assert isinstance(stayed, Result)
    assert server.conversation.peer.working == 0


def test_an_error_that_is_meant_for_the_peer_is_found_among_several(server: End) -> None:
    def together(*errors: Exception) -> Deferred[object]:
        waiting: list[Deferred[object]] = [Deferred(), *map(fail, errors)]
        return cast(Deferred[object], gatherResults(waiting, consumeErrors=True))

    server.methods["refuse"] = lambda request: together(RpcError("not today", code=7))
    server.methods["ask"] = lambda request: together(CapabilityMissing("roots/list", "roots"))
    for id, method in enumerate(("refuse", "ask")):
        server.conversation.receive(Request(id, method))
    refused, asked = server.out
    assert isinstance(refused, Error)
    assert (refused.error.code, refused.error.message) == (7, "not today")
    assert isinstance(asked, Error)
    assert asked.error.code == -32603
    assert asked.error.message.startswith("Cannot be answered: the client did not declare the capability roots")


def test_two_failures_have_two_references(logged_errors: LoggedErrors) -> None:
    errors = [to_rpc_error(Failure(LookupError("secret"))) for _ in range(2)]
    assert all(isinstance(error, InternalError) for error in errors)
    references = [error.data["reference"] for error in errors]
    assert references[0] != references[1]
    assert [event["reference"] for event in logged_errors.flush(LookupError)] == references


# Being cancelled.


def cancel(id: object) -> Notification:
    return Notification("notifications/cancelled", to_raw({"requestId": id}))


@pytest.mark.proves("mcp/2025-11-25/basic/utilities/cancellation#stops")
def test_a_cancelled_deferred_answers_nothing(server: End) -> None:
    cancelled: list[object] = []
    work: Deferred[object] = Deferred(cancelled.append)
    server.methods["add"] = lambda request: work
    server.conversation.receive(Request(1, "add"))
    server.conversation.receive(cancel(1))
    assert cancelled == [work]
    assert not server.out
    assert server.conversation.peer.working == 0


@pytest.mark.proves("C-1")
def test_a_cancelled_coroutine_can_clean_up_and_answers_nothing(server: End) -> None:
    seen: list[str] = []

    async def add() -> object:
        try:
            return await Deferred()
        finally:
            seen.append("cleaned up")

    server.methods["add"] = lambda request: add()
    server.conversation.receive(Request(1, "add"))
    server.conversation.receive(cancel(1))
    assert seen == ["cleaned up"]
    assert not server.out


def test_a_method_may_have_a_result_all_the_same_which_nobody_gets(server: End) -> None:
    work: Deferred[object] = Deferred(lambda deferred: deferred.callback(3))
    server.methods["add"] = lambda request: work
    server.conversation.receive(Request(1, "add"))
    server.conversation.receive(cancel(1))
    assert not server.out


def test_a_method_that_fails_otherwise_when_it_is_cancelled_is_logged(server: End, logged_errors: LoggedErrors) -> None:
    work: Deferred[object] = Deferred(lambda deferred: deferred.errback(LookupError("lost")))
    server.methods["add"] = lambda request: work
    server.conversation.receive(Request(1, "add"))
    server.conversation.receive(cancel(1))
    assert len(logged_errors.flush(LookupError)) == 1
    assert not server.out


def test_a_method_that_cannot_be_cancelled_is_logged_and_disturbs_no_other(
    server: End, logged_errors: LoggedErrors, raised: type[BaseException]
) -> None:
    def refuse(_: Deferred[object]) -> None:
        raise raised("no brake")

    stubborn, docile = Deferred[object](refuse), Deferred[object]()
    server.methods = {"a": lambda request: stubborn, "b": lambda request: docile}
    server.conversation.receive(Request(1, "a"))
    server.conversation.receive(Request(2, "b"))
    server.conversation.lost(GONE)
    assert len(logged_errors.flush(raised)) == 1
    assert docile.called
    stubborn.callback(3)
    assert not server.out


# The loss.


@pytest.mark.proves("G-6")
def test_the_loss_fails_every_request_with_its_reason(client: End) -> None:
    answers = [client.conversation.request("add", timeout=5) for _ in range(3)]
    client.conversation.lost(GONE)
    client.conversation.lost(ConnectionClosed(1000, "again"))
    assert [failure_of(answer, ConnectionClosed) for answer in answers] == [GONE, GONE, GONE]


def test_after_the_loss_nothing_is_sent(client: End) -> None:
    client.conversation.lost(GONE)
    assert failure_of(client.conversation.request("add", timeout=5), ConnectionClosed) is GONE
    client.conversation.notify("notifications/initialized")
    assert not client.out


def test_a_request_made_because_of_the_loss_fails_too(client: End) -> None:
    answer = client.conversation.request("add")
    answer.addErrback(lambda _: client.conversation.request("add", timeout=5))
    client.conversation.lost(GONE)
    assert failure_of(answer, ConnectionClosed) is GONE


def test_the_loss_cancels_what_is_worked_on(server: End) -> None:
    work: Deferred[object] = Deferred()
    server.methods["add"] = lambda request: work
    server.conversation.receive(Request(1, "add"))
    server.conversation.lost(GONE)
    assert work.called
    assert not server.out


@pytest.mark.parametrize("fired", [False, True])
def test_work_is_cancelled_if_its_own_beginning_loses_the_connection(server: End, fired: bool) -> None:
    work: Deferred[object] = Deferred()

    def close(request: Request) -> object:
        server.conversation.lost(GONE)
        if fired:
            work.callback(3)
        return work

    server.methods["close"] = close
    server.conversation.receive(Request(1, "close"))
    assert work.called
    assert not server.out
    assert server.conversation.peer.working == 0


# Two ends, any interleaving.


class Side:
    """One of two ends, with the fate of each of its requests."""

    def __init__(self, clock: Clock) -> None:
        self.end = End(clock)
        self.end.methods = {
            "now": lambda request: {},
            "refuse": raising,
            "later": self.later,
            "coroutine": self.coroutine,
        }
        self.working: list[Deferred[object]] = []
        self.asked: list[Deferred[None]] = []
        self.fates: list[list[str]] = []

    def later(self, request: Request) -> Deferred[object]:
        work: Deferred[object] = Deferred(self.working.remove)
        self.working.append(work)
        return work

    async def coroutine(self, request: Request) -> object:
        return await self.later(request)

    def ask(self, method: str, timeout: float | None) -> None:
        fate: list[str] = []

        def failed(failure: Failure) -> None:
            failure.trap(McpwsError, CancelledError)
            fate.append(type(failure.value).__name__)

        asked = self.end.conversation.request(method, timeout=timeout)
        self.asked.append(asked.addCallback(lambda _: fate.append("answered")).addErrback(failed))
        self.fates.append(fate)

    def finish(self, work: Deferred[object], fails: bool) -> None:
        self.working.remove(work)
        if fails:
            work.errback(InvalidParams("too small"))
        else:
            work.callback({})


sides = st.integers(0, 1)


class TwoEnds(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.sides = (Side(self.clock), Side(self.clock))
        self.lost = False

    def deliver_one(self, side: int) -> None:
        message = self.sides[side].end.out.popleft()
        self.sides[not side].end.conversation.receive(message)

    @rule(
        side=sides,
        method=st.sampled_from(["now", "refuse", "later", "later", "coroutine", "unknown"]),
        timeout=st.sampled_from([None, 1, 3]),
    )
    def ask(self, side: int, method: str, timeout: float | None) -> None:
        self.sides[side].ask(method, timeout)

    @precondition(lambda self: not self.lost)
    @rule(side=sides, count=st.integers(1, 3))
    def deliver(self, side: int, count: int) -> None:
        for _ in range(min(count, len(self.sides[side].end.out))):
            self.deliver_one(side)

    @rule(side=sides, draw=st.data(), fails=st.booleans())
    def finish(self, side: int, draw: st.DataObject, fails: bool) -> None:
        one = self.sides[side]
        if one.working:
            one.finish(draw.draw(st.sampled_from(one.working)), fails)

    @rule(side=sides, draw=st.data())
    def cancel(self, side: int, draw: st.DataObject) -> None:
        asked = self.sides[side].asked
        if asked:
            asked[draw.draw(st.integers(0, len(asked) - 1))].cancel()

    @rule(seconds=st.sampled_from([0.5, 1.0]))
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(chance=st.integers(0, 9))
    def lose(self, chance: int) -> None:
        if chance == 0:
            self.lost = True
            for side in self.sides:
                side.end.conversation.lost(GONE)

    @invariant()
    def every_request_waits_or_has_one_fate(self) -> None:
        for side in self.sides:
            assert [len(fate) for fate in side.fates] == [asked.called for asked in side.asked]
            waiting = sum(not asked.called for asked in side.asked)
            assert side.end.conversation.peer.pending == waiting
            assert side.end.conversation.peer.working == len(side.working)

    def teardown(self) -> None:
        while not self.lost and any(side.end.out or side.working for side in self.sides):
            for number, side in enumerate(self.sides):
                while side.end.out:
                    self.deliver_one(number)
                while side.working:
                    side.finish(side.working[0], fails=False)
        for side in self.sides:
            assert all(len(fate) == 1 for fate in side.fates)
            assert side.end.conversation.peer.pending == 0
            assert side.end.conversation.peer.working == 0
            assert side.working == []
        assert self.clock.getDelayedCalls() == []


@pytest.mark.proves("mcp/2025-11-25/basic/utilities/cancellation#race")
def test_between_two_ends_every_request_has_one_fate_whatever_happens() -> None:
    run_state_machine_as_test(TwoEnds, settings=settings(deadline=None, stateful_step_count=30))
