"""One random world, from its beginning until nothing is left of it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, globalLogPublisher
from zope.interface import implementer

from mcpws.backends.eras import DualEra
from mcpws.backends.eras.shared import TranslationLimits
from mcpws.backends.shared import SharedStdio
from mcpws.errors import BackendLost
from mcpws.seam.interfaces import Backend, Channel, Link
from tests.backends.eras.worlds.client import Client
from tests.backends.eras.worlds.oracle import Violation, must, pick
from tests.backends.eras.worlds.server import LISTEN, Server


class Scarce(DualEra):
    """In which limits are soon met."""

    constants = TranslationLimits(
        max_rounds=2,
        max_asks=3,
        max_parked=2,
        max_held=3,
        max_subscriptions=3,
        max_servers=2,
        max_starts=4,
        max_pending=3,
    )


KINDS = ("translated", "shared")

STEPS = 60
SETTLING = 400
"""Rounds in which everybody does as it should, until nothing is open any more; far more than it takes."""

CLIENT_STEPS: dict[str, float] = {
    "request": 8,
    "retry": 3,
    "cancel": 2,
    "reply": 4,
    "tell": 1,
    "slow": 0.5,
    "read": 0.5,
    "close": 0.15,
}
SERVER_STEPS: dict[str, float] = {
    "answer": 12,
    "misbehave": 3,
    "report": 2,
    "ask": 2,
    "withdraw": 0.5,
    "notify": 2,
    "fill": 0.3,
    "lose": 0.3,
}


class Servers:
    """The backend within: begins conversations at once, later, or not at all."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.opening: list[tuple[Deferred[Channel], Link]] = []
        self.stopped = False

    def open(self, link: Link) -> Deferred[Channel]:
        must(not self.stopped, "a conversation begins after the end")
        how = self.world.random.random()
        if how < 0.8:
            return succeed(self._server(link))
        if how < 0.84 and not self.world.settling:
            return fail(BackendLost("it cannot begin"))
        opening: Deferred[Channel] = Deferred(self._given_up)
        self.opening.append((opening, link))
        return opening

    def begin(self, properly: bool = False) -> None:
        if self.opening:
            opening, link = self.opening.pop(0)
            if properly or self.world.random.random() < 0.8:
                opening.callback(self._server(link))
            else:
                opening.errback(BackendLost("it does not begin"))

    def stop(self) -> Deferred[None]:
        self.stopped = True
        return succeed(None)

    def _server(self, link: Link) -> Channel:
        server = Server(self.world, link)
        self.world.servers.append(server)
        return server

    def _given_up(self, opening: Deferred[Channel]) -> None:
        self.opening = [one for one in self.opening if one[0] is not opening]


