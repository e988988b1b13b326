"""A client's session: against the real server where it behaves, against bytes where it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest
from msgspec import Raw
from twisted.internet.defer import CancelledError, Deferred

from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import ConnectionState
from mcpws.core.rpc import Progress
from mcpws.errors import (
    ConfigError,
    ConnectionClosed,
    InvalidParams,
    MalformedResult,
    MessageTooLarge,
    QueueFull,
    RemoteError,
    RequestTimeout,
    RpcError,
)
from mcpws.jsonrpc.messages import Error, Notification, Request, to_raw
from mcpws.mcp.meta import SUBSCRIPTION_ID
from mcpws.testing import RecordedConversation, RecordingBackend, connected, result_of
from mcpws.testing.raw import TEXT

if TYPE_CHECKING:
    from tests.client.conftest import Script
    from tests.conftest import LoggedErrors

    Scripts = Callable[..., Script]

MIB = 1024 * 1024


class Rig:
    """A session with the real server; the test is the backend."""

    def __init__(self, client_config: WebSocketConfig | None = None, **client: Any) -> None:
        self.backend = RecordingBackend()
        self.pair = connected(self.backend, client_config=client_config, **client)
        self.session = self.pair.session
        self.flush = self.pair.flush
        self.advance = self.pair.advance

    @property
    def conversation(self) -> RecordedConversation:
        return self.backend.conversations[0]

    def asked(self) -> Request:
        """The last request that the server got."""
        self.flush()
        return self.conversation.requests[-1]

    def answer(self, result: Any, request: Request | None = None) -> None:
        self.conversation.answer(request or self.asked(), result)
        self.flush()

    def told(self) -> list[Notification]:
        """The notifications that the server got."""
        self.flush()
        return [message for message in self.conversation.received if type(message) is Notification]

    def ask(self, method: str, params: object = None) -> Any:
        """Have the server ask the client; returns the client's answer."""
        before = len(self.conversation.received)
        self.conversation.link.send(Request("ask", method, None if params is None else to_raw(params)))
        self.flush()
        answers = self.conversation.received[before:]
        return msgspec.json.decode(answers[0].data) if answers else None  # type: ignore[arg-type]

    def tell(self, method: str, params: object = None) -> None:
        """Have the server tell the client."""
        self.conversation.link.send(Notification(method, None if params is None else to_raw(params)))
        self.flush()

    def vanish(self) -> None:
        """Take the server away."""
        self.pair.server.connections[0].abort()
        self.flush()


def failure_of(deferred: Deferred[Any]) -> BaseException:
    with pytest.raises(Exception) as error:  # noqa: PT011
        result_of(deferred)
    return error.value


# Requests


def test_a_request_is_answered_with_its_result() -> None:
    rig = Rig()
    asked = rig.session.request("tools/call", {"name": "add"})
    assert rig.session.in_flight == 1
    request = rig.asked()
    assert (request.method, request.params) == ("tools/call", Raw(b'{"name":"add"}'))
    rig.answer({"content": [], "sum": 3})
    assert result_of(asked) == {"content": [], "sum": 3}
    assert rig.session.in_flight == 0


def test_a_result_is_decoded_as_the_type_that_is_wanted() -> None:
    class Sum(msgspec.Struct):
        sum: int

    rig = Rig()
    asked, other = rig.session.request("a", type=Sum), rig.session.request("b", type=Sum)
    rig.flush()
    first, second = rig.conversation.requests
    rig.answer({"sum": 3}, first)
    rig.answer({"sum": "three"}, second)
    assert result_of(asked) == Sum(3)
    assert isinstance(failure_of(other), MalformedResult)


def test_an_error_of_the_server_is_a_remote_error() -> None:
    rig = Rig()
    asked = rig.session.request("a")
    rig.answer(RpcError("not today", {"until": "tomorrow"}, code=42))
    failed = failure_of(asked)
    assert isinstance(failed, RemoteError)
    assert (failed.code, failed.message, failed.data) == (42, "not today", {"until": "tomorrow"})


