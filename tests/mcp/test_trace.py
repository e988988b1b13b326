"""Trace contexts, as clients send them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from mcpws.jsonrpc.messages import to_raw
from mcpws.mcp.trace import TraceContext, parse, trace_of, trace_of_handshake

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"


def of(params: object) -> TraceContext | None:
    raw = to_raw(params)
    return trace_of(raw, bytes(raw))


@pytest.mark.parametrize(
    "given", [GOOD, f"00-{TRACE}-{SPAN}-00", f"01-{TRACE}-{SPAN}-01", f"cc-{TRACE}-{SPAN}-01-what"]
)
def test_a_context_has_a_trace_and_a_span(given: str) -> None:
    sampled = given.split("-")[3] == "01"
    assert parse(given) == (TRACE, SPAN, sampled, "")
    assert of({"_meta": {"traceparent": given}, "name": "add"}) == (TRACE, SPAN, sampled, "")
    assert trace_of_handshake({"traceparent": given, "tracestate": "a=1"}) == (TRACE, SPAN, sampled, "a=1")


@pytest.mark.parametrize(
    ("given", "state"), [("a=1,b=2", "a=1,b=2"), ("", ""), (7, ""), (None, ""), ("a" * 513, ""), ("a\ud800", "")]
)
def test_the_state_is_what_came_unless_it_is_of_no_use(given: object, state: str) -> None:
    raw = Raw(json.dumps({"_meta": {"traceparent": GOOD, "tracestate": given}}).encode())
    context = trace_of(raw, bytes(raw))
    assert context is not None
    assert context[:3] == (TRACE, SPAN, True)
    assert context.state in (state, "a\ufffd") or "\ufdd0" in context.state


@pytest.mark.parametrize(
    "given",
    [
        "",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"{GOOD}\n",
        f" {GOOD}",
    ],
)
def test_what_is_malformed_is_as_none(given: str) -> None:
    assert parse(given) is None
    assert of({"_meta": {"traceparent": given}}) is None


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"_meta": {}},
        {"_meta": {"traceparent": 7}},
        {"_meta": ["traceparent"]},
        {"traceparent": GOOD},
        {"arguments": {"_meta": {"traceparent": GOOD}}},
    ],
)
def test_it_is_in_the_meta_of_the_request_or_nowhere(params: object) -> None:
    assert of(params) is None


def test_a_request_without_params_has_none() -> None:
    assert trace_of(None, b"") is None


@given(st.text())
def test_nothing_that_a_client_sends_breaks_it(text: str) -> None:
    context = parse(text)
    assert context is None or (len(context.trace_id), len(context.span_id)) == (32, 16)
    assert trace_of(Raw(text.encode()), b"traceparent") is None or context is None
