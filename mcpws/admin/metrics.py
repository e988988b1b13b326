"""`/metrics`, for Prometheus: our counters as they are when it asks. Nothing is counted for it alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from mcpws.admin.together import Part
from mcpws.admin.view import View
from mcpws.config import Limits, Timeouts
from mcpws.core.counters import COUNTED
from mcpws.policy.stats import ServerStatistics
from mcpws.seam.interfaces import unready_reason
from mcpws.settings import settings_of
from mcpws.turns.timing import BOUNDS, Counted, Timing
from mcpws.version import __version__

_ALIAS_BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""Of the histogram of the transport that this one re-creates, whose names are kept."""

_LIMITS = {
    **{name: 0 for name, one in settings_of(Limits).items() if one.side != "client"},
    **{name: 0 for name in settings_of(Timeouts) if "timeout" in name},
}
"""That clients may come to. A counter that is not there before it has counted rises unseen: to 1, from nothing."""


def exposition(view: View, lag: float) -> bytes:
    """The metrics as Prometheus reads them (text format 0.0.4).

    :param lag: seconds, as `View.lag` measures them.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ours(view, lag))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Ours(Collector):
    def __init__(self, view: View, lag: float) -> None:
        self._view = view
        self._lag = lag

    def describe(self) -> list[Metric]:
        # Else it would be asked for everything once more.
        return []

    def collect(self) -> Iterator[Metric]:
        statistics = self._view.statistics()
        yield InfoMetricFamily("mcpws", "What serves.", {"version": __version__})
        yield _gauge("mcpws_ready", "Whether new clients can be served.", self._view.unready() is None)
        yield _gauge("mcpws_uptime_seconds", "For which it runs.", statistics.uptime)
        yield _gauge("mcpws_event_loop_lag_seconds", "That what was due at once had to wait.", self._lag)
        yield from _of_connections(statistics)
        for name, about in COUNTED.items():
            yield _counter(f"mcpws_{name}", about, getattr(statistics, name))
        yield from _timed("mcpws_request", "Requests that were answered", "method", self._view.timings)
        yield from _timed("mcpws_tool_call", "Calls of tools that were answered", "tool", self._view.tools)
        limits = {**_LIMITS, **statistics.limits}
        yield _labelled("mcpws_limits", "Times that clients came to a limit.", "setting", limits)
        errors = {str(code): count for code, count in self._view.timings.errors.items()}
        yield _labelled("mcpws_error_answers", "Error answers by their codes.", "code", errors)
        backend = GaugeMetricFamily("mcpws_backend", "What the backend has counted.", labels=["name"])
        for name, number in statistics.backend.items():
            backend.add_metric([name], number)
        yield backend
        yield _gauge("mcpws_children", "Child processes that run.", len(self._view.activity.children))
        if parts := self._view.parts():
            yield from _of_parts(parts)
        yield from self._aliases(statistics)

    def _aliases(self, statistics: ServerStatistics) -> Iterator[Metric]:
        """The names of the original."""
        yield _gauge("websocket_connections_total", "As mcpws_open_connections.", statistics.active_connections)
        yield _counter("websocket_messages_sent", "As mcpws_messages_sent_total.", statistics.messages_sent)
        yield _counter("websocket_messages_received", "As mcpws_messages_received_total.", statistics.messages_received)
        yield _counter("websocket_errors", "As mcpws_errors_total.", statistics.errors)
        every = Timing()
        for timing in self._view.timings.by_name.values():
            every.include(timing)
        kept = [(bound, count) for bound, count in _buckets(every) if bound == "+Inf" or float(bound) in _ALIAS_BOUNDS]
        alias = HistogramMetricFamily("websocket_latency_seconds", "As mcpws_request_seconds, of all methods.")
        alias.add_metric([], kept, every.seconds)
        yield alias


def _of_parts(parts: Sequence[Part]) -> Iterator[Metric]:
    """Of each server of several, what tells them apart."""
    ready = GaugeMetricFamily("mcpws_server_ready", "Whether new clients of a server can be served.", labels=["server"])
    open = GaugeMetricFamily("mcpws_server_open_connections", "Clients of a server.", labels=["server"])
    made = CounterMetricFamily("mcpws_server_connections", "Connections to a server.", labels=["server"])
    received = CounterMetricFamily("mcpws_server_messages_received", "Messages that came to it.", labels=["server"])
    sent = CounterMetricFamily("mcpws_server_messages_sent", "Messages that it sent.", labels=["server"])
    for part in parts:
        counted = part.statistics()
        ready.add_metric([part.name], unready_reason(part.backend) is None)
        open.add_metric([part.name], counted.active_connections)
        made.add_metric([part.name], counted.connections_total)
        received.add_metric([part.name], counted.messages_received)
        sent.add_metric([part.name], counted.messages_sent)
    yield from (ready, open, made, received, sent)


def _timed(name: str, about: str, label: str, timings: Counted) -> Iterator[Metric]:
    counts = CounterMetricFamily(f"{name}s", f"{about}, by their outcome.", labels=[label, "outcome"])
    seconds = HistogramMetricFamily(
        f"{name}_seconds", f"{about}: from the read of one to the write of its answer.", labels=[label]
    )
    for kind, timing in timings.by_name.items():
        if timing.count:
            counts.add_metric([kind, "ok"], timing.count - timing.failed)
            counts.add_metric([kind, "error"], timing.failed)
            seconds.add_metric([kind], _buckets(timing), timing.seconds)
    yield counts
    yield seconds


def _of_connections(statistics: ServerStatistics) -> Iterator[Metric]:
    yield _gauge("mcpws_open_connections", "Clients that are connected.", statistics.active_connections)
    yield _gauge("mcpws_max_connections", "Clients that may be connected.", statistics.max_connections)
    yield _counter("mcpws_connections", "Connections that were made.", statistics.connections_total)
    yield _counter(
        "mcpws_connections_refused", "Those turned away before they were WebSockets.", statistics.connections_refused
    )
    yield _counter(
        "mcpws_connections_aborted", "Those whose other end was not waited for.", statistics.connections_aborted
    )
    yield _gauge("mcpws_in_flight", "Requests without an answer.", statistics.in_flight)
    yield _gauge("mcpws_queued_bytes", "What waits for slow readers.", statistics.queued_bytes)


def _buckets(timing: Timing) -> list[tuple[str, float]]:
    bounds = [*map(str, BOUNDS), "+Inf"]
    return list(zip(bounds, map(float, accumulate(timing.buckets)), strict=True))


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value)


def _counter(name: str, about: str, value: float) -> Metric:
    return CounterMetricFamily(name, about, value)


def _labelled(name: str, about: str, label: str, values: Any) -> Metric:
    family = CounterMetricFamily(name, about, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
