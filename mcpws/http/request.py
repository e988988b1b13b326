"""A request as it comes to the door (RFC 9112): the head parsed, who sent it, and the answers that turn it away.

Every refusal is a whole HTTP answer with a fixed text: nothing that the client sent is echoed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

from websockets.headers import parse_extension

from mcpws.errors import ConfigError

MAX_HEAD = 16 * 1024
"""Bytes of request line and headers."""

EMPTY_LINE = b"\r\n"
"""What a request may have before it (RFC 9112, section 2.2): some clients end the one before with it."""

END_OF_HEAD = b"\r\n\r\n"

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
TOKEN = re.compile(_TOKEN)
"""The name of a method, a header field or a subprotocol (RFC 9110, section 5.6.2)."""

_REQUEST_LINE = re.compile(rf"({_TOKEN}) ([!-~]+) HTTP/(\d\.\d)")
_ABSOLUTE_FORM = re.compile(r"(?:http|ws)s?://([^/?#]*)(.*)", re.IGNORECASE)
_HEADER = re.compile(rf"({_TOKEN}):(.*)")
_VALUE = re.compile(r"[ -~]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_METHOD_BEGINS = re.compile(rb"[A-Z]{1,16}( |\Z)|\r?\Z")
_BARE_NEWLINE = re.compile(rb"(?<!\r)\n")
_ONCE = ("host", "origin", "sec-websocket-key", "sec-websocket-version")
# Of these there is one string each, whoever sends it. Any other name goes with its request.
_USUAL = {
    name: name
    for name in (
        *_ONCE,
        "accept",
        "accept-encoding",
        "accept-language",
        "authorization",
        "cache-control",
        "connection",
        "cookie",
        "forwarded",
        "pragma",
        "sec-websocket-extensions",
        "sec-websocket-protocol",
        "upgrade",
        "user-agent",
        "via",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-real-ip",
    )
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer in place of the upgrade: status, fixed text, further headers.

    For the log, and not in the answer: the `value` that was refused, as it came, and the `setting` that would allow it.

    :raises ConfigError: `status` is no HTTPStatus of 300 or more, or `text` or a header could begin a line of its own,
        as what a client sent may if it is put there.
    """

    status: HTTPStatus
    text: str
    headers: tuple[tuple[str, str], ...] = ()
    value: str | None = None
    setting: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.status, HTTPStatus) or self.status < HTTPStatus.MULTIPLE_CHOICES:
            raise ConfigError("status", self.status, "must be an HTTPStatus that turns a request away, 300 or more")
        if _CONTROL.search(self.text):
            raise ConfigError("text", self.text, "must have no control characters")
        for name, value in self.headers:
            if not TOKEN.fullmatch(name) or not _VALUE.fullmatch(value):
                raise ConfigError("headers", f"{name}: {value}", "must be a name, and a value of printable ASCII")

    @property
    def body(self) -> bytes:
        """A line of text: status and text."""
        return f"{self.status.value} {self.status.phrase}: {self.text}\n".encode()

    def fields(self, *of_connection: tuple[str, str]) -> tuple[tuple[str, str], ...]:
        """All headers of the answer; those `of_connection` are for whoever sends it to say."""
        return (
            ("Server", "mcpws"),
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Content-Length", str(len(self.body))),
            ("Cache-Control", "no-store"),
            *of_connection,
            *self.headers,
        )

    def encode(self) -> bytes:
        """The whole answer, after which the connection is to be closed."""
        fields = (f"{name}: {value}" for name, value in self.fields(("Connection", "close")))
        lines = [f"HTTP/1.1 {self.status.value} {self.status.phrase}", *fields]
        return "\r\n".join(lines).encode("ascii") + END_OF_HEAD + self.body


