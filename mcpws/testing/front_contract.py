"""The contract of every front, as tests: the rules of a conversation, whatever carries the messages."""

from __future__ import annotations

from typing import Any
from unittest import SkipTest

from twisted.internet.defer import Deferred

from mcpws.errors import BackendLost, InvalidParams
from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Error, Notification, Request, Result, to_raw
from mcpws.mcp.meta import CLIENT_CAPABILITIES, CLIENT_INFO, PROTOCOL_VERSION
from mcpws.mcp.methods import CANCELLED, INITIALIZE, LOG_MESSAGE, PING, ROOTS_CHANGED, TOOLS_CALL, TOOLS_CHANGED
from mcpws.mcp.versions import MODERN_VERSIONS
from mcpws.seam.interfaces import Channel, Link
from mcpws.testing.front_under_test import FIRST, LIMIT, FrontUnderTest
from mcpws.testing.recording import RecordingBackend


class FrontContract(FrontUnderTest):
    """Tests of a front, for pytest. Subclass it, and say how yours is made and how a client connects::

        class TestMine(FrontContract):
            def serve(self, backend, observer):
                self.mine = Mine(backend, observer=observer, clock=self.clock, max_in_flight=self.max_in_flight, ...)

            def connect(self):
                return MyClient(self.mine)

    Its timers are on `self.clock`, and its limits are `max_in_flight`, `max_waiting` and, for a message in either
    direction, `LIMIT`. After each test every client hangs up, and then no timer may be left.

    `max_clients` is how many a server takes at a time, which the tests never need more of; None if each has its own.
    """

    # The tests.

    def test_requests_answers_and_notifications_pass_both_ways(self) -> None:
        client, conversation = self.begin()
        self.call(client, 1, x="\N{SNOWMAN}")
        self.say(client, method=ROOTS_CHANGED)
        [request, notification] = conversation.received
        assert isinstance(request, Request)
        assert isinstance(notification, Notification)
        conversation.answer(request, {"content": []})
        assert self.answer(client, 1)["result"] == {"content": []}
        conversation.link.send(Notification(TOOLS_CHANGED))
        assert [one["method"] for one in self.hear(client)] == [TOOLS_CHANGED]

    def test_the_backend_asks_and_is_answered(self) -> None:
        client, conversation = self.begin()
        conversation.link.send(Request("s1", PING))
        assert [(one["id"], one["method"]) for one in self.hear(client)] == [("s1", PING)]
        self.say(client, id="s1", result={})
        assert [type(one) for one in conversation.received] == [Result]

    def test_the_ids_are_the_clients(self) -> None:
        client, conversation = self.begin()
        for id in (0, "0", -1, 2**53, "", "\N{SNOWMAN}"):
            self.call(client, id)
            conversation.answer(conversation.requests[-1], {})
            self.answer(client, id)

    def test_messages_may_have_line_breaks_between_their_values(self) -> None:
        client, conversation = self.begin()
        self.call(client, 1)
        data = b'{"jsonrpc": "2.0",\n "id": 1,\r\n "result": {"text": "\\n"}}'
        answer = decode(data)
        conversation.link.send(answer)
        assert self.answer(client, 1)["result"] == {"text": "\n"}

    def test_what_is_no_json_is_answered_and_the_conversation_goes_on(self) -> None:
        client, conversation = self.begin()
        for text in (b"{", b"nothing", b'{"jsonrpc": "2.0"} {}'):
            client.send(text)
            heard = self.hear(client)
            assert [one["error"]["code"] for one in heard] == [-32700], f"{text!r} was answered with {heard}"
        self.is_served(client, conversation)

    def test_what_is_no_message_is_answered_and_the_conversation_goes_on(self) -> None:
        client, conversation = self.begin()
        for text, id in ((b"7", None), (b'{"jsonrpc":"2.0","id":7,"method":5}', 7), (b'{"id":8,"method":"x"}', 8)):
            client.send(text)
            [answer] = self.hear(client)
            assert (answer["error"]["code"], answer.get("id")) == (-32600, id), f"{text!r} was answered with {answer}"
        self.is_served(client, conversation)

    def test_an_answer_to_nothing_goes_nowhere(self) -> None:
        client, conversation = self.begin()
        self.say(client, id=99, result={})
        self.say(client, id="99", error={"code": 1, "message": "no"})
        assert (conversation.received, self.hear(client)) == ([], [])
        self.is_served(client, conversation)

    def test_an_answer_that_is_none_is_an_error_for_the_backend(self) -> None:
        client, conversation = self.begin()
        conversation.link.send(Request("s1", PING))
        self.hear(client)
        client.send(b'{"jsonrpc":"2.0","id":"s1","result":{},"error":{"code":1,"message":"both"}}')
        self.settle()
        assert [(type(one), getattr(one, "id", None)) for one in conversation.received] == [(Error, "s1")]

    def test_a_request_before_initialize_is_refused(self) -> None:
        client = self.come()
        self.call(client, 1)
        # For want of what a request has to say that stands for itself.
        self.error(client, 1, -32602)
        assert all(one.received == [] for one in self.recording.conversations), "it got to the backend"

    def test_a_request_that_stands_for_itself_needs_no_initialize(self) -> None:
        client = self.come()
        meta = {
            PROTOCOL_VERSION: MODERN_VERSIONS[-1],
            CLIENT_INFO: {"name": "x", "version": "1"},
            CLIENT_CAPABILITIES: {},
        }
        self.say(client, id=1, method=TOOLS_CALL, params={"name": "x", "_meta": meta})
        [conversation] = self.recording.conversations
        conversation.answer(conversation.requests[0], {})
        assert "result" in self.answer(client, 1)

    def test_an_id_in_use_is_refused_and_the_first_is_answered(self) -> None:
        client, conversation = self.begin()
        self.call(client, 1)
        self.call(client, 1)
        self.error(client, 1, -32600)
        [request] = conversation.requests
        conversation.answer(request, {})
        assert "result" in self.answer(client, 1)

    def test_over_the_limit_requests_wait_and_then_are_refused(self) -> None:
        client, conversation = self.begin()
        most, waiting = self.max_in_flight, self.max_waiting
        for id in range(most + waiting + 1):
            self.call(client, id)
        assert [one.id for one in conversation.requests] == list(range(most)), "no more than these go to the backend"
        refused = [one["id"] for one in self.hear(client) if one["error"]["code"] == 429]
        # A front that reads no more from then on need not refuse any.
        assert refused in ([], [most + waiting]), f"refused was {refused}"
        answered: list[Any] = []
        while len(conversation.requests) > len(answered):
            for request in conversation.requests[len(answered) :]:
                conversation.answer(request, {})
                answered.append(request.id)
            self.settle()
        assert [one["id"] for one in self.hear(client)] == answered
        assert answered == [id for id in range(most + waiting + 1) if id not in refused], "all others, in their order"

    def test_a_cancelled_request_has_no_answer(self) -> None:
        client, conversation = self.begin()
        self.call(client, 1)
        self.say(client, method=CANCELLED, params={"requestId": 1})
        [request, cancelled] = conversation.received
        assert isinstance(request, Request)
        assert isinstance(cancelled, Notification)
        conversation.answer(request, {})
        assert self.hear(client) == []
        assert self.diary.calls[-1] == (TOOLS_CALL, "cancelled")

    def test_a_message_that_is_too_large_harms_nobody_else(self) -> None:
        client, conversation = self.begin()
        self.call(client, 1, x="x" * LIMIT)
        assert conversation.received == [], "it got to the backend"
        heard = self.hear(client)
        assert client.is_gone() or "error" in heard[0], f"it was answered with {heard}"
        if not client.is_gone():
            self.is_served(client, conversation)
        if self.max_clients is not None:
            self.is_served(*self.begin())

    def test_an_answer_that_is_too_large_is_an_error(self) -> None:
        client, conversation = self.begin()
        self.call(client, 1)
        conversation.answer(conversation.requests[0], {"text": "x" * LIMIT})
        self.error(client, 1, 413)
        self.is_served(client, conversation)

    def test_when_the_backend_is_lost_what_is_open_is_answered_and_the_client_hung_up_on(self) -> None:
        client, conversation = self.begin()
        self.call(client, 1)
        self.lost.append(conversation)
        conversation.link.lost(BackendLost("it has failed"))
        self.error(client, 1, 502)
        self.wait(client.is_gone, "the client was hung up on", 20)
        conversation.answer(conversation.requests[0], {})

    def test_when_there_is_no_backend_the_client_is_told(self) -> None:
        coming: Deferred[Channel] = Deferred()

        class Refusing(RecordingBackend):
            def open(self, link: Link) -> Deferred[Channel]:
                return coming

        self._backend = Refusing()
        client = self.come()
        self.introduce(client)
        coming.errback(BackendLost("there is none"))
        self.error(client, FIRST, 502)
        self.wait(client.is_gone, "the client was hung up on", 20)

    def test_what_comes_before_the_backend_is_there_waits(self) -> None:
        class Late(RecordingBackend):
            def open(self, link: Link) -> Deferred[Channel]:
                return super().open(link).addCallback(self._later)

            def _later(self, channel: Channel) -> Deferred[Channel]:
                self.coming: Deferred[Channel] = Deferred()
                self.channel = channel
                return self.coming

        self._backend = self.recording = late = Late()
        client = self.come()
        self.introduce(client)
        assert self.hear(client) == []
        late.coming.callback(late.channel)
        assert "result" in self.answer(client, FIRST)
        self.is_served(client, late.conversations[0])

    def test_a_client_that_is_gone_before_the_backend_is_there_gives_the_attempt_up(self) -> None:
        cancelled: list[object] = []

        class Never(RecordingBackend):
            def open(self, link: Link) -> Deferred[Channel]:
                return Deferred(cancelled.append)

        self._backend = Never()
        client = self.come()
        client.hang_up()
        self.wait(lambda: len(cancelled) == 1, "the attempt was given up")

    def test_when_the_client_is_gone_its_channel_is_closed_and_nobody_waits(self) -> None:
        client, conversation = self.begin()
        self.call(client, 1)
        self.settle()
        client.hang_up()
        self.wait(lambda: conversation.closed is not None, "the channel was closed")
        # What the backend does not know yet does no harm.
        conversation.answer(conversation.requests[0], {})
        conversation.link.send(Notification(TOOLS_CHANGED))

    def test_a_slow_client_slows_its_backend_and_loses_nothing(self) -> None:
        client, conversation = self.begin()
        client.stop_reading()
        sent = 0
        while not conversation.paused:
            conversation.link.send(Notification(LOG_MESSAGE, to_raw({"data": [sent, "x" * (LIMIT // 2)]})))
            sent += 1
            self.settle()
            assert sent < 10_000, "100 MB wait for a client that reads nothing, and its backend is not paused"
        client.read_on()
        heard: list[Any] = []

        def all_came() -> bool:
            heard.extend(client.take())
            return len(heard) == sent and not conversation.paused

        self.wait(all_came, "all came, and the backend goes on")
        assert [one["params"]["data"][0] for one in heard] == list(range(sent))
        self.is_served(client, conversation)

    def test_a_slow_backend_slows_its_client_and_loses_nothing(self) -> None:
        client, conversation = self.begin()
        conversation.link.pauseProducing()
        for id in range(self.max_in_flight):
            self.call(client, id)
        assert conversation.received == [], "it takes no messages, and got some"
        conversation.link.resumeProducing()
        self.settle()
        assert [one.id for one in conversation.requests] == list(range(self.max_in_flight))
        for request in conversation.requests:
            conversation.answer(request, {})
        assert len(self.hear(client)) == self.max_in_flight

    def test_clients_know_nothing_of_each_other(self) -> None:
        if self.max_clients is None:
            raise SkipTest("each client has a front of its own")
        (one, first), (other, second) = self.begin(), self.begin()
        self.call(one, 1)
        self.call(other, 1)
        second.answer(second.requests[0], {"of": "the other"})
        assert (self.hear(one), self.answer(other, 1)["result"]) == ([], {"of": "the other"})
        other.hang_up()
        self.wait(lambda: second.closed is not None, "the other's channel was closed")
        assert first.closed is None
        first.answer(first.requests[0], {})
        self.answer(one, 1)

    def test_a_drain_lets_what_is_in_flight_finish(self) -> None:
        client, conversation = self.begin()
        self.call(client, 1)
        if not self.drain():
            raise SkipTest("this front does not drain")
        self.settle()
        assert not client.is_gone(), "a request is in flight"
        conversation.answer(conversation.requests[0], {})
        assert "result" in self.answer(client, 1)
        self.wait(client.is_gone, "the client was hung up on")

    def test_a_drain_refuses_what_is_new(self) -> None:
        client, conversation = self.begin()
        self.call(client, 1)
        if not self.drain() or self.statistics() is None:
            raise SkipTest("this front takes nothing new while it drains, or does not drain")
        self.settle()
        self.call(client, 2)
        self.error(client, 2, 503)
        conversation.answer(conversation.requests[0], {})
        self.answer(client, 1)
        late = self.connect()
        self.wait(late.is_gone, "who comes during a drain is hung up on")

    def test_a_drain_waits_no_longer_than_it_should(self) -> None:
        client, _ = self.begin()
        self.call(client, 1)
        if not self.drain():
            raise SkipTest("this front does not drain")
        heard: list[Any] = []

        def gone() -> bool:
            heard.extend(client.take())
            return client.is_gone()

        self.wait(gone, "the client was hung up on")
        assert [(one["id"], "error" in one) for one in heard if "id" in one] == [(1, True)]

    def test_more_clients_than_there_may_be_are_turned_away(self) -> None:
        statistics, most = None, self.max_clients
        if most is not None:
            pairs = [self.begin() for _ in range(most)]
            statistics = self.statistics()
        if most is None or statistics is None:
            raise SkipTest("this front has no Roster")
        late = self.connect()
        self.wait(late.is_gone, "who is one too many is hung up on")
        assert len(self.recording.conversations) == most, "it got to the backend"
        for client, conversation in pairs:
            self.is_served(client, conversation)
        after = self.statistics()
        assert after is not None
        assert (after.connections_refused, after.connections_total) == (1, most)

    def test_the_roster_counts_what_passes_and_keeps_it(self) -> None:
        client, conversation = self.begin()
        if self.statistics() is None:
            raise SkipTest("this front has no Roster")
        self.is_served(client, conversation)
        self.call(client, 1)
        client.send(b"nothing")
        self.hear(client)
        now = self.statistics()
        assert now is not None
        assert (now.active_connections, now.in_flight, now.bad_messages) == (1, 1, 1)
        # initialize, initialized, two calls, and what was none; the answers to all but two of them.
        assert (now.messages_received, now.messages_sent) == (5, 3)
        assert now.bytes_received > 100
        assert now.bytes_sent > 50
        client.hang_up()
        self.wait(lambda: conversation.closed is not None, "the channel was closed")
        after = self.statistics()
        assert after is not None
        assert (after.active_connections, after.connections_total, after.in_flight) == (0, 1, 0)
        assert (after.messages_received, after.messages_sent) == (5, 3), "totals never fall"

    def test_the_observer_is_told_from_the_beginning_to_the_end(self) -> None:
        client, conversation = self.begin()
        self.is_served(client, conversation)
        client.hang_up()
        self.wait(lambda: bool(self.diary.closings), "the observer was told of the end")
        assert [what for what, _ in self.diary.lines] == ["opened", "closed"]
        assert self.diary.lines[0][1] is self.diary.lines[1][1], "it is not the same Party"
        assert self.diary.calls == [(INITIALIZE, "ok"), (TOOLS_CALL, "ok")]
        [closing] = self.diary.closings
        assert (closing.by, closing.counts.messages_received, closing.counts.messages_sent) == ("them", 3, 2)

    def test_the_observer_is_told_of_each_request_how_it_ended(self) -> None:
        client, conversation = self.begin()
        self.call(client, 1)
        self.call(client, 2)
        conversation.answer(conversation.requests[0], InvalidParams("no"))
        self.error(client, 1, InvalidParams.code)
        client.hang_up()
        self.wait(lambda: bool(self.diary.closings), "the observer was told of the end")
        assert self.diary.calls[:-1] == [(INITIALIZE, "ok"), (TOOLS_CALL, "error")]
        # A client that is gone may have waited for its answers.
        assert self.diary.calls[-1] in ((TOOLS_CALL, "abandoned"), (TOOLS_CALL, "error"))
