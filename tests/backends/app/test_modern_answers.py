from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw, Struct
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock, deferLater

from mcpws.backends.app import App
from mcpws.backends.app.arguments import MAX_EXPLANATION
from mcpws.backends.app.content import CacheHint
from mcpws.backends.app.context import Context
from mcpws.backends.app.modern_answers import MAX_DESCRIPTION
from mcpws.errors import RemoteError, ResourceNotFound, RpcError
from mcpws.mcp.content import Text, ToolResult
from mcpws.mcp.levels import LEVELS, Level
from mcpws.mcp.meta import CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION, SERVER_INFO
from mcpws.mcp.methods import CACHEABLE
from mcpws.mcp.versions import SUPPORTED_VERSIONS
from mcpws.seam.interfaces import Identity
from tests.backends.conftest import StatelessClient

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient
    from tests.conftest import LoggedErrors

SERVER = {SERVER_INFO: {"name": "tested", "version": "1.0"}}
COMPLETE = {"resultType": "complete", "_meta": SERVER}
UNCACHED = {"ttlMs": 0, "cacheScope": "private"}


@pytest.fixture(autouse=True)
def everything(app: App) -> None:
    """One of each."""

    @app.tool
    def add(a: int, b: int) -> int:
        return a + b

    @app.resource("a://b")
    def resource() -> str:
        return "hello"

    @app.resource("a://{name}/x")
    def template(name: str) -> str:
        return name

    @app.prompt
    def greet(name: str) -> str:
        return f"Greet {name}."

    @app.completion("greet", "name")
    def names(typed: str) -> list[str]:
        return [typed]


def refused(client: "AppClient", method: str, **params: Any) -> RemoteError:
    with pytest.raises(RemoteError) as caught:
        client.call(method, **params)
    return caught.value


def wrong(path: str, reason: str) -> tuple[int, dict[str, str]]:
    return -32602, {"path": path, "reason": reason}


# Who may ask, and in which version.


@pytest.mark.proves("V-1")
def test_it_needs_no_handshake(stateless: StatelessClient) -> None:
    assert stateless.tool("add", a=1, b=2) == {
        **COMPLETE,
        "content": [{"type": "text", "text": "3"}],
        "structuredContent": {"result": 3},
    }


@pytest.mark.proves("V-5", "mcp/2026-07-28/basic/versioning#dual-era")
def test_the_era_is_that_of_each_request(stateless: StatelessClient) -> None:
    modern = {PROTOCOL_VERSION: "2026-07-28", CLIENT_CAPABILITIES: {}}
    token = {"progressToken": "V"}
    for meta, result_type in [(modern, "complete"), (None, None), ({**modern, **token}, "complete"), (token, None)]:
        params = {"name": "add", "arguments": {"a": 1, "b": 2}, **({} if meta is None else {"_meta": meta})}
        answer = stateless.answer(stateless.begin_plainly("tools/call", **params))
        assert answer.get("resultType") == result_type


@pytest.mark.proves("E-8", "V-8", "mcp/2026-07-28/basic/versioning#unsupported")
@pytest.mark.parametrize("version", ["1999-01-01", "2025-11-25", "", "x" * 100_000])
def test_a_version_that_it_does_not_speak_so_is_refused_with_those_that_it_does(
    stateless: StatelessClient, version: str
) -> None:
    stateless.meta = {PROTOCOL_VERSION: version}
    error = refused(stateless, "tools/list")
    assert error.code == -32022
    assert error.data == {
        "supported": ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"],
        "requested": version[:MAX_EXPLANATION],
    }


@pytest.mark.proves("V-8")
def test_the_version_is_looked_at_before_all_else(stateless: StatelessClient) -> None:
    stateless.meta = {PROTOCOL_VERSION: "2999-01-01", CLIENT_INFO: 5}
    assert refused(stateless, "no/such/method", _meta={CLIENT_CAPABILITIES: 5}).code == -32022


@pytest.mark.proves("V-9", "mcp/2026-07-28/basic#meta")
@pytest.mark.parametrize(
    ("member", "value", "reason"),
    [
        (PROTOCOL_VERSION, 5, "Expected `str`, got `int`"),
        (PROTOCOL_VERSION, None, "Expected `str`, got `null`"),
        (CLIENT_CAPABILITIES, None, "Expected `object`, got `null`"),
        (CLIENT_CAPABILITIES, [], "Expected `object`, got `array`"),
        (CLIENT_INFO, "tester", "Expected `object | null`, got `str`"),
        (LOG_LEVEL, 5, "Expected `str`, got `int`"),
        (LOG_LEVEL, "fatal", "Invalid enum value 'fatal'"),
    ],
)
def test_what_is_malformed_is_refused_with_its_place(
    stateless: StatelessClient, member: str, value: object, reason: str
) -> None:
    error = refused(stateless, "tools/list", _meta={member: value})
    assert (error.code, error.data) == wrong(f"$._meta.{member}", reason)


