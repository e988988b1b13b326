"""Spans: what OpenTelemetry is told of the requests of clients, as its conventions for MCP have it.

This module needs the extra `otel`; whoever imports it has seen to that.
"""

from __future__ import annotations

from collections.abc import Callable
from time import time_ns

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
    set_span_in_context,
)

from mcpws.mcp.methods import BY_URI, OF_CLIENTS, PROMPTS_GET, TOOLS_CALL
from mcpws.mcp.naming import cut
from mcpws.mcp.trace import TraceContext, trace_of_handshake
from mcpws.seam.observer import Call, ClientInfo, Closing, Ended, MessageObserver, Party

TOOL_ERROR = "tool_error"
"""What the conventions call the failure that a tool tells of in its result."""

OTHER = "other"
"""In the place of a method in the name of a span, where it is none of MCP's: a client may write anything there."""

_NETWORKS = {"tcp4": "tcp", "tcp6": "tcp", "unix": "unix"}


class Spans(MessageObserver):
    """Makes a span of each request of a client, once it has ended.

    Its parent is the span that the request names in its `_meta`, or else the one that the handshake names. It never
    waits: what the tracer does with a span is the affair of its processor.

    :param tracer: of OpenTelemetry.
    :param now: nanoseconds since 1970.
    """

    def __init__(self, tracer: Tracer, now: Callable[[], int] = time_ns) -> None:
        self._tracer = tracer
        self._now = now
        self._versions: dict[Party, str] = {}

    def introduced(self, party: Party, client: ClientInfo) -> None:
        self._versions[party] = client.protocol

    def closed(self, party: Party, closing: Closing) -> None:
        self._versions.pop(party, None)

    def answered(self, party: Party, call: Call, ended: Ended) -> None:
        end = self._now()
        of_request, of_handshake = call.trace, trace_of_handshake(party.identity.headers)
        parent = of_request or of_handshake
        # A handshake is one of many requests: where these name their own parents, it is only beside them.
        links = [Link(_remote(of_handshake))] if of_request is not None and of_handshake is not None else []
        span = self._tracer.start_span(
            _name(call, ended),
            # Without a parent it is a root, whatever else goes on in this process.
            Context() if parent is None else set_span_in_context(NonRecordingSpan(_remote(parent)), Context()),
            SpanKind.SERVER,
            self._attributes(party, call, ended),
            links,
            end - int(ended.seconds * 1e9),
        )
        if span.is_recording() and ended.outcome in ("error", "failed"):
            said = None if ended.error is None else cut(ended.error.message)
            span.set_status(Status(StatusCode.ERROR, said))
        span.end(end)

    def _attributes(self, party: Party, call: Call, ended: Ended) -> dict[str, str | int]:
        found: dict[str, str | int] = {
            "mcp.method.name": cut(call.method),
            "jsonrpc.request.id": cut(str(call.id)),
            "network.protocol.name": "websocket",
            "mcpws.connection": party.id,
            "mcpws.outcome": ended.outcome,
        }
        kind, _, address = party.identity.peer.partition(":")
        if kind in _NETWORKS:
            found["network.transport"] = _NETWORKS[kind]
            host, _, port = address.rpartition(":")
            if kind != "unix" and port.isdecimal():
                found |= {"client.address": host, "client.port": int(port)}
        if party in self._versions:
            found["mcp.protocol.version"] = self._versions[party]
        subject = call.subject
        if call.method == TOOLS_CALL:
            found["gen_ai.operation.name"] = "execute_tool"
        if subject is not None and call.method == TOOLS_CALL:
            found["gen_ai.tool.name"] = subject
        elif subject is not None and call.method == PROMPTS_GET:
            found["gen_ai.prompt.name"] = subject
        elif subject is not None and call.method in BY_URI:
            found["mcp.resource.uri"] = subject
        if ended.error is not None:
            found["error.type"] = found["rpc.response.status_code"] = str(ended.error.code)
        elif ended.outcome == "failed":
            found["error.type"] = TOOL_ERROR
        return found


def _name(call: Call, ended: Ended) -> str:
    """The name of a span. There are not many: what nobody has answered with a result may have been made up."""
    if call.method not in OF_CLIENTS:
        return OTHER
    subject = call.subject
    if call.method not in (TOOLS_CALL, PROMPTS_GET) or ended.outcome not in ("ok", "failed") or subject is None:
        return call.method
    return f"{call.method} {subject}"


def _remote(context: TraceContext) -> SpanContext:
    return SpanContext(
        int(context.trace_id, 16),
        int(context.span_id, 16),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if context.sampled else TraceFlags.DEFAULT),
        trace_state=TraceState.from_header([context.state]) if context.state else None,
    )
