"""Bursts: what is written while one event is handled goes out together, for a system call costs more than a message.

There is one `burst` for all transports, as there is one reactor: what one read from a child brings may be answers for
many clients, and what one read from a client brings may be for several children.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType


class Burst:
    """Whoever reads, handles what came within `with burst:`, which may be nested.

    Whoever writes may keep it while the burst `is_on`, and ask once for the end with `at_end`.
    """

    __slots__ = ("_depth", "_flushes", "at_end", "is_on")

    def __init__(self) -> None:
        self._depth = 0
        self._flushes: list[Callable[[], None]] = []
        self.is_on = False
        self.at_end: Callable[[Callable[[], None]], None] = self._flushes.append
        """Has what it is given called when the burst is over; that must not raise."""

    def __enter__(self) -> None:
        self._depth += 1
        self.is_on = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._depth -= 1
        if not self._depth:
            self.is_on = False
            flushes = self._flushes
            # Each is taken out before: should one raise after all, the others are called at the end of the next burst.
            while flushes:
                flushes.pop()()


burst = Burst()
