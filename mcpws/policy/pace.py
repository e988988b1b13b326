"""Pace: how many things of a kind may be told in a second, so that nobody can fill a log with them."""

from __future__ import annotations


class Pace:
    """Lets `per_second` of them pass in each second; counts the others.

    :param per_second: the most in a second that begins with the first of them.
    """

    __slots__ = ("_began", "_hidden", "_passed", "_per_second")

    def __init__(self, per_second: int) -> None:
        self._per_second = per_second
        self._began = float("-inf")
        self._passed = 0
        self._hidden = 0

    def passes(self, now: float) -> bool:
        """Whether one more, at `now` in seconds, may be told."""
        if now - self._began >= 1:
            self._began = now
            self._passed = 0
        if self._passed >= self._per_second:
            self._hidden += 1
            return False
        self._passed += 1
        return True

    def hidden(self) -> int:
        """Number of those that were not told since this was asked last."""
        hidden, self._hidden = self._hidden, 0
        return hidden
