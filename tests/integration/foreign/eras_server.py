"""With the official Python SDK 2.x: a stdio server that does what the tests want to see in either era of MCP.

It serves both eras or, with `modern-only`, refuses `initialize`.
"""

import sys
from typing import Annotated

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.resolve import Elicit, ListRoots, Resolve, Sample
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp_types import (
    CreateMessageResult,
    ErrorData,
    JSONRPCError,
    JSONRPCRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)
from pydantic import BaseModel

NOTE = "memo://note"

server = MCPServer("both")
cancelled = 0


class Name(BaseModel):
    name: str


def ask_name() -> Elicit[Name]:
    return Elicit("Who is it?", Name)


def ask_model(name: Annotated[Name, Resolve(ask_name)]) -> Sample:
    words = TextContent(type="text", text=f"greet {name.name}")
    return Sample([SamplingMessage(role="user", content=words)], max_tokens=9)


def ask_roots() -> ListRoots:
    return ListRoots()


@server.tool()
def echo(text: str) -> str:
    return text


@server.tool()
async def steps(ctx: Context) -> str:
    for done in (1, 2, 3):
        await ctx.report_progress(done, 3, f"step {done}")
    return "done"


@server.tool()
def greet(name: Annotated[Name, Resolve(ask_name)], said: Annotated[CreateMessageResult, Resolve(ask_model)]) -> str:
    return f"{name.name}: {said.content.text}"


@server.tool()
def roots(listed: Annotated[ListRootsResult, Resolve(ask_roots)]) -> str:
    return str(listed.roots[0].uri)


@server.tool()
async def sleep() -> str:
    global cancelled
    try:
        await anyio.sleep(600)
    except anyio.get_cancelled_exc_class():
        cancelled += 1
        raise
    return "slept"


@server.tool()
def count_cancelled() -> int:
    return cancelled


@server.tool()
async def log(ctx: Context) -> str:
    await ctx.debug("too much")
    await ctx.warning("mind this")
    return "logged"


@server.tool()
async def change(ctx: Context) -> str:
    await ctx.notify_resource_updated(NOTE)
    await ctx.notify_resource_updated("memo://other")
    await ctx.notify_tools_changed()
    return "changed"


@server.resource(NOTE)
def note() -> str:
    return "noted"


@server.prompt()
def hello(name: str) -> str:
    return f"hello {name}"


async def modern_only() -> None:
    inner = server._lowlevel_server
    send, receive = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    async with stdio_server() as (read, write), anyio.create_task_group() as tasks:

        async def admit() -> None:
            async with send:
                async for item in read:
                    asked = item.message if isinstance(item, SessionMessage) else None
                    if isinstance(asked, JSONRPCRequest) and asked.method == "initialize":
                        error = ErrorData(code=-32601, message="Only 2026-07-28 is spoken here")
                        await write.send(SessionMessage(JSONRPCError(jsonrpc="2.0", id=asked.id, error=error)))
                    else:
                        await send.send(item)

        tasks.start_soon(admit)
        await inner.run(receive, write, inner.create_initialization_options())
        tasks.cancel_scope.cancel()


if sys.argv[1:] == ["modern-only"]:
    anyio.run(modern_only)
else:
    server.run("stdio")
