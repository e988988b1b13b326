"""The client's end of a WebSocket: a factory that takes any stream endpoint, and what receives its messages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from os import urandom
from struct import iter_unpack
from typing import Any, Protocol

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.config import WebSocketConfig
from mcpws.core.codec import encode
from mcpws.core.lifecycle import ConnectionState
from mcpws.core.messages import Error, Message
from mcpws.errors import ConfigError, ConnectFailed, ConnectionClosed, HandshakeRefused, McpwsError, RpcError
from mcpws.ws.connection import NORMAL, Connection
from mcpws.ws.handshake import END_OF_HEAD, MAX_HEAD
from mcpws.ws.heartbeat import Heartbeat, period
from mcpws.ws.options import set_client_options
from mcpws.ws.protocol import Forwarding
from mcpws.ws.tuning import expect_messages_of

log = Logger()

_STATUS_LINE = re.compile(r"HTTP/1\.[01] (\d{3})(?: (.*))?")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_AUTHORITY_ENDS = re.compile("[/?#]")
_HTTP = b"HTTP/1."
_MAX_SHOWN = 200
_KEYS_DRAWN = 256


class Receiver(Protocol):
    """What a client connection brings its messages to."""

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
    """One connection to a server.

    `when_open` fires with it once the handshake is complete, or fails: HandshakeRefused when the server refused,
    ConnectFailed when the connection went before. Whoever makes the connection has to take it up.
    """

    def __init__(self, protocol: Any, id: int, factory: ConnectionFactory) -> None:
        super().__init__(protocol, id, factory.config, factory.clock)
        self._factory = factory
        self.mask_key = factory.mask_keys.__next__
        self.receiver: Receiver | None = None
        self._batch: list[bytes] | None = None
        self._when_open: Deferred[ClientConnection] | None = Deferred(self._given_up)
        self.when_open: Deferred[ClientConnection] = self._when_open
        self._refused: McpwsError | None = None
        self.given_up = False
        """Whether this side has closed it, without anything wrong."""

    @property
    def max_in_flight(self) -> int:
        """How many requests of the server's may wait for an answer."""
        return self._config.max_in_flight

    @property
    def max_queued_bytes(self) -> int:
        """How much may wait for a server that reads slowly, before it is too much."""
        return self._config.max_queued_bytes

    @property
    def can_send(self) -> bool:
        """Whether the server reads fast enough: False while more than `max_queued_bytes` wait."""
        return self.queued_bytes <= self.max_queued_bytes

    def send_message(self, message: Message) -> None:
        """Send it; nothing once the connection is closing."""
        if self._batch is None:
            self.send(encode(message))
        else:
            self._batch.append(encode(message))

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is sent meanwhile goes as one batch (JSON-RPC 2.0, section 6)."""
        self._batch = []
        try:
            yield
        finally:
            batch, self._batch = self._batch, None
            if batch:
                self.send(b"[%b]" % b",".join(batch))

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        if self.state in (ConnectionState.CONNECTING, ConnectionState.CONNECTED):
            self.given_up = code == NORMAL
        if self.state is ConnectionState.CONNECTING:
            self.refused(ConnectFailed(self._factory.url, reason or "it was closed before it was open"))
        super().close(code, reason)

    def opened(self) -> None:
        super().opened()
        self.receiver = self._factory.receiver(self)
        self.text_receiver = self.receiver.receive
        if self._when_open is not None:
            opened, self._when_open = self._when_open, None
            opened.callback(self)

    def message_received(self, message: Message, binary: bool) -> None:
        receiver = self.receiver
        if receiver is not None:
            receiver.receive(message)

    def garbage_received(self, error: RpcError, binary: bool) -> None:
        log.warn("{peer} sent what is no message: {error} {data}", peer=self.peer, error=error, data=error.data)
        if error.answers is not None:
            if self.receiver is not None:
                self.receiver.receive(Error.in_place_of(error.answers, error))
        elif error.id is not None:
            self.send(encode(Error.answering(error.id, error)), binary)

    @property
    def takes_batches(self) -> bool:
        """From a server always: it sends none but to a client that sent one, or that speaks 2025-03-26."""
        return True

    def batch_received(self, members: list[Message | RpcError], binary: bool) -> None:
        for member in members:
            if isinstance(member, RpcError):
                self.garbage_received(member, binary)
            else:
                self.message_received(member, binary)

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
        self.text_receiver = None
        if receiver is not None:
            receiver.lost(reason)
        if self._when_open is not None:
            failed, self._when_open = self._when_open, None
            failed.errback(reason)

    def refused(self, reason: HandshakeRefused | ConnectFailed) -> None:
        """It will not open; the connection is about to be dropped."""
        self._refused = reason

    def transport_lost(self, reason: Failure) -> None:
        if self.state is ConnectionState.CONNECTING and self._refused is None:
            clean = reason.check(ConnectionDone, ConnectionLost)
            said = self.close_reason or "the server hung up"
            problem = said if clean else str(reason.value) or type(reason.value).__name__
            self._refused = ConnectFailed(self._factory.url, problem)

    def sweep(self, now: float) -> None:
        limit = self._config.timeout_seconds
        if self.state is ConnectionState.CONNECTING and limit and now - self.counters.opened > limit:
            self.close_reason = f"no handshake within {limit:g} s"
        super().sweep(now)

    @property
    def in_flight(self) -> int:
        return 0 if self.receiver is None else self.receiver.in_flight

    def _given_up(self, _: Deferred[ClientConnection]) -> None:
        self._when_open = None
        self.abort()


class ClientProtocol(Forwarding, WebSocketClientProtocol):  # type: ignore[misc]
    """Autobahn's client protocol; `connection` is what to talk to."""

    _mcpws: ClientConnection

    @property
    def connection(self) -> ClientConnection:
        """The connection that this protocol carries."""
        return self._mcpws

    def processHandshake(self) -> None:
        if not self.data.startswith(_HTTP[: len(self.data)]):
            self.failHandshake("it does not speak HTTP/1.1")
        elif END_OF_HEAD not in self.data:
            if len(self.data) > MAX_HEAD:
                self.failHandshake(f"the server sent more than {MAX_HEAD} bytes of headers")
        else:
            try:
                super().processHandshake()
            except Exception as error:
                self.failHandshake(f"the server's handshake is malformed: {error}")

    def failHandshake(self, reason: str) -> None:
        head, _, body = self.data.partition(END_OF_HEAD)
        lines = head.decode("latin-1").split("\r\n")
        match = _STATUS_LINE.fullmatch(lines[0])
        if match is None or match[1] == "101":
            problem = f"the server did not complete the WebSocket handshake: {_shown(reason)}"
            refusal = HandshakeRefused(None, problem)
        else:
            headers = dict(_header(line) for line in lines[1:] if ":" in line)
            said = _shown(body.decode("utf-8", "replace").strip())
            phrase = _shown(match[2] or "")
            # Ours, and others', repeat the status line at the beginning of the body.
            text = said.removeprefix(f"{match[1]} {phrase}").removeprefix(":").strip()
            refusal = HandshakeRefused(int(match[1]), f"{phrase}: {text}" if text else phrase, headers)
        self._mcpws.refused(refusal)
        # The server's answer, not a failure for Autobahn to warn of.
        self.wasClean = True
        self.dropConnection(abort=True)


