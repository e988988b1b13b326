"""Settings of a server or a client of WebSockets; names and defaults as in the transport this one re-creates."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from mcpws.errors import ConfigError
from mcpws.policy.origin import check_host_pattern, check_origin_pattern
from mcpws.policy.urls import split
from mcpws.settings import Group, documented, setting

MIB = 1024 * 1024
PATHS = ("/", "/mcp", "/ws", "/message")


def check_path(path: str) -> None:
    """Raise ConfigError unless `path` can be that of a URL."""
    if not path.startswith("/"):
        raise ConfigError("paths", path, "must begin with /")


@dataclass(frozen=True, kw_only=True)
class Transport(Group):
    """Address and kind of a WebSocketTransport or a client."""

    url: str = setting(
        "ws://127.0.0.1:8082",
        check=split,
        help="Where to listen, or to connect to: ws://HOST:PORT/PATH; clients may use wss: too. It holds no "
        "credentials.",
    )
    server_mode: bool = setting(True, help="True to listen, False to connect.")
    use_tls: bool = setting(False, help="TLS. Clients get it from a wss: URL as well; serving it is not possible yet.")
    max_reconnect_attempts: int = setting(
        5, least=0, side="client", help="Only the default is possible yet: nothing reconnects by itself."
    )
    reconnect_delay: float = setting(
        5, unit="seconds", least=0, side="client", help="Only the default is possible yet, likewise."
    )


@dataclass(frozen=True, kw_only=True)
class Limits(Group, table="limits"):
    """Limits: how many, and how large."""

    max_connections: int = setting(
        100,
        least=1,
        side="server",
        help="Connections that are open at the same time; over it the handshake is refused with 503.",
    )
    max_message_size: int = setting(
        16 * MIB,
        unit="bytes",
        least=1,
        help="Of an inbound message; over it the connection is closed with 1009. A client that was refused may send as "
        "many before it is dropped.",
    )
    max_outbound_size: int = setting(
        16 * MIB, unit="bytes", least=1, help="Of an answer; over it the request gets an error instead."
    )
    max_in_flight: int = setting(64, least=1, help="Open requests of one connection; over it further ones wait.")
    max_waiting: int = setting(
        64,
        least=1,
        side="server",
        help="Requests of one connection that wait, with at most max_queued_bytes together; further ones are answered "
        "with error 429.",
    )
    max_notifications: int = setting(
        1024,
        least=1,
        side="client",
        help="Of the server that functions of a client may be at work on; further ones are dropped and counted. An App "
        "has a limit of its own, of the same name.",
    )
    max_notification_bytes: int = setting(
        16 * MIB,
        unit="bytes",
        least=1,
        side="client",
        help="Of these notifications together, as long as there is more than one.",
    )
    max_queued_bytes: int = setting(
        4 * MIB,
        unit="bytes",
        least=1,
        help="For a peer that reads slowly; over it what feeds the connection is paused.",
    )
    max_depth: int = setting(128, least=1, help="JSON arrays and objects within each other in a message.")
    max_name_size: int = setting(
        64 * 1024,
        unit="bytes",
        least=1,
        side="server",
        help="Of the id, the progress token, the URI and the name in a request together; with more it is answered with "
        "error -32600.",
    )
    max_bad_messages: int = setting(
        60, least=1, help="Of one connection in a minute; over it the connection is closed with 1008."
    )


@dataclass(frozen=True, kw_only=True)
class Timeouts(Group, table="timeouts"):
    """Timeouts: how long."""

    timeout_seconds: float | None = setting(
        30, unit="seconds", above=0, none="to wait for ever", help="For the connection with its opening handshake."
    )
    initialize_timeout: float | None = setting(
        60,
        unit="seconds",
        above=0,
        none="to wait for ever",
        side="server",
        help="For the initialize request; then the connection is closed with 4408.",
    )
    heartbeat_interval: float = setting(30, unit="seconds", least=0, help="Between two Pings; 0 for none.")
    # An idle client, which only ever answers Pings, would be lost between two of them.
    heartbeat_timeout: float = setting(
        60,
        unit="seconds",
        least=0,
        exceeds="heartbeat_interval",
        help="Without any inbound byte, after which a connection is lost; 0 for never. Without Pings there is no "
        "reason to hear anything, so it counts only with a heartbeat interval.",
    )
    stall_timeout: float = setting(
        30,
        unit="seconds",
        above=0,
        help="For which a slow client may take nothing at all of what waits for it, before it is closed with 1013.",
    )
    close_timeout: float = setting(
        5,
        unit="seconds",
        above=0,
        help="For the other end to answer a Close frame, or to close after it was refused.",
    )
    drain_seconds: float = setting(
        10, unit="seconds", least=0, side="server", help="For requests in flight when the server stops."
    )
    turn_seconds: float = setting(
        0.005,
        unit="seconds",
        above=0,
        help="For which one connection is served at a stretch; what else was read of it then waits until the others "
        "had their turn.",
    )
    progress_gap: float = setting(
        0.05,
        unit="seconds",
        least=0,
        side="server",
        help="Between the last progress of a request and its answer, for clients that would lose progress that comes "
        "together with the answer; 0 for none.",
    )


@dataclass(frozen=True, kw_only=True)
class Access(Group, table="access"):
    """Access: who may connect."""

    paths: tuple[str, ...] = setting(
        PATHS,
        side="server",
        option="path",
        metavar="PATH",
        check=check_path,
        help="Of the URL that is served; any other is 404.",
    )
    hosts: tuple[str, ...] = setting(
        (),
        side="server",
        option="allow-host",
        old=("host",),
        metavar="NAME",
        check=check_host_pattern,
        help="Name besides the loopback ones by which clients may call the server in the Host header, as "
        "mcp.example.com or mcp.example.com:8082; * for any.",
    )
    origins: tuple[str, ...] = setting(
        (),
        side="server",
        option="allow-origin",
        old=("origin",),
        metavar="ORIGIN",
        check=check_origin_pattern,
        help="Origin of web pages that may connect, besides loopback ones from a loopback server, as "
        "https://app.example.com, https://*.example.com or chrome-extension://*; * for any.",
    )
    require_origin: bool = setting(False, side="server", help="Refuse a handshake without an Origin header.")


@dataclass(frozen=True, kw_only=True)
class Wire(Group, table="wire"):
    """Options of what goes over the wire."""

    binary: Literal["accept", "refuse"] = setting(
        "accept", side="server", help="Binary messages: answer them in kind, or refuse them with 1003."
    )
    fast_lane: bool = setting(
        True, help="Take whole frames past Autobahn, which costs a fraction; see mcpws.ws.fastlane."
    )
    compression: bool = setting(
        False,
        help="permessage-deflate, where the other end knows it as well. Limits hold for what is inflated.",
    )
    compression_min_size: int = setting(1024, unit="bytes", least=1, help="Of the shortest message that is compressed.")


@documented
@dataclass(frozen=True, kw_only=True)
class WebSocketConfig(Transport, Limits, Timeouts, Access, Wire):
    """Settings of a server or a client. Every value is checked when the object is made.

    :raises ConfigError: it names the key.
    """


def require_positive(limits: Any) -> None:
    """Raise ConfigError that names the first field of a dataclass which is not above 0."""
    for field in fields(limits):
        value = getattr(limits, field.name)
        if not value > 0:
            raise ConfigError(field.name, value, "must be above 0")
