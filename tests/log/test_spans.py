"""The spans of requests: their names, their parents, and what they tell."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from mcpws import App, ToolError
from mcpws.jsonrpc.messages import to_raw
from mcpws.log.spans import Spans
from mcpws.seam.interfaces import Identity
from mcpws.seam.observer import Call, Ended, Party
from mcpws.testing import Connected, Served, connected, result_of
from tests.fronts.test_watch import INITIALIZE, call, say

pytestmark = pytest.mark.not_mcp("requests and results say no more than the rules for them need", made=True)

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SPAN}-01"
SECOND = 1_000_000_000


class Rig:
    """Spans that are kept in memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.observer = Spans(provider.get_tracer("test"), lambda: 1000 * SECOND)

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    @property
    def last(self) -> ReadableSpan:
        return self.spans[-1]

    def attributes(self) -> dict[str, Any]:
        return dict(self.last.attributes or {})

    def answered(self, call: Call, ended: Ended, **identity: Any) -> None:
        party = Party("client", 3, Identity(identity.pop("peer", "tcp4:127.0.0.1:5"), **identity))
        self.observer.answered(party, call, ended)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def shop(rig: Rig, **client: Any) -> Connected:
    app = App("shop", "1")

    @app.tool
    def add(a: int, b: int) -> int:
        if b == 0:
            raise ToolError("nothing to add")
        return a + b

    @app.prompt
    def greet(name: str) -> str:
        return f"Hello {name}"

    @app.resource("shop://stock")
    def stock() -> str:
        return "7"

    return connected(app, observer=rig.observer, **client)


def ask(pair: Connected, method: str, **params: Any) -> Any:
    asked = pair.session.request(method, params)
    asked.addErrback(lambda failure: failure.value)
    pair.flush()
    return result_of(asked)


@pytest.mark.parametrize(("era", "version"), [("legacy", "2025-11-25"), ("modern", "2026-07-28")])
def test_a_tool_call_is_a_span_with_all_that_the_conventions_ask_for(rig: Rig, era: Any, version: str) -> None:
    pair = shop(rig, era=era)
    ask(pair, "tools/call", name="add", arguments={"a": 1, "b": 2})
    found = rig.attributes()
    assert int(found.pop("jsonrpc.request.id")) > 0
    assert found.pop("client.port") > 0
    assert found == {
        "mcp.method.name": "tools/call",
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "add",
        "mcp.protocol.version": version,
        "network.protocol.name": "websocket",
        "network.transport": "tcp",
        "client.address": "127.0.0.1",
        "mcpws.connection": 1,
        "mcpws.outcome": "ok",
    }
    assert (rig.last.name, rig.last.kind, rig.last.parent) == ("tools/call add", SpanKind.SERVER, None)
    assert rig.last.status.status_code is StatusCode.UNSET


def test_a_tool_that_fails_and_a_request_that_is_refused_are_errors(rig: Rig) -> None:
    pair = shop(rig)
    ask(pair, "tools/call", name="add", arguments={"a": 1, "b": 0})
    assert rig.attributes()["error.type"] == "tool_error"
    assert (rig.last.name, rig.last.status.status_code) == ("tools/call add", StatusCode.ERROR)
    ask(pair, "tools/call", name="made up")
    found = rig.attributes()
    assert found["error.type"] == found["rpc.response.status_code"] == "-32602"
    assert found["gen_ai.tool.name"] == "made up"
    # Of names that nobody has there are as many as clients like.
    assert rig.last.name == "tools/call"
    assert rig.last.status.description


def test_prompts_and_resources_are_named(rig: Rig) -> None:
    pair = shop(rig)
    ask(pair, "prompts/get", name="greet", arguments={"name": "Ann"})
    assert (rig.last.name, rig.attributes()["gen_ai.prompt.name"]) == ("prompts/get greet", "greet")
    ask(pair, "resources/read", uri="shop://stock")
    assert (rig.last.name, rig.attributes()["mcp.resource.uri"]) == ("resources/read", "shop://stock")
    ask(pair, "weather/today")
    assert (rig.last.name, rig.attributes()["mcp.method.name"]) == ("other", "weather/today")


