"""Spans of a service, as they arrive by OTLP over HTTP at whoever collects them."""

from __future__ import annotations

import gzip
import os
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor as installed
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.threads import deferToThread
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from mcpws import connect
from mcpws.serving.telemetry import END_SECONDS
from tests.integration.conftest import BIN
from tests.integration.foreground import Start, start

pytestmark = pytest.mark.integration

__all__ = ["start"]

reactor: Any = installed
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Collector(Resource):
    """Takes spans, at /v1/traces."""

    isLeaf = True

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[Any] = []
        self.services: set[str] = set()

    def render_POST(self, request: Request) -> bytes:
        assert request.path == b"/v1/traces"
        content: Any = request.content
        body = content.read()
        if request.getHeader("content-encoding") == "gzip":
            body = gzip.decompress(body)
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            named = {one.key: one.value.string_value for one in of_resource.resource.attributes}
            self.services.add(named["service.name"])
            for scope in of_resource.scope_spans:
                self.spans += scope.spans
        return b""

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]


@asynccontextmanager
async def collecting(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Collector]:
    collector = Collector()
    port = reactor.listenTCP(0, Site(collector), interface="127.0.0.1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port.getHost().port}")
    yield collector
    await port.stopListening()


@ensureDeferred
async def test_spans_arrive_with_their_parents(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with collecting(monkeypatch) as collector:
        served = start("--otel", "on")
        async with await connect(served.url) as session:
            meta = {"traceparent": f"00-{TRACE}-{SPAN}-01"}
            await session.request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}, "_meta": meta})
        served.interrupt()
        assert await deferToThread(served.end) == 130
    [span] = [one for one in collector.spans if one.name == "tools/call add"]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN)
    assert {one.key: one.value.string_value for one in span.attributes}["gen_ai.tool.name"] == "add"
    assert 0 <= span.end_time_unix_nano - span.start_time_unix_nano < 60 * 10**9
    assert "server/discover" in collector.names
    assert collector.services == {"mcpws"}


@ensureDeferred
async def test_the_environment_says_what_the_service_is_called_and_twistd_sends_from_its_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    socket = tmp_path / "s"
    async with collecting(monkeypatch) as collector:
        files = ["--pidfile", str(tmp_path / "pid"), "--logfile", str(tmp_path / "log")]
        command = [str(BIN / "twistd"), *files, "mcpws", "--otel", "on", "--listen", f"unix:{socket}"]

        def begin() -> None:
            subprocess.run(command, cwd=tmp_path, check=True, timeout=60)

        await deferToThread(begin)
        pid = int((tmp_path / "pid").read_text())
        endpoint = UNIXClientEndpoint(reactor, str(socket))
        async with await connect("ws://127.0.0.1:8082", endpoint=endpoint) as session:
            await session.list_tools()
        os.kill(pid, 15)

        def wait() -> None:
            deadline = time.monotonic() + 30
            while (tmp_path / "pid").exists():
                assert time.monotonic() < deadline
                time.sleep(0.05)

        await deferToThread(wait)
    assert "tools/list" in collector.names
    assert collector.services == {"shop"}


@ensureDeferred
async def test_where_nobody_collects_the_service_serves_and_ends(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    served = start("--otel", "on")
    async with await connect(served.url) as session:
        for number in range(50):
            await session.call_tool("add", a=number, b=1)
    await deferToThread(served.wait_for, "OpenTelemetry: ")
    began = time.monotonic()
    served.interrupt()
    assert await deferToThread(served.end) == 130
    assert time.monotonic() - began < END_SECONDS + 10
