"""A session: an initialised conversation with a server, each request a Deferred."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Raw, Struct
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import (
    IAddress,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.config import WebSocketConfig
from mcpws.conversation import Conversation
from mcpws.core.lifecycle import LEGACY_VERSIONS, ConnectionState
from mcpws.core.messages import EMPTY, Message, Notification, Request
from mcpws.core.peer import OnProgress
from mcpws.errors import (
    ConfigError,
    ConnectFailed,
    InvalidParams,
    McpwsError,
    MethodNotFound,
    QueueFull,
    UnsupportedVersion,
)
from mcpws.policy.stats import ConnectionStatistics
from mcpws.version import __version__
from mcpws.ws.client import ClientConnection, ClientProtocol, ConnectionFactory

log = Logger()

NO_TIMEOUT = 365 * 86_400.0
"""For endpoints, which cannot wait for ever."""

RequestFunction = Callable[[dict[str, Any]], object]
"""Answers a request of the server's: takes the parameters, returns the result, a Deferred or a coroutine of it."""

NotificationFunction = Callable[[dict[str, Any]], object]
"""Takes the parameters of a notification of the server's."""

_CAPABILITY = {
    "sampling/createMessage": "sampling",
    "elicitation/create": "elicitation",
    "roots/list": "roots",
}


class _Initialized(Struct):
    """What is read of the result of `initialize`."""

    protocolVersion: str
    serverInfo: dict[str, Any]
    capabilities: dict[str, Any] = {}
    instructions: str | None = None


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """What a client says of itself: name, version, and capabilities beyond those of the requests it answers."""

    name: str = "mcpws"
    version: str = __version__
    capabilities: Mapping[str, Any] = field(default_factory=dict)


class Session:
    """A conversation with one server. `connect` and SessionFactory make it, initialised.

    `server_info`, `server_capabilities`, `protocol_version` and `instructions` are what the server said of itself.
    """

    def __init__(
        self,
        connection: ClientConnection,
        clock: IReactorTime,
        requests: Mapping[str, RequestFunction],
        notifications: Mapping[str, NotificationFunction],
    ) -> None:
        self.server_info: dict[str, Any] = {}
        self.server_capabilities: dict[str, Any] = {}
        self.protocol_version = ""
        self.instructions: str | None = None
        self._connection = connection
        self._clock = clock
        self._requests = dict(requests)
        self._notifications = dict(notifications)
        self._conversation = Conversation(
            connection.send_message, clock, self._answer, self._notified, max_working=connection.max_in_flight
        )
        self._lost: McpwsError | None = None
        self._waiting: list[Deferred[McpwsError]] = []

    def request(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
        type: Any = Any,
    ) -> Deferred[Any]:
        """Ask the server; fires with the result, decoded as `type`.

        Fails with RemoteError when the server answers with an error, RequestTimeout after `timeout` seconds,
        ConnectionClosed when the connection is gone, QueueFull when the server reads too slowly or owes too many
        answers. Cancelling the Deferred cancels the request. `on_progress` gets a Progress for each report.
        """
        if self._lost is None and not self._connection.can_send:
            queue_full = QueueFull("the queue to the server", self._connection.max_queued_bytes)
            refused: Deferred[Any] = Deferred()
            refused.errback(queue_full)
            return refused
        return self._conversation.request(method, params, timeout=timeout, on_progress=on_progress, type=type)

    def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Tell the server; does nothing once the connection is gone."""
        self._conversation.notify(method, params)

    def close(self) -> Deferred[None]:
        """Close with 1000; fires when the connection is gone. What is pending fails with ConnectionClosed."""
        closed = self.when_lost().addCallback(lambda reason: None)
        self._connection.close()
        return closed

    def when_lost(self) -> Deferred[McpwsError]:
        """Fires, with the reason, when the connection is gone; each call gives a Deferred of its own."""
        waiting: Deferred[McpwsError] = Deferred(self._waiting.remove)
        if self._lost is not None:
            waiting.callback(self._lost)
        else:
            self._waiting.append(waiting)
        return waiting

    @property
    def state(self) -> ConnectionState:
        """The connection's."""
        return self._connection.state

    @property
    def in_flight(self) -> int:
        """Requests that wait for an answer of the server."""
        return self._conversation.peer.pending

    def statistics(self) -> ConnectionStatistics:
        """A snapshot of the connection's counters; `in_flight` are the requests that wait for an answer."""
        return self._connection.statistics(self._clock.seconds())

    def initialize(self, identity: ClientIdentity, timeout: float | None) -> Deferred[Session]:
        """The exchange that begins a conversation (MCP 2025-11-25, lifecycle); fires with this session.

        Fails, and closes the connection, when the server answers with an error or with a version that is not ours.
        """
        declared: dict[str, Any] = {
            capability: {} for method, capability in _CAPABILITY.items() if method in self._requests
        }
        asked = self.request(
            "initialize",
            {
                "protocolVersion": LEGACY_VERSIONS[-1],
                "capabilities": {**declared, **identity.capabilities},
                "clientInfo": {"name": identity.name, "version": identity.version},
            },
            timeout=timeout,
            type=_Initialized,
        )
        return asked.addCallback(self._initialized).addErrback(self._not_initialized)

    def _initialized(self, result: _Initialized) -> Session:
        if result.protocolVersion not in LEGACY_VERSIONS:
            raise UnsupportedVersion(result.protocolVersion, LEGACY_VERSIONS)
        self.server_info = result.serverInfo
        self.server_capabilities = result.capabilities
        self.protocol_version = result.protocolVersion
        self.instructions = result.instructions
        self.notify("notifications/initialized")
        return self

    def _not_initialized(self, failure: Failure) -> Failure:
        self._connection.close()
        return failure

    def _answer(self, request: Request) -> object:
        if request.method == "ping":
            return EMPTY
        function = self._requests.get(request.method)
        if function is None:
            raise MethodNotFound(request.method)
        return function(_decoded(request.params))

    def _notified(self, notification: Notification) -> object:
        function = self._notifications.get(notification.method)
        return None if function is None else function(_decoded(notification.params))

    # ws.client.Receiver

    def receive(self, message: Message) -> None:
        self._conversation.receive(message)

    def pause_sending(self) -> None:
        """`request` sees it by itself."""

    def resume_sending(self) -> None:
        """Likewise."""

    def lost(self, reason: McpwsError) -> None:
        self._lost = reason
        self._conversation.lost(reason)
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            one.callback(reason)


