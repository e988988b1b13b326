"""The rules between a client and a backend, whatever carries the messages."""

from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from mcpws.errors import BackendLost, ConnectionClosed, InvalidParams, McpwsError, ShuttingDown
from mcpws.fronts.front import Front
from mcpws.jsonrpc.messages import Error, ErrorObject, Message, Notification, Request, Result, to_raw
from mcpws.seam.interfaces import Channel, Identity, Link
from mcpws.testing import RecordedConversation, RecordingBackend

pytestmark = pytest.mark.not_mcp("requests and results say no more than the rules for them need")


class Client:
    """What carries the messages: notes all that it is told."""

    def __init__(self) -> None:
        self.delivered: list[Message] = []
        self.reading = True
        self.behind = False
        self.ended: McpwsError | None = None
        self.idled = 0
        self.limits: list[str] = []
        self.began = 0

    def deliver(self, message: Message, data: bytes) -> None:
        assert msgspec.json.decode(data)["jsonrpc"] == "2.0"
        self.delivered.append(message)

    def pause_reading(self) -> None:
        assert self.reading
        self.reading = False

    def resume_reading(self) -> None:
        assert not self.reading
        self.reading = True

    def limited(self, setting: str) -> None:
        self.limits.append(setting)

    def backend_lost(self, reason: McpwsError) -> None:
        assert self.ended is None
        self.ended = reason

    def backend_began(self) -> None:
        self.began += 1

    def idle(self) -> None:
        self.idled += 1


class Later(RecordingBackend):
    """Begins its conversation when the test says so."""

    def __init__(self) -> None:
        super().__init__(initialize=False)
        self.opening: Deferred[Channel] = Deferred()

    def open(self, link: Link) -> Deferred[Channel]:
        super().open(link)
        return self.opening

    def begin(self) -> None:
        self.opening.callback(self.conversations[0])


class Rig:
    """A front between a client and a backend, past `initialize`."""

    def __init__(self, backend: RecordingBackend | None = None, *, initialize: bool = True, **limits: Any) -> None:
        self.clock = Clock()
        self.client = Client()
        self.backend = backend or RecordingBackend(initialize=initialize)
        self.front = Front(self.client, Identity("tester"), self.clock, **limits)
        self.front.open(self.backend)
        if initialize:
            self.front.receive(Request("start", "initialize"))
            self.client.delivered.clear()

    @property
    def conversation(self) -> RecordedConversation:
        return self.backend.conversations[0]

    def ask(self, *ids: str | int, token: str | int | None = None) -> None:
        params = None if token is None else to_raw({"_meta": {"progressToken": token}})
        for id in ids:
            self.front.receive(Request(id, "tools/call", params))

    def answer(self, *ids: str | int) -> None:
        for id in ids:
            self.front.send(Result(id, to_raw(None)))

    def progress(self, token: str | int, value: int = 1) -> None:
        self.front.send(Notification("notifications/progress", to_raw({"progressToken": token, "progress": value})))

    def given(self) -> list[str | int]:
        """Ids of the requests that the backend has got since the beginning, but for `initialize`."""
        return [request.id for request in self.conversation.requests if request.method != "initialize"]

    def is_read(self) -> bool:
        return self.client.reading

    def delivered(self) -> list[Any]:
        """Ids of the answers and methods of the rest, in order."""
        return [getattr(message, "method", getattr(message, "id", None)) for message in self.client.delivered]

    def codes(self) -> list[int]:
        return [message.error.code for message in self.client.delivered if type(message) is Error]


def cancelled(id: str | int) -> Notification:
    return Notification("notifications/cancelled", to_raw({"requestId": id}))


# The beginning


def late(**limits: Any) -> tuple[Client, Later, Front]:
    """A front whose backend has not begun yet."""
    client, backend = Client(), Later()
    front = Front(client, Identity("tester"), Clock(), **limits)
    front.open(backend)
    return client, backend, front


