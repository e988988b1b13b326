"""One object that is a WebSocket server or client, as its config says: start, send, receive, stop.

For programs that handle the messages themselves. Those that want MCP's methods, requests with answers, or children are
better served by ServerFactory with a backend, and by `connect`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import count
from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.endpoints import quoteStringArgument
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.python.failure import Failure

from mcpws.client.endpoint import endpoint_for, open_connection
from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import ConnectionState
from mcpws.errors import ConfigError, ConnectionClosed, McpwsError, QueueFull
from mcpws.jsonrpc.messages import Message
from mcpws.policy.origin import is_localhost
from mcpws.policy.stats import ConnectionStatistics, ServerStatistics
from mcpws.policy.urls import shown, split
from mcpws.seam.interfaces import Channel, Link, Producer
from mcpws.service.listen import WebSocketService
from mcpws.ws.client import ClientConnection, ClientConnectionFactory
from mcpws.ws.connection import NO_STATUS, NORMAL
from mcpws.ws.server import ServerFactory
from mcpws.ws.target import Target

MAX_INCOMING = 256
"""Messages that wait for `receive`; from there on the connections that bring them are not read."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message, and the `connection` it came on: give that to `send` to answer."""

    message: Message
    connection: int


class WebSocketTransport:
    """A WebSocket server (`server_mode`) or client for JSON-RPC messages.

    In server mode the rules of a conversation hold as for every server here: `initialize` comes first, an answer goes
    out only to a request that is open.

    :param config: checked when the transport is made; ConfigError for what is not possible yet.
    :param reactor: the global one by default.
    :param tls: trust and certificate for a client with a `wss:` URL.
    """

    def __init__(
        self,
        config: WebSocketConfig,
        *,
        reactor: Any = None,
        tls: IOpenSSLClientConnectionCreator | None = None,
    ) -> None:
        if reactor is None:
            from twisted.internet import reactor
        self.config = config
        self._inbox = _Inbox(MAX_INCOMING)
        self._end: _Server | _Client
        if config.server_mode:
            if tls is not None:
                raise ConfigError("tls", tls, "a server has no TLS yet; put a TLS proxy in front of it")
            self._end = _Server(config, self._inbox, reactor)
        else:
            self._end = _Client(config, self._inbox, reactor, tls)

    @property
    def state(self) -> ConnectionState:
        """Of a client: its connection's. Of a server: connected while it listens."""
        return self._end.state

    def start(self) -> Deferred[None]:
        """Listen, or connect; fires when that is done. Fails with ListenFailed, ConnectFailed or HandshakeRefused."""
        return self._end.start()

    def stop(self) -> Deferred[None]:
        """Close everything with a closing handshake; fires when nothing is left. `receive` fails from then on."""
        return self._end.disconnect().addBoth(self._stopped)

    def send(self, message: Message, connection: int | None = None) -> None:
        """Send a message: a client to its server, a server to one connection or, with None, to all of them.

        :raises ConnectionClosed: a client that is not connected, or no such connection.
        :raises QueueFull: a client whose server reads too slowly.
        :raises MessageTooLarge: a client's message longer than `max_outbound_size`.
        """
        self._end.send(message, connection)

    def receive(self) -> Deferred[Incoming]:
        """The next message; fails with ConnectionClosed when a client's connection is gone or after `stop`."""
        return self._inbox.get()

    def statistics(self) -> ServerStatistics | ConnectionStatistics:
        """A snapshot: of the server, or of the client's connection.

        :raises ConnectionClosed: a client that has never been connected.
        """
        return self._end.statistics()

    def _stopped(self, result: object) -> object:
        self._inbox.end(ConnectionClosed(NORMAL, "the transport was stopped"))
        return result