class Malformed(Exception):
    """Carries a Refusal out of the parser."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


NOT_HTTP = Refusal(HTTPStatus.BAD_REQUEST, "this is not an HTTP/1.1 request")
HEAD_TOO_LARGE = Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"more than {MAX_HEAD} bytes of headers")
FAILED = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "the handshake failed here")


Extension = tuple[str, list[tuple[str, str | None]]]
"""The name of an extension, and its parameters: name and value, None without one."""


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request for a WebSocket, or for a page. Header names are in lower case; repeated headers are joined by commas.

    :param path: of the target; the `query` is what follows its question mark, empty if nothing does.
    :param peer: who sends it, as the log has it.
    :param certificate: of the client, where TLS has asked for one and got it; an `OpenSSL.crypto.X509`.
    """

    method: str
    path: str
    version: str
    headers: Mapping[str, str]
    query: str = ""
    peer: str = ""
    certificate: object = None

    def offered_extensions(self) -> list[Extension]:
        """The extensions that `Sec-WebSocket-Extensions` offers, in order of preference.

        :raises websockets.exceptions.InvalidHeader: it is not as RFC 6455, section 9.1, has it.
        """
        header = self.headers.get("sec-websocket-extensions", "")
        return list(parse_extension(header)) if header.strip(", \t") else []

    def tokens(self, name: str) -> list[str]:
        """The comma-separated values of a header; empty without it."""
        return [token for part in self.headers.get(name, "").split(",") if (token := part.strip())]

    @property
    def is_upgrade(self) -> bool:
        """Whether the client asks for a WebSocket at all."""
        return "websocket" in (token.lower() for token in self.tokens("upgrade"))


def could_be_http(head: bytes) -> bool:
    """Whether the first bytes of a connection may begin an HTTP request, as soon as it can be told.

    Lines end with CRLF here, and never with LF alone.
    """
    line, end, _ = head.partition(b"\r\n")
    if _BARE_NEWLINE.search(head):
        return False
    if end:
        return _REQUEST_LINE.fullmatch(line.decode("latin-1")) is not None
    return _METHOD_BEGINS.match(line[:17]) is not None


def parse(head: bytes, peer: str = "", certificate: object = None) -> HttpRequest:
    """The request that `head` holds, which ends with an empty line; the others go with it as they are.

    :raises Malformed: it is no HTTP request, or one that is ambiguous.
    """
    request_line, *lines = head[: -len(END_OF_HEAD)].decode("latin-1").split("\r\n")
    match = _REQUEST_LINE.fullmatch(request_line)
    if match is None:
        raise Malformed(NOT_HTTP)
    method, target, version = match.groups()
    return assemble(method, target, version, map(_field, lines), peer, certificate)


def assemble(
    method: str,
    target: str,
    version: str,
    fields: Iterable[tuple[str, str]],
    peer: str = "",
    certificate: object = None,
) -> HttpRequest:
    """The request of these parts; the names of its header fields are in any case.

    :raises Malformed: a field that may come once only comes again.
    """
    headers: dict[str, str] = {}
    for name, value in fields:
        name = name.lower()
        # Not interned: CPython 3.12.0 to 3.12.6 never frees what is.
        name = _USUAL.get(name, name)
        if name in headers:
            if name in _ONCE:
                raise Malformed(Refusal(HTTPStatus.BAD_REQUEST, f"more than one {name} header"))
            value = f"{headers[name]}, {value}"
        headers[name] = value
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is not None:
        target = absolute[2] if absolute[2].startswith("/") else f"/{absolute[2]}"
        if "host" in headers:
            # It counts in place of the header (RFC 9112, section 3.2.2), which has to be there none the less.
            headers["host"] = absolute[1]
    path, _, query = target.partition("?")
    return HttpRequest(method, path, version, MappingProxyType(headers), query, peer, certificate)


def _field(line: str) -> tuple[str, str]:
    field = _HEADER.fullmatch(line)
    if field is None or "\n" in line or "\r" in line or "\0" in line:
        raise Malformed(Refusal(HTTPStatus.BAD_REQUEST, "a header is malformed"))
    return field[1], field[2].strip(" \t")
