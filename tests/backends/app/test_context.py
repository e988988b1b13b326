from collections.abc import Callable
from math import inf, nan
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mcpws.backends.app import App
from mcpws.backends.app.context import Context
from mcpws.errors import (
    CapabilityMissing,
    ConfigError,
    ConnectionClosed,
    RemoteError,
    RequestTimeout,
)
from mcpws.mcp.content import ElicitResult, Image, Implementation, PromptMessage, Root, Text
from mcpws.mcp.levels import LEVELS
from mcpws.mcp.versions import LEGACY_VERSIONS, WITHOUT_ELICITATION
from mcpws.seam.interfaces import Identity
from mcpws.testing import result_of

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient


@pytest.fixture
def contexts(app: App) -> list[Context]:
    """Those of calls of the method `keep`, and of `hold`, which is not answered."""
    kept: list[Context] = []

    @app.method("keep")
    def keep(context: Context) -> None:
        kept.append(context)

    @app.method("hold")
    def hold(context: Context) -> Deferred[None]:
        kept.append(context)
        return Deferred()

    return kept


@pytest.fixture
def begin(client: "AppClient", contexts: list[Context]) -> Callable[..., Context]:
    """The Context of a call that goes on; with a progress token, if one is given."""

    def call(token: str | int | None = None, **capabilities: Any) -> Context:
        client.initialize(**capabilities)
        client.begin("hold", **({} if token is None else {"_meta": {"progressToken": token}}))
        return contexts[-1]

    return call


def outcome(deferred: Deferred[Any]) -> list[Any]:
    results: list[Any] = []
    deferred.addCallbacks(results.append, lambda failure: results.append(failure.value))
    return results


def test_it_knows_the_call_and_the_client(
    app: App, new_client: Callable[..., "AppClient"], contexts: list[Context]
) -> None:
    identity = Identity("tester:2", principal="bo")
    client = new_client(identity=identity)
    client.call("ping")
    id = client.begin("hold")
    [context] = contexts
    assert (context.client_info, context.client_capabilities) == (None, {})
    client.initialize(roots={})
    assert context.request_id == id
    assert context.identity is identity
    assert context.client_info == Implementation("tester", "1")
    assert context.client_capabilities == {"roots": {}}


def test_of_a_notification_there_is_no_id_and_no_progress(app: App, client: "AppClient") -> None:
    heard: list[Context] = []

    @app.notification("moved")
    def moved(context: Context) -> None:
        heard.append(context)

    client.tell("moved", _meta={"progressToken": 1})
    [context] = heard
    context.progress(1)
    assert context.request_id is None
    assert client.sent == []


def test_progress_is_sent_under_the_token_of_the_request(client: "AppClient", begin: Callable[..., Context]) -> None:
    context = begin(0)
    context.progress(1)
    context.progress(2.5, 10, "working")
    assert client.told("notifications/progress") == [
        {"progressToken": 0, "progress": 1},
        {"progressToken": 0, "progress": 2.5, "total": 10, "message": "working"},
    ]


@pytest.mark.proves("P-4", "mcp/2025-11-25/basic/utilities/progress#grows")
def test_progress_that_has_not_grown_is_not_sent(client: "AppClient", begin: Callable[..., Context]) -> None:
    context = begin("t")
    for progress in (-1, -1, 5, 5, 4, float("nan"), float("inf"), 6):
        context.progress(progress)
    assert [one["progress"] for one in client.told("notifications/progress")] == [-1, 5, 6]


def test_progress_that_was_not_asked_for_is_not_sent(client: "AppClient", begin: Callable[..., Context]) -> None:
    begin().progress(1)
    assert client.told("notifications/progress") == []


@pytest.mark.proves("mcp/2025-11-25/basic/utilities/progress#active")
def test_after_the_answer_there_is_no_progress(client: "AppClient", contexts: list[Context]) -> None:
    client.call("keep", _meta={"progressToken": "t"})
    contexts[0].progress(1)
    assert client.told("notifications/progress") == []


@pytest.mark.proves("mcp/2025-11-25/server/utilities/logging#level")
def test_log_messages_below_the_level_are_not_sent(client: "AppClient", begin: Callable[..., Context]) -> None:
    context = begin()
    context.log("debug", "a")
    context.log("info", "b", "tests")
    client.call("logging/setLevel", level="error")
    context.log("warning", "c")
    context.log("error", {"d": None})
    context.log("emergency", None)
    client.call("logging/setLevel", level="debug")
    context.log("debug", "e")
    assert client.told("notifications/message") == [
        {"level": "info", "data": "b", "logger": "tests"},
        {"level": "error", "data": {"d": None}},
        {"level": "emergency", "data": None},
        {"level": "debug", "data": "e"},
    ]


