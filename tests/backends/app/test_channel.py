from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, gatherResults, succeed
from twisted.internet.task import Clock, deferLater
from twisted.logger import LogLevel, capturedLogs, formatEvent

from mcpws.backends.app import App
from mcpws.backends.app.channel import MAX_SUBSCRIPTIONS
from mcpws.backends.app.context import Context
from mcpws.errors import RemoteError, RpcError, ShuttingDown
from mcpws.mcp.schema import MAX_URI

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient, StatelessClient
    from tests.conftest import LoggedErrors


def fired(deferred: Deferred[None]) -> bool:
    return deferred.called


def reports(client: "AppClient") -> list[Any]:
    return [report["progress"] for report in client.told("notifications/progress")]


def test_a_method_answers_at_once_or_later_as_it_likes(app: App, client: "AppClient", clock: Clock) -> None:
    @app.tool
    def now() -> str:
        return "now"

    @app.tool
    def fired_already() -> Deferred[str]:
        return succeed("fired")

    @app.tool
    async def coroutine() -> str:
        return "coroutine"

    @app.tool
    async def later(context: Context) -> str:
        await deferLater(clock, 1)
        return "later"

    for name, text in [("now", "now"), ("fired_already", "fired"), ("coroutine", "coroutine")]:
        assert client.tool(name) == {"content": [{"type": "text", "text": text}]}
    id = client.begin("tools/call", name="later")
    assert client.answer(id) is None
    clock.advance(1)
    assert client.answer(id) == {"content": [{"type": "text", "text": "later"}]}


@pytest.mark.parametrize("method", ["prompts/get", "resources/read", "own"])
@pytest.mark.parametrize("together", [False, True])
def test_what_a_client_cannot_be_asked_for_it_is_told_and_nobody_else(
    app: App, client: "AppClient", method: str, together: bool
) -> None:
    async def ask(context: Context) -> str:
        asked: list[Deferred[Any]] = [context.list_roots(), context.sample("Hi.", 1)]
        await (gatherResults(asked, consumeErrors=True) if together else asked[0])
        return ""

    app.prompt(name="a")(ask)
    app.resource("a://b")(ask)
    app.method("own")(ask)
    client.initialize(sampling={})
    id = client.begin(method, name="a", uri="a://b")
    with pytest.raises(RemoteError) as caught:
        client.answer(id)
    assert caught.value.code == -32603
    needs = "the client did not declare the capability roots, which roots/list needs"
    assert caught.value.message == f"Cannot be answered: {needs}"
    assert caught.value.data == {"requiredCapabilities": {"roots": {}}}


@pytest.mark.parametrize("modern", [False, True])
@pytest.mark.parametrize("takes_context", [False, True])
@pytest.mark.parametrize("coroutine", [False, True])
def test_whatever_a_function_raises_is_one_failed_request(
    app: App,
    new_client: Callable[[], "AppClient"],
    stateless: "StatelessClient",
    logged_errors: "LoggedErrors",
    raised: type[BaseException],
    modern: bool,
    takes_context: bool,
    coroutine: bool,
) -> None:
    def leave(text: str) -> str:
        raise raised(text)

    def leave_with_context(text: str, context: Context) -> str:
        raise raised(text)

    async def leave_later(text: str) -> str:
        raise raised(text)

    async def leave_later_with_context(text: str, context: Context) -> str:
        raise raised(text)

    functions: dict[tuple[bool, bool], Any] = {
        (False, False): leave,
        (False, True): leave_with_context,
        (True, False): leave_later,
        (True, True): leave_later_with_context,
    }
    function = functions[coroutine, takes_context]
    app.tool(name="a")(function)
    app.prompt(name="a")(function)
    app.completion("a", "text")(function)
    app.resource("a://{text}")(function)
    client = stateless if modern else new_client().initialize()
    calls: list[tuple[str, dict[str, Any]]] = [
        ("tools/call", {"name": "a", "arguments": {"text": "x"}}),
        ("prompts/get", {"name": "a", "arguments": {"text": "x"}}),
        ("resources/read", {"uri": "a://x"}),
        (
            "completion/complete",
            {"ref": {"type": "ref/prompt", "name": "a"}, "argument": {"name": "text", "value": "x"}},
        ),
    ]
    for method, params in calls:
        if method == "tools/call":
            result = client.call(method, **params)
            [event] = logged_errors.flush(raised)
            assert result["isError"]
            assert event["reference"] in result["content"][0]["text"]
            continue
        with pytest.raises(RemoteError) as caught:
            client.call(method, **params)
        [event] = logged_errors.flush(raised)
        assert (caught.value.code, caught.value.data) == (-32603, {"reference": event["reference"]})


