"""Observers, one or several, and what becomes of what they raise."""

from inspect import signature
from typing import Protocol

import pytest

from mcpws.jsonrpc.messages import Request
from mcpws.seam.interfaces import Identity
from mcpws.seam.observer import MessageObserver, Observer, Party, Refused, tell, together
from tests.observing import METHODS, MessageRecorder, Raising, Recorder

PARTY = Party("client", 1, Identity("tester"))


class LoggedErrors(Protocol):
    """The fixture `logged_errors`."""

    def flush(self, *types: type[BaseException]) -> list[object]: ...


def test_no_observers_are_none() -> None:
    assert together() is None
    assert together(None, None) is None


def test_one_observer_stays_the_same() -> None:
    observer = Recorder()
    assert together(None, observer) is observer


def test_several_are_told_of_messages_only_if_one_wants_to_be() -> None:
    assert not isinstance(together(Recorder(), Observer()), MessageObserver)
    assert isinstance(together(Recorder(), MessageRecorder()), MessageObserver)


def test_what_one_raises_is_logged_and_keeps_nothing_from_the_others(logged_errors: LoggedErrors) -> None:
    before, raising, after = Recorder(), Raising(), MessageRecorder()
    observer = together(before, raising, after)
    assert isinstance(observer, MessageObserver)
    refused = Refused(1, "tester", 404, "nothing is served at this path", "/x", "paths")
    tell(observer.refused, refused)
    tell(observer.opened, PARTY)
    message = Request(1, "ping")
    tell(observer.received, PARTY, message)
    tell(observer.sent, PARTY, message)
    tell(observer.dropped, PARTY, message)
    assert before.told == ["refused", "opened"]
    assert after.told == ["refused", "opened", "received", "sent", "dropped"]
    assert raising.times == len(logged_errors.flush(LookupError)) == 5


def test_an_observer_may_even_exit(logged_errors: LoggedErrors, raised: type[BaseException]) -> None:
    def exit() -> None:
        raise raised

    tell(exit)
    assert len(logged_errors.flush(raised)) == 1


def test_parties_are_the_same_only_if_they_are_one() -> None:
    assert Party("client", 1, PARTY.identity) != PARTY
    assert {PARTY: 1}[PARTY] == 1


@pytest.mark.parametrize("method", METHODS)
def test_an_observer_need_not_define_anything(method: str) -> None:
    told = getattr(MessageObserver(), method)
    assert told(*signature(told).parameters) is None
