"""A group of connections, and what the server did for them in a while."""

from __future__ import annotations

import asyncio
import ssl
from time import perf_counter

from picows import ws_connect

from benchmarks import procfs
from benchmarks.figures import Reservoir, summary
from benchmarks.load.connection import Connection
from benchmarks.load.job import Job, call_after_id, text

MAX_FRAME = 64 * 1024 * 1024
AT_ONCE = 32
"""Handshakes under way at the same time."""


class Crowd:
    """Connections to the server of `job`, opened by and by. After any of them failed, `check` raises."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._call = call_after_id(job.size)
        self._text = text(job.size)
        self._error: Exception | None = None
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._tls = None if job.authority is None else ssl.create_default_context(cafile=job.authority)
        self.connections: list[Connection] = []

    async def open(self, count: int, *, asking: bool) -> list[Connection]:
        """`count` more, each with a session; `asking` to send requests on it later."""
        opened = await asyncio.gather(*(self._open(asking) for _ in range(count)))
        self.connections += opened
        return opened

    def check(self) -> None:
        """Raise the first error of any connection."""
        if self._error is not None:
            raise self._error

    async def close(self) -> None:
        """Wait for the answers that are due, and close all."""
        for connection in self.connections:
            connection.stop()
        while any(connection.in_flight for connection in self.connections) and self._error is None:
            await asyncio.sleep(0.01)
        for connection in self.connections:
            connection.close()

    async def _open(self, asking: bool) -> Connection:
        async with self._gate:
            expected = self._text if asking else None
            _, connection = await ws_connect(
                lambda: Connection(self._call, expected, self._failed),
                self._job.url,
                ssl_context=self._tls,
                websocket_handshake_timeout=self._job.timeout,
                enable_auto_pong=False,
                max_frame_size=MAX_FRAME,
            )
            assert isinstance(connection, Connection)
            await connection.ready
            return connection

    def _failed(self, error: Exception) -> None:
        self._error = self._error or error


async def window(job: Job, crowd: Crowd, asking: list[Connection]) -> dict[str, float]:
    """Requests of `job` on the connections `asking`, measured after the warm-up. They go on until the crowd closes."""
    for connection in asking:
        connection.start(job.in_flight)
    await asyncio.sleep(job.warm_up)
    return await observe(job, crowd, asking)


async def observe(job: Job, crowd: Crowd, asking: list[Connection]) -> dict[str, float]:
    """What the server does for `asking` in `job.seconds`: `cpu_us`, `children_us`, `per_second`, `p50` and so on."""
    latencies = Reservoir()
    for connection in asking:
        connection.latencies = latencies
    answers = sum(connection.answers for connection in asking)
    cpu, children = procfs.cpu_ns(job.pid), procfs.children_cpu_ns(job.pid)
    began = perf_counter()
    await asyncio.sleep(job.seconds)
    elapsed = perf_counter() - began
    cpu, children = procfs.cpu_ns(job.pid) - cpu, procfs.children_cpu_ns(job.pid) - children
    answers = sum(connection.answers for connection in asking) - answers
    crowd.check()
    return summary(answers, elapsed, cpu, children, latencies)
