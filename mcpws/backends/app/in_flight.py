"""The functions that are running, for who has to wait until none is."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

log = Logger()


class InFlight:
    """Deferreds of the running functions of all clients, each until it has fired."""

    def __init__(self) -> None:
        self._running: dict[Deferred[Any], str] = {}
        self._waiting: dict[Deferred[None], IDelayedCall] = {}

    def add(self, work: Deferred[Any], name: str) -> None:
        """Count `work`, which `name` tells people of, until it fires; what it fires with is left as it is."""
        self._running[work] = name
        work.addBoth(self._fired, work)

    def when_none(self, clock: IReactorTime, seconds: float) -> Deferred[None]:
        """Fires when none is running. After `seconds` it fires all the same, and what still runs is logged by name."""
        if not self._running:
            return succeed(None)
        none: Deferred[None] = Deferred(lambda none: self._waiting.pop(none).cancel())
        self._waiting[none] = clock.callLater(seconds, self._give_up, none, seconds)
        return none

    def _fired(self, result: Any, work: Deferred[Any]) -> Any:
        self._running.pop(work, None)
        if not self._running:
            waiting, self._waiting = self._waiting, {}
            for none, timer in waiting.items():
                timer.cancel()
                none.callback(None)
        return result

    def _give_up(self, none: Deferred[None], seconds: float) -> None:
        del self._waiting[none]
        left = Counter(self._running.values())
        log.warn(
            "not waited for any longer than {seconds:g} s, though cancelled: {names}",
            seconds=seconds,
            names=", ".join(f"{name} ({count})" if count > 1 else name for name, count in left.items()),
        )
        none.callback(None)
