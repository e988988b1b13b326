"""The client's end of a WebSocket: a factory that takes any stream endpoint, and what receives its messages."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from os import urandom
from struct import iter_unpack
from typing import Any, Protocol

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import ConnectionState
from mcpws.errors import (
    ConnectFailed,
    ConnectionClosed,
    HandshakeRefused,
    McpwsError,
    MessageTooLarge,
    QueueFull,
    ResultTooLarge,
    RpcError,
)
from mcpws.http.request import END_OF_HEAD, MAX_HEAD
from mcpws.jsonrpc.codec import encode
from mcpws.jsonrpc.messages import Error, Message, Notification, Request
from mcpws.policy.urls import authority, resource, split
from mcpws.seam.interfaces import Identity
from mcpws.seam.observer import Closing, MessageObserver, Observer, Party, tell
from mcpws.turns.heartbeat import Heartbeat, period
from mcpws.turns.steady import steady
from mcpws.ws.autobahn import AutobahnEnd
from mcpws.ws.connection import NORMAL, Connection, nobody
from mcpws.ws.options import set_client_options
from mcpws.ws.target import Target
from mcpws.ws.tuning import expect_messages_of
from mcpws.ws.upgrade import Upgrade, after_interim, refusal

log = Logger()

_HTTP = b"HTTP/1."
_KEYS_DRAWN = 256


class Receiver(Protocol):
    """The receiver of a client connection's messages."""

    def receive(self, message: Message) -> None:
        """The server sent a message."""

    def pause_sending(self) -> None:
        """The server reads too slowly: send no more than must be."""

    def resume_sending(self) -> None:
        """The server has caught up."""

    def lost(self, reason: McpwsError) -> None:
        """The connection is gone; called once, and only if it was open."""

    @property
    def in_flight(self) -> int:
        """Requests that wait for an answer of the server."""