class ClientFactory(ConnectionFactory):
    """Makes sessions with the server at `url`: for endpoints and ClientServices of your own.

    :param on_session: called with each session once it is initialised. What fails before that is logged. Without
        it, ask `session` for the session of each protocol that you get.
    :param requests: functions that answer the server, by method; the matching client capabilities are declared.
    :param notifications: functions that hear of the server's notifications, by method.
    :param identity: what to say of this client.

    Further arguments as for ConnectionFactory.
    """

    def __init__(
        self,
        url: str,
        config: WebSocketConfig | None = None,
        *,
        on_session: Callable[[Session], object] | None = None,
        requests: Mapping[str, RequestFunction] | None = None,
        notifications: Mapping[str, NotificationFunction] | None = None,
        identity: ClientIdentity | None = None,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = ("mcp",),
        origin: str | None = None,
        reactor: IReactorTime | None = None,
    ) -> None:
        super().__init__(
            url,
            self._session_on,
            config,
            headers=headers,
            subprotocols=subprotocols,
            origin=origin,
            reactor=reactor,
        )
        self._on_session = on_session
        self._requests = requests or {}
        self._notifications = notifications or {}
        self._identity = identity or ClientIdentity()
        self._initialized: dict[int, Deferred[Session]] = {}

    def session(self, protocol: IProtocol) -> Deferred[Session]:
        """The initialised session of a protocol that this factory built; ask once, as soon as you have it."""
        assert isinstance(protocol, ClientProtocol)
        opened = protocol.connection.when_open
        return opened.addCallback(lambda connection: self._initialized.pop(connection.id))

    def connection_gone(self, connection: ClientConnection) -> None:
        super().connection_gone(connection)
        self._initialized.pop(connection.id, None)

    def _session_on(self, connection: ClientConnection) -> Session:
        session = Session(connection, self.clock, self._requests, self._notifications)
        initialized = session.initialize(self._identity, self.config.timeout_seconds)
        if self._on_session is None:
            self._initialized[connection.id] = initialized
        else:
            initialized.addCallback(self._on_session)
            initialized.addErrback(self._failed)
        return session

    def buildProtocol(self, addr: IAddress | None) -> ClientProtocol:
        protocol = super().buildProtocol(addr)
        if self._on_session is not None:
            protocol.connection.when_open.addErrback(self._failed)
        return protocol

    def _failed(self, failure: Failure) -> None:
        if failure.check(McpwsError):
            log.error("no session with {url}: {error}", url=self.url, error=failure.value)
        else:
            log.failure("no session with {url}", failure=failure, url=self.url)


