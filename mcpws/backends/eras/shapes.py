"""Shapes that each era gives to the same thing: capabilities, parameters, results, errors. No state, no side effects.

What is not named here is the same in both, or unknown to us, and passes as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from mcpws.core.rpc import Progress
from mcpws.errors import INTERNAL_ERROR, INVALID_PARAMS, RESOURCE_NOT_FOUND, RpcError
from mcpws.jsonrpc.messages import NULL, ErrorObject, Notification, RequestId, put_together
from mcpws.jsonrpc.surrogates import reader, unmark
from mcpws.mcp.meta import OF_REQUESTS, PROGRESS_TOKEN, SERVER_INFO, SUBSCRIPTION_ID
from mcpws.mcp.methods import (
    CACHEABLE,
    CREATE_MESSAGE,
    ELICIT,
    PROGRESS,
    RESOURCES_READ,
    ROOTS_LIST,
    TOOLS_CALL,
    TOOLS_LIST,
)
from mcpws.mcp.schema import COMPLETE_RESULT, OF_ONE_TRY

Members = dict[str, Any]
"""The members of a JSON object; what was decoded no further is Raw."""

URL_ELICITATION_REQUIRED = -32042
"""The code with which a server of 2025-11-25 wants URLs to be visited before the request is tried again."""

_RESERVED = range(-32099, -32019)
"""Codes that the modern era keeps for itself (MCP 2026-07-28, error codes)."""

_read_members: Callable[[Raw], dict[str, Raw] | None] = reader(dict[str, Raw] | None)  # type: ignore[arg-type]
_read_list = reader(list[dict[str, Raw]])
_read_any = reader(object)


class _About(Struct, gc=False):
    subscription: RequestId | UnsetType = msgspec.field(name=SUBSCRIPTION_ID, default=UNSET)


class _WithAbout(Struct, gc=False):
    meta: _About | UnsetType = msgspec.field(name="_meta", default=UNSET)


_read_about = reader(_WithAbout)


def members(raw: Raw | None) -> Members:
    """The members of an object, none of null or of nothing; raises ValueError for any other JSON."""
    found = None if raw is None else _read_members(raw)
    return {} if found is None else dict(found)


def text(raw: Raw | None) -> str | None:
    """The string that this is; None if it is none."""
    value = None if raw is None else _value(raw)
    return value if isinstance(value, str) else None


def type_of(result: Members) -> str | None:
    """The `resultType` of a result, as JSON if it is no string; None where there is none."""
    type = result.get("resultType", NULL)
    return None if type == NULL else text(type) or bytes(type).decode()


def _value(raw: bytes | Raw) -> Any:
    """Value of this JSON; None if Python cannot hold it, as `1e999` and half a surrogate pair."""
    try:
        return _read_any(raw)
    except ValueError:
        return None


# Parameters


def to_modern_params(params: Members, meta: Mapping[str, Any]) -> Members:
    """Parameters of a legacy request with what a modern one adds; raises ValueError for a `_meta` that is no object."""
    return {**params, "_meta": {**members(params.get("_meta")), **meta}}


def to_legacy_params(params: Members) -> Members:
    """Parameters of a modern request without what only the modern era has, and without a progress token."""
    kept = {name: value for name, value in params.items() if name not in OF_ONE_TRY}
    meta = members(params.get("_meta"))
    for name in (*OF_REQUESTS, PROGRESS_TOKEN):
        meta.pop(name, None)
    return {**kept, "_meta": meta} if meta else kept


def subscription_of(notification: Notification) -> RequestId | None:
    """Which `subscriptions/listen` a notification belongs to; None if it does not say."""
    try:
        meta = _read_about(notification.params or b"{}").meta
    except ValueError:
        return None
    return None if isinstance(meta, UnsetType) or isinstance(meta.subscription, UnsetType) else meta.subscription


def without_subscription(notification: Notification) -> Notification:
    """The same, as the legacy era has it."""
    params = members(notification.params)
    meta = members(params.pop("_meta", None))
    meta.pop(SUBSCRIPTION_ID, None)
    if meta:
        params["_meta"] = meta
    return Notification(notification.method, put_together(params) if params else None)


def report(token: RequestId, progress: Progress) -> Notification:
    """A `notifications/progress` for whoever gave this token."""
    told: Members = {PROGRESS_TOKEN: token, "progress": progress.progress}
    if progress.total is not None:
        told["total"] = progress.total
    if progress.message is not None:
        told["message"] = progress.message
    return Notification(PROGRESS, put_together(told))


# Results


def to_modern_result(method: str, result: Raw, server_info: Raw | None) -> Raw:
    """A legacy result with what every modern one has. The legacy era knows of no caching: nothing is fresh for long."""
    try:
        found = members(result)
        meta = members(found.get("_meta"))
    except ValueError:
        return result
    found["resultType"] = COMPLETE_RESULT
    if server_info is not None:
        meta.setdefault(SERVER_INFO, server_info)
    if meta:
        found["_meta"] = meta
    if method in CACHEABLE:
        found.setdefault("ttlMs", 0)
        found.setdefault("cacheScope", "private")
    return put_together(found)


def to_legacy_result(method: str, found: Members) -> Raw:
    """A modern result without what only the modern era has, or allows."""
    found = dict(found)
    if type_of(found) in (None, COMPLETE_RESULT):
        found.pop("resultType", None)
    if method in CACHEABLE:
        found.pop("ttlMs", None)
        found.pop("cacheScope", None)
    try:
        if "_meta" in found:
            meta = members(found["_meta"])
            meta.pop(SERVER_INFO, None)
            if meta:
                found["_meta"] = meta
            else:
                del found["_meta"]
        if method == TOOLS_LIST:
            found["tools"] = [_to_legacy_tool(tool) for tool in _read_list(found["tools"])]
        elif method == TOOLS_CALL:
            _to_legacy_content(found)
    except (KeyError, ValueError):
        # Not as it has to be in any era: the client is to see it as it came.
        pass
    return put_together(found)


def _to_legacy_tool(tool: Members) -> Members:
    """Legacy clients take only schemas of objects, and refuse the whole list for any other."""
    schema = tool.get("outputSchema")
    if schema is not None and text(members(schema).get("type")) != "object":
        return {name: value for name, value in tool.items() if name != "outputSchema"}
    return tool


def _to_legacy_content(found: Members) -> None:
    """Structured content may be any JSON in the modern era; in the legacy one it is an object, or left out."""
    structured = found.get("structuredContent")
    if structured is not None and not bytes(structured).startswith(b"{"):
        empty = not _read_list(found.get("content", b"[]"))
        del found["structuredContent"]
        if empty:
            found["content"] = [{"type": "text", "text": bytes(unmark(structured)).decode()}]


# Errors


def to_modern_error(error: ErrorObject) -> RpcError:
    """Error of a legacy server, with a code that may stand in the modern era."""
    code = error.code
    if code == RESOURCE_NOT_FOUND:
        code = INVALID_PARAMS
    elif code in _RESERVED:
        code = INTERNAL_ERROR
    return as_it_is(error, code)


def to_legacy_error(method: str, params: Members, error: ErrorObject) -> RpcError:
    """Error of a modern server for a legacy client, which knows a code of its own for a resource that is not there."""
    if error.code == INVALID_PARAMS and method == RESOURCES_READ and not isinstance(error.data, UnsetType):
        uri = _value(params.get("uri", b"null"))
        data = _value(error.data)
        if uri is not None and isinstance(data, dict) and data.get("uri") == uri:
            return as_it_is(error, RESOURCE_NOT_FOUND)
    return as_it_is(error, error.code)


def as_it_is(error: ErrorObject, code: int) -> RpcError:
    """Error with the same words."""
    data = error.data
    return RpcError(error.message, None if isinstance(data, UnsetType) else data, code=code)


# Capabilities


def capabilities_for_other_era(capabilities: Mapping[str, Any]) -> Members:
    """Capabilities that one side declares, as far as it can be held to in the other era, whichever that is.

    Tasks are another thing now; and of changes of its roots a client tells nobody any more.
    """
    kept = {name: value for name, value in capabilities.items() if name != "tasks"}
    if "roots" in kept:
        kept["roots"] = {}
    return kept


def offers(capabilities: Mapping[str, Raw], name: str, part: str) -> bool:
    """Whether a server declares this part of a capability, such as `listChanged` of `tools`."""
    value = _value(capabilities[name]) if name in capabilities else None
    return isinstance(value, dict) and value.get(part) is True


def missing_capability(method: str, params: Members, capabilities: Members) -> Members | None:
    """Capabilities that a client would have to declare to be asked this; None if it does."""
    if method == ROOTS_LIST:
        return None if "roots" in capabilities else {"roots": {}}
    if method == CREATE_MESSAGE:
        name, part = "sampling", "tools" if "tools" in params or "toolChoice" in params else None
    else:
        name, part = "elicitation", "url" if text(params.get("mode")) == "url" else "form"
    if name in capabilities:
        parts = _value(put_together(capabilities[name]))
        if not isinstance(parts, dict):
            parts = {}
        # A client that names no mode of elicitation means forms.
        if part is None or part in parts or (part == "form" and "url" not in parts):
            return None
    return {name: {part: {}} if part not in (None, "form") else {}}


# What servers ask


def to_modern_ask(method: str, params: Members) -> Members:
    """A legacy server's request to its client as one of `inputRequests`."""
    dropped = ("_meta", "elicitationId", "task") if method == ELICIT else ("_meta", "task")
    kept = {name: value for name, value in params.items() if name not in dropped}
    meta = members(params.get("_meta"))
    meta.pop(PROGRESS_TOKEN, None)
    if meta:
        kept["_meta"] = meta
    return {"method": method, "params": kept} if kept else {"method": method}


def to_legacy_ask(method: str, params: Members, elicitation_id: str) -> Members | None:
    """Parameters of one of `inputRequests` as those of a legacy server's request; an elicitation by URL needs an id."""
    if method == ELICIT and text(params.get("mode")) == "url":
        return {**params, "elicitationId": elicitation_id}
    return params or None