@pytest.mark.proves("L-17")
def test_until_the_backend_is_ready_everything_waits_in_order() -> None:
    client, backend, front = late()
    front.receive(Request(1, "initialize"))
    front.receive(Notification("notifications/x"))
    front.receive(Request(2, "ping"))
    assert [client.reading, client.began] == [True, 0]
    assert list(front.unanswered) == [1, 2]
    backend.begin()
    assert [client.began] == [1]
    names = [getattr(message, "method", None) for message in backend.conversations[0].received]
    assert names == ["initialize", "notifications/x", "ping"]


@pytest.mark.proves("L-17")
def test_what_waits_for_the_backend_is_bounded_and_may_be_cancelled() -> None:
    client, backend, front = late(max_waiting=2, max_waiting_bytes=10_000)
    for id in (1, 2, 3, 2):
        front.receive(modern(id))
    assert [(error.id, error.error.code) for error in client.delivered if type(error) is Error] == [
        (3, 429),
        (2, -32600),
    ]
    front.receive(cancelled(1))
    front.receive(modern(4))
    for _ in range(50):
        front.receive(Notification("notifications/x"))
    reading = [client.reading]
    backend.begin()
    assert [*reading, client.reading] == [False, True]
    assert [request.id for request in backend.conversations[0].requests] == [2, 4]


def test_a_drain_waits_for_what_waits_for_the_backend() -> None:
    client, backend, front = late()
    front.receive(modern(1))
    front.drain()
    front.receive(modern(2))
    assert [(error.id, error.error.code) for error in client.delivered if type(error) is Error] == [(2, 503)]
    assert client.idled == 0
    backend.begin()
    front.send(Result(1, to_raw(None)))
    assert client.idled == 1


@pytest.mark.parametrize("end", ["lost", "abandon", "close"])
def test_what_waits_for_a_backend_that_never_comes_gets_an_error(end: str) -> None:
    client, backend, front = late()
    front.receive(Request("start", "initialize"))
    front.receive(Notification("notifications/x"))
    match end:
        case "lost":
            backend.opening.errback(BackendLost("no more"))
        case "abandon":
            front.abandon(ShuttingDown())
        case "close":
            front.close("gone")
    codes = [(error.id, error.error.code) for error in client.delivered if type(error) is Error]
    assert codes == {"lost": [("start", 502)], "abandon": [("start", 503)], "close": []}[end]
    assert not list(front.unanswered)


def test_a_client_that_became_slow_meanwhile_finds_the_backend_paused() -> None:
    backend = Later()
    front = Front(Client(), Identity("tester"), Clock())
    front.open(backend)
    front.pause_sending()
    backend.begin()
    assert backend.conversations[0].paused
    front.resume_sending()
    assert not backend.conversations[0].paused


def test_a_client_that_was_slow_for_a_moment_meanwhile_does_not() -> None:
    backend = Later()
    front = Front(Client(), Identity("tester"), Clock())
    front.open(backend)
    front.pause_sending()
    front.resume_sending()
    backend.begin()
    assert not backend.conversations[0].paused


def test_a_failure_of_a_beginning_that_nobody_waits_for_is_not_told() -> None:
    class Failing(Later):
        def __init__(self) -> None:
            super().__init__()
            self.opening = Deferred(lambda deferred: deferred.errback(BackendLost("too late")))

    client, backend = Client(), Failing()
    front = Front(client, Identity("tester"), Clock())
    front.open(backend)
    front.close("gone")
    assert client.ended is None


# What does not belong


@pytest.mark.proves("M-10", "P-1", "mcp/2026-07-28/basic/patterns/progress#active")
def test_only_what_belongs_passes() -> None:
    rig = Rig()
    rig.ask(1)
    rig.answer("unknown", 1, 1)
    rig.progress("unknown")
    rig.front.receive(Result("unknown", to_raw(None)))
    assert rig.delivered() == [1]
    assert rig.front.counters.dropped == 4
    assert [request.id for request in rig.conversation.received if type(request) is Request] == [1]


@pytest.mark.proves("V-2", "mcp/2025-11-25/basic/lifecycle#initialize-first")
def test_a_request_before_initialize_is_refused() -> None:
    rig = Rig(initialize=False)
    rig.ask(1)
    assert rig.codes() == [-32602]
    assert rig.front.counters.errors == 1
    assert rig.conversation.received == []


