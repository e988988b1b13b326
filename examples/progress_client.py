"""A client that shows how far a long call is, and gives it up after a time.

Serve:    mcpws serve examples/waiting_tools.py
Run it:   python examples/progress_client.py
"""

import sys

from twisted.internet.task import react

from mcpws import RequestTimeout, ToolFailed, connect

URL = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8082"


def show(progress):
    print(f"{progress.progress:g} of {progress.total:g}", flush=True)


async def main(reactor):
    async with connect(URL, reactor=reactor, timeout=10) as session:
        for tool in await session.list_tools():
            print(tool.name, "-", tool.description)
        try:
            (text,) = await session.call_tool("blocking", seconds=2, on_progress=show)
            print(text.text)
            await session.call_tool("task", seconds=60, timeout=0.5)
        except RequestTimeout as error:
            print(error)
        except ToolFailed as error:
            print("the tool failed:", error.text)


react(main)
