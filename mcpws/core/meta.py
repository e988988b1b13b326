"""What `_meta` says of a request, and so which of MCP's two eras it belongs to.

A request is modern when it carries its protocol version with it (MCP 2026-07-28, versioning). Everything else is
legacy: part of a conversation that begins with `initialize`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from mcpws.core.messages import Request, RequestId, to_raw

MODERN_VERSIONS = ("2026-07-28",)
"""The protocol versions that every request names for itself, oldest first."""

PREFIX = "io.modelcontextprotocol/"
PROTOCOL_VERSION = f"{PREFIX}protocolVersion"
CLIENT_INFO = f"{PREFIX}clientInfo"
CLIENT_CAPABILITIES = f"{PREFIX}clientCapabilities"
LOG_LEVEL = f"{PREFIX}logLevel"
SERVER_INFO = f"{PREFIX}serverInfo"
SUBSCRIPTION_ID = f"{PREFIX}subscriptionId"

LISTEN = "subscriptions/listen"
DISCOVER = "server/discover"


class RequestMeta(Struct, frozen=True, gc=False):
    """The members of a request's `_meta` that the protocol defines; each is None where it is missing.

    `progress_token` is None as well where it is neither a string nor an integer. What else is malformed is left as it
    is: only whoever answers the request can say so.
    """

    progress_token: RequestId | None = None
    protocol_version: str | None = None
    client_info: Raw | None = None
    client_capabilities: Raw | None = None
    log_level: str | None = None

    @property
    def is_modern(self) -> bool:
        """Whether the request stands for itself."""
        return self.protocol_version is not None


NOTHING = RequestMeta()


class _Meta(Struct, gc=False):
    progress_token: Raw | UnsetType = msgspec.field(name="progressToken", default=UNSET)
    protocol_version: Raw | UnsetType = msgspec.field(name=PROTOCOL_VERSION, default=UNSET)
    client_info: Raw | UnsetType = msgspec.field(name=CLIENT_INFO, default=UNSET)
    client_capabilities: Raw | UnsetType = msgspec.field(name=CLIENT_CAPABILITIES, default=UNSET)
    log_level: Raw | UnsetType = msgspec.field(name=LOG_LEVEL, default=UNSET)


class _WithMeta(Struct, gc=False):
    meta: _Meta | UnsetType = msgspec.field(name="_meta", default=UNSET)


_decode_params = msgspec.json.Decoder(_WithMeta).decode
_decode_id = msgspec.json.Decoder(RequestId).decode
_decode_string = msgspec.json.Decoder(str).decode


def read_meta(request: Request) -> RequestMeta:
    """What the request's `_meta` says; NOTHING where there is none that is an object."""
    params = request.params
    # A search costs far less than a decode, and many requests have no `_meta`.
    if params is None or b'"_meta"' not in (request.data or bytes(params)):
        return NOTHING
    try:
        meta = _decode_params(params).meta
    except ValueError:
        return NOTHING
    if isinstance(meta, UnsetType):
        return NOTHING
    return RequestMeta(
        _read(meta.progress_token, _decode_id),
        _read(meta.protocol_version, _decode_string),
        _present(meta.client_info),
        _present(meta.client_capabilities),
        _read(meta.log_level, _decode_string),
    )


def with_meta(params: Raw | None, **members: Any) -> Raw:
    """`params` with these members in their `_meta`, each replaced; a member that is None is taken out.

    `members` are named as in RequestMeta. Raises ValueError when `params` or its `_meta` is no object.
    """
    decoded: dict[str, Raw] = {} if params is None else _decode_members(params)
    meta: dict[str, Any] = dict(_decode_members(decoded["_meta"])) if "_meta" in decoded else {}
    for name, value in members.items():
        if value is None:
            meta.pop(_NAMES[name], None)
        else:
            meta[_NAMES[name]] = value
    rest: dict[str, Any] = {name: value for name, value in decoded.items() if name != "_meta"}
    return to_raw({**rest, "_meta": meta} if meta else rest)


_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode

_NAMES = {
    "progress_token": "progressToken",
    "protocol_version": PROTOCOL_VERSION,
    "client_info": CLIENT_INFO,
    "client_capabilities": CLIENT_CAPABILITIES,
    "log_level": LOG_LEVEL,
    "server_info": SERVER_INFO,
    "subscription_id": SUBSCRIPTION_ID,
}


def _present(raw: Raw | UnsetType) -> Raw | None:
    return None if isinstance(raw, UnsetType) else raw


def _read(raw: Raw | UnsetType, decode: Any) -> Any:
    if isinstance(raw, UnsetType):
        return None
    try:
        return decode(raw)
    except ValueError:
        return None
