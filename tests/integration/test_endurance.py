"""What is killed leaves nothing behind, and who does not read costs little."""

import functools
import gc
import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import endpoints, reactor, threads
from twisted.internet.defer import Deferred, DeferredList, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mcpws import McpwsError, Session, WebSocketConfig, connect
from mcpws.backends.stdio import ProcessReactor, Stdio
from mcpws.ws.server import ServerFactory

pytestmark = [pytest.mark.integration, pytest.mark.soak]

SLEEPER = f"{sys.executable} -I -S {Path(__file__).parent / 'servers' / 'sleeper.py'}"
CLOCK = cast(IReactorTime, reactor)
MIB = 1024

FLOODING_APP = """
from mcpws import App, Context

app = App("flood", "1")
CHUNK = "x" * 1_000_000

@app.tool
async def considerate(context: Context, megabytes: int) -> str:
    for _ in range(megabytes):
        context.log("error", CHUNK)
        await context.drained()
    return "sent"

@app.tool
def reckless(context: Context, megabytes: int) -> str:
    for _ in range(megabytes):
        context.log("error", CHUNK)
    return "sent"

@app.tool
def ping() -> str:
    return "pong"
"""

Serve = Callable[..., Any]


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def deferreds() -> int:
    gc.collect()
    return sum(isinstance(thing, Deferred) for thing in gc.get_objects())


async def eventually(condition: Callable[[], bool], seconds: float = 20) -> None:
    for _ in range(int(seconds * 100)):
        if condition():
            return
        await deferLater(CLOCK, 0.01)
    raise AssertionError("did not come about")


def all_gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def nothing_stays(before: tuple[int, int], now: tuple[int, int]) -> bool:
    """No descriptor more, and no Deferred more than what the waiting in a test itself takes now and then."""
    return now[0] == before[0] and now[1] - before[1] < 5


async def settled(calls: "list[Deferred[Any]]") -> None:
    """Every call has come to an end, whichever."""
    for succeeded, outcome in await DeferredList(calls, consumeErrors=True):
        assert succeeded or outcome.check(McpwsError), outcome


def begin_calls(session: Session) -> "list[Deferred[Any]]":
    return [session.request("tools/call", {"name": "sleep", "seconds": delay}) for delay in (0, 0.005, 0.02, 30)]


@ensureDeferred
async def test_160_rounds_of_killed_children_and_clients_leave_nothing() -> None:
    chance = random.Random(160)
    backend = Stdio(SLEEPER.split(), reactor=cast(ProcessReactor, reactor), stop_grace=0.2)
    factory = ServerFactory(backend, WebSocketConfig(close_timeout=1))
    port = await endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(factory)
    url = f"ws://127.0.0.1:{port.getHost().port}"
    before = now = (0, 0)
    for round in range(160):
        session = await connect(url, era="legacy")
        lost = session.when_lost()
        calls = begin_calls(session)
        await deferLater(CLOCK, chance.uniform(0, 0.03))
        if round % 2:
            children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
            os.kill(int(children[-1]), signal.SIGKILL)
        else:
            session._connection.abort()
        await settled([*calls, lost])
        if round % 20 == 19:
            await eventually(lambda: backend.children == 0 and not factory.connections)
            del session, lost, calls
            now = (descriptors(), deferreds())
            if round == 19:
                before = now
    await port.stopListening()
    await factory.stop()
    assert nothing_stays(before, now)
    assert backend.started == 160


@ensureDeferred
async def test_40_rounds_of_a_killed_service_leave_no_child_and_no_waiting_client(serve: Serve) -> None:
    chance = random.Random(40)

    async def round() -> None:
        service = await threads.deferToThread(serve, "--stdio", SLEEPER)
        session = await connect(service.url, era="legacy")
        ends = [*begin_calls(session), session.when_lost()]
        await deferLater(CLOCK, chance.uniform(0, 0.03))
        children = service.children()
        assert children
        service.kill()
        await settled(ends)
        await threads.deferToThread(service.wait)
        await eventually(functools.partial(all_gone, children))

    before = now = (0, 0)
    for batch in range(10):
        # Four at a time: most of a round is the start of Python.
        await gatherResults([Deferred.fromCoroutine(round()) for _ in range(4)])
        now = (descriptors(), deferreds())
        if batch == 0:
            before = now
    assert nothing_stays(before, now)


@pytest.mark.proves("L-14")
@ensureDeferred
@pytest.mark.parametrize("tool", ["considerate", "reckless"])
async def test_a_client_that_does_not_read_costs_little_and_disturbs_nobody(
    serve: Serve, tmp_path: Path, tool: str
) -> None:
    (tmp_path / "flooding.py").write_text(FLOODING_APP)
    await flood(serve("--app", "flooding:app", "--stall-timeout", "4", "--close-timeout", "60"), tool)


@ensureDeferred
async def test_a_child_that_writes_a_gigabyte_waits_for_a_client_that_does_not_read(serve: Serve) -> None:
    await flood(serve("--stdio", SLEEPER, "--stall-timeout", "4", "--close-timeout", "60"), "flood")


async def flood(service: Any, tool: str) -> None:
    """Ask for 1 GB, read none of it; another client calls meanwhile."""
    other = await connect(service.url, era="legacy")
    idle = await connect(service.url, era="legacy")
    lost = idle.when_lost()
    before = service.resident_kib()
    call = idle.request("tools/call", {"name": tool, "arguments": {"megabytes": 1000}, "seconds": 0})
    idle._connection.pause_reading()
    most = 0
    slowest = 0.0
    for _ in range(100):
        asked = CLOCK.seconds()
        await other.request("tools/call", {"name": "ping", "arguments": {}, "seconds": 0}, timeout=20)
        slowest = max(slowest, CLOCK.seconds() - asked)
        most = max(most, service.resident_kib())
        await deferLater(CLOCK, 0.05)
    assert most - before < 32 * MIB
    assert slowest < 2
    idle._connection.resume_reading()
    await settled([call, lost])
    assert "closed with 1013" in str(await lost)
    await other.close()
