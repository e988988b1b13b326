"""Where functions run, in real programs: threads and tasks beside the reactor, libraries of asyncio, the end."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor, threads
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mcpws import Session, connect

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]
CLOCK = cast(IReactorTime, reactor)
REACTORS = ["epoll" if sys.platform == "linux" else "select", "asyncio"]

TOOLS = """
import asyncio
import time

import aiohttp
import anyio
import httpx

from mcpws import App, Context, ThreadContext

app = App("places", "1", stop_grace=1)


@app.tool(on="asyncio")
async def with_httpx(url: str) -> str:
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get(url)).text


@app.tool(on="asyncio")
async def with_aiohttp(url: str) -> str:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return await response.text()


@app.tool(on="asyncio")
async def with_anyio(context: Context) -> list[int]:
    done = []

    async def work(number: int) -> None:
        await anyio.sleep(0.01 * number)
        done.append(await anyio.to_thread.run_sync(lambda: number))
        context.progress(len(done), 3)

    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(work, number)
    with anyio.move_on_after(0.01):
        await anyio.sleep(60)
    return sorted(done)


@app.tool(on="asyncio")
async def forever() -> str:
    try:
        async with asyncio.timeout(600):
            await asyncio.sleep(600)
    finally:
        print("the task was cancelled", flush=True)
    return ""


@app.tool(on="thread")
def sleep(seconds: float, context: ThreadContext) -> str:
    context.log("info", "sleeps")
    time.sleep(seconds)
    return "slept"


@app.tool
def hold(seconds: float) -> str:
    time.sleep(seconds)
    return "held"


@app.tool
async def needs_a_loop() -> str:
    await asyncio.sleep(0)
    async with httpx.AsyncClient(trust_env=False) as client:
        return (await client.get("http://127.0.0.1:1/")).text


@app.tool
def add(a: int, b: int) -> int:
    return a + b
"""


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"a page")

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def page() -> Iterator[str]:
    """The URL of a page that says "a page"."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture(params=REACTORS)
def serve_on(request: pytest.FixtureRequest, serve: Serve, tmp_path: Path) -> Callable[[], Any]:
    """Serves the tools, on each reactor."""
    (tmp_path / "places.py").write_text(TOOLS)
    return lambda: serve("--app", "places:app", reactor=request.param)


async def call(session: Session, name: str, **arguments: Any) -> Any:
    return await session.request("tools/call", {"name": name, "arguments": arguments}, timeout=60)


@ensureDeferred
async def test_libraries_of_asyncio_work_on_any_reactor(serve_on: Callable[[], Any]) -> None:
    service = serve_on()
    session = await connect(service.url)
    with page() as url:
        texts = [(await call(session, name, url=url))["content"][0]["text"] for name in ("with_httpx", "with_aiohttp")]
    assert texts == ["a page", "a page"]
    assert (await call(session, "with_anyio"))["structuredContent"] == {"result": [0, 1, 2]}
    forever = session.request("tools/call", {"name": "forever", "arguments": {}})
    forever.addErrback(lambda _: None)
    await call(session, "add", a=1, b=2)
    forever.cancel()
    while "the task was cancelled" not in service.log():
        await deferLater(CLOCK, 0.02)
    failed = await call(session, "needs_a_loop")
    assert failed["isError"]
    assert 'register it with on="asyncio", as in @app.tool(on="asyncio")' in service.log()
    await session.close()
    service.terminate()
    assert await threads.deferToThread(service.wait) == 0


@ensureDeferred
async def test_a_function_that_sleeps_in_a_thread_holds_up_no_other_client(serve_on: Callable[[], Any]) -> None:
    service = serve_on()
    one, other = await connect(service.url), await connect(service.url)
    await call(other, "add", a=1, b=2)
    sleeping = one.request("tools/call", {"name": "sleep", "arguments": {"seconds": 3}})
    times = []
    for _ in range(20):
        began = time.monotonic()
        await call(other, "add", a=1, b=2)
        times.append(time.monotonic() - began)
    assert not sleeping.called
    # On a loaded machine some take longer, for reasons of its own.
    assert sorted(times)[10] < 0.05
    assert (await sleeping)["content"][0]["text"] == "slept"
    for session in (one, other):
        await session.close()


@ensureDeferred
async def test_a_thread_that_goes_on_keeps_no_program_from_ending(serve_on: Callable[[], Any]) -> None:
    service = serve_on()
    session = await connect(service.url)
    sleeping = session.request("tools/call", {"name": "sleep", "arguments": {"seconds": 600}})
    sleeping.addErrback(lambda _: None)
    await call(session, "add", a=1, b=2)
    sleeping.cancel()
    await call(session, "add", a=1, b=2)
    await session.close()
    service.terminate()
    assert await threads.deferToThread(service.wait, 20) == 0
    assert "not waited for any longer than 1 s, though cancelled: places.sleep" in service.log()


@ensureDeferred
async def test_a_function_that_holds_up_the_reactor_is_named(serve_on: Callable[[], Any]) -> None:
    service = serve_on()
    session = await connect(service.url)
    for _ in range(2):
        assert (await call(session, "hold", seconds=0.6))["content"][0]["text"] == "held"
    await session.close()
    while "held up the reactor" not in service.log():
        await deferLater(CLOCK, 0.02)
    [line] = [line for line in service.log().splitlines() if "held up the reactor" in line]
    assert "tool hold held up the reactor for 0." in line
    assert "in places.py:" in line
    assert line.endswith('let it run in a thread, with @app.tool(on="thread")')
