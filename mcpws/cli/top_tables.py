"""The tables of `mcpws top`: connections, methods, limits, refusals and children of one report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from rich.text import Text

from mcpws.admin.status import ChildReport, ConnectionReport, RefusalReport, RequestsReport, StatusReport
from mcpws.cli.columns import HEADING, Column, Row, cut, escaped, flow, table
from mcpws.cli.quantities import NONE, count, duration, latency, per_second, size
from mcpws.cli.top_rates import Rates
from mcpws.cli.top_sorts import SORTS
from mcpws.core.lifecycle import ConnectionState

_ADVICE = 30
"""Columns that the longest advice takes."""

_WITH_PEER = 100
"""Columns from which a refusal has room for who was refused."""

Kind: TypeAlias = tuple[str, RequestsReport]
"""A method or a tool, by its name."""


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, and rows below it.

    :param title: what the rows are, in the plural.
    :param hidden: things for which no row was made.
    :param weight: rows that it gets for one of another section, where there is no room for all.
    :param least: rows, if there are so many, with fewer of which it is not worth its heading.
    """

    title: str
    heading: Text
    rows: Sequence[Row]
    hidden: int = 0
    weight: int = 1
    least: int = 2

    @property
    def holds(self) -> int:
        """Things of which it is."""
        return sum(row.holds for row in self.rows) + self.hidden

    @property
    def wanted(self) -> int:
        """Lines for all of it, without its heading; where rows are hidden more than there can be."""
        return len(self.rows) + bool(self.hidden)


def sections(report: StatusReport, found: Rates, width: int, sort: str, most: int | None) -> list[Section]:
    """What there is something to show of, the most important first. There is always one of connections.

    :param most: rows that there can be room for in any of them; None for all.
    """
    key, marked = SORTS[sort]
    connections = sorted(report.connections, key=lambda one: (key(one, found), one.id))
    if connections:
        first = _section("connections", _connections(found), connections, width, most, marked)
        first = replace(first, weight=2, least=4)
    else:
        first = Section(
            "connections", _heading("connections", width), [Row(Text(cut("no client is connected", width), "dim"), 0)]
        )
    kinds = (("method", report.requests, found.methods), ("tool", report.tools, found.tools))
    both = (("limits hit", report.limits), ("error codes", report.errors))
    all = [
        first,
        *(_section(f"{kind}s", _kinds(kind, per), _most_first(of), width, most) for kind, of, per in kinds),
        *(Section(title, _heading(title, width), flow(_numbers(numbers), width)) for title, numbers in both),
        _section("refusals", _refusals(width), report.refusals, width, most),
        _section("children", _CHILDREN, report.children, width, most),
    ]
    return [one for one in all if one.rows]


def _section(
    title: str,
    columns: Sequence[Column[Any]],
    things: Sequence[Any],
    width: int,
    most: int | None,
    marked: str = "",
) -> Section:
    shown = things if most is None else things[:most]
    heading, rows = table(columns, shown, width, marked)
    return Section(title, heading, rows, len(things) - len(shown))


def _heading(title: str, width: int) -> Text:
    return Text(f"{title:{width}}"[:width], HEADING)


def _numbers(numbers: Mapping[str, int]) -> list[Text]:
    most_first = sorted(numbers.items(), key=lambda one: (-one[1], one[0]))
    return [Text.assemble(escaped(name), " ", (count(number), "yellow")) for name, number in most_first]


def _connections(found: Rates) -> Sequence[Column[ConnectionReport]]:
    return (
        Column("id", lambda one: str(one.id), 4, 0, 8, right=True),
        Column("peer", lambda one: peer(one.peer), 15, 2, 47),
        Column("client", lambda one: one.client or NONE, 10, 1, 24, style=lambda one: "bold"),
        Column("version", lambda one: one.client_version or NONE, 7, 11, 14),
        Column("MCP", lambda one: one.protocol or NONE, 10, 9),
        Column("age", lambda one: duration(one.age), 6, 6, right=True),
        Column("flight", lambda one: count(one.in_flight), 6, 3, right=True),
        Column("in", lambda one: count(one.messages_received), 5, 4, right=True),
        Column("out", lambda one: count(one.messages_sent), 5, 5, right=True),
        Column("msg/s", lambda one: per_second(found.connections.get(one.id)), 5, 10, right=True),
        Column("queued", lambda one: size(one.queued_bytes), 6, 7, right=True, style=_queued_style),
        Column("rtt", lambda one: latency(one.round_trip), 6, 8, right=True),
        Column("state", lambda one: one.state, 9, 12, 13, style=_state_style),
    )


def _queued_style(one: ConnectionReport) -> str:
    return "yellow" if one.queued_bytes else ""


def _failed_style(one: Kind) -> str:
    return "red" if one[1].failed else ""


def _state_style(one: ConnectionReport) -> str:
    return "" if one.state == ConnectionState.CONNECTED.value else "yellow"


def peer(text: str) -> str:
    """An address in as little room as it takes: `tcp4:127.0.0.1:80` without the kind, `tcp6:::1:80` as `[::1]:80`."""
    kind, _, rest = text.partition(":")
    if kind == "tcp4" and rest:
        return rest
    host, _, port = rest.rpartition(":")
    return f"[{host}]:{port}" if kind == "tcp6" and host else text


def _most_first(requests: Mapping[str, RequestsReport]) -> Sequence[Kind]:
    return sorted(requests.items(), key=lambda one: (-one[1].count, one[0]))


def _kinds(kind: str, per_kind: Mapping[str, float | None]) -> Sequence[Column[Kind]]:
    return (
        Column(kind, lambda one: one[0], 18, 0, 40),
        Column("count", lambda one: count(one[1].count), 6, 1, right=True),
        Column("per s", lambda one: per_second(per_kind.get(one[0])), 5, 6, right=True),
        Column(
            "errors",
            lambda one: count(one[1].failed),
            6,
            2,
            right=True,
            style=lambda one: "red" if one[1].failed else "",
        ),
        Column("p50", lambda one: latency(one[1].p50), 6, 3, right=True),
        Column("p95", lambda one: latency(one[1].p95), 6, 4, right=True),
        Column("p99", lambda one: latency(one[1].p99), 6, 5, right=True),
    )


def _refusals(width: int) -> Sequence[Column[RefusalReport]]:
    # What to do is worth more than all that was asked for, of which the beginning may do.
    has_peer = width >= _WITH_PEER
    room = width - (38 if has_peer else 16)
    advice = max(10, min(_ADVICE, room * 3 // 5))
    of_peer: Column[RefusalReport] = Column("peer", lambda one: peer(one.peer), 21, 4)
    return (
        Column("refused", lambda one: f"{duration(one.ago)} ago", 10, 3),
        Column("HTTP", lambda one: NONE if one.status is None else str(one.status), 4, 2),
        *((of_peer,) if has_peer else ()),
        Column("why", _why, max(10, room - advice - 1), 0),
        Column("advice", lambda one: one.advice or "", advice, 1),
    )


def _why(one: RefusalReport) -> str:
    return one.text if one.value is None else f"{one.text}: {one.value}"


_CHILDREN: Sequence[Column[ChildReport]] = (
    Column("child", lambda one: str(one.pid), 7, 0, right=True),
    Column("client", lambda one: NONE if one.connection is None else f"#{one.connection}", 6, 2, right=True),
    Column("age", lambda one: duration(one.age), 6, 3, right=True),
    Column("memory", lambda one: size(one.memory), 6, 4, right=True),
    Column("program", lambda one: one.program, 20, 1, 200),
)
