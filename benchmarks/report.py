"""Results as tables, for a terminal and for Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.cases import Case
from benchmarks.competitors import label
from benchmarks.figures import Spread, number
from benchmarks.results import Judgement, Results


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text; the first column is on the left, the others on the right."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def text(self) -> str:
        """In columns."""
        widths = [max(map(len, column)) for column in zip(self.header, *self.rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.rjust(width) if index else cell.ljust(width)
                for index, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (self.header, *self.rows)
        )

    def markdown(self) -> str:
        """As GitHub has them."""
        lines = [self.header, ("---", *("---:" for _ in self.header[1:])), *self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def spread_text(spread: Spread | None) -> str:
    """`median [least, greatest]`, or a dash."""
    if spread is None:
        return "-"
    return f"{number(spread.median)} [{number(spread.low)}, {number(spread.high)}]"


def bars_table(judgements: Iterable[Judgement]) -> Table:
    """What had to be reached, and what was."""
    rows = []
    for judgement in judgements:
        bar = judgement.bar
        against = bar.unit if bar.peer is None else label(bar.peer)
        rows.append((bar.case, against, spread_text(judgement.reached), number(bar.at_most), judgement.verdict))
    return Table(("case", "ours against, or measure", "median", "at most", "verdict"), tuple(rows))


def case_table(results: Results, case: Case) -> Table:
    """One case: a row for each competitor that is in the results."""
    columns, compared = _columns(case)
    (first, first_measure), *others = columns
    rows = []
    for name in case.competitors:
        is_ours = name == case.competitors[0]
        ratio = "" if is_ours else spread_text(results.ratio(case, name, compared))
        found = [results.spread(case.name, name, measure) for _, measure in others]
        medians = ["-" if one is None else number(one.median) for one in found]
        counted = spread_text(results.spread(case.name, name, first_measure))
        rows.append((label(name) + failure(results, case, name), counted, ratio, *medians))
    return Table(("", first, "ours/peer", *(title for title, _ in others)), tuple(rows))


def _columns(case: Case) -> tuple[list[tuple[str, str]], str]:
    """Titles and measures, the first one with its spread; and the measure that is compared."""
    mode = case.group.mode
    if mode == "idle":
        return [
            ("KiB a connection", "kib"),
            ("CPU %", "cpu_percent"),
            ("us a Ping", "ping_us"),
            ("Pings each", "pings"),
        ], "kib"
    if mode == "growth":
        steps = [(f"us, {connections:,} open", f"cpu_us {connections}") for connections in case.open]
        return [("growth", "growth"), *steps], f"cpu_us {case.open[-1]}"
    if mode == "deflate":
        return [("CPU us", "cpu_us")], "cpu_us"
    children = [("children's us", "children_us")] if case.group.name == "gateway" else []
    latencies = [(f"{name} us", name) for name in ("p50", "p99", "p99.9")]
    return [("CPU us", "cpu_us"), *children, ("requests/s", "per_second"), *latencies], "cpu_us"


def failure(results: Results, case: Case, name: str) -> str:
    """What is to be added to the name of a competitor that failed, in all rounds or in some."""
    reason = results.errors.get(case.name, {}).get(name)
    if reason is None:
        return ""
    rounds = results.of(case.name, name)
    times = sum(sample is None for sample in rounds)
    return f" FAILED in {times} of {len(rounds)} rounds: {reason.replace('|', '/')}"


def losses(results: Results, cases: Sequence[Case]) -> list[str]:
    """Where ours costs more than a peer, the worst first: a sentence's part for each."""
    found = []
    for case in cases:
        _, measure = _columns(case)
        for peer in case.competitors[1:]:
            ratio = results.ratio(case, peer, measure)
            if ratio is not None and ratio.median > 1:
                found.append((ratio.median, f"{case.name}: {number(ratio.median)} times {label(peer)}"))
    return [text for _, text in sorted(found, reverse=True)]


def terminal(results: Results, cases: Sequence[Case], judgements: Sequence[Judgement]) -> str:
    """Everything, for a terminal."""
    parts = []
    for case in cases:
        parts += [f"{case.name}: {case.group.title.lower()}, {case.title}", case_table(results, case).text(), ""]
    if judgements:
        parts += ["The bar", bars_table(judgements).text()]
    return "\n".join(parts)