class World:
    """All of it. `notes` are what happened, if anybody wants to know."""

    def __init__(self, kind: str, seed: int, keep_notes: bool = False) -> None:
        self.random = Random(f"{kind} {seed}")
        self.kind = kind
        self.settling = False
        self.clock = Clock()
        self.notes: list[str] | None = [] if keep_notes else None
        self.servers: list[Server] = []
        self.clients: list[Client] = []
        self.within = Servers(self)
        self.eras = (
            ["modern"]
            if kind == "shared"
            else self.random.choice([["legacy"], ["modern"], ["legacy", "modern", "dual"]])
        )
        self.backend: Backend = self._shared() if kind == "shared" else self._translated()

    def note(self, what: str) -> None:
        if self.notes is not None:
            self.notes.append(f"{self.clock.seconds():7.2f} {what}")

    def owner_of(self, nonce: Any) -> str | None:
        """Whose conversation the server serves that gave this nonce; None if it serves all."""
        must(isinstance(nonce, str) and nonce.startswith("server "), "nobody's:", nonce)
        return self.servers[int(nonce.partition("/")[0].removeprefix("server "))].owner

    def live(self) -> None:
        """Begin, and let anything happen."""
        self.connect()
        for _ in range(self.random.randrange(STEPS)):
            self._step()

    def settle(self) -> None:
        """Everybody does as it should now: whatever is open comes to its end."""
        self.settling = True
        for round in range(SETTLING):
            if round and not self._is_open():
                return
            heard = self._heard()
            while self.within.opening:
                self.within.begin(properly=True)
            for client in self.clients:
                if not client.ended:
                    client.read()
                    client.pump()
                    if client.asked:
                        client.reply(really=True)
            for server in self.servers:
                if not server.gone and server.full:
                    server.fill()
                for _ in range(len(server.open)):
                    server.answer(properly=True)
            if heard == self._heard():
                self.clock.advance(self.random.choice([0.05, 1, 10, 100, 400]))
        raise Violation(f"never answered: {[(one.name, one.open) for one in self.clients]}")

    def end(self) -> None:
        """The clients go, and the backend stops: nothing is left."""
        for client in self.clients:
            if not client.ended and self.random.random() < 0.7:
                client.close()
        stopped: list[None] = []
        self.backend.stop().addCallback(stopped.append)
        must(stopped and self.within.stopped, "it does not stop")
        for client in self.clients:
            if not client.ended:
                # A client that needs no handshake outlives what answers it.
                must(not client.open, client.name, "is left with", client.open)
                client.close()
        for server in self.servers:
            must(server.gone, server.serial, "is still there")
        must(not self.within.opening, "something is still beginning")
        must(not self.clock.getDelayedCalls(), "timers are left:", *self.clock.getDelayedCalls())
        self._nothing_is_left()

    def connect(self) -> None:
        self.clients.append(Client(self, f"client {len(self.clients)}"))
        self.note(f"{self.clients[-1].name} comes, {self.clients[-1].era}")

    def _step(self) -> None:
        what = self.random.random()
        if what < 0.02 and len(self.clients) < 4:
            self.connect()
        elif what < 0.06:
            self.within.begin()
        elif what < 0.1:
            self.clock.advance(self.random.choice([0.01, 0.05, 1, 3, 60, 400]))
        elif what < 0.55:
            client = pick(self.random, [one for one in self.clients if not one.ended])
            if client is not None:
                self._do(client, CLIENT_STEPS)
        else:
            server = pick(self.random, [one for one in self.servers if not one.gone])
            if server is not None and (not server.paused or self.random.random() < 0.3):
                self._do(server, SERVER_STEPS)
        for client in self.clients:
            client.pump()

    def _do(self, who: Any, steps: dict[str, float]) -> None:
        [name] = self.random.choices(list(steps), list(steps.values()))
        if name == "slow":
            who.slow = True
        else:
            getattr(who, name)()

    def _is_open(self) -> bool:
        waiting = [sent for client in self.clients for sent in client.open.values() if not client.ended]
        return any(sent.method != LISTEN for sent in waiting) or any(
            client.asked or client.refusals for client in self.clients if not client.ended
        )

    def _heard(self) -> int:
        return sum(client.heard for client in self.clients) + sum(server.heard for server in self.servers)

    def _translated(self) -> Backend:
        return Scarce(self.within, clock=self.clock)

    def _shared(self) -> Backend:
        return SharedStdio(
            self.within,
            clock=self.clock,
            random=self.random.random,
            max_open=4,
            max_queued_bytes=3000,
            max_queued_total=9000,
        )

    def _nothing_is_left(self) -> None:
        backend: Any = self.backend
        if self.kind == "shared":
            must(not backend._mux.open and not backend._mux.members, "the table has entries")
            must(not backend._members and not backend._opening and not backend._queued, "members are left")
        else:
            must(not backend._conversations, "conversations are left")
        for client in self.clients:
            ledger: Any = client.front._ledger
            left = [ledger.inbound, ledger.listening, ledger.outbound, ledger._tokens]
            must(not any(left), client.name, "has something open:", *left)


def run(kind: str, seed: int, keep_notes: bool = False) -> World:
    """Live through one world; raises Violation, or whatever escapes, with the world's notes if they are kept."""
    failures: list[str] = []

    @implementer(ILogObserver)
    def watch(event: LogEvent) -> None:
        if "log_failure" in event:
            failures.append(event["log_failure"].getTraceback())

    globalLogPublisher.addObserver(watch)
    world = World(kind, seed, keep_notes)
    phases: list[Callable[[], None]] = [world.live, world.settle, world.end]
    try:
        for phase in phases:
            phase()
            must(not failures, *failures)
    except Exception as error:
        for note in world.notes or ():
            error.add_note(note)
        raise
    finally:
        globalLogPublisher.removeObserver(watch)
    return world
