"""A channel on its way, and whoever ceases to want it meanwhile."""

from collections.abc import Callable

import pytest
from twisted.internet.defer import CancelledError, Deferred

from mcpws.errors import BackendLost, McpwsError
from mcpws.jsonrpc.messages import Message
from mcpws.seam.interfaces import Channel, Identity, Link
from mcpws.seam.opening import Opening
from mcpws.testing import RecordingBackend
from tests.conftest import LoggedErrors


class Waiting(RecordingBackend):
    """Has its outcome when the test says so; `asked` is called from within `open`."""

    def __init__(self, canceller: Callable[[Deferred[Channel]], None] | None = None) -> None:
        super().__init__(initialize=False)
        self.attempt: Deferred[Channel] = Deferred(canceller)
        self.asked: Callable[[], None] = lambda: None

    def open(self, link: Link) -> Deferred[Channel]:
        super().open(link)
        self.asked()
        return self.attempt


class Raising(RecordingBackend):
    """Raises where it should return a Deferred."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error

    def open(self, link: Link) -> Deferred[Channel]:
        raise self.error


class Asker:
    """The Link of what it begins to open; notes its outcomes."""

    identity = Identity("tester")

    def __init__(self, backend: RecordingBackend) -> None:
        self.outcomes: list[Channel | McpwsError] = []
        self.opening = Opening(self.outcomes.append, self.outcomes.append, "nothing came of it")
        self._backend = backend

    def begin(self) -> None:
        self.opening.begin(self._backend, self)

    @property
    def texts(self) -> list[str]:
        return [str(outcome) for outcome in self.outcomes]

    def send(self, message: Message) -> None:
        raise AssertionError("nothing is sent before there is a channel")

    def lost(self, reason: McpwsError) -> None:
        raise AssertionError("what has no channel is not lost")

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def stopProducing(self) -> None: ...


def test_a_channel_that_is_there_at_once_comes_from_within_begin() -> None:
    backend = RecordingBackend()
    asker = Asker(backend)
    asker.begin()
    assert asker.outcomes == backend.conversations


def test_a_channel_that_comes_later_comes_once() -> None:
    backend = Waiting()
    asker = Asker(backend)
    asker.begin()
    assert asker.outcomes == []
    backend.attempt.callback(backend.conversations[0])
    assert asker.outcomes == backend.conversations
    asker.opening.give_up("too late to matter")
    assert backend.conversations[0].closed is None


def test_why_there_is_no_channel_is_told_as_the_backend_says_it() -> None:
    backend = Waiting()
    asker = Asker(backend)
    asker.begin()
    error = BackendLost("no such program")
    backend.attempt.errback(error)
    assert asker.outcomes == [error]


def test_what_nobody_foresaw_is_logged_and_told_in_our_words(
    raised: type[BaseException], logged_errors: LoggedErrors
) -> None:
    asker = Asker(Raising(raised("a secret")))
    asker.begin()
    assert asker.texts == ["nothing came of it"]
    assert len(logged_errors.flush(raised)) == 1


def test_an_attempt_that_nobody_wants_is_cancelled_without_an_outcome() -> None:
    backend = Waiting()
    asker = Asker(backend)
    asker.begin()
    asker.opening.give_up("the client is gone")
    asker.opening.give_up("and again")
    assert backend.attempt.called
    assert asker.outcomes == []


def test_a_channel_that_comes_though_it_was_cancelled_is_closed_with_the_reason() -> None:
    backend = Waiting(lambda attempt: attempt.callback(backend.conversations[0]))
    asker = Asker(backend)
    asker.begin()
    asker.opening.give_up("the client is gone")
    assert backend.conversations[0].closed == "the client is gone"
    assert asker.outcomes == []


def test_an_attempt_given_up_from_within_it_is_cancelled_once_it_has_begun() -> None:
    backend = Waiting()
    asker = Asker(backend)
    backend.asked = lambda: asker.opening.give_up("the client is gone")
    asker.begin()
    assert backend.attempt.called
    assert asker.outcomes == []


def test_what_its_backend_has_lost_is_not_cancelled_but_closed_if_it_comes() -> None:
    backend = Waiting()
    asker = Asker(backend)
    asker.begin()
    asker.opening.forget("the backend is gone")
    assert not backend.attempt.called
    backend.attempt.callback(backend.conversations[0])
    assert backend.conversations[0].closed == "the backend is gone"
    assert asker.outcomes == []


def test_a_failure_of_what_nobody_wants_is_told_nobody() -> None:
    backend = Waiting(lambda attempt: attempt.errback(BackendLost("given up")))
    asker = Asker(backend)
    asker.begin()
    asker.opening.give_up("the client is gone")
    assert asker.outcomes == []


def test_a_fault_in_what_nobody_wants_is_logged_all_the_same(logged_errors: LoggedErrors) -> None:
    backend = Waiting(lambda attempt: attempt.errback(ZeroDivisionError()))
    asker = Asker(backend)
    asker.begin()
    asker.opening.give_up("the client is gone")
    assert len(logged_errors.flush(ZeroDivisionError)) == 1
    assert asker.outcomes == []


def test_a_backend_that_cancels_by_itself_has_failed(logged_errors: LoggedErrors) -> None:
    backend = Waiting()
    asker = Asker(backend)
    asker.begin()
    backend.attempt.cancel()
    assert asker.texts == ["nothing came of it"]
    assert len(logged_errors.flush(CancelledError)) == 1


@pytest.mark.parametrize("fires", [True, False])
def test_nothing_waits_after_the_outcome(fires: bool) -> None:
    backend = Waiting()
    asker = Asker(backend)
    asker.begin()
    if fires:
        backend.attempt.callback(backend.conversations[0])
    else:
        backend.attempt.errback(BackendLost("gone"))
    asker.opening.give_up("later")
    assert len(asker.outcomes) == 1
