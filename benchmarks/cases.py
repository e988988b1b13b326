"""What is measured, against whom, and what has to come out of it."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

KIB, MIB = 1024, 1024 * 1024

Mode = Literal["calls", "deflate", "client", "idle", "growth"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Cases that the same servers take part in.

    :param mode: what the load generator does, or `client` where a client is what is measured.
    :param about: for the reader of the results.
    :param heartbeat: seconds between two Pings of each server.
    :param max_connections: that each server is to bear, where it has a limit.
    :param warm_up: seconds before a window.
    :param seconds: of a window, where the general length does not do.
    :param alone: whether each server runs while no other one does.
    """

    name: str
    title: str
    about: str
    mode: Mode = "calls"
    heartbeat: float = 30
    max_connections: int = 100
    warm_up: float = 0.4
    seconds: float | None = None
    tls: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Case:
    """One load on all of `competitors`, by their names; the first one is ours.

    :param connections: that ask; that are open, where nobody asks.
    :param size: bytes of the string to be echoed.
    :param open: connections open in all, step by step, where that grows.
    """

    group: Group
    connections: int
    in_flight: int
    size: int
    competitors: tuple[str, ...]
    open: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """For the command line: `in-process/8x16/100B`."""
        if self.group.mode == "idle":
            return f"{self.group.name}/{self.connections}"
        if self.open:
            return f"{self.group.name}/{'-'.join(map(str, self.open))}"
        return f"{self.group.name}/{self.connections}x{self.in_flight}/{size_name(self.size).replace(' ', '')}"

    @property
    def title(self) -> str:
        """For people."""
        if self.group.mode == "idle":
            return f"{self.connections:,} connections"
        load = f"{self.connections} x {self.in_flight}, {size_name(self.size)}"
        return f"{load}, with up to {self.open[-1]:,} connections open" if self.open else load


@dataclass(frozen=True, slots=True)
class Bar:
    """What has to be reached: the median of ours/peer, or of a measure of ours if there is no `peer`."""

    case: str
    peer: str | None
    at_most: float
    measure: str = "cpu_us"
    unit: str = ""


def size_name(size: int) -> str:
    """`100 B`, `16 KiB`, `1 MiB`."""
    for unit, name in ((MIB, "MiB"), (KIB, "KiB")):
        if size and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def chosen(patterns: list[str]) -> list[Case]:
    """The cases with one of `patterns`, which may have `*` in them, somewhere in their name; all without patterns."""
    return [
        case for case in CASES if not patterns or any(fnmatchcase(case.name, f"*{pattern}*") for pattern in patterns)
    ]


IN_PROCESS = Group(
    name="in-process",
    title="In-process server",
    about="The tool is a function of the server's own process.",
)
GATEWAY = Group(
    name="gateway",
    title="Gateway to stdio",
    about=(
        "The tool is in a child process, the same cheap program behind both gateways. supergateway has one child for"
        " all clients, mcpws one for each. What the children cost is shown apart, and in no ratio; they share the"
        " measured core."
    ),
)
CLIENT = Group(
    name="client",
    title="Client",
    about=(
        "What is measured is the client, on the core of its own; it asks the picows server. Each worker awaits one"
        " request after the other: `session.request` of mcpws, an `asyncio.Future` put into a table by hand for"
        " `websockets`."
    ),
    mode="client",
)
TLS = Group(name="tls", title="TLS", about="TLS 1.3, in the server's own process.", tls=True)
DEFLATE = Group(
    name="deflate",
    title="permessage-deflate",
    about=(
        "Each library compresses as it does by itself: mcpws with windows of 1 KiB and messages from 1 KiB on,"
        " `websockets` with windows of 4 KiB, ws and Autobahn with windows of 32 KiB, ws messages from 1 KiB on. Small"
        " windows compress less. The `websockets` library generates the load and is slower than most servers, so there"
        " is only the CPU time to be told."
    ),
    mode="deflate",
)
IDLE = Group(
    name="idle",
    title="Idle connections",
    about=(
        "Open, past `initialize`, with a Ping every 3 seconds each: ten times as often as by default, to be seen in 6"
        " seconds. CPU % is of one core, for all of them; a Ping's share has the Pong in it, and all bookkeeping."
    ),
    mode="idle",
    heartbeat=3,
    max_connections=6_000,
    seconds=6,
    alone=True,
)
GROWTH = Group(
    name="growth",
    title="Cost of a request as open connections grow",
    about="Some connections ask, all others are idle. Every server pings at its interval of 30 seconds.",
    mode="growth",
    max_connections=6_000,
    warm_up=1.5,
    alone=True,
)