def test_errors_of_the_backend_are_counted_too() -> None:
    rig = Rig()
    rig.ask(1)
    rig.front.send(Error.answering(1, InvalidParams("no")))
    rig.front.send(Error(None, ErrorObject(-32700, "what?")))
    assert rig.front.counters.errors == 2


# Flow


@pytest.mark.proves("L-4", "L-15")
def test_over_the_limit_requests_wait_in_order_and_then_are_refused() -> None:
    rig = Rig(max_in_flight=2, max_waiting=2)
    rig.ask(1, 2, 3, 4, 5)
    assert rig.given() == [1, 2]
    assert (rig.delivered(), rig.codes()) == ([5], [429])
    assert rig.front.counters.too_many == 1
    rig.answer(2)
    assert rig.given() == [1, 2, 3]
    rig.front.receive(cancelled(1))
    assert rig.given() == [1, 2, 3, 4]
    assert list(rig.front.unanswered) == [3, 4]
    assert rig.is_read()


@pytest.mark.proves("L-16")
def test_with_everything_in_flight_what_is_no_request_for_work_passes() -> None:
    rig = Rig(max_in_flight=2)
    rig.ask(1, 2, 3)
    rig.front.send(Request("ask", "roots/list"))
    rig.front.receive(Request("p", "ping"))
    rig.front.receive(modern("s", "subscriptions/listen"))
    rig.front.receive(Notification("notifications/x"))
    rig.front.receive(Result("ask", to_raw({})))
    shown = [getattr(message, "id", getattr(message, "method", None)) for message in rig.conversation.received]
    assert shown == [1, 2, "p", "s", "notifications/x", "ask"]


@pytest.mark.proves("L-4")
def test_pings_that_pass_others_are_bounded_too() -> None:
    rig = Rig(max_in_flight=2, max_waiting=1)
    rig.ask(1, 2)
    for id in "abcd":
        rig.front.receive(Request(id, "ping"))
    assert rig.given() == [1, 2, "a", "b"]
    assert (rig.delivered(), rig.codes()) == (["d"], [429])


@pytest.mark.proves("L-16")
@pytest.mark.parametrize("method", ["ping", "subscriptions/listen"])
def test_what_passes_others_does_so_too_when_it_had_to_wait(method: str) -> None:
    rig = Rig(max_in_flight=2)
    rig.ask(1, 2, 3)
    rig.front.receive(Request("a", "ping"))
    rig.front.receive(Request("b", "ping"))
    rig.front.receive(modern("c", method))
    rig.front.receive(modern("d", method))
    assert rig.given() == [1, 2, "a", "b"]
    rig.answer("a", "b", "c", "d")
    assert rig.given() == [1, 2, "a", "b", "c", "d"]
    rig.answer(1)
    assert rig.given() == [1, 2, "a", "b", "c", "d", 3]
    assert rig.delivered() == ["a", "b", "c", "d", 1]


@pytest.mark.proves("L-17")
def test_what_is_no_request_waits_for_the_backend_alone() -> None:
    _client, backend, front = late(max_in_flight=1)
    front.receive(Request("start", "initialize"))
    for message in (Request(1, "ping"), modern(2, "tools/call"), Notification("notifications/x"), Request(3, "ping")):
        front.receive(message)
    backend.begin()
    shown = [getattr(message, "id", getattr(message, "method", None)) for message in backend.conversations[0].received]
    assert shown == ["start", 1, "notifications/x"]
    front.send(Result("start", to_raw({})))
    assert [getattr(message, "id", None) for message in backend.conversations[0].received][3:] == [3]


@pytest.mark.parametrize("method", ["tools/call", "ping"])
def test_a_request_whose_id_waits_already_is_refused_and_does_not_disturb_the_first(method: str) -> None:
    rig = Rig(max_in_flight=1)
    rig.ask(1, 2)
    rig.front.receive(Request(2, method))
    rig.front.receive(Request(1, method))
    assert (rig.delivered(), rig.codes()) == ([2, 1], [-32600, -32600])
    rig.answer(1)
    assert rig.given() == [1, 2]


