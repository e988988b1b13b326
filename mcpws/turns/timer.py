"""Timer: one thing that is due later, put off and called off as often as need be."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime


class Timer:
    """At most one call that is due later, of one owner.

    For what there is one of for a connection, a process or a server. What exists for each message keeps its delayed
    call by hand: most of these set none, and need no Timer to find that out.

    :param clock: makes the call.
    """

    __slots__ = ("_call", "_clock")

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._call: IDelayedCall | None = None

    @property
    def is_set(self) -> bool:
        """Whether a call is due; no more while it is made."""
        return self._call is not None

    def set(self, seconds: float, act: Callable[..., object], *arguments: object) -> None:
        """Have `act(*arguments)` called in `seconds`, instead of what was due."""
        self.stop()
        self._call = self._clock.callLater(seconds, self._due, act, *arguments)

    def stop(self) -> None:
        """Call off what is due, if anything is."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _due(self, act: Callable[..., object], *arguments: object) -> None:
        self._call = None
        act(*arguments)