@pytest.mark.parametrize(
    ("tell", "where"),
    [
        (lambda context: context.log("error", {"a": [1, nan]}), "nan at `$.data.a[1]`"),
        (lambda context: context.log("error", inf), "inf at `$.data`"),
        (lambda context: context.progress(1, inf), "inf at `$.total`"),
        (lambda context: context.progress(1, nan, "half"), "nan at `$.total`"),
        (lambda context: context.notify("a/b", {"c": -inf}), "-inf at `$.c`"),
    ],
)
def test_a_number_that_json_does_not_have_is_not_told(
    client: "AppClient", begin: Callable[..., Context], tell: Callable[[Context], None], where: str
) -> None:
    context = begin("t")
    sent = len(client.sent)
    with pytest.raises(TypeError) as caught:
        tell(context)
    assert str(caught.value) == f"cannot be written as JSON: {where}"
    assert len(client.sent) == sent
    context.progress(1, 2)
    assert client.told("notifications/progress")[-1] == {"progressToken": "t", "progress": 1, "total": 2}


def test_a_number_that_json_does_not_have_is_not_asked_with(begin: Callable[..., Context]) -> None:
    with pytest.raises(TypeError, match=r"nan at `\$.temperature`"):
        result_of(begin(sampling={}).sample("Hi?", 5, temperature=nan))


def test_a_level_is_one_that_there_is(begin: Callable[..., Context]) -> None:
    context = begin()
    with pytest.raises(ConfigError, match=f"level: must be one of {', '.join(LEVELS)}"):
        context.log("fatal", "a")  # type: ignore[arg-type]


def test_any_notification_and_any_request_can_be_sent(client: "AppClient", begin: Callable[..., Context]) -> None:
    context = begin()
    context.notify("custom/moved", {"to": 1})
    context.notify("custom/done")
    assert client.told("custom/moved") == [{"to": 1}]
    assert client.told("custom/done") == [None]
    results = outcome(context.request("custom/where", {"a": 1}, type=dict[str, int]))
    [(id, params)] = client.asked("custom/where")
    assert params == {"a": 1}
    client.reply(id, result={"x": 3})
    assert results == [{"x": 3}]


def test_a_request_that_is_not_answered_times_out(
    client: "AppClient", begin: Callable[..., Context], clock: Clock
) -> None:
    results = outcome(begin(roots={}).list_roots(timeout=5))
    clock.advance(5)
    assert [type(result) for result in results] == [RequestTimeout]
    assert len(client.told("notifications/cancelled")) == 1


@pytest.mark.proves("mcp/2025-11-25/client/sampling#capability")
def test_the_model_of_the_client_can_be_asked(client: "AppClient", begin: Callable[..., Context]) -> None:
    results = outcome(begin(sampling={}).sample("Who are you?", 10))
    [(id, params)] = client.asked("sampling/createMessage")
    content = {"type": "text", "text": "Who are you?"}
    assert params == {"messages": [{"role": "user", "content": content}], "maxTokens": 10}
    answer = {"role": "assistant", "content": {"type": "text", "text": "A model."}, "model": "m"}
    client.reply(id, result=answer)
    assert [result.text for result in results] == ["A model."]


def test_the_model_of_the_client_can_be_told_everything(client: "AppClient", begin: Callable[..., Context]) -> None:
    asked = begin(sampling={}).sample(
        [PromptMessage("user", Image(b"a", "image/png")), PromptMessage("assistant", Text("A."))],
        10,
        system_prompt="Be brief.",
        temperature=0.5,
        stop_sequences=["."],
        model_preferences={"speedPriority": 1},
    )
    results = outcome(asked)
    [(id, params)] = client.asked("sampling/createMessage")
    assert params == {
        "messages": [
            {"role": "user", "content": {"type": "image", "data": "YQ==", "mimeType": "image/png"}},
            {"role": "assistant", "content": {"type": "text", "text": "A."}},
        ],
        "maxTokens": 10,
        "systemPrompt": "Be brief.",
        "temperature": 0.5,
        "stopSequences": ["."],
        "modelPreferences": {"speedPriority": 1},
    }
    client.reply(id, error={"code": -1, "message": "User rejected sampling request"})
    assert [str(result) for result in results] == ["User rejected sampling request (code -1)"]
    assert isinstance(results[0], RemoteError)


