"""A client on a Twisted transport, for fronts whose messages come over a stream in frames of their own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any, Protocol

from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer

from mcpws.core.lifecycle import ConnectionState
from mcpws.errors import McpwsError, RpcError, ShuttingDown
from mcpws.fronts.front import Front
from mcpws.fronts.roster import Roster
from mcpws.fronts.watch import watch
from mcpws.jsonrpc.codec import MAX_DEPTH, decode
from mcpws.jsonrpc.messages import Error, Message, Notification
from mcpws.policy.stats import ConnectionStatistics
from mcpws.seam.interfaces import Backend, Identity
from mcpws.seam.observer import Observer, Party, Refused, tell

LINGER = 5.0
"""Seconds for a client to read what it was sent before it is hung up on."""


class Reader(Protocol):
    """The source of a StreamCarrier's messages: a transport, or a protocol that holds back what it has read."""

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...


@implementer(IPushProducer)
class StreamCarrier:
    """One client: the Carrier of its Front, a Member of its Roster, and the producer that its transport pauses.

    Make it when the client connects, call `receive` with each message and `gone` when the connection is lost. If the
    roster has no place the connection is closed, and both do nothing.

    :param transport: that the client is connected by.
    :param frame: makes of a message, as one JSON text, what is written.
    :param backend: answers the client. It is not stopped here.
    :param reader: is paused when the client is to send no more; the transport by default.
    :param identity: who the client is; by default where it is. It gets its number from the roster.
    :param observer: is told what happens.
    :param max_depth: JSON arrays and objects within each other.
    :param initialize_timeout: seconds for the client to begin; None for any time.
    :param limits: of its Front, by their names there.
    """

    def __init__(
        self,
        transport: Any,
        frame: Callable[[bytes], bytes],
        backend: Backend,
        roster: Roster,
        *,
        reader: Reader | None = None,
        identity: Identity | None = None,
        observer: Observer | None = None,
        max_depth: int = MAX_DEPTH,
        initialize_timeout: float | None = 60,
        **limits: Any,
    ) -> None:
        self.behind = False
        self._transport = transport
        self._frame = frame
        self._reader: Reader = reader or transport
        self._roster = roster
        self._max_depth = max_depth
        self._initialize_by = roster.time.seconds() + (initialize_timeout or inf)
        self._limited: set[str] = set()
        self._left: float | None = None
        self._reason = ""
        self.id = roster.new_id()
        identity = identity or Identity(str(transport.getPeer()))
        self.identity = replace(identity, connection=self.id)
        self._watch = watch(observer, Party("client", self.id, self.identity), roster.time)
        self.front = Front(self, self.identity, roster.time, watch=self._watch, **limits)
        self.counters = self.front.counters
        self._is_present = not (roster.is_full or roster.is_leaving)
        if self._is_present:
            self._begin(backend)
        else:
            refused = Refused(self.id, identity.peer, None, "the server takes no more clients")
            roster.refused(refused)
            if observer is not None:
                tell(observer.refused, refused)
            transport.loseConnection()

    # What the protocol calls.

    def receive(self, data: bytes) -> None:
        """A message of the client's, as text. What is none is answered so."""
        if not self._is_present or self._left is not None:
            return
        counters = self.counters
        counters.messages_received += 1
        counters.bytes_received += len(data)
        counters.last_activity = self._roster.time.seconds()
        try:
            message = decode(data, self._max_depth)
        except RpcError as error:
            counters.bad_messages += 1
            if error.answers is not None:
                self._receive(Error.in_place_of(error.answers, error))
            self.front.refuse(error, error.id)
        else:
            self._receive(message)

    def gone(self, reason: str = "the client is gone") -> None:
        """The connection is lost."""
        if not self._is_present:
            return
        self._is_present = False
        self.front.close(reason)
        if self._watch is not None:
            self._watch.closed(None, self._reason, self._left is not None, self.counters)
        self._roster.gone(self)

    def leave(self, reason: str = "") -> None:
        """Hang up, once the client has read what it was sent, or has had `LINGER` seconds for it."""
        if self._is_present and self._left is None:
            self._left = self._roster.time.seconds()
            self._reason = reason
            self._transport.unregisterProducer()
            # Else the end of the connection would go unseen.
            self._reader.resumeProducing()
            self._transport.loseConnection()

    # What the transport calls: IPushProducer.

    def pauseProducing(self) -> None:
        self.behind = True
        self.front.pause_sending()

    def resumeProducing(self) -> None:
        self.behind = False
        self.front.resume_sending()
        self.front.caught_up()

    def stopProducing(self) -> None:
        """The connection is lost, which `gone` tells."""

    # interfaces.Carrier

    def deliver(self, message: Message, data: bytes) -> None:
        if self._left is None:
            self.counters.messages_sent += 1
            self.counters.bytes_sent += len(data)
            self._transport.write(self._frame(data))

    def pause_reading(self) -> None:
        self._reader.pauseProducing()

    def resume_reading(self) -> None:
        if self._left is None:
            self._reader.resumeProducing()

    def backend_began(self) -> None:
        """Nothing waits for it here."""

    def backend_lost(self, reason: McpwsError) -> None:
        # Other errors may name what is behind this server.
        self.leave(str(reason) if isinstance(reason, RpcError) else "the backend is gone")

    def limited(self, setting: str) -> None:
        if setting not in self._limited:
            self._limited.add(setting)
            if self._watch is not None:
                self._watch.limit_hit(setting)

    def idle(self) -> None:
        self.leave("the service is shutting down")

    # roster.Member

    def statistics(self, now: float) -> ConnectionStatistics:
        state = ConnectionState.CONNECTED if self._left is None else ConnectionState.SHUTTING_DOWN
        return self.front.statistics(now, state)

    def notify(self, notification: Notification) -> bool:
        return self._left is None and self.front.notify(notification)

    def drain(self) -> None:
        self.front.drain()

    def give_up(self) -> None:
        self.front.abandon(ShuttingDown())
        self.leave("the service is shutting down")

    def sweep(self, now: float) -> None:
        if self._left is not None:
            if now - self._left >= LINGER:
                self._roster.aborted()
                self._transport.abortConnection()
        elif now >= self._initialize_by and not self.front.has_begun:
            self.leave("no initialize came in time")

    def _begin(self, backend: Backend) -> None:
        self._receive: Callable[[Message], None] = self.front.receive
        if self._watch is not None:
            self._receive = self._watch.begin(self.front, self._introduced)
        self._roster.enter(self)
        self._roster.present(self)
        self._transport.registerProducer(self, True)
        self.front.open(backend)

    def _introduced(self) -> None:
        self._receive = self.front.receive
