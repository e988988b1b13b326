"""Another WebSocket server as a backend: each conversation is passed on over a connection of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.client.endpoint import endpoint_for, open_connection
from mcpws.config import WebSocketConfig
from mcpws.errors import McpwsError, MessageTooLarge, ResultTooLarge, RpcError, ShuttingDown
from mcpws.jsonrpc.messages import Error, Message, Request, Result
from mcpws.policy.urls import shown, split
from mcpws.seam.interfaces import Channel, Description, Link
from mcpws.turns.once import Once
from mcpws.ws.client import ClientConnection, ClientConnectionFactory
from mcpws.ws.connection import NORMAL
from mcpws.ws.target import Target
from mcpws.ws.upgrade import Headers

log = Logger()


class Upstream:
    """Passes conversations on to the MCP server at `url`, message by message, unchanged.

    :param url: a Target may stand for it, which has `endpoint`, `tls`, `headers`, `subprotocols` and `origin` in it.
    :param reactor: connects, and keeps time.
    :param config: limits and timeouts.

    The others are as for Target.
    """

    def __init__(
        self,
        url: str | Target,
        *,
        reactor: Any,
        endpoint: IStreamClientEndpoint | None = None,
        tls: IOpenSSLClientConnectionCreator | None = None,
        config: WebSocketConfig | None = None,
        headers: Headers | None = None,
        subprotocols: Sequence[str] = ("mcp",),
        origin: str | None = None,
    ) -> None:
        target = Target.of(url, headers, subprotocols=subprotocols, origin=origin, endpoint=endpoint, tls=tls)
        self.url = target.url
        self._factory = _Factory(target, _Downward, config, reactor=reactor)
        self._endpoint = endpoint_for(target, reactor, self._factory.config.timeout_seconds)
        self._opening: set[Deferred[Any]] = set()
        self._stopping = False

    def described(self) -> Description:
        """Description with the URL of the server."""
        return Description(split(self.url).hostname or "upstream", f"the server at {shown(self.url)}")

    def open(self, link: Link) -> Deferred[Channel]:
        """Connect. Fails with ConnectFailed, HandshakeRefused or ConnectionClosed; with ShuttingDown after `stop`."""
        if self._stopping:
            return fail(ShuttingDown())
        connecting: Deferred[Any] = open_connection(self._endpoint, self._factory)
        connecting.addCallback(lambda connection: connection.receiver.serve(link))
        self._opening.add(connecting)
        return connecting.addBoth(self._tried, connecting)

    def stop(self) -> Deferred[None]:
        """End all conversations with ShuttingDown; fires when no connection is left."""
        self._stopping = True
        for connecting in list(self._opening):
            connecting.cancel()
        return self._factory.stop()

    def _tried(self, result: Any, connecting: Deferred[Any]) -> Any:
        self._opening.discard(connecting)
        if self._stopping and isinstance(result, Failure):
            return Failure(ShuttingDown())
        return result


class _Factory(ClientConnectionFactory):
    """Knows all the connections of an Upstream, those included that are not open yet, or not gone."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._stopping = False
        self._stopped: Once[None] = Once()

    def stop(self) -> Deferred[None]:
        """Close all; fires when none is left."""
        for connection in list(self._connections.values()):
            if isinstance(connection.receiver, _Downward):
                connection.receiver.stop()
        self._stopping = True
        self._fire_stopped()
        return self._stopped.when()

    def connection_gone(self, connection: ClientConnection) -> None:
        super().connection_gone(connection)
        self._fire_stopped()

    def _fire_stopped(self) -> None:
        if self._stopping and not self._connections:
            self._stopped.fire(None)


class _Downward:
    """The way from the server to the client."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._link: Link | None = None

    def serve(self, link: Link) -> Channel:
        """Bring the messages to `link`; returns the way up."""
        self._link = link
        return _Upward(self)

    def send(self, message: Message) -> None:
        """To the server; what is too large for that fails alone."""
        try:
            self._connection.send_message(message)
        except ResultTooLarge as error:
            assert isinstance(message, Result | Error)
            self._connection.send_message(Error.answering(message.id, error))
        except MessageTooLarge as error:
            if type(message) is not Request:
                log.warn("a notification is not passed on to {peer}: {error}", peer=self._connection.peer, error=error)
            elif self._link is not None:
                refusal = RpcError(str(error), {"size": error.size, "limit": error.limit}, code=ResultTooLarge.code)
                self._link.send(Error.answering(message.id, refusal))

    def close(self, reason: str) -> None:
        """Nobody wants the conversation any more."""
        self._link = None
        self._connection.close(NORMAL, reason)

    def stop(self) -> None:
        """The conversation has to end."""
        link = self._link
        self.close("the service is shutting down")
        if link is not None:
            link.lost(ShuttingDown())

    def pause_reading(self) -> None:
        """The client reads too slowly."""
        self._connection.pause_reading()

    def resume_reading(self) -> None:
        """Read on: the other end has caught up."""
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
        link, self._link = self._link, None
        if link is not None:
            link.lost(reason)

    @property
    def in_flight(self) -> int:
        """Not counted here: the front keeps the ledger."""
        return 0


class _Upward:
    """The way from the client to the server: the Channel."""

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