def endpoint_for(
    url: str, reactor: Any, timeout: float = 30, tls: IOpenSSLClientConnectionCreator | None = None
) -> IStreamClientEndpoint:
    """Where `url` leads. For `wss:` the certificate must be good for its host, by the system's authorities or `tls`."""
    parts = urlsplit(url)
    if parts.hostname is None or parts.scheme not in ("ws", "wss"):
        raise ConfigError("url", url, "must be ws://HOST:PORT or wss://HOST:PORT")
    secure = parts.scheme == "wss"
    port = parts.port or (443 if secure else 80)
    endpoint = HostnameEndpoint(reactor, parts.hostname, port, timeout=timeout)
    if not secure:
        return endpoint
    try:
        return wrapClientTLS(tls or optionsForClientTLS(parts.hostname), endpoint)
    except ValueError as error:
        raise ConfigError("url", url, f"has a host name that no certificate can have: {error}") from None


def connect(
    url: str,
    *,
    reactor: Any = None,
    endpoint: IStreamClientEndpoint | None = None,
    tls: IOpenSSLClientConnectionCreator | None = None,
    config: WebSocketConfig | None = None,
    requests: Mapping[str, RequestFunction] | None = None,
    notifications: Mapping[str, NotificationFunction] | None = None,
    identity: ClientIdentity | None = None,
    headers: Mapping[str, str] | None = None,
    subprotocols: Sequence[str] = ("mcp",),
    origin: str | None = None,
) -> Deferred[Session]:
    """Connect to the MCP server at `url` and initialise; fires with the Session. Close it when you are done.

    :param reactor: the global one by default.
    :param endpoint: where to connect, if not where the URL says.
    :param tls: trust and certificate for `wss:`, as from `twisted.internet.ssl.optionsForClientTLS`.
    :param config: limits and timeouts; `timeout_seconds` bounds each step.

    The others are as for ClientFactory. Fails with ConnectFailed, HandshakeRefused, ConnectionClosed, RemoteError,
    RequestTimeout, MalformedResult or UnsupportedVersion. Cancelling it gives up.
    """
    if reactor is None:
        from twisted.internet import reactor
    factory = ClientFactory(
        url,
        config,
        requests=requests,
        notifications=notifications,
        identity=identity,
        headers=headers,
        subprotocols=subprotocols,
        origin=origin,
        reactor=reactor,
    )
    if endpoint is None:
        endpoint = endpoint_for(url, reactor, factory.config.timeout_seconds or NO_TIMEOUT, tls)
    connecting: Deferred[IProtocol] = endpoint.connect(factory)
    connecting.addErrback(connect_failed, url)
    return connecting.addCallback(factory.session)


def connect_failed(failure: Failure, url: str) -> Failure:
    """What an endpoint fails with, as an exception of ours that names the URL."""
    if failure.check(McpwsError, CancelledError):
        return failure
    if failure.check(ConnectingCancelledError):
        # Endpoints have a word of their own for it.
        return Failure(CancelledError())
    return Failure(ConnectFailed(url, str(failure.value) or type(failure.value).__name__))


def _decoded(params: Raw | None) -> dict[str, Any]:
    try:
        decoded = msgspec.json.decode(params or EMPTY)
    except ValueError as error:
        # JSON that Python has no value for, a number with a huge exponent for one.
        raise InvalidParams("Invalid params", {"path": "$.params", "reason": str(error)}) from None
    if not isinstance(decoded, dict):
        raise InvalidParams("Invalid params", {"path": "$.params", "reason": "must be an object"})
    return decoded
