"""Trace context: which trace a request belongs to, as its client says (W3C Trace Context, level 1)."""

from __future__ import annotations

import re
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct, UnsetType

from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.meta import TRACE_PARENT

# Of versions to come the beginning is read as that of version 00 (section 3.2.4).
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")


class TraceContext(NamedTuple):
    """The trace, and the span in it that asks; both in hexadecimal digits."""

    trace_id: str
    span_id: str


class _Meta(Struct, gc=False):
    traceparent: str | UnsetType = msgspec.field(name=TRACE_PARENT, default=msgspec.UNSET)


class _WithMeta(Struct, gc=False):
    meta: _Meta | UnsetType = msgspec.field(name="_meta", default=msgspec.UNSET)


_read = reader(_WithMeta)
_WORD = TRACE_PARENT.encode()


def trace_of(params: Raw | None, data: bytes) -> TraceContext | None:
    """The context in the `_meta` of a request; None without one, or if it is malformed.

    :param data: of which `params` are a part, or they themselves: to look for a word there costs next to nothing.
    """
    if params is None or _WORD not in data:
        return None
    try:
        meta = _read(params).meta
    except ValueError:
        return None
    return None if isinstance(meta, UnsetType) or isinstance(meta.traceparent, UnsetType) else parse(meta.traceparent)


def parse(traceparent: str) -> TraceContext | None:
    """What a `traceparent` says (section 3.2); None if it is malformed: then it is as if there were none."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or (traceparent.startswith("00") and len(traceparent) != 55):
        return None
    context = TraceContext(*match.groups())
    return None if not context.trace_id.strip("0") or not context.span_id.strip("0") else context