@pytest.mark.proves("P-1")
def test_progress_comes_before_the_answer_and_never_after() -> None:
    reports: list[Progress] = []
    rig = Rig()
    asked = rig.session.request("a", on_progress=reports.append)
    request = rig.asked()
    for done in 1, 2:
        rig.tell("notifications/progress", {"progressToken": request.id, "progress": done, "total": 2})
    rig.answer("done", request)
    rig.tell("notifications/progress", {"progressToken": request.id, "progress": 3})
    rig.advance(1)
    rig.tell("notifications/progress", {"progressToken": request.id, "progress": 4})
    assert result_of(asked) == "done"
    assert reports[:2] == [Progress(1, 2), Progress(2, 2)]
    assert Progress(4) not in reports


@pytest.mark.proves("C-5", "mcp/2025-11-25/basic/lifecycle#timeouts")
def test_a_request_that_takes_too_long_is_cancelled_and_its_late_answer_dropped() -> None:
    rig = Rig()
    asked = rig.session.request("a", timeout=5)
    request = rig.asked()
    rig.advance(5)
    assert isinstance(failure_of(asked), RequestTimeout)
    [cancelled] = rig.told()
    assert cancelled.method == "notifications/cancelled"
    assert msgspec.json.decode(cancelled.params or b"")["requestId"] == request.id
    rig.answer("late", request)
    assert rig.session.in_flight == 0


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_time_that_is_none_is_named_and_nothing_is_sent(timeout: float) -> None:
    rig = Rig()
    asked = rig.session.request("a", timeout=timeout), rig.session.call_tool("a", timeout=timeout)
    listening = rig.session.listen(tools=True, on_notification=print, timeout=timeout)
    for one in (*asked, listening):
        failed = failure_of(one)
        assert isinstance(failed, ConfigError)
        assert failed.key == "timeout"
    rig.flush()
    assert rig.conversation.received == []


def test_an_answer_in_time_leaves_no_timer() -> None:
    rig = Rig()
    timers = len(rig.pair.clock.getDelayedCalls())
    asked = rig.session.request("a", timeout=5)
    rig.answer(1)
    assert result_of(asked) == 1
    assert len(rig.pair.clock.getDelayedCalls()) == timers


@pytest.mark.proves("C-5")
def test_cancelling_the_deferred_cancels_the_request() -> None:
    rig = Rig()
    asked = rig.session.request("a")
    request = rig.asked()
    asked.cancel()
    assert isinstance(failure_of(asked), CancelledError)
    [cancelled] = rig.told()
    assert msgspec.json.decode(cancelled.params or b"") == {"requestId": request.id, "reason": "cancelled"}


def test_notifications_reach_the_server() -> None:
    rig = Rig()
    rig.session.notify("notifications/roots/list_changed")
    rig.session.notify("own", {"a": 1})
    assert [(told.method, told.params) for told in rig.told()] == [
        ("notifications/roots/list_changed", None),
        ("own", Raw(b'{"a":1}')),
    ]


def test_what_is_no_json_is_not_sent() -> None:
    rig = Rig()
    assert isinstance(failure_of(rig.session.request("a", {"what": object()})), TypeError)
    with pytest.raises(TypeError):
        rig.session.notify("a", {"what": object()})
    assert rig.session.in_flight == 0


def test_a_server_that_reads_too_slowly_fails_requests_at_once() -> None:
    rig = Rig(WebSocketConfig(server_mode=False, max_queued_bytes=MIB))
    rig.pair.server.connections[0].pause_reading()
    waiting = [rig.session.request("a", {"x": "x" * 100_000}) for _ in range(12)]
    full = failure_of(rig.session.request("a"))
    assert isinstance(full, QueueFull)
    assert full.limit == MIB
    rig.pair.server.connections[0].resume_reading()
    rig.flush()
    asked = rig.session.request("b")
    rig.answer("at last")
    assert result_of(asked) == "at last"
    assert not any(one.called for one in waiting)
    rig.vanish()
    assert {type(failure_of(one)) for one in waiting} == {ConnectionClosed}


@pytest.mark.proves("L-21")
@pytest.mark.not_mcp("what is said is chosen for its size", made=True)
def test_a_request_that_is_too_large_fails_alone() -> None:
    rig = Rig(WebSocketConfig(server_mode=False, max_queued_bytes=100_000, max_outbound_size=MIB))
    waiting = rig.session.request("a")
    large = failure_of(rig.session.request("b", {"x": "x" * 3 * MIB}))
    assert isinstance(large, MessageTooLarge)
    assert large.size > 3 * MIB
    with pytest.raises(MessageTooLarge):
        rig.session.notify("c", {"x": "x" * MIB})
    # More than the queue, but not more than may be sent.
    fits = rig.session.request("d", {"x": "x" * (MIB - 1000)})
    rig.flush()
    first, second = rig.conversation.requests
    rig.conversation.answer(second, "d")
    rig.conversation.answer(first, "a")
    rig.flush()
    assert (result_of(waiting), result_of(fits)) == ("a", "d")
    assert rig.session.in_flight == 0


