"""One process for all clients, played by a recording backend; tests/integration has real ones."""

import json
from collections.abc import Callable
from typing import Any, Protocol

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mcpws.backends.shared import SharedStdio
from mcpws.backends.shared.run import PROBE
from mcpws.errors import BackendLost, ConfigError, ConnectFailed, McpwsError, ShuttingDown
from mcpws.jsonrpc.codec import decode, encode
from mcpws.jsonrpc.messages import Error, Message, Request, RequestId, Result, to_raw
from mcpws.seam.interfaces import Channel, Identity, Link
from mcpws.testing import RecordedConversation, RecordingBackend, result_of

META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientCapabilities": {},
}
SUBSCRIPTION = "io.modelcontextprotocol/subscriptionId"
DISCOVERED = to_raw({"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {}})
DONE = {"content": [], "resultType": "complete"}
GONE = BackendLost("The server process exited with status 1")


class LoggedErrors(Protocol):
    def flush(self, *types: type[BaseException]) -> list[Any]: ...


class Client:
    """A Link that writes down what happens to it, and what a front does with the Channel."""

    def __init__(self, name: str) -> None:
        self.identity = Identity(name)
        self.received: list[dict[str, Any]] = []
        self.losses: list[McpwsError] = []
        self.paused = False
        self.opened: list[Channel] = []
        self.opening: Deferred[None] | None = None

    @property
    def channel(self) -> Channel:
        [channel] = self.opened
        return channel

    def ask(self, id: RequestId, method: str = "tools/call", *, token: RequestId | None = None) -> None:
        meta = META | ({} if token is None else {"progressToken": token})
        self.say(id=id, method=method, params={"name": "x", "notifications": {}, "_meta": meta})

    def say(self, **members: Any) -> None:
        self.channel.receive(decode(json.dumps({"jsonrpc": "2.0", **members}).encode()))

    def take(self) -> list[dict[str, Any]]:
        """What came since; of errors the code alone."""
        taken, self.received = self.received, []
        return taken

    def errors(self) -> list[tuple[RequestId, int]]:
        return [(one["id"], one["error"]["code"]) for one in self.take()]

    # interfaces.Link

    def send(self, message: Message) -> None:
        assert self.losses == []
        self.received.append(json.loads(encode(message)))
        del self.received[-1]["jsonrpc"]

    def lost(self, reason: McpwsError) -> None:
        self.losses.append(reason)

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def stopProducing(self) -> None:
        raise AssertionError("a backend never stops its client")


class Stage:
    """A shared process and its clients. `process` is its present run, which the test plays."""

    def __init__(self, clock: Clock, **options: Any) -> None:
        self.backend = RecordingBackend(initialize=False)
        self.clock = clock
        self.shared = SharedStdio(self.backend, clock=clock, random=lambda: 0, **options)

    @property
    def process(self) -> RecordedConversation:
        return self.backend.conversations[-1]

    @property
    def runs(self) -> int:
        return len(self.backend.conversations)

    def come(self, name: str = "client") -> Client:
        client = Client(name)
        client.opening = self.shared.open(client).addCallback(client.opened.append)
        return client

    def ready(self) -> None:
        """The process answers the probe."""
        assert self.process.received.pop(0) == PROBE
        self.process.link.send(Result(0, DISCOVERED))

    def clients(self, *names: str) -> list[Client]:
        clients = [self.come(name) for name in names]
        self.ready()
        return clients

    def asked(self) -> list[Request]:
        """The requests that have come to the process since."""
        asked = self.process.requests
        self.process.received.clear()
        return asked

    def say(self, **members: Any) -> None:
        self.process.link.send(decode(json.dumps({"jsonrpc": "2.0", **members}).encode()))


@pytest.fixture
def stage(clock: Clock) -> Stage:
    return Stage(clock)


def failure_of(opening: Deferred[None] | None) -> str:
    assert opening is not None
    failures: list[Failure] = []
    opening.addErrback(failures.append)
    [failure] = failures
    assert isinstance(failure.value, BackendLost | ShuttingDown | ConnectFailed)
    return str(failure.value)


# One process for all.


def test_all_clients_share_one_process_started_by_the_first(stage: Stage) -> None:
    assert stage.runs == 0
    ann, bob = stage.clients("ann", "bob")
    late = stage.come("late")
    assert stage.runs == 1
    assert stage.shared.conversations == 3
    for client in (ann, bob, late):
        client.ask(1)
    numbers = [request.id for request in stage.asked()]
    assert len(set(numbers)) == 3
    for number, name in zip(reversed(numbers), ("late", "bob", "ann"), strict=True):
        stage.say(id=number, result={**DONE, "for": name})
    assert ann.take() == [{"id": 1, "result": {**DONE, "for": "ann"}}]
    assert bob.take() == [{"id": 1, "result": {**DONE, "for": "bob"}}]
    assert late.take() == [{"id": 1, "result": {**DONE, "for": "late"}}]
    assert stage.shared.dropped == {}


def test_nobody_is_served_before_the_process_has_shown_that_it_can_be_shared(stage: Stage) -> None:
    client = stage.come()
    assert client.opened == []
    stage.ready()
    assert len(client.opened) == 1
    assert not client.paused


@pytest.mark.proves("G-7")
def test_progress_and_subscriptions_reach_their_own_client(stage: Stage) -> None:
    ann, bob = stage.clients("ann", "bob")
    for client in (ann, bob):
        client.ask("a", token="t")
        client.ask("s", "subscriptions/listen")
    numbers = [request.id for request in stage.asked()]
    stage.say(method="notifications/progress", params={"progressToken": numbers[2], "progress": 1})
    stage.say(method="notifications/tools/list_changed", params={"_meta": {SUBSCRIPTION: numbers[3]}})
    stage.say(method="notifications/message", params={"level": "info", "data": "whose?"})
    assert ann.take() == []
    assert bob.take() == [
        {"method": "notifications/progress", "params": {"progressToken": "t", "progress": 1}},
        {"method": "notifications/tools/list_changed", "params": {"_meta": {SUBSCRIPTION: "s"}}},
    ]
    assert stage.shared.dropped == {"notification": 1}


def test_a_client_that_goes_has_its_requests_cancelled_and_the_others_stay(stage: Stage) -> None:
    ann, bob = stage.clients("ann", "bob")
    ann.ask(1)
    bob.ask(1)
    first, second = stage.asked()
    ann.channel.close("gone")
    ann.channel.close("twice")
    [cancelled] = stage.process.received
    assert json.loads(encode(cancelled))["params"]["requestId"] == first.id
    for request in (first, second):
        stage.say(id=request.id, result=DONE)
    ann.ask(2)
    assert ann.take() == []
    assert bob.take() == [{"id": 1, "result": DONE}]
    assert stage.shared.conversations == 1
    assert stage.process.closed is None


def test_a_request_of_the_process_is_refused(stage: Stage) -> None:
    [client] = stage.clients("ann")
    client.ask(1)
    stage.asked()
    stage.say(id="s", method="sampling/createMessage", params={})
    [refusal] = stage.process.received
    assert isinstance(refusal, Error)
    assert refusal.id == "s"
    assert client.take() == []


def test_an_id_in_use_is_refused(stage: Stage) -> None:
    [client] = stage.clients("ann")
    client.ask(1)
    client.ask(1)
    assert client.errors() == [(1, -32600)]
    assert len(stage.asked()) == 1


@pytest.mark.proves("G-8")
def test_more_requests_than_one_client_shall_have_are_refused_to_it_alone(clock: Clock) -> None:
    *greedy, modest = (stage := Stage(clock, max_open=4)).clients("ann", "bob", "cyd", "modest")
    for client in greedy:
        for id in range(3):
            client.ask(id)
            client.ask(str(id), "subscriptions/listen")
        assert client.errors() == [(2, 429), ("2", 429)]
    assert stage.shared.refused == 6
    assert stage.shared.counted()["shared.refused"] == 6
    modest.ask(1)
    assert len(stage.asked()) == 13
    assert modest.take() == []


# What is not for a shared process.


@pytest.mark.parametrize(
    ("method", "params", "requested"),
    [
        ("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}}, "2025-11-25"),
        ("initialize", {"protocolVersion": "2025-11-25", "_meta": META}, "2025-11-25"),
        ("initialize", {"protocolVersion": 7}, None),
        ("initialize", [], None),
        ("ping", None, None),
        ("tools/list", {"_meta": {"progressToken": 1}}, None),
    ],
)
def test_a_request_that_does_not_stand_for_itself_is_refused_with_the_reason(
    stage: Stage, method: str, params: Any, requested: str | None
) -> None:
    [client] = stage.clients("ann")
    client.say(id="i", method=method, params=params)
    [answer] = client.take()
    assert answer["id"] == "i"
    assert answer["error"]["code"] == -32022
    assert "shares one process" in answer["error"]["message"]
    assert "2026-07-28" in answer["error"]["message"]
    expected = {"supported": ["2026-07-28"]} | ({} if requested is None else {"requested": requested})
    assert answer["error"]["data"] == expected
    assert stage.asked() == []


def test_a_notification_of_the_handshake_does_not_reach_the_process(stage: Stage) -> None:
    [client] = stage.clients("ann")
    client.say(method="notifications/initialized")
    client.say(method="notifications/cancelled", params={"requestId": 1})
    assert stage.process.received == []
    assert stage.shared.dropped == {"client": 2}
    assert stage.shared.counted() == {
        "shared.conversations": 1,
        "shared.too_slow": 0,
        "shared.refused": 0,
        "shared.dropped.client": 2,
    }


def test_a_process_of_the_other_era_serves_nobody(stage: Stage, logged_errors: LoggedErrors) -> None:
    clients = [stage.come(), stage.come()]
    stage.say(id=0, error={"code": -32601, "message": "Method not found"})
    for client in clients:
        assert "server/discover" in failure_of(client.opening)
    assert stage.process.closed is not None
    assert stage.shared.conversations == 0
    assert "it is started again in 1.0 s" in failure_of(stage.come().opening)
    assert stage.runs == 1
    assert len(logged_errors.flush()) == 1


# A process that ends.


def test_when_the_process_ends_everything_open_is_answered_and_the_clients_stay(stage: Stage) -> None:
    ann, bob, idle = stage.clients("ann", "bob", "idle")
    ann.ask("1")
    ann.ask("s", "subscriptions/listen")
    bob.ask(1)
    stage.clock.advance(30)
    stage.process.link.lost(GONE)
    assert ann.errors() == [("1", 502), ("s", 502)]
    assert bob.errors() == [(1, 502)]
    assert (ann.losses, bob.losses, idle.losses, idle.take()) == ([], [], [], [])
    assert stage.shared.conversations == 3
    assert stage.runs == 1


def test_the_next_request_starts_another_at_once_when_the_last_one_lasted(stage: Stage) -> None:
    ann, bob = stage.clients("ann", "bob")
    stage.clock.advance(30)
    stage.process.link.lost(GONE)
    ann.ask(1)
    bob.ask(1)
    assert stage.runs == 2
    assert (ann.paused, bob.paused) == (True, True)
    stage.ready()
    assert (ann.paused, bob.paused) == (False, False)
    first, second = stage.asked()
    stage.say(id=second.id, result={**DONE, "for": "bob"})
    stage.say(id=first.id, result={**DONE, "for": "ann"})
    assert ann.take() == [{"id": 1, "result": {**DONE, "for": "ann"}}]
    assert bob.take() == [{"id": 1, "result": {**DONE, "for": "bob"}}]


def test_one_that_did_not_last_is_given_time_and_more_each_time(stage: Stage) -> None:
    [client] = stage.clients("ann")
    for wait in (1, 2, 4, 8, 16, 30, 30):
        stage.clock.advance(29)
        stage.process.link.lost(GONE)
        client.ask(1)
        [answer] = client.take()
        assert answer["error"]["code"] == 502
        assert "exited with status 1" in answer["error"]["message"]
        assert answer["error"]["data"] == {"retryAfterMs": wait * 1000}
        runs = stage.runs
        stage.clock.advance(wait)
        client.ask(1)
        assert stage.runs == runs + 1
        stage.ready()
        stage.say(id=stage.asked()[0].id, result=DONE)
        assert client.take() == [{"id": 1, "result": DONE}]
    stage.clock.advance(30)
    stage.process.link.lost(GONE)
    client.ask(1)
    stage.ready()
    assert len(stage.asked()) == 1


def test_requests_that_wait_for_a_process_that_does_not_come_are_answered(stage: Stage) -> None:
    [client] = stage.clients("ann")
    stage.clock.advance(30)
    stage.process.link.lost(GONE)
    client.ask(1)
    stage.process.link.lost(GONE)
    assert client.errors() == [(1, 502)]
    assert not client.paused


def test_a_client_that_goes_while_the_process_starts_leaves_nothing(stage: Stage) -> None:
    ann, bob = stage.clients("ann", "bob")
    stage.clock.advance(30)
    stage.process.link.lost(GONE)
    ann.ask(1)
    ann.channel.close("gone")
    bob.ask(1)
    stage.ready()
    [request] = stage.process.received
    assert isinstance(request, Request)
    stage.say(id=request.id, result=DONE)
    assert len(bob.take()) == 1


def test_an_open_that_is_cancelled_leaves_nothing(stage: Stage) -> None:
    client = stage.come()
    assert client.opening is not None
    client.opening.addErrback(lambda failure: None)
    client.opening.cancel()
    stage.ready()
    assert stage.shared.conversations == 0


def test_a_process_that_cannot_be_started_fails_the_open(clock: Clock) -> None:
    class Broken(RecordingBackend):
        def open(self, link: Link) -> Deferred[Channel]:
            return fail(ConnectFailed("somewhere", "no"))

    stage = Stage(clock)
    stage.shared = SharedStdio(Broken(), clock=clock)
    assert failure_of(stage.come().opening) == "The server process is gone"
    assert "again in" in failure_of(stage.come().opening)


def test_a_process_that_answers_at_once_serves_at_once(clock: Clock) -> None:
    class Prompt(RecordedConversation):
        def receive(self, message: Message) -> None:
            self.link.send(Result(0, DISCOVERED))

    class PromptBackend(RecordingBackend):
        def open(self, link: Link) -> Deferred[Channel]:
            opened = super().open(link)
            self.conversations[-1].__class__ = Prompt
            return opened

    stage = Stage(clock)
    stage.shared = SharedStdio(PromptBackend(initialize=False), clock=clock)
    client = stage.come()
    assert len(client.opened) == 1
    assert not client.paused


# Who reads slowly.


def answer(stage: Stage, client: Client, id: RequestId, size: int = 0) -> None:
    client.ask(id)
    stage.say(id=stage.asked()[0].id, result={**DONE, "text": "x" * size})


def test_a_slow_client_gets_everything_later_and_in_order_and_the_others_do_not_wait(stage: Stage) -> None:
    slow, quick = stage.clients("slow", "quick")
    slow.channel.pauseProducing()
    for id in (1, 2, 3):
        answer(stage, slow, id)
    answer(stage, quick, 1)
    assert slow.take() == []
    assert len(quick.take()) == 1
    slow.channel.resumeProducing()
    assert [one["id"] for one in slow.take()] == [1, 2, 3]
    answer(stage, slow, 4)
    assert [one["id"] for one in slow.take()] == [4]


def test_a_client_that_becomes_slow_again_is_given_no_more_than_it_takes(stage: Stage) -> None:
    [slow] = stage.clients("slow")
    slow.channel.stopProducing()
    for id in (1, 2, 3):
        answer(stage, slow, id)
    send: Callable[[Message], None] = slow.send

    def send_one(message: Message) -> None:
        send(message)
        slow.channel.pauseProducing()

    slow.send = send_one  # type: ignore[method-assign]
    for id in (1, 2, 3):
        slow.channel.resumeProducing()
        assert [one["id"] for one in slow.take()] == [id]


def test_to_a_slow_client_only_the_latest_progress_is_told(stage: Stage) -> None:
    [slow] = stage.clients("slow")
    slow.ask(1, token="t")
    [request] = stage.asked()
    slow.channel.pauseProducing()
    for progress in range(100):
        stage.say(method="notifications/progress", params={"progressToken": request.id, "progress": progress})
    stage.say(id=request.id, result=DONE)
    slow.channel.resumeProducing()
    told, answered = slow.take()
    assert told["params"] == {"progressToken": "t", "progress": 99}
    assert answered["id"] == 1


@pytest.mark.proves("G-8")
def test_a_client_that_does_not_read_at_all_is_given_up_alone(clock: Clock) -> None:
    slow, quick = (stage := Stage(clock, max_queued_bytes=10_000)).clients("slow", "quick")
    slow.channel.pauseProducing()
    answer(stage, slow, 1, 9_000)
    answer(stage, slow, 2, 9_000)
    assert slow.losses == []
    slow.ask(3)
    slow.ask("open")
    third, fourth = stage.asked()
    stage.say(id=third.id, result=DONE)
    [loss] = slow.losses
    assert isinstance(loss, BackendLost)
    assert "10000 bytes" in str(loss)
    [cancelled] = stage.process.received
    assert json.loads(encode(cancelled))["params"]["requestId"] == fourth.id
    stage.say(id=fourth.id, result=DONE)
    slow.channel.resumeProducing()
    assert slow.take() == []
    assert stage.shared.too_slow == 1
    assert stage.shared.conversations == 1
    assert stage.shared.counted() == {
        "shared.conversations": 1,
        "shared.too_slow": 1,
        "shared.refused": 0,
        "shared.dropped.answer": 1,
    }
    answer(stage, quick, 1)
    assert len(quick.take()) == 1


@pytest.mark.proves("G-8")
@pytest.mark.parametrize("sizes", [(9_000, 9_000, 12_000), (1, 12_000, 9_000), (100, 200, 30_000)])
def test_when_too_much_waits_for_all_together_the_slowest_pays_for_it(clock: Clock, sizes: tuple[int, ...]) -> None:
    *slow, quick = (stage := Stage(clock, max_queued_total=20_000)).clients("a", "b", "c", "quick")
    for client, size in zip(slow, sizes, strict=True):
        client.channel.pauseProducing()
        answer(stage, client, 1, size)
        assert not stage.process.paused
        answer(stage, quick, size)
        assert len(quick.take()) == 1
    lost = [client for client in slow if client.losses]
    assert lost == [slow[sizes.index(max(sizes))]]
    assert "20000 bytes" in str(lost[0].losses[0])
    assert stage.shared.too_slow == 1
    for client in slow:
        client.channel.resumeProducing()
        assert len(client.take()) == (client not in lost)


@pytest.mark.proves("G-8")
def test_slow_clients_with_large_answers_each_hold_up_nobody_but_themselves(clock: Clock) -> None:
    *slow, quick = (stage := Stage(clock, max_queued_bytes=40, max_queued_total=640)).clients(*"abcdefghi", "quick")
    for round in range(20):
        for number, client in enumerate(slow):
            if not client.losses:
                client.channel.pauseProducing()
                answer(stage, client, round, 150)
            answer(stage, quick, f"{round} {number}")
        assert len(quick.take()) == len(slow)
        assert not stage.process.paused
    assert all(client.losses for client in slow)
    assert not quick.losses
    assert stage.shared.conversations == 1


def test_what_waits_is_read_in_the_end_by_whoever_is_within_its_share(clock: Clock) -> None:
    modest, greedy = (stage := Stage(clock, max_queued_total=3_000)).clients("modest", "greedy")
    for client in (modest, greedy):
        client.channel.pauseProducing()
    answer(stage, modest, 1, 500)
    for id in range(5):
        answer(stage, greedy, id, 500)
        if greedy.losses:
            break
    assert modest.losses == []
    assert len(greedy.losses) == 1
    modest.channel.resumeProducing()
    assert [one["id"] for one in modest.take()] == [1]


def test_answers_that_wait_outlive_the_process_and_the_others_are_errors(stage: Stage) -> None:
    slow, quick = stage.clients("slow", "quick")
    slow.channel.pauseProducing()
    answer(stage, slow, "done")
    slow.ask("open", token="t")
    [request] = stage.asked()
    stage.say(method="notifications/progress", params={"progressToken": request.id, "progress": 1})
    quick.ask(1)
    stage.clock.advance(30)
    stage.process.link.lost(GONE)
    # There is at most one for each request that it may have open, and its front has room for that.
    assert slow.errors() == [("open", 502)]
    assert quick.errors() == [(1, 502)]
    quick.ask(1)
    stage.ready()
    stage.asked()
    slow.channel.resumeProducing()
    assert slow.take() == [{"id": "done", "result": {**DONE, "text": ""}}]
    answer(stage, slow, "open")
    assert len(slow.take()) == 1
    assert stage.shared.conversations == 2


@pytest.mark.not_mcp("one notification tells of everything", made=True)
@pytest.mark.parametrize("method", ["tools/call", "subscriptions/listen"])
def test_what_waits_for_a_request_that_is_cancelled_is_not_taken_for_the_next_one_of_its_name(
    stage: Stage, method: str
) -> None:
    [slow] = stage.clients("slow")
    slow.ask(1, method, token="t")
    [old] = stage.asked()
    slow.channel.pauseProducing()
    about = {"progressToken": old.id, "progress": 1, "_meta": {SUBSCRIPTION: old.id}}
    for told in ("notifications/progress", "notifications/resources/updated"):
        stage.say(method=told, params=about)
    stage.say(id=old.id, result={**DONE, "to": "the old one"})
    slow.say(method="notifications/cancelled", params={"requestId": 1})
    slow.ask(1, method, token="t")
    new = stage.asked()[-1]
    slow.channel.resumeProducing()
    assert slow.take() == []
    stage.say(id=new.id, result={**DONE, "to": "the new one"})
    assert slow.take() == [{"id": 1, "result": {**DONE, "to": "the new one"}}]


def test_a_client_that_goes_cancels_only_what_has_no_answer(stage: Stage) -> None:
    [slow] = stage.clients("slow")
    slow.channel.pauseProducing()
    answer(stage, slow, "done")
    slow.ask("open")
    [request] = stage.asked()
    slow.channel.close("gone")
    [cancelled] = stage.process.received
    assert json.loads(encode(cancelled))["params"]["requestId"] == request.id


def test_when_what_waited_fills_a_slow_process_again_the_others_are_not_read(stage: Stage) -> None:
    """Who waited in a front for the process has its say as soon as it is read."""
    clients = stage.clients("ann", "bob")
    stage.process.link.pauseProducing()

    def resume() -> None:
        clients[0].paused = False
        stage.process.link.pauseProducing()

    clients[0].resumeProducing = resume  # type: ignore[method-assign]
    stage.process.link.resumeProducing()
    assert [client.paused for client in clients] == [True, True]


@pytest.mark.parametrize("paused", [False, True])
def test_after_the_end_no_entry_of_any_table_is_left(stage: Stage, paused: bool) -> None:
    ann, bob = stage.clients("ann", "bob")
    if paused:
        ann.channel.pauseProducing()
    answer(stage, ann, 1)
    for client in (ann, bob):
        client.ask(2)
        client.ask("s", "subscriptions/listen")
    stage.come()
    result_of(stage.shared.stop())
    assert (stage.shared._mux.open, stage.shared._mux.members) == (0, 0)
    assert (stage.shared._members, stage.shared._slow, stage.shared._queued) == ({}, {}, 0)


def test_a_process_that_reads_slowly_slows_all_clients(stage: Stage) -> None:
    ann, bob = stage.clients("ann", "bob")
    stage.process.link.pauseProducing()
    late = stage.come("late")
    assert [client.paused for client in (ann, bob, late)] == [True, True, True]
    stage.process.link.resumeProducing()
    assert [client.paused for client in (ann, bob, late)] == [False, False, False]


@pytest.mark.proves("G-8")
def test_when_a_slow_process_reads_again_whoever_filled_it_is_read_last(stage: Stage) -> None:
    clients = stage.clients("ann", "bob", "cyd")
    asked: list[str] = []

    def eager(client: Client) -> Callable[[], None]:
        """Asks as soon as it is read, and so much that nobody else can."""

        def resume() -> None:
            client.paused = False
            if not stage.process.paused:
                stage.process.paused = True
                asked.append(client.identity.peer)
                client.ask(len(asked))

        return resume

    receive = stage.process.receive

    def fill(message: Message) -> None:
        receive(message)
        stage.process.link.pauseProducing()

    stage.process.receive = fill  # type: ignore[method-assign]
    for client in clients:
        client.resumeProducing = eager(client)  # type: ignore[method-assign]
    clients[0].ask(0)
    for _ in range(6):
        stage.process.paused = False
        stage.process.link.resumeProducing()
    assert asked == ["bob", "cyd", "ann"] * 2


def test_a_process_that_takes_nothing_yet_is_not_ready_when_it_takes_more(stage: Stage) -> None:
    client = stage.come()
    stage.process.link.pauseProducing()
    stage.process.link.resumeProducing()
    assert client.opened == []


# The end, and the settings.


def test_stopping_ends_every_conversation(clock: Clock, stage: Stage) -> None:
    ann, bob = stage.clients("ann", "bob")
    ann.ask(1)
    stopped = stage.shared.stop()
    assert result_of(stopped) is None
    for client in (ann, bob):
        [loss] = client.losses
        assert isinstance(loss, ShuttingDown)
    assert stage.process.closed is not None
    assert stage.backend.stopped == 1
    ann.ask(2)
    ann.channel.close("gone")
    assert failure_of(stage.come().opening) == "The service is shutting down"
    assert clock.getDelayedCalls() == []


def test_stopping_ends_what_is_beginning(clock: Clock, stage: Stage) -> None:
    client = stage.come()
    result_of(stage.shared.stop())
    assert failure_of(client.opening) == "The service is shutting down"
    assert clock.getDelayedCalls() == []


def test_stopping_without_a_process_stops_the_backend(stage: Stage) -> None:
    result_of(stage.shared.stop())
    assert stage.backend.stopped == 1


@pytest.mark.parametrize("key", ["max_open", "max_queued_bytes", "max_queued_total", "probe_timeout"])
def test_a_limit_of_nothing_is_refused_by_name(clock: Clock, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Stage(clock, **{key: 0})
    assert caught.value.key == key


# Lone surrogates, and answers that are nearly right


@pytest.mark.proves("M-14")
def test_lone_surrogates_pass_both_ways_with_ids_and_tokens_replaced(stage: Stage) -> None:
    client = stage.come()
    stage.ready()
    meta = json.dumps(META | {"progressToken": "t"})
    client.channel.receive(
        decode(f'{{"jsonrpc":"2.0","id":7,"method":"a","params":{{"t":"ab\\ud83d","_meta":{meta}}}}}'.encode())
    )
    sent = encode(stage.process.received.pop(0))
    assert json.loads(sent)["params"] == {"t": "ab\ud83d", "_meta": META | {"progressToken": 1}}
    link = stage.process.link
    link.send(
        decode(
            b'{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1,"message":"\\ude00"}}'
        )
    )
    link.send(decode(b'{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"cut \\ud83d","data":"\\ud83d"}}'))
    assert client.take() == [
        {"method": "notifications/progress", "params": {"progressToken": "t", "progress": 1, "message": "\ude00"}},
        {"id": 7, "error": {"code": 3, "message": "cut \ud83d", "data": "\ud83d"}},
    ]


@pytest.mark.proves("I-5")
def test_a_process_may_make_strings_of_ids(stage: Stage) -> None:
    client = stage.come()
    assert stage.process.received.pop(0) == PROBE
    stage.process.link.send(Result("0", DISCOVERED))
    client.ask(7)
    stage.process.link.send(Result("1", to_raw(DONE)))
    assert client.take() == [{"id": 7, "result": DONE}]
