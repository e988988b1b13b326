"""Statistics: frozen snapshots of what connections have counted, for whoever looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mcpws.core.counters import COUNTED, Counters, Counts
from mcpws.core.lifecycle import ConnectionState

NO_NUMBERS: Mapping[str, int] = MappingProxyType({})
"""What a backend has counted that does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionStatistics(Counts):
    """A snapshot of one connection: all Counts, and the rest. Sizes in bytes of JSON, times in seconds.

    `in_flight` are the requests without an answer, `idle` is the time since the last byte came or was read,
    `queued_bytes` what waits for a slow reader, `round_trip` that of the last Ping, None before the first.
    """

    id: int
    peer: str
    state: ConnectionState
    in_flight: int
    queued_bytes: int
    uptime: float
    idle: float
    round_trip: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerStatistics(Counts):
    """A snapshot of a whole server: Counts as totals since its start, closed connections included, and what is open.

    `connections_aborted` counts those whose other end was not waited for any longer: with its handshake, its Close, or
    what it still sends to who refused it. `limits` are the settings that clients have come to, and how often. `backend`
    is what the backend has counted, by name; nothing if it does not. `max_connections` is how many may be open.
    """

    connections: tuple[ConnectionStatistics, ...]
    connections_total: int
    connections_refused: int
    connections_aborted: int
    max_connections: int
    in_flight: int
    queued_bytes: int
    uptime: float
    limits: Mapping[str, int]
    backend: Mapping[str, int]

    @property
    def active_connections(self) -> int:
        """Number of connections that are open now: those whose handshake is complete."""
        return sum(one.state is not ConnectionState.CONNECTING for one in self.connections)


class Totals:
    """Totals that closed connections leave behind, so that they never fall."""

    def __init__(self, now: float) -> None:
        self.started = now
        self.connections = 0
        self.refused = 0
        self.aborted = 0
        self._limits: dict[str, int] = {}
        self._closed = dict.fromkeys(COUNTED, 0)

    def closed(self, counters: Counters) -> None:
        """Keep the counts of a connection that is gone."""
        for name in COUNTED:
            self._closed[name] += getattr(counters, name)

    def limited(self, setting: str) -> None:
        """A client has come to this limit. There are no more names than settings."""
        self._limits[setting] = self._limits.get(setting, 0) + 1

    def snapshot(
        self,
        open: tuple[ConnectionStatistics, ...],
        now: float,
        backend: Mapping[str, int] = NO_NUMBERS,
        max_connections: int = 0,
    ) -> ServerStatistics:
        """The whole, with the connections that are open now and may be, and what the backend has counted."""
        sums = {name: total + sum(getattr(one, name) for one in open) for name, total in self._closed.items()}
        return ServerStatistics(
            connections=open,
            connections_total=self.connections,
            connections_refused=self.refused,
            connections_aborted=self.aborted,
            max_connections=max_connections,
            in_flight=sum(one.in_flight for one in open),
            queued_bytes=sum(one.queued_bytes for one in open),
            uptime=now - self.started,
            limits=dict(self._limits),
            backend=backend,
            **sums,
        )


def snapshot(
    counters: Counters,
    *,
    id: int,
    peer: str,
    state: ConnectionState,
    in_flight: int,
    queued_bytes: int,
    now: float,
) -> ConnectionStatistics:
    """One connection's counters, frozen."""
    return ConnectionStatistics(
        id=id,
        peer=peer,
        state=state,
        in_flight=in_flight,
        queued_bytes=queued_bytes,
        uptime=now - counters.opened,
        idle=now - counters.last_activity,
        round_trip=counters.round_trip,
        **counters.by_name(),
    )