@pytest.mark.proves("C-1", "mcp/2025-11-25/basic/utilities/cancellation#stops")
def test_a_cancelled_method_is_stopped_and_not_answered(app: App, client: "AppClient", clock: Clock) -> None:
    stopped: list[str] = []

    @app.method("wait")
    async def wait(context: Context) -> None:
        try:
            await deferLater(clock, 10)
        except CancelledError:
            stopped.append("wait")
            context.progress(1)
            raise

    id = client.begin("wait", _meta={"progressToken": "t"})
    client.tell("notifications/cancelled", requestId=id)
    assert stopped == ["wait"]
    assert clock.getDelayedCalls() == []
    assert client.sent == []


@pytest.mark.proves("C-1")
def test_a_method_that_goes_on_after_it_is_cancelled_reports_no_more(
    app: App, client: "AppClient", clock: Clock
) -> None:
    @app.method("tidy")
    async def tidy(context: Context, params: dict[str, Any]) -> None:
        try:
            await deferLater(clock, 10)
        except CancelledError:
            await deferLater(clock, 5)
        context.progress(params["step"])

    id = client.begin("tidy", step=1, _meta={"progressToken": "t"})
    client.tell("notifications/cancelled", requestId=id)
    # Its id and token are free again.
    client._last_id = id - 1
    assert client.begin("tidy", step=2, _meta={"progressToken": "t"}) == id
    clock.advance(5)
    assert client.sent == []
    clock.advance(5)
    assert reports(client) == [2]
    assert client.answer(id) == {}


@pytest.mark.proves("C-2")
def test_a_cancellation_of_nothing_is_dropped(app: App, client: "AppClient") -> None:
    client.tell("notifications/cancelled", requestId=0)
    client.tell("notifications/cancelled")
    assert client.call("ping") == {}


@pytest.mark.proves("mcp/2025-11-25/basic/utilities/progress#active")
@pytest.mark.parametrize("outcome", ["return", "raise", "answer", "fail"])
def test_a_call_that_is_over_reports_no_more(app: App, client: "AppClient", clock: Clock, outcome: str) -> None:
    contexts: list[Context] = []

    @app.method("work")
    def work(context: Context) -> object:
        contexts.append(context)
        context.progress(1)
        if outcome == "return":
            return None
        if outcome == "raise":
            raise RpcError("no")
        return deferLater(clock, 1, lambda: None if outcome == "answer" else failing())

    def failing() -> None:
        raise RpcError("no")

    client.begin("work", _meta={"progressToken": "t"})
    clock.advance(1)
    contexts[0].progress(2)
    assert reports(client) == [1]
    assert len(client.sent) == 2


@pytest.mark.proves("G-2")
def test_when_the_client_is_gone_all_its_work_is_cancelled_and_nothing_is_sent(
    app: App, client: "AppClient", clock: Clock
) -> None:
    cancelled: list[str] = []

    @app.tool
    async def work(context: Context, what: str) -> str:
        waiting = {"ask": context.request("custom/ask"), "drain": context.drained(), "wait": deferLater(clock, 10)}
        try:
            await waiting[what]
        except CancelledError:
            cancelled.append(what)
            raise
        finally:
            for one in waiting.values():
                one.addErrback(lambda _: None).cancel()
        return ""

    client.initialize()
    client.channel.pauseProducing()
    for what in ("ask", "drain", "wait"):
        client.begin("tools/call", name="work", arguments={"what": what})
    sent = len(client.sent)
    client.channel.close("timed out")
    client.channel.close("again")
    client.begin("ping")
    assert cancelled == ["ask", "drain", "wait"]
    assert clock.getDelayedCalls() == []
    assert len(client.sent) == sent
    assert client.ended is None


