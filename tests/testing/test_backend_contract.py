"""The contract of backends: it holds for the recording one, and finds each thing that a backend may do wrong."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest import SkipTest

import pytest
from msgspec import Raw
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from mcpws.core.ledger import cancelled_id
from mcpws.errors import BackendLost
from mcpws.jsonrpc.messages import Message, Notification, Request, RequestId, Result
from mcpws.mcp.methods import CANCELLED
from mcpws.seam.interfaces import Backend, Link
from mcpws.testing import BackendContract, RecordingBackend


class TestRecordingBackend(BackendContract):
    """It answers by the hand of the test."""

    def backend(self) -> Backend:
        self.recording = RecordingBackend()
        return self.recording

    def answered(self) -> tuple[str, dict[str, Any]]:
        return "ping", {}

    def unanswered(self) -> tuple[str, dict[str, Any]]:
        return "tools/call", {"name": "waits"}

    def settle(self, condition: Callable[[], bool]) -> None:
        for conversation in self.recording.conversations:
            if conversation.closed is None:
                for request in conversation.requests:
                    if request.method != "tools/call":
                        conversation.answer(request, {})
                        conversation.received.remove(request)

    def lose(self) -> bool:
        self.recording.conversations[-1].link.lost(BackendLost("it has failed"))
        return True


class TestRecordingBackendForModernClients(TestRecordingBackend):
    modern = True


# What is wrong is found.


class Channel:
    """Answers every request at once; a subclass does one thing wrong."""

    def __init__(self, backend: "Echo", link: Link) -> None:
        self.backend = backend
        self.link = link
        self.gone = False

    def receive(self, message: Message) -> None:
        if type(message) is Request:
            self.answer(message.id)

    def answer(self, id: RequestId) -> None:
        self.link.send(Result(id, Raw(b"{}")))

    def close(self, reason: str) -> None:
        self.gone = True

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def stopProducing(self) -> None: ...


class Echo:
    """A backend whose clock the contract looks at."""

    def __init__(self, clock: Clock, channel: type[Channel] = Channel) -> None:
        self.clock = clock
        self.channel = channel
        self.channels: list[Channel] = []

    def open(self, link: Link) -> Deferred[Any]:
        self.channels.append(self.channel(self, link))
        return succeed(self.channels[-1])

    def stop(self) -> Deferred[None]:
        return succeed(None)


class Twice(Channel):
    def answer(self, id: RequestId) -> None:
        super().answer(id)
        super().answer(id)


class InText(Channel):
    def answer(self, id: RequestId) -> None:
        super().answer(str(id))


class Never(Channel):
    def receive(self, message: Message) -> None:
        if type(message) is Request and message.method != "no/such/method":
            super().receive(message)


class ToNotifications(Channel):
    def receive(self, message: Message) -> None:
        super().receive(message)
        if type(message) is Notification and message.method == "notifications/no/such":
            self.answer("notified")


class AgainWhenCancelled(Channel):
    def receive(self, message: Message) -> None:
        super().receive(message)
        id = cancelled_id(message) if type(message) is Notification and message.method == CANCELLED else None
        if id is not None:
            self.answer(id)


class AfterClose(Channel):
    def close(self, reason: str) -> None:
        self.link.send(Notification("notifications/message"))


class LostWhenClosed(Channel):
    def close(self, reason: str) -> None:
        self.link.lost(BackendLost(reason))


class ToTheLast(Channel):
    def answer(self, id: RequestId) -> None:
        self.backend.channels[-1].link.send(Result(id, Raw(b"{}")))


class Forgetful(Channel):
    paused = False

    def answer(self, id: RequestId) -> None:
        if not self.paused:
            super().answer(id)

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False


class Pausing(Channel):
    def pauseProducing(self) -> None:
        self.link.pauseProducing()


class Ticking(Channel):
    def __init__(self, backend: Echo, link: Link) -> None:
        super().__init__(backend, link)
        backend.clock.callLater(3600, int)


class WithoutDeferred(Echo):
    def open(self, link: Link) -> Any:
        return self.channel(self, link)


class StopsAtOnce(Echo):
    def stop(self) -> Any:
        return None


class NeverStops(Echo):
    def stop(self) -> Deferred[None]:
        return Deferred()


class FailsToStop(Echo):
    def stop(self) -> Deferred[None]:
        return fail(BackendLost("no"))


class GoesOn(Echo):
    def stop(self) -> Deferred[None]:
        for one in self.channels:
            if not one.gone:
                self.clock.callLater(0.01, one.link.send, Notification("notifications/message"))
        return succeed(None)


class CountsInWords(Echo):
    def counted(self) -> dict[str, Any]:
        return {"answers": "many"}


class Under(BackendContract):
    """The contract, without pytest."""

    def __init__(self, make: Callable[[Clock], Any]) -> None:
        self.make = make

    def backend(self) -> Backend:
        backend: Backend = self.make(self.clock)
        return backend

    def unanswered(self) -> None:
        return None

    def failures(self) -> dict[str, str]:
        """What each test that fails says."""
        failures = {}
        for name in sorted(vars(BackendContract)):
            if name.startswith("test_"):
                self.setup_method()
                try:
                    with suppress(SkipTest):
                        getattr(self, name)()
                    self.teardown_method()
                except AssertionError as error:
                    failures[name] = str(error)
        return failures


def test_what_does_all_right_has_no_failure() -> None:
    assert Under(Echo).failures() == {}


@pytest.mark.parametrize(
    ("channel", "test", "said"),
    [
        (Twice, "test_a_request_is_answered_once_under_its_own_id", "has 2 answers"),
        (InText, "test_a_request_is_answered_once_under_its_own_id", "request 0 was answered"),
        (Never, "test_an_unknown_method_is_answered_once", "was answered"),
        (ToNotifications, "test_an_unknown_notification_has_no_answer_and_does_no_harm", "a notification was answered"),
        (AgainWhenCancelled, "test_what_is_cancelled_and_not_open_does_no_harm", "answered again"),
        (AfterClose, "test_nothing_is_sent_after_close", "sent after the end"),
        (LostWhenClosed, "test_nothing_is_sent_after_close", "has ended a conversation that was closed"),
        (ToTheLast, "test_conversations_know_nothing_of_each_other", "'same' was answered"),
        (Forgetful, "test_a_client_that_is_slow_loses_nothing", "was answered"),
        (Pausing, "test_a_client_that_is_slow_loses_nothing", "it takes messages again"),
        (Ticking, "test_a_conversation_begins", "timers are left after stop"),
    ],
)
def test_a_channel_that_does_wrong_is_found(channel: type[Channel], test: str, said: str) -> None:
    assert said in Under(lambda clock: Echo(clock, channel)).failures()[test]


@pytest.mark.parametrize(
    ("backend", "test", "said"),
    [
        (WithoutDeferred, "test_open_gives_a_deferred", "no Deferred"),
        (StopsAtOnce, "test_a_conversation_begins", "no Deferred"),
        (NeverStops, "test_a_conversation_begins", "stop fired"),
        (FailsToStop, "test_a_conversation_begins", "stop failed"),
        (GoesOn, "test_stop_fires_with_conversations_that_are_open", "after stop fired"),
        (CountsInWords, "test_what_can_be_told_of_it_can_be_told", "counted tells numbers"),
    ],
)
def test_a_backend_that_does_wrong_is_found(backend: type[Echo], test: str, said: str) -> None:
    assert said in Under(backend).failures()[test]


@pytest.mark.parametrize("name", ["backend", "unanswered"])
def test_a_contract_says_what_has_to_be_told_of_a_backend(name: str) -> None:
    with pytest.raises(NotImplementedError, match="your backend"):
        getattr(BackendContract(), name)()
