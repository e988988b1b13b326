"""Every message that an App sends is what the schema of its protocol version says, by the official types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from mcp_types.jsonrpc import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse
from mcp_types.methods import (
    CACHEABLE_METHODS,
    CLIENT_REQUESTS,
    INPUT_REQUIRED_METHODS,
    SERVER_NOTIFICATIONS,
    SPEC_CLIENT_METHODS,
    parse_server_notification,
    parse_server_request,
    serialize_server_result,
    validate_client_request,
)
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, KNOWN_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock

from mcpws.backends.app import App
from mcpws.backends.app.content import CacheHint
from mcpws.backends.app.context import Context
from mcpws.backends.app.methods import METHODS, MODERN_METHODS
from mcpws.errors import RemoteError, ToolError
from mcpws.jsonrpc.messages import RequestId
from mcpws.mcp.content import (
    Annotations,
    Audio,
    Content,
    EmbeddedResource,
    Image,
    PromptMessage,
    ResourceContents,
    ResourceLink,
    Text,
    ToolAnnotations,
    ToolResult,
)
from mcpws.mcp.meta import CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION
from mcpws.mcp.methods import CACHEABLE, MAY_ASK
from mcpws.mcp.versions import ARGUMENTS_ARE_PARAMETERS, LEGACY_VERSIONS, MODERN_VERSIONS, SUPPORTED_VERSIONS

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient, StatelessClient

CAPABILITIES: dict[str, Any] = {"elicitation": {}, "sampling": {}, "roots": {}}
TESTER = {"name": "tester", "version": "1"}
META = {PROTOCOL_VERSION: MODERN_VERSIONS[-1], CLIENT_INFO: TESTER, CLIENT_CAPABILITIES: CAPABILITIES}
FORM = {"type": "object", "properties": {"name": {"type": "string"}}}
ANSWERS = {
    "elicitation/create": {"action": "accept", "content": {"name": "Bo"}},
    "sampling/createMessage": {"role": "assistant", "content": {"type": "text", "text": "Hi."}, "model": "m"},
    "roots/list": {"roots": [{"uri": "file:///a", "name": "a"}]},
}


def holds(whole: Any, part: Any) -> bool:
    """Whether all that is in `part` is in `whole`."""
    if isinstance(part, dict):
        return all(name in whole and holds(whole[name], value) for name, value in part.items())
    if isinstance(part, list):
        return len(whole) == len(part) and all(map(holds, whole, part))
    return bool(whole == part)


class Checked:
    """Talks through `client`, and holds all that it sends and gets against the schema of its protocol `version`."""

    def __init__(self, client: AppClient, version: str, clock: Clock) -> None:
        self.version = version
        self._client = client
        self._clock = clock
        self._methods: dict[RequestId, str] = {}
        self._answered = 0

    def begin(self, method: str, **params: Any) -> RequestId:
        """Send a request that the schema allows."""
        if self.version in MODERN_VERSIONS:
            params["_meta"] = {**META, **params.get("_meta", {})}
        validate_client_request(method, self.version, params)
        return self._begin(method, params)

    def call(self, method: str, **params: Any) -> Any:
        """Send such a request, and give whatever answers it takes to get the result."""
        id = self.begin(method, **params)
        result = self._result(id)
        while result.get("resultType") == "input_required":
            responses = {key: ANSWERS[one["method"]] for key, one in result["inputRequests"].items()}
            state = result["requestState"]
            result = self._result(self.begin(method, **params, inputResponses=responses, requestState=state))
        return result

    def refused(self, method: str, **params: Any) -> int:
        """Send any request that is answered with an error; its code."""
        if self.version in MODERN_VERSIONS:
            params["_meta"] = {**META, **params.get("_meta", {})}
        with pytest.raises(RemoteError) as caught:
            self._result(self._begin(method, params))
        return caught.value.code

    def seen(self) -> set[str]:
        """The kinds of all messages that came: methods of notifications and requests, results with their type, errors.

        Each of them is what the schema says.
        """
        return {self._check(message) for message in self._client.sent}

    def _begin(self, method: str, params: dict[str, Any]) -> RequestId:
        id = self._client.begin(method, **params)
        self._methods[id] = method
        return id

    def _result(self, id: RequestId) -> Any:
        self._clock.advance(0)
        while self._client.answer(id) is None:
            # It waits for us.
            [asked] = [one for one in self._client.sent if "id" in one and "method" in one][self._answered :][:1]
            self._answered += 1
            self._client.reply(asked["id"], result=ANSWERS[asked["method"]])
        return self._client.answer(id)

    def _check(self, message: dict[str, Any]) -> str:
        method, params = message.get("method"), message.get("params")
        if "error" in message:
            return f"error {JSONRPCError.model_validate(message).error.code}"
        if method is None:
            result = JSONRPCResponse.model_validate(message).result
            asked = self._methods[message["id"]]
            # What the schema does not know does not come back.
            assert holds(serialize_server_result(asked, self.version, result), result)
            return f"{asked} {result.get('resultType', 'complete')}"
        if "id" in message:
            JSONRPCRequest.model_validate(message)
            parse_server_request(method, self.version, params)
        else:
            JSONRPCNotification.model_validate(message)
            parse_server_notification(method, self.version, params)
        return str(method)


@pytest.fixture
def app(clock: Clock) -> App:
    """An App that makes use of everything."""
    app = App(
        "tested",
        "1.0",
        title="Tested",
        instructions="Test it.",
        clock=clock,
        page_size=2,
        cache=CacheHint(1.5, public=True),
    )
    hints = Annotations(audience=("user",), priority=0.5, last_modified="2026-01-01T00:00:00Z")

    @app.tool
    def add(a: int, b: int = 1) -> int:
        """Add.

        Args:
            a: one.
        """
        return a + b

    @app.tool(title="Show", annotations=ToolAnnotations(title="Show", read_only_hint=True))
    def show() -> list[Content]:
        """Show every kind of content."""
        return [
            Text("a", annotations=hints, meta={"com.example/a": 1}),
            Image(b"a", "image/png"),
            Audio(b"a", "audio/wav"),
            ResourceLink(uri="a://b", name="b", title="B", description="b", mime_type="text/x", size=1),
            EmbeddedResource(ResourceContents("a://b", text="b")),
            EmbeddedResource(ResourceContents("a://b", blob=b"b", mime_type="image/png")),
        ]

    @app.tool
    def own() -> ToolResult:
        return ToolResult([Text("a")], {"a": 1}, meta={"com.example/a": 1})

    @app.tool
    def failing() -> str:
        raise ToolError("no")

    @app.tool
    async def ask(context: Context) -> str:
        context.progress(1, 3, "asking")
        context.log("error", {"a": 1}, "tests")
        asked: list[Deferred[Any]] = [context.elicit("Name?", FORM), context.list_roots()]
        await gatherResults(asked, consumeErrors=True)
        answer = await context.sample(
            [PromptMessage("user", Text("Hi?")), PromptMessage("assistant", Image(b"a", "image/png"))],
            5,
            system_prompt="Be brief.",
            temperature=0.5,
            stop_sequences=["."],
            model_preferences={"speedPriority": 1},
        )
        return answer.text

    @app.resource("a://b", title="B", description="b", mime_type="text/x")
    def text() -> str:
        return "b"

    @app.resource("a://bytes")
    def blob() -> bytes:
        return b"b"

    @app.resource("a://ask")
    async def asking(context: Context) -> dict[str, int]:
        return {"roots": len(await context.list_roots())}

    @app.resource("a://{name}/x", title="X", description="x", mime_type="text/x")
    def template(name: str) -> str:
        return name

    @app.prompt(title="Greet")
    def greet(name: str, language: str = "English") -> list[PromptMessage | str]:
        """Greet somebody."""
        return [f"Greet {name}.", PromptMessage("assistant", EmbeddedResource(ResourceContents("a://b", text="b")))]

    @app.prompt
    async def asking_prompt(context: Context) -> str:
        return str(len(await context.list_roots()))

    @app.completion("greet", "language")
    def languages(typed: str) -> list[str]:
        return [typed] * 101

    return app


def use_everything(client: Checked) -> None:
    """What both eras have."""
    for method in ("tools/list", "resources/list", "resources/templates/list", "prompts/list"):
        page = client.call(method)
        while "nextCursor" in page:
            page = client.call(method, cursor=page["nextCursor"])
    client.call("tools/call", name="add", arguments={"a": 1})
    for name in ("show", "own", "failing"):
        client.call("tools/call", name=name)
    told = {"progressToken": "t", **({LOG_LEVEL: "info"} if client.version in MODERN_VERSIONS else {})}
    assert client.call("tools/call", name="ask", _meta=told)["content"] == [{"type": "text", "text": "Hi."}]
    for uri in ("a://b", "a://bytes", "a://ask", "a://y/x"):
        client.call("resources/read", uri=uri)
    client.call("prompts/get", name="greet", arguments={"name": "Bo"})
    client.call("prompts/get", name="asking_prompt")
    for reference in ({"type": "ref/prompt", "name": "greet"}, {"type": "ref/resource", "uri": "a://{name}/x"}):
        client.call("completion/complete", ref=reference, argument={"name": "language", "value": "E"})
    assert client.refused("tools/call", name="nope") == -32602
    if client.version in ARGUMENTS_ARE_PARAMETERS:
        assert client.refused("tools/call", name="add", arguments={"a": "1"}) == -32602
    else:
        assert client.call("tools/call", name="add", arguments={"a": "1"})["isError"]
    assert client.refused("no/such/method") == -32601


def change_everything(app: App) -> None:
    app.remove_tool("add")
    app.remove_prompt("greet")
    app.resource_updated("a://b")
    app.remove_resource("a://b")


COMMON = {
    *(f"{method} complete" for method in MAY_ASK),
    *(f"{method} complete" for method in CACHEABLE if method != "server/discover"),
    "completion/complete complete",
    "error -32601",
    "error -32602",
    "notifications/message",
    "notifications/progress",
    "notifications/tools/list_changed",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
}


@pytest.mark.proves("mcp/2026-07-28/schema#results")
@pytest.mark.parametrize("version", MODERN_PROTOCOL_VERSIONS)
def test_what_a_stateless_client_gets_is_what_the_schema_says(
    app: App, stateless: StatelessClient, clock: Clock, version: str
) -> None:
    stateless.capabilities = CAPABILITIES
    client = Checked(stateless, version, clock)
    client.call("server/discover")
    use_everything(client)
    assert client.refused("resources/read", uri="a://nope") == -32602
    assert client.refused("tools/call", name="ask", _meta={CLIENT_CAPABILITIES: {}}) == -32021
    assert client.refused("tools/list", _meta={PROTOCOL_VERSION: "1999-01-01"}) == -32022
    client.begin(
        "subscriptions/listen",
        notifications={
            "toolsListChanged": True,
            "promptsListChanged": True,
            "resourcesListChanged": True,
            "resourceSubscriptions": ["a://b"],
        },
    )
    change_everything(app)
    app.stop()
    assert client.seen() == COMMON | {
        "server/discover complete",
        "subscriptions/listen complete",
        *(f"{method} input_required" for method in MAY_ASK),
        "notifications/subscriptions/acknowledged",
        "error -32021",
        "error -32022",
    }


@pytest.mark.proves("mcp/2025-11-25/schema#results")
@pytest.mark.parametrize("version", [version for version in HANDSHAKE_PROTOCOL_VERSIONS if version >= "2025-06-18"])
def test_what_a_handshaken_client_gets_is_what_the_schema_says(
    app: App, client: AppClient, clock: Clock, version: str
) -> None:
    checked = Checked(client, version, clock)
    checked.call("initialize", protocolVersion=version, capabilities=CAPABILITIES, clientInfo=TESTER)
    client.tell("notifications/initialized")
    checked.call("ping")
    use_everything(checked)
    checked.call("logging/setLevel", level="debug")
    checked.call("resources/subscribe", uri="a://b")
    assert checked.refused("resources/read", uri="a://nope") == -32002
    change_everything(app)
    checked.call("resources/unsubscribe", uri="a://b")
    empty = ("ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "initialize")
    assert checked.seen() == COMMON | {*(f"{method} complete" for method in empty), *ANSWERS, "error -32002"}


def test_the_versions_are_those_that_there_are() -> None:
    assert LEGACY_VERSIONS == HANDSHAKE_PROTOCOL_VERSIONS
    assert MODERN_VERSIONS == MODERN_PROTOCOL_VERSIONS
    assert list(reversed(KNOWN_PROTOCOL_VERSIONS)) == list(SUPPORTED_VERSIONS)


@pytest.mark.proves("mcp/2026-07-28/schema#results")
def test_the_methods_are_those_that_there_are() -> None:
    def methods(version: str) -> set[str]:
        return {method for method, of in CLIENT_REQUESTS if of == version}

    assert METHODS.keys() == methods(LEGACY_VERSIONS[-1])
    assert MODERN_METHODS.keys() == methods(MODERN_VERSIONS[-1])
    assert METHODS.keys() | MODERN_METHODS.keys() == SPEC_CLIENT_METHODS
    assert CACHEABLE == CACHEABLE_METHODS
    assert MAY_ASK == INPUT_REQUIRED_METHODS


@pytest.mark.proves("mcp/2026-07-28/schema#results")
def test_every_notification_of_a_modern_server_is_sent_at_some_time() -> None:
    """But one: a subscription is ended by its answer, which the schema knows as well."""
    notifications = {method for method, of in SERVER_NOTIFICATIONS if of == MODERN_VERSIONS[-1]}
    sent = {kind for kind in COMMON if kind.startswith("notifications/")}
    assert notifications - sent == {"notifications/cancelled", "notifications/subscriptions/acknowledged"}