def test_a_span_has_the_times_of_its_request(rig: Rig) -> None:
    rig.answered(Call(7, "ping", 12.0), Ended("ok", 2.5, 10))
    assert (rig.last.start_time, rig.last.end_time) == (1000 * SECOND - 5 * SECOND // 2, 1000 * SECOND)


@pytest.mark.parametrize("outcome", ["cancelled", "abandoned"])
def test_what_has_no_answer_is_no_error_of_ours(rig: Rig, outcome: Any) -> None:
    rig.answered(Call("a", "tools/list", 1.0), Ended(outcome, 1.0))
    assert rig.attributes()["mcpws.outcome"] == outcome
    assert "error.type" not in rig.attributes()
    assert rig.last.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("peer", "found"),
    [
        ("tcp6:::1:50", {"network.transport": "tcp", "client.address": "::1", "client.port": 50}),
        ("unix:/run/x:5", {"network.transport": "unix"}),
        ("unix", {"network.transport": "unix"}),
        ("tester", {}),
        ("tcp4:odd", {"network.transport": "tcp"}),
    ],
)
def test_the_client_is_told_as_far_as_it_is_known(rig: Rig, peer: str, found: dict[str, Any]) -> None:
    rig.answered(Call(1, "ping", 1.0), Ended("ok", 0.1, 1), peer=peer)
    told = {name: one for name, one in rig.attributes().items() if name.startswith(("client.", "network.transport"))}
    assert told == found


def with_meta(**meta: str) -> Call:
    return Call(1, "tools/list", 1.0, to_raw({"_meta": meta}))


def test_the_parent_is_what_the_request_names(rig: Rig) -> None:
    rig.answered(with_meta(traceparent=PARENT, tracestate="a=1,b=2"), Ended("ok", 0.1, 1))
    parent = rig.last.parent
    assert parent is not None
    assert parent.is_remote
    assert (f"{parent.trace_id:032x}", f"{parent.span_id:016x}") == (TRACE, SPAN)
    assert parent.trace_state.to_header() == "a=1,b=2"
    context = rig.last.context
    assert context is not None
    assert context.trace_id == parent.trace_id


def test_without_one_it_is_what_the_handshake_names_which_else_is_linked(rig: Rig) -> None:
    other = f"00-{'1' * 32}-{'2' * 16}-01"
    headers = {"traceparent": other}
    rig.answered(with_meta(), Ended("ok", 0.1, 1), headers=headers)
    assert rig.last.parent is not None
    assert f"{rig.last.parent.trace_id:032x}" == "1" * 32
    assert not rig.last.links
    rig.answered(with_meta(traceparent=PARENT), Ended("ok", 0.1, 1), headers=headers)
    assert rig.last.parent is not None
    assert f"{rig.last.parent.trace_id:032x}" == TRACE
    assert [f"{link.context.trace_id:032x}" for link in rig.last.links] == ["1" * 32]


def test_who_does_not_keep_the_trace_gets_no_span(rig: Rig) -> None:
    rig.answered(with_meta(traceparent=f"{PARENT[:-1]}0"), Ended("ok", 0.1, 1))
    assert rig.spans == ()


def test_malformed_contexts_are_as_none(rig: Rig) -> None:
    rig.answered(with_meta(traceparent="nonsense"), Ended("ok", 0.1, 1), headers={"traceparent": "nonsense"})
    assert rig.last.parent is None


def test_a_malformed_state_is_as_none_and_its_context_stays(rig: Rig) -> None:
    rig.answered(with_meta(traceparent=PARENT, tracestate="=,=;"), Ended("ok", 0.1, 1))
    assert rig.last.parent is not None
    assert not rig.last.parent.trace_state


def test_nothing_is_known_of_clients_that_are_gone(rig: Rig) -> None:
    service = Served(App("a", "1"), observer=rig.observer)
    client = service.upgraded()
    say(service, client, INITIALIZE, call(1, "ping"))
    assert len(rig.observer._versions) == 1
    client.wire.loseConnection()
    service.flush()
    assert rig.observer._versions == {}
