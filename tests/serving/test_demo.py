import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.task import Clock

from mcpws.backends.app import App
from mcpws.core.counters import Counters
from mcpws.core.lifecycle import ConnectionState
from mcpws.errors import RemoteError
from mcpws.mcp.meta import SUBSCRIPTION_ID
from mcpws.policy.stats import ServerStatistics, Totals, snapshot
from mcpws.serving.demo import PATIENCE, STATISTICS_URI, demo_app

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient, StatelessClient
    from tests.conftest import LoggedErrors

UPDATED = "notifications/resources/updated"


class Statistics:
    """What the server would say, for the test to change; `broken` while it cannot say anything, `sent` what it sent."""

    def __init__(self, clock: Clock) -> None:
        counters = Counters(0)
        state = ConnectionState.CONNECTED
        connection = snapshot(counters, id=1, peer="10.0.0.1:5", state=state, in_flight=0, queued_bytes=0, now=0)
        self.current = Totals(0).snapshot((connection,), 0)
        self.broken = False
        self.sent: list[Any] = []
        self._clock = clock

    def __call__(self) -> ServerStatistics:
        if self.broken:
            raise RuntimeError("broken")
        return replace(self.current, messages_sent=len(self.sent), uptime=self._clock.seconds())

    def receive(self) -> None:
        self.current = replace(self.current, messages_received=self.current.messages_received + 1)


@pytest.fixture
def statistics(clock: Clock) -> Statistics:
    return Statistics(clock)


@pytest.fixture
def app(statistics: Statistics, clock: Clock) -> App:
    return demo_app(statistics, clock)


def text(result: Any) -> str:
    [block] = result["content"]
    assert isinstance(block["text"], str)
    return block["text"]


def test_it_shows_every_feature_and_how_to_use_it(client: "AppClient") -> None:
    hello = client.call("initialize", protocolVersion="2025-11-25")
    assert set(hello["capabilities"]) == {"tools", "resources", "prompts", "completions", "logging"}
    assert hello["serverInfo"]["name"] == "mcpws-demo"
    assert "demonstration" in hello["instructions"]
    tools = client.call("tools/list")["tools"]
    assert [tool["name"] for tool in tools] == [
        "echo",
        "add",
        "countdown",
        "count_countdowns",
        "write_log",
        "toggle_tool",
        "ask_model",
        "ask_user",
        "list_roots",
    ]
    assert all(tool["description"] for tool in tools)
    assert [one["uri"] for one in client.call("resources/list")["resources"]] == [STATISTICS_URI]
    [template] = client.call("resources/templates/list")["resourceTemplates"]
    assert template["uriTemplate"] == "mcpws://greeting/{name}"
    assert [prompt["name"] for prompt in client.call("prompts/list")["prompts"]] == ["greet"]


def test_plain_tools_answer_at_once(client: "AppClient") -> None:
    assert text(client.tool("echo", text="hé")) == "hé"
    assert client.tool("add", a=1, b=2)["structuredContent"] == {"result": 3}


def test_a_countdown_reports_its_progress(client: "AppClient", clock: Clock) -> None:
    arguments = {"seconds": 3, "steps": 2}
    id = client.begin("tools/call", name="countdown", arguments=arguments, _meta={"progressToken": "t"})
    clock.pump([1.5, 1.5])
    assert [(one["progress"], one["total"]) for one in client.told("notifications/progress")] == [
        (0, 2),
        (1, 2),
        (2, 2),
    ]
    assert text(client.answer(id)) == "3 seconds in 2 steps"


def test_a_countdown_can_be_cancelled(client: "AppClient", clock: Clock) -> None:
    id = client.begin("tools/call", name="countdown")
    client.tell("notifications/cancelled", requestId=id)
    assert clock.getDelayedCalls() == []
    assert client.answer(id) is None


def test_countdowns_are_counted_whatever_becomes_of_them(
    client: "AppClient", new_client: Callable[..., "AppClient"], clock: Clock
) -> None:
    def counted() -> Any:
        return client.tool("count_countdowns")["structuredContent"]

    assert counted() == {"running": 0, "finished": 0, "cancelled": 0}
    other = new_client()
    for seconds in (1, 9, 9):
        last = other.begin("tools/call", name="countdown", arguments={"seconds": seconds, "steps": 1})
    assert counted() == {"running": 3, "finished": 0, "cancelled": 0}
    clock.advance(1)
    other.tell("notifications/cancelled", requestId=last)
    assert counted() == {"running": 1, "finished": 1, "cancelled": 1}
    other.channel.close("gone")
    assert counted() == {"running": 0, "finished": 1, "cancelled": 2}


