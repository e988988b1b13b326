from collections import Counter, deque
from typing import Any

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
from msgspec.json import decode as parse

from mcpws.core.rpc import Progress, Rpc
from mcpws.errors import ConnectionClosed, McpwsError, QueueFull, RpcError
from mcpws.jsonrpc.messages import (
    Answer,
    Error,
    ErrorObject,
    Message,
    Notification,
    Request,
    RequestId,
    Result,
    to_raw,
)

GONE = ConnectionClosed(1006, "")


def cancelled(id: object) -> Notification:
    return Notification("notifications/cancelled", to_raw({"requestId": id}))


def progress(token: object, **more: object) -> Notification:
    return Notification("notifications/progress", to_raw({"progressToken": token, "progress": 1, **more}))


class End:
    """A peer with what it sent and what it was told."""

    def __init__(self, max_pending: int = 1024) -> None:
        self.sent: list[Message] = []
        self.answers: list[Answer | McpwsError] = []
        self.progress: list[Progress] = []
        self.cancelled: list[RequestId] = []
        self.rpc = Rpc(self.sent.append, max_pending)

    def ask(self, method: str = "tools/call", params: dict[str, Any] | None = None) -> RequestId:
        return self.rpc.request(method, params, self.answers.append, self.progress.append)

    def begin(self, id: RequestId) -> None:
        message = Request(id, "tools/call")
        assert self.rpc.receive(message) is message
        self.rpc.work(id, lambda: self.cancelled.append(id))


@pytest.fixture
def end() -> End:
    return End()


# Our requests.


@pytest.mark.proves("mcp/2025-11-25/basic#unique-ids")
def test_a_request_is_sent_with_an_id_of_its_own(end: End) -> None:
    ids = [end.rpc.request("ping", None, end.answers.append) for _ in range(3)]
    assert len(set(ids)) == 3
    assert end.sent == [Request(id, "ping") for id in ids]
    assert end.rpc.pending == 3


def test_parameters_are_sent_as_json(end: End) -> None:
    id = end.rpc.request("tools/call", {"name": "add"}, end.answers.append)
    assert end.sent == [Request(id, "tools/call", Raw(b'{"name":"add"}'))]


def test_progress_is_asked_for_beside_what_else_the_parameters_say(end: End) -> None:
    params = {"name": "add", "_meta": {"trace": "x"}}
    id = end.ask(params=params)
    [sent] = end.sent
    assert isinstance(sent, Request)
    assert sent.params is not None
    assert parse(sent.params) == {"name": "add", "_meta": {"trace": "x", "progressToken": id}}
    assert params == {"name": "add", "_meta": {"trace": "x"}}


def test_meta_that_is_no_object_is_refused_and_nothing_is_sent(end: End) -> None:
    with pytest.raises(TypeError, match="_meta must be an object"):
        end.ask("tools/call", {"_meta": 7})
    assert end.sent == []
    assert end.rpc.pending == 0


def test_progress_is_asked_for_without_other_parameters(end: End) -> None:
    id = end.ask()
    assert end.sent == [Request(id, "tools/call", to_raw({"_meta": {"progressToken": id}}))]


@pytest.mark.parametrize("answer", [Result(0, Raw(b"1")), Error(0, ErrorObject(409, "taken"))], ids=["result", "error"])
def test_an_answer_reaches_the_caller_once(end: End, answer: Answer) -> None:
    end.ask()
    assert end.rpc.receive(answer) is None
    assert end.rpc.receive(answer) is None
    assert end.answers == [answer]
    assert (end.rpc.pending, end.rpc.dropped) == (0, 1)


@pytest.mark.proves("M-10")
@pytest.mark.parametrize("id", ["00", "+0", "x", "9" * 30, 1, None])
def test_an_answer_to_nothing_is_dropped(end: End, id: RequestId | None) -> None:
    end.ask()
    end.rpc.receive(Error(id, ErrorObject(409, "taken")))
    assert end.answers == []
    assert (end.rpc.pending, end.rpc.dropped) == (1, 1)


@pytest.mark.proves("I-5")
def test_an_answer_may_have_the_id_as_a_string(end: End) -> None:
    end.ask()
    end.rpc.receive(Error("0", ErrorObject(409, "taken")))
    assert end.answers == [Error("0", ErrorObject(409, "taken"))]
    assert (end.rpc.pending, end.rpc.dropped) == (0, 0)