@pytest.mark.proves("L-21")
@pytest.mark.not_mcp("what is said is chosen for its size", made=True)
@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("error", [False, True])
def test_an_answer_that_is_too_large_becomes_an_error(later: bool, error: bool) -> None:
    outcome: Deferred[Any] = Deferred()

    def sample(params: dict[str, Any]) -> object:
        if error and not later:
            raise RpcError("no", "x" * 2 * MIB)
        return outcome if later else "x" * 2 * MIB

    config = WebSocketConfig(server_mode=False, max_outbound_size=MIB)
    rig = Rig(config, requests={"sampling/createMessage": sample})
    rig.conversation.link.send(Request(1, "sampling/createMessage"))
    rig.flush()
    if later and error:
        outcome.errback(RpcError("no", "x" * 2 * MIB))
    elif later:
        outcome.callback("x" * 2 * MIB)
    rig.flush()
    answer = rig.conversation.received[-1]
    assert isinstance(answer, Error)
    assert (answer.id, answer.error.code) == (1, 413)
    assert rig.session.state is ConnectionState.CONNECTED


# In either era


def test_a_request_of_either_era_is_answered(begun: Scripts) -> None:
    rig = begun()
    asked = rig.session.request("tools/call", {"name": "add", "_meta": {"own": 1}})
    request = rig.hears_one("tools/call")
    assert request["params"]["name"] == "add"
    assert request["params"]["_meta"]["own"] == 1
    assert rig.session.in_flight == 1
    rig.answers(request, {"content": []})
    assert result_of(asked) == {"content": []}
    assert rig.session.in_flight == 0


def test_a_request_of_either_era_may_fail(begun: Scripts) -> None:
    rig = begun()
    asked = rig.session.request("tools/call", {"name": "x"}, timeout=5)
    rig.refuses(rig.hears_one("tools/call"), 42, "not today", {"until": "tomorrow"})
    with pytest.raises(RemoteError, match="not today") as error:
        result_of(asked)
    assert error.value.data == {"until": "tomorrow"}


def test_a_request_of_either_era_that_takes_too_long_is_cancelled(begun: Scripts) -> None:
    rig = begun()
    asked = rig.session.request("tools/call", {"name": "x"}, timeout=5)
    request = rig.hears_one("tools/call")
    rig.advance(5)
    with pytest.raises(RequestTimeout, match="tools/call: no answer within 5 s"):
        result_of(asked)
    assert rig.hears_one("notifications/cancelled")["params"]["requestId"] == request["id"]
    rig.answers(request, {})
    assert rig.session.in_flight == 0


def test_a_request_of_either_era_may_be_cancelled(begun: Scripts) -> None:
    rig = begun()
    asked = rig.session.request("tools/call", {"name": "x"}, timeout=5)
    request = rig.hears_one("tools/call")
    asked.cancel()
    with pytest.raises(CancelledError):
        result_of(asked)
    assert rig.hears_one("notifications/cancelled")["params"]["requestId"] == request["id"]


def test_a_request_of_either_era_fails_with_the_connection(begun: Scripts) -> None:
    rig = begun()
    asked = rig.session.request("tools/call", {"name": "x"}, timeout=5)
    rig.vanish()
    for one in asked, rig.session.request("tools/call", {"name": "x"}, timeout=5):
        with pytest.raises(ConnectionClosed):
            result_of(one)


def test_a_request_of_either_era_reports_its_progress(begun: Scripts) -> None:
    reports: list[Progress] = []
    rig = begun()
    asked = rig.session.request("tools/call", {"name": "x"}, on_progress=reports.append)
    request = rig.hears_one("tools/call")
    token = request["params"]["_meta"]["progressToken"]
    rig.tells("notifications/progress", progressToken=token, progress=1, total=2)
    rig.answers(request, {})
    assert result_of(asked) == {}
    assert reports == [Progress(1, 2)]


