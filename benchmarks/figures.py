"""Pure arithmetic on what was measured: percentiles, quotients and their spread."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

Sample = Mapping[str, float]
"""What one window gave: the value of each measure."""

PERCENTILES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, least and greatest of several rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        return cls(median(values), min(values), max(values))


def spread(samples: Sequence[Sample | None], measure: str) -> Spread | None:
    """Of one measure, over the rounds that have it; None if none has."""
    values = [sample[measure] for sample in samples if sample is not None and measure in sample]
    return Spread.of(values) if values else None


def ratios(ours: Sequence[Sample | None], peers: Sequence[Sample | None], measure: str) -> Spread | None:
    """Of ours/peer within each round; rounds that lack one of the two do not count."""
    values = [
        our[measure] / peer[measure]
        for our, peer in zip(ours, peers, strict=False)
        if our is not None and peer is not None and measure in our and peer.get(measure)
    ]
    return Spread.of(values) if values else None


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """The least of the `ordered` values that `fraction` of them do not exceed (nearest rank)."""
    if not ordered:
        raise ValueError("no values have no percentile")
    return ordered[max(0, ceil(fraction * len(ordered)) - 1)]


class Reservoir:
    """Keeps values evenly spread over all that came, fewer than `limit` of them, an even number."""

    def __init__(self, limit: int = 1 << 18) -> None:
        self._limit = limit
        self._stride = 1
        self._until_next = 1
        self._values = array("d")

    def add(self, value: float) -> None:
        """One more; every second, then every fourth and so on is kept once there are too many."""
        self._until_next -= 1
        if self._until_next:
            return
        self._values.append(value)
        self._until_next = self._stride
        if len(self._values) == self._limit:
            self._values = self._values[::2]
            self._stride *= 2

    def percentiles(self) -> dict[str, float]:
        """Of what is kept: `p50`, `p99` and `p99.9`."""
        ordered = sorted(self._values)
        return {name: percentile(ordered, fraction) for name, fraction in PERCENTILES.items()} if ordered else {}

    def __iter__(self) -> Iterator[float]:
        return iter(self._values)


def summary(answers: int, elapsed: float, cpu_ns: int, children_ns: int, latencies: Reservoir) -> dict[str, float]:
    """One window's measures: microseconds of CPU for a request, requests per second, latencies in microseconds."""
    if answers == 0:
        raise TimeoutError(f"nothing was answered in {elapsed:.1f} s")
    return {
        "cpu_us": cpu_ns / answers / 1e3,
        "children_us": children_ns / answers / 1e3,
        "per_second": answers / elapsed,
        **{name: seconds * 1e6 for name, seconds in latencies.percentiles().items()},
    }


def number(value: float) -> str:
    """Three digits that count: `0.0123`, `1.23`, `12.3`, `123`, `12,345`."""
    if value and abs(value) < 100:
        digits = 0
        while abs(value) * 10**digits < 99.95 and digits < 4:
            digits += 1
        return f"{value:.{digits}f}"
    return f"{value:,.0f}"
