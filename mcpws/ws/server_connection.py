"""The server's end of one WebSocket: a client, and the Front that holds the rules for it."""

from __future__ import annotations

from math import inf
from typing import Any

from twisted.python.failure import Failure

from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import ConnectionState, Phase
from mcpws.errors import GOING_AWAY, McpwsError, RpcError, ShuttingDown
from mcpws.fronts.front import Front
from mcpws.fronts.roster import Roster
from mcpws.fronts.watch import Watch, watch
from mcpws.jsonrpc.messages import Message, Notification
from mcpws.log.events import log_limit
from mcpws.mcp.versions import WITH_BATCHES
from mcpws.seam.interfaces import Backend, Identity
from mcpws.seam.observer import Observer, Party, tell
from mcpws.turns.timing import Timings
from mcpws.ws.connection import INTERNAL_ERROR, NO_INITIALIZE, SERVICE_RESTART, Connection
from mcpws.ws.replies import Replies, spoil

_STOPS = GOING_AWAY, "the service is shutting down"
_RESTARTS = SERVICE_RESTART, "the service restarts"


class ServerConnection(Connection):
    """One client. Its messages go to a Front, which holds the rules; what comes back goes out here."""

    __slots__ = (
        "_aborted",
        "_backend",
        "_identity",
        "_initialize_by",
        "_observer",
        "_replies",
        "_roster",
        "_timings",
        "_watch",
        "front",
    )

    front: Front
    _initialize_by: float

    def __init__(
        self,
        protocol: Any,
        config: WebSocketConfig,
        roster: Roster,
        backend: Backend,
        observer: Observer | None,
        timings: Timings | None,
    ) -> None:
        super().__init__(protocol, roster.new_id(), config, roster.time)
        self._roster = roster
        self._timings = timings
        self._backend = backend
        self._observer = observer
        self._aborted = False
        self._identity: Identity | None = None
        self._replies: Replies | None = None
        self._initialize_by = inf
        self._watch: Watch | None = None

    def accept(self, identity: Identity) -> None:
        """The handshake has passed its checks."""
        self._identity = identity

    def opened(self) -> None:
        super().opened()
        self._watch = watch(self._observer, Party("client", self.id, self.identity), self.clock)
        self.front = Front(
            self,
            self.identity,
            self.clock,
            max_in_flight=self._config.max_in_flight,
            max_waiting=self._config.max_waiting,
            max_waiting_bytes=self._config.max_queued_bytes,
            max_outbound_size=self._config.max_outbound_size,
            max_name_size=self._config.max_name_size,
            progress_gap=self._config.progress_gap,
            counters=self.counters,
            watch=self._watch,
            timings=self._timings,
        )
        self.receive = self.front.receive
        if self._watch is not None:
            self.receive = self._watch.begin(self.front, self._introduced)
        self._roster.present(self)
        if self._roster.restarting:
            self.give_up()
        else:
            self.front.open(self._backend)

    def binary_received(self, message: Message) -> None:
        self._with_replies().receive(message, binary=True)

    def garbage_received(self, error: RpcError, binary: bool) -> None:
        if binary or self._replies is not None:
            self._with_replies().garbage_received(error, binary)
        else:
            spoil(error, self.receive)
        self.front.refuse(error, error.id)

    @property
    def takes_batches(self) -> bool:
        return self.front.version == WITH_BATCHES

    def batch_received(self, members: list[Message | RpcError], binary: bool) -> None:
        self._with_replies().batch_received(members, binary)

    def _introduced(self) -> None:
        """The client's messages need no look of the Watch any more."""
        if self._replies is None:
            self.receive = self.front.receive
        else:
            self._replies.take = self.front.receive

    def _with_replies(self) -> Replies:
        if self._replies is None:
            size = self._config.max_outbound_size
            self._replies = Replies(self, self.front, self.receive, size, self.counters)
            self.receive = self._replies.receive
            self.front.go_by(self._replies)
        return self._replies

    def handshake_overdue(self) -> None:
        if not self._protocol.refuse_overdue():
            super().handshake_overdue()

    def transport_lost(self, reason: Failure) -> None:
        """Nobody here waits to hear why."""

    def too_much_queued(self) -> None:
        self.front.pause_sending()

    def queue_has_space(self) -> None:
        self.front.resume_sending()

    def queue_empty(self) -> None:
        if hasattr(self, "front"):
            self.front.caught_up()

    def gone(self) -> None:
        if hasattr(self, "front"):
            self.front.close(f"closed with {self.close_code}")
        if self._watch is not None:
            self._watch.closed(self.close_code, self.close_reason, self.closed_by_us, self.counters)
        self._roster.gone(self)

    @property
    def in_flight(self) -> int:
        return self.front.in_flight if hasattr(self, "front") else 0

    def abort(self) -> None:
        if not self._aborted:
            self._aborted = True
            self._roster.aborted()
        super().abort()

    # roster.Member

    def notify(self, notification: Notification) -> bool:
        return self.state is ConnectionState.CONNECTED and self.front.notify(notification)

    def drain(self) -> None:
        """Take no new requests; close with 1001 once those in flight are answered."""
        if self.state is ConnectionState.CONNECTED:
            self.front.drain()
        elif self.state is ConnectionState.CONNECTING and not self._roster.restarting:
            self.abort()

    def give_up(self) -> None:
        """The time to drain is over: answer what is in flight with an error, and close."""
        if self.state is ConnectionState.CONNECTED:
            self.front.abandon(ShuttingDown())
        self._leave()

    def limited(self, setting: str) -> None:
        self._roster.limited(setting)
        super().limited(setting)

    def limit_hit(self, setting: str) -> None:
        log_limit(self.identity, setting, getattr(self._config, setting))
        if self._watch is not None:
            self._watch.limit_hit(setting)
        elif self._observer is not None:
            tell(self._observer.limited, Party("client", self.id, self.identity), setting)

    @property
    def identity(self) -> Identity:
        """The client's identity; before the handshake has told, its address."""
        return self._identity or Identity(self.peer, connection=self.id)

    def sweep(self, now: float) -> None:
        if now > self._initialize_by and self.state is ConnectionState.CONNECTED:
            if self.front.has_begun:
                self._initialize_by = inf
            elif self.front.phase is Phase.NEW:
                self.limited("initialize_timeout")
                self.close(NO_INITIALIZE, f"no initialize within {self._config.initialize_timeout:g} s")
        super().sweep(now)

    # interfaces.Carrier

    @property
    def behind(self) -> bool:
        return self._outbox.behind

    def backend_began(self) -> None:
        # Not before: the initialize may have come already, and wait.
        self._initialize_by = self.clock.seconds() + (self._config.initialize_timeout or inf)

    def backend_lost(self, reason: McpwsError) -> None:
        # Other errors may name what is behind this server.
        self.close(INTERNAL_ERROR, str(reason) if isinstance(reason, RpcError) else "the backend is gone")

    def idle(self) -> None:
        self._leave()

    def _leave(self) -> None:
        self.close(*(_RESTARTS if self._roster.restarting else _STOPS))
