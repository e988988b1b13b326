"""Verdicts on a server by its answer to `server/discover` (MCP 2026-07-28, versioning; stdio, backward compatibility).

They differ where answers are odd. Whoever can go on with either era takes for modern what names any version that begins
without `initialize`; whoever needs one certain version has to be told of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw, Struct

from mcpws.errors import RemoteError, UnsupportedProtocol
from mcpws.jsonrpc.messages import Answer, Error, Result, to_raw
from mcpws.jsonrpc.nulls import null_as_none
from mcpws.jsonrpc.surrogates import reader, shown
from mcpws.mcp.meta import CLIENT_CAPABILITIES, CLIENT_INFO, PROTOCOL_VERSION
from mcpws.mcp.methods import DISCOVER
from mcpws.mcp.schema import OURSELVES, DiscoverResult
from mcpws.mcp.versions import LEGACY_VERSIONS, MODERN_VERSIONS

PROBE_PARAMS = to_raw(
    {"_meta": {PROTOCOL_VERSION: MODERN_VERSIONS[-1], CLIENT_INFO: OURSELVES, CLIENT_CAPABILITIES: {}}},
)
"""Parameters of a `server/discover` of our own."""

SHOWN = 200
"""Characters of what a server says that go into an error."""

Discovery: TypeAlias = DiscoverResult[Raw, dict[str, Raw]]
"""Result of `server/discover`, of which nothing is decoded that is only passed on."""


class _Versions(Struct, gc=False, rename="camel"):
    supported_versions: tuple[str, ...]


class _Refusal(Struct, gc=False):
    supported: tuple[str, ...] = ()


_read_discovery = null_as_none(Discovery)
_read_versions = reader(_Versions)
_read_refusal = reader(_Refusal)


def read_discovery(answer: Answer) -> Discovery | None:
    """The DiscoverResult that an answer is; None if it is none, or names no version of the modern era."""
    if not isinstance(answer, Result):
        return None
    try:
        discovery = _read_discovery(answer.result)
    except ValueError:
        return None
    return discovery if _is_modern(discovery.supported_versions) else None


def tells_modern(answer: Answer) -> bool:
    """Whether an answer can only be a modern server's."""
    if not isinstance(answer, Error):
        return read_discovery(answer) is not None
    versions = _named_instead(answer.error.code, answer.error.data)
    return versions is not None and (not versions or _is_modern(versions))


def unfit(answer: Answer) -> str | None:
    """Case that an answer makes against a server that has to serve the newest version; None if it makes none."""
    if isinstance(answer, Error):
        said = f"{shown(answer.error.message)[:SHOWN]} (code {answer.error.code})"
        if answer.error.code == UnsupportedProtocol.code:
            return f"does not serve this protocol version: {said}"
        return f"does not know {DISCOVER}: {said}"
    try:
        versions = _read_versions(answer.result).supported_versions
    except ValueError as error:
        return f"answered {DISCOVER} with something else: {error}"
    if set(MODERN_VERSIONS).isdisjoint(versions):
        return f"serves only {', '.join(versions)[:SHOWN] or 'nothing'}"
    return None


def spoken_instead(error: RemoteError) -> tuple[str, ...] | None:
    """Versions of the server that refused a request for its version; None if it did not, or does not say."""
    return _named_instead(error.code, error.data) or None


def _named_instead(code: int, data: Any) -> tuple[str, ...] | None:
    """Versions that an error names because it refuses another; None if it does not. `data` is Raw, or decoded."""
    if code != UnsupportedProtocol.code:
        return None
    try:
        return (_read_refusal(data) if isinstance(data, Raw) else msgspec.convert(data, _Refusal)).supported
    except ValueError:
        return ()


def _is_modern(versions: Sequence[str]) -> bool:
    """Whether any of these begins without `initialize`: some servers answer, and then name only others."""
    return any(version not in LEGACY_VERSIONS for version in versions)
