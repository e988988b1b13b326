import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.task import Clock

from mcpws.backends.app import App
from mcpws.backends.app.context import Context
from mcpws.errors import ConfigError
from mcpws.mcp.content import ToolAnnotations
from mcpws.mcp.meta import CLIENT_CAPABILITIES, PROTOCOL_VERSION, SUBSCRIPTION_ID
from mcpws.seam.interfaces import Backend
from mcpws.testing import Served, connected, result_of

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient, StatelessClient


def thing(x: str = "") -> str:
    """Do it."""
    return x


def complete(typed: str) -> list[str]:
    return [typed]


def test_an_app_is_a_backend(app: App) -> None:
    backend: Backend = app
    assert backend is app


def test_decorators_return_the_function_as_it_was(app: App) -> None:
    assert app.tool(thing) is thing
    assert app.tool(name="other")(thing) is thing
    assert app.resource("a://{x}")(thing) is thing
    assert app.prompt(thing) is thing
    assert app.prompt(name="other")(thing) is thing
    assert app.completion("thing", "x")(complete) is complete
    assert app.method("a/b")(thing) is thing
    assert app.notification("a/c")(thing) is thing


def test_what_is_registered_is_listed_with_what_was_said_of_it(app: App, client: "AppClient") -> None:
    app.tool(name="t", title="T", description="A tool.", annotations=ToolAnnotations(title="T!"))(thing)
    app.resource("a://{x}", name="r", title="R", description="A resource.", mime_type="text/x")(thing)
    app.prompt(name="p", title="P", description="A prompt.")(thing)
    [tool] = client.call("tools/list")["tools"]
    del tool["inputSchema"]
    assert tool == {"name": "t", "title": "T", "description": "A tool.", "annotations": {"title": "T!"}}
    assert client.call("resources/templates/list")["resourceTemplates"] == [
        {"name": "r", "title": "R", "description": "A resource.", "mimeType": "text/x", "uriTemplate": "a://{x}"}
    ]
    assert client.call("prompts/list")["prompts"] == [
        {"name": "p", "title": "P", "description": "A prompt.", "arguments": [{"name": "x"}]}
    ]


def test_a_name_is_taken_once(app: App) -> None:
    for register, kind in [
        (app.tool, "tool"),
        (app.prompt, "prompt"),
        (app.resource("a://b"), "resource"),
        (app.resource("a://{x}"), "resource template"),
        (app.completion("thing", "x"), "completion"),
    ]:
        function = complete if kind == "completion" else thing
        register(function)
        with pytest.raises(ConfigError, match=f"{kind}: is registered already"):
            register(function)


def test_what_is_not_there_cannot_be_removed(app: App) -> None:
    for remove in (app.remove_tool, app.remove_resource, app.remove_prompt):
        with pytest.raises(ConfigError, match=r"is not registered \(got 'nope'\)"):
            remove("nope")


@pytest.mark.parametrize(
    ("key", "value"),
    [("page_size", 0), ("max_pending", 0), ("max_notifications", 0), ("max_notification_bytes", 0)],
)
def test_limits_are_1_or_more(key: str, value: int) -> None:
    with pytest.raises(ConfigError, match=f"{key}: must be 1 or more"):
        App("a", "1", **{key: value})  # type: ignore[arg-type]


def test_there_is_some_time_to_stop() -> None:
    with pytest.raises(ConfigError, match=r"stop_grace: must be above 0 \(got 0\)"):
        App("a", "1", stop_grace=0)


def test_a_key_for_the_state_of_clients_is_long_enough() -> None:
    with pytest.raises(ConfigError, match=r"state_key: must have 32 bytes or more \(got '5 bytes'\)"):
        App("a", "1", state_key=b"short")


def test_a_method_of_ones_own_answers_both_eras_but_takes_no_name_of_theirs(
    app: App, client: "AppClient", new_stateless: Callable[..., "StatelessClient"]
) -> None:
    app.method("own")(lambda: None)
    assert client.call("own") == {}
    assert new_stateless().call("own")["resultType"] == "complete"
    for name in ("server/discover", "subscriptions/listen", "initialize"):
        with pytest.raises(ConfigError, match=f"method: is MCP's own .*{name}"):
            app.method(name)(lambda: None)


