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
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mcpws.errors import (
    InvalidParams,
    McpwsError,
)
from mcpws.jsonrpc.messages import Request
from tests.turns.ends import GONE, End, raising


class Side:
    """One of two ends, with the fate of each of its requests."""

    def __init__(self, clock: Clock) -> None:
        self.end = End(clock)
        self.end.methods = {
            "now": lambda request: {},
            "refuse": raising,
            "later": self.later,
            "coroutine": self.coroutine,
        }
        self.working: list[Deferred[object]] = []
        self.asked: list[Deferred[None]] = []
        self.fates: list[list[str]] = []

    def later(self, request: Request) -> Deferred[object]:
        work: Deferred[object] = Deferred(self.working.remove)
        self.working.append(work)
        return work

    async def coroutine(self, request: Request) -> object:
        return await self.later(request)

    def ask(self, method: str, timeout: float | None) -> None:
        fate: list[str] = []

        def failed(failure: Failure) -> None:
            failure.trap(McpwsError, CancelledError)
            fate.append(type(failure.value).__name__)

        asked = self.end.caller.request(method, timeout=timeout)
        self.asked.append(asked.addCallback(lambda _: fate.append("answered")).addErrback(failed))
        self.fates.append(fate)

    def finish(self, work: Deferred[object], fails: bool) -> None:
        self.working.remove(work)
        if fails:
            work.errback(InvalidParams("too small"))
        else:
            work.callback({})


sides = st.integers(0, 1)


class TwoEnds(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.sides = (Side(self.clock), Side(self.clock))
        self.lost = False

    def deliver_one(self, side: int) -> None:
        message = self.sides[side].end.out.popleft()
        self.sides[not side].end.receive(message)

    @rule(
        side=sides,
        method=st.sampled_from(["now", "refuse", "later", "later", "coroutine", "unknown"]),
        timeout=st.sampled_from([None, 1, 3]),
    )
    def ask(self, side: int, method: str, timeout: float | None) -> None:
        self.sides[side].ask(method, timeout)

    @precondition(lambda self: not self.lost)
    @rule(side=sides, count=st.integers(1, 3))
    def deliver(self, side: int, count: int) -> None:
        for _ in range(min(count, len(self.sides[side].end.out))):
            self.deliver_one(side)

    @rule(side=sides, draw=st.data(), fails=st.booleans())
    def finish(self, side: int, draw: st.DataObject, fails: bool) -> None:
        one = self.sides[side]
        if one.working:
            one.finish(draw.draw(st.sampled_from(one.working)), fails)

    @rule(side=sides, draw=st.data())
    def cancel(self, side: int, draw: st.DataObject) -> None:
        asked = self.sides[side].asked
        if asked:
            asked[draw.draw(st.integers(0, len(asked) - 1))].cancel()

    @rule(seconds=st.sampled_from([0.5, 1.0]))
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(chance=st.integers(0, 9))
    def lose(self, chance: int) -> None:
        if chance == 0:
            self.lost = True
            for side in self.sides:
                side.end.rpc.lost(GONE)

    @invariant()
    def every_request_waits_or_has_one_fate(self) -> None:
        for side in self.sides:
            assert [len(fate) for fate in side.fates] == [asked.called for asked in side.asked]
            waiting = sum(not asked.called for asked in side.asked)
            assert side.end.rpc.pending == waiting
            assert side.end.rpc.working == len(side.working)

    def teardown(self) -> None:
        while not self.lost and any(side.end.out or side.working for side in self.sides):
            for number, side in enumerate(self.sides):
                while side.end.out:
                    self.deliver_one(number)
                while side.working:
                    side.finish(side.working[0], fails=False)
        for side in self.sides:
            assert all(len(fate) == 1 for fate in side.fates)
            assert side.end.rpc.pending == 0
            assert side.end.rpc.working == 0
            assert side.working == []
        assert self.clock.getDelayedCalls() == []


@pytest.mark.proves("mcp/2025-11-25/basic/utilities/cancellation#race")
def test_between_two_ends_every_request_has_one_fate_whatever_happens() -> None:
    run_state_machine_as_test(TwoEnds, settings=settings(deadline=None, stateful_step_count=30))
