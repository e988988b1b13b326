"""`--stdio-mode shared`: what one client does costs that client alone."""

import sys
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.task import LoopingCall, deferLater

from tests.integration.live import bounded
from tests.integration.test_shared import Client, Serve, connected, ended

pytestmark = [pytest.mark.integration]

BULKY = Path(__file__).parent / "servers" / "bulky.py"
MIB = 1024 * 1024
AT_ONCE = 15.0
"""Seconds within which a client that does nothing special is to have its answer, on a busy machine."""

Shared = Callable[..., Any]


@pytest.fixture
def shared(serve: Serve) -> Shared:
    """The service with the bulky server, that waits so long after each read, and further arguments."""

    def start(*arguments: str, wait: float = 0) -> Any:
        return serve("--stdio", f"{sys.executable} {BULKY} {wait}", "--stdio-mode", "shared", *arguments)

    return start


async def waits(client: Client, times: int = 10) -> float:
    """The longest that the client has to wait for an answer."""
    longest = 0.0
    for number in range(times):
        began = monotonic()
        client.call(f"quick {number}", "quick")
        await client.until(lambda id=f"quick {number}": client.answer(id) is not None)  # type: ignore[misc]
        longest = max(longest, monotonic() - began)
    return longest


@pytest.mark.proves("G-8", "L-14")
@bounded
async def test_slow_readers_of_large_answers_hold_up_nobody(shared: Shared) -> None:
    service = shared()
    *slow, quick = await connected(service, 6)
    for client in slow:
        client.connection.pause_reading()
        for id in (1, 2):
            client.call(id, "big", size=15 * MIB)
    # It takes one request after the other, and these ten take it a while.
    await waits(quick, 1)
    assert await waits(quick) < AT_ONCE
    # Two answers are ready by now for each of the five, of which a front holds one.
    assert service.log().count("is given up: it reads too slowly") == 1
    for client in slow:
        client.connection.resume_reading()
    for client in slow:
        await client.until(lambda client=client: all(client.answer(id) is not None for id in (1, 2)))  # type: ignore[misc]
    await ended(service, [*slow, quick])


@bounded
async def test_a_client_that_is_given_up_is_told_and_may_go_on(shared: Shared) -> None:
    service = shared("--max-queued-bytes", "65536")
    slow, quick = await connected(service, 2)
    slow.connection.pause_reading()
    for id in range(40):
        slow.call(id, "big", size=MIB)
    assert await waits(quick) < AT_ONCE
    await deferLater(reactor, 2, lambda: None)
    slow.connection.resume_reading()
    await slow.until(lambda: all(slow.answer(id) is not None for id in range(40)))
    assert await slow.code(39) == 502
    await slow.text(0)
    slow.call("again", "quick")
    await slow.text("again")
    await ended(service, [slow, quick])


@pytest.mark.proves("G-8")
@bounded
async def test_clients_that_have_all_open_that_they_may_keep_nobody_from_asking(shared: Shared) -> None:
    service = shared("--max-in-flight", "8")
    *greedy, modest = await connected(service, 41)
    for client in greedy:
        for id in range(8):
            client.ask(f"listen {id}", "subscriptions/listen", notifications={"toolsListChanged": True})
            client.call(id, "never")
    for client in greedy:
        await client.hears("notifications/subscriptions/acknowledged", 8)
    assert await waits(modest) < AT_ONCE
    await ended(service, [*greedy, modest])


@pytest.mark.proves("G-8")
@pytest.mark.parametrize("size", [200_000, 2 * MIB])
@bounded
async def test_clients_that_send_as_much_as_they_can_leave_others_their_turn(shared: Shared, size: int) -> None:
    service = shared(wait=0.002)
    *floods, modest = await connected(service, 5)
    ids = iter(range(10**9))

    def flood() -> None:
        for client in floods:
            client.got.clear()
            # No more than these: a connection that is gone would take them without end.
            for _ in range(8):
                if client.connection.can_send and client.connection.queued_bytes < 4 * size:
                    client.call(next(ids), "quick", pad="x" * size)

    flooding = LoopingCall(flood)
    flooding.start(0.01)
    await deferLater(reactor, 1, lambda: None)
    longest = await waits(modest, 5)
    flooding.stop()
    assert longest < AT_ONCE
    for client in (*floods, modest):
        client.connection.abort()
        await client.ends()
    service.terminate()