def test_a_request_that_may_not_come_is_refused_when_its_turn_comes() -> None:
    rig = Rig(max_in_flight=1)
    rig.ask(1)
    rig.ask(2, token="t")
    rig.front.receive(Request(3, "initialize"))
    rig.ask(4)
    rig.answer(1, 2)
    assert rig.given() == [1, 2, 4]
    assert (rig.delivered(), rig.codes()) == ([1, 2, 3], [-32600])


def test_many_that_wait_for_a_backend_that_answers_at_once_need_no_deep_stack() -> None:
    class AtOnce(RecordedConversation):
        def receive(self, message: Message) -> None:
            super().receive(message)
            if type(message) is Request and message.id:
                self.link.send(Result(message.id, to_raw(None)))

    class AtOnceBackend(RecordingBackend):
        def open(self, link: Link) -> Deferred[Channel]:
            self.conversations.append(AtOnce(link, initialize=True))
            return succeed(self.conversations[-1])

    rig = Rig(AtOnceBackend(), max_in_flight=1, max_waiting=5000)
    rig.ask(*range(400))
    rig.answer(0)
    assert rig.delivered() == list(range(400))


@pytest.mark.proves("L-13", "L-16")
@pytest.mark.parametrize("why", ["slow backend", "slow client"])
def test_who_waits_for_a_slow_one_is_read_until_too_much_waits(why: str) -> None:
    rig = Rig(max_waiting=3)
    if why == "slow backend":
        rig.front.pauseProducing()
    else:
        rig.front.pause_sending()
    rig.ask(1, 2)
    rig.front.receive(cancelled(1))
    rig.front.receive(Notification("notifications/x"))
    assert rig.given() == []
    assert type(rig.conversation.received[-1]) is Notification
    assert rig.is_read()
    rig.ask(3, 4)
    assert not rig.is_read()
    assert rig.codes() == []
    if why == "slow backend":
        rig.front.resumeProducing()
    else:
        rig.front.resume_sending()
    assert rig.given() == [2, 3, 4]
    assert rig.is_read()


@pytest.mark.proves("L-16")
def test_a_slow_backend_stops_a_flood_of_what_is_no_request() -> None:
    rig = Rig(max_waiting_bytes=10_000)
    rig.front.pauseProducing()
    sent = 0
    while rig.is_read():
        rig.front.receive(Notification("notifications/x", to_raw({"x": "y" * 1000})))
        sent += 1
        assert sent < 100
    rig.front.resumeProducing()
    assert rig.is_read()


@pytest.mark.proves("L-15")
def test_large_requests_wait_until_too_many_bytes_do() -> None:
    rig = Rig(max_in_flight=1, max_waiting_bytes=10_000)
    rig.ask(1)
    for id in (2, 3, 4):
        rig.front.receive(Request(id, "tools/call", to_raw({"x": "y" * 6000})))
    assert (rig.delivered(), rig.codes()) == ([4], [429])
    rig.answer(1, 2)
    assert rig.given() == [1, 2, 3]


@pytest.mark.proves("R-3")
def test_a_backend_that_waits_for_a_slow_client_gets_its_answer() -> None:
    rig = Rig(max_waiting=1)
    rig.front.pause_sending()
    rig.ask(1)
    assert not rig.is_read()
    rig.front.send(Request("ask", "roots/list"))
    assert rig.is_read()
    rig.ask(2)
    assert rig.codes() == [429]
    rig.front.receive(Result("ask", to_raw({})))
    assert not rig.is_read()
    assert [type(message) for message in rig.conversation.received][-1] is Result


def test_a_backend_may_stop_its_client_for_good() -> None:
    rig = Rig(max_waiting=1)
    rig.front.stopProducing()
    rig.ask(1)
    assert not rig.is_read()
    assert rig.given() == []


def test_a_slow_client_is_told_to_the_backend_once() -> None:
    rig = Rig()
    for _ in range(2):
        rig.front.pause_sending()
        assert rig.conversation.paused
    for _ in range(2):
        rig.front.resume_sending()
        assert not rig.conversation.paused


# Progress and the answer


