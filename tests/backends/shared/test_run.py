"""One run of a shared process, played by a recording backend."""

import json
from collections import Counter
from typing import Any, Protocol

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from mcpws.backends.shared.run import PROBE, Run
from mcpws.errors import BackendLost, ConnectFailed, McpwsError, ShuttingDown
from mcpws.jsonrpc.messages import Error, ErrorObject, Message, Notification, Request, Result, to_raw
from mcpws.seam.interfaces import Backend, Channel, Link
from mcpws.testing import RecordedConversation, RecordingBackend

DISCOVERED = to_raw({"resultType": "complete", "supportedVersions": ["2026-07-28", "2027-01-01"], "capabilities": {}})
REQUEST = Request(1, "tools/list")


class LoggedErrors(Protocol):
    def flush(self, *types: type[BaseException]) -> list[Any]: ...


class Owner:
    """Starts a run and writes down what it tells."""

    def __init__(self, clock: Clock, backend: Backend | None = None) -> None:
        self.recording = RecordingBackend(initialize=False)
        self.messages: list[Message] = []
        self.changes: list[bool] = []
        self.losses: list[McpwsError] = []
        self.dropped: Counter[str] = Counter()
        self.run = Run(
            clock, 60, self.messages.append, self._changed, self.losses.append, self.dropped, "server process"
        )
        self.run.start(backend or self.recording)

    @property
    def process(self) -> RecordedConversation:
        [conversation] = self.recording.conversations
        return conversation

    @property
    def loss(self) -> str:
        [loss] = self.losses
        assert isinstance(loss, BackendLost)
        return str(loss)

    def _changed(self) -> None:
        self.changes.append(self.run.takes_more)


@pytest.fixture
def owner(clock: Clock) -> Owner:
    return Owner(clock)


@pytest.fixture
def ready(owner: Owner) -> Owner:
    owner.run.send(Result(0, DISCOVERED))
    assert owner.changes == [True]
    return owner


def test_the_process_is_asked_first_what_it_serves(owner: Owner) -> None:
    assert owner.process.received == [PROBE]
    assert json.loads(bytes(PROBE.params or b""))["_meta"].keys() == {
        "io.modelcontextprotocol/protocolVersion",
        "io.modelcontextprotocol/clientInfo",
        "io.modelcontextprotocol/clientCapabilities",
    }
    assert not owner.run.ready
    assert not owner.run.takes_more


def test_what_is_for_the_process_waits_for_its_answer_and_keeps_its_order(clock: Clock, owner: Owner) -> None:
    for id in (1, 2):
        owner.run.receive(Request(id, "m"))
    assert owner.process.received == [PROBE]
    owner.run.send(Result(0, DISCOVERED))
    owner.run.receive(Request(3, "m"))
    assert [one.id for one in owner.process.requests] == [0, 1, 2, 3]
    assert owner.run.ready
    assert owner.changes == [True]
    assert owner.messages == []
    assert clock.getDelayedCalls() == []


def test_what_is_cancelled_while_it_waits_never_reaches_the_process(owner: Owner) -> None:
    for id in range(1, 100):
        owner.run.receive(Request(id, "m"))
        if id != 50:
            owner.run.receive(Notification("notifications/cancelled", to_raw({"requestId": id})))
    owner.run.send(Result(0, DISCOVERED))
    assert owner.process.received == [PROBE, Request(50, "m")]
    cancelled = Notification("notifications/cancelled", to_raw({"requestId": 50}))
    owner.run.receive(cancelled)
    assert owner.process.received[2:] == [cancelled]


def test_what_the_process_asks_before_it_has_answered_is_refused_at_once(owner: Owner) -> None:
    refusal = Error("s", ErrorObject(-32600, "no"))
    owner.run.receive(refusal)
    assert owner.process.received == [PROBE, refusal]


def test_what_the_process_says_is_passed_on(ready: Owner) -> None:
    said: list[Message] = [Notification("n"), Result(1, to_raw({})), Result(0, to_raw({}))]
    for message in said:
        ready.run.send(message)
    assert ready.messages == said


def test_what_is_about_a_request_that_the_process_has_not_got_is_dropped(owner: Owner) -> None:
    owner.run.receive(REQUEST)
    owner.run.send(Result(1, to_raw({})))
    owner.run.send(Notification("notifications/progress", to_raw({"progressToken": 1, "progress": 1})))
    assert owner.messages == []
    assert owner.dropped == {"answer": 1, "notification": 1}
    owner.run.send(Result(0, DISCOVERED))
    owner.run.send(Result(1, to_raw({})))
    assert owner.messages == [Result(1, to_raw({}))]


