"""Another WebSocket server as a backend: each conversation is passed on over a connection of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint

from mcpws.client.session import NO_TIMEOUT, connect_failed, endpoint_for
from mcpws.config import WebSocketConfig
from mcpws.core.messages import Message
from mcpws.errors import McpwsError
from mcpws.interfaces import Channel, Link
from mcpws.ws.client import ClientConnection, ConnectionFactory
from mcpws.ws.connection import NORMAL


class Upstream:
    """Passes conversations on to the MCP server at `url`, message by message, unchanged.

    :param reactor: connects, and keeps time.
    :param endpoint: where to connect, if not where the URL says.
    :param tls: trust and certificate for `wss:`.
    :param config: limits and timeouts.
    :param headers: sent with every handshake; credentials, for example.
    :param subprotocols: offered with every handshake.
    """

    def __init__(
        self,
        url: str,
        *,
        reactor: Any,
        endpoint: IStreamClientEndpoint | None = None,
        tls: IOpenSSLClientConnectionCreator | None = None,
        config: WebSocketConfig | None = None,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = ("mcp",),
    ) -> None:
        self.url = url
        self._config = config or WebSocketConfig(url=url, server_mode=False)
        self._reactor = reactor
        self._endpoint = endpoint or endpoint_for(url, reactor, self._config.timeout_seconds or NO_TIMEOUT, tls)
        self._headers = headers
        self._subprotocols = subprotocols
        self._open: set[_Downward] = set()
        self._waiting: list[Deferred[None]] = []
        # A mistake in the URL or in the headers is to be heard of now, not with the first client.
        self._factory(lambda connection: _Downward(self, connection))

    def open(self, link: Link) -> Deferred[Channel]:
        """Connect. Fails with ConnectFailed, HandshakeRefused or ConnectionClosed."""
        factory = self._factory(lambda connection: _Downward(self, connection))
        connecting: Deferred[Any] = self._endpoint.connect(factory)
        connecting.addErrback(connect_failed, self.url)
        connecting.addCallback(lambda protocol: protocol.connection.when_open)
        return connecting.addCallback(lambda connection: connection.receiver.serve(link))

    def stop(self) -> Deferred[None]:
        """Close all; fires when none is open."""
        for one in list(self._open):
            one.close("stopped")
        if not self._open:
            return succeed(None)
        stopped: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(stopped)
        return stopped

    def opened(self, one: _Downward) -> None:
        """A connection is open."""
        self._open.add(one)

    def gone(self, one: _Downward) -> None:
        """A connection is no more."""
        self._open.discard(one)
        if not self._open:
            waiting, self._waiting = self._waiting, []
            for stopped in waiting:
                stopped.callback(None)

    def _factory(self, receiver: Any) -> ConnectionFactory:
        return ConnectionFactory(
            self.url,
            receiver,
            self._config,
            headers=self._headers,
            subprotocols=self._subprotocols,
            reactor=self._reactor,
        )


class _Downward:
    """What comes from the server, to the client."""

    def __init__(self, upstream: Upstream, connection: ClientConnection) -> None:
        self._upstream = upstream
        self._connection = connection
        self._link: Link | None = None
        upstream.opened(self)

    def serve(self, link: Link) -> Channel:
        """Bring the messages to `link`; returns the way up."""
        self._link = link
        return _Upward(self)

    def send(self, message: Message) -> None:
        """To the server."""
        self._connection.send_message(message)

    def close(self, reason: str) -> None:
        """Nobody wants the conversation any more."""
        self._link = None
        self._connection.close(NORMAL, reason)

    def pause_reading(self) -> None:
        """The client reads too slowly."""
        self._connection.pause_reading()

    def resume_reading(self) -> None:
        """It has caught up."""
        self._connection.resume_reading()

    # ws.client.Receiver

    def receive(self, message: Message) -> None:
        if self._link is not None:
            self._link.send(message)

    def pause_sending(self) -> None:
        if self._link is not None:
            self._link.pauseProducing()

    def resume_sending(self) -> None:
        if self._link is not None:
            self._link.resumeProducing()

    def lost(self, reason: McpwsError) -> None:
        self._upstream.gone(self)
        link, self._link = self._link, None
        if link is not None:
            link.lost(reason)

    @property
    def in_flight(self) -> int:
        """Not counted here: the front keeps the ledger."""
        return 0


class _Upward:
    """What comes from the client, to the server: the Channel."""

    def __init__(self, downward: _Downward) -> None:
        self._downward = downward

    def receive(self, message: Message) -> None:
        self._downward.send(message)

    def close(self, reason: str) -> None:
        self._downward.close(reason)

    def pauseProducing(self) -> None:
        self._downward.pause_reading()

    def resumeProducing(self) -> None:
        self._downward.resume_reading()

    def stopProducing(self) -> None:
        self._downward.pause_reading()