def test_an_answer_may_come_while_the_request_is_being_sent() -> None:
    answers: list[Answer | McpwsError] = []

    def echo(message: Message) -> None:
        assert isinstance(message, Request)
        rpc.receive(Result(message.id, Raw(b"1")))

    rpc = Rpc(echo)
    id = rpc.request("ping", None, answers.append)
    assert answers == [Result(id, Raw(b"1"))]
    assert rpc.pending == 0


def test_requests_are_numbered_from_the_first_id_on() -> None:
    sent: list[Message] = []
    rpc = Rpc(sent.append, first_id=7)
    assert [rpc.request("ping", None, lambda _: None) for _ in range(2)] == [7, 8]
    rpc.receive(Result(6, Raw(b"1")))
    assert (rpc.pending, rpc.dropped) == (2, 1)


def test_progress_reaches_the_caller_until_the_answer(end: End) -> None:
    id = end.ask()
    end.rpc.receive(progress(id))
    end.rpc.receive(progress(id, total=2.5, message="half"))
    end.rpc.receive(Result(id, Raw(b"1")))
    end.rpc.receive(progress(id))
    assert end.progress == [Progress(1), Progress(1, 2.5, "half")]
    assert end.rpc.dropped == 1


@pytest.mark.parametrize(
    "params",
    [
        None,
        b"{}",
        b'{"progressToken":"0","progress":1}',
        b'{"progressToken":9,"progress":1}',
        b'{"progressToken":0}',
        b'{"progressToken":0,"progress":"1"}',
        b'{"progressToken":0,"progress":1,"total":[]}',
    ],
)
def test_progress_that_says_nothing_usable_is_dropped(end: End, params: bytes | None) -> None:
    end.ask()
    raw = None if params is None else Raw(params)
    assert end.rpc.receive(Notification("notifications/progress", raw)) is None
    assert (end.progress, end.rpc.dropped) == ([], 1)


def test_progress_that_nobody_asked_for_is_dropped(end: End) -> None:
    id = end.rpc.request("tools/call", None, end.answers.append)
    end.rpc.receive(progress(id))
    assert end.rpc.dropped == 1


@pytest.mark.proves("C-5", "mcp/2025-11-25/basic/utilities/cancellation#late-answers")
def test_a_withdrawn_request_gets_no_answer(end: End) -> None:
    id = end.ask()
    assert end.rpc.withdraw(id, "too slow")
    assert end.sent[1:] == [Notification("notifications/cancelled", to_raw({"requestId": id, "reason": "too slow"}))]
    end.rpc.receive(Result(id, Raw(b"1")))
    end.rpc.receive(progress(id))
    assert (end.answers, end.progress) == ([], [])
    assert (end.rpc.pending, end.rpc.dropped) == (0, 2)


def test_what_was_answered_cannot_be_withdrawn(end: End) -> None:
    id = end.ask()
    end.rpc.receive(Result(id, Raw(b"1")))
    assert not end.rpc.withdraw(id, "too late")
    assert len(end.sent) == 1


@pytest.mark.proves("C-3")
def test_the_other_end_is_not_told_that_initialize_is_withdrawn(end: End) -> None:
    id = end.ask("initialize")
    assert end.rpc.withdraw(id, "too slow")
    assert len(end.sent) == 1
    assert end.rpc.pending == 0


def test_requests_over_the_limit_are_refused_and_not_sent() -> None:
    end = End(max_pending=2)
    first = end.ask()
    end.ask()
    with pytest.raises(QueueFull) as caught:
        end.ask()
    assert caught.value.limit == 2
    assert len(end.sent) == 2
    end.rpc.receive(Result(first, Raw(b"1")))
    end.ask()


@pytest.mark.parametrize("params", [{"a": object()}, {"_meta": 7}, {"a": "\ud800"}])
def test_parameters_that_are_no_json_are_refused_and_not_sent(end: End, params: dict[str, Any]) -> None:
    with pytest.raises(TypeError):
        end.ask(params=params)
    assert (end.sent, end.rpc.pending) == ([], 0)


def test_nothing_waits_for_a_request_that_could_not_be_sent() -> None:
    def refuse(message: Message) -> None:
        raise GONE

    answers: list[Answer | McpwsError] = []
    rpc = Rpc(refuse)
    with pytest.raises(ConnectionClosed):
        rpc.request("ping", None, answers.append)
    assert rpc.pending == 0
    rpc.lost(GONE)
    assert answers == []


