"""The client's side of the opening handshake (RFC 6455, section 4.1): what the request says, and what the answer is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from mcpws.errors import ConfigError, HandshakeRefused
from mcpws.http.request import END_OF_HEAD, TOKEN

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
"""Names and values; as pairs, a name may come several times."""

_STATUS_LINE = re.compile(r"HTTP/1\.[01] (\d{3})(?: (.*))?")
_INTERIM = re.compile(rb"HTTP/1\.[01] 1(?!01)\d\d[ \r]")
_MAX_SHOWN = 200
_ONCE = ("host", "origin", "user-agent")
_OURS = ("upgrade", "connection", "content-length", "transfer-encoding")
_OUR_PREFIX = "sec-websocket-"


class Upgrade:
    """The opening handshake of a client, but for its key; ConfigError names what would spoil it.

    :param host: for the Host header.
    :param headers: further ones. One that there is already is replaced, all of the same name are sent, in their order.
    :param extensions: offers, as they are sent.
    """

    def __init__(
        self,
        resource: str,
        host: str,
        headers: Headers = (),
        subprotocols: Sequence[str] = (),
        origin: str | None = None,
        extensions: Sequence[str] = (),
    ) -> None:
        given = tuple(headers.items() if isinstance(headers, Mapping) else headers)
        names = _checked(given, origin)
        for position, subprotocol in enumerate(subprotocols):
            if not TOKEN.fullmatch(subprotocol):
                # It may hold a token: it is not repeated.
                raise ConfigError(f"subprotocols[{position}]", "...", "must be an HTTP token (RFC 6455, section 4.1)")
        usual = {
            "Host": host,
            "User-Agent": "mcpws",
            # What keeps some proxies from answering themselves.
            "Pragma": "no-cache",
            "Cache-Control": "no-cache",
            "Origin": origin,
        }
        handshake = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": ",".join(subprotocols),
            "Sec-WebSocket-Extensions": ",".join(extensions),
        }
        fields = [
            *((name, value) for name, value in usual.items() if value and name.lower() not in names),
            *given,
            *((name, value) for name, value in handshake.items() if value),
        ]
        lines = [f"GET {resource} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
        self._head = "\r\n".join(lines).encode()

    def request(self, key: bytes) -> bytes:
        """The whole request; the `key` is another one every time."""
        return b"%b\r\nSec-WebSocket-Key: %b%b" % (self._head, key, END_OF_HEAD)


def _checked(headers: Sequence[tuple[str, str]], origin: str | None) -> set[str]:
    """The names of `headers`, in lower case."""
    names: set[str] = set()
    for name, value in headers:
        lower = name.lower()
        if not TOKEN.fullmatch(name):
            raise ConfigError("headers", name, "is no header name")
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            # The value may be a secret: it is not repeated.
            raise ConfigError("headers", name, "has a value with control characters")
        if lower in _OURS or lower.startswith(_OUR_PREFIX):
            raise ConfigError("headers", name, "is an affair of the handshake itself; subprotocols are offered by name")
        if lower in _ONCE and lower in names:
            raise ConfigError("headers", name, "may be there only once")
        names.add(lower)
    if origin is not None:
        if not origin.isprintable():
            raise ConfigError("origin", origin, "has control characters")
        if "origin" in names:
            raise ConfigError("headers", "Origin", "is given as the origin, too")
    return names


def after_interim(data: bytes) -> bytes:
    """`data` of a server without the interim answers (RFC 9110, section 15.2) that it begins with."""
    while _INTERIM.match(data):
        _, end, rest = data.partition(END_OF_HEAD)
        if not end:
            break
        data = rest
    return data


def refusal(data: bytes, reason: str) -> HandshakeRefused:
    """The error that the server's answer, or its beginning, stands for, if for `reason` it is no upgrade."""
    head, _, body = data.partition(END_OF_HEAD)
    lines = head.decode("latin-1").split("\r\n")
    match = _STATUS_LINE.fullmatch(lines[0])
    if match is None or match[1] == "101":
        return HandshakeRefused(None, f"the server did not complete the WebSocket handshake: {_shown(reason)}")
    headers = dict(_header(line) for line in lines[1:] if ":" in line)
    said = _shown(body.decode("utf-8", "replace").strip())
    phrase = _shown(match[2] or "")
    # Ours, and others', repeat the status line at the beginning of the body.
    text = said.removeprefix(f"{match[1]} {phrase}").removeprefix(":").strip()
    return HandshakeRefused(int(match[1]), f"{phrase}: {text}" if text else phrase, headers)


def _shown(text: str) -> str:
    """As much of what a server sent as belongs into an exception, which may end up on a terminal."""
    return "".join(filter(str.isprintable, text[:_MAX_SHOWN]))


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip().lower(), value.strip()