@pytest.mark.parametrize("params", [{"a": object()}, {"_meta": {"a": object()}}])
def test_what_is_no_json_is_sent_in_no_era(params: dict[str, Any], begun: Scripts) -> None:
    rig = begun()
    with pytest.raises(TypeError):
        result_of(rig.session.request("a", params, timeout=5))
    assert rig.hears() == []


def test_a_result_of_either_era_is_decoded_as_the_type_that_is_wanted(begun: Scripts) -> None:
    class Sum(msgspec.Struct):
        sum: int

    rig = begun()
    asked, other = rig.session.request("a", type=Sum), rig.session.request("b", type=Sum)
    first, second = rig.hears()
    rig.answers(first, {"sum": 3})
    rig.answers(second, {"sum": "three"})
    assert result_of(asked) == Sum(3)
    with pytest.raises(MalformedResult, match=r"b: the result is malformed: .* at `\$.sum`"):
        result_of(other)


# Batches


def batched(script: Script) -> list[Any]:
    """The one batch that the client sent."""
    [batch] = script.hears()
    assert isinstance(batch, list)
    return batch


def test_a_batch_is_one_message_where_the_version_has_batches(script: Scripts) -> None:
    rig = script(version="2025-03-26").begin_legacy(version="2025-03-26")
    one, two = rig.session.batch([("a", {"x": 1}), ("b", None)])
    first, second = batched(rig)
    assert first == {"jsonrpc": "2.0", "id": first["id"], "method": "a", "params": {"x": 1}}
    assert second == {"jsonrpc": "2.0", "id": second["id"], "method": "b"}
    rig.server.send_message(
        [
            {"jsonrpc": "2.0", "id": second["id"], "result": 2},
            {"jsonrpc": "2.0", "id": first["id"], "error": {"code": 1, "message": "no"}},
        ]
    )
    rig.network.flush()
    assert result_of(two) == 2
    with pytest.raises(RemoteError):
        result_of(one)


def test_elsewhere_a_batch_is_sent_one_by_one(begun: Scripts) -> None:
    rig = begun()
    one, two = rig.session.batch([("a", {"x": 1}), ("b", None)], type=dict)
    first, second = rig.hears()
    assert (first["method"], second["method"]) == ("a", "b")
    rig.answers(second, {"done": 2})
    rig.answers(first, {"done": 1})
    assert (result_of(one), result_of(two)) == ({"done": 1}, {"done": 2})


def test_a_server_may_settle_on_batches_unasked_and_refuse_them_when_asked(script: Scripts) -> None:
    unasked = script().begin_legacy(version="2025-03-26")
    unasked.session.batch([("a", None)])[0].addErrback(lambda failure: None)
    assert len(batched(unasked)) == 1
    refusing = script(version="2025-03-26").begin_legacy(version="2025-06-18")
    refusing.session.batch([("a", None)])[0].addErrback(lambda failure: None)
    assert refusing.hears_one("a")


def test_a_batch_is_no_longer_than_an_answer_may_be(script: Scripts) -> None:
    config = WebSocketConfig(server_mode=False, max_in_flight=3)
    rig = script(version="2025-03-26", config=config).begin_legacy(version="2025-03-26")
    asked = rig.session.batch([("a", {"n": n}) for n in range(7)])
    batches = rig.hears()
    assert [[one["params"]["n"] for one in batch] for batch in batches] == [[0, 1, 2], [3, 4, 5], [6]]
    for batch in batches:
        rig.server.send_message([{"jsonrpc": "2.0", "id": one["id"], "result": one["params"]} for one in batch])
    rig.network.flush()
    assert [result_of(one)["n"] for one in asked] == list(range(7))


def test_each_request_of_a_batch_has_its_own_progress_and_end(script: Scripts) -> None:
    reports: list[tuple[int, float]] = []
    rig = script(version="2025-03-26").begin_legacy(version="2025-03-26")
    one, two, three = rig.session.batch(
        [("a", None)] * 3,
        timeout=5,
        on_progress=lambda position, progress: reports.append((position, progress.progress)),
    )
    first, second, third = batched(rig)
    rig.tells("notifications/progress", progressToken=second["params"]["_meta"]["progressToken"], progress=7)
    rig.answers(second, "done")
    one.cancel()
    assert rig.hears_one("notifications/cancelled")["params"]["requestId"] == first["id"]
    rig.advance(5)
    assert rig.hears_one("notifications/cancelled")["params"]["requestId"] == third["id"]
    assert reports == [(1, 7)]
    assert result_of(two) == "done"
    with pytest.raises(CancelledError):
        result_of(one)
    with pytest.raises(RequestTimeout):
        result_of(three)


