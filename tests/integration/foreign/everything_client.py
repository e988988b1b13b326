"""With the official Python SDK 1.x: drives server-everything at the URL given through all that MCP has.

Where it is one of several servers, a second argument is its name: that stands before its tools, prompts and resources.
"""

import sys
import warnings

import anyio
import mcp.types as T
from mcp import ClientSession
from pydantic import AnyUrl

warnings.simplefilter("ignore", DeprecationWarning)
from mcp.client.websocket import websocket_client  # noqa: E402

SERVER = sys.argv[2] if len(sys.argv) > 2 else ""


def named(name: str) -> str:
    return f"{SERVER}__{name}" if SERVER else name


def at(uri: str) -> AnyUrl:
    return AnyUrl(f"mcpws://{SERVER}/{uri}" if SERVER else uri)


async def sampling(context: object, params: T.CreateMessageRequestParams) -> T.CreateMessageResult:
    return T.CreateMessageResult(role="assistant", model="m", content=T.TextContent(type="text", text="sampled text"))


async def elicitation(context: object, params: T.ElicitRequestParams) -> T.ElicitResult:
    return T.ElicitResult(action="decline")


async def roots(context: object) -> T.ListRootsResult:
    return T.ListRootsResult(roots=[T.Root(uri=AnyUrl("file:///here"))])


async def main() -> None:
    reports: list[tuple[float, float | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        reports.append((done, total))

    async with (
        websocket_client(sys.argv[1]) as (read, write),
        ClientSession(
            read,
            write,
            sampling_callback=sampling,
            elicitation_callback=elicitation,
            list_roots_callback=roots,
        ) as session,
    ):
        await session.initialize()
        await session.send_ping()

        async def text(tool: str, arguments: dict[str, object]) -> str:
            answer = await session.call_tool(named(tool), arguments, progress_callback=progress)
            assert not answer.isError, answer
            return "".join(part.text for part in answer.content if part.type == "text")

        assert "hello" in await text("echo", {"message": "hello"})
        assert "5" in await text("get-sum", {"a": 2, "b": 3})
        await text("trigger-long-running-operation", {"duration": 1, "steps": 4})
        assert [done for done, total in reports] == [1, 2, 3, 4], reports
        assert "sampled text" in await text("trigger-sampling-request", {"prompt": "p", "maxTokens": 9})
        assert "file:///here" in await text("get-roots-list", {})
        assert "decline" in (await text("trigger-elicitation-request", {})).lower()
        image = await session.call_tool(named("get-tiny-image"), {})
        assert any(part.type == "image" for part in image.content), image

        listed = [one for one in (await session.list_resources()).resources if SERVER in str(one.uri)]
        read_back = await session.read_resource(listed[0].uri)
        assert read_back.contents[0].text
        dynamic = await session.read_resource(at("demo://resource/dynamic/text/1"))
        assert dynamic.contents[0].text
        await session.subscribe_resource(listed[0].uri)
        await session.unsubscribe_resource(listed[0].uri)

        prompts = {prompt.name for prompt in (await session.list_prompts()).prompts}
        assert named("args-prompt") in prompts, prompts
        prompt = await session.get_prompt(named("args-prompt"), {"city": "Berlin"})
        assert "Berlin" in prompt.messages[0].content.text, prompt
        completed = await session.complete(
            T.PromptReference(type="ref/prompt", name=named("completable-prompt")), {"name": "department", "value": "E"}
        )
        assert "Engineering" in completed.completion.values, completed
        await session.set_logging_level("debug")
        print("everything")


anyio.run(main)