def test_what_is_malformed_within_is_refused_with_its_place(stateless: StatelessClient) -> None:
    error = refused(stateless, "tools/list", _meta={CLIENT_INFO: {"name": "a", "version": 1}})
    assert (error.code, error.data) == wrong(f"$._meta.{CLIENT_INFO}.version", "Expected `str`, got `int`")


@pytest.mark.proves("M-13")
def test_null_for_what_meta_need_not_say_is_the_same_as_none(app: App, stateless: StatelessClient) -> None:
    @app.tool
    def work(context: Context) -> str:
        context.log("emergency", "")
        return str(context.client_info)

    meta = {CLIENT_INFO: None, LOG_LEVEL: None, "progressToken": None}
    assert stateless.call("tools/call", name="work", _meta=meta)["content"] == [{"type": "text", "text": "None"}]
    assert stateless.told("notifications/message") == []


@pytest.mark.proves("V-9", "mcp/2026-07-28/basic#meta")
def test_the_capabilities_are_required(client: "AppClient") -> None:
    error = refused(client, "tools/list", _meta={PROTOCOL_VERSION: "2026-07-28"})
    reason = f"Object missing required field `{CLIENT_CAPABILITIES}`"
    assert (error.code, error.data) == wrong(f"$._meta.{CLIENT_CAPABILITIES}", reason)


def test_the_client_need_not_say_its_name(app: App, stateless: StatelessClient) -> None:
    @app.method("who")
    def who(context: Context) -> Any:
        return {"info": context.client_info, "capabilities": context.client_capabilities}

    own = {"example": {"a": 1}}
    assert stateless.call("who", _meta={CLIENT_INFO: None, CLIENT_CAPABILITIES: own})["info"] is None
    del stateless.meta[CLIENT_INFO]
    assert stateless.call("who", _meta={CLIENT_CAPABILITIES: own}) == {**COMPLETE, "info": None, "capabilities": own}


@pytest.mark.proves("V-10", "mcp/2026-07-28/basic#stateless")
def test_nothing_is_remembered_from_one_request_to_the_next(app: App, stateless: StatelessClient) -> None:
    @app.method("who")
    def who(context: Context) -> Any:
        context.log("error", "who")
        return {"info": context.client_info, "capabilities": context.client_capabilities}

    stateless.capabilities = {"roots": {}}
    first = stateless.call("who", _meta={LOG_LEVEL: "debug"})
    assert first["info"] == {"name": "tester", "version": "1"}
    stateless.capabilities = {}
    del stateless.meta[CLIENT_INFO]
    second = stateless.call("who")
    assert (second["info"], second["capabilities"]) == (None, {})
    assert len(stateless.told("notifications/message")) == 1


@given(
    st.lists(
        st.fixed_dictionaries(
            {CLIENT_CAPABILITIES: st.sampled_from([{}, {"roots": {}}, {"x": "y" * MAX_DESCRIPTION}, 5])},
            optional={
                CLIENT_INFO: st.sampled_from([None, {"name": "a", "version": "1"}, {"name": "b", "version": "1"}, {}]),
                LOG_LEVEL: st.sampled_from([None, "info", "debug", "loud"]),
            },
        ),
        min_size=2,
        max_size=6,
    )
)
def test_of_what_a_client_says_again_nothing_is_lost_and_nothing_added(said: list[dict[str, Any]]) -> None:
    app = App("tested", "1.0", clock=Clock())

    @app.method("who")
    def who(context: Context) -> Any:
        context.log("info", "who")
        return {"info": context.client_info, "capabilities": context.client_capabilities}

    def answer(client: StatelessClient, meta: dict[str, Any]) -> object:
        client.meta.pop(CLIENT_INFO, None)
        before = len(client.sent)
        try:
            answered = client.call("who", _meta=meta)
        except RemoteError as error:
            answered = error.code, error.data
        return answered, len(client.sent) - before

    again = StatelessClient(app, Identity("again"))
    for meta in said:
        assert answer(again, meta) == answer(StatelessClient(app, Identity("anew")), meta)


@pytest.mark.proves("V-10", "mcp/2026-07-28/basic#stateless")
def test_a_handshake_on_the_same_conversation_has_no_part_in_it(app: App, stateless: StatelessClient) -> None:
    contexts: list[Context] = []

    @app.method("keep")
    def keep(context: Context) -> None:
        contexts.append(context)

    legacy = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"roots": {}},
        "clientInfo": {"name": "b", "version": "2"},
    }
    stateless.begin_plainly("initialize", **legacy)
    stateless.call("keep")
    stateless.begin_plainly("keep")
    modern, handshaken = contexts
    assert modern.client_capabilities == {}
    assert handshaken.client_capabilities == {"roots": {}}
    assert modern.client_info is not None
    assert modern.client_info.name == "tester"