def test_a_notification_is_sent_with_and_without_parameters(end: End) -> None:
    end.rpc.notify("notifications/initialized")
    end.rpc.notify("notifications/message", {"data": "x"})
    assert end.sent == [
        Notification("notifications/initialized"),
        Notification("notifications/message", Raw(b'{"data":"x"}')),
    ]


# Theirs.


def test_what_is_not_settled_here_is_the_owners(end: End) -> None:
    for message in (Request(1, "tools/call"), Notification("notifications/message")):
        assert end.rpc.receive(message) is message
    assert end.sent == []


@pytest.mark.proves("mcp/2025-11-25/basic#answers")
def test_a_request_can_be_answered_at_once_or_later(end: End) -> None:
    end.rpc.receive(Request(1, "ping"))
    end.rpc.answer(1, Raw(b"{}"))
    end.begin("1")
    assert end.rpc.working == 1
    end.rpc.fail("1", RpcError("taken", {"by": 2}, code=409))
    assert end.rpc.working == 0
    assert end.sent == [
        Result.answering(1, {}),
        Error("1", ErrorObject(409, "taken", Raw(b'{"by":2}'))),
    ]


def test_an_id_in_use_is_refused_and_not_disturbed(end: End) -> None:
    end.begin(1)
    assert end.rpc.receive(Request(1, "tools/call")) is None
    [refusal] = end.sent
    assert isinstance(refusal, Error)
    assert (refusal.id, refusal.error.code) == (1, -32600)
    assert end.cancelled == []
    assert end.rpc.working == 1
    end.begin("1")
    end.rpc.answer(1, Raw(b"{}"))
    end.begin(1)


def test_work_is_cancelled_once_when_the_other_end_says_so(end: End) -> None:
    end.begin(1)
    end.begin("1")
    assert end.rpc.receive(cancelled(1)) is None
    assert end.rpc.receive(cancelled(1)) is None
    assert end.cancelled == [1]
    assert (end.rpc.working, end.rpc.dropped) == (1, 1)
    assert end.sent == []


@pytest.mark.proves("mcp/2025-11-25/basic/utilities/cancellation#unknown")
@pytest.mark.parametrize("id", [2, "1", None, 1.5, []])
def test_what_is_not_worked_on_cannot_be_cancelled(end: End, id: object) -> None:
    end.begin(1)
    end.rpc.receive(cancelled(id))
    assert end.cancelled == []
    assert end.rpc.dropped == 1


def test_answered_work_is_not_cancelled(end: End) -> None:
    end.begin(1)
    end.rpc.answer(1, Raw(b"{}"))
    end.rpc.receive(cancelled(1))
    end.rpc.lost(GONE)
    assert end.cancelled == []


# The end.


def test_the_loss_fails_what_is_pending_and_cancels_what_is_worked_on(end: End) -> None:
    end.ask()
    end.ask()
    end.begin(1)
    end.begin(2)
    end.rpc.lost(GONE)
    assert end.answers == [GONE, GONE]
    assert end.cancelled == [1, 2]
    assert (end.rpc.pending, end.rpc.working) == (0, 0)


def test_the_first_reason_of_a_loss_is_the_one_that_counts(end: End) -> None:
    end.rpc.lost(GONE)
    end.rpc.lost(ConnectionClosed(1001, "again"))
    assert end.rpc.gone is GONE


def test_work_that_begins_after_the_loss_is_cancelled_at_once(end: End) -> None:
    end.rpc.lost(GONE)
    end.begin(1)
    assert end.cancelled == [1]
    assert end.rpc.working == 0


def test_work_may_withdraw_what_it_waits_for_when_the_other_end_is_lost(end: End) -> None:
    id = end.ask()
    assert end.rpc.receive(Request(1, "tools/call")) is not None
    end.rpc.work(1, lambda: end.cancelled.append(end.rpc.withdraw(id, "cancelled")))
    asked = list(end.sent)
    end.rpc.lost(GONE)
    assert end.cancelled == [True]
    assert end.answers == []
    assert end.sent == asked


def test_who_hears_of_the_loss_may_withdraw_the_rest(end: End) -> None:
    withdrawn: list[bool] = []
    end.rpc.request("ping", None, lambda reason: withdrawn.append(end.rpc.withdraw(1, "cancelled")))
    end.ask()
    end.rpc.lost(GONE)
    assert withdrawn == [True]
    assert end.answers == []


