"""Where a URL leads, and what it means when nobody is there."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectingCancelledError
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint
from twisted.internet.ssl import optionsForClientTLS
from twisted.python.failure import Failure

from mcpws.errors import ConfigError, ConnectFailed, McpwsError
from mcpws.policy.origin import is_localhost

NO_TIMEOUT = 365 * 86_400.0
"""For endpoints, which cannot wait for ever."""


def endpoint_for(
    url: str, reactor: Any, timeout: float = 30, tls: IOpenSSLClientConnectionCreator | None = None
) -> IStreamClientEndpoint:
    """Where `url` leads. For `wss:` the certificate must be good for its host, by the system's authorities or `tls`."""
    parts = urlsplit(url)
    if parts.hostname is None or parts.scheme not in ("ws", "wss"):
        raise ConfigError("url", url, "must be ws://HOST:PORT or wss://HOST:PORT")
    secure = parts.scheme == "wss"
    port = parts.port or (443 if secure else 80)
    # Not every resolver knows more of these names than that one.
    host = "localhost" if is_localhost(parts.hostname) else parts.hostname
    endpoint = HostnameEndpoint(reactor, host, port, timeout=timeout)
    if not secure:
        return endpoint
    try:
        return wrapClientTLS(tls or optionsForClientTLS(parts.hostname), endpoint)
    except ValueError as error:
        raise ConfigError("url", url, f"has a host name that no certificate can have: {error}") from None


def connect_failed(failure: Failure, url: str) -> Failure:
    """What an endpoint fails with, as an exception of ours that names the URL."""
    if failure.check(McpwsError, CancelledError):
        return failure
    if failure.check(ConnectingCancelledError):
        # Endpoints have a word of their own for it.
        return Failure(CancelledError())
    return Failure(ConnectFailed(url, str(failure.value) or type(failure.value).__name__))
