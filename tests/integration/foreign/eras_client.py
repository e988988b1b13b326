"""With the official Python SDK 2.x: drives `eras_server.py` or server-everything through what differs in the eras.

eras_client.py both|everything MODE COMMAND...: MODE is one of the SDK's, COMMAND what it starts as its stdio server.
Prints the protocol version that it came to.
"""

import sys
import warnings
from collections.abc import Awaitable

import anyio
import mcp_types as T
from mcp import Client, StdioServerParameters
from mcp.shared.exceptions import MCPError

warnings.simplefilter("ignore")

which, mode, command, *arguments = sys.argv[1:]
updated: list[str] = []
changed = anyio.Event()
logged: list[object] = []


async def elicit(context: object, params: T.ElicitRequestParams) -> T.ElicitResult:
    return T.ElicitResult(
        action="accept", content={"name": "Ada"} if which == "both" else {"name": "Ada", "check": True}
    )


async def sample(context: object, params: T.CreateMessageRequestParams) -> T.CreateMessageResult:
    return T.CreateMessageResult(role="assistant", model="m", content=T.TextContent(type="text", text="sampled text"))


async def list_roots(context: object) -> T.ListRootsResult:
    return T.ListRootsResult(roots=[T.Root(uri="file:///here")])


async def log(params: T.LoggingMessageNotificationParams) -> None:
    logged.append(params.data)


async def heard(message: object) -> None:
    if isinstance(message, T.ResourceUpdatedNotification):
        updated.append(str(message.params.uri))
        changed.set()
    if isinstance(message, T.ToolListChangedNotification):
        updated.append("tools")


async def text(client: Client, tool: str, arguments: dict[str, object] | None = None, **options: object) -> str:
    answer = await client.call_tool(tool, arguments or {}, **options)
    assert not answer.is_error, answer
    return "".join(part.text for part in answer.content if part.type == "text")


async def refusal(request: Awaitable[object]) -> MCPError:
    try:
        result = await request
    except MCPError as error:
        return error
    raise AssertionError(f"an error was expected, not {result}")


async def cancel(client: Client, tool: str, arguments: dict[str, object]) -> None:
    await refusal(client.call_tool(tool, arguments, read_timeout_seconds=0.5))


async def watch(client: Client, uri: str, change: str) -> None:
    """See one change of a resource, in the way of the era."""
    resources = client.server_capabilities.resources
    if resources is None or not resources.subscribe:
        return
    if client.protocol_version < "2026":
        await client.subscribe_resource(uri)
        await text(client, change)
        with anyio.fail_after(10):
            await changed.wait()
        await client.unsubscribe_resource(uri)
        assert uri in updated, updated
        assert "memo://other" not in updated
        return
    async with client.listen(resource_subscriptions=[uri], tools_list_changed=True) as listening:
        assert listening.honored.resource_subscriptions == [uri], listening.honored
        await text(client, change)
        with anyio.fail_after(10):
            async for event in listening:
                if getattr(event, "uri", None) is not None:
                    assert str(event.uri) == uri
                    break


async def both(client: Client) -> None:
    reports: list[tuple[float, float | None, str | None]] = []

    async def progressed(done: float, total: float | None, message: str | None) -> None:
        reports.append((done, total, message))

    assert {"echo", "greet"} <= {tool.name for tool in (await client.list_tools()).tools}
    assert await text(client, "echo", {"text": "one"}) == "one"
    assert await text(client, "steps", progress_callback=progressed) == "done"
    assert reports == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")], reports
    assert await text(client, "greet") == "Ada: sampled text"
    assert await text(client, "roots") == "file:///here"
    await cancel(client, "sleep", {})
    with anyio.fail_after(10):
        while await text(client, "count_cancelled") != "1":
            await anyio.sleep(0.05)
    await text(client, "log")
    if client.protocol_version >= "2026":
        assert logged == ["mind this"], logged
    else:
        await client.send_ping()
    assert (await client.read_resource("memo://note")).contents[0].text == "noted"
    missing = await refusal(client.read_resource("memo://missing"))
    assert missing.code == -32602 or (missing.code == -32002 and client.protocol_version < "2026"), missing
    assert "hello Ada" in (await client.get_prompt("hello", {"name": "Ada"})).messages[0].content.text
    await watch(client, "memo://note", "change")


async def everything(client: Client) -> None:
    reports: list[float] = []

    async def progressed(done: float, total: float | None, message: str | None) -> None:
        reports.append(done)

    tools = {tool.name for tool in (await client.list_tools()).tools}
    assert {"echo", "trigger-sampling-request", "trigger-elicitation-request", "get-roots-list"} <= tools, tools
    assert "one" in await text(client, "echo", {"message": "one"})
    long = {"duration": 1, "steps": 4}
    await text(client, "trigger-long-running-operation", long, progress_callback=progressed)
    assert reports == [1, 2, 3, 4], reports
    await cancel(client, "trigger-long-running-operation", {"duration": 60, "steps": 2})
    assert "sampled text" in await text(client, "trigger-sampling-request", {"prompt": "p", "maxTokens": 9})
    assert "Ada" in await text(client, "trigger-elicitation-request")
    assert "file:///here" in await text(client, "get-roots-list")
    listed = (await client.list_resources()).resources
    read = await client.read_resource(listed[0].uri)
    assert read.contents[0].text
    prompt = await client.get_prompt("args-prompt", {"city": "Berlin"})
    assert "Berlin" in prompt.messages[0].content.text
    reference = T.PromptReference(type="ref/prompt", name="completable-prompt")
    completed = await client.complete(reference, {"name": "department", "value": "E"})
    assert "Engineering" in completed.completion.values, completed
    await watch(client, "demo://resource/dynamic/text/1", "toggle-subscriber-updates")


async def main() -> None:
    async with Client(
        StdioServerParameters(command=command, args=arguments),
        mode=mode,
        elicitation_callback=elicit,
        sampling_callback=sample,
        list_roots_callback=list_roots,
        logging_callback=log,
        log_level="warning",
        message_handler=heard,
    ) as client:
        await {"both": both, "everything": everything}[which](client)
        print(client.protocol_version)


anyio.run(main)
