"""The methods of a session, with a real App in either era; with scripted servers where those misbehave."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater

from mcpws.backends.app import App
from mcpws.backends.app.context import Context
from mcpws.core.rpc import Progress
from mcpws.errors import (
    ConnectionClosed,
    MalformedResult,
    McpwsError,
    RemoteError,
    RequestTimeout,
    SubscriptionRefused,
    ToolError,
    ToolFailed,
)
from mcpws.mcp.content import Content, Image, ResourceContents, Text, ToolResult
from mcpws.mcp.features import Completion, PromptArgument, PromptResult
from mcpws.testing import connected, result_of

if TYPE_CHECKING:
    from tests.client.conftest import Script

    Scripts = Callable[..., Script]

NOTES = "notes://today"


class Point(Struct):
    x: int
    y: int


def example(clock: Any = None) -> App:
    app = App("example", "1", page_size=2, clock=clock)

    @app.tool
    def add(a: int, b: int) -> int:
        return a + b

    @app.tool
    def point(x: int, y: int) -> Point:
        return Point(x, y)

    @app.tool
    def words(name: str, timeout: str = "", on_progress: str = "") -> str:
        return f"{name} {timeout} {on_progress}"

    @app.tool
    def picture() -> list[Image | Text]:
        return [Image(b"\x89", "image/png"), Text("a dot")]

    @app.tool
    def silent() -> None:
        return None

    @app.tool
    def fail() -> str:
        raise ToolError("it does not work")

    @app.tool
    def fail_with_parts() -> ToolResult:
        content: list[Content] = [Text("one"), Image(b"", "image/png"), Text("two")]
        return ToolResult(content, structured={"why": "parts"}, is_error=True)

    @app.tool
    async def wait(context: Context, seconds: float) -> str:
        context.progress(1, 2, "half")
        await deferLater(clock, seconds)
        return "done"

    @app.resource(NOTES, mime_type="text/plain")
    def today() -> str:
        return "buy milk"

    @app.resource("notes://picture")
    def drawn() -> bytes:
        return b"\x89"

    @app.resource("notes://{day}")
    def notes(day: str) -> str:
        return day

    @app.prompt
    def greet(name: str, language: str = "English") -> str:
        """Ask for a greeting."""
        return f"Greet {name} in {language}."

    @app.completion("greet", "language")
    def languages(typed: str) -> list[str]:
        return [one for one in ("English", "Greek") if one.startswith(typed)]

    @app.completion("notes://{day}", "day")
    def days(typed: str) -> list[str]:
        return [f"{typed}day"]

    return app


class Rig:
    """A session with the example."""

    def __init__(self, era: str, **client: Any) -> None:
        clock = Clock()
        self.app = example(clock)
        self.pair = connected(self.app, clock=clock, era=era, **client)
        self.session = self.pair.session

    def gets(self, asked: Deferred[Any]) -> Any:
        """What comes of it."""
        self.pair.flush()
        return result_of(asked)


@pytest.fixture(params=["legacy", "modern"])
def rig(request: pytest.FixtureRequest) -> Rig:
    return Rig(request.param)


# Tools


def test_a_call_fires_with_structured_content_as_it_came(rig: Rig) -> None:
    assert rig.gets(rig.session.call_tool("point", x=1, y=2)) == {"x": 1, "y": 2}
    assert rig.gets(rig.session.call_tool("add", a=1, b=2)) == {"result": 3}


def test_a_call_without_structured_content_fires_with_content(rig: Rig) -> None:
    assert rig.gets(rig.session.call_tool("picture")) == [Image(b"\x89", "image/png"), Text("a dot")]
    assert rig.gets(rig.session.call_tool("silent")) == []


def test_an_argument_may_have_any_name(rig: Rig) -> None:
    call = rig.session.call_tool
    assert rig.gets(call("words", name="a")) == [Text("a  ")]
    assert rig.gets(call("words", {"timeout": "b", "on_progress": "c"}, name="a", timeout=5)) == [Text("a b c")]
    with pytest.raises(ToolFailed, match="self"):
        rig.gets(call("add", self=1, arguments=2))


def test_a_tool_that_fails_says_why(rig: Rig) -> None:
    with pytest.raises(ToolFailed) as failed:
        rig.gets(rig.session.call_tool("fail"))
    assert str(failed.value) == "fail: it does not work"
    assert (failed.value.tool, failed.value.text) == ("fail", "it does not work")
    assert (failed.value.content, failed.value.structured) == ([Text("it does not work")], None)


def test_all_that_a_failure_says_can_be_had(rig: Rig) -> None:
    with pytest.raises(ToolFailed) as failed:
        rig.gets(rig.session.call_tool("fail_with_parts"))
    assert failed.value.text == "one\ntwo"
    assert len(failed.value.content) == 3
    assert failed.value.structured == {"why": "parts"}


def test_a_tool_that_there_is_not_is_an_error_of_the_servers(rig: Rig) -> None:
    with pytest.raises(RemoteError, match="nothing"):
        rig.gets(rig.session.call_tool("nothing"))


def test_progress_is_brought_and_the_answer_waited_for(rig: Rig) -> None:
    reports: list[Progress] = []
    waiting = rig.session.call_tool("wait", seconds=5, on_progress=reports.append)
    rig.pair.advance(6)
    assert result_of(waiting) == [Text("done")]
    assert reports == [Progress(1, 2, "half")]


def test_a_call_has_its_time_or_the_sessions_or_no_end() -> None:
    rig = Rig("modern", timeout=10)
    call = rig.session.call_tool
    calls = [call("wait", seconds=60), call("wait", seconds=60, timeout=20), call("wait", seconds=60, timeout=None)]
    rig.pair.advance(11)
    with pytest.raises(RequestTimeout, match="10 s"):
        result_of(calls[0])
    rig.pair.advance(10)
    with pytest.raises(RequestTimeout, match="20 s"):
        result_of(calls[1])
    rig.pair.advance(60)
    assert result_of(calls[2]) == [Text("done")]


def test_what_is_cancelled_is_cancelled_at_the_server(rig: Rig) -> None:
    waiting = rig.session.call_tool("wait", seconds=60)
    rig.pair.flush()
    [connection] = rig.pair.server.connections
    assert connection.statistics(0).in_flight == 1
    waiting.cancel()
    rig.pair.flush()
    assert connection.statistics(0).in_flight == 0
    with pytest.raises(CancelledError):
        result_of(waiting)


class Own:
    """No JSON."""

    def __repr__(self) -> str:
        return "Own()"


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda session: session.call_tool(1), r"the name must be a string \(got 1\)"),
        (lambda session: session.call_tool("add", 1, b=2), r"arguments must be a mapping, .* \(got 1\)"),
        (lambda session: session.call_tool("add", {"a": 1}, a=2), r"given twice: the argument a$"),
        (lambda session: session.call_tool("add", a=1, b=Own()), r"type Own .* at `\$\.arguments\.b`"),
        (lambda session: session.call_tool("add", a={"x": [1, Own()]}), r"type Own .* at `\$\.arguments\.a\.x\[1\]`"),
        (lambda session: session.call_tool("add", a=float("nan")), r"nan at `\$\.arguments\.a`"),
        (lambda session: session.call_tool("add", a="\ud83d"), r"surrogates .* at `\$\.arguments\.a`"),
        (lambda session: session.read_resource(None), r"the URI must be a string \(got None\)"),
        (lambda session: session.get_prompt(Own()), r"the name must be a string \(got Own\(\)\)"),
        (lambda session: session.get_prompt("greet", name=1), r"the argument name must be a string \(got 1\)"),
        (lambda session: session.get_prompt("greet", {"name": "a"}, name="b"), r"given twice: the argument name"),
        (lambda session: session.complete("a", "b"), r"either prompt or template"),
        (lambda session: session.complete("a", "b", prompt="c", template="d"), r"takes either prompt or template"),
        (lambda session: session.complete("a", 1, prompt="c"), r"the value must be a string \(got 1\)"),
        (lambda session: session.subscribe(b"notes://today", print), r"the URI must be a string \(got b'notes"),
        (lambda session: session.request("a", {"b": Own()}), r"type Own .* at `\$\.b`"),
    ],
)
def test_what_cannot_be_sent_is_named(call: Callable[[Any], Deferred[Any]], problem: str) -> None:
    rig = Rig("legacy")
    with pytest.raises(TypeError, match=problem):
        rig.gets(call(rig.session))


# Lists


def test_lists_come_whole_however_many_pages_they_have(rig: Rig) -> None:
    tools = rig.gets(rig.session.list_tools())
    assert [tool.name for tool in tools] == [
        "add", "point", "words", "picture", "silent", "fail", "fail_with_parts", "wait",
    ]  # fmt: skip
    assert tools[0].input_schema["required"] == ["a", "b"]
    assert tools[0].output_schema["properties"]["result"] == {"type": "integer"}
    assert [resource.uri for resource in rig.gets(rig.session.list_resources())] == [NOTES, "notes://picture"]
    templates = rig.gets(rig.session.list_resource_templates())
    assert [template.uri_template for template in templates] == ["notes://{day}"]
    [prompt] = rig.gets(rig.session.list_prompts())
    assert (prompt.name, prompt.description) == ("greet", "Ask for a greeting.")
    assert prompt.arguments == (PromptArgument(name="name", required=True), PromptArgument(name="language"))


@pytest.mark.not_mcp("the list is none")
def test_a_list_that_is_none_is_malformed(begun: Scripts) -> None:
    script = begun()
    listing = script.session.list_tools()
    [request] = script.hears()
    script.answers(request, {"tools": [{"name": 1}]})
    with pytest.raises(MalformedResult, match=r"tools/list: .*`\$\.tools\[0\]\.name`"):
        result_of(listing)


# Resources and prompts


def test_a_resource_is_read_as_text_or_bytes(rig: Rig) -> None:
    assert rig.gets(rig.session.read_resource(NOTES)) == [
        ResourceContents(NOTES, text="buy milk", mime_type="text/plain")
    ]
    [drawn] = rig.gets(rig.session.read_resource("notes://picture"))
    assert drawn.blob == b"\x89"
    [monday] = rig.gets(rig.session.read_resource("notes://monday"))
    assert (monday.uri, monday.text) == ("notes://monday", "monday")
    with pytest.raises(RemoteError, match="files:///a"):
        rig.gets(rig.session.read_resource("files:///a"))


def test_a_prompt_is_filled_in(rig: Rig) -> None:
    prompt: PromptResult = rig.gets(rig.session.get_prompt("greet", {"language": "Greek"}, name="Ann"))
    assert prompt.description == "Ask for a greeting."
    [message] = prompt.messages
    assert (message.role, message.content) == ("user", Text("Greet Ann in Greek."))


def test_what_is_typed_can_be_completed(rig: Rig) -> None:
    complete = rig.session.complete
    assert rig.gets(complete("language", "Gr", prompt="greet")) == Completion(["Greek"], 1, False)
    others = {"name": "Ann"}
    assert rig.gets(complete("language", "", prompt="greet", others=others)).values == ["English", "Greek"]
    assert rig.gets(complete("day", "mon", template="notes://{day}")).values == ["monday"]


# The connection


def test_a_ping_takes_as_long_as_the_server_does(begun: Scripts) -> None:
    script = begun()
    pinging = script.session.ping()
    [request] = script.hears()
    modern = script.session.protocol_version == "2026-07-28"
    assert request["method"] == ("server/discover" if modern else "ping")
    script.advance(2)
    found = {"supportedVersions": ["2026-07-28"], "capabilities": {}, "resultType": "complete"}
    script.answers(request, found if modern else {})
    assert result_of(pinging) == 2


def test_a_server_that_answers_no_ping_is_found_out(begun: Scripts) -> None:
    script = begun(timeout=3)
    pinging = script.session.ping()
    script.advance(3)
    with pytest.raises(RequestTimeout):
        result_of(pinging)
    script.hears()


def test_updates_of_a_resource_are_told_until_nobody_wants_them(rig: Rig) -> None:
    heard: list[str] = []
    subscription = rig.gets(rig.session.subscribe(NOTES, heard.append))
    for uri in NOTES, "notes://picture", NOTES:
        rig.app.resource_updated(uri)
    rig.pair.flush()
    assert heard == [NOTES, NOTES]
    subscription.close()
    rig.pair.flush()
    rig.app.resource_updated(NOTES)
    rig.pair.flush()
    assert heard == [NOTES, NOTES]


def test_a_server_that_tells_of_no_updates_is_no_silent_one(script: Scripts) -> None:
    scripted = script().begin_legacy({"resources": {}})
    with pytest.raises(SubscriptionRefused, match=NOTES):
        result_of(scripted.session.subscribe(NOTES, print))
    assert scripted.hears() == []


@pytest.mark.not_mcp("an update of nothing")
def test_an_update_that_does_not_say_of_what_is_not_brought(script: Scripts) -> None:
    heard: list[str] = []
    scripted = script().begin_modern({"resources": {"subscribe": True}})
    subscribing = scripted.session.subscribe(NOTES, heard.append)
    request = scripted.hears_one("subscriptions/listen")
    about = {"io.modelcontextprotocol/subscriptionId": request["id"]}
    agreed = {"resourceSubscriptions": [NOTES]}
    scripted.tells("notifications/subscriptions/acknowledged", notifications=agreed, _meta=about)
    scripted.tells("notifications/resources/updated", _meta=about)
    scripted.tells("notifications/tools/list_changed", _meta=about)
    scripted.tells("notifications/resources/updated", uri=NOTES, _meta=about)
    assert result_of(subscribing)
    assert heard == [NOTES]


def test_a_session_is_a_context_that_closes_it(rig: Rig) -> None:
    async def work() -> object:
        async with rig.session as session:
            return await session.call_tool("add", a=1, b=2)

    working = Deferred.fromCoroutine(work())
    assert rig.gets(working) == {"result": 3}
    assert rig.pair.server.connections == ()
    with pytest.raises(ConnectionClosed):
        rig.gets(rig.session.ping())


def test_a_session_is_closed_by_a_failure_too_which_stays_what_it_was(rig: Rig) -> None:
    async def work() -> None:
        async with rig.session as session:
            await session.call_tool("fail")

    working = Deferred.fromCoroutine(work())
    with pytest.raises(ToolFailed):
        rig.gets(working)
    assert rig.pair.server.connections == ()


def test_a_connection_that_is_gone_is_closed_at_once(rig: Rig) -> None:
    async def work() -> None:
        async with rig.session as session:
            rig.pair.server.connections[0].abort()
            await session.call_tool("add", a=1, b=2)

    working = Deferred.fromCoroutine(work())
    with pytest.raises(McpwsError):
        rig.gets(working)
