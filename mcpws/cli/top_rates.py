"""Rates of a server: what happened in each second between two looks at it, or since it began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcpws.admin.status import ConnectionReport, StatusReport

TOTALS = ("messages_received", "messages_sent", "bytes_received", "bytes_sent", "errors")


@dataclass(frozen=True, slots=True)
class Rates:
    """Things in a second; None where two looks are too close for one.

    :param is_average: whether they are those since the server began, for want of an earlier look at it.
    :param totals: of `requests`, and of each of `TOTALS`.
    :param cpu: seconds computed in a second: 1 is one processor. There is no average: it computes before it serves.
    :param connections: messages of each connection, either way, by its id.
    :param methods: requests of each method.
    :param tools: calls of each tool.
    """

    is_average: bool
    totals: Mapping[str, float | None]
    cpu: float | None
    connections: Mapping[int, float | None]
    methods: Mapping[str, float | None]
    tools: Mapping[str, float | None]


def requests_of(report: StatusReport) -> int:
    """Requests that were answered."""
    return sum(one.count for one in report.requests.values())


def messages_of(connection: ConnectionReport) -> int:
    """Messages of a connection, either way."""
    return connection.messages_received + connection.messages_sent


def rates(report: StatusReport, before: StatusReport | None) -> Rates:
    """The rates between two reports, by the server's own clock.

    :param before: the earlier one. One of another process, as before a restart, is as good as None.
    """
    if before is not None and not _is_the_same(report, before):
        before = None
    seconds = report.server.uptime - (0 if before is None else before.server.uptime)

    def rate(now: float, then: float, over: float = seconds) -> float | None:
        # Other servers of MCP may have a resource of this name: its numbers can be any.
        return max(0.0, (now - then) / over) if over > 0 else None

    old_totals: Mapping[str, int] = {} if before is None else before.totals
    old_requests = {} if before is None else {name: one.count for name, one in before.requests.items()}
    old_calls = {} if before is None else {name: one.count for name, one in before.tools.items()}
    totals = {name: rate(report.totals.get(name, 0), old_totals.get(name, 0)) for name in TOTALS}
    totals["requests"] = rate(requests_of(report), sum(old_requests.values()))
    known = {} if before is None else {one.id: messages_of(one) for one in before.connections}
    return Rates(
        is_average=before is None,
        totals=totals,
        cpu=None if before is None else rate(report.process.cpu, before.process.cpu),
        connections={
            one.id: rate(messages_of(one), known.get(one.id, 0), seconds if one.id in known else one.age)
            for one in report.connections
        },
        methods={name: rate(one.count, old_requests.get(name, 0)) for name, one in report.requests.items()},
        tools={name: rate(one.count, old_calls.get(name, 0)) for name, one in report.tools.items()},
    )


def _is_the_same(report: StatusReport, before: StatusReport) -> bool:
    """Whether both are of one process; its id alone may be that of another by now, in a container above all."""
    return report.process.pid == before.process.pid and report.server.uptime >= before.server.uptime
