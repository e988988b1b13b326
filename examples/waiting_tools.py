"""Three tools that wait, each in its own way, and hold up nobody meanwhile.

Serve it:  mcpws serve examples/waiting_tools.py
Call it:   mcpws tool 8082 blocking seconds=1
"""

import asyncio
import time

from twisted.internet.task import deferLater

from mcpws import App, Context

app = App("waiting", "1.0")


@app.tool(on="thread")
def blocking(seconds: float, context: Context) -> str:
    "Sleep as plain Python does; a thread of the App's waits."
    for second in range(round(seconds)):
        time.sleep(1)
        context.progress(second + 1, seconds)
    return "slept in a thread"


@app.tool(on="asyncio")
async def task(seconds: float) -> str:
    "Sleep as asyncio does; any library made for asyncio works here."
    async with asyncio.timeout(seconds + 1):
        await asyncio.sleep(seconds)
    return "slept as a task"


@app.tool
async def deferred(seconds: float) -> str:
    "Sleep as Twisted does, with a Deferred."
    from twisted.internet import reactor

    return await deferLater(reactor, seconds, str, "slept on the reactor")


if __name__ == "__main__":
    app.run(port=8082)
