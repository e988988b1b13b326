"""Many connections that do nothing: what they cost by themselves, and what they add to the cost of a request."""

from __future__ import annotations

import asyncio
from time import perf_counter

from benchmarks import procfs
from benchmarks.load.job import Job
from benchmarks.load.window import Crowd, observe, window

SETTLING = 1.5
"""Seconds for a server to be done with the handshakes."""


async def idle(job: Job) -> dict[str, float]:
    """`kib` of a connection; `cpu_percent` of a core for all; `pings` each got in the window, and `ping_us` of one."""
    crowd = Crowd(job)
    # What a server loads and allocates once is there before the first figure.
    await crowd.open(1, asking=False)
    await asyncio.sleep(job.warm_up)
    before = procfs.resident_bytes(job.pid)
    await crowd.open(job.connections, asking=False)
    await asyncio.sleep(SETTLING)
    grown = procfs.resident_bytes(job.pid) - before
    pings = sum(connection.pings for connection in crowd.connections)
    cpu, began = procfs.cpu_ns(job.pid), perf_counter()
    await asyncio.sleep(job.seconds)
    cpu, elapsed = procfs.cpu_ns(job.pid) - cpu, perf_counter() - began
    pings = sum(connection.pings for connection in crowd.connections) - pings
    crowd.check()
    await crowd.close()
    if pings == 0:
        raise TimeoutError(f"no Ping came in {elapsed:.1f} s")
    return {
        "kib": grown / job.connections / 1024,
        "cpu_percent": cpu / elapsed / 1e7,
        "pings": pings / job.connections,
        "ping_us": cpu / pings / 1e3,
    }


async def growth(job: Job) -> dict[str, float]:
    """`growth` from the least of `job.open` to the most, and for each N of them `cpu_us N`: with N connections open."""
    crowd = Crowd(job)
    asking = await crowd.open(job.connections, asking=True)
    steps: list[float] = []
    for connections in job.open:
        await crowd.open(connections - len(crowd.connections), asking=False)
        if steps:
            await asyncio.sleep(SETTLING)
            steps.append((await observe(job, crowd, asking))["cpu_us"])
        else:
            steps.append((await window(job, crowd, asking))["cpu_us"])
    await crowd.close()
    measured = {f"cpu_us {connections}": cpu for connections, cpu in zip(job.open, steps, strict=True)}
    return {"growth": steps[-1] / steps[0], **measured}
