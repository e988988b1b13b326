"""The stateless era beside the one of the handshake: who asks, and what every answer says (MCP 2026-07-28)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from twisted.python.failure import Failure

from mcpws.backends.app.arguments import MAX_EXPLANATION, invalid_params
from mcpws.backends.app.channel import AppChannel
from mcpws.backends.app.content import CacheHint
from mcpws.backends.app.context import ClientState
from mcpws.backends.app.failures import MalformedAnswer
from mcpws.backends.app.input_required import Safe
from mcpws.backends.app.modern_call import ModernCall
from mcpws.backends.app.prompts import CompleteResult, GetPromptResult
from mcpws.backends.app.resources import ReadResourceResult
from mcpws.errors import (
    CapabilityMissing,
    InvalidParams,
    MethodNotFound,
    MissingClientCapability,
    ResourceNotFound,
    RpcError,
    UnsupportedProtocol,
)
from mcpws.jsonrpc.messages import NULL, Request, to_raw
from mcpws.mcp.content import Implementation, ToolResult
from mcpws.mcp.levels import Level
from mcpws.mcp.meta import CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION, SERVER_INFO, RequestMeta
from mcpws.mcp.methods import (
    CACHEABLE,
)
from mcpws.mcp.schema import COMPLETE_RESULT, DiscoverResult, InputRequiredResult
from mcpws.mcp.versions import MODERN_VERSIONS, SUPPORTED_VERSIONS
from mcpws.turns.outcome import as_deferred, cause_of

T = TypeVar("T")

ModernMethod: TypeAlias = Callable[[ModernCall, Request], object]
"""Answers a request that stands for itself: returns its result, a Deferred of it, or raises."""

MAX_DESCRIPTION = 4 * 1024
"""Bytes of what a client says of itself that are remembered; what is longer is read with every request."""

_LEGACY_TERMS = (ResourceNotFound, CapabilityMissing, MalformedAnswer)

_read_version = msgspec.json.Decoder(str).decode
_read_capabilities = msgspec.json.Decoder(dict[str, Any]).decode
_read_info = msgspec.json.Decoder(Implementation | None).decode
_read_level = msgspec.json.Decoder(Level).decode
_read_members = msgspec.json.Decoder(dict[str, Raw]).decode
_encode = msgspec.json.Encoder().encode


_COMPLETE = b'{"resultType":%b,' % _encode(COMPLETE_RESULT)

_OURS = frozenset({ToolResult, GetPromptResult, ReadResourceResult, CompleteResult, DiscoverResult})
"""Results in which nothing stands that every result has, but for the `meta` of a ToolResult."""


class ModernAnswers:
    """Answers requests that stand for themselves, of all conversations of an App.

    :param info: of the server; it goes with every result.
    :param methods: what answers requests, by name.
    :param cache: how long clients may keep lists and what `server/discover` says.
    """

    def __init__(self, info: Implementation, methods: Mapping[str, ModernMethod], safe: Safe, cache: CacheHint) -> None:
        self._methods = methods
        self._safe = safe
        self._cache = cache
        self._info = to_raw(info)
        self._meta = b'"_meta":{"%b":%b}' % (SERVER_INFO.encode(), self._info)

    def answer(self, channel: AppChannel, request: Request, meta: RequestMeta) -> object:
        """The result of a request whose `_meta` is `meta`; raises as a method may."""
        client = _client_of(channel, meta)
        method = self._methods.get(request.method)
        if method is None:
            raise MethodNotFound(request.method)
        call = ModernCall(channel, request, client, meta.progress_token, self._safe, self._cache)
        try:
            outcome = method(call, request)
        except _LEGACY_TERMS as error:
            raise _in_modern_terms(error) from None
        later = None if isinstance(outcome, Struct) else as_deferred(outcome)
        if later is None:
            return self._complete(outcome, call)
        return later.addCallbacks(self._complete, _failed, callbackArgs=(call,))

    def _complete(self, result: Any, call: ModernCall) -> Raw:
        """Result that a method returned, with the members that every result has."""
        if type(result) is InputRequiredResult:
            return _joined(b"{" + self._meta, result)
        hint = call.cache.members() if call.request.method in CACHEABLE else {}
        if type(result) not in _OURS or (type(result) is ToolResult and result.meta is not None):
            return self._merged(to_raw(result), hint)
        head = _COMPLETE + self._meta
        return _joined(b"%b,%b" % (head, _encode(hint)[1:-1]) if hint else head, result)

    def _merged(self, result: Raw, hint: dict[str, Any]) -> Raw:
        """Result with the members that every result has, where some may be there already; no object stays as it is."""
        try:
            members = _read_members(result)
        except msgspec.ValidationError:
            return result
        own = _read_members(members.pop("_meta")) if "_meta" in members else {}
        return to_raw({"resultType": COMPLETE_RESULT, **hint, "_meta": {SERVER_INFO: self._info, **own}, **members})


def _client_of(channel: AppChannel, meta: RequestMeta) -> ClientState:
    """`read_client`, which is called again only where the client says something else of itself than it did before."""
    said = (meta.protocol_version, meta.client_capabilities, meta.client_info, meta.log_level)
    known = channel.described
    if known is not None and known[0] == said:
        return known[1]
    client = read_client(meta)
    given = [one for one in said if not isinstance(one, UnsetType)]
    if sum(map(len, given)) <= MAX_DESCRIPTION:
        # Copied, since they are views of the whole request.
        channel.described = (tuple(one if isinstance(one, UnsetType) else one.copy() for one in said), client)
    return client


def read_client(meta: RequestMeta) -> ClientState:
    """The client that a request describes in its `_meta`.

    :raises UnsupportedProtocol: a version that we do not know, or that begins with a handshake.
    :raises InvalidParams: something required is missing, or something is malformed.
    """
    version, capabilities, info, level = (
        meta.protocol_version,
        meta.client_capabilities,
        meta.client_info,
        meta.log_level,
    )
    spoken = _missing(PROTOCOL_VERSION) if version is UNSET else _read(_read_version, version, PROTOCOL_VERSION)
    if spoken not in MODERN_VERSIONS:
        raise UnsupportedProtocol(spoken[:MAX_EXPLANATION], list(SUPPORTED_VERSIONS))
    return ClientState(
        spoken,
        None if info is UNSET else _read(_read_info, info, CLIENT_INFO),
        _missing(CLIENT_CAPABILITIES)
        if capabilities is UNSET
        else _read(_read_capabilities, capabilities, CLIENT_CAPABILITIES),
        None if level is UNSET or level == NULL else _read(_read_level, level, LOG_LEVEL),
    )


def _read(decode: Callable[[Raw], T], raw: Raw, name: str) -> T:
    try:
        return decode(raw)
    except (ValueError, RecursionError) as error:
        raise invalid_params(error, f"$._meta.{name}") from None


def _missing(name: str) -> NoReturn:
    path, reason = f"$._meta.{name}", f"Object missing required field `{name}`"
    raise InvalidParams(f"Invalid params: {path}: {reason}", {"path": path, "reason": reason})


def _joined(head: bytes, result: Struct) -> Raw:
    """The members of `result`, of which there is one at least, after those of an object that `head` begins."""
    return Raw(b"%b,%b" % (head, _encode(result)[1:]))


def _in_modern_terms(error: Exception) -> RpcError:
    """The modern error for one that the legacy era calls otherwise, or does not have."""
    if isinstance(error, ResourceNotFound):
        return InvalidParams(error.message, error.data)
    if isinstance(error, CapabilityMissing):
        return MissingClientCapability(error.required)
    assert isinstance(error, MalformedAnswer)
    return error.refusal


def _failed(failure: Failure) -> Failure:
    error = cause_of(failure)
    return Failure(_in_modern_terms(error)) if isinstance(error, _LEGACY_TERMS) else failure
