"""The server's side of the opening handshake (RFC 6455, section 4.2): parse the request, check it, refuse in HTTP.

The checks are an ordered list; the first refusal ends it. Every refusal is a whole HTTP answer with a fixed text:
nothing that the client sent is echoed.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType

from websockets.exceptions import InvalidHeader
from websockets.headers import parse_extension

from mcpws.config import WebSocketConfig
from mcpws.mcp.versions import LEGACY_VERSIONS
from mcpws.policy.origin import host_allowed, origin_allowed

MAX_HEAD = 16 * 1024
"""Bytes of request line and headers."""

EMPTY_LINE = b"\r\n"
"""What a request may have before it (RFC 9112, section 2.2): some clients end the one before with it."""

END_OF_HEAD = b"\r\n\r\n"
RETRY_AFTER = "5"

_REQUEST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/(\d\.\d)")
_ABSOLUTE_FORM = re.compile(r"(?:http|ws)s?://([^/?#]*)(.*)", re.IGNORECASE)
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):(.*)")
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
_SUBPROTOCOLS = ("mcp", *(f"mcp.version.{version}" for version in reversed(LEGACY_VERSIONS)))


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP answer in place of the upgrade: status, fixed text, further headers.

    For the log, and not in the answer: the `value` that was refused, as it came, and the `setting` that would allow it.
    """

    status: HTTPStatus
    text: str
    headers: tuple[tuple[str, str], ...] = ()
    value: str | None = None
    setting: str | None = None

    def encode(self) -> bytes:
        """The whole answer, after which the connection is to be closed."""
        body = f"{self.status.value} {self.status.phrase}: {self.text}\n".encode()
        lines = [
            f"HTTP/1.1 {self.status.value} {self.status.phrase}",
            "Server: mcpws",
            "Content-Type: text/plain; charset=utf-8",
            f"Content-Length: {len(body)}",
            "Cache-Control: no-store",
            "Connection: close",
            *(f"{name}: {value}" for name, value in self.headers),
        ]
        return "\r\n".join(lines).encode("ascii") + END_OF_HEAD + body


class Refused(Exception):
    """Carries a Refusal out of the parser."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal


NOT_HTTP = Refusal(HTTPStatus.BAD_REQUEST, "this is not an HTTP/1.1 request")
HEAD_TOO_LARGE = Refusal(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"more than {MAX_HEAD} bytes of headers")
BUSY = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "no connection is free",
    (("Retry-After", RETRY_AFTER),),
    setting="max_connections",
)
DRAINING = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "the service is shutting down",
    (("Retry-After", RETRY_AFTER),),
)
BAD_EXTENSIONS = Refusal(HTTPStatus.BAD_REQUEST, "the Sec-WebSocket-Extensions header is malformed")
FAILED = Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "the handshake failed here")


Extension = tuple[str, list[tuple[str, str | None]]]
"""The name of an extension, and its parameters: name and value, None without one."""


@dataclass(frozen=True, slots=True)
class UpgradeRequest:
    """A parsed handshake request. Header names are in lower case; repeated headers are joined by commas."""

    method: str
    path: str
    version: str
    headers: Mapping[str, str]

    def offered_extensions(self) -> list[Extension]:
        """What `Sec-WebSocket-Extensions` offers, in order of preference.

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


Check = Callable[[UpgradeRequest], Refusal | None]


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


def parse(head: bytes) -> UpgradeRequest:
    """The request that `head` holds, which ends with an empty line.

    :raises Refused: it is no HTTP request, or one that is ambiguous.
    """
    request_line, *lines = head[: -len(END_OF_HEAD)].decode("latin-1").split("\r\n")
    match = _REQUEST_LINE.fullmatch(request_line)
    if match is None:
        raise Refused(NOT_HTTP)
    method, target, version = match.groups()
    headers: dict[str, str] = {}
    for line in lines:
        header = _HEADER.fullmatch(line)
        if header is None or "\n" in line or "\r" in line or "\0" in line:
            raise Refused(Refusal(HTTPStatus.BAD_REQUEST, "a header is malformed"))
        name, value = header[1].lower(), header[2].strip(" \t")
        # Not interned: CPython 3.12.0 to 3.12.6 never frees what is.
        name = _USUAL.get(name, name)
        if name in headers:
            if name in _ONCE:
                raise Refused(Refusal(HTTPStatus.BAD_REQUEST, f"more than one {name} header"))
            value = f"{headers[name]}, {value}"
        headers[name] = value
    absolute = _ABSOLUTE_FORM.fullmatch(target)
    if absolute is not None:
        target = absolute[2] if absolute[2].startswith("/") else f"/{absolute[2]}"
        if "host" in headers:
            # It counts in place of the header (RFC 9112, section 3.2.2), which has to be there none the less.
            headers["host"] = absolute[1]
    path = target.partition("?")[0]
    return UpgradeRequest(method, path, version, MappingProxyType(headers))


