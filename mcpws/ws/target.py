"""Target: where a client connects, and what it says in its handshake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator, IStreamClientEndpoint

from mcpws.errors import ConfigError
from mcpws.policy.urls import shown, split
from mcpws.ws.upgrade import Headers


@dataclass(frozen=True, slots=True, repr=False)
class Target:
    """A server, and how to connect to it: one value, for as many connections as you like.

    :param url: `ws://` or `wss://`. It gives the Host header and the path, and says where to connect, unless `endpoint`
        does. Credentials in it are refused: they belong into a header.
    :param headers: sent with each handshake, `Host` for example in place of our own; as pairs, a name may be repeated.
    :param subprotocols: offered, in order of preference.
    :param origin: sent as the Origin header, None for none.
    :param endpoint: where to connect, if not where the URL says. It brings its own TLS.
    :param tls: trust and certificate for a `wss:` URL, as from `twisted.internet.ssl.optionsForClientTLS`.
    :raises ConfigError: the URL cannot be one, or `tls` is given where it has no effect: with an `endpoint`, or a `ws:`
        URL.
    """

    url: str
    headers: Headers = ()
    subprotocols: Sequence[str] = ("mcp",)
    origin: str | None = None
    endpoint: IStreamClientEndpoint | None = None
    tls: IOpenSSLClientConnectionCreator | None = None

    def __post_init__(self) -> None:
        scheme = split(self.url).scheme
        if "#" in self.url:
            raise ConfigError("url", self.shown, "must have no fragment (RFC 6455, section 3)")
        if not all("!" <= character <= "~" for character in self.url):
            raise ConfigError("url", self.shown, "must be ASCII without spaces; the rest goes in percent-encoded")
        if self.tls is not None and self.endpoint is not None:
            raise ConfigError("tls", self.tls, "has no effect on an endpoint, which brings its own TLS; leave one out")
        if self.tls is not None and scheme == "ws":
            raise ConfigError("tls", self.tls, f"has no effect on {self.shown}; make it a wss: URL, or leave it out")
        # Pairs may come but once, as from a generator.
        pairs = self.headers.items() if isinstance(self.headers, Mapping) else self.headers
        object.__setattr__(self, "headers", tuple(pairs))
        object.__setattr__(self, "subprotocols", tuple(self.subprotocols))

    def __repr__(self) -> str:
        # Headers may hold secrets.
        return f"Target({self.shown!r})"

    @property
    def shown(self) -> str:
        """The URL as messages may have it."""
        return shown(self.url)

    @classmethod
    def of(cls, url: str | Target, headers: Headers | None = None, **further: Any) -> Target:
        """The Target of `url` with these members; of a Target, itself.

        :raises ConfigError: as for Target, or a member is given beside a Target, which has it already.
        """
        if isinstance(url, str):
            return cls(url, headers or (), **further)
        defaults = {field.name: field.default for field in fields(cls)}
        for name, value in {"headers": headers or (), **further}.items():
            if value != defaults[name]:
                # It may be a secret: it is not repeated.
                raise ConfigError(name, "...", "is for a URL; a Target has its own")
        return url