# What it answers.


@pytest.mark.proves("V-11", "mcp/2026-07-28/server/discover#answer")
def test_discovery_tells_what_the_server_is_and_can(
    clock: Clock, new_stateless: Callable[..., StatelessClient]
) -> None:
    app = App("calculator", "1.0", title="Calculator", instructions="Count on it.", clock=clock)
    app.tool(name="add")(lambda: "")
    assert new_stateless(app).call("server/discover") == {
        "resultType": "complete",
        "supportedVersions": list(SUPPORTED_VERSIONS),
        "capabilities": {"logging": {}, "tools": {"listChanged": True}},
        "instructions": "Count on it.",
        "_meta": {SERVER_INFO: {"name": "calculator", "version": "1.0", "title": "Calculator"}},
        **UNCACHED,
    }


def test_discovery_without_instructions_has_none(stateless: StatelessClient) -> None:
    assert "instructions" not in stateless.call("server/discover")


@pytest.mark.parametrize(
    "method",
    [
        "initialize",
        "ping",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tools/destroy",
    ],
)
def test_what_this_era_has_not_is_not_found(stateless: StatelessClient, method: str) -> None:
    error = refused(stateless, method, uri="a://b", level="debug", protocolVersion="2025-11-25", capabilities={})
    assert (error.code, error.data) == (-32601, {"method": method})


@pytest.mark.parametrize("method", ["server/discover", "subscriptions/listen"])
def test_what_only_this_era_has_is_not_found_in_the_other(client: "AppClient", method: str) -> None:
    error = refused(client.initialize(), method, notifications={})
    assert (error.code, error.data) == (-32601, {"method": method})


@pytest.mark.proves("E-6", "mcp/2026-07-28/basic#error-codes", "mcp/2026-07-28/server/resources#not-found")
@pytest.mark.parametrize("uri", ["a://nope", "a://missing/x"])
def test_a_resource_that_is_not_there_is_an_invalid_parameter(
    app: App, stateless: StatelessClient, client: "AppClient", uri: str
) -> None:
    app.remove_resource("a://{name}/x")

    @app.resource("a://{name}/x")
    async def missing(name: str) -> str:
        raise ResourceNotFound(f"a://{name}/x")

    for one, code in [(stateless, -32602), (client, -32002)]:
        error = refused(one, "resources/read", uri=uri)
        assert (error.code, error.message, error.data) == (code, f"Resource not found: {uri}", {"uri": uri})


def test_other_errors_are_what_they_are(app: App, stateless: StatelessClient, logged_errors: "LoggedErrors") -> None:
    @app.method("now")
    def now() -> None:
        raise RpcError("no", code=7)

    @app.method("later")
    def later() -> Deferred[None]:
        return fail(RpcError("no", code=7))

    @app.method("defect")
    async def defect() -> None:
        raise RuntimeError("secret")

    assert refused(stateless, "now").code == refused(stateless, "later").code == 7
    assert refused(stateless, "defect").code == -32603
    assert len(logged_errors.flush(RuntimeError)) == 1


def test_a_failure_of_a_tool_is_a_result_like_any_other(app: App, stateless: StatelessClient) -> None:
    @app.tool
    def result() -> ToolResult:
        return ToolResult([Text("no")], is_error=True)

    assert stateless.tool("result") == {**COMPLETE, "content": [{"type": "text", "text": "no"}], "isError": True}


@pytest.mark.proves("V-11", "mcp/2026-07-28/basic#result-type")
@pytest.mark.parametrize(
    ("method", "params", "result"),
    [
        ("tools/call", {"name": "add", "arguments": {"a": 1, "b": 1}}, "content"),
        ("resources/read", {"uri": "a://b"}, "contents"),
        ("resources/read", {"uri": "a://y/x"}, "contents"),
        ("prompts/get", {"name": "greet", "arguments": {"name": "Bo"}}, "messages"),
        (
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "name", "value": "B"}},
            "completion",
        ),
        ("tools/list", {}, "tools"),
        ("resources/list", {}, "resources"),
        ("resources/templates/list", {}, "resourceTemplates"),
        ("prompts/list", {}, "prompts"),
        ("server/discover", {}, "supportedVersions"),
    ],
)
def test_every_result_has_what_it_must(
    stateless: StatelessClient, method: str, params: dict[str, Any], result: str
) -> None:
    answer = stateless.call(method, **params)
    assert answer.items() >= COMPLETE.items()
    assert answer[result]
    hint = {name: answer[name] for name in UNCACHED if name in answer}
    assert hint == (UNCACHED if method in CACHEABLE else {})


