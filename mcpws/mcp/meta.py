"""`_meta` of requests: what it says, and so which of MCP's two eras a request belongs to.

A request is modern when it carries its protocol version with it (MCP 2026-07-28, versioning). Everything else is
legacy: part of a conversation that begins with `initialize`.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.structs import force_setattr

from mcpws.jsonrpc.messages import Request, RequestId
from mcpws.jsonrpc.surrogates import reader, unmark, whole

PREFIX = "io.modelcontextprotocol/"
PROTOCOL_VERSION = f"{PREFIX}protocolVersion"
CLIENT_INFO = f"{PREFIX}clientInfo"
CLIENT_CAPABILITIES = f"{PREFIX}clientCapabilities"
LOG_LEVEL = f"{PREFIX}logLevel"
SERVER_INFO = f"{PREFIX}serverInfo"
SUBSCRIPTION_ID = f"{PREFIX}subscriptionId"
PROGRESS_TOKEN = "progressToken"
TRACE_PARENT = "traceparent"
TRACE_STATE = "tracestate"

OF_REQUESTS = (PROTOCOL_VERSION, CLIENT_INFO, CLIENT_CAPABILITIES, LOG_LEVEL)
"""Members that a modern request has for itself."""


class RequestMeta(Struct, frozen=True, gc=False):
    """The members of a request's `_meta` that the protocol defines.

    `progress_token` is None where it is missing, or neither a string nor an integer. The others are as they came, and
    UNSET where they are missing: what is malformed only whoever answers the request can say.
    """

    progress_token: RequestId | None = msgspec.field(name=PROGRESS_TOKEN, default=None)
    protocol_version: Raw | UnsetType = msgspec.field(name=PROTOCOL_VERSION, default=UNSET)
    client_info: Raw | UnsetType = msgspec.field(name=CLIENT_INFO, default=UNSET)
    client_capabilities: Raw | UnsetType = msgspec.field(name=CLIENT_CAPABILITIES, default=UNSET)
    log_level: Raw | UnsetType = msgspec.field(name=LOG_LEVEL, default=UNSET)

    @property
    def is_modern(self) -> bool:
        """Whether the request stands for itself."""
        return self.protocol_version is not UNSET


NO_META = RequestMeta()

# `_meta` has the first of these, and the name of whatever may be of interest in it one of the next two, unless
# a name is spelled with an escape.
_UNDERSCORE, _T, _V, _ESCAPE = b"_TV\\"


class _WithMeta(Struct, gc=False):
    meta: RequestMeta | UnsetType = msgspec.field(name="_meta", default=UNSET)


_decode_params = msgspec.json.Decoder(_WithMeta).decode
_read_params = reader(_WithMeta)
_read_members = reader(dict[str, Raw])


def read_meta(request: Request) -> RequestMeta:
    """Members of the request's `_meta`; NO_META where there is none that is an object.

    It may be NO_META as well where there is neither a progress token nor a protocol version: the rest goes with one.
    What was read is kept with a request that came from a peer, as several ask for it one after the other.
    """
    params, data = request.params, request.data
    if params is None:
        return NO_META
    # To look for a byte costs next to nothing, whatever the size.
    if data is not None and _ESCAPE not in data and (_UNDERSCORE not in data or (_T not in data and _V not in data)):
        return NO_META
    kept = request.kept
    if type(kept) is RequestMeta:
        return kept
    try:
        found = _decode_params(params).meta
        meta = NO_META if isinstance(found, UnsetType) else found
    except ValueError:
        meta = _read_slowly(params)
    if data is not None:
        force_setattr(request, "kept", meta)
    return meta


def read_modern(request: Request) -> RequestMeta | None:
    """`read_meta` of a request that is modern; None of any other."""
    data = request.data
    # Every message of a legacy client is asked.
    if data is not None and _V not in data and _ESCAPE not in data:
        return None
    # Past `read_meta` and `is_modern`: a modern request is asked here after it was read for the ledger.
    kept = request.kept
    meta = kept if type(kept) is RequestMeta else read_meta(request)
    return None if meta.protocol_version is UNSET else meta


def _read_slowly(params: Raw) -> RequestMeta:
    """Members of a `_meta` whose token is of no use, or where there are lone surrogates somewhere."""
    try:
        members = _read_members(_read_members(params).get("_meta", b"{}"))
    except ValueError:
        return NO_META
    try:
        meta = _read_params(params).meta
        token = None if isinstance(meta, UnsetType) else meta.progress_token
    except ValueError:
        token = None
    raws = (unmark(members[name]) if name in members else UNSET for name in OF_REQUESTS)
    return RequestMeta(whole(token) if isinstance(token, str) else token, *raws)