class ClientConnection(Connection):
    """One connection to a server."""

    def __init__(self, protocol: Any, id: int, factory: ClientConnectionFactory) -> None:
        super().__init__(protocol, id, factory.config, factory.time)
        self._factory = factory
        self.mask_key = factory.mask_keys.__next__
        self.receiver: Receiver | None = None
        self._batch: list[bytes] | None = None
        self._waiting: list[Deferred[ClientConnection]] | None = []
        self._not_open: Failure | None = None
        self._refused: McpwsError | None = None
        self.interim = 0
        """Bytes of interim answers that came before the one to the handshake."""
        self.given_up = False
        """Whether this side has closed it, without anything wrong."""

    @property
    def when_open(self) -> Deferred[ClientConnection]:
        """Fires with this connection once its handshake is complete; everybody who asks has a Deferred of his own.

        It fails with HandshakeRefused when the server refused, with ConnectFailed when the connection went before.
        Cancelling one drops the connection, and all fail with CancelledError.
        """
        waiting: Deferred[ClientConnection] = Deferred(self._give_up)
        if self._waiting is None:
            waiting.callback(self._not_open or self)
        else:
            self._waiting.append(waiting)
        return waiting

    @property
    def max_in_flight(self) -> int:
        """The number of the server's requests that may wait for an answer."""
        return self._config.max_in_flight

    @property
    def notification_limits(self) -> tuple[int, int]:
        """The notifications that functions may be at work on: their number, and their bytes."""
        return self._config.max_notifications, self._config.max_notification_bytes

    @property
    def max_queued_bytes(self) -> int:
        """The bytes that may wait for a server that reads slowly, before it is too much."""
        return self._config.max_queued_bytes

    @property
    def can_send(self) -> bool:
        """Whether the server reads fast enough: False while more than `max_queued_bytes` wait."""
        return self.queued_bytes <= self.max_queued_bytes

    def send_message(self, message: Message) -> None:
        """Send it; nothing once the connection is closing.

        :raises MessageTooLarge: it is longer than `max_outbound_size`; nothing was sent. An answer, ResultTooLarge.
        :raises QueueFull: it was to be one of those `together`, of which too much waits already.
        """
        data = encode(message)
        if len(data) > self._config.max_outbound_size:
            too_large = MessageTooLarge if type(message) in (Request, Notification) else ResultTooLarge
            raise too_large(len(data), self._config.max_outbound_size)
        if self._batch is None:
            self.deliver(message, data)
        else:
            self._gather(data)

    @contextmanager
    def together(self) -> Iterator[None]:
        """A time in which all that is sent goes as one batch (JSON-RPC 2.0, section 6), or as few as may be."""
        self._batch = []
        try:
            yield
        finally:
            batch, self._batch = self._batch, None
            if batch:
                self.deliver(None, b"[%b]" % b",".join(batch))

    def _gather(self, data: bytes) -> None:
        assert self._batch is not None
        # Of the array, with brackets and commas.
        if sum(map(len, self._batch)) + len(self._batch) + len(data) + 2 > self._config.max_outbound_size:
            if self._batch:
                self.deliver(None, b"[%b]" % b",".join(self._batch))
                self._batch.clear()
            if not self.can_send:
                raise QueueFull("the queue to the server", self.max_queued_bytes)
        self._batch.append(data)

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        if self.state in (ConnectionState.CONNECTING, ConnectionState.CONNECTED):
            self.given_up = code == NORMAL
        if self.state is ConnectionState.CONNECTING:
            self.refused(ConnectFailed(self._factory.shown_url, reason or "it was closed before it was open"))
        super().close(code, reason)

    def opened(self) -> None:
        super().opened()
        self.receiver = self._factory.make_receiver(self)
        self.receive = self.receiver.receive
        self._tell(self)

    def binary_received(self, message: Message) -> None:
        self.receive(message)

    def garbage_received(self, error: RpcError, binary: bool) -> None:
        log.warn("{peer} sent what is no message: {error} {data}", peer=self.peer, error=error, data=error.data)
        if error.answers is not None:
            if self.receiver is not None:
                self.receiver.receive(Error.in_place_of(error.answers, error))
        elif error.id is not None:
            answer = Error.answering(error.id, error)
            self.deliver(answer, encode(answer), binary)

    @property
    def takes_batches(self) -> bool:
        """From a server always: it sends none but to a client that sent one, or that speaks 2025-03-26."""
        return True

    def batch_received(self, members: list[Message | RpcError], binary: bool) -> None:
        for member in members:
            if isinstance(member, RpcError):
                self.garbage_received(member, binary)
            else:
                self.receive(member)

    def limit_hit(self, setting: str) -> None:
        """The reason of the close says it."""

    def too_much_queued(self) -> None:
        if self.receiver is not None:
            self.receiver.pause_sending()

    def queue_has_space(self) -> None:
        if self.receiver is not None:
            self.receiver.resume_sending()

    def queue_empty(self) -> None:
        """Nothing is kept back here."""

    def gone(self) -> None:
        self._factory.connection_gone(self)
        reason = self._refused or ConnectionClosed(self.close_code, self.close_reason)
        receiver, self.receiver = self.receiver, None
        self.receive = nobody
        if receiver is not None:
            receiver.lost(reason)
        if self._waiting is not None:
            if not self._waiting and not self.given_up:
                log.error("no connection to {url}: {error}", url=self._factory.shown_url, error=reason)
            self._tell(Failure(reason))

    def refused(self, reason: HandshakeRefused | ConnectFailed) -> None:
        """The connection will not open, and is about to be dropped."""
        self._refused = reason

    def transport_lost(self, reason: Failure) -> None:
        if self.state is ConnectionState.CONNECTING and self._refused is None:
            clean = reason.check(ConnectionDone, ConnectionLost)
            said = self.close_reason or "the server hung up"
            problem = said if clean else str(reason.value) or type(reason.value).__name__
            self._refused = ConnectFailed(self._factory.shown_url, problem)

    def sweep(self, now: float) -> None:
        limit = self._config.timeout_seconds
        if self.state is ConnectionState.CONNECTING and limit and now - self.counters.opened > limit:
            self.close_reason = f"no handshake within {limit:g} s"
        super().sweep(now)

    @property
    def in_flight(self) -> int:
        return 0 if self.receiver is None else self.receiver.in_flight

    def _tell(self, outcome: ClientConnection | Failure) -> None:
        if self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            self._not_open = outcome if isinstance(outcome, Failure) else None
            for one in waiting:
                one.callback(outcome)

    def _give_up(self, _: object) -> None:
        self._tell(Failure(CancelledError()))
        self.abort()


class WatchedConnection(ClientConnection):
    """One of which an Observer is told."""

    def __init__(self, protocol: Any, id: int, factory: ClientConnectionFactory, observer: Observer) -> None:
        super().__init__(protocol, id, factory)
        self._party = Party("server", id, Identity(factory.shown_url, connection=id))
        self._observer = observer
        self._of_messages = observer if isinstance(observer, MessageObserver) else None
        self._was_open = False

    def opened(self) -> None:
        self._was_open = True
        # Before the receiver is made: that one may send at once.
        tell(self._observer.opened, self._party)
        super().opened()
        if self._of_messages is not None:
            self._unwatched, self.receive = self.receive, self._watched

    def _watched(self, message: Message) -> None:
        assert self._of_messages is not None
        tell(self._of_messages.received, self._party, message)
        self._unwatched(message)

    def send_message(self, message: Message) -> None:
        super().send_message(message)
        if self._of_messages is not None:
            tell(self._of_messages.sent, self._party, message)

    def limit_hit(self, setting: str) -> None:
        tell(self._observer.limited, self._party, setting)

    def gone(self) -> None:
        if self._was_open:
            closing = Closing(
                self.close_code,
                self.close_reason,
                "us" if self.closed_by_us else "them",
                self.clock.seconds() - self.counters.opened,
                self.counters.counts(),
            )
            tell(self._observer.closed, self._party, closing)
        super().gone()