@pytest.mark.proves("P-3")
def test_an_answer_keeps_its_distance_from_progress() -> None:
    rig = Rig(progress_gap=0.05)
    rig.ask(1, token="t")
    rig.ask(2)
    rig.progress("t")
    rig.answer(1, 2)
    assert rig.delivered() == ["notifications/progress", 2]
    rig.clock.advance(0.05)
    assert rig.delivered() == ["notifications/progress", 2, 1]
    assert rig.clock.getDelayedCalls() == []


@pytest.mark.parametrize("tokens", [("t", "t"), ("t", None)])
def test_an_answer_that_waits_is_not_taken_for_that_of_the_next_request_of_its_name(tokens: Any) -> None:
    rig = Rig(progress_gap=0.05)
    rig.ask(1, token=tokens[0])
    rig.progress("t")
    rig.answer(1)
    rig.client.delivered.clear()
    received = len(rig.conversation.received)
    rig.front.receive(Notification("notifications/cancelled", to_raw({"requestId": 1})))
    # The backend has answered, and has nothing to cancel.
    assert len(rig.conversation.received) == received
    assert rig.front.counters.dropped == 1
    rig.ask(1, token=tokens[1])
    rig.clock.advance(1)
    assert rig.delivered() == []
    rig.answer(1)
    assert rig.delivered() == [1]
    assert not rig.clock.getDelayedCalls()


def test_progress_that_comes_after_the_answer_does_not_overtake_it() -> None:
    rig = Rig(progress_gap=0.05)
    rig.ask(1, token="t")
    rig.ask(2, token="u")
    rig.progress("t", 1)
    rig.answer(1)
    rig.progress("t", 2)
    rig.progress("u", 1)
    assert len(rig.client.delivered) == 2
    assert rig.front.counters.dropped == 1
    rig.clock.advance(1)
    assert rig.delivered()[2:] == [1]


def test_an_initialize_that_waits_cannot_be_cancelled_either() -> None:
    backend = Later()
    rig = Rig(backend, initialize=False)
    rig.front.receive(Request("i", "initialize"))
    rig.front.receive(Request(1, "ping"))
    for id in ("i", 1):
        rig.front.receive(Notification("notifications/cancelled", to_raw({"requestId": id})))
    backend.begin()
    assert [request.id for request in rig.conversation.requests] == ["i"]
    assert rig.front.counters.dropped == 1


@pytest.mark.proves("P-3")
def test_without_progress_or_with_enough_distance_nothing_waits() -> None:
    rig = Rig(progress_gap=0.05)
    rig.ask(1, token="t")
    rig.answer(1)
    rig.ask(2, token="t")
    rig.progress("t")
    rig.clock.advance(0.05)
    rig.answer(2)
    assert rig.delivered() == [1, "notifications/progress", 2]


@pytest.mark.proves("P-3")
def test_the_distance_may_be_none() -> None:
    rig = Rig(progress_gap=0)
    rig.ask(1, token="t")
    rig.progress("t")
    rig.answer(1)
    assert rig.delivered() == ["notifications/progress", 1]


@pytest.mark.proves("P-3")
def test_several_answers_wait_together_and_in_order() -> None:
    rig = Rig(progress_gap=0.05)
    for id in 1, 2, 3:
        rig.ask(id, token=id)
        rig.progress(id)
    rig.client.delivered.clear()
    rig.answer(3, 1, 2)
    rig.front.receive(Notification("notifications/cancelled", to_raw({"requestId": 1})))
    rig.clock.advance(0.05)
    assert rig.delivered() == [3, 2]


@pytest.mark.parametrize("end", ["close", "lost", "abandon"])
def test_an_answer_that_waits_when_the_end_comes_leaves_no_timer(end: str) -> None:
    rig = Rig(progress_gap=0.05)
    rig.ask(1, token="t")
    rig.progress("t")
    rig.answer(1)
    rig.client.delivered.clear()
    match end:
        case "close":
            rig.front.close("gone")
        case "lost":
            rig.front.lost(BackendLost("died"))
        case "abandon":
            rig.front.abandon(ShuttingDown())
    assert rig.delivered() == ([] if end == "close" else [1])
    assert rig.codes() == []
    assert rig.clock.getDelayedCalls() == []


