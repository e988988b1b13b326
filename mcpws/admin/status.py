"""The state of a server as one value: `/status.json` is its JSON."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from itertools import accumulate

from msgspec import Struct

from mcpws.admin.process import cpu_seconds, resident_bytes
from mcpws.admin.together import Part
from mcpws.admin.view import View
from mcpws.core.counters import COUNTED
from mcpws.log.events import advice
from mcpws.policy.stats import ConnectionStatistics, ServerStatistics
from mcpws.seam.interfaces import description_of, unready_reason
from mcpws.turns.timing import BOUNDS, Counted, Timing
from mcpws.version import __version__

PERCENTILES = (0.5, 0.95, 0.99)


class ServerReport(Struct, frozen=True):
    """What is served. `since` is in seconds since 1970; `unready` says why nobody new can be served, if so."""

    name: str
    summary: str
    mcpws: str
    since: float
    uptime: float
    unready: str | None


class ProcessReport(Struct, frozen=True):
    """The process that serves: its id, memory in bytes, seconds that it computed, and the lag of its event loop."""

    pid: int
    memory: int | None
    cpu: float
    lag: float


class PartReport(Struct, frozen=True):
    """One server of several: `path` is where it is, `unready` says why nobody new can be served, if so."""

    name: str
    path: str
    summary: str
    unready: str | None
    connections: int
    connections_total: int
    messages_received: int
    messages_sent: int
    errors: int


class ConnectionReport(Struct, frozen=True):
    """One client. Times are in seconds; `round_trip` is that of the last Ping.

    `server` is the name of its server where there are several, empty of who is connected to all of them together.
    """

    id: int
    peer: str
    client: str | None
    client_version: str | None
    protocol: str | None
    state: str
    age: float
    idle: float
    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    errors: int
    in_flight: int
    queued_bytes: int
    round_trip: float | None
    server: str = ""


class RequestsReport(Struct, frozen=True):
    """The requests of one kind that were answered. Times are in seconds, estimated from buckets; None without any.

    `buckets` are their numbers by the `bounds` of the whole report, each without those of the ones before, and one more
    for what took longer: of two reports, the percentiles of what was answered between them.
    """

    count: int
    failed: int
    mean: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    buckets: Sequence[int] = ()


class ChildReport(Struct, frozen=True):
    """One child process; `connection` is its client's."""

    pid: int
    program: str
    connection: int | None
    age: float
    memory: int | None


class RefusalReport(Struct, frozen=True):
    """A connection that was refused `ago` seconds; `advice` says what would let it in, if anything would."""

    ago: float
    peer: str
    status: int | None
    text: str
    value: str | None
    advice: str | None


class StatusReport(Struct, frozen=True):
    """Everything. `totals` are all counters, and what is open now; the keys of `errors` are codes.

    `requests` are by their methods; those that call a tool are in `tools` by its name as well. `bounds` are the seconds
    that their buckets reach to. `servers` are those of this port, where there are several.
    """

    server: ServerReport
    process: ProcessReport
    totals: dict[str, int]
    connections: Sequence[ConnectionReport]
    requests: dict[str, RequestsReport]
    errors: dict[str, int]
    limits: dict[str, int]
    backend: dict[str, int]
    children: Sequence[ChildReport]
    refusals: Sequence[RefusalReport]
    tools: dict[str, RequestsReport] = {}
    bounds: Sequence[float] = ()
    servers: Sequence[PartReport] = ()


def status_of(view: View, lag: float) -> StatusReport:
    """The state now.

    :param lag: seconds, as `View.lag` measures them.
    """
    statistics = view.statistics()
    parts = [(part, part.statistics()) for part in view.parts()]
    servers = {one.id: part.name for part, counted in parts for one in counted.connections}
    now = view.clock.seconds()
    described = description_of(view.backend)
    totals = {name: getattr(statistics, name) for name in COUNTED} | {
        "connections": statistics.active_connections,
        "connections_total": statistics.connections_total,
        "connections_refused": statistics.connections_refused,
        "connections_aborted": statistics.connections_aborted,
        "in_flight": statistics.in_flight,
        "queued_bytes": statistics.queued_bytes,
    }
    return StatusReport(
        server=ServerReport(
            described.name,
            described.summary,
            __version__,
            time.time() - statistics.uptime,
            statistics.uptime,
            view.unready(),
        ),
        process=ProcessReport(os.getpid(), resident_bytes(os.getpid()), cpu_seconds(), lag),
        totals=totals,
        connections=[_connection(view, one, servers.get(one.id, "")) for one in statistics.connections],
        bounds=BOUNDS,
        requests=_requests(view.timings),
        tools=_requests(view.tools),
        errors={str(code): count for code, count in view.timings.errors.items()},
        limits=dict(statistics.limits),
        backend=dict(statistics.backend),
        children=[
            ChildReport(one.pid, one.program, one.connection, now - one.started, resident_bytes(one.pid))
            for one in view.activity.children
        ],
        refusals=[
            RefusalReport(now - at, one.peer, one.status, one.text, one.value, advice(one))
            for at, one in view.activity.refusals
        ],
        servers=[_part(part, counted) for part, counted in parts],
    )


def percentile(timing: Timing, share: float) -> float | None:
    """Seconds within which this share of the requests was answered, as far as the buckets tell; None without any.

    Within a bucket they are taken for evenly spread; those above all bounds for as long as the last one.
    """
    wanted = timing.count * share
    if not wanted:
        return None
    below = 0.0
    for bound, least, count, total in zip(
        BOUNDS, (0.0, *BOUNDS), timing.buckets, accumulate(timing.buckets), strict=False
    ):
        if total >= wanted:
            return least + (bound - least) * (wanted - below) / count
        below = total
    return BOUNDS[-1]


def _requests(timings: Counted) -> dict[str, RequestsReport]:
    return {name: _of_kind(timing) for name, timing in timings.by_name.items() if timing.count}


def _of_kind(timing: Timing) -> RequestsReport:
    mean = timing.seconds / timing.count if timing.count else None
    p50, p95, p99 = (percentile(timing, share) for share in PERCENTILES)
    return RequestsReport(timing.count, timing.failed, mean, p50, p95, p99, tuple(timing.buckets))


def _part(part: Part, counted: ServerStatistics) -> PartReport:
    return PartReport(
        name=part.name,
        path=part.path,
        summary=description_of(part.backend).summary,
        unready=unready_reason(part.backend),
        connections=counted.active_connections,
        connections_total=counted.connections_total,
        messages_received=counted.messages_received,
        messages_sent=counted.messages_sent,
        errors=counted.errors,
    )


def _connection(view: View, one: ConnectionStatistics, server: str) -> ConnectionReport:
    client = view.activity.client(one.id)
    return ConnectionReport(
        id=one.id,
        peer=one.peer,
        client=None if client is None else client.name,
        client_version=None if client is None else client.version,
        protocol=None if client is None else client.protocol,
        state=one.state.value,
        age=one.uptime,
        idle=one.idle,
        messages_received=one.messages_received,
        messages_sent=one.messages_sent,
        bytes_received=one.bytes_received,
        bytes_sent=one.bytes_sent,
        errors=one.errors,
        in_flight=one.in_flight,
        queued_bytes=one.queued_bytes,
        round_trip=one.round_trip,
        server=server,
    )