# Any interleaving, of one end and what comes to it.


def finish(rpc: Rpc, id: RequestId, fails: bool) -> None:
    if fails:
        rpc.fail(id, RpcError("no"))
    else:
        rpc.answer(id, Raw(b"1"))


ids = st.sampled_from([0, 1, 2, 3, "0", "1"])


class OneEnd(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Message] = []
        self.rpc = Rpc(self.sent.append, max_pending=4)
        self.asked: set[RequestId] = set()
        self.reporting: set[RequestId] = set()
        self.told: Counter[RequestId] = Counter()
        self.settled: set[RequestId] = set()
        self.progressed: Counter[RequestId] = Counter()
        self.working: list[RequestId] = []
        self.cancelled: Counter[int] = Counter()
        self.begun = 0
        self.dropped = 0

    @property
    def pending(self) -> set[RequestId]:
        return self.asked - self.settled

    @rule(reporting=st.booleans())
    def ask(self, reporting: bool) -> None:
        id = len(self.asked)

        def answered(_: Answer | McpwsError) -> None:
            self.told[id] += 1

        def progressed(_: Progress) -> None:
            self.progressed[id] += 1

        if len(self.pending) == 4:
            with pytest.raises(QueueFull):
                self.rpc.request("a", None, answered)
            return
        assert self.rpc.request("a", None, answered, progressed if reporting else None) == id
        self.asked.add(id)
        if reporting:
            self.reporting.add(id)

    @rule(id=ids, fails=st.booleans())
    def answer_comes(self, id: RequestId, fails: bool) -> None:
        told = self.told[int(id)]
        answer = Error(id, ErrorObject(1, "no")) if fails else Result(id, Raw(b"1"))
        assert self.rpc.receive(answer) is None
        meant = int(id)
        if meant in self.pending:
            self.settled.add(meant)
            assert self.told[meant] == told + 1 == 1
        else:
            self.dropped += 1
            assert self.told[meant] == told

    @rule(id=ids)
    def progress_comes(self, id: RequestId) -> None:
        before = self.progressed[id]
        assert self.rpc.receive(progress(id)) is None
        expected = id in self.pending and id in self.reporting
        assert self.progressed[id] == before + expected
        self.dropped += not expected

    @rule(id=ids)
    def withdraw(self, id: RequestId) -> None:
        assert self.rpc.withdraw(id, "tired") is (id in self.pending)
        self.settled |= {id} & self.pending

    @rule(id=ids, at_once=st.booleans())
    def request_comes(self, id: RequestId, at_once: bool) -> None:
        message = Request(id, "a")
        ours = self.rpc.receive(message)
        if id in self.working:
            assert ours is None
            assert isinstance(self.sent[-1], Error)
        elif at_once:
            assert ours is message
            self.rpc.answer(id, Raw(b"1"))
        else:
            assert ours is message
            number = self.begun
            self.begun += 1
            self.working.append(id)
            self.rpc.work(id, lambda: self.cancelled.update([number]))

    @precondition(lambda self: self.working)
    @rule(draw=st.data(), fails=st.booleans())
    def work_ends(self, draw: st.DataObject, fails: bool) -> None:
        id = draw.draw(st.sampled_from(self.working))
        self.working.remove(id)
        finish(self.rpc, id, fails)

    @rule(id=ids)
    def cancellation_comes(self, id: RequestId) -> None:
        before = self.cancelled.total()
        assert self.rpc.receive(cancelled(id)) is None
        assert self.cancelled.total() == before + (id in self.working)
        if id in self.working:
            self.working.remove(id)
        else:
            self.dropped += 1

    @invariant()
    def the_tables_agree(self) -> None:
        assert self.rpc.pending == len(self.pending)
        assert self.rpc.working == len(self.working)
        assert self.rpc.dropped == self.dropped
        assert max(self.told.values(), default=0) <= 1
        assert max(self.cancelled.values(), default=0) <= 1

    def teardown(self) -> None:
        waiting, cancelled = self.pending, self.cancelled.total()
        answered = {id for id, times in self.told.items() if times}
        self.rpc.lost(GONE)
        assert {id for id, times in self.told.items() if times} == answered | waiting
        assert max(self.told.values(), default=0) <= 1
        assert self.cancelled.total() == cancelled + len(self.working)