def test_of_what_it_says_before_it_has_answered_only_requests_are_passed_on_to_be_refused(owner: Owner) -> None:
    asked = Request("s", "ping")
    for message in (Notification("n"), Result("00", DISCOVERED), Error(None, ErrorObject(1, "")), asked):
        owner.run.send(message)
    assert owner.messages == [asked]
    assert owner.dropped == {"answer": 2, "notification": 1}
    assert not owner.run.ready


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (
            Error(0, ErrorObject(-32601, "Method not found")),
            "does not know server/discover: Method not found",
        ),
        (Error(0, ErrorObject(-32022, "no", to_raw({"supported": ["2027-01-01"]}))), "does not serve this protocol"),
        (Error(0, ErrorObject(1, "x" * 10_000)), "x" * 200 + " (code 1)"),
        (Result(0, to_raw({"supportedVersions": ["2025-11-25"]})), "serves only 2025-11-25"),
        (Result(0, to_raw({"supportedVersions": []})), "serves only nothing"),
        (Result(0, to_raw({"capabilities": {}})), "answered server/discover with something else"),
        (Result(0, to_raw(7)), "answered server/discover with something else"),
    ],
)
def test_a_process_that_cannot_be_shared_is_given_up(
    clock: Clock, owner: Owner, logged_errors: LoggedErrors, answer: Message, problem: str
) -> None:
    owner.run.receive(REQUEST)
    owner.run.send(answer)
    assert problem in owner.loss
    # As little as there is room for in a Close frame says what to do.
    assert owner.loss[:100].startswith(
        "Only a server of protocol version 2026-07-28 can be shared by several clients; this"
    )
    assert owner.process.closed is not None
    assert owner.process.received == [PROBE]
    assert clock.getDelayedCalls() == []
    assert len(logged_errors.flush()) == 1


def test_a_process_that_does_not_answer_is_given_up(clock: Clock, owner: Owner, logged_errors: LoggedErrors) -> None:
    clock.advance(59)
    assert owner.losses == []
    clock.advance(1)
    assert "did not answer server/discover within 60 s" in owner.loss
    assert owner.process.closed is not None
    assert len(logged_errors.flush()) == 1
    owner.run.send(Result(0, DISCOVERED))
    assert not owner.run.ready
    assert owner.changes == []


def test_the_end_of_the_process_is_told_once(clock: Clock, owner: Owner) -> None:
    owner.run.lost(BackendLost("The server process exited with status 1"))
    owner.run.lost(BackendLost("again"))
    assert owner.loss == "The server process exited with status 1"
    assert owner.process.closed is None
    assert clock.getDelayedCalls() == []


def test_a_process_that_ends_while_it_is_handed_what_waited_does_not_become_ready(owner: Owner) -> None:
    class Fragile(RecordedConversation):
        def receive(self, message: Message) -> None:
            super().receive(message)
            if message == REQUEST:
                self.link.lost(BackendLost("broken"))

    owner.process.__class__ = Fragile
    owner.run.receive(REQUEST)
    owner.run.receive(Request(2, "m"))
    owner.run.send(Result(0, DISCOVERED))
    assert owner.loss == "broken"
    assert owner.process.received == [PROBE, REQUEST]
    assert owner.changes == []


def test_a_process_that_reads_slowly_slows_its_clients(ready: Owner) -> None:
    ready.run.pauseProducing()
    ready.run.resumeProducing()
    ready.run.stopProducing()
    assert ready.changes == [True, False, True, False]


def test_who_ends_it_hears_no_more(clock: Clock, owner: Owner) -> None:
    owner.run.receive(REQUEST)
    owner.run.end("enough")
    assert owner.process.closed == "enough"
    owner.run.send(Result(0, DISCOVERED))
    owner.run.send(Notification("n"))
    owner.run.lost(ShuttingDown())
    assert (owner.messages, owner.changes, owner.losses) == ([], [], [])
    assert clock.getDelayedCalls() == []


class Prepared:
    """A backend that opens as the test says."""

    def __init__(self, opening: "Deferred[Channel]") -> None:
        self.opening = opening

    def open(self, link: Link) -> "Deferred[Channel]":
        return self.opening

    def stop(self) -> Deferred[None]:
        return succeed(None)


def test_a_process_that_cannot_be_started_is_lost_at_once(clock: Clock) -> None:
    owner = Owner(clock, Prepared(fail(ConnectFailed("ws://a", "no"))))
    [loss] = owner.losses
    assert isinstance(loss, ConnectFailed)


def test_an_unforeseen_failure_to_start_is_logged_and_not_told(clock: Clock, logged_errors: LoggedErrors) -> None:
    owner = Owner(clock, Prepared(fail(ZeroDivisionError("secret"))))
    assert owner.loss == "The server process could not be started"
    assert len(logged_errors.flush(ZeroDivisionError)) == 1


def test_what_is_still_starting_is_given_up_at_the_end(clock: Clock) -> None:
    given_up: list[Any] = []
    opening: Deferred[Channel] = Deferred(given_up.append)
    owner = Owner(clock, Prepared(opening))
    owner.run.end("enough")
    assert given_up == [opening]
    assert owner.losses == []


def test_what_started_all_the_same_is_closed(clock: Clock) -> None:
    opening: Deferred[Channel] = Deferred(lambda _: opening.callback(conversation))
    owner = Owner(clock, Prepared(opening))
    conversation = RecordedConversation(owner.run, initialize=False)
    owner.run.end("enough")
    assert conversation.closed is not None
    assert conversation.received == []


def test_giving_up_is_no_error(clock: Clock) -> None:
    owner = Owner(clock, Prepared(Deferred()))
    owner.run.end("enough")
    assert owner.losses == []
