"""A service that did not run for a while, or whose clock is set: no client notices, and nothing hangs."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor, threads
from twisted.internet.task import deferLater

from mcpws import WebSocketConfig, connect

pytestmark = pytest.mark.integration

APP = """
import time

from twisted.internet import reactor
from mcpws import App

app = App("clock", "1")
tell, ahead = reactor.seconds, 0.0
# As if somebody set the clock of this machine.
reactor.seconds = lambda: tell() + ahead

@app.tool
def set_clock(by: float) -> None:
    global ahead
    ahead += by

@app.tool
def block(seconds: float) -> None:
    time.sleep(seconds)
"""

HEARTBEATS = (
    "--heartbeat-interval",
    "0.5",
    "--heartbeat-timeout",
    "1.5",
    "--initialize-timeout",
    "1",
    "--drain-seconds",
    "1",
)
Serve = Callable[..., Any]
CONFIG = WebSocketConfig(server_mode=False, heartbeat_interval=0)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "clock.py").write_text(APP)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    return "clock:app"


@pytest.fixture
def service(serve: Serve, app: str) -> Any:
    return serve("--app", app, *HEARTBEATS)


async def outlives(service: Any, event: Callable[[Any], Any]) -> None:
    """A client that is idle but for its Pongs, and one that has yet to initialize, are there after `event`."""
    session = await connect(service.url, config=CONFIG)
    acting = await connect(service.url, config=CONFIG)
    lost: list[object] = []
    session.when_lost().addCallback(lost.append)
    await deferLater(reactor, 0.7)
    pings = session.statistics().bytes_received
    await event(acting)
    await deferLater(reactor, 2.5)
    assert lost == []
    assert session.statistics().idle < 2
    assert session.statistics().bytes_received >= pings
    await session.request("tools/list", timeout=10)
    service.terminate()
    begun = time.monotonic()
    await threads.deferToThread(service.wait)
    assert time.monotonic() - begun < 15
    await acting.when_lost()
    assert "Traceback" not in service.log()


@pytest.mark.proves("A-6")
@pytest.mark.parametrize("by", [3600, -3600])
@ensureDeferred
async def test_a_clock_that_is_set_decides_nothing(service: Any, by: float) -> None:
    await outlives(
        service, lambda session: session.request("tools/call", {"name": "set_clock", "arguments": {"by": by}})
    )


@pytest.mark.proves("A-6")
@ensureDeferred
async def test_a_function_that_blocks_costs_no_client_its_connection(service: Any) -> None:
    call = {"name": "block", "arguments": {"seconds": 4}}
    await outlives(service, lambda session: session.request("tools/call", call, timeout=30))


@pytest.mark.proves("A-6")
@ensureDeferred
async def test_a_service_that_was_stopped_goes_on_with_its_clients(service: Any) -> None:
    async def stopped(session: Any) -> None:
        service.process.send_signal(signal.SIGSTOP)
        await deferLater(reactor, 4)
        service.process.send_signal(signal.SIGCONT)

    await outlives(service, stopped)


@pytest.mark.proves("A-6")
@ensureDeferred
async def test_a_client_that_did_not_run_reads_what_came_before_it_gives_up(serve: Serve, app: str) -> None:
    service = await threads.deferToThread(serve, "--app", app)
    session = await connect(service.url, config=CONFIG)
    answer = session.request("tools/call", {"name": "block", "arguments": {"seconds": 0.3}}, timeout=1)
    await deferLater(reactor, 0.05)
    # Longer than the answer may take; it is there when the time is looked at.
    time.sleep(2)
    assert not (await answer).get("isError")
    await session.close()
