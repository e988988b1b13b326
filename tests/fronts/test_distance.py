"""The distance that answers keep from progress; tests/fronts/test_front.py has what a client sees of it."""

from twisted.internet.task import Clock

from mcpws.core.ledger import Ledger
from mcpws.fronts.distance import Distance
from mcpws.jsonrpc.messages import Answer, Notification, Request, Result, to_raw

GAP = 0.05


class Rig:
    """Two open requests, of which the first has reported progress."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.gone: list[Answer] = []
        ledger = Ledger()
        ledger.from_client(Request(0, "initialize"))
        ledger.to_client(Result.answering(0, {"protocolVersion": "2025-11-25"}))
        for id in (1, 2):
            ledger.from_client(Request(id, "tools/call", to_raw({"_meta": {"progressToken": id}})))
        self.distance = Distance(ledger, self.clock, GAP, self.gone.append)
        assert self.distance.reports(progress(1))


def progress(token: int) -> Notification:
    return Notification("notifications/progress", to_raw({"progressToken": token, "progress": 1}))


def test_an_answer_soon_after_progress_waits_and_then_goes() -> None:
    rig = Rig()
    assert rig.distance.holds(Result.answering(1, {}))
    assert rig.distance
    rig.clock.advance(GAP)
    assert [answer.id for answer in rig.gone] == [1]
    assert not rig.distance


def test_a_later_answer_or_one_to_nothing_need_not_wait() -> None:
    rig = Rig()
    assert not rig.distance.holds(Result.answering(9, {}))
    rig.clock.advance(GAP)
    assert not rig.distance.holds(Result.answering(1, {}))
    assert rig.clock.getDelayedCalls() == []


def test_progress_of_what_is_answered_belongs_nowhere_and_that_of_others_does() -> None:
    rig = Rig()
    rig.distance.holds(Result.answering(1, {}))
    assert not rig.distance.reports(progress(1))
    assert rig.distance.reports(progress(2))


def test_what_is_withdrawn_does_not_go() -> None:
    rig = Rig()
    rig.distance.holds(Result.answering(1, {}))
    rig.distance.holds(Result.answering(2, {}))
    assert [answer.id for answer in rig.distance.withdraw(1)] == [1]
    rig.distance.let_go()
    assert [answer.id for answer in rig.gone] == [2]
    assert rig.clock.getDelayedCalls() == []


def test_nothing_goes_to_a_client_that_is_gone_and_no_timer_is_left() -> None:
    rig = Rig()
    rig.distance.holds(Result.answering(1, {}))
    rig.distance.forget()
    assert rig.gone == []
    assert rig.clock.getDelayedCalls() == []