@pytest.mark.proves("mcp/2025-11-25/client/elicitation#capability")
@pytest.mark.parametrize("elicitation", [{}, {"form": {}}, {"form": {}, "url": {}}])
def test_the_user_can_be_asked(client: "AppClient", begin: Callable[..., Context], elicitation: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    results = outcome(begin(elicitation=elicitation).elicit("Your name?", schema))
    [(id, params)] = client.asked("elicitation/create")
    assert params == {"message": "Your name?", "requestedSchema": schema}
    client.reply(id, result={"action": "accept", "content": {"name": "Bo"}})
    assert [(result.action, result.content) for result in results] == [("accept", {"name": "Bo"})]


@pytest.mark.proves("M-13")
@pytest.mark.parametrize(
    ("content", "filled"),
    [
        ({"name": "Bo", "age": None}, {"name": "Bo"}),
        ({"name": None, "age": None}, {}),
        ({"tags": ["a"], "age": 7, "none": None}, {"tags": ["a"], "age": 7}),
        ({}, {}),
        (None, None),
    ],
)
def test_what_the_user_left_blank_is_not_there_whatever_the_client_writes_for_it(
    client: "AppClient", begin: Callable[..., Context], content: Any, filled: Any
) -> None:
    results = outcome(begin(elicitation={}).elicit("Who?", {"type": "object", "properties": {}}))
    [(id, _)] = client.asked("elicitation/create")
    client.reply(id, result={"action": "accept", "content": content, "_meta": None})
    assert results == [ElicitResult("accept", filled)]


@pytest.mark.proves("mcp/2025-11-25/client/roots#capability")
def test_roots_are_listed(client: "AppClient", begin: Callable[..., Context]) -> None:
    results = outcome(begin(roots={"listChanged": True}).list_roots())
    [(id, params)] = client.asked("roots/list")
    assert params is None
    client.reply(id, result={"roots": [{"uri": "file:///a", "name": "a"}, {"uri": "file:///b"}]})
    assert results == [[Root("file:///a", "a"), Root("file:///b")]]


@pytest.mark.proves(
    "R-4",
    "mcp/2025-11-25/basic/lifecycle#capabilities",
    "mcp/2025-11-25/client/elicitation#capability",
    "mcp/2025-11-25/client/roots#capability",
    "mcp/2025-11-25/client/sampling#capability",
)
@pytest.mark.parametrize(
    ("capabilities", "capability"),
    [
        ({}, "sampling"),
        ({"sampling": None}, "sampling"),
        ({"sampling": {}}, "elicitation"),
        ({"elicitation": {"url": {}}}, "elicitation"),
        ({"elicitation": {}}, "roots"),
    ],
)
def test_what_a_client_did_not_declare_it_is_not_asked_for(
    client: "AppClient", begin: Callable[..., Context], capabilities: dict[str, Any], capability: str
) -> None:
    context = begin(**capabilities)
    asked: dict[str, Callable[[], Deferred[Any]]] = {
        "sampling": lambda: context.sample("a", 1),
        "elicitation": lambda: context.elicit("a", {}),
        "roots": context.list_roots,
    }
    [error] = outcome(asked[capability]())
    assert isinstance(error, CapabilityMissing)
    assert error.capability == capability
    assert f"the client did not declare the capability {capability}, which {error.method} needs" == str(error)
    assert client.asked(error.method) == []


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
def test_what_its_version_does_not_have_a_client_is_not_asked_for(
    client: "AppClient", contexts: list[Context], version: str
) -> None:
    info = {"name": "tester", "version": "1"}
    client.call("initialize", protocolVersion=version, capabilities={"elicitation": {}}, clientInfo=info)
    client.begin("hold")
    results = outcome(contexts[0].elicit("a", {"type": "object", "properties": {}}))
    refused = version in WITHOUT_ELICITATION
    assert [type(result) for result in results] == ([CapabilityMissing] if refused else [])
    assert len(client.asked("elicitation/create")) == (0 if refused else 1)


def test_a_method_can_wait_until_the_client_takes_more(client: "AppClient", begin: Callable[..., Context]) -> None:
    context = begin()
    assert outcome(context.drained()) == [None]
    client.channel.pauseProducing()
    waiting = outcome(context.drained())
    assert waiting == []
    client.channel.resumeProducing()
    assert waiting == [None]
    client.channel.stopProducing()
    assert outcome(context.drained()) == []


def test_once_the_client_is_gone_nothing_is_sent_and_nobody_waits(
    client: "AppClient", begin: Callable[..., Context]
) -> None:
    context = begin("t", roots={})
    client.channel.pauseProducing()
    early = [outcome(context.drained()), outcome(context.list_roots())]
    sent = len(client.sent)
    client.channel.close("bye")
    late = [outcome(context.drained()), outcome(context.list_roots())]
    context.progress(1)
    context.log("error", "a")
    context.notify("a")
    assert len(client.sent) == sent
    for [error] in early + late:
        assert isinstance(error, ConnectionClosed)
        assert error.reason == "bye"