def test_what_is_no_json_does_not_spoil_the_batch(script: Scripts) -> None:
    rig = script(version="2025-03-26").begin_legacy(version="2025-03-26")
    assert rig.session.batch([]) == []
    bad, good = rig.session.batch([("a", {"x": object()}), ("b", None)])
    with pytest.raises(TypeError):
        result_of(bad)
    [request] = batched(rig)
    rig.answers(request, 1)
    assert result_of(good) == 1
    [bad] = rig.session.batch([("a", {"x": object()})])
    with pytest.raises(TypeError):
        result_of(bad)
    assert rig.hears() == []


def test_a_batch_that_is_none_leaves_nothing_half_sent(script: Scripts) -> None:
    rig = script(version="2025-03-26").begin_legacy(version="2025-03-26")
    with pytest.raises(ValueError, match="unpack"):
        rig.session.batch([("a", None), ("a",)])  # type: ignore[list-item]
    assert rig.session.in_flight == 0
    rig.session.notify("b")
    assert rig.hears_one("b")


# What the server asks and tells


@pytest.mark.proves("R-5", "mcp/2025-11-25/basic/utilities/ping#answer")
def test_a_ping_is_answered() -> None:
    assert Rig().ask("ping") == {"jsonrpc": "2.0", "id": "ask", "result": {}}


def later(params: dict[str, Any]) -> Deferred[Any]:
    deferred: Deferred[Any] = Deferred()
    deferred.callback(params)
    return deferred


async def coroutine(params: dict[str, Any]) -> Any:
    return await later(params)


@pytest.mark.parametrize("function", [lambda params: params, later, coroutine], ids=["plain", "Deferred", "coroutine"])
@pytest.mark.parametrize("params", [None, {"a": 1}])
def test_a_request_of_the_server_is_answered_by_a_function(
    function: Callable[[dict[str, Any]], object], params: object
) -> None:
    rig = Rig(requests={"own": function})
    assert rig.ask("own", params) == {"jsonrpc": "2.0", "id": "ask", "result": params or {}}


@pytest.mark.proves("R-5")
def test_a_request_that_nobody_registered_for_is_no_method() -> None:
    assert Rig().ask("roots/list")["error"] == {
        "code": -32601,
        "message": "Method not found: roots/list",
        "data": {"method": "roots/list"},
    }


def refusing(params: dict[str, Any]) -> object:
    raise InvalidParams("not this", {"path": "$.params"})


@pytest.mark.parametrize("params", [[1], {"a": None}])
def test_a_function_may_refuse_with_an_error_of_its_own(params: object) -> None:
    assert Rig(requests={"a": refusing}).ask("a", params)["error"]["code"] == -32602


@pytest.mark.parametrize("params", [b"[1]", b'{"a":1e999}'])
def test_parameters_that_cannot_be_read_are_refused(params: bytes) -> None:
    rig = Rig(requests={"a": lambda params: params})
    assert rig.ask("a", Raw(params))["error"]["code"] == -32602


def test_a_function_that_fails_tells_the_server_no_details(logged_errors: LoggedErrors) -> None:
    def broken(params: dict[str, Any]) -> object:
        raise RuntimeError("secret")

    error = Rig(requests={"a": broken}).ask("a")["error"]
    [event] = logged_errors.flush(RuntimeError)
    assert error == {"code": -32603, "message": "Internal error", "data": {"reference": event["reference"]}}


def test_what_the_server_cancels_is_cancelled() -> None:
    work: Deferred[Any] = Deferred()
    rig = Rig(requests={"a": lambda params: work})
    assert rig.ask("a") is None
    rig.tell("notifications/cancelled", {"requestId": "ask"})
    assert work.called
    assert rig.conversation.received == []


def test_notifications_of_the_server_reach_their_functions(logged_errors: LoggedErrors) -> None:
    heard: list[dict[str, Any]] = []

    def broken(params: dict[str, Any]) -> None:
        raise RuntimeError

    rig = Rig(notifications={"notifications/message": heard.append, "broken": broken})
    rig.tell("notifications/message", {"level": "info", "data": 1})
    rig.tell("notifications/unheard-of")
    rig.tell("broken")
    assert len(logged_errors.flush(RuntimeError)) == 1
    assert heard == [{"level": "info", "data": 1}]
    rig = Rig(notifications={"own": heard.append})
    rig.tell("own")
    assert heard[1:] == [{}]


