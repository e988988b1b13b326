"""URLs of WebSockets (RFC 6455, section 3): what there is in one, and how much of it may be shown."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, unquote, urlsplit

from mcpws.errors import ConfigError

DEFAULT_PORTS = {"ws": 80, "wss": 443}

# Percent-encoded too, and what Unicode normalises to it: in a URL with mistakes it may be meant.
_AT = re.compile("@|%40|\uff20|\ufe6b")
_UP_TO_HOST = re.compile(f"([A-Za-z][A-Za-z0-9+.-]*://)?.*(?:{_AT.pattern})", re.DOTALL)
_MORE = re.compile("[?#]")


def split(url: str) -> SplitResult:
    """The parts of `url`; ConfigError if it is no `ws:` or `wss:` one with a host, or holds credentials."""
    try:
        parts = urlsplit(url)
        usable = _is_usable(parts)
    except ValueError:
        # Its text may repeat any part of the URL.
        raise ConfigError("url", shown(url), "has a host or a port that cannot be read") from None
    if _AT.search(parts.netloc):
        raise ConfigError("url", shown(url), "must not hold credentials; send a header instead")
    if not usable:
        raise ConfigError("url", shown(url), "must be ws://HOST:PORT or wss://HOST:PORT")
    return parts


def shown(url: str) -> str:
    """`url` as messages may have it: without user and secret, whatever else is wrong with it, and without the query."""
    if not _is_plain(url):
        url = _UP_TO_HOST.sub(lambda match: f"{match[1] or ''}...@", url, count=1)
    more = _MORE.search(url)
    return url if more is None or more.end() == len(url) else f"{url[: more.end()]}..."


def authority(parts: SplitResult) -> str:
    """Host and port as a `Host` header has them: the port only if it is not the default one (RFC 6455, section 4.1)."""
    assert parts.hostname is not None
    # A zone is one of this machine's, and means nothing to another (RFC 6874, section 4).
    host = f"[{parts.hostname.partition('%')[0]}]" if ":" in parts.hostname else parts.hostname
    return host if parts.port in (None, DEFAULT_PORTS[parts.scheme]) else f"{host}:{parts.port}"


def address(parts: SplitResult) -> str:
    """The host as it is to be looked up: the zone of an IPv6 address is not percent-encoded any more (RFC 6874)."""
    assert parts.hostname is not None
    return unquote(parts.hostname) if ":" in parts.hostname else parts.hostname


def resource(parts: SplitResult) -> str:
    """Resource name to ask the server for (RFC 6455, section 3)."""
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _is_usable(parts: SplitResult) -> bool:
    return parts.scheme in DEFAULT_PORTS and bool(parts.hostname) and parts.port != 0


def _is_plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return _is_usable(parts) and not _AT.search(parts.netloc)
    except ValueError:
        return False
