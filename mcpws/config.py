"""Settings of a server or a client, frozen; names and defaults as in the transport this one re-creates."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from mcpws.core.urls import split
from mcpws.errors import ConfigError
from mcpws.policy.origin import check_host_pattern, check_origin_pattern

MIB = 1024 * 1024
PATHS = ("/", "/mcp", "/ws", "/message")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketConfig:
    """How to serve, or to connect. Every value is checked when the object is made; ConfigError names the key.

    :param url: where to listen, or to connect to: `ws://HOST:PORT/PATH`; clients may use `wss:` too. It holds no
        credentials.
    :param server_mode: True to listen, False to connect.
    :param timeout_seconds: for the connection with its handshake; None to wait for ever.
    :param use_tls: TLS. Clients get it from a `wss:` URL as well; serving it is not possible yet.
    :param heartbeat_interval: seconds between Pings; 0 for none.
    :param max_reconnect_attempts: only the default is possible yet: nothing reconnects by itself.
    :param reconnect_delay: likewise.
    :param max_message_size: bytes of an inbound message; over it the connection is closed with 1009. A client that was
        refused may send as many before it is dropped.
    :param max_connections: open at the same time; over it the handshake is refused with 503.

    :param heartbeat_timeout: seconds without any inbound byte after which a connection is lost; 0 for never. Without
        Pings there is no reason to hear anything, so it counts only with a `heartbeat_interval`.
    :param max_outbound_size: bytes of an answer; over it the request gets an error instead.
    :param max_in_flight: open requests of one connection; over it further ones wait.
    :param max_waiting: requests of one connection that wait, with at most `max_queued_bytes` together; further ones
        are answered with error 429.
    :param max_notifications: of the server that functions of a client may be at work on; further ones are dropped and
        counted. An App has a limit of its own, of the same name.
    :param max_notification_bytes: of these together, as long as there is more than one.
    :param max_queued_bytes: for a client that reads slowly; over it what feeds the connection is paused.
    :param stall_timeout: seconds for which a slow client may take nothing at all, before it is closed with 1013.
    :param max_depth: JSON arrays and objects within each other.
    :param max_name_size: bytes of the id, the progress token, the URI and the name in a request together; with more it
        is answered with error -32600.
    :param max_bad_messages: per minute and connection; over it the connection is closed with 1008.
    :param initialize_timeout: seconds for the `initialize` request, then 4408; None to wait for ever.
    :param close_timeout: seconds for the other end to answer a Close frame, or to close after it was refused.
    :param drain_seconds: for requests in flight when the server stops.
    :param turn_seconds: for which one connection is served at a stretch; what else was read of it then waits until
        the others had their turn.
    :param progress_gap: seconds between the last progress of a request and its answer, for clients that would lose
        progress that comes together with the answer; 0 for none.
    :param paths: of the URL that are served; any other is 404.
    :param hosts: names besides the loopback ones that a `Host` header may have, as
        `mcp.example.com` or `mcp.example.com:8082`; `*` for any.
    :param origins: besides loopback ones from a loopback server that an `Origin` header may have, as
        `https://app.example.com`, `https://*.example.com` or `chrome-extension://*`; `*` for any.
    :param require_origin: refuse a handshake without an `Origin` header.
    :param binary: `accept` binary messages and answer in kind, or `refuse` them with 1003.
    :param fast_lane: take whole frames past Autobahn, which costs a fraction; see `mcpws.ws.fastlane`.
    :param compression: permessage-deflate, where the other end knows it as well. Limits hold for what is inflated.
    :param compression_min_size: bytes of the shortest message that is compressed.
    """

    url: str = "ws://127.0.0.1:8082"
    server_mode: bool = True
    timeout_seconds: float | None = 30
    use_tls: bool = False
    heartbeat_interval: float = 30
    max_reconnect_attempts: int = 5
    reconnect_delay: float = 5
    max_message_size: int = 16 * MIB
    max_connections: int = 100

    heartbeat_timeout: float = 60
    max_outbound_size: int = 16 * MIB
    max_in_flight: int = 64
    max_waiting: int = 64
    max_notifications: int = 1024
    max_notification_bytes: int = 16 * MIB
    max_queued_bytes: int = 4 * MIB
    stall_timeout: float = 30
    max_depth: int = 128
    max_name_size: int = 64 * 1024
    max_bad_messages: int = 60
    initialize_timeout: float | None = 60
    close_timeout: float = 5
    drain_seconds: float = 10
    turn_seconds: float = 0.005
    progress_gap: float = 0.05
    paths: tuple[str, ...] = PATHS
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    require_origin: bool = False
    binary: Literal["accept", "refuse"] = "accept"
    fast_lane: bool = True
    compression: bool = False
    compression_min_size: int = 1024

    def __post_init__(self) -> None:
        split(self.url)
        for key in ("timeout_seconds", "initialize_timeout"):
            value = getattr(self, key)
            if value is not None and not (_is_number(value) and value > 0):
                raise ConfigError(key, value, "must be a number of seconds above 0, or None")
        for key in ("stall_timeout", "close_timeout", "turn_seconds"):
            value = getattr(self, key)
            if not (_is_number(value) and value > 0):
                raise ConfigError(key, value, "must be a number of seconds above 0")
        for key in ("heartbeat_interval", "heartbeat_timeout", "reconnect_delay", "drain_seconds", "progress_gap"):
            value = getattr(self, key)
            if not (_is_number(value) and value >= 0):
                raise ConfigError(key, value, "must be 0 or more seconds")
        for key in (
            "max_reconnect_attempts",
            "max_message_size",
            "max_outbound_size",
            "max_queued_bytes",
            "max_connections",
            "max_in_flight",
            "max_waiting",
            "max_notifications",
            "max_notification_bytes",
            "max_depth",
            "max_name_size",
            "compression_min_size",
            "max_bad_messages",
        ):
            value = getattr(self, key)
            least = 0 if key == "max_reconnect_attempts" else 1
            if not (_is_number(value) and isinstance(value, int) and value >= least):
                raise ConfigError(key, value, f"must be a whole number, {least} or more")
        for key in ("paths", "hosts", "origins"):
            if isinstance(getattr(self, key), str):
                raise ConfigError(key, getattr(self, key), "must be a tuple, even for one")
        for path in self.paths:
            if not path.startswith("/"):
                raise ConfigError("paths", path, "must begin with /")
        for pattern in self.hosts:
            check_host_pattern(pattern)
        for pattern in self.origins:
            check_origin_pattern(pattern)
        if 0 < self.heartbeat_timeout <= self.heartbeat_interval:
            # An idle client, which only ever answers Pings, would be lost between two of them.
            raise ConfigError("heartbeat_timeout", self.heartbeat_timeout, "must be above heartbeat_interval, or 0")
        if self.binary not in ("accept", "refuse"):
            raise ConfigError("binary", self.binary, "must be accept or refuse")


def require_positive(limits: Any) -> None:
    """Raise ConfigError that names the first field of a dataclass which is not above 0."""
    for field in fields(limits):
        value = getattr(limits, field.name)
        if not value > 0:
            raise ConfigError(field.name, value, "must be above 0")
