"""How long to wait before what has failed is tried again."""

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