# The end


@pytest.mark.proves("G-2")
def test_a_closed_conversation_cancels_its_channel_once() -> None:
    rig = Rig()
    rig.ask(1)
    rig.front.close("gone")
    rig.front.close("again")
    assert rig.conversation.closed == "gone"
    rig.answer(1)
    rig.front.lost(BackendLost("died"))
    rig.ask(2)
    assert rig.client.delivered == []
    assert rig.client.ended is None


@pytest.mark.proves("E-11", "G-3", "G-5")
@pytest.mark.parametrize(
    ("reason", "code", "message"),
    [
        (BackendLost("The child exited with 1"), 502, "The child exited with 1"),
        (ConnectionClosed(1006, "secret.internal hung up"), 502, "The backend is gone"),
    ],
)
def test_a_lost_backend_answers_what_is_open(reason: McpwsError, code: int, message: str) -> None:
    rig = Rig()
    rig.ask(1, 2)
    rig.front.lost(reason)
    rig.front.lost(reason)
    assert [error.error for error in rig.client.delivered if type(error) is Error] == [ErrorObject(code, message)] * 2
    assert rig.client.ended is reason
    rig.ask(3)
    rig.answer(3)
    assert rig.delivered() == [1, 2]


@pytest.mark.proves("D-2")
def test_a_drain_is_over_when_nothing_is_in_flight() -> None:
    rig = Rig()
    rig.ask(1, 2)
    rig.front.drain()
    rig.ask(3)
    assert rig.codes() == [503]
    rig.answer(1)
    assert rig.client.idled == 0
    rig.answer(2)
    assert rig.client.idled == 1


@pytest.mark.proves("D-1")
def test_a_backend_may_go_on_asking_while_it_drains() -> None:
    rig = Rig()
    rig.ask(1)
    rig.front.drain()
    rig.front.send(Request("ask", "roots/list"))
    rig.front.receive(Result("ask", to_raw({})))
    assert type(rig.conversation.received[-1]) is Result
    rig.answer(1)
    assert rig.client.idled == 1


# In any order


