"""Requests and results with the names in them changed: from those that are shown to a server's own, and back.

What need not be changed is not decoded: arguments and contents stay as they came.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from mcpws.backends.aggregate.names import uri_with_server, uri_without_server, with_server, without_server
from mcpws.errors import InvalidParams
from mcpws.jsonrpc.members import may_name, members_of
from mcpws.jsonrpc.messages import Message, Request, put_together, to_raw
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.methods import BY_NAME, BY_URI, COMPLETE, PROMPTS_GET, RESOURCES_READ, TOOLS_CALL

# As nearly everybody writes it.
_begins_with_name = re.compile(rb'\{\s*"name"\s*:\s*"([A-Za-z0-9_.-]{1,256})"').match
_read_parts = reader(list[Raw])
_read_text = reader(str)

NAMED = BY_NAME | BY_URI | {COMPLETE}
"""Requests that name what they are about, and so the server that it is of."""


def addressed(request: Request) -> tuple[str, Request]:
    """The server that a request of NAMED is for, and the request as that server is to get it.

    The server is empty, and the request as it was, if it names none.

    :raises InvalidParams: it has no name at the place where one has to be.
    """
    params = request.params or Raw(b"{}")
    if request.method in BY_NAME:
        begin = _begins_with_name(params)
        if begin is not None:
            server, own = without_server(begin[1].decode())
            if not server:
                return "", request
            rest = memoryview(params)[begin.end() :]
            return server, Request(request.id, request.method, Raw(b'{"name":' + to_raw(own) + rest))
    members = members_of(params)
    if request.method == COMPLETE:
        reference = members_of(members.get("ref"))
        key = "uri" if "uri" in reference else "name"
        server, reference[key] = _own(reference, key, f"$.ref.{key}")
        members["ref"] = reference
    else:
        key = "name" if request.method in BY_NAME else "uri"
        server, members[key] = _own(members, key, f"$.{key}")
    return (server, Request(request.id, request.method, put_together(members))) if server else ("", request)


def _own(members: dict[str, Any], key: str, path: str) -> tuple[str, str]:
    try:
        text = _read_text(members[key])
    except (KeyError, ValueError):
        reason = "must be a string"
        raise InvalidParams(f"Invalid params: {path}: {reason}", {"path": path, "reason": reason}) from None
    return uri_without_server(text) if key == "uri" else without_server(text)


def shown_result(method: str, message: Message, result: Raw, server: str) -> Raw | None:
    """Result of a request of NAMED with the URIs of `server` in it as they are shown; None if it has none."""
    if method == RESOURCES_READ:
        return _changed(result, "contents", lambda one: _with_uri(one, server))
    if method not in (TOOLS_CALL, PROMPTS_GET) or not may_name(message, result, b'"resource'):
        return None
    if method == TOOLS_CALL:
        return _changed(result, "content", lambda one: _shown_block(one, server))
    return _changed(result, "messages", lambda one: _shown_message(one, server))


def shown_entry(entry: Raw, key: str, server: str) -> Raw:
    """Entry of a list with its `key`, which is `name`, `uri` or `uriTemplate`, as it is shown.

    A resource keeps its name, which only people read.
    """
    members = members_of(entry)
    try:
        text = _read_text(members[key])
    except (KeyError, ValueError):
        return entry
    members[key] = with_server(server, text) if key == "name" else uri_with_server(server, text)
    return put_together(members)


def shown_params(params: Raw | None, key: str, show: Callable[[str], str]) -> Raw | None:
    """Parameters of a notification with the text at `key` as it is shown."""
    members = members_of(params)
    try:
        members[key] = show(_read_text(members[key]))
    except (KeyError, ValueError):
        return params
    return put_together(members)


def _changed(result: Raw, key: str, change: Callable[[Raw], Raw]) -> Raw | None:
    """`result` with each of the parts that are in its list `key` changed."""
    members = members_of(result)
    try:
        parts = _read_parts(members[key])
    except (KeyError, ValueError):
        return None
    members[key] = [change(one) for one in parts]
    return put_together(members)


def _shown_message(message: Raw, server: str) -> Raw:
    members = members_of(message)
    if "content" in members:
        members["content"] = _shown_block(members["content"], server)
    return put_together(members) if members else message


def _shown_block(block: Raw, server: str) -> Raw:
    members = members_of(block)
    kind = members.get("type")
    if kind is not None and bytes(kind) == b'"resource_link"':
        return _with_uri(block, server)
    if "resource" in members:
        members["resource"] = _with_uri(members["resource"], server)
        return put_together(members)
    return block


def _with_uri(value: Raw, server: str) -> Raw:
    return shown_entry(value, "uri", server)


def decoded(raw: Raw) -> Any:
    """The value of a JSON text; None if it cannot be had."""
    try:
        return msgspec.json.decode(raw)
    except ValueError:
        return None
