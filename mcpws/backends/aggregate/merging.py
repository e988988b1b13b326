"""Answers of several servers to the same request, as one."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from mcpws.backends.aggregate.rewriting import decoded, shown_entry
from mcpws.errors import InvalidParams
from mcpws.jsonrpc.members import members_of
from mcpws.jsonrpc.messages import put_together
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.meta import SERVER_INFO
from mcpws.mcp.methods import PROMPTS_LIST, RESOURCES_LIST, TEMPLATES_LIST, TOOLS_LIST
from mcpws.mcp.schema import COMPLETE_RESULT, OURSELVES
from mcpws.mcp.versions import LEGACY_VERSIONS, SUPPORTED_VERSIONS

Answered = Sequence[tuple[str, Raw]]
"""Results by the names of the servers, in the order of these."""

LISTS = {
    TOOLS_LIST: ("tools", "name", "tools"),
    PROMPTS_LIST: ("prompts", "name", "prompts"),
    RESOURCES_LIST: ("resources", "uri", "resources"),
    TEMPLATES_LIST: ("resourceTemplates", "uriTemplate", "resources"),
}
"""Of each request for a list: its member of the result, the key of an entry by which it is asked for, and the
capability that goes with it."""

_FEATURES = ("tools", "prompts", "resources", "completions", "logging")
# Of a server that is gone the entries are gone, and somebody has to say so.
_LISTED = ("tools", "prompts", "resources")

_read_parts = reader(list[Raw])
_decode_cursors = msgspec.json.Decoder(dict[str, str]).decode


def merged_capabilities(capabilities: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What any of these servers can, of what can be passed on to the right one.

    What goes wrong with one of them is logged, whether they log or not.
    """
    merged: dict[str, Any] = {"logging": {}}
    for one in capabilities:
        for feature in _FEATURES:
            if feature in one:
                details = one[feature] if isinstance(one[feature], dict) else {}
                merged.setdefault(feature, {}).update({key: True for key, value in details.items() if value is True})
    for feature in _LISTED:
        if feature in merged:
            merged[feature]["listChanged"] = True
    return merged


def merged_instructions(instructions: Iterable[tuple[str, Any]]) -> str | None:
    """What all servers say about themselves, each under its name; None if none says anything."""
    texts = [f"# {server}\n\n{text.strip()}" for server, text in instructions if isinstance(text, str) and text.strip()]
    return "\n\n".join(texts) or None


def merged_initialize(answered: Answered, version: str, info: Mapping[str, str]) -> dict[str, Any]:
    """Result of `initialize` (MCP 2025-11-25, lifecycle).

    :param version: of the protocol, unless all of the servers have settled on another one.
    """
    results = [(server, members_of(result)) for server, result in answered]
    settled = {_decoded(members, "protocolVersion") for _, members in results}
    merged = {
        "protocolVersion": settled.pop() if len(settled) == 1 and settled <= set(LEGACY_VERSIONS) else version,
        "capabilities": merged_capabilities(_capabilities(members) for _, members in results),
        "serverInfo": info,
        "instructions": merged_instructions((server, _decoded(members, "instructions")) for server, members in results),
    }
    return {key: value for key, value in merged.items() if value is not None}


def merged_discovery(answered: Answered) -> dict[str, Any]:
    """Result of `server/discover` (MCP 2026-07-28, versioning): versions are those that all of them speak."""
    results = [(server, members_of(result)) for server, result in answered]
    versions = list(SUPPORTED_VERSIONS)
    for _, members in results:
        theirs = _decoded(members, "supportedVersions")
        if isinstance(theirs, list):
            versions = [one for one in versions if one in theirs]
    merged = {
        "supportedVersions": versions,
        "capabilities": merged_capabilities(_capabilities(members) for _, members in results),
        "instructions": merged_instructions((server, _decoded(members, "instructions")) for server, members in results),
        **_modern(members for _, members in results),
    }
    return {key: value for key, value in merged.items() if value is not None}


def merged_list(method: str, answered: Answered, whole: bool = True) -> Raw:
    """Result of one of LISTS: the entries of all servers, as they are shown, and a cursor for what they have more.

    :param whole: whether all servers have answered; what is not whole nobody is to keep.
    """
    member, key, _ = LISTS[method]
    entries: list[Raw] = []
    cursors: dict[str, str] = {}
    results = [members_of(result) for _, result in answered]
    for (server, _), members in zip(answered, results, strict=True):
        try:
            entries += [shown_entry(one, key, server) for one in _read_parts(members[member])]
        except (KeyError, ValueError):
            continue
        cursor = _decoded(members, "nextCursor")
        if isinstance(cursor, str):
            cursors[server] = cursor
    merged: dict[str, Any] = {member: entries}
    if cursors:
        merged["nextCursor"] = to_cursor(cursors)
    return put_together(merged | _modern(results, whole))


def to_cursor(cursors: Mapping[str, str]) -> str:
    """One cursor for those of several servers."""
    return urlsafe_b64encode(msgspec.json.encode(cursors)).decode()


def from_cursor(cursor: object, servers: Iterable[str]) -> dict[str, str]:
    """The cursors of the servers that have more entries.

    :raises InvalidParams: it is none that `to_cursor` gave out, or for other servers than these.
    """
    try:
        cursors = _decode_cursors(urlsafe_b64decode(cursor)) if isinstance(cursor, str) else {}
    except ValueError:
        cursors = {}
    if not cursors or not cursors.keys() <= set(servers):
        reason = "not a cursor of this list"
        raise InvalidParams(f"Invalid params: $.cursor: {reason}", {"path": "$.cursor", "reason": reason})
    return cursors


def _modern(results: Iterable[Mapping[str, Any]], whole: bool = True) -> dict[str, Any]:
    """What modern results say of themselves, if these are: for how long they hold, the shortest time of all.

    They are for this client alone, as which servers there are may be; so all pages of a list say the same.
    """
    all_members = list(results)
    if not any("resultType" in members for members in all_members):
        return {}
    times = [_decoded(members, "ttlMs") for members in all_members]
    shortest = min((time if isinstance(time, int | float) else 0 for time in times), default=0)
    return {
        "resultType": COMPLETE_RESULT,
        "ttlMs": shortest if whole else 0,
        "cacheScope": "private",
        "_meta": {SERVER_INFO: OURSELVES},
    }


def capabilities_of(result: Raw) -> Mapping[str, Any]:
    """The capabilities in the result of `initialize` or `server/discover`."""
    return _capabilities(members_of(result))


def _capabilities(members: Mapping[str, Any]) -> Mapping[str, Any]:
    found = _decoded(members, "capabilities")
    return found if isinstance(found, dict) else {}


def _decoded(members: Mapping[str, Any], key: str) -> Any:
    return decoded(members[key]) if key in members else None
