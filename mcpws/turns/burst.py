"""Bursts: what is written while one event is handled goes out together, for a system call costs more than a message.

There is one `burst` for all transports, as there is one reactor: what one read from a child brings may be answers for
many clients, and what one read from a client brings may be for several children.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Burst:
    """Whoever reads, handles what came `during` a burst; bursts within it are part of it.

    Whoever writes may keep it while the burst `is_on`, and ask once for the end with `at_end`.
    """

    __slots__ = ("_flushes", "at_end", "began", "is_on")

    def __init__(self) -> None:
        self._flushes: list[Callable[[], None]] = []
        self.is_on = False
        self.began = 0.0
        """When it did, by the clock of whoever reads."""
        self.at_end: Callable[[Callable[[], None]], None] = self._flushes.append
        """Has what it is given called when the burst is over; that must not raise."""

    def during(self, work: Callable[..., object], *arguments: Any) -> None:
        """Call `work(*arguments)`, which may raise, and end the burst if it began with this."""
        if self.is_on:
            work(*arguments)
            return
        self.is_on = True
        try:
            work(*arguments)
        finally:
            self.is_on = False
            flushes = self._flushes
            # Each is taken out before: should one raise after all, the others are called at the end of the next burst.
            while flushes:
                flushes.pop()()


burst = Burst()