class AnyOrderOfEvents(RuleBasedStateMachine):
    """Every request is answered once, unless it is cancelled; none but those over both limits is refused for them."""

    in_flight = 3
    waiting = 2
    ids = st.integers(0, 6)

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(max_in_flight=self.in_flight, max_waiting=self.waiting, max_outbound_size=300)
        self.open: dict[int, int | None] = {}
        self.waits: dict[int, int | None] = {}
        self.asked: set[str] = set()
        self.slow = False
        self.pausing = False
        self.expected: list[int] = []

    def let_in(self) -> None:
        """What has a place now, has it; but a token that is in use is refused."""
        while self.waits and len(self.open) < self.in_flight and not self.slow and not self.pausing:
            id = next(iter(self.waits))
            token = self.waits.pop(id)
            if token is not None and token in self.open.values():
                self.expected.append(id)
            else:
                self.open[id] = token

    @rule(id=ids, token=st.none() | ids)
    def ask(self, id: int, token: int | None) -> None:
        if not self.rig.client.reading:
            return
        if id in self.open or id in self.waits:
            self.expected.append(id)
        else:
            self.waits[id] = token
            self.let_in()
            if len(self.waits) > self.waiting:
                del self.waits[id]
                self.expected.append(id)
        self.rig.ask(id, token=token)

    @rule(id=ids, size=st.sampled_from([1, 1000]))
    def answer(self, id: int, size: int) -> None:
        self.rig.front.send(Result(id, to_raw("x" * size)))
        self.rig.clock.advance(1)
        if id in self.open:
            self.expected.append(id)
            del self.open[id]
            self.let_in()

    @rule(id=ids)
    def cancel(self, id: int) -> None:
        self.rig.front.receive(cancelled(id))
        self.open.pop(id, None)
        self.waits.pop(id, None)
        self.let_in()

    @rule(token=ids)
    def progress(self, token: int) -> None:
        self.rig.progress(token)

    @rule(behind=st.booleans())
    def read(self, behind: bool) -> None:
        self.rig.client.behind = behind
        if not behind:
            self.rig.front.caught_up()

    @rule(slow=st.booleans())
    def slow_down(self, slow: bool) -> None:
        self.slow = slow
        self.let_in()
        if slow:
            self.rig.front.pause_sending()
        else:
            self.rig.front.resume_sending()

    @rule(pausing=st.booleans())
    def pause(self, pausing: bool) -> None:
        self.pausing = pausing
        self.let_in()
        if pausing:
            self.rig.front.pauseProducing()
        else:
            self.rig.front.resumeProducing()

    @rule(id=st.sampled_from("abc"))
    def ask_the_client(self, id: str) -> None:
        self.rig.front.send(Request(id, "roots/list"))
        self.asked.add(id)

    @rule(id=st.sampled_from("abc"))
    def answer_the_server(self, id: str) -> None:
        self.rig.front.receive(Result(id, to_raw({})))
        self.asked.discard(id)

    @invariant()
    def everything_is_where_it_should_be(self) -> None:
        assert self.rig.front.in_flight == len(self.open)
        assert list(self.rig.front.unanswered) == [*self.open, *self.waits]
        answers = [message.id for message in self.rig.client.delivered if isinstance(message, Result | Error)]
        self.rig.client.delivered.clear()
        assert answers == self.expected
        self.expected.clear()

    @invariant()
    def the_client_is_read_unless_a_slow_one_is_waited_for(self) -> None:
        full = len(self.waits) >= self.waiting
        waits_for_a_slow_one = self.pausing or (self.slow and not self.asked)
        assert self.rig.client.reading == (not full or not waits_for_a_slow_one)

    def teardown(self) -> None:
        self.rig.clock.advance(1)
        self.rig.client.delivered.clear()
        self.rig.front.lost(BackendLost("died"))
        left = [message.id for message in self.rig.client.delivered if isinstance(message, Result | Error)]
        assert left == [*self.open, *self.waits]
        assert self.rig.clock.getDelayedCalls() == []


TestAnyOrderOfEvents = AnyOrderOfEvents.TestCase
TestAnyOrderOfEvents.settings = settings(stateful_step_count=30, deadline=None)


# Clients of the stateless era


