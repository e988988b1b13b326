from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred, fail, gatherResults
from twisted.internet.task import Clock

from mcpws.backends.app import App
from mcpws.backends.app.arguments import MAX_EXPLANATION
from mcpws.backends.app.context import Context
from mcpws.backends.app.tool_call import LARGE
from mcpws.backends.app.uri import MAX_LENGTH
from mcpws.errors import InvalidParams, RemoteError, ToolError
from mcpws.mcp.content import Text, ToolResult
from mcpws.mcp.versions import LEGACY_VERSIONS

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient, StatelessClient

TESTER = {"name": "tester", "version": "1"}


def refused(client: "AppClient", method: str, **params: Any) -> tuple[int, Any]:
    with pytest.raises(RemoteError) as caught:
        client.call(method, **params)
    return caught.value.code, caught.value.data


def wrong(path: str, reason: str) -> tuple[int, dict[str, str]]:
    return -32602, {"path": path, "reason": reason}


@pytest.mark.proves("V-4", "mcp/2025-11-25/basic/lifecycle#version")
@pytest.mark.parametrize(
    ("asked", "answered"),
    [*((version, version) for version in LEGACY_VERSIONS), ("1999-01-01", LEGACY_VERSIONS[-1])],
)
def test_the_version_is_the_clients_if_we_speak_it_else_our_newest(
    client: "AppClient", asked: str, answered: str
) -> None:
    result = client.call("initialize", protocolVersion=asked, capabilities={}, clientInfo=TESTER)
    assert result["protocolVersion"] == answered


