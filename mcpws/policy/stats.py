"""Counting: plain integers where messages pass, frozen snapshots for whoever looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mcpws.core.lifecycle import ConnectionState

NOTHING: Mapping[str, int] = MappingProxyType({})
"""What a backend has counted that does not count."""


class Counters:
    """What one connection has done so far.

    Its owner adds to it with every message, so: plain attributes, nothing computed. All times are in seconds of the
    clock that the owner uses; `round_trip` is None until the first Pong.
    """

    __slots__ = (
        "bad_messages",
        "bytes_received",
        "bytes_sent",
        "coalesced",
        "dropped",
        "errors",
        "last_activity",
        "messages_received",
        "messages_sent",
        "opened",
        "postponed",
        "round_trip",
        "too_long",
        "too_many",
    )

    def __init__(self, now: float) -> None:
        self.opened = now
        self.last_activity = now
        self.messages_received = 0
        self.messages_sent = 0
        self.bytes_received = 0
        self.bytes_sent = 0
        self.errors = 0
        self.bad_messages = 0
        self.dropped = 0
        self.coalesced = 0
        self.too_long = 0
        self.too_many = 0
        self.postponed = 0
        self.round_trip: float | None = None


@dataclass(frozen=True, slots=True)
class ConnectionStatistics:
    """A snapshot of one connection. Sizes in bytes of JSON, times in seconds.

    `errors` counts error answers sent, `bad_messages` what was no JSON-RPC, `dropped` what belonged
    nowhere, `coalesced` what a later message overtook before a slow reader took it, `too_many` the
    requests refused since too many were open and waited, `too_long` those refused since their ids or
    names were, `idle` the time since the last byte came or was read, `queued_bytes` what waits for a slow
    reader, `postponed` how often what was read took longer than one turn may.
    """

    id: int
    peer: str
    state: ConnectionState
    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    errors: int
    bad_messages: int
    dropped: int
    coalesced: int
    too_many: int
    in_flight: int
    queued_bytes: int
    uptime: float
    idle: float
    round_trip: float | None
    postponed: int = 0
    too_long: int = 0


@dataclass(frozen=True, slots=True)
class ServerStatistics:
    """A snapshot of a whole server.

    What is open now, and totals since its start, closed connections included. `connections_aborted` counts those whose
    other end was not waited for any longer: with its handshake, its Close, or what it still sends to who refused it.
    `backend` is what the backend has
    counted, by name; nothing if it does not.
    """

    connections: tuple[ConnectionStatistics, ...]
    connections_total: int
    connections_refused: int
    connections_aborted: int
    messages_received: int
    messages_sent: int
    bytes_received: int
    bytes_sent: int
    errors: int
    bad_messages: int
    dropped: int
    coalesced: int
    too_many: int
    in_flight: int
    queued_bytes: int
    uptime: float
    backend: Mapping[str, int]
    postponed: int = 0
    too_long: int = 0

    @property
    def active_connections(self) -> int:
        """How many are open now: those whose handshake is complete."""
        return sum(one.state is not ConnectionState.CONNECTING for one in self.connections)


_SUMMED = (
    "messages_received",
    "messages_sent",
    "bytes_received",
    "bytes_sent",
    "errors",
    "bad_messages",
    "dropped",
    "coalesced",
    "too_many",
    "postponed",
    "too_long",
)


class Totals:
    """What closed connections leave behind, so that totals never fall."""

    def __init__(self, now: float) -> None:
        self.started = now
        self.connections = 0
        self.refused = 0
        self.aborted = 0
        self._closed = dict.fromkeys(_SUMMED, 0)

    def closed(self, counters: Counters) -> None:
        """Keep the counts of a connection that is gone."""
        for name in _SUMMED:
            self._closed[name] += getattr(counters, name)

    def snapshot(
        self, open: tuple[ConnectionStatistics, ...], now: float, backend: Mapping[str, int] = NOTHING
    ) -> ServerStatistics:
        """The whole, with the connections that are open now, and what the backend has counted."""
        sums = {name: total + sum(getattr(one, name) for one in open) for name, total in self._closed.items()}
        return ServerStatistics(
            connections=open,
            connections_total=self.connections,
            connections_refused=self.refused,
            connections_aborted=self.aborted,
            in_flight=sum(one.in_flight for one in open),
            queued_bytes=sum(one.queued_bytes for one in open),
            uptime=now - self.started,
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
        **{name: getattr(counters, name) for name in _SUMMED},
    )
