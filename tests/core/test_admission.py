"""Which messages of a client go on, which wait, and when it is not read: the rules alone, without a Front."""

import pytest

from mcpws.core.admission import Admission
from mcpws.core.ledger import Ledger
from mcpws.errors import InvalidRequest, RpcError, ShuttingDown, TooManyRequests
from mcpws.jsonrpc.messages import EMPTY, Message, Notification, Request, RequestId, Result, to_raw
from mcpws.mcp.meta import CLIENT_CAPABILITIES, PROTOCOL_VERSION

MODERN = to_raw({"_meta": {PROTOCOL_VERSION: "2026-07-28", CLIENT_CAPABILITIES: {}}})
NEWS = Notification("notifications/x")


def call(id: RequestId, method: str = "tools/call") -> Request:
    return Request(id, method)


def listen(id: RequestId) -> Request:
    return Request(id, "subscriptions/listen", MODERN)


def cancel(id: object) -> Notification:
    return Notification("notifications/cancelled", to_raw({"requestId": id}))


class Rig:
    """A client and its backend, past `initialize`; `passed` has what went on."""

    def __init__(
        self, max_in_flight: int = 2, max_waiting: int = 2, max_bytes: int = 10_000, begun: bool = True
    ) -> None:
        self.ledger = Ledger()
        self.ledger.from_client(call("start", "initialize"))
        self.ledger.to_client(Result("start", EMPTY))
        self.admission = Admission(self.ledger, max_in_flight, max_waiting, max_bytes)
        self.passed: list[object] = []
        self.set(begun=begun)

    def set(self, **states: bool) -> None:
        for name, value in states.items():
            setattr(self.admission, name, value)
        self.admission.update()

    def say(self, *messages: Message) -> None:
        for message in messages:
            if self.admission.offer(message):
                self._pass(message)

    def answer(self, *ids: RequestId) -> None:
        for id in ids:
            self.ledger.to_client(Result(id, EMPTY))

    def let_in(self) -> None:
        while (message := self.admission.take()) is not None:
            self.admission.check(message)
            self._pass(message)

    def refusal(self, message: Message) -> type[RpcError]:
        with pytest.raises(RpcError) as refused:
            self.admission.offer(message)
        return type(refused.value)

    def _pass(self, message: Message) -> None:
        self.ledger.from_client(message)
        self.passed.append(getattr(message, "id", getattr(message, "method", None)))


def test_until_there_is_a_backend_everything_waits_in_order() -> None:
    rig = Rig(begun=False)
    rig.say(call(1), NEWS, call(2))
    rig.let_in()
    assert (rig.passed, rig.admission.waits, rig.admission.free) == ([], True, False)
    rig.set(begun=True)
    rig.let_in()
    assert (rig.passed, rig.admission.waits, rig.admission.free) == ([1, "notifications/x", 2], False, True)


def test_requests_over_the_limit_wait_and_over_that_are_refused() -> None:
    rig = Rig()
    rig.say(call(1), call(2), call(3), call(4), NEWS)
    assert rig.passed == [1, 2, "notifications/x"]
    assert list(rig.admission.unanswered) == [1, 2, 3, 4]
    assert rig.refusal(call(5)) is TooManyRequests
    assert rig.ledger.counters.too_many == 1
    rig.let_in()
    rig.answer(1)
    rig.let_in()
    assert rig.passed == [1, 2, "notifications/x", 3]
    assert list(rig.admission.unanswered) == [2, 3, 4]


def test_who_comes_late_waits_behind_who_waits() -> None:
    rig = Rig()
    rig.say(call(1), call(2), call(3))
    rig.answer(1)
    rig.say(call(4))
    rig.let_in()
    assert rig.passed == [1, 2, 3]
    rig.answer(2)
    rig.let_in()
    assert rig.passed == [1, 2, 3, 4]


def test_what_asks_for_no_work_passes_those_that_wait_up_to_a_limit_of_its_own() -> None:
    rig = Rig(max_waiting=9)
    rig.say(call(1), call(2), call(3), call("a", "ping"), call("b", "ping"), call("c", "ping"))
    assert rig.passed == [1, 2, "a", "b"]
    rig.let_in()
    rig.answer("a")
    rig.let_in()
    assert rig.passed == [1, 2, "a", "b", "c"]
    rig.answer("b", "c", 1)
    rig.let_in()
    assert rig.passed == [1, 2, "a", "b", "c", 3]


