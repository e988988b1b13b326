"""Compressed requests. The websockets library sends them, since picows cannot.

It takes longer than most servers do, so throughput and latency would be its own: only the server's CPU is reported.
"""

from __future__ import annotations

import asyncio
from time import perf_counter

from websockets.asyncio.client import ClientConnection, connect

from benchmarks import procfs
from benchmarks.load.connection import FIRST_CALL
from benchmarks.load.job import INITIALIZE, INITIALIZED, Job, call_after_id, check_answer, text
from benchmarks.load.window import MAX_FRAME


class Asking:
    """One connection that always has some requests in flight."""

    def __init__(self, connection: ClientConnection, job: Job) -> None:
        self.answers = 0
        self._connection = connection
        self._job = job
        self._call = call_after_id(job.size)
        self._next_id = FIRST_CALL
        self._in_flight = 0

    async def begin(self) -> None:
        """The session, and one call whose answer is checked."""
        if not self._connection.protocol.extensions:
            raise ConnectionError("the server did not agree to permessage-deflate")
        await self._connection.send(INITIALIZE, text=True)
        await self._connection.recv(decode=False)
        await self._connection.send(INITIALIZED, text=True)
        await self._ask()
        check_answer(await self._connection.recv(decode=False), FIRST_CALL, text(self._job.size))

    async def run(self, until: float) -> None:
        """Ask until then, and wait for the rest of the answers."""
        self._in_flight = 0
        for _ in range(self._job.in_flight):
            await self._ask()
        while self._in_flight:
            await self._connection.recv(decode=False)
            self._in_flight -= 1
            self.answers += 1
            if perf_counter() < until:
                await self._ask()

    async def _ask(self) -> None:
        self._in_flight += 1
        message = b'{"jsonrpc":"2.0","id":%d%b' % (self._next_id, self._call)
        self._next_id += 1
        await self._connection.send(message, text=True)


async def deflate(job: Job) -> dict[str, float]:
    """`cpu_us`."""
    connections = [
        await connect(job.url, max_size=MAX_FRAME, compression="deflate", proxy=None) for _ in range(job.connections)
    ]
    asking = [Asking(connection, job) for connection in connections]
    for one in asking:
        await one.begin()
    until = perf_counter() + job.warm_up + job.seconds
    running = asyncio.gather(*(one.run(until) for one in asking))
    await asyncio.sleep(job.warm_up)
    answers, cpu = sum(one.answers for one in asking), procfs.cpu_ns(job.pid)
    await asyncio.sleep(max(0, until - perf_counter()))
    answers, cpu = sum(one.answers for one in asking) - answers, procfs.cpu_ns(job.pid) - cpu
    await running
    await asyncio.gather(*(connection.close() for connection in connections))
    if answers == 0:
        raise TimeoutError(f"nothing was answered in {job.seconds} s")
    return {"cpu_us": cpu / answers / 1e3}
