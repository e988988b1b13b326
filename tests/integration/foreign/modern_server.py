"""A stdio MCP server of protocol version 2026-07-28, on the official Python SDK 2.x; its tools tell clients apart.

`cancelled` gives the names of the `wait` calls that were cancelled.
"""

import os

import anyio
from mcp.server.mcpserver import Context, MCPServer

server = MCPServer("modern")
cancelled: list[str] = []


@server.tool()
async def work(name: str, ctx: Context) -> str:
    """Report progress three times, with pauses for others to come between."""
    for step in (1, 2, 3):
        await ctx.report_progress(step, 3, name)
        await ctx.info(name)
        await anyio.sleep(0.01)
    return f"{name} {os.getpid()}"


@server.tool()
async def wait(name: str, ctx: Context) -> str:
    """Report once, then wait until it is cancelled."""
    await ctx.report_progress(1, None, name)
    try:
        await anyio.sleep_forever()
    finally:
        cancelled.append(name)
    return ""


@server.tool(name="cancelled")
async def tell_cancelled() -> str:
    return " ".join(sorted(cancelled))


@server.tool()
async def touch(uri: str, ctx: Context) -> str:
    """Tell those who watch `uri`, and all who watch the list of tools."""
    await ctx.notify_resource_updated(uri)
    await ctx.notify_tools_changed()
    return uri


@server.tool()
async def big(size: int) -> str:
    return "x" * size


server.run("stdio")
