"""What came out of a run, and how it compares with what was asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field

from benchmarks.cases import BARS, Bar, Case
from benchmarks.figures import Sample, Spread, ratios, spread


@dataclass(slots=True)
class Results:
    """The samples of each case and competitor, one a round, None for a round that failed; and the reasons of these.

    `seconds` is the length of a window, `machine` what it was measured on and with, as names and values.
    """

    seconds: float
    machine: dict[str, str]
    samples: dict[str, dict[str, list[Sample | None]]] = field(default_factory=dict)
    errors: dict[str, dict[str, str]] = field(default_factory=dict)

    def add(self, case: str, competitor: str, sample: Sample | Exception) -> None:
        """One round's."""
        rounds = self.samples.setdefault(case, {}).setdefault(competitor, [])
        if isinstance(sample, Exception):
            rounds.append(None)
            self.errors.setdefault(case, {})[competitor] = str(sample)
        else:
            rounds.append(sample)

    def of(self, case: str, competitor: str) -> Sequence[Sample | None]:
        """All rounds; none if it took no part."""
        return self.samples.get(case, {}).get(competitor, ())

    def spread(self, case: str, competitor: str, measure: str) -> Spread | None:
        """Of a measure over the rounds."""
        return spread(self.of(case, competitor), measure)

    def ratio(self, case: Case, peer: str, measure: str) -> Spread | None:
        """Of ours/peer."""
        return ratios(self.of(case.name, case.competitors[0]), self.of(case.name, peer), measure)

    @property
    def rounds(self) -> int:
        """How many there were."""
        return max((len(rounds) for case in self.samples.values() for rounds in case.values()), default=0)

    def encode(self) -> str:
        """As JSON."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def decode(cls, encoded: str) -> Results:
        """What `encode` made."""
        return cls(**json.loads(encoded))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was reached of a bar; `reached` is None where nothing was measured."""

    bar: Bar
    reached: Spread | None

    @property
    def verdict(self) -> str:
        """`pass` or `MISSED`, by the median; `FAILED` if there is none."""
        if self.reached is None:
            return "FAILED"
        return "pass" if self.reached.median <= self.bar.at_most else "MISSED"


def judge(results: Results, cases: Iterable[Case], bars: Sequence[Bar] = BARS) -> list[Judgement]:
    """Every bar of the `cases` that were run."""
    by_name = {case.name: case for case in cases}
    judgements = []
    for bar in bars:
        if (case := by_name.get(bar.case)) is None:
            continue
        if bar.peer is None:
            reached = results.spread(case.name, case.competitors[0], bar.measure)
        else:
            reached = results.ratio(case, bar.peer, bar.measure)
        judgements.append(Judgement(bar, reached))
    return judgements
