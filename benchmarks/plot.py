"""A chart of CPU per request as SVG: bars on a logarithmic scale, with their spread, readable on light and on dark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

from benchmarks.figures import Spread, number

WIDTH = 860
LABELS = 250
VALUES = 90
ROW = 20
BAR = 13
HEAD = 30
GAP = 26
TOP = 46
STYLE = """
text { font: 12px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 }
.panel { font-weight: 600 }
.axis { fill: #59636e; font-size: 10px }
.back { fill: #ffffff }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.bar { fill: #8c959f }
.ours { fill: #0969da }
.range { stroke: #1f2328; stroke-width: 1.5 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc }
.axis { fill: #9198a1 }
.back { fill: #0d1117 }
.grid { stroke: #3d444d }
.bar { fill: #656c76 }
.ours { fill: #4493f8 }
.range { stroke: #f0f6fc }
}
"""


@dataclass(frozen=True, slots=True)
class Panel:
    """One group of bars: labels and values, ours first."""

    title: str
    bars: Sequence[tuple[str, Spread]]


@dataclass(frozen=True, slots=True)
class Scale:
    """Powers of ten on a line: from 10**`first` to 10**`last`."""

    first: int
    last: int

    @classmethod
    def for_values(cls, values: Sequence[float]) -> Scale:
        """That has room for all of `values`, which are above 0."""
        first, last = floor(log10(min(values))), ceil(log10(max(values)))
        return cls(first, max(last, first + 1))

    def at(self, value: float) -> float:
        """Where `value` is, from the left edge of the picture."""
        share = (log10(value) - self.first) / (self.last - self.first)
        return LABELS + share * (WIDTH - LABELS - VALUES)


def svg(title: str, unit: str, panels: Sequence[Panel]) -> str:
    """The picture; each panel has a scale of its own."""
    drawn = [panel for panel in panels if panel.bars]
    body: list[str] = []
    y = TOP
    for panel in drawn:
        body += _panel(panel, unit, y)
        y += HEAD + ROW * len(panel.bars) + GAP
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            f'<rect class="back" width="{WIDTH}" height="{y}" rx="6"/>',
            f'<text class="title" x="16" y="28">{escape(title)}</text>',
            *body,
            "</svg>",
            "",
        ]
    )


def _panel(panel: Panel, unit: str, y: int) -> Iterable[str]:
    scale = Scale.for_values([edge for _, spread in panel.bars for edge in (spread.low, spread.high)])
    bottom = y + HEAD + ROW * len(panel.bars)
    yield f'<text class="panel" x="16" y="{y + 18}">{escape(panel.title)}</text>'
    for power in range(scale.first, scale.last + 1):
        x = scale.at(10.0**power)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{y + HEAD - 4}" y2="{bottom}"/>'
        text = f"{10.0**power:,g} {unit}" if power == scale.first else f"{10.0**power:,g}"
        yield f'<text class="axis" x="{x:.1f}" y="{bottom + 12}" text-anchor="middle">{text}</text>'
    for index, (name, spread) in enumerate(panel.bars):
        yield from _bar(name, spread, scale, y + HEAD + ROW * index, is_ours=index == 0)


def _bar(name: str, spread: Spread, scale: Scale, y: int, *, is_ours: bool) -> Iterable[str]:
    low, middle, high = (scale.at(value) for value in (spread.low, spread.median, spread.high))
    centre = y + BAR / 2
    yield f'<text x="{LABELS - 10}" y="{y + BAR - 2}" text-anchor="end">{escape(name)}</text>'
    kind = "ours" if is_ours else "bar"
    yield f'<rect class="{kind}" x="{LABELS}" y="{y}" width="{middle - LABELS:.1f}" height="{BAR}"/>'
    yield f'<line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="{centre}" y2="{centre}"/>'
    yield f'<text x="{high + 6:.1f}" y="{y + BAR - 2}">{number(spread.median)}</text>'
