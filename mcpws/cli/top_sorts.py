"""Orders of the connections that `mcpws top` shows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from mcpws.cli.top_rates import Rates, messages_of

if TYPE_CHECKING:
    from mcpws.admin.status import ConnectionReport

Key: TypeAlias = "Callable[[ConnectionReport, Rates], float]"

SORTS: Mapping[str, tuple[Key, str]] = {
    "rate": (lambda one, found: -(found.connections.get(one.id) or 0), "msg/s"),
    "in-flight": (lambda one, found: -one.in_flight, "flight"),
    "queued": (lambda one, found: -one.queued_bytes, "queued"),
    "messages": (lambda one, found: -messages_of(one), "in"),
    "round-trip": (lambda one, found: -(one.round_trip or 0), "rtt"),
    "age": (lambda one, found: -one.age, "age"),
    "id": (lambda one, found: one.id, "id"),
}
"""By name: the number of a connection that is sorted by, the least first, and the heading of its column."""


def next_sort(sort: str) -> str:
    """The name of the order after this one, and of the first after the last."""
    names = list(SORTS)
    return names[(names.index(sort) + 1) % len(names)]