@pytest.mark.proves("L-19")
def test_what_notifications_of_the_server_begin_is_bounded_and_what_is_dropped_is_counted(begun: Scripts) -> None:
    heard: list[str] = []
    works: list[Deferred[None]] = []

    def hear(params: dict[str, Any]) -> Deferred[None]:
        heard.append(params["data"])
        works.append(Deferred())
        return works[-1]

    limits = WebSocketConfig(server_mode=False, max_notifications=2, max_notification_bytes=500)
    rig = begun(notifications={"notifications/message": hear}, config=limits)
    for data in ("a", "b", "c"):
        rig.tells("notifications/message", level="info", data=data)
    assert heard == ["a", "b"]
    works[0].callback(None)
    rig.tells("notifications/message", level="info", data="x" * 500)
    rig.tells("notifications/message", level="info", data="d")
    works[1].callback(None)
    works[2].callback(None)
    rig.tells("notifications/message", level="info", data="y" * 500)
    assert heard == ["a", "b", "d", "y" * 500]
    assert rig.session.statistics().dropped == 2
    asked = rig.session.request("tools/list")
    rig.answers(rig.hears_one("tools/list"), {"tools": []})
    assert result_of(asked) == {"tools": []}


@pytest.mark.proves("L-19")
def test_what_a_subscription_begins_is_bounded_too(begun: Scripts) -> None:
    heard: list[str] = []

    def hear(method: str, params: dict[str, Any]) -> Deferred[None]:
        heard.append(method)
        return Deferred()

    rig = begun(config=WebSocketConfig(server_mode=False, max_notifications=1))
    changed = "notifications/tools/list_changed"
    opening = rig.session.listen(tools=True, on_notification=hear)
    meta: dict[str, Any] = {}
    if rig.session.protocol_version == "2026-07-28":
        id = rig.hears_one("subscriptions/listen")["id"]
        meta = {"_meta": {SUBSCRIPTION_ID: id}}
        rig.tells("notifications/subscriptions/acknowledged", notifications={"toolsListChanged": True}, **meta)
    result_of(opening)
    for _ in range(3):
        rig.tells(changed, **meta)
    assert heard == [changed]
    assert rig.session.statistics().dropped == 2


# The end


@pytest.mark.proves("G-6", "K-1")
def test_close_ends_the_session_and_fails_what_is_pending() -> None:
    rig = Rig()
    pending = rig.session.request("a")
    closed = rig.session.close()
    assert not closed.called
    rig.flush()
    assert result_of(closed) is None
    assert str(failure_of(pending)) == "connection closed with 1000"
    assert rig.session.state is ConnectionState.DISCONNECTED
    assert result_of(rig.session.close()) is None
    assert rig.conversation.closed == "closed with 1000"


def test_close_does_not_wait_for_ever_for_the_server() -> None:
    rig = Rig(WebSocketConfig(server_mode=False, close_timeout=3))
    rig.pair.server.connections[0].pause_reading()
    closed = rig.session.close()
    rig.advance(5)
    assert result_of(closed) is None


def test_everybody_who_asks_hears_of_the_loss() -> None:
    rig = Rig()
    pending = rig.session.request("a", timeout=100)
    waiting = [rig.session.when_lost() for _ in range(3)]
    waiting[0].addErrback(lambda failure: failure.trap(CancelledError) and None)
    waiting[0].cancel()
    rig.vanish()
    reasons = [result_of(one) for one in waiting[1:]]
    assert [cast(ConnectionClosed, reason).code for reason in reasons] == [1006, 1006]
    assert failure_of(pending) is reasons[0]
    assert result_of(rig.session.when_lost()) is reasons[0]
    assert rig.pair.clock.getDelayedCalls() == []


def test_after_the_loss_requests_fail_and_notifications_go_nowhere() -> None:
    rig = Rig()
    rig.vanish()
    assert isinstance(failure_of(rig.session.request("a")), ConnectionClosed)
    rig.session.notify("a")


