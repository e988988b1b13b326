"""Trace context: which trace a request belongs to, as its client says (W3C Trace Context, level 1)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct, UnsetType

from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.meta import TRACE_PARENT, TRACE_STATE

# Of versions to come the beginning is read as that of version 00 (section 3.2.4).
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")

_SAMPLED = 1
"""Bit of the flags."""

MAX_STATE = 512
"""Characters of a `tracestate` that have to be passed on (section 3.3.1.5); a longer one is as none."""


class TraceContext(NamedTuple):
    """The trace, and the span in it that asks; both in hexadecimal digits.

    :param sampled: whether whoever asks keeps the span.
    :param state: what further systems note of it, as it came; empty without any.
    """

    trace_id: str
    span_id: str
    sampled: bool = True
    state: str = ""


class _Meta(Struct, gc=False):
    traceparent: str | UnsetType = msgspec.field(name=TRACE_PARENT, default=msgspec.UNSET)
    # It may be anything: it is read only where there is a use for it.
    tracestate: Raw | UnsetType = msgspec.field(name=TRACE_STATE, default=msgspec.UNSET)


class _WithMeta(Struct, gc=False):
    meta: _Meta | UnsetType = msgspec.field(name="_meta", default=msgspec.UNSET)


_read = reader(_WithMeta)
_read_text = reader(str)
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
    if isinstance(meta, UnsetType) or isinstance(meta.traceparent, UnsetType):
        return None
    return parse(meta.traceparent, "" if isinstance(meta.tracestate, UnsetType) else _text(meta.tracestate))


def trace_of_handshake(headers: Mapping[str, str]) -> TraceContext | None:
    """The context in the headers of a handshake; None without one, or if it is malformed."""
    given = headers.get(TRACE_PARENT)
    return None if given is None else parse(given, headers.get(TRACE_STATE, ""))


def parse(traceparent: str, tracestate: str = "") -> TraceContext | None:
    """What a `traceparent` says (section 3.2); None if it is malformed: then it is as if there were none."""
    match = _TRACEPARENT.fullmatch(traceparent)
    if match is None or (traceparent.startswith("00") and len(traceparent) != 55):
        return None
    trace_id, span_id, flags = match.groups()
    state = tracestate if len(tracestate) <= MAX_STATE else ""
    context = TraceContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED), state)
    return None if not context.trace_id.strip("0") or not context.span_id.strip("0") else context


def _text(raw: Raw) -> str:
    try:
        return _read_text(raw)
    except ValueError:
        return ""
