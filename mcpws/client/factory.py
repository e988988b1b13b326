"""Makers of sessions: `connect`, and a factory for endpoints and services of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.client.endpoint import endpoint_for, open_connection
from mcpws.client.identity import ClientIdentity, NotificationFunction, RequestFunction
from mcpws.client.opening import Era, Terms
from mcpws.client.session import Session
from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError, ConnectFailed, ConnectionClosed, McpwsError
from mcpws.seam.observer import Observer
from mcpws.ws.client import ClientConnection, ClientConnectionFactory, ClientProtocol
from mcpws.ws.target import Target
from mcpws.ws.upgrade import Headers

log = Logger()


class ClientFactory(ClientConnectionFactory):
    """Makes sessions with the server at `url`: for endpoints and ClientServices of your own.

    :param url: a Target may stand for it, which has `headers`, `subprotocols` and `origin` in it. Its endpoint and TLS
        are for `connect` and Upstream: here it is you who connects.
    :param on_session: called with each session once it has begun. What fails before that is logged. Without
        it, ask `session` for the session of each protocol that you get.
    :param requests: functions that answer the server, by method; the matching client capabilities are declared.
    :param notifications: functions that hear of the server's notifications, by method.
    :param identity: what to say of this client.
    :param era: `legacy` servers want an `initialize` first, `modern` ones do not. `auto` asks for `server/discover`,
        and takes for legacy who does not answer that as a modern server does.
    :param version: of MCP, to ask for; None for the newest. A server may answer with another one of its own era.
    :param probe_timeout: seconds for the answer to `server/discover`, in `auto`.
    :param timeout: seconds for the answer to each request that does not say otherwise; None to wait for ever.

    Further arguments as for Target and ClientConnectionFactory.
    """

    def __init__(
        self,
        url: str | Target,
        config: WebSocketConfig | None = None,
        *,
        on_session: Callable[[Session], object] | None = None,
        requests: Mapping[str, RequestFunction] | None = None,
        notifications: Mapping[str, NotificationFunction] | None = None,
        identity: ClientIdentity | None = None,
        era: Era = "auto",
        version: str | None = None,
        probe_timeout: float = 5,
        timeout: float | None = None,
        headers: Headers | None = None,
        subprotocols: Sequence[str] = ("mcp",),
        origin: str | None = None,
        reactor: IReactorTime | None = None,
        observer: Observer | None = None,
    ) -> None:
        super().__init__(
            Target.of(url, headers, subprotocols=subprotocols, origin=origin),
            self._session_on,
            config,
            reactor=reactor,
            observer=observer,
        )
        if timeout is not None and not (isinstance(timeout, int | float) and timeout > 0):
            raise ConfigError("timeout", timeout, "must be a number of seconds above 0, or None")
        self._timeout = timeout
        self._on_session = on_session
        self._requests = requests or {}
        self._notifications = notifications or {}
        self._terms = Terms(identity or ClientIdentity(), era, version, probe_timeout, self.config.timeout_seconds)
        self._begun: dict[int, Deferred[Session]] = {}

    def session(self, protocol: IProtocol) -> Deferred[Session]:
        """The session of a protocol that this factory built, once it has begun; ask once, as soon as you have it."""
        assert isinstance(protocol, ClientProtocol)
        return protocol.connection.when_open.addCallback(self.session_on)

    def session_on(self, connection: ClientConnection) -> Deferred[Session]:
        """Likewise, of a connection that is open."""
        return self._begun.pop(connection.id)

    def connection_gone(self, connection: ClientConnection) -> None:
        super().connection_gone(connection)
        begun = self._begun.pop(connection.id, None)
        if begun is not None:
            # Nobody asked for this session, as nobody does when a service has reconnected by itself.
            begun.addErrback(self._failed, connection)

    def _session_on(self, connection: ClientConnection) -> Session:
        session = Session(connection, self.clock, self._requests, self._notifications, self._timeout)
        begun = session.begin(self._terms)
        if self._on_session is None:
            self._begun[connection.id] = begun
        else:
            begun.addCallback(self._on_session)
            begun.addErrback(self._failed, connection)
        return session

    def buildProtocol(self, addr: IAddress | None) -> ClientProtocol:
        protocol = super().buildProtocol(addr)
        if self._on_session is not None:
            protocol.connection.when_open.addErrback(self._failed, protocol.connection)
        return protocol

    def _failed(self, failure: Failure, connection: ClientConnection) -> None:
        if connection.given_up and failure.check(ConnectFailed, ConnectionClosed):
            log.info("no session with {url}: it was given up", url=self.shown_url)
        elif failure.check(McpwsError):
            log.error("no session with {url}: {error}", url=self.shown_url, error=failure.value)
        else:
            log.failure("no session with {url}", failure=failure, url=self.shown_url)


class Connecting(Deferred[Session]):
    """A session to come. In `async with` it is waited for, and closed in the end."""

    def __init__(self, steps: Deferred[Session]) -> None:
        super().__init__(lambda _: steps.cancel())
        self._session: Session | None = None
        steps.addCallbacks(self.callback, self.errback)

    async def __aenter__(self) -> Session:
        self._session = await self
        return self._session

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()


def connect(
    url: str | Target,
    *,
    reactor: Any = None,
    endpoint: IStreamClientEndpoint | None = None,
    tls: IOpenSSLClientConnectionCreator | None = None,
    config: WebSocketConfig | None = None,
    requests: Mapping[str, RequestFunction] | None = None,
    notifications: Mapping[str, NotificationFunction] | None = None,
    identity: ClientIdentity | None = None,
    era: Era = "auto",
    version: str | None = None,
    probe_timeout: float = 5,
    timeout: float | None = None,
    headers: Headers | None = None,
    subprotocols: Sequence[str] = ("mcp",),
    origin: str | None = None,
    observer: Observer | None = None,
) -> Connecting:
    """Connect to the MCP server at `url` and begin; fires with the Session. Close it when you are done.

    `async with connect(...) as session` does that by itself, as `async with await connect(...)` does.

    :param url: a Target may stand for it, which has `endpoint`, `tls`, `headers`, `subprotocols` and `origin` in it.
    :param reactor: the global one by default.
    :param config: limits and timeouts; `timeout_seconds` bounds each step: the connection with all that it
        takes to look the host up, the opening handshake, and each answer of the exchange that begins the session.

    The others are as for Target and ClientFactory. Fails with ConnectFailed, HandshakeRefused, ConnectionClosed,
    RemoteError, RequestTimeout, MalformedResult or UnsupportedVersion. Cancelling it gives up.
    """
    if reactor is None:
        from twisted.internet import reactor
    target = Target.of(url, headers, subprotocols=subprotocols, origin=origin, endpoint=endpoint, tls=tls)
    factory = ClientFactory(
        target,
        config,
        requests=requests,
        notifications=notifications,
        identity=identity,
        era=era,
        version=version,
        probe_timeout=probe_timeout,
        timeout=timeout,
        reactor=reactor,
        observer=observer,
    )
    reached = endpoint_for(target, reactor, factory.config.timeout_seconds)
    return Connecting(open_connection(reached, factory).addCallback(factory.session_on))
