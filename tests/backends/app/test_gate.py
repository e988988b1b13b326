from twisted.internet.defer import Deferred

from mcpws.backends.app.gate import Gate
from mcpws.errors import ConnectionClosed


def waits(deferred: Deferred[None]) -> bool:
    return not deferred.called


def test_an_open_gate_lets_through_at_once() -> None:
    assert not waits(Gate().wait())


def test_a_shut_gate_lets_through_when_it_opens() -> None:
    gate = Gate()
    gate.shut()
    first, second = gate.wait(), gate.wait()
    assert waits(first)
    gate.open()
    assert not waits(first)
    assert not waits(second)
    assert not waits(gate.wait())


def test_who_gets_through_may_make_the_others_wait_on() -> None:
    gate = Gate()
    gate.shut()
    first, second, third = gate.wait(), gate.wait(), gate.wait()
    second.addCallback(lambda _: gate.shut())
    gate.open()
    assert [waits(one) for one in (first, second, third)] == [False, False, True]
    gate.open()
    assert not waits(third)


def test_who_gives_up_is_forgotten() -> None:
    gate = Gate()
    gate.shut()
    first, second = gate.wait(), gate.wait()
    failures: list[object] = []
    first.addErrback(failures.append)
    first.cancel()
    assert len(failures) == 1
    gate.open()
    assert not waits(second)


def test_the_end_fails_who_waits_and_who_comes_later() -> None:
    gate = Gate()
    gate.shut()
    reason = ConnectionClosed(1001, "gone")
    reasons: list[object] = []
    early = gate.wait()
    gate.end(reason)
    for one in (early, gate.wait()):
        one.addErrback(lambda failure: reasons.append(failure.value))
    assert reasons == [reason, reason]
