"""`python -m benchmarks.load JOB`: does it, and prints the measures as JSON. Ends with 1 and a line if it cannot."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
from collections.abc import Awaitable, Callable, Mapping

import uvloop

from benchmarks.load.crowds import growth, idle
from benchmarks.load.deflate import deflate
from benchmarks.load.job import Job
from benchmarks.load.window import Crowd, window


async def calls(job: Job) -> dict[str, float]:
    """A window of requests on connections of their own."""
    crowd = Crowd(job)
    asking = await crowd.open(job.connections, asking=True)
    measured = await window(job, crowd, asking)
    await crowd.close()
    return measured


MODES: Mapping[str, Callable[[Job], Awaitable[dict[str, float]]]] = {
    "calls": calls,
    "deflate": deflate,
    "idle": idle,
    "growth": growth,
}


async def run(job: Job) -> dict[str, float]:
    """The measures of `job`, within its time."""
    windows = max(1, len(job.open))
    async with asyncio.timeout(job.timeout + windows * (job.warm_up + job.seconds)):
        return await MODES[job.mode](job)


def main() -> None:
    """Do the job on the command line."""
    # Nothing here makes cycles in number, and a collection would look like a slow answer.
    gc.disable()
    job = Job.decode(sys.argv[1])
    try:
        measured = uvloop.run(run(job))
    except (Exception, asyncio.CancelledError) as error:
        sys.exit(f"{type(error).__name__}: {error}" if str(error) else f"{type(error).__name__} at {job.url}")
    print(json.dumps(measured))


main()
