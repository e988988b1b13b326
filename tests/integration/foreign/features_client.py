"""With the official Python SDK 2.x: uses every feature of one server once, and prints what came of it, as JSON.

features_client.py demo|everything MODE COMMAND...

MODE is one of the SDK's, COMMAND what it starts as its stdio server. Of a feature that failed there is the traceback.
"""

import json
import sys
import traceback
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import anyio
import mcp_types as T
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

warnings.simplefilter("ignore")

PATIENCE = 20
"""Seconds for what must come."""

QUIET = 1.5
"""Seconds in which what must not come would have come."""

Facts = dict[str, Any]

which, mode, command, *arguments = sys.argv[1:]
parameters = StdioServerParameters(command=command, args=arguments)


class Demo:
    """What the demo server calls things."""

    echo, echoed = "echo", {"text": "one"}
    add, unknown = "add", "no-such-tool"
    report, reported = "countdown", {"seconds": 0.4, "steps": 4}
    work, worked = "countdown", {"seconds": 60, "steps": 600}
    ask, asked = "ask_user", {"question": "Your name?"}
    answer: ClassVar[Facts] = {"answer": "Ada"}
    uri = "mcpws://statistics"
    changes_list = "toggle_tool", {}
    lists = "tools_list_changed"

    async def change(self, client: Client) -> None:
        """Each message changes the statistics."""
        await call(client, "echo", {"text": "a change"})

    async def has_stopped(self, client: Client) -> Facts:
        """How many countdowns there were before it had stopped, and when it has."""
        counted = []
        with anyio.fail_after(PATIENCE):
            while not counted or counted[-1]["running"]:
                counted.append((await client.call_tool("count_countdowns", {})).structured_content)
                await anyio.sleep(0.05)
        return counted[-1]


class Everything:
    """What server-everything calls things."""

    echo, echoed = "echo", {"message": "one"}
    add, unknown = "get-sum", "no-such-tool"
    report, reported = "trigger-long-running-operation", {"duration": 0.4, "steps": 4}
    work, worked = "trigger-long-running-operation", {"duration": 2, "steps": 8}
    ask, asked = "trigger-elicitation-request", {}
    answer: ClassVar[Facts] = {"name": "Ada", "check": True, "integer": 7}
    uri = "demo://resource/dynamic/text/1"
    changes_list = "gzip-file-as-resource", {"name": "new.gz", "data": "data:text/plain,new"}
    lists = "resources_list_changed"

    def __init__(self) -> None:
        self._updates = False

    async def change(self, client: Client) -> None:
        """Subscribers hear at once when the updates are switched on, and then every five seconds."""
        if self._updates:
            await call(client, "toggle-subscriber-updates", {})
        await call(client, "toggle-subscriber-updates", {})
        self._updates = True

    async def has_stopped(self, client: Client) -> Facts:
        """There is no way to ask: only time for it to end, if nothing stopped it."""
        await anyio.sleep(self.worked["duration"] + QUIET)
        return {}


server = {"demo": Demo, "everything": Everything}[which]()


class User:
    """Accepts the first form and declines the others."""

    def __init__(self) -> None:
        self.forms: list[Facts] = []

    async def elicit(self, context: object, params: T.ElicitRequestParams) -> T.ElicitResult:
        self.forms.append({"message": params.message, "fields": sorted(params.requested_schema["properties"])})
        if len(self.forms) > 1:
            return T.ElicitResult(action="decline")
        return T.ElicitResult(action="accept", content=server.answer)


