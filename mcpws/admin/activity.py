"""Activity: what is remembered of a server's clients and children for whoever looks, in a bounded space."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from mcpws.mcp.naming import cut
from mcpws.seam.observer import ClientInfo, Closing, Exit, Observer, Party, Refused

KEPT = 50
"""Refusals, and ends of children, of which more than their number is remembered."""


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """A child that runs: its id, what it runs, for which client, and when it was started, in seconds of the clock."""

    pid: int
    program: str
    connection: int | None
    started: float


class Activity(Observer):
    """Remembers who the clients say they are, what children run, and the last refusals. It costs no message anything.

    :param clock: for the times of what is remembered.
    """

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._clients: dict[int, ClientInfo] = {}
        self._children: dict[int, ChildProcess] = {}
        self._refusals: deque[tuple[float, Refused]] = deque(maxlen=KEPT)
        self._exits: deque[tuple[float, int, Exit]] = deque(maxlen=KEPT)

    def client(self, connection: int) -> ClientInfo | None:
        """Who the client of this connection says it is; None if it has not, or is gone."""
        return self._clients.get(connection)

    @property
    def children(self) -> Sequence[ChildProcess]:
        """Those that run now."""
        return tuple(self._children.values())

    @property
    def refusals(self) -> Sequence[tuple[float, Refused]]:
        """The last connections that were refused, the newest first, each after its time."""
        return tuple(reversed(self._refusals))

    @property
    def exits(self) -> Sequence[tuple[float, int, Exit]]:
        """The last children that ended by themselves, the newest first: time, process id, end."""
        return tuple(reversed(self._exits))

    # observer.Observer

    def refused(self, refused: Refused) -> None:
        value = None if refused.value is None else cut(refused.value)
        kept = Refused(refused.connection, refused.peer, refused.status, refused.text, value, refused.setting)
        self._refusals.append((self._clock.seconds(), kept))

    def introduced(self, party: Party, client: ClientInfo) -> None:
        if party.kind == "client":
            self._clients[party.id] = client

    def closed(self, party: Party, closing: Closing) -> None:
        if party.kind == "client":
            self._clients.pop(party.id, None)

    def child_started(self, party: Party, program: str) -> None:
        self._children[party.id] = ChildProcess(party.id, program, party.identity.connection, self._clock.seconds())

    def child_ended(self, party: Party, exit: Exit) -> None:
        self._children.pop(party.id, None)
        if exit.by_itself:
            self._exits.append((self._clock.seconds(), party.id, exit))
