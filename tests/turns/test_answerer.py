from collections.abc import Callable
from typing import Protocol, cast

import msgspec
import pytest
from msgspec import Raw
from twisted.internet.defer import Deferred, fail, gatherResults, succeed
from twisted.logger import LogEvent
from twisted.python.failure import Failure

from mcpws.errors import (
    CapabilityMissing,
    InternalError,
    InvalidParams,
    RpcError,
)
from mcpws.jsonrpc.messages import Error, ErrorObject, Notification, Request, Result, to_raw
from mcpws.turns.answerer import to_rpc_error
from tests.turns.ends import GONE, End, raising

pytestmark = pytest.mark.usefixtures("no_timer_left")


class LoggedErrors(Protocol):
    def flush(self, *types: type[BaseException]) -> list[LogEvent]: ...


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
    server.receive(Request("7", "add"))
    assert list(server.out) == [Result.answering("7", [1])]
    assert server.rpc.working == 0


@pytest.mark.parametrize(
    "method",
    [raising, lambda request: fail(InvalidParams("too small")), lambda request: failing_coroutine()],
    ids=["raise", "deferred", "coroutine"],
)
def test_a_method_may_fail_in_several_ways(server: End, method: Callable[[Request], object]) -> None:
    server.methods["add"] = method
    server.receive(Request("7", "add"))
    assert list(server.out) == [Error("7", ErrorObject(-32602, "too small"))]
    assert server.rpc.working == 0


def test_an_answer_may_come_later(server: End) -> None:
    work: Deferred[object] = Deferred()
    server.methods["add"] = lambda request: work
    server.receive(Request(1, "add"))
    assert not server.out
    assert server.rpc.working == 1
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
    server.receive(Request(1, "add"))
    [answer] = server.out
    assert isinstance(answer, Error)
    assert (answer.error.code, answer.error.message) == (-32603, "Internal error")
    assert isinstance(answer.error.data, Raw)
    [event] = logged_errors.flush(error)
    assert msgspec.json.decode(answer.error.data) == {"reference": event["reference"]}
    assert server.rpc.working == 0


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
    server.receive(Request(1, "leave"))
    server.receive(Request(2, "stay"))
    left, stayed = server.out
    [event] = logged_errors.flush(raised)
    assert left == Error.answering(1, InternalError(event["reference"]))
    assert isinstance(stayed, Result)
    assert server.rpc.working == 0


def test_an_error_that_is_meant_for_the_peer_is_found_among_several(server: End) -> None:
    def together(*errors: Exception) -> Deferred[object]:
        waiting: list[Deferred[object]] = [Deferred(), *map(fail, errors)]
        return cast(Deferred[object], gatherResults(waiting, consumeErrors=True))

    server.methods["refuse"] = lambda request: together(RpcError("not today", code=7))
    server.methods["ask"] = lambda request: together(CapabilityMissing("roots/list", "roots"))
    for id, method in enumerate(("refuse", "ask")):
        server.receive(Request(id, method))
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
    server.receive(Request(1, "add"))
    server.receive(cancel(1))
    assert cancelled == [work]
    assert not server.out
    assert server.rpc.working == 0


@pytest.mark.proves("C-1")
def test_a_cancelled_coroutine_can_clean_up_and_answers_nothing(server: End) -> None:
    seen: list[str] = []

    async def add() -> object:
        try:
            return await Deferred()
        finally:
            seen.append("cleaned up")

    server.methods["add"] = lambda request: add()
    server.receive(Request(1, "add"))
    server.receive(cancel(1))
    assert seen == ["cleaned up"]
    assert not server.out


def test_a_method_may_have_a_result_all_the_same_which_nobody_gets(server: End) -> None:
    work: Deferred[object] = Deferred(lambda deferred: deferred.callback(3))
    server.methods["add"] = lambda request: work
    server.receive(Request(1, "add"))
    server.receive(cancel(1))
    assert not server.out


def test_a_method_that_fails_otherwise_when_it_is_cancelled_is_logged(server: End, logged_errors: LoggedErrors) -> None:
    work: Deferred[object] = Deferred(lambda deferred: deferred.errback(LookupError("lost")))
    server.methods["add"] = lambda request: work
    server.receive(Request(1, "add"))
    server.receive(cancel(1))
    assert len(logged_errors.flush(LookupError)) == 1
    assert not server.out


def test_a_method_that_cannot_be_cancelled_is_logged_and_disturbs_no_other(
    server: End, logged_errors: LoggedErrors, raised: type[BaseException]
) -> None:
    def refuse(_: Deferred[object]) -> None:
        raise raised("no brake")

    stubborn, docile = Deferred[object](refuse), Deferred[object]()
    server.methods = {"a": lambda request: stubborn, "b": lambda request: docile}
    server.receive(Request(1, "a"))
    server.receive(Request(2, "b"))
    server.rpc.lost(GONE)
    assert len(logged_errors.flush(raised)) == 1
    assert docile.called
    stubborn.callback(3)
    assert not server.out


# The loss.


def test_the_loss_cancels_what_is_worked_on(server: End) -> None:
    work: Deferred[object] = Deferred()
    server.methods["add"] = lambda request: work
    server.receive(Request(1, "add"))
    server.rpc.lost(GONE)
    assert work.called
    assert not server.out


@pytest.mark.parametrize("fired", [False, True])
def test_work_is_cancelled_if_its_own_beginning_loses_the_connection(server: End, fired: bool) -> None:
    work: Deferred[object] = Deferred()

    def close(request: Request) -> object:
        server.rpc.lost(GONE)
        if fired:
            work.callback(3)
        return work

    server.methods["close"] = close
    server.receive(Request(1, "close"))
    assert work.called
    assert not server.out
    assert server.rpc.working == 0