def test_subscriptions_are_bounded_also_when_they_had_to_wait() -> None:
    rig = Rig()
    rig.say(listen(1), listen(2), call(3))
    assert rig.refusal(listen(4)) is TooManyRequests
    late = Rig(begun=False, max_waiting=9)
    late.say(listen(1), listen(2), listen(3))
    late.set(begun=True)
    with pytest.raises(TooManyRequests):
        late.let_in()
    assert late.passed == [1, 2]


def test_an_id_that_is_open_or_waits_is_in_use() -> None:
    rig = Rig()
    rig.say(call(1), call(2), call(3))
    assert rig.refusal(call(1)) is InvalidRequest
    assert rig.refusal(call(3)) is InvalidRequest
    rig.say(call("1"))
    assert list(rig.admission.unanswered) == [1, 2, 3, "1"]


def test_while_draining_no_new_request_comes_and_what_waits_goes_on() -> None:
    rig = Rig()
    rig.say(call(1), call(2), call(3))
    rig.set(draining=True)
    assert rig.refusal(call(4)) is ShuttingDown
    assert not rig.admission.free
    rig.answer(1)
    rig.let_in()
    assert rig.passed == [1, 2, 3]


def test_a_request_that_waits_is_withdrawn_by_its_cancellation() -> None:
    rig = Rig()
    rig.say(call(1), call(2), call(3), cancel(1), cancel("3"), cancel(None), cancel(3))
    assert rig.passed == [1, 2, *["notifications/cancelled"] * 3]
    assert not rig.admission.waits
    rig.let_in()
    rig.say(call(3))
    assert rig.passed[-1] == 3


def test_initialize_cannot_be_cancelled_while_it_waits() -> None:
    rig = Rig(begun=False)
    rig.say(call(0, "initialize"), cancel(0), NEWS)
    assert list(rig.admission.unanswered) == [0]
    assert rig.ledger.counters.dropped == 1


def test_all_that_waits_can_be_forgotten() -> None:
    rig = Rig(begun=False)
    rig.say(call(1), NEWS, call("ping", "ping"))
    assert rig.admission.forget() == [1, "ping"]
    assert rig.admission.forget() == []
    rig.set(begun=True)
    rig.let_in()
    assert rig.passed == []


LARGE = Notification("notifications/x", to_raw("x" * 6000))


@pytest.mark.parametrize(
    ("states", "said", "reads"),
    [
        ({}, [call(1), call(2), call(3), call(4)], True),
        ({"begun": False}, [call(1), call(2)], True),
        ({"begun": False}, [LARGE, LARGE], False),
        ({"taking": False}, [call(1)], True),
        ({"taking": False}, [call(1), call(2)], False),
        ({"taking": False}, [LARGE, LARGE], False),
        ({"sending": False}, [call(1)], True),
        ({"sending": False}, [call(1), call(2)], False),
        ({"sending": False}, [LARGE, LARGE], True),
    ],
)
def test_a_client_is_not_read_where_too_much_waits_for_somebody_slow(
    states: dict[str, bool], said: list[Message], reads: bool
) -> None:
    rig = Rig()
    rig.set(**states)
    assert rig.admission.reads
    rig.say(*said)
    assert rig.admission.reads is reads
    rig.set(begun=True, taking=True, sending=True)
    rig.let_in()
    assert rig.admission.reads


def test_a_slow_client_is_read_while_the_backend_waits_for_its_answer() -> None:
    rig = Rig()
    rig.set(sending=False)
    rig.say(call(1), call(2))
    assert not rig.admission.reads
    rig.ledger.to_client(call("ask", "roots/list"))
    assert rig.admission.reads


def test_a_ping_to_a_backend_that_takes_no_more_counts_as_what_waits() -> None:
    rig = Rig()
    rig.set(taking=False)
    rig.say(Request("large", "ping", to_raw({"x": "y" * 20_000})))
    assert rig.passed == ["large"]
    assert not rig.admission.reads