def test_a_log_message_is_sent_at_its_level(client: "AppClient") -> None:
    assert text(client.tool("write_log", text="hello", level="error")) == "logged at level error"
    client.tool("write_log", text="psst", level="debug")
    assert client.told("notifications/message") == [{"level": "error", "data": "hello", "logger": "demo"}]


def test_a_tool_comes_and_goes(client: "AppClient") -> None:
    client.initialize()
    assert text(client.tool("toggle_tool")) == "added the tool extra"
    assert text(client.tool("extra")) == "still here"
    assert text(client.tool("toggle_tool")) == "removed the tool extra"
    assert len(client.told("notifications/tools/list_changed")) == 2


def test_the_clients_model_answers(client: "AppClient") -> None:
    id = client.initialize(sampling={}).begin("tools/call", name="ask_model", arguments={"prompt": "Who?"})
    [(asked, params)] = client.asked("sampling/createMessage")
    assert params["messages"][0]["content"]["text"] == "Who?"
    content = {"type": "text", "text": "I."}
    client.reply(asked, result={"role": "assistant", "content": content, "model": "m"})
    assert client.answer(id) == {"content": [{"type": "text", "text": "I."}]}


@pytest.mark.parametrize(
    ("result", "answer", "is_error"),
    [
        ({"action": "accept", "content": {"answer": "Bo"}}, "Bo", False),
        ({"action": "accept", "content": {}}, "", False),
        ({"action": "accept"}, "The user gave no answer: accept", True),
        ({"action": "decline"}, "The user gave no answer: decline", True),
    ],
)
def test_the_clients_user_answers_or_not(
    client: "AppClient", result: dict[str, Any], answer: str, is_error: bool
) -> None:
    id = client.initialize(elicitation={}).begin("tools/call", name="ask_user", arguments={"question": "Name?"})
    [(asked, params)] = client.asked("elicitation/create")
    assert params["message"] == "Name?"
    client.reply(asked, result=result)
    answered = client.answer(id)
    assert (text(answered), answered.get("isError", False)) == (answer, is_error)


def test_the_clients_roots_are_listed(client: "AppClient") -> None:
    id = client.initialize(roots={}).begin("tools/call", name="list_roots")
    [(asked, _)] = client.asked("roots/list")
    client.reply(asked, result={"roots": [{"uri": "file:///a"}]})
    assert client.answer(id)["structuredContent"] == {"result": ["file:///a"]}


@pytest.mark.parametrize(
    ("tool", "arguments", "response", "answer"),
    [
        (
            "ask_model",
            {"prompt": "Who?"},
            {"role": "assistant", "content": {"type": "text", "text": "I."}, "model": "m"},
            "I.",
        ),
        ("ask_user", {"question": "Name?"}, {"action": "accept", "content": {"answer": "Bo"}}, "Bo"),
        ("list_roots", {}, {"roots": [{"uri": "file:///a"}]}, '["file:///a"]'),
    ],
)
def test_a_stateless_client_answers_as_well(
    stateless: "StatelessClient", clock: Clock, tool: str, arguments: dict[str, str], response: object, answer: str
) -> None:
    stateless.capabilities = {"elicitation": {}, "sampling": {}, "roots": {}}
    id = stateless.begin("tools/call", name=tool, arguments=arguments)
    clock.advance(0)
    asked = stateless.answer(id)
    responses = dict.fromkeys(asked["inputRequests"], response)
    retry = {"name": tool, "arguments": arguments, "inputResponses": responses, "requestState": asked["requestState"]}
    assert text(stateless.call("tools/call", **retry)) == answer
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize(
    ("tool", "arguments"), [("ask_model", {"prompt": ""}), ("ask_user", {"question": ""}), ("list_roots", {})]
)
def test_a_client_that_cannot_answer_is_told_so(client: "AppClient", tool: str, arguments: dict[str, str]) -> None:
    answer = client.initialize().tool(tool, **arguments)
    assert answer["isError"]
    assert text(answer).startswith("the client did not declare the capability ")


