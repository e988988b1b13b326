"""A conversation whose client goes, and comes back with another carrier."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.internet.task import Clock

from mcpws.core.backlog import OVERHEAD
from mcpws.errors import BackendLost, ShuttingDown
from mcpws.fronts.front import Front
from mcpws.fronts.watch import watch
from mcpws.jsonrpc.messages import Notification, Request, Result, to_raw
from mcpws.seam.interfaces import Identity
from mcpws.seam.observer import Party
from mcpws.testing import RecordingBackend
from tests.fronts.test_front import Client, Later, Rig, cancelled
from tests.fronts.test_watch import INITIALIZE
from tests.observing import MessageRecorder

pytestmark = pytest.mark.not_mcp("requests and results say no more than the rules for them need")

PLENTY = 1024 * 1024


class Leaving(Rig):
    """A Rig whose client may leave; `ended` has what whoever waits for it was told."""

    def __init__(self, *arguments: Any, **limits: Any) -> None:
        super().__init__(*arguments, **limits)
        self.ended: list[str] = []

    def leave(self, max_bytes: int = PLENTY) -> None:
        """The carrier is lost; what it was told no longer counts."""
        self.front.detach(max_bytes, self.ended.append)
        self.client = Client()

    def come_back(self) -> None:
        """With a carrier that has been told nothing yet."""
        self.front.attach(self.client)

    def is_paused(self) -> bool:
        return self.conversation.paused

    def large(self, *ids: int, size: int = 1000) -> None:
        for id in ids:
            self.front.send(Result(id, to_raw("x" * size)))


def test_what_was_sent_meanwhile_is_there_in_order_when_the_client_comes_back() -> None:
    rig = Leaving()
    rig.ask(1, 2)
    rig.leave()
    rig.answer(1)
    rig.front.send(Request("q", "roots/list"))
    rig.front.send(Notification("notifications/message", to_raw({})))
    rig.answer(2)
    rig.come_back()
    assert rig.delivered() == [1, "roots/list", "notifications/message", 2]


def test_after_that_everything_is_as_it_was_before() -> None:
    rig = Leaving()
    rig.ask(1)
    rig.leave()
    rig.come_back()
    rig.answer(1)
    rig.ask(2)
    rig.answer(2)
    assert rig.delivered() == [1, 2]
    assert rig.front.in_flight == 0


def test_a_client_may_leave_and_come_back_any_number_of_times() -> None:
    rig = Leaving()
    for id in range(5):
        rig.ask(id)
        rig.leave()
        rig.answer(id)
        rig.come_back()
        assert rig.delivered() == [id]


def test_who_leaves_before_anything_was_picked_up_loses_nothing() -> None:
    rig = Leaving()
    rig.ask(1, 2)
    rig.leave()
    rig.answer(1)
    rig.come_back()
    before = rig.client
    rig.leave()
    rig.answer(2)
    rig.come_back()
    assert [message.id for message in before.delivered if isinstance(message, Result)] == [1]
    assert rig.delivered() == [2]


def test_what_a_later_one_overtakes_while_nobody_reads_is_told_once() -> None:
    rig = Leaving()
    rig.ask(1, token="a")
    rig.leave()
    for value in range(100):
        rig.progress("a", value)
    rig.come_back()
    assert rig.delivered() == ["notifications/progress"]
    assert rig.front.counters.coalesced == 99


def test_a_new_carrier_that_is_behind_gets_the_rest_once_it_has_caught_up() -> None:
    rig = Leaving()
    rig.ask(1, token="a")
    rig.leave()
    rig.progress("a")
    rig.client.behind = True
    rig.come_back()
    assert rig.delivered() == []
    rig.front.caught_up()
    assert rig.delivered() == ["notifications/progress"]


def test_a_backend_is_paused_once_too_much_waits_and_goes_on_afterwards() -> None:
    rig = Leaving()
    rig.ask(1, 2, 3)
    rig.leave(1500)
    rig.large(1)
    assert not rig.is_paused()
    rig.large(2)
    assert rig.is_paused()
    rig.large(3)
    assert rig.ended == []
    rig.come_back()
    assert not rig.is_paused()
    assert rig.delivered() == [1, 2, 3]


def test_a_backend_stays_paused_for_a_new_carrier_that_cannot_take_all_at_once() -> None:
    class Narrow(Client):
        def deliver(self, message: Any, data: bytes) -> None:
            super().deliver(message, data)
            rig.front.pause_sending()

    rig = Leaving()
    rig.ask(1, 2)
    rig.leave(1500)
    rig.large(1, 2)
    rig.client = Narrow()
    rig.come_back()
    assert rig.is_paused()
    rig.front.resume_sending()
    assert not rig.is_paused()


def test_a_backend_that_was_paused_for_the_last_carrier_is_not_for_none() -> None:
    rig = Leaving()
    rig.front.pause_sending()
    rig.leave()
    assert not rig.is_paused()


def test_a_backend_that_heeds_no_pause_ends_the_wait() -> None:
    rig = Leaving(max_outbound_size=2000)
    rig.ask(*range(10))
    rig.leave(1500)
    rig.large(*range(10))
    assert rig.ended == ["too much waits for a client that is away"]
    assert rig.front.counters.dropped == 10
    rig.front.close("the client did not come back")
    assert rig.conversation.closed == "the client did not come back"


def test_as_much_is_kept_as_is_said_and_one_message_more() -> None:
    rig = Leaving(max_outbound_size=4000)
    rig.ask(1, 2, 3)
    rig.leave(1000 + OVERHEAD)
    rig.large(1, size=100)
    rig.large(2, size=3900)
    rig.come_back()
    assert rig.ended == []
    assert rig.delivered() == [1, 2]


def test_what_comes_while_what_was_kept_is_handed_over_comes_after_it() -> None:
    class Answering(Client):
        """Hears of each result, and asks for the next at once."""

        def deliver(self, message: Any, data: bytes) -> None:
            super().deliver(message, data)
            if isinstance(message, Result) and message.id == 1:
                rig.answer(3)

    rig = Leaving()
    rig.ask(1, 2, 3)
    rig.leave()
    rig.answer(1, 2)
    rig.client = Answering()
    rig.come_back()
    assert rig.delivered() == [1, 2, 3]


def test_a_new_carrier_is_told_to_wait_if_the_backend_takes_no_more() -> None:
    rig = Leaving(max_in_flight=1, max_waiting=1)
    rig.front.pauseProducing()
    rig.ask(1)
    assert not rig.is_read()
    rig.leave()
    rig.come_back()
    assert not rig.is_read()
    rig.front.resumeProducing()
    assert rig.is_read()


def test_a_backend_that_takes_more_meanwhile_is_heard_by_the_next_carrier() -> None:
    rig = Leaving(max_in_flight=1, max_waiting=1)
    rig.front.pauseProducing()
    rig.ask(1)
    rig.leave()
    rig.front.resumeProducing()
    rig.come_back()
    assert rig.is_read()
    assert rig.given() == [1]


def test_a_new_carrier_is_told_that_the_backend_has_begun() -> None:
    backend = Later()
    rig = Leaving(backend, initialize=False)
    rig.leave()
    backend.begin()
    rig.come_back()
    assert rig.client.began == 1


def test_a_backend_that_is_lost_meanwhile_ends_the_conversation_when_the_client_is_back() -> None:
    rig = Leaving()
    rig.ask(1)
    rig.leave()
    rig.front.lost(BackendLost("it fell over"))
    rig.come_back()
    assert rig.codes() == [BackendLost.code]
    assert str(rig.client.ended) == "it fell over"


def test_a_limit_that_was_met_meanwhile_is_told_once() -> None:
    rig = Leaving(max_outbound_size=100)
    rig.ask(1, 2)
    rig.leave()
    rig.large(1, 2)
    rig.come_back()
    assert rig.client.limits == ["max_outbound_size"]
    assert rig.codes() == [413, 413]


def test_a_drain_that_is_over_while_nobody_is_there_ends_the_wait() -> None:
    rig = Leaving()
    rig.ask(1)
    rig.leave()
    rig.front.drain()
    assert rig.ended == []
    rig.answer(1)
    assert rig.ended == ["all is answered, and no more requests are taken"]


def test_who_comes_back_after_a_drain_gets_what_was_kept_and_is_told() -> None:
    rig = Leaving()
    rig.ask(1)
    rig.leave()
    rig.front.drain()
    rig.front.abandon(ShuttingDown())
    rig.come_back()
    assert rig.codes() == [ShuttingDown.code]
    assert rig.client.idled == 1


def test_a_client_that_never_comes_back_leaves_nothing() -> None:
    rig = Leaving()
    rig.ask(1, token="a")
    rig.progress("a")
    rig.answer(1)
    rig.leave()
    rig.front.close("the client did not come back")
    assert rig.conversation.closed == "the client did not come back"
    assert rig.clock.getDelayedCalls() == []


def test_an_observer_is_told_that_something_was_sent_when_a_carrier_has_got_it() -> None:
    clock, recorder = Clock(), MessageRecorder()
    told = watch(recorder, Party("client", 1, Identity("tester")), clock)
    assert told is not None
    front = Front(Client(), Identity("tester"), clock, watch=told)
    receive = told.begin(front, lambda: None)
    front.open(RecordingBackend())
    receive(Request("start", "initialize", to_raw(INITIALIZE["params"])))
    receive(Request(1, "tools/call", to_raw({"name": "x"})))
    front.detach(PLENTY, lambda reason: None)
    front.send(Result(1, to_raw({})))
    assert [call.id for call, _ in recorder.ended] == ["start"]
    back = Client()
    front.attach(back)
    assert [call.id for call, _ in recorder.ended] == ["start", 1]
    assert len(back.delivered) == 1


class Comings(RuleBasedStateMachine):
    """Whatever happens, and however often the client leaves: it gets each answer once, in the order of the answers."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Leaving()
        self.rig.client.delivered.clear()
        self.here = True
        self.next = 0
        self.open: list[int] = []
        self.expected: list[Any] = []
        self.got: list[Any] = []

    @rule()
    def ask(self) -> None:
        if self.here:
            self.next += 1
            self.rig.ask(self.next)
            self.open.append(self.next)

    @rule(which=st.integers(0, 9), size=st.integers(0, 400))
    def answer(self, which: int, size: int) -> None:
        if self.open:
            id = self.open.pop(which % len(self.open))
            self.rig.large(id, size=size)
            self.expected.append(id)

    @rule()
    def tell(self) -> None:
        self.rig.front.send(Notification("notifications/message", to_raw({})))
        self.expected.append("notifications/message")

    @rule(which=st.integers(0, 9))
    def cancel(self, which: int) -> None:
        if self.here and self.open:
            self.rig.front.receive(cancelled(self.open.pop(which % len(self.open))))

    @rule(max_bytes=st.integers(0, 2000))
    def leave(self, max_bytes: int) -> None:
        if self.here:
            self.got += self.rig.delivered()
            self.rig.leave(max_bytes)
            self.here = False

    @rule()
    def come_back(self) -> None:
        if not self.here:
            self.rig.come_back()
            self.here = True

    @invariant()
    def nothing_is_lost(self) -> None:
        assert self.rig.ended == []
        assert self.rig.front.in_flight == len(self.open)
        if self.here:
            assert self.got + self.rig.delivered() == self.expected
            assert not self.rig.is_paused()

    def teardown(self) -> None:
        self.rig.front.close("the test is over")


TestComings = Comings.TestCase
TestComings.settings = settings(stateful_step_count=25, deadline=None)
