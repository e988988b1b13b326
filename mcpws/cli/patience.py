"""The time that an answer may take, which stands still while a person is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mcpws.errors import RequestTimeout
from mcpws.turns.timer import Timer


class Patience:
    """Gives a request `seconds`, None for no limit; `held` makes them longer."""

    def __init__(self, clock: IReactorTime, seconds: float | None) -> None:
        self._clock = clock
        self._seconds = seconds
        self._left = seconds
        self._since = 0.0
        self._timer = Timer(clock)
        self._asked: Deferred[Any] | None = None
        self._over = False

    def with_answer(self, method: str, asked: Deferred[Any]) -> Deferred[Any]:
        """`asked`, cancelled when the time is over; it fails with RequestTimeout then."""
        self._asked = asked
        self._go_on()
        return asked.addBoth(self._answered, method)

    @contextmanager
    def held(self) -> Iterator[None]:
        """No time passes meanwhile."""
        if self._timer.is_set and self._left is not None:
            self._timer.stop()
            self._left -= self._clock.seconds() - self._since
        try:
            yield
        finally:
            self._go_on()

    def _go_on(self) -> None:
        if self._left is not None and self._asked is not None and not self._asked.called:
            self._since = self._clock.seconds()
            self._timer.set(max(0.0, self._left), self._passed)

    def _passed(self) -> None:
        self._over = True
        assert self._asked is not None
        self._asked.cancel()

    def _answered(self, result: Any, method: str) -> Any:
        self._timer.stop()
        self._asked = None
        if self._over and isinstance(result, Failure) and result.check(CancelledError):
            assert self._seconds is not None
            raise RequestTimeout(method, self._seconds)
        return result
