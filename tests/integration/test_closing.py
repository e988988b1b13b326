"""Programs that close what Twisted gave them, a service or a transport, over TCP, UNIX sockets and TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from OpenSSL import SSL
from pytest_twisted import ensureDeferred
from twisted.application.internet import ClientService
from twisted.internet import reactor as installed
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import clientFromString, serverFromString, wrapClientTLS, wrapServerTLS
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from zope.interface import implementer

from mcpws import App, ClientFactory, ServerFactory, WebSocketConfig
from mcpws.client.session import Session

pytestmark = pytest.mark.integration

reactor: Any = installed
SOON = 0.5
"""Seconds. Without a Close frame it would be the heartbeat that ends it, if there is one."""
PATIENCE = 10


@implementer(IOpenSSLClientConnectionCreator, IOpenSSLServerConnectionCreator)
class Tls:
    """Both ends of TLS, with an authority of their own."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self._here, self._there = SSL.Context(SSL.TLS_CLIENT_METHOD), SSL.Context(SSL.TLS_SERVER_METHOD)
        authority.configure_trust(self._here)
        authority.issue_cert("localhost").configure_cert(self._there)

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        return SSL.Connection(self._here, None)

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        return SSL.Connection(self._there, None)


class Pair:
    """A ClientService and a listening server; `factory` is the server's."""

    def __init__(self, factory: Factory, heartbeat: float) -> None:
        self.factory = factory
        self.session: Deferred[Session] = Deferred()
        config = WebSocketConfig(server_mode=False, heartbeat_interval=heartbeat, close_timeout=1)
        self.client = ClientFactory("ws://localhost", config, on_session=self.session.callback, reactor=reactor)
        self.service: ClientService

    async def transport(self) -> Any:
        """The client's."""
        protocol: Any = await self.service.whenConnected()
        # To stop a service while it tells of its connection is more than its state machine can take.
        await deferLater(reactor, 0)
        return protocol.transport


@asynccontextmanager
async def paired(kind: str, folder: Path, factory: Factory, heartbeat: float) -> AsyncIterator[Pair]:
    """Both, connected by sockets of this `kind`."""
    path = folder / "socket"
    listening = serverFromString(reactor, f"unix:{path}" if kind == "unix" else "tcp:0:interface=127.0.0.1")
    tls = Tls()
    port: Any = await (wrapServerTLS(tls, listening) if kind == "tls" else listening).listen(factory)
    endpoint = clientFromString(reactor, f"unix:{path}" if kind == "unix" else f"tcp:127.0.0.1:{port.getHost().port}")
    if kind == "tls":
        endpoint = wrapClientTLS(tls, endpoint)
    pair = Pair(factory, heartbeat)
    pair.service = ClientService(endpoint, pair.client)
    pair.service.startService()
    try:
        yield pair
    finally:
        if pair.service.running:
            await pair.service.stopService()
        await port.stopListening()


def server_factory(heartbeat: float) -> ServerFactory:
    return ServerFactory(App("example", "1"), WebSocketConfig(heartbeat_interval=heartbeat), reactor=reactor)


class Mute(Protocol):
    """Takes what comes and says nothing."""


@pytest.mark.proves("K-17")
@pytest.mark.parametrize("heartbeat", [30, 0])
@pytest.mark.parametrize("closed", ["service", "client", "server"])
@pytest.mark.parametrize("kind", ["tcp", "unix", "tls"])
@ensureDeferred
async def test_to_close_what_a_websocket_stands_on_closes_it_in_order(
    kind: str, closed: str, heartbeat: float, tmp_path: Path
) -> None:
    server = server_factory(heartbeat)
    async with paired(kind, tmp_path, server, heartbeat) as pair:
        session = await pair.session.addTimeout(PATIENCE, reactor)
        [connection] = server.connections
        if closed == "service":
            await pair.service.stopService().addTimeout(SOON, reactor)
        elif closed == "client":
            (await pair.transport()).loseConnection()
        else:
            connection._protocol.transport.loseConnection()
        assert str(await session.when_lost().addTimeout(SOON, reactor)) == "connection closed with 1000"
        await server.drain(0).addTimeout(SOON, reactor)
        assert connection.close_code == 1000


@pytest.mark.parametrize("kind", ["tcp", "unix", "tls"])
@ensureDeferred
async def test_a_handshake_that_is_given_up_ends_at_once(kind: str, tmp_path: Path) -> None:
    async with paired(kind, tmp_path, Factory.forProtocol(Mute), 0) as pair:
        await pair.transport()
        await pair.service.stopService().addTimeout(SOON, reactor)
        assert not pair.session.called


@pytest.mark.parametrize("kind", ["tcp", "unix", "tls"])
@ensureDeferred
async def test_a_server_that_does_not_answer_the_close_is_waited_for_a_while(kind: str, tmp_path: Path) -> None:
    server = server_factory(0)
    async with paired(kind, tmp_path, server, 0) as pair:
        session = await pair.session.addTimeout(PATIENCE, reactor)
        server.connections[0]._protocol.transport.pauseProducing()
        # More than the sockets hold: some of it waits, and the Close frame behind it.
        session.notify("a", {"b": "x" * 8_000_000})
        stopped = pair.service.stopService()
        await deferLater(reactor, SOON)
        assert not stopped.called
        await stopped.addTimeout(PATIENCE, reactor)
        server.connections[0].abort()
        await server.drain(0)