def select_subprotocol(offered: Sequence[str]) -> str | None:
    """Ours among the offered: `mcp`, else the first `mcp.version.V` that we speak, else None."""
    if "mcp" in offered:
        return "mcp"
    return next((name for name in offered if name in _SUBPROTOCOLS), None)


def checks(config: WebSocketConfig, admit: Callable[[], Refusal | None]) -> list[Check]:
    """What a request has to pass, in order. `admit` refuses while the server is full or draining."""

    def may_enter(request: UpgradeRequest) -> Refusal | None:
        return admit()

    def path_is_served(request: UpgradeRequest) -> Refusal | None:
        if request.path in config.paths:
            return None
        text = "nothing is served at this path"
        return Refusal(HTTPStatus.NOT_FOUND, text, value=request.path, setting="paths")

    def is_upgrade(request: UpgradeRequest) -> Refusal | None:
        if request.is_upgrade:
            return None
        upgrade = (("Upgrade", "websocket"),)
        return Refusal(HTTPStatus.UPGRADE_REQUIRED, "this is a WebSocket endpoint", upgrade)

    def host_is_ours(request: UpgradeRequest) -> Refusal | None:
        host = request.headers.get("host")
        if host_allowed(host, config.hosts):
            return None
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, "this host is not served here", value=host, setting="hosts")

    def origin_may_connect(request: UpgradeRequest) -> Refusal | None:
        origin, host = request.headers.get("origin"), request.headers.get("host")
        if origin_allowed(origin, config.origins, host=host, require=config.require_origin):
            return None
        setting = "require_origin" if origin is None else "origins"
        return Refusal(HTTPStatus.FORBIDDEN, "this origin may not connect", value=origin, setting=setting)

    def is_rfc_6455(request: UpgradeRequest) -> Refusal | None:
        return _check_upgrade(request)

    def subprotocol_is_ours(request: UpgradeRequest) -> Refusal | None:
        offered = request.tokens("sec-websocket-protocol")
        if not offered or select_subprotocol(offered) is not None:
            return None
        return Refusal(HTTPStatus.BAD_REQUEST, "none of the offered subprotocols is spoken here")

    def extensions_are_well_formed(request: UpgradeRequest) -> Refusal | None:
        try:
            request.offered_extensions()
        except InvalidHeader:
            return BAD_EXTENSIONS
        return None

    return [
        may_enter,
        path_is_served,
        is_upgrade,
        host_is_ours,
        origin_may_connect,
        is_rfc_6455,
        subprotocol_is_ours,
        extensions_are_well_formed,
    ]


def _check_upgrade(request: UpgradeRequest) -> Refusal | None:
    """RFC 6455, section 4.2.1, beyond what the other checks see."""
    if request.method != "GET":
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "use GET", (("Allow", "GET"),))
    if not request.version.startswith("1.") or request.version == "1.0":
        return Refusal(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "use HTTP/1.1")
    if "upgrade" not in (token.lower() for token in request.tokens("connection")):
        return Refusal(HTTPStatus.BAD_REQUEST, "the Connection header must name Upgrade")
    if request.headers.get("sec-websocket-version") != "13":
        version = (("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"))
        return Refusal(HTTPStatus.UPGRADE_REQUIRED, "use Sec-WebSocket-Version 13", version)
    try:
        nonce = b64decode(request.headers.get("sec-websocket-key", ""), validate=True)
    except ValueError:
        nonce = b""
    if len(nonce) != 16:
        return Refusal(HTTPStatus.BAD_REQUEST, "Sec-WebSocket-Key must be 16 bytes in base64")
    return None
