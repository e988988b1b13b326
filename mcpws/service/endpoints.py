"""Endpoints to listen at, made of strings; what cannot be one is told with what to write instead.

A string is a port number, which means the loopback interface, or a description as `serverFromString` of Twisted takes
it, with `haproxy:` before it where a proxy speaks HAProxy's PROXY protocol.
"""

from __future__ import annotations

import os.path
import re
import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any

from twisted.internet.endpoints import quoteStringArgument, serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint

from mcpws.errors import ConfigError
from mcpws.policy.origin import is_localhost
from mcpws.service.proxied import ProxiedEndpoint

MAX_PORT = 65_535

PROXIED = "haproxy:"
_WITH_PORT = ("tcp", "tcp6", "ssl")
_BUILT_IN = (*_WITH_PORT, "tls", "unix", "systemd")
_FORMS = "a port number, tcp:PORT:interface=ADDRESS, unix:PATH, ssl:PORT:privateKey=FILE:certKey=FILE or systemd:..."

_PART = re.compile(r"(?:\\.|[^:\\])+", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# A URL, or a host that is empty, a star, localhost, or has a dot in it; and a port.
_ADDRESS = re.compile(
    r"(?:[a-z]+://(?=.))?(?:\[([0-9A-Fa-f:.]+)\]|((?<=//)[^:/\[\]]+|[^:/\[\].]*\.[^:/\[\]]*|localhost|\*?)):([0-9]+)(?:/.*)?"
)
_KEYWORD = re.compile(r"unexpected keyword argument '(.+)'")


def endpoint_description(port: str) -> str:
    """`port` as a Twisted endpoint string: a bare number means TCP on the loopback interface.

    :raises ConfigError: a number that is no port.
    """
    if not (port.isascii() and port.lstrip("-").isdecimal()):
        return port
    if not 0 <= int(port[:20]) <= MAX_PORT:
        raise ConfigError("port", port, f"must be 0 to {MAX_PORT}, or a Twisted endpoint string")
    return f"tcp:{port}:interface=127.0.0.1"


def make_endpoint(reactor: Any, description: str) -> IStreamServerEndpoint:
    """The endpoint that `description` describes, of a kind that Twisted knows or a plugin brings.

    :raises ConfigError: there is none.
    """
    inner = description.removeprefix(PROXIED)
    kind, *rest = _parts(inner)
    arguments = dict(one.split("=", 1) for one in rest if "=" in one)
    positional = [one for one in rest if "=" not in one]
    try:
        if kind not in _BUILT_IN and not _is_of_a_plugin(kind):
            raise _Unusable(_problem_of_unknown(inner))
        _check(kind, positional, arguments)
        endpoint = serverFromString(reactor, inner)
    except Exception as error:
        # Each kind of endpoint has a parser of its own, plugins bring more: they open files, and may raise anything.
        raise ConfigError("port", description, _problem(kind, inner, error)) from None
    return endpoint if inner == description else ProxiedEndpoint(endpoint)


def check_endpoint(text: str) -> None:
    """Raise ConfigError if no endpoint can be made of `text`; those that plugins bring are not tried."""
    description = endpoint_description(text)
    [kind, *_] = _parts(description.removeprefix(PROXIED))
    if kind in _BUILT_IN or not _is_of_a_plugin(kind):
        make_endpoint(None, description)


class _Unusable(Exception):
    """A mistake in a description, in words for people."""


def _check(kind: str, positional: list[str], arguments: Mapping[str, str]) -> None:
    """Raise _Unusable for what Twisted would tell in other words, later, or not at all."""
    if kind in _WITH_PORT:
        port = arguments.get("port", positional[0] if positional else "")
        if not (port.isascii() and port.isdecimal() and int(port[:20]) <= MAX_PORT):
            raise _Unusable(f"must have a port, 0 to {MAX_PORT}, as {kind}:8082:interface=127.0.0.1 has")
    if kind == "ssl":
        _check_certificate(arguments)
    if kind == "tls":
        _check_certificates(arguments.get("path", positional[0] if positional else ""))
    if kind == "unix":
        path = arguments.get("address", positional[0] if positional else "")
        folder = os.path.dirname(path)
        # One that is not absolute may be meant from where a daemon goes.
        if os.path.isabs(folder) and not os.path.isdir(folder):
            raise _Unusable(f"must be in a folder that exists: there is no {folder}")


def _check_certificate(arguments: Mapping[str, str]) -> None:
    if "privateKey" not in arguments:
        raise _Unusable("must name PEM files: privateKey=FILE, and certKey=FILE unless it is the same")
    key = arguments["privateKey"]
    certificate = arguments.get("certKey", key)
    for file in (key, certificate):
        try:
            open(file, "rb").close()
        except OSError as error:
            raise _Unusable(f"must name files that can be read: {file}: {error.strerror}") from None
    try:
        # Twisted would find out with the first client. An empty password: nobody is to be asked for one.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (OSError, ValueError):
        raise _Unusable("must name a certificate and the private key that belongs to it, without password") from None


def _check_certificates(folder: str) -> None:
    files = (name for _, _, names in os.walk(folder) for name in names)
    if not any(name.endswith(".pem") for name in files):
        raise _Unusable(
            "must name a folder with .pem files, as tls:FOLDER:port=8443 does; with files of other names it is "
            "ssl:PORT:privateKey=FILE:certKey=FILE"
        )


def _problem(kind: str, description: str, error: Exception) -> str:
    words = str(error) or type(error).__name__
    if isinstance(error, _Unusable):
        return words
    if kind == "systemd":
        return _problem_of_systemd(error)
    if kind == "tls" and not isinstance(error, TypeError | ValueError):
        return "must name a folder whose .pem files are certificates and their private keys"
    if isinstance(error, TypeError) and kind in _BUILT_IN:
        if keyword := _KEYWORD.search(words):
            return f"is no {kind} endpoint: it has no {keyword[1]}"
        if "::" in description:
            return rf"is no {kind} endpoint: write \: for a colon within an address"
    return f"is no Twisted endpoint: {words}"


def _problem_of_systemd(error: Exception) -> str:
    if isinstance(error, LookupError):
        return "names a socket that systemd has not passed on: a .socket unit has to start the service"
    return "must be systemd:domain=INET:index=0, with INET6 or UNIX for INET, or name=NAME for index=0"


def _problem_of_unknown(description: str) -> str:
    address = _ADDRESS.fullmatch(description)
    if address is None:
        return f"is no endpoint: must be {_FORMS}"
    host = address[1] or address[2].replace("*", "") or "0.0.0.0"
    return f"is no endpoint: write {listening_at('127.0.0.1' if is_localhost(host) else host, address[3])}"


def listening_at(host: str, port: str) -> str:
    """The endpoint string for TCP at the address `host`, which may be a name."""
    try:
        kind = "tcp6" if ip_address(host).version == 6 else "tcp"
    except ValueError:
        kind = "tcp"
    return f"{kind}:{port}:interface={quoteStringArgument(host)}"


def _parts(description: str) -> list[str]:
    return [_ESCAPED.sub(r"\1", part) for part in _PART.findall(description)] or [""]


def _is_of_a_plugin(kind: str) -> bool:
    from twisted.internet.interfaces import IStreamServerEndpointStringParser
    from twisted.plugin import getPlugins

    return any(one.prefix.lower() == kind.lower() for one in getPlugins(IStreamServerEndpointStringParser))