class _Inbox:
    """Messages that wait for `receive`, or `receive`s that wait for messages."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._messages: deque[Incoming] = deque()
        self._waiting: deque[Deferred[Incoming]] = deque()
        self._paused: list[Producer] = []
        self._ended: McpwsError | None = None

    def put(self, incoming: Incoming, source: Producer) -> None:
        """A message came; its `source` is paused when too many wait."""
        if self._waiting:
            self._waiting.popleft().callback(incoming)
            return
        self._messages.append(incoming)
        if len(self._messages) >= self._limit and source not in self._paused:
            self._paused.append(source)
            source.pauseProducing()

    def get(self) -> Deferred[Incoming]:
        """The oldest message, as soon as there is one."""
        if self._messages:
            incoming = self._messages.popleft()
            if len(self._messages) * 2 < self._limit:
                paused, self._paused = self._paused, []
                for source in paused:
                    source.resumeProducing()
            return succeed(incoming)
        if self._ended is not None:
            return fail(self._ended)
        waiting: Deferred[Incoming] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def begin(self) -> None:
        """Messages may come."""
        self._ended = None

    def end(self, reason: McpwsError) -> None:
        """No more will come; those here can still be had."""
        self._ended = reason
        waiting, self._waiting = self._waiting, deque()
        for one in waiting:
            one.errback(reason)

    def forget(self, source: Producer) -> None:
        """A source is gone."""
        if source in self._paused:
            self._paused.remove(source)


class _Server:
    """Server mode: a Backend that hands every message to the program."""

    def __init__(self, config: WebSocketConfig, inbox: _Inbox, reactor: Any) -> None:
        parts = urlsplit(config.url)
        if config.use_tls or parts.scheme == "wss":
            raise ConfigError("use_tls", True, "a server has no TLS yet; put a TLS proxy in front of it")
        if parts.path not in ("", *config.paths):
            config = replace(config, paths=(*config.paths, parts.path))
        self._config = config
        self._inbox = inbox
        self._reactor = reactor
        self._ids = count(1)
        self._links: dict[int, Link] = {}
        self._endpoint = f"tcp:{parts.port or 80}:interface={quoteStringArgument(_interface(parts.hostname or ''))}"
        self._factory, self._service = self._unstarted()

    def _unstarted(self) -> tuple[ServerFactory, WebSocketService]:
        """A factory drains once: a transport that is started again needs another."""
        factory = ServerFactory(self, self._config, reactor=self._reactor)
        return factory, WebSocketService(factory, [self._endpoint], self._reactor)

    @property
    def state(self) -> ConnectionState:
        return ConnectionState.CONNECTED if self._service.running else ConnectionState.DISCONNECTED

    def start(self) -> Deferred[None]:
        self._inbox.begin()
        self._factory, self._service = self._unstarted()
        return maybeDeferred(self._service.startService)

    def disconnect(self) -> Deferred[None]:
        return self._service.stopService()

    def send(self, message: Message, connection: int | None) -> None:
        if connection is None:
            links = list(self._links.values())
        elif connection in self._links:
            links = [self._links[connection]]
        else:
            raise ConnectionClosed(NO_STATUS, f"there is no connection {connection}")
        for link in links:
            link.send(message)

    def statistics(self) -> ServerStatistics:
        return self._factory.statistics()

    # Backend

    def open(self, link: Link) -> Deferred[Channel]:
        id = next(self._ids)
        self._links[id] = link
        return succeed(_ServerChannel(self, link, id))

    def stop(self) -> Deferred[None]:
        return succeed(None)

    def received(self, message: Message, link: Link, id: int) -> None:
        self._inbox.put(Incoming(message, id), link)

    def gone(self, link: Link, id: int) -> None:
        del self._links[id]
        self._inbox.forget(link)


def _interface(host: str) -> str:
    """The address to listen at for clients that call this server `host`; names of others are the resolver's affair."""
    if is_localhost(host):
        return "127.0.0.1"
    try:
        return str(ip_address(host.removesuffix(".")))
    except ValueError:
        return host


