"""One LoopingCall for all connections of a factory: their Pings, and every timeout that they have."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from mcpws.config import WebSocketConfig

log = Logger()


class Swept(Protocol):
    """An object with timeouts of its own."""

    def sweep(self, now: float) -> None:
        """Do what is due at `now`."""


def period(config: WebSocketConfig) -> float:
    """Seconds between two sweeps: a second, or less where a timeout is shorter than that."""
    times = (
        config.timeout_seconds,
        config.initialize_timeout,
        config.heartbeat_interval,
        config.heartbeat_timeout,
        config.stall_timeout,
        config.close_timeout,
    )
    return max(0.01, min(1.0, *(time for time in times if time)))


class Heartbeat:
    """Sweeps while there is something to sweep; an idle factory has no timer."""

    def __init__(self, clock: IReactorTime, period: float, swept: Callable[[], Iterable[Swept]]) -> None:
        self._clock = clock
        self._period = period
        self._swept = swept
        self._loop = LoopingCall(self._sweep)
        self._loop.clock = clock

    def start(self) -> None:
        """There is a connection."""
        if not self._loop.running:
            self._loop.start(self._period, now=False)

    def stop(self) -> None:
        """There is none any more."""
        if self._loop.running:
            self._loop.stop()

    def _sweep(self) -> None:
        now = self._clock.seconds()
        for one in list(self._swept()):
            # A LoopingCall whose function raises never calls again: nothing may get out.
            try:
                one.sweep(now)
            except Exception:
                log.failure("a heartbeat failed for {connection}", connection=one)
