"""With the official Python SDK 2.x: reaches a server through a stdio command line; prints what `echo` answered."""

import sys

import anyio
from mcp import Client, StdioServerParameters


async def main() -> None:
    command, *arguments = sys.argv[1:]
    async with Client(StdioServerParameters(command=command, args=arguments)) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert "echo" in tools, tools
        answer = await client.call_tool("echo", {"text": "through the bridge"})
        assert not answer.is_error, answer
        print(answer.content[0].text)


anyio.run(main)