class Changes:
    """The notifications of changes that come outside of `subscriptions/listen`: uri, or what list."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def take(self, message: object) -> None:
        if isinstance(message, T.ResourceUpdatedNotification):
            self.heard.append(str(message.params.uri))
        if isinstance(message, T.ToolListChangedNotification):
            self.heard.append("tools_list_changed")
        if isinstance(message, T.ResourceListChangedNotification):
            self.heard.append("resources_list_changed")

    async def wait_for(self, *what: str) -> None:
        with anyio.fail_after(PATIENCE):
            while not set(what) <= set(self.heard):
                await anyio.sleep(0.02)


user, changes = User(), Changes()


async def call(client: Client, tool: str, arguments: Facts, **options: Any) -> str:
    answer = await client.call_tool(tool, arguments, **options)
    return "".join(part.text for part in answer.content if part.type == "text")


async def outcome(called: Awaitable[T.CallToolResult]) -> Facts:
    try:
        answer = await called
    except MCPError as error:
        return {"code": error.code, "message": error.message, "data": error.error.data}
    text = "".join(part.text for part in answer.content if part.type == "text")
    return {"text": text, "is_error": bool(answer.is_error)}


async def tools(client: Client) -> Facts:
    listed = (await client.list_tools()).tools
    return {
        "listed": [tool.name for tool in listed],
        "schemas": [tool.input_schema["type"] for tool in listed],
        "echoed": await call(client, server.echo, server.echoed),
        "sum": await call(client, server.add, {"a": 2, "b": 3}),
        "unknown": await outcome(client.call_tool(server.unknown, {})),
        "bad arguments": await outcome(client.call_tool(server.add, {"a": 2, "b": "three"})),
    }


async def progress(client: Client) -> Facts:
    events: list[list[Any]] = []

    async def take(done: float, total: float | None, message: str | None) -> None:
        events.append(["progress", done, total])

    text = await call(client, server.report, server.reported, progress_callback=take)
    events.append(["answer", text])
    return {"events": list(events)}


async def cancellation(client: Client) -> Facts:
    begun, scope = anyio.Event(), anyio.CancelScope()
    reports: list[float] = []

    async def take(done: float, total: float | None, message: str | None) -> None:
        reports.append(done)
        begun.set()

    async def work() -> None:
        with scope:
            await client.call_tool(server.work, server.worked, progress_callback=take)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(work)
        with anyio.fail_after(PATIENCE):
            await begun.wait()
        scope.cancel()
    heard = len(reports)
    return {
        "cancelled": scope.cancelled_caught,
        "stopped": await server.has_stopped(client),
        "late reports": reports[heard:],
        "echoed": await call(client, server.echo, server.echoed),
    }


async def elicitation(client: Client) -> Facts:
    return {
        "accepted": await outcome(client.call_tool(server.ask, server.asked)),
        "declined": await outcome(client.call_tool(server.ask, server.asked)),
        "forms": user.forms,
    }


async def subscriptions(client: Client) -> Facts:
    watch = watch_by_handshake if client.protocol_version < "2026" else watch_by_listening
    async with watch(client) as wait:
        await server.change(client)
        await call(client, *server.changes_list)
        facts = await wait()
        read = await client.read_resource(server.uri, cache_mode="bypass")
    await server.change(client)
    heard = len(changes.heard)
    await anyio.sleep(QUIET)
    return {**facts, "read": len(read.contents), "late": changes.heard[heard:]}


Wait = Callable[[], Awaitable[Facts]]


@asynccontextmanager
async def watch_by_handshake(client: Client) -> AsyncIterator[Wait]:
    async def wait() -> Facts:
        await changes.wait_for(server.uri, server.lists)
        return {"heard": sorted({server.uri, server.lists} & set(changes.heard))}

    changes.heard.clear()
    await client.subscribe_resource(server.uri)
    yield wait
    await client.unsubscribe_resource(server.uri)


@asynccontextmanager
async def watch_by_listening(client: Client) -> AsyncIterator[Wait]:
    async with client.listen(resource_subscriptions=[server.uri], **{server.lists: True}) as listening:

        async def wait() -> Facts:
            heard: set[str] = set()
            with anyio.fail_after(PATIENCE):
                async for event in listening:
                    heard.add(str(getattr(event, "uri", server.lists)))
                    if len(heard) == 2:
                        break
            honoured = listening.honored.model_dump(by_alias=False, exclude_none=True)
            return {"heard": sorted(heard), "honoured": honoured}

        yield wait


async def undeclared() -> Facts:
    """What a client gets that has nobody to ask, and does not say that it has."""
    async with Client(parameters, mode=mode) as client:
        return {"asked": await outcome(client.call_tool(server.ask, server.asked))}


async def attempt(feature: Callable[..., Awaitable[Facts]], *arguments: Any) -> Facts:
    try:
        return await feature(*arguments)
    except BaseException:
        return {"failed": traceback.format_exc()}


async def main() -> None:
    options: Facts = {"elicitation_callback": user.elicit, "message_handler": changes.take}
    async with Client(parameters, mode=mode, **options) as client:
        facts: Facts = {"version": client.protocol_version}
        for feature in (tools, progress, cancellation, elicitation, subscriptions):
            facts[feature.__name__] = await attempt(feature, client)
    facts["undeclared"] = await attempt(undeclared)
    print(json.dumps(facts))


anyio.run(main)