def modern(id: str | int, method: str = "tools/call") -> Request:
    return Request(id, method, to_raw({"_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}))


@pytest.mark.proves("V-1")
def test_a_stateless_request_needs_no_initialize() -> None:
    rig = Rig(initialize=False)
    rig.front.receive(modern(1))
    rig.answer(1)
    assert rig.delivered() == [1]


@pytest.mark.proves("R-1", "mcp/2026-07-28/basic/transports#no-server-requests")
def test_a_client_that_never_initialised_is_asked_nothing() -> None:
    rig = Rig(initialize=False)
    rig.front.receive(modern(1))
    rig.front.send(Request("q", "roots/list"))
    assert rig.client.delivered == []
    (refused,) = [message for message in rig.conversation.received if type(message) is Error]
    assert (refused.id, refused.error.code) == ("q", -32600)


@pytest.mark.proves("R-2")
def test_a_backend_may_ask_no_more_than_the_client_may() -> None:
    rig = Rig(max_in_flight=2)
    for id in ("a", "b", "c"):
        rig.front.send(Request(id, "roots/list"))
    assert rig.delivered() == ["roots/list", "roots/list"]
    (refused,) = [message for message in rig.conversation.received if type(message) is Error]
    assert (refused.id, refused.error.code) == ("c", 429)


@pytest.mark.proves("G-4", "mcp/2026-07-28/basic#stateless")
def test_a_stateless_client_outlives_its_backend() -> None:
    rig = Rig(initialize=False)
    rig.front.receive(modern(1))
    rig.front.lost(BackendLost("died"))
    assert rig.codes() == [502]
    assert rig.client.ended is None
    rig.front.receive(modern(2))
    assert len(rig.backend.conversations) == 2
    assert [request.id for request in rig.backend.conversations[1].requests] == [2]
    rig.answer(2)
    assert rig.delivered() == [1, 2]
    assert rig.is_read()


@pytest.mark.proves("G-4")
def test_a_stateless_request_whose_new_backend_cannot_begin_is_answered() -> None:
    client, backend = Client(), Later()
    front = Front(client, Identity("tester"), Clock(), max_waiting=2)
    front.open(backend)
    backend.begin()
    front.receive(modern(1))
    backend.opening = Deferred()
    front.lost(BackendLost("died"))
    for id in (2, 3, 4):
        front.receive(modern(id))
    assert [message.error.code for message in client.delivered if type(message) is Error] == [502, 429]
    backend.opening.errback(BackendLost("no more"))
    assert [getattr(message, "id", None) for message in client.delivered] == [1, 4, 2, 3]
    assert client.ended is None


@pytest.mark.proves("N-1", "N-4", "mcp/2026-07-28/basic/patterns/subscriptions#graceful")
def test_subscriptions_do_not_hold_up_a_drain_and_end_with_their_result() -> None:
    rig = Rig(initialize=False)
    rig.front.receive(modern("sub", "subscriptions/listen"))
    rig.front.receive(modern(1))
    rig.front.drain()
    assert rig.client.idled == 0
    closing, cancelled = rig.client.delivered
    assert isinstance(closing, Result)
    assert msgspec.json.decode(closing.result) == {
        "resultType": "complete",
        "_meta": {"io.modelcontextprotocol/subscriptionId": "sub"},
    }
    assert isinstance(cancelled, Notification)
    assert cancelled.method == "notifications/cancelled"
    assert rig.conversation.received[-1] == cancelled
    rig.answer(1)
    assert rig.client.idled == 1


@pytest.mark.proves("E-10", "N-2")
def test_subscriptions_do_not_stop_the_client_from_being_read_but_are_bounded() -> None:
    rig = Rig(initialize=False, max_in_flight=2)
    for id in range(3):
        rig.front.receive(modern(id, "subscriptions/listen"))
    assert rig.codes() == [429]
    assert rig.is_read()


@pytest.mark.proves("L-15")
def test_subscriptions_that_waited_are_as_bounded() -> None:
    client, backend, front = late(max_in_flight=2)
    for id in "abcd":
        front.receive(modern(id, "subscriptions/listen"))
    backend.begin()
    assert [request.id for request in backend.conversations[0].requests] == ["a", "b"]
    assert [(answer.id, answer.error.code) for answer in client.delivered if type(answer) is Error] == [
        ("c", 429),
        ("d", 429),
    ]
    assert front.counters.too_many == 2


@pytest.mark.proves("V-5", "mcp/2026-07-28/basic/versioning#dual-era")
def test_both_eras_share_a_connection() -> None:
    rig = Rig()
    rig.ask(1)
    rig.front.receive(modern(2))
    rig.front.receive(modern(1))
    rig.answer(2, 1)
    assert rig.delivered() == [1, 2, 1]
    assert rig.codes() == [-32600]
    rig.ask(3)
    rig.front.send(Request("ask", "roots/list"))
    assert rig.delivered()[3:] == ["roots/list"]


@pytest.mark.proves("N-3", "mcp/2026-07-28/basic/patterns/subscriptions#cancelled")
def test_a_client_ends_its_subscription_without_an_answer() -> None:
    rig = Rig(initialize=False)
    rig.front.receive(modern("sub", "subscriptions/listen"))
    rig.front.receive(Notification("notifications/cancelled", to_raw({"requestId": "sub"})))
    rig.answer("sub")
    rig.front.drain()
    assert rig.client.delivered == []
    assert rig.client.idled == 1


@pytest.mark.proves("L-20")
def test_a_request_of_the_backend_with_too_long_an_id_is_refused() -> None:
    rig = Rig(max_name_size=100)
    rig.front.send(Request("x" * 101, "roots/list"))
    [refusal] = [message for message in rig.conversation.received if type(message) is Error]
    assert (refusal.id, refusal.error.code) == ("x" * 101, -32600)
    rig.front.send(Request("x" * 100, "roots/list"))
    assert rig.delivered() == ["roots/list"]
    assert rig.front.counters.too_long == 1
