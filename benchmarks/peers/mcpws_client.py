"""A client with a mcpws Session: some workers, each of which awaits one request after the other."""

from __future__ import annotations

from time import perf_counter
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react

from benchmarks.peers.client import Asking, measured, parse
from mcpws import Session, connect


async def work(session: Session, asking: Asking) -> None:
    """One request at a time, until it is over."""
    while asking.goes_on:
        began = perf_counter()
        result = await session.request("tools/call", {"name": "echo", "arguments": {"text": asking.text}})
        asking.answered(result, began)


async def main(reactor: Any) -> None:
    """Ask, and print the measures."""
    options = parse()
    asking = Asking(options)
    session = await connect(options.url, reactor=reactor)
    workers = [Deferred.fromCoroutine(work(session, asking)) for _ in range(options.in_flight)]
    await deferLater(reactor, options.warm_up)
    window = asking.begin()
    await deferLater(reactor, options.seconds)
    print(measured(window, asking))
    await gatherResults(workers)
    await session.close()


react(main)