def test_one_end_agrees_with_its_model_whatever_comes() -> None:
    run_state_machine_as_test(OneEnd, settings=settings(deadline=None, stateful_step_count=30))


# Any interleaving, of two ends.


class Wired:
    """One of two ends; what it sends waits in `out` until it is delivered."""

    def __init__(self) -> None:
        self.out: deque[Message] = deque()
        self.rpc = Rpc(self.out.append)
        self.asked: list[RequestId] = []
        self.withdrawn: set[RequestId] = set()
        self.answers: Counter[RequestId] = Counter()
        self.progressed: Counter[RequestId] = Counter()
        self.begun: list[RequestId] = []
        self.working: dict[RequestId, None] = {}

    def ask(self) -> None:
        id = len(self.asked)
        self.asked.append(id)

        def answered(answer: Answer | McpwsError) -> None:
            assert isinstance(answer, McpwsError) or answer.id == id
            self.answers[id] += 1

        def progressed(_: Progress) -> None:
            assert not self.answers[id]
            assert id not in self.withdrawn
            self.progressed[id] += 1

        assert self.rpc.request("a", None, answered, progressed) == id

    def take(self, message: Message) -> None:
        ours = self.rpc.receive(message)
        if ours is not None:
            assert isinstance(ours, Request)
            id = ours.id
            self.begun.append(id)
            self.working[id] = None
            self.rpc.work(id, lambda: self.working.pop(id))


class TwoEnds(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.ends = (Wired(), Wired())

    def deliver_one(self, side: int) -> None:
        self.ends[not side].take(self.ends[side].out.popleft())

    @rule(side=st.integers(0, 1))
    def ask(self, side: int) -> None:
        self.ends[side].ask()

    @rule(side=st.integers(0, 1), count=st.integers(1, 3))
    def deliver(self, side: int, count: int) -> None:
        for _ in range(min(count, len(self.ends[side].out))):
            self.deliver_one(side)

    def choose(self, draw: st.DataObject, side: int, of: str) -> RequestId | None:
        found = list(getattr(self.ends[side], of))
        return draw.draw(st.sampled_from(found)) if found else None

    @rule(side=st.integers(0, 1), draw=st.data(), fails=st.booleans())
    def answer(self, side: int, draw: st.DataObject, fails: bool) -> None:
        id = self.choose(draw, side, "working")
        if id is not None:
            del self.ends[side].working[id]
            finish(self.ends[side].rpc, id, fails)

    @rule(side=st.integers(0, 1), draw=st.data())
    def report(self, side: int, draw: st.DataObject) -> None:
        id = self.choose(draw, side, "begun")
        if id is not None:
            self.ends[side].out.append(progress(id))

    @rule(side=st.integers(0, 1), draw=st.data())
    def withdraw(self, side: int, draw: st.DataObject) -> None:
        end = self.ends[side]
        id = self.choose(draw, side, "asked")
        if id is not None and end.rpc.withdraw(id, "tired"):
            assert not end.answers[id]
            end.withdrawn.add(id)

    @rule(side=st.integers(0, 1), draw=st.data())
    def answer_twice(self, side: int, draw: st.DataObject) -> None:
        """A duplicate of what is under way."""
        out = self.ends[side].out
        answers = [message for message in out if isinstance(message, Result | Error)]
        if answers:
            out.append(draw.draw(st.sampled_from(answers)))

    @invariant()
    def nobody_is_answered_twice(self) -> None:
        for end in self.ends:
            assert max(end.answers.values(), default=0) <= 1
            assert end.rpc.working == len(end.working)

    def teardown(self) -> None:
        while any(end.out or end.working for end in self.ends):
            for side, end in enumerate(self.ends):
                while end.out:
                    self.deliver_one(side)
                while end.working:
                    finish(end.rpc, end.working.popitem()[0], False)
        for end in self.ends:
            assert end.rpc.pending == end.rpc.working == 0
            for id in end.asked:
                assert end.answers[id] == (id not in end.withdrawn)


@pytest.mark.proves("mcp/2025-11-25/basic/utilities/cancellation#race")
def test_between_two_ends_every_request_is_answered_once_unless_it_is_withdrawn() -> None:
    run_state_machine_as_test(TwoEnds, settings=settings(deadline=None, stateful_step_count=30))
