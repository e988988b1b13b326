"""Several servers of a port as one, for whoever looks at all of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mcpws.policy.stats import ServerStatistics
from mcpws.seam.interfaces import Backend
from mcpws.turns.timing import MAX_CODES, MAX_TOOLS, OTHER, Timing, Timings


@dataclass(frozen=True, slots=True)
class Part:
    """One server of several.

    :param statistics: its own, now.
    :param timings: of its requests by their methods; `tools` of calls by the names of their tools.
    """

    name: str
    path: str
    backend: Backend
    statistics: Callable[[], ServerStatistics]
    timings: Timings
    tools: Timings


class Sum:
    """The sums of the Timings of several servers, made when somebody asks.

    :param whole: Timings that are there all the time, and take in what was counted by servers that are gone.
    :param parts: those of the servers that are there, each with what the names of its kinds begin with.
    """

    def __init__(self, whole: Timings, parts: Callable[[], Sequence[tuple[str, Timings]]]) -> None:
        self._whole = whole
        self._parts = parts

    @property
    def by_name(self) -> Mapping[str, Timing]:
        """The sum of each kind; where there are too many, of the rest as OTHER."""
        found: dict[str, Timing] = {}
        for prefix, timings in (("", self._whole), *self._parts()):
            for name, timing in timings.by_name.items():
                if timing.count:
                    key = name if name == OTHER else prefix + name
                    kind = key if key in found or len(found) < MAX_TOOLS else OTHER
                    found.setdefault(kind, Timing()).include(timing)
        return found

    @property
    def errors(self) -> Mapping[int | str, int]:
        """Error answers by their codes, likewise."""
        found: dict[int | str, int] = {}
        for _, timings in (("", self._whole), *self._parts()):
            for code, count in timings.errors.items():
                kind = code if code in found or len(found) < MAX_CODES else OTHER
                found[kind] = found.get(kind, 0) + count
        return found
