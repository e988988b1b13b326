"""The official MCP SDK for Python, 1.30: its low-level server behind `websocket_server`, on uvicorn with uvloop.

Run by the Python of an environment of its own, because of the versions that it wants.
"""

from __future__ import annotations

from typing import Any

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.websocket import websocket_server
from mcp.types import TextContent, Tool

from benchmarks.peers.options import HOST, MAX_MESSAGE, Options, parse

server: Any = Server("echo", "1")
ECHO = Tool(
    name="echo",
    inputSchema={"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
)


@server.list_tools()
async def list_tools() -> list[Tool]:
    """All there is."""
    return [ECHO]


@server.call_tool()
async def call_tool(name: str, arguments: dict[str, Any]) -> list[TextContent]:
    """The tool; the SDK has validated the arguments."""
    if name != "echo":
        raise ValueError(f"no tool {name}")
    return [TextContent(type="text", text=arguments["text"])]


async def application(scope: Any, receive: Any, send: Any) -> None:
    """ASGI: one client, as long as it stays."""
    async with websocket_server(scope, receive, send) as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())


def main(options: Options) -> None:
    """Serve until killed."""
    uvicorn.run(
        application,
        host=HOST,
        port=options.port,
        loop="uvloop",
        lifespan="off",
        log_level="error",
        ws_max_size=MAX_MESSAGE,
        ws_per_message_deflate=False,
        ws_ping_interval=options.heartbeat,
    )


main(parse())