@pytest.mark.proves("mcp/2025-11-25/basic/lifecycle#answer")
def test_initialize_tells_who_the_server_is_and_what_it_can(
    clock: Clock, new_client: Callable[..., "AppClient"]
) -> None:
    app = App("calculator", "1.0", title="Calculator", instructions="Count on it.", clock=clock)
    app.tool(name="add")(lambda: "")
    result = new_client(app).call("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=TESTER)
    assert result == {
        "protocolVersion": "2025-11-25",
        "capabilities": {"logging": {}, "tools": {"listChanged": True}},
        "serverInfo": {"name": "calculator", "version": "1.0", "title": "Calculator"},
        "instructions": "Count on it.",
    }


@pytest.mark.proves("mcp/2025-11-25/basic/lifecycle#answer")
def test_what_has_nothing_to_say_says_nothing(client: "AppClient") -> None:
    assert client.call("initialize", protocolVersion="2025-11-25") == {
        "protocolVersion": "2025-11-25",
        "capabilities": {"logging": {}},
        "serverInfo": {"name": "tested", "version": "1.0"},
    }


def test_initialize_needs_a_version(client: "AppClient") -> None:
    assert refused(client, "initialize") == wrong(
        "$.protocolVersion", "Object missing required field `protocolVersion`"
    )


@pytest.mark.proves("A-5", "mcp/2025-11-25/basic/utilities/ping#answer")
def test_ping_is_answered_with_nothing(client: "AppClient") -> None:
    assert client.call("ping") == {}


@pytest.mark.proves("E-3")
def test_an_unknown_method_is_not_found(client: "AppClient") -> None:
    assert refused(client, "tools/destroy") == (-32601, {"method": "tools/destroy"})


@pytest.mark.proves("mcp/2025-11-25/server/utilities/pagination#cursors")
@pytest.mark.parametrize("method", ["tools/list", "resources/list", "resources/templates/list", "prompts/list"])
def test_lists_come_in_pages(app: App, client: "AppClient", method: str) -> None:
    member = "resourceTemplates" if "templates" in method else method.partition("/")[0]
    assert client.call(method) == {member: []}
    for number in range(7):
        name = f"n{number}"
        if method == "tools/list":
            app.tool(name=name)(lambda: "")
        elif method == "prompts/list":
            app.prompt(name=name)(lambda: "")
        elif method == "resources/list":
            app.resource(f"a://{name}", name=name)(lambda: "")
        else:
            template: Callable[[str], str] = app.resource(f"a://{name}/{{x}}", name=name)(echo)
            assert template is echo
    pages = []
    params: dict[str, str] = {}
    while True:
        result = client.call(method, **params)
        pages.append([entry["name"] for entry in result[member]])
        if "nextCursor" not in result:
            break
        params = {"cursor": result["nextCursor"]}
    assert pages == [["n0", "n1", "n2"], ["n3", "n4", "n5"], ["n6"]]
    assert refused(client, method, cursor="n3") == wrong("$.cursor", "not a cursor of this list")
    assert refused(client, method, cursor=3)[0] == -32602


def echo(x: str) -> str:
    return x


def test_a_tool_is_called(app: App, client: "AppClient") -> None:
    @app.tool
    def add(a: int, b: int = 1) -> int:
        return a + b

    assert client.tool("add", a=1, b=2) == {
        "content": [{"type": "text", "text": "3"}],
        "structuredContent": {"result": 3},
    }
    assert client.tool("add", a=1)["structuredContent"] == {"result": 2}


def test_a_tool_without_parameters_needs_no_arguments(app: App, client: "AppClient") -> None:
    app.tool(name="hello")(lambda: "hello")
    assert client.call("tools/call", name="hello") == {"content": [{"type": "text", "text": "hello"}]}


MISFITS: list[tuple[Any, str, str]] = [
    ({"a": 1, "b": "2"}, "$.arguments.b", "Expected `int`, got `str`"),
    ({"a": 1}, "$.arguments.b", "Object missing required field `b`"),
    ({"a": 1, "b": 2, "c": 3}, "$.arguments.c", "Object contains unknown field `c`"),
    ({"a": 1, "b": 2, "day": "tomorrow"}, "$.arguments.day", "Invalid RFC3339 encoded date"),
    ({"a": 1, "b": "x" * LARGE}, "$.arguments.b", "Expected `int`, got `str`"),
    (None, "$.arguments.a", "Object missing required field `a`"),
]


def add_adder(app: App) -> None:
    @app.tool
    def add(a: int, b: int, day: date | None = None) -> int:
        return a + b


@pytest.mark.proves("E-4", "E-17")
@pytest.mark.parametrize("version", LEGACY_VERSIONS[:3])
@pytest.mark.parametrize(("arguments", "path", "reason"), MISFITS)
def test_arguments_that_do_not_fit_are_refused_with_the_place(
    app: App, client: "AppClient", version: str, arguments: Any, path: str, reason: str
) -> None:
    add_adder(app)
    client.call("initialize", protocolVersion=version, capabilities={}, clientInfo=TESTER)
    assert refused(client, "tools/call", name="add", arguments=arguments) == wrong(path, reason)


@pytest.mark.proves("E-17", "mcp/2025-11-25/server/tools#execution-errors")
@pytest.mark.parametrize("modern", [False, True])
@pytest.mark.parametrize(("arguments", "path", "reason"), MISFITS)
def test_later_the_model_reads_what_does_not_fit(
    app: App,
    client: "AppClient",
    stateless: "StatelessClient",
    modern: bool,
    arguments: Any,
    path: str,
    reason: str,
) -> None:
    add_adder(app)
    caller = stateless if modern else client.initialize()
    result = caller.call("tools/call", name="add", arguments=arguments)
    assert result["content"] == [{"type": "text", "text": f"Invalid params: {path}: {reason}"}]
    assert result["isError"] is True
    assert "structuredContent" not in result


@pytest.mark.proves("E-17", "mcp/2025-11-25/server/tools#protocol-errors")
@pytest.mark.parametrize("version", LEGACY_VERSIONS)
@pytest.mark.parametrize(
    ("arguments", "got"), [([], "array"), (5, "int"), ("{}", "str"), (False, "bool"), (["x" * LARGE], "array")]
)
def test_arguments_that_are_no_object_are_no_call_in_any_version(
    app: App, client: "AppClient", stateless: "StatelessClient", version: str, arguments: Any, got: str
) -> None:
    add_adder(app)
    client.call("initialize", protocolVersion=version, capabilities={}, clientInfo=TESTER)
    refusal = wrong("$.arguments", f"Expected `object`, got `{got}`")
    assert refused(client, "tools/call", name="add", arguments=arguments) == refusal
    assert refused(stateless, "tools/call", name="add", arguments=arguments) == refusal


def test_what_a_function_finds_wrong_itself_is_refused_as_it_says(app: App, client: "AppClient") -> None:
    @app.tool
    def refuse() -> str:
        raise InvalidParams("Not today", {"path": "$.arguments", "reason": "not today"})

    client.initialize()
    assert refused(client, "tools/call", name="refuse") == wrong("$.arguments", "not today")


@pytest.mark.proves("E-17", "mcp/2025-11-25/server/tools#protocol-errors")
def test_an_unknown_tool_is_named(client: "AppClient") -> None:
    assert refused(client, "tools/call", name="nope") == wrong("$.name", "no tool 'nope'")
    assert refused(client, "tools/call") == wrong("$.name", "Object missing required field `name`")
    _, data = refused(client, "tools/call", name="x" * 100_000)
    assert len(data["reason"]) < MAX_EXPLANATION + 20


@pytest.mark.proves("E-15", "mcp/2025-11-25/server/tools#execution-errors")
def test_a_failure_of_a_tool_is_a_result_for_the_model(app: App, client: "AppClient") -> None:
    @app.tool
    def now() -> int:
        raise ToolError("no such city")

    @app.tool
    def later() -> Deferred[int]:
        return fail(ToolError("no such city"))

    @app.tool
    def together() -> Deferred[list[int]]:
        return gatherResults([later()], consumeErrors=True)

    @app.tool
    def result() -> ToolResult:
        return ToolResult([Text("no such city")], is_error=True)

    for name in ("now", "later", "together", "result"):
        assert client.tool(name) == {"content": [{"type": "text", "text": "no such city"}], "isError": True}


def test_what_a_client_cannot_be_asked_for_the_model_reads_too(app: App, client: "AppClient") -> None:
    @app.tool
    async def soon(context: Context) -> str:
        return (await context.sample("Hi.", 1)).text

    @app.tool
    def together(context: Context) -> Deferred[list[Any]]:
        asked: list[Deferred[Any]] = [context.sample("Hi.", 1), context.list_roots()]
        return gatherResults(asked, consumeErrors=True)

    client.initialize()
    needs = "the client did not declare the capability sampling, which sampling/createMessage needs"
    for name in ("soon", "together"):
        assert client.tool(name) == {"content": [{"type": "text", "text": needs}], "isError": True}


def test_a_resource_is_read(app: App, client: "AppClient") -> None:
    @app.resource("a://b", mime_type="text/x")
    async def text() -> str:
        return "hello"

    @app.resource("a://{name}/{number}")
    def template(name: str, number: int, context: Context) -> dict[str, Any]:
        return {name: number}

    assert client.call("resources/read", uri="a://b") == {
        "contents": [{"uri": "a://b", "mimeType": "text/x", "text": "hello"}]
    }
    assert client.call("resources/read", uri="a://x%20y/3") == {
        "contents": [{"uri": "a://x%20y/3", "mimeType": "application/json", "text": '{"x y":3}'}]
    }
    assert refused(client, "resources/read", uri="a://x/y") == wrong("$.uri.number", "Expected `int`, got `str`")


@pytest.mark.proves("E-6", "mcp/2025-11-25/server/resources#not-found")
@pytest.mark.parametrize("method", ["resources/read", "resources/subscribe"])
def test_a_resource_that_is_not_there_is_not_found(client: "AppClient", method: str) -> None:
    assert refused(client, method, uri="a://b") == (-32002, {"uri": "a://b"})


@pytest.mark.proves("mcp/2025-11-25/server/resources#subscriptions")
def test_subscribers_hear_of_updates_until_they_unsubscribe(app: App, client: "AppClient") -> None:
    app.resource("a://b")(lambda: "")
    app.resource_updated("a://b")
    for _ in range(2):
        assert client.call("resources/subscribe", uri="a://b") == {}
    app.resource_updated("a://b")
    app.resource_updated("a://c")
    for _ in range(2):
        assert client.call("resources/unsubscribe", uri="a://b") == {}
    app.resource_updated("a://b")
    assert client.told("notifications/resources/updated") == [{"uri": "a://b"}]


def test_a_template_does_not_lead_out_of_its_folder(app: App, client: "AppClient", tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a b.txt").write_text("free")
    (tmp_path / "secret.txt").write_text("secret")

    def read(name: str) -> str:
        return (tmp_path / "docs" / name).read_text()

    app.resource("docs://{name}", name="part")(read)
    app.resource("all://{+name}", name="rest")(read)
    app.resource("any://{+name}", name="anywhere", confined=False)(read)
    for uri in ("docs://a%20b.txt", "all://a b.txt", "all://./a%20b.txt", "any://../docs/a b.txt"):
        assert client.call("resources/read", uri=uri)["contents"][0]["text"] == "free"
    for uri in ("docs://..%2Fsecret.txt", "docs://%252e%252e%252fsecret.txt", "all://../secret.txt", "all://%2E./x/.."):
        assert refused(client, "resources/read", uri=uri) == (-32002, {"uri": uri})
    assert client.call("resources/read", uri="any://../secret.txt")["contents"][0]["text"] == "secret"


def test_a_resource_is_the_same_in_each_spelling_of_its_uri(app: App, client: "AppClient") -> None:
    heard: list[bool] = []
    app.resource("a://My Files/ö")(lambda: "fixed")
    app.resource("a://My Files/{x}/y")(echo)
    app.completion("a://My Files/{x}/y", "x")(lambda typed: [typed])
    app.on_subscription("a://My Files/ö", heard.append)
    [resource] = client.call("resources/list")["resources"]
    [template] = client.call("resources/templates/list")["resourceTemplates"]
    assert resource["uri"] == "a://My%20Files/%C3%B6"
    assert template["uriTemplate"] == "a://My%20Files/{x}/y"
    for uri in ("a://My Files/ö", "a://My%20Files/%c3%b6", "a://My%20Files/ö"):
        assert client.call("resources/read", uri=uri) == {
            "contents": [{"uri": uri, "mimeType": "text/plain", "text": "fixed"}]
        }
    for uri in ("a://My Files/é/y", "a://My%20Files/%C3%A9/y"):
        assert client.call("resources/read", uri=uri)["contents"][0]["text"] == "é"
    for uri in ("a://My Files/{x}/y", template["uriTemplate"]):
        params = {"ref": {"type": "ref/resource", "uri": uri}, "argument": {"name": "x", "value": "b"}}
        assert client.call("completion/complete", **params)["completion"]["values"] == ["b"]
    client.call("resources/subscribe", uri="a://My%20Files/ö")
    app.resource_updated("a://My Files/ö")
    assert client.told("notifications/resources/updated") == [{"uri": "a://My%20Files/ö"}]
    client.call("resources/unsubscribe", uri="a://My Files/%C3%B6")
    assert heard == [True, False]
    app.remove_resource("a://My%20Files/ö")
    app.remove_resource("a://My%20Files/{x}/y")
    assert refused(client, "resources/read", uri="a://My Files/ö")[0] == -32002


def test_a_uri_that_is_asked_for_is_bounded(app: App, client: "AppClient") -> None:
    app.resource("a://{x}")(echo)
    longest = "a://".ljust(MAX_LENGTH, "b")
    assert client.call("resources/read", uri=longest)["contents"][0]["text"] == longest[4:]
    problem = f"Expected `str` of length <= {MAX_LENGTH}"
    assert refused(client, "resources/read", uri=longest + "b") == wrong("$.uri", problem)
    params = {"ref": {"type": "ref/resource", "uri": longest + "b"}, "argument": {"name": "name", "value": ""}}
    assert refused(client, "completion/complete", **params) == wrong("$.ref.uri", problem)


@pytest.mark.proves("mcp/2025-11-25/server/prompts#get")
def test_a_prompt_is_made_with_its_arguments(app: App, client: "AppClient") -> None:
    @app.prompt
    def summarise(text: str, words: int = 50) -> str:
        """Make it short."""
        return f"{words} words: {text}"

    assert client.call("prompts/get", name="summarise", arguments={"text": "a", "words": "5"}) == {
        "description": "Make it short.",
        "messages": [{"role": "user", "content": {"type": "text", "text": "5 words: a"}}],
    }
    assert refused(client, "prompts/get", name="summarise") == wrong(
        "$.arguments.text", "Object missing required field `text`"
    )
    assert refused(client, "prompts/get", name="summarise", arguments={"text": 1}) == wrong(
        "$.arguments[...]", "Expected `str`, got `int`"
    )
    assert refused(client, "prompts/get", name="nope") == wrong("$.name", "no prompt 'nope'")


@pytest.mark.proves("mcp/2025-11-25/server/utilities/completion#complete")
def test_arguments_of_prompts_and_templates_are_completed(app: App, client: "AppClient") -> None:
    app.prompt(name="say")(echo)
    app.resource("a://{x}")(echo)
    app.resource("a://b")(lambda: "")

    @app.completion("say", "x")
    def words(typed: str) -> list[str]:
        return [typed + "a", typed + "b"]

    @app.completion("a://{x}", "x")
    async def names(typed: str, context: Context) -> list[str]:
        return [f"{typed}{number}" for number in range(101)]

    def complete(ref: dict[str, str], argument: str = "x") -> Any:
        result = client.call("completion/complete", ref=ref, argument={"name": argument, "value": "t"})
        return result["completion"]

    nothing = {"values": [], "total": 0, "hasMore": False}
    assert complete({"type": "ref/prompt", "name": "say"}) == {"values": ["ta", "tb"], "total": 2, "hasMore": False}
    assert complete({"type": "ref/prompt", "name": "say"}, "y") == nothing
    assert complete({"type": "ref/resource", "uri": "a://b"}) == nothing
    many = complete({"type": "ref/resource", "uri": "a://{x}"})
    assert (len(many["values"]), many["total"], many["hasMore"]) == (100, 101, True)


@pytest.mark.parametrize(
    ("ref", "path", "reason"),
    [
        ({"type": "ref/prompt", "name": "nope"}, "$.ref.name", "no prompt 'nope'"),
        ({"type": "ref/resource", "uri": "a://nope"}, "$.ref.uri", "no resource template 'a://nope'"),
        ({"type": "ref/tool", "name": "nope"}, "$.ref.type", "Invalid value 'ref/tool'"),
    ],
)
def test_what_is_not_there_is_not_completed(client: "AppClient", ref: dict[str, str], path: str, reason: str) -> None:
    argument = {"name": "x", "value": ""}
    assert refused(client, "completion/complete", ref=ref, argument=argument) == wrong(path, reason)


@pytest.mark.proves("mcp/2025-11-25/server/utilities/logging#level")
def test_the_level_of_log_messages_is_one_that_there_is(client: "AppClient") -> None:
    assert client.call("logging/setLevel", level="debug") == {}
    assert refused(client, "logging/setLevel", level="fatal") == wrong("$.level", "Invalid enum value 'fatal'")


# What is null.


@pytest.mark.proves("M-13")
@pytest.mark.parametrize("modern", [False, True])
def test_null_for_what_may_be_missing_is_the_same_as_none(
    app: App, client: "AppClient", stateless: "StatelessClient", modern: bool
) -> None:
    @app.tool
    def count(start: int = 0) -> str:
        return str(start)

    @app.prompt
    def greet(name: str = "you", greeting: str = "Hello") -> str:
        return f"{greeting}, {name}!"

    @app.completion("greet", "name")
    def complete(typed: str) -> list[str]:
        return [typed]

    if modern:
        client = stateless
    else:
        client.call("initialize", protocolVersion="2025-11-25", capabilities=None, clientInfo=None)
    reference = {"type": "ref/prompt", "name": "greet", "title": None}
    argument = {"name": "name", "value": "B"}
    assert client.call("tools/list", cursor=None)["tools"]
    assert client.call("tools/call", name="count", arguments=None)["content"][0]["text"] == "0"
    for arguments, text in [
        (None, "Hello, you!"),
        ({"name": None}, "Hello, you!"),
        ({"name": None, "greeting": "Bye"}, "Bye, you!"),
    ]:
        prompt = client.call("prompts/get", name="greet", arguments=arguments)
        assert prompt["messages"][0]["content"]["text"] == text
    for context in (None, {"arguments": None}, {}):
        completed = client.call("completion/complete", ref=reference, argument=argument, context=context)
        assert completed["completion"]["values"] == ["B"]


def test_null_for_what_may_not_be_missing_is_missing(app: App, client: "AppClient") -> None:
    for method, params, path in [
        ("tools/call", {"name": None}, "$.name"),
        ("prompts/get", {"name": None, "arguments": None}, "$.name"),
        ("resources/read", {"uri": None}, "$.uri"),
        ("logging/setLevel", {"level": None}, "$.level"),
        ("initialize", {"protocolVersion": None, "capabilities": None}, "$.protocolVersion"),
    ]:
        code, data = refused(client, method, **params)
        assert (code, data["path"]) == (-32602, path)
