"""Something that happens once, for any number of those who want to hear of it."""

from __future__ import annotations

from typing import Generic, TypeVar

from twisted.internet.defer import Deferred

T = TypeVar("T")


class Once(Generic[T]):
    """`fire` tells of it; `when` gives everybody who asks a Deferred of his own, before and after."""

    def __init__(self) -> None:
        self._value: tuple[T] | None = None
        self._waiting: list[Deferred[T]] = []

    @property
    def fired(self) -> bool:
        """Whether it has happened."""
        return self._value is not None

    def fire(self, value: T) -> None:
        """The event happens, with `value`; does nothing after the first time."""
        if self._value is None:
            self._value = (value,)
            waiting, self._waiting = self._waiting, []
            for one in waiting:
                one.callback(value)

    def when(self) -> Deferred[T]:
        """Fires with the value; whoever cancels it is not told."""
        waiting: Deferred[T] = Deferred(self._waiting.remove)
        if self._value is None:
            self._waiting.append(waiting)
        else:
            waiting.callback(self._value[0])
        return waiting
