"""The server's end of one WebSocket: a client, and the Front that holds the rules for it."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any

from twisted.python.failure import Failure

from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import ConnectionState, Phase
from mcpws.errors import McpwsError, RpcError, ShuttingDown
from mcpws.fronts.front import Front
from mcpws.fronts.roster import Roster
from mcpws.fronts.watch import Watch, watch
from mcpws.jsonrpc.codec import encode
from mcpws.jsonrpc.messages import Error, Message, Notification, Request
from mcpws.log.events import log_limit
from mcpws.mcp.versions import WITH_BATCHES
from mcpws.seam.interfaces import Backend, Identity
from mcpws.seam.observer import Observer, Party, tell
from mcpws.ws.connection import GOING_AWAY, INTERNAL_ERROR, NO_INITIALIZE, SERVICE_RESTART, Connection
from mcpws.ws.replies import Replies

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
        "_receive",
        "_replies",
        "_roster",
        "_watch",
        "front",
    )

    front: Front
    _initialize_by: float
    _receive: Callable[[Message], None]

    def __init__(
        self, protocol: Any, config: WebSocketConfig, roster: Roster, backend: Backend, observer: Observer | None
    ) -> None:
        super().__init__(protocol, roster.new_id(), config, roster.time)
        self._roster = roster
        self._backend = backend
        self._observer = observer
        self._aborted = False
        self._identity: Identity | None = None
        # Most clients send neither binary frames nor batches, and need none.
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
        )
        self._receive = self.front.receive
        if self._watch is not None:
            self._receive = self._watch.begin(self.front, self._introduced)
        self._roster.present(self)
        if self._roster.restarting:
            self.give_up()
        else:
            self.front.open(self._backend)

    def message_received(self, message: Message, binary: bool) -> None:
        if self._replies is None and not binary:
            self._receive(message)
            return
        replies = self._heard(binary)
        if binary and type(message) is Request and not self.front.is_open(message.id):
            replies.owe_in_binary(message.id)
        self._receive(message)
        replies.settle(self.front.unanswered)

    def garbage_received(self, error: RpcError, binary: bool) -> None:
        id = error.id
        if self._replies is not None or binary:
            replies = self._heard(binary)
            if binary and id is not None and not self.front.is_open(id):
                replies.owe_in_binary(id)
        self._spoil(error)
        self.front.refuse(error, id)

    @property
    def takes_batches(self) -> bool:
        return self.front.version == WITH_BATCHES

    def batch_received(self, members: list[Message | RpcError], binary: bool) -> None:
        replies = self._heard(binary)
        requests = {member.id for member in members if type(member) is Request and not self.front.is_open(member.id)}
        batch = replies.begin_batch(requests, binary)
        for member in members:
            if isinstance(member, RpcError):
                self._spoil(member)
                batch.add(encode(Error.answering(member.id, member)))
            else:
                self._receive(member)
        batch.seal()
        replies.settle(self.front.unanswered)

    def _spoil(self, error: RpcError) -> None:
        """Tell the backend if `error` is about an answer that it waits for."""
        if error.answers is not None:
            self._receive(Error.in_place_of(error.answers, error))

    def _introduced(self) -> None:
        """The client's messages need no look of the Watch any more."""
        self._receive = self.front.receive

    def _heard(self, binary: bool) -> Replies:
        if self._replies is None:
            self._replies = Replies(self.send, self._config.max_outbound_size, self.counters)
        self._replies.last_was_binary = binary
        return self._replies

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

    def deliver(self, message: Message, data: bytes) -> None:
        if self._replies is None:
            self.send(data)
        else:
            self._replies.deliver(message, data, self.front.unanswered)

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