@pytest.mark.proves("mcp/2025-11-25/server/tools#list-changed")
def test_initialised_clients_hear_of_what_comes_and_goes(app: App, new_client: Callable[..., "AppClient"]) -> None:
    app.tool(thing)
    app.prompt(thing)
    app.resource("a://b")(thing)
    silent, client = new_client(), new_client().initialize()
    app.tool(name="more")(thing)
    app.remove_tool("more")
    app.prompt(name="more")(thing)
    app.remove_prompt("more")
    app.remove_prompt("thing")
    app.resource("a://{x}")(thing)
    app.remove_resource("a://{x}")
    for kind, count in [("tools", 2), ("prompts", 3), ("resources", 2)]:
        assert client.told(f"notifications/{kind}/list_changed") == [None] * count
    assert silent.sent == []


@pytest.mark.proves("mcp/2025-11-25/basic/lifecycle#capabilities")
def test_a_client_hears_of_no_list_that_it_was_not_told_of(app: App, client: "AppClient") -> None:
    client.initialize()
    app.tool(thing)
    assert client.told("notifications/tools/list_changed") == []


@pytest.mark.proves("mcp/2025-11-25/basic/lifecycle#initialized")
def test_a_client_hears_nothing_before_it_says_that_it_is_ready(app: App, client: "AppClient") -> None:
    app.tool(thing)
    client.call("initialize", protocolVersion="2025-11-25")
    app.remove_tool("thing")
    client.tell("notifications/initialized")
    app.tool(thing)
    assert client.told("notifications/tools/list_changed") == [None]


@pytest.mark.proves("G-1")
def test_clients_do_not_hear_of_each_other(app: App, new_client: Callable[..., "AppClient"]) -> None:
    app.resource("a://{x}")(thing)
    one, two = new_client().initialize(), new_client().initialize()
    one.call("logging/setLevel", level="emergency")
    one.call("resources/subscribe", uri="a://1")
    two.call("resources/subscribe", uri="a://2")
    app.resource_updated("a://1")
    assert one.told("notifications/resources/updated") == [{"uri": "a://1"}]
    assert two.told("notifications/resources/updated") == []


def test_it_serves_real_clients(app: App, clock: Clock) -> None:
    @app.tool
    def add(a: int, b: int) -> int:
        return a + b

    pair = connected(app, clock=clock)
    answer = pair.session.request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
    pair.flush()
    assert result_of(answer)["structuredContent"] == {"result": 3}
    closed = pair.session.close()
    pair.flush()
    result_of(closed)


def test_it_serves_stateless_clients_on_a_real_connection(app: App, clock: Clock) -> None:
    @app.tool
    async def greet(context: Context) -> str:
        answer = await context.elicit("Your name?", {"type": "object", "properties": {}})
        return answer.action

    served = Served(app, clock=clock)
    client = served.upgraded()
    meta = {PROTOCOL_VERSION: "2026-07-28", CLIENT_CAPABILITIES: {"elicitation": {}}}

    def say(id: int, method: str, **params: Any) -> None:
        client.send_message({"jsonrpc": "2.0", "id": id, "method": method, "params": {"_meta": meta, **params}})
        served.flush()
        served.advance(0)

    say(1, "subscriptions/listen", notifications={"toolsListChanged": True})
    say(2, "tools/call", name="greet")
    acknowledged, asked = client.take_messages()
    assert acknowledged["params"]["_meta"] == {SUBSCRIPTION_ID: 1}
    [key] = asked["result"]["inputRequests"]
    state = asked["result"]["requestState"]
    say(3, "tools/call", name="greet", inputResponses={key: {"action": "decline"}}, requestState=state)
    [greeted] = client.take_messages()
    assert greeted["result"]["content"] == [{"type": "text", "text": "decline"}]
    app.stop()
    served.flush()
    [ended] = client.take_messages()
    assert ended["id"] == 1
    assert ended["result"]["_meta"][SUBSCRIPTION_ID] == 1
    served.advance(60)


def test_the_reactor_is_chosen_by_whoever_runs_it_and_not_by_an_import() -> None:
    code = """
import sys
from mcpws.backends.app import App
from mcpws.seam.interfaces import Identity
app = App("a", "1")
assert "twisted.internet.reactor" not in sys.modules

class Link:
    identity = Identity("here")
    def send(self, message): ...

app.open(Link())
assert "twisted.internet.reactor" in sys.modules
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)
