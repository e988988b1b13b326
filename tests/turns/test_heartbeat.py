"""The one timer of a factory."""

from typing import Protocol

import pytest
from twisted.internet.task import Clock

from mcpws.config import WebSocketConfig
from mcpws.turns.heartbeat import Heartbeat, Swept, period


class LoggedErrors(Protocol):
    """The fixture `logged_errors`."""

    def flush(self, *types: type[BaseException]) -> list[object]: ...


class Noted:
    """Notes when it is swept."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.at: list[float] = []
        self._problem = problem

    def sweep(self, now: float) -> None:
        self.at.append(now)
        if self._problem is not None:
            raise self._problem


def test_everything_is_swept_every_period_until_it_stops(clock: Clock) -> None:
    swept = [Noted(), Noted()]
    heartbeat = Heartbeat(clock, 0.5, lambda: swept)
    heartbeat.start()
    heartbeat.start()
    clock.pump([0.5] * 3)
    heartbeat.stop()
    heartbeat.stop()
    clock.advance(10)
    assert [one.at for one in swept] == [[0.5, 1.0, 1.5]] * 2
    heartbeat.start()
    clock.advance(0.5)
    assert swept[0].at[-1] == 12.0
    heartbeat.stop()


def test_one_that_raises_is_logged_and_stops_nothing(clock: Clock, logged_errors: LoggedErrors) -> None:
    swept = [Noted(RuntimeError()), Noted()]
    heartbeat = Heartbeat(clock, 1, lambda: swept)
    heartbeat.start()
    clock.pump([1, 1])
    heartbeat.stop()
    assert [one.at for one in swept] == [[1, 2], [1, 2]]
    assert len(logged_errors.flush(RuntimeError)) == 2


def test_what_a_sweep_removes_does_not_disturb_it(clock: Clock) -> None:
    swept: dict[int, Swept] = {}

    class Leaving(Noted):
        def sweep(self, now: float) -> None:
            super().sweep(now)
            swept.clear()
            heartbeat.stop()

    first, second = Leaving(), Noted()
    swept |= {1: first, 2: second}
    heartbeat = Heartbeat(clock, 1, swept.values)
    heartbeat.start()
    clock.pump([1, 1])
    assert first.at == second.at == [1]


@pytest.mark.parametrize(
    ("config", "seconds"),
    [
        (WebSocketConfig(), 1),
        (WebSocketConfig(heartbeat_interval=0, heartbeat_timeout=0, timeout_seconds=None, initialize_timeout=None), 1),
        (WebSocketConfig(close_timeout=0.2), 0.2),
        (WebSocketConfig(stall_timeout=0.001), 0.01),
    ],
)
def test_the_period_suits_the_shortest_timeout(config: WebSocketConfig, seconds: float) -> None:
    assert period(config) == seconds
