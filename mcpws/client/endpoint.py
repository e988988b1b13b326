"""Endpoints of URLs, and the meaning of a failure to connect."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure

from mcpws.client.names import with_names
from mcpws.errors import ConfigError, ConnectFailed, McpwsError
from mcpws.policy.origin import is_localhost
from mcpws.policy.urls import DEFAULT_PORTS, address, split
from mcpws.ws.client import ClientConnection, ClientConnectionFactory
from mcpws.ws.target import Target

NO_TIMEOUT = 365 * 86_400.0
"""For endpoints, which cannot wait for ever."""


def endpoint_for(target: Target, reactor: Any, timeout: float | None = 30) -> IStreamClientEndpoint:
    """Endpoint of `target`: its own, or that of its URL.

    For `wss:` the certificate must be good for the URL's host, by the system's authorities or `tls`.

    :param timeout: seconds to look the name up and to connect, None for ever; of an endpoint of our making.
    :raises ConfigError: no certificate can have the host of a `wss:` URL.
    """
    if target.endpoint is not None:
        return target.endpoint
    parts = split(target.url)
    assert parts.hostname is not None
    port = parts.port or DEFAULT_PORTS[parts.scheme]
    # Not every resolver knows more of these names than that one.
    host = "localhost" if is_localhost(parts.hostname) else address(parts)
    endpoint = HostnameEndpoint(with_names(reactor), host, port, timeout=timeout or NO_TIMEOUT)
    if parts.scheme == "ws":
        return endpoint
    try:
        # A name that ends with a dot is absolute; in certificates none does (RFC 6066, section 3).
        return wrapClientTLS(target.tls or optionsForClientTLS(address(parts).rstrip(".")), endpoint)
    except ValueError as error:
        raise ConfigError("url", target.shown, f"has a host name that no certificate can have: {error}") from None


def open_connection(endpoint: IStreamClientEndpoint, factory: ClientConnectionFactory) -> Deferred[ClientConnection]:
    """Connect; fires with the connection once its handshake is complete, or fails as that does.

    To look the name up and to connect takes no longer than the factory's `timeout_seconds`; its handshake has as many.
    Cancelling it gives up at once, whatever is under way, and fails with CancelledError.
    """
    attempt = endpoint.connect(factory)

    def give_up(reached: Deferred[Any]) -> None:
        # First: endpoints have failures of their own for it, that the host cannot be found among them.
        reached.errback(CancelledError())
        attempt.cancel()

    def too_slow(_: object, seconds: float) -> Failure:
        return Failure(ConnectFailed(factory.shown_url, f"no connection within {seconds:g} s"))

    reached: Deferred[Any] = Deferred(give_up)
    attempt.addBoth(lambda result: None if reached.called else reached.callback(result))
    if factory.config.timeout_seconds:
        reached.addTimeout(factory.config.timeout_seconds, factory.clock, too_slow)
    reached.addErrback(connect_failed, factory.shown_url)
    return reached.addCallback(lambda protocol: protocol.connection.when_open)


def connect_failed(failure: Failure, url: str) -> Failure:
    """Failure of an endpoint as an exception of ours that names the URL."""
    if failure.check(McpwsError, CancelledError):
        return failure
    if failure.check(ConnectingCancelledError):
        # Endpoints have a word of their own for it.
        return Failure(CancelledError())
    return Failure(ConnectFailed(url, str(failure.value) or type(failure.value).__name__))