class _ServerChannel:
    """One client's messages, on their way into the inbox."""

    def __init__(self, server: _Server, link: Link, id: int) -> None:
        self._server = server
        self._link = link
        self._id = id

    def receive(self, message: Message) -> None:
        self._server.received(message, self._link, self._id)

    def close(self, reason: str) -> None:
        self._server.gone(self._link, self._id)

    def pauseProducing(self) -> None:
        """`send` is the program's to call: what it sends waits, and is bounded, in the connection."""

    def resumeProducing(self) -> None:
        """See pauseProducing."""

    def stopProducing(self) -> None:
        """See pauseProducing."""


class _Client:
    """Client mode: the Receiver of one connection, and the Producer of its messages."""

    def __init__(
        self, config: WebSocketConfig, inbox: _Inbox, reactor: Any, tls: IOpenSSLClientConnectionCreator | None
    ) -> None:
        if config.use_tls and split(config.url).scheme != "wss":
            raise ConfigError("use_tls", True, f"contradicts the url {shown(config.url)}")
        defaults = WebSocketConfig()
        for key in ("max_reconnect_attempts", "reconnect_delay"):
            if getattr(config, key) != getattr(defaults, key):
                raise ConfigError(key, getattr(config, key), "nothing reconnects by itself yet; leave the default")
        self._inbox = inbox
        target = Target(config.url, tls=tls)
        self._factory = ClientConnectionFactory(target, lambda connection: self, config, reactor=reactor)
        self._endpoint = endpoint_for(target, reactor, config.timeout_seconds)
        self._connection: ClientConnection | None = None
        self._connecting: Deferred[Any] | None = None
        self._closing: list[Deferred[None]] = []

    @property
    def state(self) -> ConnectionState:
        if self._connecting is not None:
            return ConnectionState.CONNECTING
        return ConnectionState.DISCONNECTED if self._connection is None else self._connection.state

    def start(self) -> Deferred[None]:
        self._inbox.begin()
        self._connecting = open_connection(self._endpoint, self._factory)
        return self._connecting.addBoth(self._connected)

    def disconnect(self) -> Deferred[None]:
        if self._connecting is not None:
            self._connecting.cancel()
        if self._connection is None:
            return succeed(None)
        closed: Deferred[None] = Deferred(self._closing.remove)
        self._closing.append(closed)
        self._connection.close()
        return closed

    def send(self, message: Message, connection: int | None) -> None:
        if self._connection is None or self._connection.state is not ConnectionState.CONNECTED:
            raise ConnectionClosed(NO_STATUS, "the transport is not connected")
        if connection not in (None, self._connection.id):
            raise ConnectionClosed(NO_STATUS, f"there is no connection {connection}")
        if not self._connection.can_send:
            raise QueueFull("the queue to the server", self._connection.queued_bytes)
        self._connection.send_message(message)

    def statistics(self) -> ConnectionStatistics:
        if self._connection is None:
            raise ConnectionClosed(NO_STATUS, "the transport is not connected")
        return self._connection.statistics(self._factory.time.seconds())

    def _connected(self, result: ClientConnection | Failure) -> Failure | None:
        self._connecting = None
        if isinstance(result, Failure):
            return result
        self._connection = result
        return None

    # ws.client.Receiver

    def receive(self, message: Message) -> None:
        id = 1 if self._connection is None else self._connection.id
        self._inbox.put(Incoming(message, id), self)

    def pause_sending(self) -> None:
        """`send` sees it by itself."""

    def resume_sending(self) -> None:
        """Likewise."""

    def lost(self, reason: McpwsError) -> None:
        self._connection = None
        self._inbox.end(reason)
        closing, self._closing = self._closing, []
        for closed in closing:
            closed.callback(None)

    @property
    def in_flight(self) -> int:
        """Not counted: what is a request, and what an answer, is the program's affair."""
        return 0

    # Producer

    def pauseProducing(self) -> None:
        if self._connection is not None:
            self._connection.pause_reading()

    def resumeProducing(self) -> None:
        if self._connection is not None:
            self._connection.resume_reading()

    def stopProducing(self) -> None:
        self.pauseProducing()
