"""Backoff: the time to wait before what has failed is tried again."""

from __future__ import annotations

from dataclasses import dataclass

from mcpws.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Waits that grow from `first` to `most` seconds, by `factor` with each failure in a row.

    Each is shortened by chance, so that those who failed together do not all come back together.

    :param spread: the share of a wait that is left to chance: 0 for none, 1 for all of it.
    :raises ConfigError: `first` is not above 0, `most` is below it, `factor` below 1, or `spread` not within 0 and 1.
    """

    first: float = 1
    factor: float = 2
    most: float = 30
    spread: float = 0.5

    def __post_init__(self) -> None:
        for key, fits, problem in (
            ("first", self.first > 0, "must be above 0"),
            ("most", self.most >= self.first, "must not be below the first wait"),
            ("factor", self.factor >= 1, "must be 1 or more"),
            ("spread", 0 <= self.spread <= 1, "must be 0 to 1"),
        ):
            if not fits:
                raise ConfigError(key, getattr(self, key), problem)

    def wait(self, failures: int, chance: float) -> float:
        """Seconds to wait after so many failures in a row, 1 or more; `chance` is from 0 to 1."""
        try:
            full = min(self.first * float(self.factor) ** (failures - 1), self.most)
        except OverflowError:
            full = self.most
        return full * (1 - self.spread * chance)


class Failures:
    """Failures in a row, and the time until which there is no further try.

    :param free: failures that are no reason to wait.
    """

    __slots__ = ("_backoff", "_count", "_free", "_not_before")

    def __init__(self, backoff: Backoff, free: int = 0) -> None:
        self._backoff = backoff
        self._free = free
        self._count = 0
        self._not_before = 0.0

    def add(self, now: float, chance: float) -> None:
        """Count a failure at `now`, in seconds; `chance` is from 0 to 1."""
        self._count += 1
        if self._count > self._free:
            self._not_before = now + self._backoff.wait(self._count - self._free, chance)

    def over(self) -> None:
        """Forget the failures: a try went well."""
        self._count = 0
        self._not_before = 0.0

    def left(self, now: float) -> float:
        """Seconds to wait; not above 0 for none."""
        return self._not_before - now
