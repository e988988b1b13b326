"""A client with everything in flight, on real TCP and before a real child: it waits for a place, not for service."""

import struct
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from twisted.internet.task import deferLater

from mcpws.backends.stdio import Stdio
from mcpws.testing.raw import CLOSE, PING
from tests.integration.live import INITIALIZE, Wire, bounded, call
from tests.integration.test_wire import Serve, Server, reactor, served

pytestmark = pytest.mark.integration

__all__ = ["served"]

SLEEPER = Path(__file__).parent / "servers" / "sleeper.py"
NEVER = 3600


def cancel(id: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}


def sleep(id: object, seconds: float = NEVER) -> dict[str, object]:
    return call(id, name="sleep", seconds=seconds)


async def until(happened: Callable[[], bool]) -> None:
    """Look again and again; the test's own limit ends it."""
    while not happened():
        await deferLater(reactor, 0.01)


async def busy(served: Serve, **settings: object) -> tuple[Server, Stdio, Wire]:
    """A client of a child, with two calls in flight that never end and as many as may be."""
    stdio = Stdio([sys.executable, str(SLEEPER)], reactor=reactor)
    server = await served(stdio, max_in_flight=2, max_waiting=2, **settings)
    client = await server.initialised()
    for id in (1, 2):
        client.send_message(sleep(id))
    [connection] = server.factory.connections
    await until(lambda: connection.in_flight == 2)
    return server, stdio, client


@pytest.mark.proves("L-15", "L-16")
@bounded
async def test_the_limit_of_open_requests_holds_back_nothing_but_requests(served: Serve) -> None:
    _, _, client = await busy(served)
    for id in (3, 4, 5):
        client.send_message(sleep(id, 0))
    refused = await client.next_message()
    assert (refused["id"], refused["error"]["code"]) == (5, 429)
    client.send_frame(PING, b"there?")
    assert (await client.next_frame()).payload == b"there?"
    client.send_message(cancel(3))
    client.send_message(cancel(1))
    answer = await client.next_message()
    assert (answer["id"], "result" in answer) == (4, True)
    client.send_frame(CLOSE, struct.pack("!H", 1000))
    assert (await client.next_frame()).opcode == CLOSE
    await client.until(client.is_gone)


@pytest.mark.proves("L-16")
@pytest.mark.parametrize("how", ["Close frame", "end of TCP", "reset"])
@bounded
async def test_a_client_that_leaves_with_everything_in_flight_takes_its_child_with_it(served: Serve, how: str) -> None:
    _, stdio, client = await busy(served, heartbeat_interval=0)
    client.send_message(sleep(3))
    leave: dict[str, Callable[[], object]] = {
        "Close frame": partial(client.send_frame, CLOSE, b""),
        "end of TCP": client.tcp.loseConnection,
        "reset": client.tcp.abortConnection,
    }
    leave[how]()
    await until(lambda: not stdio.children)


@bounded
async def test_a_client_that_leaves_before_its_child_is_ready_is_noticed(served: Serve) -> None:
    silent = Stdio([sys.executable, "-c", "import sys; sys.stdin.read()"], reactor=reactor)
    server = await served(silent, heartbeat_interval=0, max_in_flight=1)
    client = await server.connected()
    await client.upgrade()
    client.send_message(INITIALIZE)
    client.send_message(sleep(1))
    await until(lambda: server.factory.statistics().in_flight == 1)
    client.tcp.loseConnection()
    await until(lambda: not silent.children)