def test_a_result_may_come_later(app: App, stateless: StatelessClient, clock: Clock) -> None:
    @app.resource("a://later")
    async def later(context: Context) -> str:
        await deferLater(clock, 1)
        return "later"

    id = stateless.begin("resources/read", uri="a://later")
    assert stateless.answer(id) is None
    clock.advance(1)
    contents = [{"uri": "a://later", "mimeType": "text/plain", "text": "later"}]
    assert stateless.answer(id) == {**COMPLETE, **UNCACHED, "contents": contents}


@pytest.mark.proves("mcp/2026-07-28/server/utilities/caching#hints")
def test_what_may_be_kept_says_for_how_long_and_for_whom(
    clock: Clock, new_stateless: Callable[..., StatelessClient]
) -> None:
    app = App("a", "1", clock=clock, cache=CacheHint(60, public=True))

    @app.resource("a://kept", cache=CacheHint(0.5))
    def kept() -> str:
        return ""

    @app.resource("a://not/kept")
    def not_kept() -> str:
        return ""

    client = new_stateless(app)

    def hint(method: str, **params: Any) -> tuple[int, str]:
        answer = client.call(method, **params)
        return answer["ttlMs"], answer["cacheScope"]

    assert hint("resources/list") == hint("server/discover") == (60_000, "public")
    assert hint("resources/read", uri="a://kept") == (500, "private")
    assert hint("resources/read", uri="a://not/kept") == (0, "private")


def test_pages_of_a_list_are_hinted_alike(app: App, stateless: StatelessClient) -> None:
    for number in range(4):
        app.tool(name=f"t{number}")(lambda: "")
    first = stateless.call("tools/list")
    second = stateless.call("tools/list", cursor=first["nextCursor"])
    assert len(second["tools"]) == 2
    assert [page["cacheScope"] for page in (first, second)] == ["private", "private"]


class Own(Struct):
    value: int


@pytest.mark.parametrize(
    ("returned", "answered"),
    [
        (None, COMPLETE),
        ({"a": 1}, {**COMPLETE, "a": 1}),
        (Own(1), {**COMPLETE, "value": 1}),
        (Raw(b' {"a" : 1} '), {**COMPLETE, "a": 1}),
        ({"_meta": {"own": 1}}, {"resultType": "complete", "_meta": {**SERVER, "own": 1}}),
        ({"resultType": "task", "a": 1}, {**COMPLETE, "resultType": "task", "a": 1}),
        ([1], [1]),
        ("text", "text"),
    ],
)
def test_a_method_of_ones_own_answers_alike(
    app: App, stateless: StatelessClient, returned: object, answered: object
) -> None:
    @app.method("own")
    def own() -> Any:
        return returned

    @app.method("later")
    def later() -> Any:
        return succeed(returned)

    assert stateless.call("own") == answered
    assert stateless.call("later") == answered


@pytest.mark.proves("mcp/2026-07-28/basic#result-type")
def test_a_tool_may_have_something_to_say_in_meta(app: App, stateless: StatelessClient) -> None:
    @app.tool
    def own() -> ToolResult:
        return ToolResult([], meta={"com.example/cost": 1})

    assert stateless.tool("own")["_meta"] == {**SERVER, "com.example/cost": 1}


# What it sends meanwhile.


def logs(client: "AppClient") -> list[Level]:
    return [message["level"] for message in client.told("notifications/message")]


@pytest.mark.proves("V-10", "mcp/2026-07-28/server/utilities/logging#per-request")
@pytest.mark.parametrize(("asked", "heard"), [(None, []), ("debug", LEVELS), ("warning", LEVELS[3:])])
def test_log_messages_are_for_requests_that_ask_for_them(
    app: App, stateless: StatelessClient, asked: Level | None, heard: list[Level]
) -> None:
    @app.tool
    def work(context: Context) -> None:
        for level in LEVELS:
            context.log(level, "working")

    if asked is not None:
        stateless.meta[LOG_LEVEL] = asked
    stateless.tool("work")
    assert logs(stateless) == list(heard)


@pytest.mark.proves("mcp/2026-07-28/basic/patterns/progress#active")
def test_progress_is_sent_under_the_token_of_the_request(app: App, stateless: StatelessClient) -> None:
    @app.tool
    def work(context: Context) -> None:
        context.progress(1, 2)

    stateless.call("tools/call", name="work", _meta={"progressToken": "t"})
    stateless.call("tools/call", name="work")
    assert stateless.told("notifications/progress") == [{"progressToken": "t", "progress": 1, "total": 2}]