def _shown(text: str) -> str:
    """As much of what a server sent as belongs into an exception, which may end up on a terminal."""
    return "".join(filter(str.isprintable, text[:_MAX_SHOWN]))


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()


class ConnectionFactory(WebSocketClientFactory):
    """Makes connections to one URL.

    :param url: `ws://` or `wss://`. It gives the Host header and the path; where to connect is the endpoint's affair.
    :param receiver: called with each connection as it opens; returns what takes its messages.
    :param config: limits and timeouts.
    :param headers: sent with the handshake.
    :param subprotocols: offered, in order of preference.
    :param origin: sent as the Origin header, None for none.
    :param reactor: for time; the global one by default.
    """

    protocol = ClientProtocol
    noisy = False

    def __init__(
        self,
        url: str,
        receiver: Callable[[ClientConnection], Receiver],
        config: WebSocketConfig | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = ("mcp",),
        origin: str | None = None,
        reactor: IReactorTime | None = None,
    ) -> None:
        _check_url(url)
        _check_headers(headers or {}, subprotocols, origin)
        checked = WebSocketConfig(url=url, server_mode=False)
        self.config = config or checked
        super().__init__(
            url,
            origin=origin,
            protocols=list(subprotocols),
            useragent="mcpws",
            headers=dict(headers or {}),
            reactor=reactor,
        )
        if ":" in self.host:
            # Autobahn takes the brackets off an IPv6 address, and puts the rest into the Host header.
            self.host = f"[{self.host}]"
        self.receiver = receiver
        self.clock: IReactorTime = self.reactor
        set_client_options(self, self.config)
        expect_messages_of(self.config.max_message_size)
        self.mask_keys = _mask_keys()
        self._ids = count(1)
        self._connections: dict[int, ClientConnection] = {}
        self._heartbeat = Heartbeat(self.clock, period(self.config), self._connections.values)

    def buildProtocol(self, addr: IAddress | None) -> ClientProtocol:
        protocol: ClientProtocol = self.protocol()
        protocol.factory = self
        connection = ClientConnection(protocol, next(self._ids), self)
        protocol._mcpws = connection
        self._connections[connection.id] = connection
        self._heartbeat.start()
        return protocol

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


def _check_url(url: str) -> None:
    authority = _AUTHORITY_ENDS.split(url.partition("://")[2], maxsplit=1)[0]
    if "@" in authority:
        raise ConfigError("url", url.replace(authority, "..."), "must not hold credentials; send a header instead")
    if "#" in url:
        raise ConfigError("url", url, "must have no fragment (RFC 6455, section 3)")
    if not all("!" <= character <= "~" for character in url):
        raise ConfigError("url", url, "must be ASCII without spaces; the rest goes in percent-encoded")


def _check_headers(headers: Mapping[str, str], subprotocols: Sequence[str], origin: str | None) -> None:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ConfigError("headers", name, "is no header name")
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            # The value may be a secret: it is not repeated.
            raise ConfigError("headers", name, "has a value with control characters")
    for position, subprotocol in enumerate(subprotocols):
        if not _TOKEN.fullmatch(subprotocol):
            # Nor is a subprotocol: it may hold a token.
            raise ConfigError(f"subprotocols[{position}]", "...", "must be an HTTP token (RFC 6455, section 4.1)")
    if origin is not None and not origin.isprintable():
        raise ConfigError("origin", origin, "has control characters")