@pytest.mark.parametrize(
    ("tool", "arguments", "capability"),
    [
        ("ask_model", {"prompt": ""}, "sampling"),
        ("ask_user", {"question": ""}, "elicitation"),
        ("list_roots", {}, "roots"),
    ],
)
def test_a_stateless_client_that_cannot_answer_gets_the_error_for_it(
    stateless: "StatelessClient", tool: str, arguments: dict[str, str], capability: str
) -> None:
    with pytest.raises(RemoteError, match=capability) as caught:
        stateless.tool(tool, **arguments)
    assert caught.value.code == -32021
    assert caught.value.data == {"requiredCapabilities": {capability: {}}}


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ({"error": {"code": -1, "message": "rejected"}}, "rejected (code -1)"),
        ({"result": {"role": "robot"}}, "Invalid enum value 'robot'"),
        (None, f"no answer within {PATIENCE:g} s"),
    ],
)
def test_an_answer_that_does_not_come_is_told_to_the_model(
    client: "AppClient", clock: Clock, reply: dict[str, Any] | None, problem: str
) -> None:
    id = client.initialize(sampling={}).begin("tools/call", name="ask_model", arguments={"prompt": ""})
    [(asked, _)] = client.asked("sampling/createMessage")
    if reply is None:
        clock.advance(PATIENCE)
    else:
        client.reply(asked, **reply)
    answer = client.answer(id)
    assert answer["isError"]
    assert text(answer).startswith("No answer from the client: ")
    assert problem in text(answer)


def test_prompt_completion_and_template_work(client: "AppClient") -> None:
    prompt = client.call("prompts/get", name="greet", arguments={"name": "Bo", "language": "Greek"})
    assert prompt["messages"][0]["content"]["text"] == "Write one line that greets Bo in Greek."
    ref, argument = {"type": "ref/prompt", "name": "greet"}, {"name": "language", "value": "g"}
    assert client.call("completion/complete", ref=ref, argument=argument)["completion"]["values"] == ["German", "Greek"]
    [contents] = client.call("resources/read", uri="mcpws://greeting/J%C3%B6rg")["contents"]
    assert contents["text"] == "Hello, Jörg!"


def test_the_statistics_are_read_without_those_of_other_clients(
    client: "AppClient", statistics: Statistics, clock: Clock
) -> None:
    clock.advance(7)
    statistics.receive()
    [contents] = client.call("resources/read", uri=STATISTICS_URI)["contents"]
    assert contents["mimeType"] == "application/json"
    figures = json.loads(contents["text"])
    assert figures["active_connections"] == 1
    assert figures["messages_received"] == 1
    assert figures["uptime"] == 7
    assert "10.0.0.1" not in contents["text"]


def test_subscribers_hear_every_second_whether_the_statistics_have_changed(
    client: "AppClient", statistics: Statistics, clock: Clock
) -> None:
    client.call("resources/subscribe", uri=STATISTICS_URI)
    clock.advance(1)
    assert client.told(UPDATED) == []
    statistics.receive()
    assert client.told(UPDATED) == []
    clock.advance(1)
    assert client.told(UPDATED) == [{"uri": STATISTICS_URI}]
    clock.advance(1)
    assert len(client.told(UPDATED)) == 1


def test_whoever_listens_hears_it_too(stateless: "StatelessClient", statistics: Statistics, clock: Clock) -> None:
    id = stateless.begin("subscriptions/listen", notifications={"resourceSubscriptions": [STATISTICS_URI]})
    statistics.receive()
    clock.advance(1)
    assert stateless.told(UPDATED) == [{"_meta": {SUBSCRIPTION_ID: id}, "uri": STATISTICS_URI}]
    stateless.tell("notifications/cancelled", requestId=id)
    assert clock.getDelayedCalls() == []


def test_that_it_was_told_is_no_change_to_tell(client: "AppClient", statistics: Statistics, clock: Clock) -> None:
    statistics.sent = client.sent
    client.call("resources/subscribe", uri=STATISTICS_URI)
    # The answer to that was the first change.
    clock.pump([1] * 5)
    assert len(client.told(UPDATED)) == 1


def test_the_timer_runs_only_while_somebody_listens(
    app: App, new_client: Callable[..., "AppClient"], clock: Clock
) -> None:
    def timers() -> int:
        return len(clock.getDelayedCalls())

    one, two = new_client(), new_client()
    assert timers() == 0
    one.call("resources/subscribe", uri=STATISTICS_URI)
    two.call("resources/subscribe", uri=STATISTICS_URI)
    assert timers() == 1
    one.call("resources/unsubscribe", uri=STATISTICS_URI)
    assert timers() == 1
    two.channel.close("gone")
    assert timers() == 0
    one.call("resources/subscribe", uri=STATISTICS_URI)
    assert timers() == 1
    app.stop()
    assert timers() == 0


def test_the_timer_survives_statistics_that_fail(
    client: "AppClient", statistics: Statistics, clock: Clock, logged_errors: "LoggedErrors"
) -> None:
    statistics.broken = True
    client.call("resources/subscribe", uri=STATISTICS_URI)
    clock.advance(1)
    assert len(logged_errors.flush(RuntimeError)) == 2
    statistics.broken = False
    clock.advance(1)
    assert len(client.told(UPDATED)) == 1
    client.call("resources/unsubscribe", uri=STATISTICS_URI)
    assert clock.getDelayedCalls() == []
