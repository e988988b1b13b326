"""Checks at the door: who may have a WebSocket, or a page, here (RFC 6455, section 4.2).

They are asked in order, the usual ones first, those of the program after them. A check looks at the request, and
refuses it, lets it pass, or says whom it comes from; at once, or later.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from websockets.exceptions import InvalidHeader

from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError
from mcpws.http.request import HttpRequest, Refusal
from mcpws.mcp.versions import LEGACY_VERSIONS
from mcpws.policy.origin import host_allowed, origin_allowed
from mcpws.turns.outcome import as_deferred

RETRY_AFTER = "5"

_SUBPROTOCOLS = ("mcp", *(f"mcp.version.{version}" for version in reversed(LEGACY_VERSIONS)))


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
OVERDUE = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "the checks took too long",
    (("Retry-After", RETRY_AFTER),),
    setting="timeout_seconds",
)
BAD_EXTENSIONS = Refusal(HTTPStatus.BAD_REQUEST, "the Sec-WebSocket-Extensions header is malformed")


@dataclass(frozen=True, slots=True)
class Principal:
    """The person or program that a request comes from, as a check found out; `Identity.principal` is its `name`.

    :raises ConfigError: `name` is no string, or empty.
    """

    name: str

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ConfigError("name", self.name, "must be a name for whom a request comes from, in a string")


Verdict: TypeAlias = Refusal | Principal | None
"""A refusal; a Principal, whose request passes; or None, and it passes, too."""

Check: TypeAlias = Callable[[HttpRequest], Verdict | Coroutine[Any, Any, Verdict] | Deferred[Verdict]]
"""Looks at a request. What it raises is logged, and answered with 500; a Deferred of it is cancelled when the client
goes first."""


def are_checks(given: object) -> bool:
    """Whether this is a list of functions, or another collection of them."""
    return isinstance(given, Collection) and all(map(callable, given))


def examine(request: HttpRequest, checks: Sequence[Check]) -> Verdict | Deferred[Verdict]:
    """The first refusal, else the last Principal that a check named; later, if a check takes its time.

    Fails with what a check raises, and with TypeError where it returns anything else.
    """
    return _go_on(request, iter(checks), None)


def _go_on(request: HttpRequest, checks: Iterator[Check], principal: Principal | None) -> Verdict | Deferred[Verdict]:
    for check in checks:
        said = check(request)
        later = as_deferred(said)
        if later is not None:
            return later.addCallback(_went_on, check, request, checks, principal)
        verdict = _understood(said, check)
        if isinstance(verdict, Refusal):
            return verdict
        principal = verdict or principal
    return principal


def _went_on(
    said: object, check: Check, request: HttpRequest, checks: Iterator[Check], principal: Principal | None
) -> Verdict | Deferred[Verdict]:
    verdict = _understood(said, check)
    return verdict if isinstance(verdict, Refusal) else _go_on(request, checks, verdict or principal)


def _understood(said: object, check: Check) -> Verdict:
    # False of a check that should say no lets nobody in.
    if said is None or isinstance(said, (Refusal, Principal)):
        return said
    raise TypeError(f"{check!r} returned {said!r}, which is no Refusal, no Principal and not None")


def select_subprotocol(offered: Sequence[str]) -> str | None:
    """Ours among the offered: `mcp`, else the first `mcp.version.V` that we speak, else None."""
    if "mcp" in offered:
        return "mcp"
    return next((name for name in offered if name in _SUBPROTOCOLS), None)


def path_is_served(paths: Collection[str]) -> Check:
    """Refuses any path but these."""

    def check(request: HttpRequest) -> Refusal | None:
        if request.path in paths:
            return None
        return Refusal(HTTPStatus.NOT_FOUND, "nothing is served at this path", value=request.path, setting="paths")

    return check


def is_upgrade(request: HttpRequest) -> Refusal | None:
    """Refuses what asks for no WebSocket."""
    if request.is_upgrade:
        return None
    upgrade = (("Upgrade", "websocket"),)
    return Refusal(HTTPStatus.UPGRADE_REQUIRED, "this is a WebSocket endpoint", upgrade)


def host_is_ours(hosts: Sequence[str]) -> Check:
    """Refuses a Host that is none of these: a page that has its own name lead here (DNS rebinding) is not served."""

    def check(request: HttpRequest) -> Refusal | None:
        host = request.headers.get("host")
        if host_allowed(host, hosts):
            return None
        return Refusal(HTTPStatus.MISDIRECTED_REQUEST, "this host is not served here", value=host, setting="hosts")

    return check


def origin_may_connect(origins: Sequence[str], require: bool) -> Check:
    """Refuses pages of other origins; with `require` also who names none."""

    def check(request: HttpRequest) -> Refusal | None:
        origin, host = request.headers.get("origin"), request.headers.get("host")
        if origin_allowed(origin, origins, host=host, require=require):
            return None
        setting = "require_origin" if origin is None else "origins"
        return Refusal(HTTPStatus.FORBIDDEN, "this origin may not connect", value=origin, setting=setting)

    return check


def subprotocol_is_ours(request: HttpRequest) -> Refusal | None:
    """Refuses who offers subprotocols of which none is spoken here."""
    offered = request.tokens("sec-websocket-protocol")
    if not offered or select_subprotocol(offered) is not None:
        return None
    return Refusal(HTTPStatus.BAD_REQUEST, "none of the offered subprotocols is spoken here")


def extensions_are_well_formed(request: HttpRequest) -> Refusal | None:
    """Refuses a `Sec-WebSocket-Extensions` that cannot be read."""
    try:
        request.offered_extensions()
    except InvalidHeader:
        return BAD_EXTENSIONS
    return None


def is_rfc_6455(request: HttpRequest) -> Refusal | None:
    """Refuses what is no handshake of RFC 6455, section 4.2.1, beyond what the other checks see."""
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


def handshake_checks(config: WebSocketConfig) -> tuple[Check, ...]:
    """The usual checks: all that a handshake has to pass by the standard and by `config`, in order."""
    return (
        path_is_served(config.paths),
        is_upgrade,
        host_is_ours(config.hosts),
        origin_may_connect(config.origins, config.require_origin),
        is_rfc_6455,
        subprotocol_is_ours,
        extensions_are_well_formed,
    )