@pytest.mark.proves("G-6")
def test_a_server_that_stops_says_so() -> None:
    rig = Rig()
    lost = rig.session.when_lost()
    rig.pair.server.stop()
    rig.flush()
    assert str(result_of(lost)) == "connection closed with 1001: the service is shutting down"


def test_statistics_are_those_of_the_connection() -> None:
    rig = Rig(era="legacy")
    asked = rig.session.request("a", {"b": 1})
    rig.flush()
    statistics = rig.session.statistics()
    assert statistics.in_flight == 1
    assert statistics.state is ConnectionState.CONNECTED
    assert (statistics.messages_sent, statistics.messages_received) == (3, 1)
    assert statistics.bytes_received == rig.pair.server.statistics().bytes_sent
    assert statistics.bytes_sent == rig.pair.server.statistics().bytes_received
    asked.addErrback(lambda failure: None)
    rig.vanish()


# What cannot be used, and what can


@pytest.mark.proves("M-15")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b'{"jsonrpc":"2.0","id":%d,"result":{"v":NaN}}', "invalid character"),
        (b'{"jsonrpc":"2.0","id":"%d","error":"boom"}', "Expected `object`"),
        (b'{"id":%d,"result":{}}', "must be"),
        (b'{"jsonrpc":"2.0","id":%d}', "has neither"),
    ],
)
def test_a_request_fails_at_once_when_the_answer_cannot_be_used(script: Scripts, answer: bytes, reason: str) -> None:
    scripted = script(era="legacy").begin_legacy()
    asked = scripted.session.request("a")
    scripted.server.send_frame(TEXT, answer % scripted.hears_one("a")["id"])
    scripted.network.flush()
    with pytest.raises(RemoteError, match="The answer cannot be used") as caught:
        result_of(asked)
    assert caught.value.code == 502
    assert reason in caught.value.data["reason"]


@pytest.mark.proves("M-16")
def test_an_answer_is_taken_with_an_error_that_is_null_and_an_id_of_the_other_type(script: Scripts) -> None:
    scripted = script(era="legacy").begin_legacy()
    asked = scripted.session.request("a")
    scripted.server.send_frame(
        TEXT, b'{"jsonrpc":"2.0","id":"%d","result":7,"error":null}' % scripted.hears_one("a")["id"]
    )
    scripted.network.flush()
    assert result_of(asked) == 7


@pytest.mark.proves("M-14")
@pytest.mark.parametrize(
    ("type", "expected"),
    [
        (Any, {"text": "ab\ufffd\U0001f600"}),
        (dict[str, str], {"text": "ab\ufffd\U0001f600"}),
        (Raw, Raw(b'{"text":"ab\\ud83d\\ud83d\\ude00"}')),
    ],
    ids=["any", "typed", "raw"],
)
def test_a_lone_surrogate_is_replaced_in_strings_and_kept_in_a_raw(script: Scripts, type: Any, expected: Any) -> None:
    scripted = script(era="legacy").begin_legacy()
    asked = scripted.session.request("a", type=type)
    answer = b'{"jsonrpc":"2.0","id":%d,"result":{"text":"ab\\ud83d\\ud83d\\ude00"}}'
    scripted.server.send_frame(TEXT, answer % scripted.hears_one("a")["id"])
    scripted.network.flush()
    assert result_of(asked) == expected


def test_errors_progress_and_notifications_with_lone_surrogates_come_too(script: Scripts) -> None:
    heard: list[Any] = []
    progress: list[Progress] = []
    scripted = script(era="legacy", notifications={"notifications/message": heard.append}).begin_legacy()
    asked = scripted.session.request("a", on_progress=progress.append)
    id = scripted.hears_one("a")["id"]
    for text in (
        '{"method":"notifications/message","params":{"data":"\\ud83d"}}',
        f'{{"method":"notifications/progress","params":{{"progressToken":{id},"progress":1,"message":"a\\ud83d"}}}}',
        f'{{"id":{id},"error":{{"code":7,"message":"cut \\ud83d","data":["\\ude00"]}}}}',
    ):
        scripted.server.send_frame(TEXT, text.replace("{", '{"jsonrpc":"2.0",', 1).encode())
    scripted.network.flush()
    assert heard == [{"data": "\ufffd"}]
    assert progress == [Progress(1, None, "a\ufffd")]
    with pytest.raises(RemoteError) as caught:
        result_of(asked)
    assert (caught.value.message, caught.value.data) == ("cut \ufffd", ["\ufffd"])
