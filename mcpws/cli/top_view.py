"""The picture of a running server: what `mcpws top` shows of a report. It reads no clock and needs no terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.text import Text

from mcpws.admin.status import StatusReport
from mcpws.cli.columns import cut, ends, escaped, flow
from mcpws.cli.quantities import NONE, count, duration, latency, per_second, size, size_per_second
from mcpws.cli.top_rates import Rates, rates, requests_of
from mcpws.cli.top_tables import Section, sections

LEAST_WIDTH = 60
"""Columns for which the tables are made; a narrower terminal shows what is left of them."""

_TOTALS = (
    ("requests", "requests", count, per_second),
    ("msgs in", "messages_received", count, per_second),
    ("msgs out", "messages_sent", count, per_second),
    ("data in", "bytes_received", size, size_per_second),
    ("data out", "bytes_sent", size, size_per_second),
    ("errors", "errors", count, per_second),
)
_LABEL, _LEAST_CELL, _MOST_CELL = 6, 9, 14


@dataclass(frozen=True, slots=True)
class Picture:
    """What is shown.

    :param before: the report before that one, for rates; None for those since the server began.
    :param sort: the key of the connections' order, one of `top_tables.SORTS`.
    :param problem: that there is with the connection, in place of the server's own state.
    :param foot: the last line: the keys that may be pressed; or a question, which `asks` is for.
    """

    report: StatusReport
    before: StatusReport | None = None
    sort: str = "rate"
    problem: str | None = None
    foot: str = ""
    asks: bool = False

    def lines(self, width: int, height: int) -> list[Text]:
        """Exactly `height` lines of at most `width` cells."""
        width = max(1, width)
        head = self._head(width)
        foot = Text(cut(escaped(self.foot), width), "bold yellow" if self.asks else "dim")
        room = height - len(head) - 1
        body = fitted(self._sections(width, max(room, 1)), room, width) if room > 0 else []
        lines = [*head, *body][: max(0, height - 1)]
        lines += [Text()] * (height - 1 - len(lines))
        return [*lines, foot][: max(0, height)]

    def text(self, width: int) -> str:
        """All of it as plain text, however many lines that takes."""
        everything = self._sections(width, None)
        lines = [*self._head(width)]
        for one in everything:
            lines += [Text(), one.heading, *(row.text for row in one.rows)]
        return "\n".join(line.plain.rstrip() for line in lines)

    def _sections(self, width: int, most: int | None) -> list[Section]:
        return sections(self.report, rates(self.report, self.before), width, self.sort, most)

    def _head(self, width: int) -> list[Text]:
        report = self.report
        found = rates(report, self.before)
        server = report.server
        up = Text(f"up {duration(server.uptime)}")
        name = Text(cut(escaped(server.summary or server.name), width - up.cell_len - 2), "bold")
        about = Text(f"since {_moment(server.since)}  pid {report.process.pid}  mcpws {escaped(server.mcpws)}", "dim")
        return [
            ends(name, up, width),
            ends(self._state(), about, width),
            *_totals(report, found, width),
            *(row.text for row in flow(list(_facts(report, found)), width)),
        ]

    def _state(self) -> Text:
        if self.problem is not None:
            return Text(escaped(self.problem), "bold red")
        unready = self.report.server.unready
        return Text("ready", "green") if unready is None else Text(f"not ready: {escaped(unready)}", "bold yellow")


def fitted(all: Sequence[Section], height: int, width: int) -> list[Text]:
    """The lines of the sections, at most `height`.

    There are blank ones between them if there is room for everything. Else a line in each says how many more there are,
    and one in the end what the sections have that found no place at all.
    """
    whole = sum(1 + len(one.rows) for one in all)
    if not any(one.hidden for one in all) and whole + len(all) <= height:
        return [line for one in all for line in (Text(), one.heading, *(row.text for row in one.rows))]
    shown = list(all)
    while len(shown) > 1 and _least(shown, len(shown) < len(all)) > height:
        shown.pop()
    if height < 2 + (len(shown) < len(all)):
        shown = []
    left_out = all[len(shown) :]
    lines_of = {one.title: min(one.least, one.wanted) for one in shown}
    if len(shown) == 1:
        lines_of[shown[0].title] = 1
    free = height - len(shown) - sum(lines_of.values()) - bool(left_out)
    while free > 0 and (growing := [one for one in shown if lines_of[one.title] < one.wanted]):
        for one in growing:
            more = min(one.weight, free, one.wanted - lines_of[one.title])
            lines_of[one.title] += more
            free -= more
    lines = [line for one in shown for line in (one.heading, *_rows(one, lines_of[one.title], width))]
    if left_out and height > 0:
        names = ", ".join(f"{one.title} {one.holds}" for one in left_out)
        lines.append(Text(cut(f"not shown: {names}", width), "dim"))
    return lines


def _least(shown: Sequence[Section], with_more: bool) -> int:
    """Lines below which a section is better left out than shown."""
    return sum(1 + min(one.least, one.wanted) for one in shown) + with_more


def _rows(section: Section, lines: int, width: int) -> Iterator[Text]:
    if not section.hidden and len(section.rows) <= lines:
        yield from (row.text for row in section.rows)
        return
    kept = section.rows[: lines - 1]
    yield from (row.text for row in kept)
    more = section.holds - sum(row.holds for row in kept)
    yield Text(cut(f"… {more} more {section.title}" if kept else f"… {more} {section.title}", width), "dim")


def _totals(report: StatusReport, found: Rates, width: int) -> list[Text]:
    cell = max(_LEAST_CELL, min(_MOST_CELL, (width - _LABEL) // len(_TOTALS)))
    totals = report.totals | {"requests": requests_of(report)}
    heading, total, speed = Text(" " * _LABEL, "dim"), Text(f"{'total':{_LABEL}}"), Text()
    speed.append(f"{'avg/s' if found.is_average else 'per s':{_LABEL}}")
    for title, name, whole, each_second in _TOTALS:
        style = "red" if name == "errors" and totals.get(name) else ""
        heading.append(f"{title:>{cell}}")
        total.append(f"{whole(totals.get(name, 0)):>{cell}}", style)
        rate = found.totals[name]
        speed.append(f"{each_second(rate):>{cell}}", "red" if name == "errors" and rate else "bold")
    lines = [heading, total, speed]
    for line in lines:
        line.truncate(width)
    return lines


def _facts(report: StatusReport, found: Rates) -> Iterator[Text]:
    totals = report.totals
    yield _fact("lag", latency(report.process.lag), report.process.lag > 0.1)
    yield _fact("memory", size(report.process.memory))
    computed = f"{report.process.cpu:.1f}s"
    yield _fact("CPU", computed if found.cpu is None else f"{100 * found.cpu:.1f}%")
    yield _fact("in flight", count(totals.get("in_flight", 0)))
    yield _fact("queued", size(totals.get("queued_bytes", 0)), totals.get("queued_bytes", 0) > 0)
    yield _fact("open", count(totals.get("connections", 0)))
    yield _fact("made", count(totals.get("connections_total", 0)))
    yield _fact("refused", count(totals.get("connections_refused", 0)), totals.get("connections_refused", 0) > 0)
    yield _fact("aborted", count(totals.get("connections_aborted", 0)), totals.get("connections_aborted", 0) > 0)


def _fact(label: str, value: str, is_remarkable: bool = False) -> Text:
    return Text.assemble((f"{label} ", "dim"), (value, "yellow" if is_remarkable else ""))


def _moment(since: float) -> str:
    try:
        return datetime.fromtimestamp(since).strftime("%Y-%m-%d %H:%M:%S")
    except (OverflowError, OSError, ValueError):
        return NONE
