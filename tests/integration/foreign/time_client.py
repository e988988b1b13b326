"""With the official Python SDK 1.x: calls mcp-server-time at the URL given; prints the time zone that it reports."""

import sys
import warnings

import anyio
from mcp import ClientSession

warnings.simplefilter("ignore", DeprecationWarning)
from mcp.client.websocket import websocket_client  # noqa: E402


async def main() -> None:
    async with websocket_client(sys.argv[1]) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        tools = {tool.name for tool in (await session.list_tools()).tools}
        assert {"get_current_time", "convert_time"} <= tools, tools
        answer = await session.call_tool("get_current_time", {"timezone": "Europe/Paris"})
        assert not answer.isError, answer
        assert "Europe/Paris" in answer.content[0].text, answer
        print("Europe/Paris")


anyio.run(main)
