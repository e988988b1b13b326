"""Host and Origin: who may open a WebSocket, by these headers of the handshake.

A browser lets any page connect to any address, so a server that only this machine can reach is open to
every page that this machine visits, unless it looks at Origin (RFC 6455, section 10.2). A page may also
rebind its own name to a loopback address; what it cannot do is have the browser send another name as
Host.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from mcpws.errors import ConfigError

_DEFAULT_PORTS = {"http": 80, "ws": 80, "https": 443, "wss": 443}

_LABEL = "[a-z0-9_-]+"
_AUTHORITY = re.compile(rf"(?:\[([0-9a-f:.]+)\]|({_LABEL}(?:\.{_LABEL})*)\.?)(?::([1-9][0-9]{{0,4}}))?")
_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://(.*)")
# URL standard, section 3.5: a name that ends in a number is an IPv4 address, or none at all.
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
_LOCALHOST = re.compile(r"(?:.*\.)?localhost\.?", re.IGNORECASE)
_UNSPECIFIED = ("0.0.0.0", "[::]")
_LOOPBACK = re.compile(r"127(?:\.[0-9]+){3}|\[::1\]")


class _Origin(NamedTuple):
    """Normalised: equal is the same. `port` is None where the scheme has no default."""

    scheme: str
    host: str
    port: int | None


def is_localhost(name: str) -> bool:
    """Whether this is a name of this machine, whatever a name server says (RFC 6761, section 6.3)."""
    return _LOCALHOST.fullmatch(name) is not None


def host_allowed(host: str | None, allowed: Collection[str]) -> bool:
    """Whether a request with this Host header is meant for us.

    The names of this machine always are: localhost and what ends in .localhost (RFC 6761, section
    6.3), the addresses of 127.0.0.0/8, [::1].

    :param host: the header as it came: `name`, `name:port`, `[address]:port`; None without one, which
        is never allowed.
    :param allowed: what else is, in the forms of `check_host_pattern`.
    """
    if host is None:
        return False
    if "*" in allowed:
        return True
    parsed = _parse_authority(host)
    if parsed is None:
        return False
    return _is_loopback(parsed[0]) or any(_host_matches(*parsed, pattern) for pattern in allowed)


def origin_allowed(origin: str | None, allowed: Collection[str], *, host: str | None, require: bool) -> bool:
    """Whether the page or program that calls itself `origin` may connect.

    What a web server on this machine serves may, over http or https and from any port, if the request
    is for this machine by name as well.

    :param origin: the Origin header as it came (RFC 6454, section 6.2); None without one.
    :param allowed: what else may, in the forms of `check_origin_pattern`.
    :param host: the Host header as it came.
    :param require: refuse those without an Origin: browsers always send one, other programs rarely.
    """
    if origin is None:
        return not require
    if origin == "null":
        return "null" in allowed or "*" in allowed
    parsed = _parse_origin(origin)
    if parsed is None:
        return False
    if "*" in allowed or _is_local(parsed, host):
        return True
    return any(_origin_matches(parsed, pattern) for pattern in allowed)


def check_host_pattern(pattern: str) -> None:
    """Raises ConfigError unless `pattern` is one of these.

    `name` with any port; `name:port`, which a Host without a port matches if it is 80 or 443; `*` for
    whatever the header holds, even if that is nothing.
    """
    if pattern == "*":
        return
    parsed = _parse_authority(pattern)
    if parsed is None:
        raise ConfigError("hosts", pattern, "must be HOST, HOST:PORT or *, international names in their xn-- form")
    if parsed[0] in _UNSPECIFIED:
        raise ConfigError(
            "hosts", pattern, "must be what clients call, not where to listen: that is tcp:8082:interface=0.0.0.0"
        )


def check_origin_pattern(pattern: str) -> None:
    """Raises ConfigError unless `pattern` is one of these.

    An origin, `https://app.example.com` or `http://app.example.com:3000`; `https://*.example.com` for
    every name below that one, itself not included; `chrome-extension://*` for any host and port with
    that scheme; `null`; `*` for any.
    """
    if pattern in ("*", "null"):
        return
    scheme, separator, authority = pattern.partition("://")
    if not separator:
        raise ConfigError("origins", pattern, "must have a scheme, as https://app.example.com has")
    example = "any" if authority == "*" else authority.removeprefix("*.")
    parsed = _parse_origin(f"{scheme}://{example}")
    if parsed is None:
        raise ConfigError(
            "origins",
            pattern,
            "must be SCHEME://HOST or SCHEME://HOST:PORT and no more, SCHEME://*.HOST, SCHEME://*, "
            "null or *, international names in their xn-- form",
        )
    if authority.startswith("*.") and (not parsed.host or _is_address(parsed.host)):
        raise ConfigError("origins", pattern, "must have a name after *., not an address")


def _parse_authority(text: str) -> tuple[str, int | None] | None:
    """Host, normalised, and port; None for what browsers do not send (RFC 3986, section 3.2)."""
    match = _AUTHORITY.fullmatch(text.lower()) if text.isascii() else None
    if match is None:
        return None
    v6, name, digits = match.groups()
    port = None if digits is None else int(digits)
    if port is not None and port > 65535:
        return None
    try:
        if v6 is not None:
            return f"[{IPv6Address(v6)}]", port
        if _is_address(name):
            return str(IPv4Address(name)), port
    except ValueError:
        return None
    return name, port


def _parse_origin(text: str) -> _Origin | None:
    match = _ORIGIN.fullmatch(text.lower()) if text.isascii() else None
    if match is None:
        return None
    scheme, rest = match.groups()
    if scheme == "file" and not rest:
        # Web views and Electron send it where browsers send null.
        return _Origin(scheme, rest, None)
    parsed = _parse_authority(rest)
    if parsed is None:
        return None
    host, port = parsed
    return _Origin(scheme, host, port or _DEFAULT_PORTS.get(scheme))


def _host_matches(host: str, port: int | None, pattern: str) -> bool:
    parsed = _parse_authority(pattern)
    if parsed is None or parsed[0] != host:
        return False
    wanted = parsed[1]
    if port is None:
        # Which of the two it stands for depends on TLS, which somebody in front may have ended.
        return wanted in (None, 80, 443)
    return wanted in (None, port)


def _origin_matches(origin: _Origin, pattern: str) -> bool:
    scheme, _, authority = pattern.partition("://")
    if authority == "*":
        return origin.scheme == scheme.lower()
    below = authority.startswith("*.")
    parsed = _parse_origin(f"{scheme}://{authority.removeprefix('*.')}")
    if parsed is None or not below:
        return parsed == origin
    return origin.host.endswith(f".{parsed.host}") and parsed._replace(host=origin.host) == origin


def _is_local(origin: _Origin, host: str | None) -> bool:
    parsed = None if host is None else _parse_authority(host)
    return (
        parsed is not None
        and _is_loopback(parsed[0])
        and origin.scheme in ("http", "https")
        and _is_loopback(origin.host)
    )


def _is_loopback(host: str) -> bool:
    return is_localhost(host) or _LOOPBACK.fullmatch(host) is not None


def _is_address(host: str) -> bool:
    return host.startswith("[") or _ENDS_IN_NUMBER.fullmatch(host) is not None