class ClientProtocol(AutobahnEnd, WebSocketClientProtocol):  # type: ignore[misc]
    """Autobahn's client protocol; `connection` is what to talk to."""

    _mcpws: ClientConnection

    @property
    def connection(self) -> ClientConnection:
        """The connection that this protocol carries."""
        return self._mcpws

    def startHandshake(self) -> None:
        # Not Autobahn's own, which adds the default port to the host, and can send a header only once.
        self.websocket_key = b64encode(urandom(16))
        self.sendData(self.factory.upgrade.request(self.websocket_key))

    def processHandshake(self) -> None:
        connection = self._mcpws
        before = len(self.data)
        self.data = after_interim(self.data)
        connection.interim += before - len(self.data)
        end = self.data.find(END_OF_HEAD)
        if not self.data.startswith(_HTTP[: len(self.data)]):
            self.failHandshake("it does not speak HTTP/1.1")
        elif connection.interim + (len(self.data) if end < 0 else end) > MAX_HEAD:
            self.failHandshake(f"the server sent more than {MAX_HEAD} bytes of headers")
        elif end >= 0:
            # A header may hold any bytes (RFC 9110, section 5.5), but Autobahn wants UTF-8.
            head = self.data[:end].decode(errors="replace")
            self.data = head.encode() + self.data[end:]
            try:
                super().processHandshake()
            except Exception as error:
                self.failHandshake(f"the server's handshake is malformed: {error}")

    def _parseExtensionsHeader(self, header: str, removeQuotes: bool = True) -> list[Any]:
        extensions: list[Any] = super()._parseExtensionsHeader(header, removeQuotes)
        for _, parameters in extensions:
            if parameters.get("server_max_window_bits") == ["8"]:
                # Autobahn knows none so small, which a server may choose. A larger one inflates the same.
                parameters["server_max_window_bits"] = ["9"]
        return extensions

    def failHandshake(self, reason: str) -> None:
        self._mcpws.refused(refusal(self.data, reason))
        # The server's answer, not a failure for Autobahn to warn of.
        self.wasClean = True
        self.dropConnection(abort=True)


class ClientConnectionFactory(WebSocketClientFactory):
    """Makes connections to one target.

    :param target: the server, or its URL alone; where to connect is the affair of whoever does.
    :param make_receiver: called with each connection as it opens; returns what takes its messages.
    :param config: limits and timeouts.
    :param reactor: for time; the global one by default.
    :param observer: is told of the connections that open.
    """

    protocol = ClientProtocol
    noisy = False

    def __init__(
        self,
        target: str | Target,
        make_receiver: Callable[[ClientConnection], Receiver],
        config: WebSocketConfig | None = None,
        *,
        reactor: IReactorTime | None = None,
        observer: Observer | None = None,
    ) -> None:
        self.target = target = Target.of(target)
        self.config = config or WebSocketConfig(url=target.url, server_mode=False)
        # Without the URL, which Autobahn would read in a way of its own.
        super().__init__(protocols=list(target.subprotocols), reactor=reactor)
        self.url, self.shown_url = target.url, target.shown
        self.make_receiver = make_receiver
        self.observer = observer
        self.clock: IReactorTime = self.reactor
        self.time = steady(self.clock)
        set_client_options(self, self.config)
        offers = [offer.get_extension_string() for offer in self.perMessageCompressionOffers]
        parts = split(target.url)
        self.upgrade = Upgrade(
            resource(parts), authority(parts), target.headers, target.subprotocols, target.origin, offers
        )
        expect_messages_of(self.config.max_message_size)
        self.mask_keys = _mask_keys()
        self._ids = count(1)
        self._connections: dict[int, ClientConnection] = {}
        self._heartbeat = Heartbeat(self.time, period(self.config), self._connections.values)

    def buildProtocol(self, addr: IAddress | None) -> ClientProtocol:
        protocol: ClientProtocol = self.protocol()
        protocol.factory = self
        connection = self._connection(protocol, next(self._ids))
        protocol._mcpws = connection
        self._connections[connection.id] = connection
        self._heartbeat.start()
        return protocol

    def _connection(self, protocol: ClientProtocol, id: int) -> ClientConnection:
        if self.observer is None:
            return ClientConnection(protocol, id, self)
        return WatchedConnection(protocol, id, self, self.observer)

    def connection_gone(self, connection: ClientConnection) -> None:
        """A connection is no more."""
        del self._connections[connection.id]
        if not self._connections:
            self._heartbeat.stop()


def _mask_keys() -> Iterator[bytes]:
    """Keys that no server can foretell (RFC 6455, section 5.3), drawn by the block: one by one they take longer."""
    while True:
        for (key,) in iter_unpack("4s", urandom(_KEYS_DRAWN * 4)):
            yield key
