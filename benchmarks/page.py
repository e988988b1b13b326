"""The page with the results of a run, and its plot."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from string import Template
from textwrap import fill

from benchmarks.cases import PLOTTED, Case
from benchmarks.competitors import label
from benchmarks.plot import Panel, svg
from benchmarks.report import bars_table, case_table, losses
from benchmarks.results import Judgement, Results

TEMPLATE = Path(__file__).parent / "performance.template.md"
UNIT = "us"


def page(results: Results, cases: Sequence[Case], judgements: Sequence[Judgement], plot: str | None) -> str:
    """The whole page, in Markdown; `plot` is where the picture is, from there."""
    lost = losses(results, cases)
    return Template(TEMPLATE.read_text()).substitute(
        rounds=results.rounds,
        seconds=f"{results.seconds:g}",
        bars=bars_table(judgements).markdown(),
        plot=f"![CPU time of a request, ours and the peers']({plot})\n" if plot else "",
        losses="\n".join(f"- {loss}" for loss in lost) if lost else "Nowhere among these cases.",
        groups="\n".join(_groups(results, cases)),
        machine="\n".join(f"- {name}: {value}" for name, value in results.machine.items()),
    )


def picture(results: Results, cases: Sequence[Case]) -> str:
    """CPU per request in the cases that say most, as SVG."""
    by_name = {case.name: case for case in cases}
    panels = [_panel(results, by_name[name]) for name in PLOTTED if name in by_name]
    return svg("CPU time of a request, logarithmic: median, least and greatest of the rounds", UNIT, panels)


def _panel(results: Results, case: Case) -> Panel:
    found = [(label(name), results.spread(case.name, name, "cpu_us")) for name in case.competitors]
    return Panel(
        f"{case.group.title}: {case.title}",
        [(name, spread) for name, spread in found if spread is not None],
    )


def _groups(results: Results, cases: Sequence[Case]) -> list[str]:
    lines: list[str] = []
    for group, members in groupby(cases, key=lambda case: case.group):
        lines += [f"### {group.title}", "", fill(group.about, 120, break_on_hyphens=False), ""]
        for case in members:
            lines += [f"`{case.name}`: {case.title}", "", case_table(results, case).markdown(), ""]
    return lines