_ALL = ("mcpws", "picows", "websockets", "ws", "autobahn", "mcp-sdk")
_MOST = _ALL[:-1]
_GATEWAYS = ("mcpws-gateway", "supergateway")
_CLIENTS = ("mcpws-client", "websockets-client")
_DEFLATING = ("mcpws", "websockets", "ws", "autobahn")

CASES = (
    Case(IN_PROCESS, 1, 1, 100, _MOST),
    Case(IN_PROCESS, 1, 16, 100, _MOST),
    Case(IN_PROCESS, 8, 16, 100, _ALL),
    Case(IN_PROCESS, 64, 1, 100, _ALL),
    Case(IN_PROCESS, 64, 16, 100, _MOST),
    Case(IN_PROCESS, 1, 1, 16 * KIB, _MOST),
    Case(IN_PROCESS, 8, 16, 16 * KIB, _MOST),
    Case(IN_PROCESS, 1, 1, MIB, _MOST),
    Case(IN_PROCESS, 4, 2, MIB, _ALL),
    Case(GATEWAY, 1, 1, 100, _GATEWAYS),
    Case(GATEWAY, 1, 16, 100, _GATEWAYS),
    Case(GATEWAY, 8, 16, 100, _GATEWAYS),
    Case(GATEWAY, 8, 16, 16 * KIB, _GATEWAYS),
    Case(GATEWAY, 4, 2, MIB, _GATEWAYS),
    Case(CLIENT, 1, 1, 100, _CLIENTS),
    Case(CLIENT, 1, 16, 100, _CLIENTS),
    Case(CLIENT, 1, 16, 16 * KIB, _CLIENTS),
    Case(TLS, 8, 16, 100, ("mcpws", "websockets", "ws")),
    Case(TLS, 4, 2, MIB, ("mcpws", "websockets", "ws")),
    Case(DEFLATE, 8, 16, 100, _DEFLATING),
    Case(DEFLATE, 8, 4, 16 * KIB, _DEFLATING),
    Case(IDLE, 5_000, 0, 0, _MOST),
    Case(GROWTH, 8, 4, 100, ("mcpws", "websockets", "ws"), (10, 1_000, 5_000)),
)

BARS = (
    Bar("in-process/8x16/100B", "picows", 0.9),
    Bar("in-process/8x16/100B", "websockets", 0.45),
    Bar("in-process/8x16/100B", "mcp-sdk", 0.02),
    Bar("in-process/64x1/100B", "picows", 2.0),
    Bar("in-process/64x1/100B", "websockets", 0.8),
    Bar("in-process/4x2/1MiB", "websockets", 1.3),
    Bar("gateway/4x2/1MiB", "supergateway", 0.5),
    Bar("gateway/8x16/100B", "supergateway", 0.4),
    Bar("gateway/1x16/100B", "supergateway", 0.6),
    Bar("client/1x16/100B", "websockets-client", 0.5),
    Bar("idle/5000", None, 10, "kib", "KiB a connection"),
    Bar("growth/10-1000-5000", None, 1.25, "growth", "times the cost with 10 open"),
)

PLOTTED = (
    "in-process/8x16/100B",
    "in-process/64x1/100B",
    "in-process/4x2/1MiB",
    "gateway/8x16/100B",
    "gateway/4x2/1MiB",
    "client/1x16/100B",
)
