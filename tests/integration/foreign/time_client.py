"""With the official Python SDK 1.x: calls mcp-server-time at the URL given; prints the time zone that it reports.

A second argument is what the names of its tools begin with.
"""

import sys
import warnings

import anyio
from mcp import ClientSession

warnings.simplefilter("ignore", DeprecationWarning)
from mcp.client.websocket import websocket_client  # noqa: E402

PREFIX = sys.argv[2] if len(sys.argv) > 2 else ""


async def main() -> None:
    async with websocket_client(sys.argv[1]) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        tools = {tool.name for tool in (await session.list_tools()).tools}
        assert {f"{PREFIX}get_current_time", f"{PREFIX}convert_time"} <= tools, tools
        answer = await session.call_tool(f"{PREFIX}get_current_time", {"timezone": "Europe/Paris"})
        assert not answer.isError, answer
        assert "Europe/Paris" in answer.content[0].text, answer
        print("Europe/Paris")


anyio.run(main)