def test_a_client_that_is_gone_is_told_nothing_any_more(app: App, new_client: Callable[..., "AppClient"]) -> None:
    @app.resource("a://b")
    def resource() -> str:
        return ""

    gone, here = new_client().initialize(), new_client().initialize()
    heard: list[bool] = []
    app.on_subscription("a://b", heard.append)
    for client in (gone, here):
        client.call("resources/subscribe", uri="a://b")
    gone.channel.close("gone")
    app.resource_updated("a://b")
    app.remove_resource("a://b")
    assert [len(client.told("notifications/resources/updated")) for client in (gone, here)] == [0, 1]
    assert [len(client.told("notifications/resources/list_changed")) for client in (gone, here)] == [0, 1]
    assert heard == [True]
    here.channel.close("gone")
    assert heard == [True, False]


def test_subscriptions_are_bounded(app: App, client: "AppClient") -> None:
    @app.resource("a://{name}")
    def resource(name: str) -> str:
        return name

    for number in range(MAX_SUBSCRIPTIONS):
        client.call("resources/subscribe", uri=f"a://{number}")
    client.call("resources/subscribe", uri="a://0")
    with pytest.raises(RemoteError) as caught:
        client.call("resources/subscribe", uri="a://more")
    assert caught.value.code == -32602
    assert caught.value.data == {"path": "$.uri", "reason": f"more than {MAX_SUBSCRIPTIONS} subscriptions"}
    client.call("resources/unsubscribe", uri="a://0")
    client.call("resources/subscribe", uri="a://more")


def test_what_is_subscribed_to_is_bounded_in_length_but_not_what_is_read(app: App, client: "AppClient") -> None:
    @app.resource("a://{name}")
    def resource(name: str) -> str:
        return name

    longest = "a://".ljust(MAX_URI, "x")
    client.call("resources/subscribe", uri=longest)
    with pytest.raises(RemoteError) as caught:
        client.call("resources/subscribe", uri=longest + "x")
    assert caught.value.code == -32602
    assert caught.value.data == {"path": "$.uri", "reason": f"Expected `str` of length <= {MAX_URI}"}
    assert client.call("resources/read", uri=longest + "x")["contents"]
    app.resource_updated(longest)
    assert client.told("notifications/resources/updated") == [{"uri": longest}]


def test_a_stopped_app_ends_every_conversation_and_waits_for_what_is_in_flight(
    app: App, new_client: Callable[..., "AppClient"], clock: Clock
) -> None:
    @app.tool
    async def tidy() -> str:
        try:
            await deferLater(clock, 10)
        except CancelledError:
            await deferLater(clock, 5)
        return ""

    clients = [new_client(), new_client()]
    clients[0].begin("tools/call", name="tidy")
    stopped = [app.stop(), app.stop()]
    assert [type(client.ended) for client in clients] == [ShuttingDown, ShuttingDown]
    assert not any(map(fired, stopped))
    clock.advance(5)
    assert all(map(fired, stopped))
    assert clients[0].sent == []
    failures: list[object] = []
    app.open(clients[0]).addErrback(lambda failure: failures.append(type(failure.value)))
    assert failures == [ShuttingDown]


def test_a_stopped_app_waits_only_so_long_for_what_goes_on(
    new_client: Callable[..., "AppClient"], new_stateless: Callable[..., "StatelessClient"], clock: Clock
) -> None:
    app = App("tested", "1.0", clock=clock, stop_grace=3)
    held: list[Deferred[None]] = []

    @app.tool
    async def tidy(context: Context) -> str:
        while True:
            try:
                held.append(Deferred())
                await held[-1]
                return ""
            except CancelledError:
                pass

    new_client(app).begin("tools/call", name="tidy")
    new_stateless(app).begin("tools/call", name="tidy")
    with capturedLogs() as logs:
        stopped = [app.stop(), app.stop()]
        clock.advance(2)
        assert not any(map(fired, stopped))
        clock.advance(1)
    assert all(map(fired, stopped))
    assert clock.getDelayedCalls() == []
    told = [formatEvent(event) for event in logs if event["log_level"] is LogLevel.warn]
    name = f"{__name__}.{test_a_stopped_app_waits_only_so_long_for_what_goes_on.__name__}.<locals>.tidy"
    assert told == [f"not waited for any longer than 3 s, though cancelled: {name} (2)"] * 2
    for one in held:
        if not one.called:
            one.callback(None)


def test_an_app_at_rest_stops_at_once(app: App, client: "AppClient") -> None:
    assert fired(app.stop())


def test_an_app_without_a_client_stops_at_once() -> None:
    assert fired(App("idle", "1").stop())
