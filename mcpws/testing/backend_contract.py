"""The contract of every backend, as tests: what `mcpws.seam.interfaces` promises to the fronts that rest on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import SkipTest

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mcpws.errors import McpwsError
from mcpws.jsonrpc.codec import encode
from mcpws.jsonrpc.messages import Error, RequestId, Result
from mcpws.mcp.meta import CLIENT_CAPABILITIES, CLIENT_INFO, PROTOCOL_VERSION
from mcpws.mcp.methods import CANCELLED, INITIALIZE, INITIALIZED, PING
from mcpws.mcp.versions import LEGACY_VERSIONS, MODERN_VERSIONS
from mcpws.seam.interfaces import Backend, Identity
from mcpws.testing.recording import RecordingLink

IDS: tuple[RequestId, ...] = (0, 1, "1", "", -5, 2**53, "\N{SNOWMAN}", "x" * 200)
"""Ids that a client may use, all at once; 1 and "1" are two."""

_FIRST = "first"

_CLIENT = {"name": "contract", "version": "1"}

Ask = tuple[str, dict[str, Any]]


class BackendContract:
    """Tests of a backend, for pytest. Subclass it, and say how yours is made and what may be asked of it::

        class TestMine(BackendContract):
            def backend(self) -> Backend:
                return Mine(clock=self.clock)

    They make a backend, open conversations through `RecordingLink`, and stop the backend. After each test nothing may
    be left on `clock`. A backend whose time, or whose other end, is not played overrides `settle`.

    `modern` is whether its clients begin with no `initialize`, and say who they are with each request.
    """

    modern = False

    # What a subclass says.

    def backend(self) -> Backend:
        """A new backend, whose timers are on `self.clock`; or on another, if you override `settle`."""
        raise NotImplementedError("say how your backend is made")

    def answered(self) -> Ask:
        """Method and parameters of a request that it answers, with a result, without being asked for anything else."""
        return PING, {}

    def unanswered(self) -> Ask | None:
        """A request that stays open for as long as nobody cancels it; None if it answers all at once."""
        raise NotImplementedError("give a request that stays open, or None if your backend answers all at once")

    def settle(self, condition: Callable[[], bool]) -> None:
        """Let everything happen that is to happen, for as long as `condition` is not met."""
        for _ in range(100):
            self.clock.advance(0.1)
            if condition():
                return

    def lose(self) -> bool:
        """Make what is behind the backend fail, as a child that dies; returns False if there is nothing."""
        return False

    # pytest calls these two.

    def setup_method(self) -> None:
        self.clock = Clock()
        self.links: list[RecordingLink] = []
        self._made: Backend | None = None
        self._stopped = False

    def teardown_method(self) -> None:
        if self._made is None:
            return
        for link in self.links:
            if link.is_open:
                link.close()
        self.stop()
        self.check_nothing_came_late()
        left = [str(call) for call in self.clock.getDelayedCalls()]
        assert not left, f"timers are left after stop: {left}"

    # What the tests are made of.

    def open(self) -> RecordingLink:
        """A conversation that has begun: with `initialize`, where that is how they do."""
        link = self.begin()
        self.wait(lambda: link.is_open or link.refused is not None, "open fired")
        assert link.is_open, f"no conversation was begun: {link.refused!r}"
        if not self.modern:
            greeting: dict[str, Any] = {
                "protocolVersion": LEGACY_VERSIONS[-1],
                "capabilities": {},
                "clientInfo": _CLIENT,
            }
            link.give(id=_FIRST, method=INITIALIZE, params=greeting)
            self.wait(lambda: bool(link.answers(_FIRST)), "initialize was answered")
            link.notify(INITIALIZED)
        return link

    def begin(self) -> RecordingLink:
        """A conversation that is on its way, and may have begun."""
        if self._made is None:
            self._made = self.backend()
        link = RecordingLink(Identity(f"client {len(self.links)}", connection=len(self.links)))
        self.links.append(link)
        link.open(self._made)
        return link

    def ask(self, link: RecordingLink, what: Ask, id: RequestId | None = None) -> RequestId:
        """Send a request."""
        method, params = what
        if self.modern:
            meta = {PROTOCOL_VERSION: MODERN_VERSIONS[-1], CLIENT_INFO: _CLIENT, CLIENT_CAPABILITIES: {}}
            params = {**params, "_meta": {**meta, **params.get("_meta", {})}}
        members: dict[str, Any] = {"params": params} if params else {}
        if id is None:
            return link.request(method, **params)
        link.give(id=id, method=method, **members)
        return id

    def waiting(self) -> Ask:
        """The `unanswered`; a test that needs one is skipped where there is none."""
        what = self.unanswered()
        if what is None:
            raise SkipTest("this backend answers everything at once")
        return what

    def answer(self, link: RecordingLink, id: RequestId) -> Result | Error:
        """The one answer, once it is there."""
        self.wait(lambda: bool(link.answers(id)), f"request {id!r} was answered")
        self.rest()
        answers = link.answers(id)
        assert len(answers) == 1, f"request {id!r} has {len(answers)} answers: {answers}"
        return answers[0]

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        """Settle until `condition` is met; AssertionError says that it never was so that `what`."""
        if not condition():
            self.settle(condition)
        if not condition():
            raise AssertionError("\n".join([f"it never was so that {what}", *map(_told, self.links)]))

    def rest(self) -> None:
        """Settle until nothing more comes."""
        seen = -1
        while seen != (now := sum(len(link.received) + len(link.late) for link in self.links)):
            seen = now
            self.settle(lambda: True)

    def serves(self, link: RecordingLink) -> None:
        """The conversation goes on: a request is answered with a result."""
        answer = self.answer(link, self.ask(link, self.answered()))
        assert isinstance(answer, Result), f"{self.answered()[0]} was answered with {answer}"

    def stop(self) -> None:
        """Stop the backend, once."""
        if self._stopped:
            return
        self._stopped = True
        assert self._made is not None
        outcomes: list[object] = []
        stopping = self._made.stop()
        assert isinstance(stopping, Deferred), f"stop returned {stopping!r}, no Deferred"
        stopping.addBoth(outcomes.append)
        self.wait(lambda: bool(outcomes), "stop fired")
        assert not isinstance(outcomes[0], Failure), f"stop failed: {outcomes[0]}"

    def check_nothing_came_late(self) -> None:
        """Nothing was sent after an end."""
        for link in self.links:
            assert link.late == [], f"sent after the end of the conversation: {link.late}"

    # The tests.

    def test_a_conversation_begins(self) -> None:
        self.serves(self.open())

    def test_open_gives_a_deferred(self) -> None:
        self._made = self.backend()
        link = RecordingLink()
        self.links.append(link)
        opening = self._made.open(link)
        assert isinstance(opening, Deferred), f"open returned {opening!r}, no Deferred"
        channels: list[Any] = []
        opening.addCallback(channels.append)
        self.wait(lambda: bool(channels), "open fired")
        for name in ("receive", "close", "pauseProducing", "resumeProducing", "stopProducing"):
            assert callable(getattr(channels[0], name, None)), f"the channel has no {name}"
        channels[0].close("the client is gone")

    def test_a_conversation_that_says_nothing_is_closed(self) -> None:
        link = self.begin()
        self.wait(lambda: link.is_open, "open fired")
        link.close()

    def test_an_attempt_that_is_given_up_leaves_nothing(self) -> None:
        link = self.begin()
        link.close()
        self.rest()
        self.serves(self.open())

    def test_a_request_is_answered_once_under_its_own_id(self) -> None:
        link = self.open()
        # Ids are the client's: whatever they are, and with all of them open at once, none is taken for another.
        for id in IDS:
            self.ask(link, self.answered(), id)
        for id in IDS:
            assert isinstance(self.answer(link, id), Result), f"request {id!r} was answered with an error"

    def test_answers_are_answers_to_what_was_asked(self) -> None:
        link = self.open()
        asked = [self.ask(link, self.answered()) for _ in range(20)]
        self.wait(lambda: all(link.answers(id) for id in asked), "all requests were answered")
        self.rest()
        given = [one.id for one in link.received if isinstance(one, Result | Error)]
        strangers = [id for id in given if id not in (_FIRST, *asked)]
        assert strangers == [], f"answers to no request: {strangers}"

    def test_an_unknown_method_is_answered_once(self) -> None:
        link = self.open()
        self.answer(link, self.ask(link, ("no/such/method", {"x": [1, {"y": None}]})))
        self.serves(link)

    def test_an_unknown_notification_has_no_answer_and_does_no_harm(self) -> None:
        link = self.open()
        self.rest()
        before = len(link.received)
        link.notify("notifications/no/such", x=1)
        self.rest()
        answers = [one for one in link.received[before:] if isinstance(one, Result | Error)]
        assert answers == [], f"a notification was answered: {answers}"
        self.serves(link)

    def test_an_answer_to_no_request_does_no_harm(self) -> None:
        link = self.open()
        link.give(id="nothing", result={})
        link.give(id=99, error={"code": -32000, "message": "no"})
        self.serves(link)

    def test_a_cancelled_request_is_answered_once_at_most_and_the_rest_goes_on(self) -> None:
        link = self.open()
        id = self.ask(link, self.waiting())
        self.rest()
        link.notify(CANCELLED, requestId=id, reason="enough")
        self.serves(link)
        assert len(link.answers(id)) <= 1, f"a cancelled request has several answers: {link.answers(id)}"

    def test_what_is_cancelled_and_not_open_does_no_harm(self) -> None:
        link = self.open()
        done = self.ask(link, self.answered())
        self.answer(link, done)
        link.notify(CANCELLED, requestId=done)
        link.notify(CANCELLED, requestId="never")
        self.serves(link)
        assert len(link.answers(done)) == 1, "a request was answered again as it was cancelled"

    def test_conversations_know_nothing_of_each_other(self) -> None:
        one, other = self.open(), self.open()
        self.rest()
        before = len(other.received)
        self.ask(one, self.answered(), "same")
        self.answer(one, "same")
        assert [message for message in other.received[before:] if isinstance(message, Result | Error)] == []
        self.ask(other, self.answered(), "same")
        self.answer(other, "same")
        assert len(one.answers("same")) == 1
        one.close()
        self.serves(other)

    def test_nothing_is_sent_after_close(self) -> None:
        link = self.open()
        what = self.unanswered()
        if what is not None:
            self.ask(link, what)
            self.rest()
        for _ in range(3):
            self.ask(link, self.answered())
        link.close()
        self.rest()
        self.check_nothing_came_late()
        assert link.ended is None, f"the backend has ended a conversation that was closed: {link.ended}"

    def test_a_client_that_is_slow_loses_nothing(self) -> None:
        link = self.open()
        link.channel.pauseProducing()
        asked = [self.ask(link, self.answered()) for _ in range(5)]
        # Pausing is advisory, what comes none the less may come.
        self.rest()
        link.channel.resumeProducing()
        for id in asked:
            self.answer(link, id)
        self.wait(lambda: not link.paused, "it takes messages again")

    def test_a_client_may_be_slow_and_be_gone(self) -> None:
        link = self.open()
        link.channel.pauseProducing()
        self.ask(link, self.answered())
        link.close()

    def test_a_client_may_cease_to_read(self) -> None:
        link = self.open()
        link.channel.stopProducing()
        self.ask(link, self.answered())
        link.close()

    def test_what_is_in_flight_ends_with_what_was_to_answer_it(self) -> None:
        link = self.open()
        id = self.ask(link, self.waiting())
        self.rest()
        if not self.lose():
            raise SkipTest("nothing of this backend can fail")
        self.wait(lambda: link.ended is not None or bool(link.answers(id)), "it was answered, or the conversation lost")
        assert link.ended is None or isinstance(link.ended, McpwsError), f"lost with {link.ended!r}, no McpwsError"
        self.rest()
        assert len(link.answers(id)) <= 1, f"it was answered more than once: {link.answers(id)}"
        self.check_nothing_came_late()

    def test_stop_fires_with_conversations_that_are_open(self) -> None:
        links = [self.open() for _ in range(3)]
        what = self.unanswered()
        if what is not None:
            self.ask(links[0], what)
            self.rest()
        coming = self.begin()
        self.stop()
        sent = sum(len(link.received) for link in self.links)
        self.rest()
        assert sum(len(link.received) for link in self.links) == sent, "it has sent something after stop fired"
        self.check_nothing_came_late()
        for link in (*links, coming):
            assert link.ended is None or isinstance(link.ended, McpwsError), f"lost with {link.ended!r}"

    def test_what_begins_after_stop_has_an_outcome(self) -> None:
        self.serves(self.open())
        self.stop()
        link = self.begin()
        self.wait(lambda: link.is_open or link.refused is not None, "open fired or failed after stop")

    def test_what_can_be_told_of_it_can_be_told(self) -> None:
        self.serves(self.open())
        counted = getattr(self._made, "counted", None)
        if counted is not None:
            wrong = {name: count for name, count in counted().items() if not isinstance(count, int) or "." not in name}
            assert wrong == {}, f"counted tells numbers, and whose they are: {wrong}"
        described = getattr(self._made, "described", None)
        if described is not None:
            description = described()
            assert description.name, "described gives no name"
            assert description.summary, "described gives no summary"


def _told(link: RecordingLink) -> str:
    """One line on what a link has seen."""
    last = [encode(message)[:200].decode(errors="replace") for message in link.received[-3:]]
    ends = f"refused {link.refused!r}, ended {link.ended!r}, closed {link.closed!r}"
    return f"{link.identity.peer} got {len(link.received)} messages, was {ends}; the last: {last}"
