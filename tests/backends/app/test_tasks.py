import asyncio
import contextvars
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import LogLevel, capturedLogs, formatEvent

from mcpws.backends.app import App
from mcpws.backends.app.context import Context
from mcpws.errors import ToolError

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient, StatelessClient, TurningClock
    from tests.conftest import LoggedErrors


@pytest.fixture
def tasked(turning: "TurningClock") -> Iterator[App]:
    """An App whose functions are coroutines of asyncio, unless they say otherwise."""
    app = App("tasked", "1", clock=turning, on="asyncio", stop_grace=3)
    yield app
    turning.turn_until(stopped(app).__len__)


def stopped(app: App) -> list[None]:
    """Is filled once the App has stopped."""
    done: list[None] = []
    app.stop().addCallback(done.append)
    return done


def text(result: Any) -> str:
    return str(result["content"][0]["text"])


def finished(client: "AppClient", turning: "TurningClock", id: int) -> Any:
    """The result of a request, once the task has it."""
    turning.turn_until(lambda: client.answer(id) is not None)
    return client.answer(id)


async def forever() -> None:
    await asyncio.get_running_loop().create_future()


def test_a_coroutine_is_a_task_of_a_loop_in_a_thread(
    tasked: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    @tasked.tool
    async def where() -> list[str]:
        task = asyncio.current_task()
        assert task is not None
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            part = group.create_task(asyncio.sleep(0, "part"))
        return [threading.current_thread().name, part.result()]

    client = new_client(tasked).initialize()
    for _ in range(2):
        result = finished(client, turning, client.begin("tools/call", name="where"))
        assert result["structuredContent"]["result"] == ["mcpws-asyncio", "part"]


def test_the_others_stay_with_the_reactor(
    tasked: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    @tasked.tool
    def plain() -> str:
        return threading.current_thread().name

    @tasked.tool(on="reactor")
    async def twisted() -> str:
        held: Deferred[str] = Deferred()
        turning.callLater(0, held.callback, "fired")
        return await held

    client = new_client(tasked).initialize()
    assert text(client.tool("plain")) == threading.main_thread().name
    id = client.begin("tools/call", name="twisted")
    turning.advance(0)
    assert text(client.answer(id)) == "fired"


def test_calls_go_on_at_the_same_time(
    tasked: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    events: dict[str, asyncio.Event] = {}

    @tasked.tool
    async def meet(me: str, other: str) -> str:
        events.setdefault(me, asyncio.Event()).set()
        await events.setdefault(other, asyncio.Event()).wait()
        return "met"

    client = new_client(tasked).initialize()
    ids = [client.begin("tools/call", name="meet", arguments={"me": me, "other": other}) for me, other in ("ab", "ba")]
    assert [text(finished(client, turning, id)) for id in ids] == ["met", "met"]


@pytest.mark.parametrize("modern", [False, True])
def test_what_a_task_raises_ends_that_call_alone(
    tasked: App,
    new_client: Callable[..., "AppClient"],
    new_stateless: Callable[..., "StatelessClient"],
    turning: "TurningClock",
    logged_errors: "LoggedErrors",
    raised: type[BaseException],
    modern: bool,
) -> None:
    @tasked.tool
    async def fail() -> None:
        await asyncio.sleep(0)
        raise raised("secret")

    @tasked.tool
    async def told() -> None:
        raise ToolError("for the model")

    client = new_stateless(tasked) if modern else new_client(tasked).initialize()
    failed, told_ = (finished(client, turning, client.begin("tools/call", name=name)) for name in ("fail", "told"))
    [event] = logged_errors.flush()
    assert failed["isError"]
    assert text(failed).endswith(f"under reference {event['reference']}.")
    assert event["log_failure"].check(raised)
    assert text(told_) == "for the model"


@pytest.mark.parametrize("ends", ["cancelled", "gone"])
def test_a_cancellation_reaches_the_task(
    tasked: App, new_client: Callable[..., "AppClient"], turning: "TurningClock", ends: str
) -> None:
    seen: list[object] = []

    @asynccontextmanager
    async def opened() -> AsyncIterator[None]:
        try:
            yield
        finally:
            await asyncio.sleep(0)
            seen.append("closed")

    @tasked.tool
    async def wait(context: Context) -> None:
        context.log("info", "begun")
        async with opened():
            try:
                await forever()
            except asyncio.CancelledError:
                seen.append(context.cancelled)
                context.log("info", "never sent")
                raise

    client = new_client(tasked).initialize()
    id = client.begin("tools/call", name="wait")
    turning.turn_until(lambda: client.told("notifications/message"))
    sent = len(client.sent)
    if ends == "cancelled":
        client.tell("notifications/cancelled", requestId=id)
    else:
        client.channel.close("gone")
    turning.turn_until(lambda: len(seen) == 2)
    assert seen == [True, "closed"]
    assert len(client.sent) == sent


def test_a_task_that_is_cancelled_before_it_began_never_begins(
    tasked: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    held = threading.Event()
    ran: list[str] = []

    @tasked.tool
    async def hold(context: Context) -> str:
        context.log("info", "holds")
        held.wait(60)
        return ""

    @tasked.tool
    async def late() -> None:
        ran.append("late")

    client = new_client(tasked).initialize()
    first = client.begin("tools/call", name="hold")
    turning.turn_until(lambda: client.told("notifications/message"))
    id = client.begin("tools/call", name="late")
    client.tell("notifications/cancelled", requestId=id)
    held.set()
    finished(client, turning, first)
    turning.turn_until(stopped(tasked).__len__)
    assert ran == []


def test_what_is_told_comes_in_order_and_before_the_result(
    tasked: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    @tasked.tool
    async def count(context: Context) -> str:
        for number in range(3):
            context.progress(number)
            await asyncio.sleep(0)
            context.log("info", number)
        return "done"

    client = new_client(tasked).initialize()
    sent = len(client.sent)
    finished(client, turning, client.begin("tools/call", name="count", _meta={"progressToken": "t"}))
    told: list[Any] = [one.get("params", one.get("result")) for one in client.sent[sent:]]
    assert [one.get("progress", one.get("data")) for one in told[:6]] == [0, 0, 1, 1, 2, 2]
    assert text(told[6]) == "done"


def test_questions_are_awaited(tasked: App, new_client: Callable[..., "AppClient"], turning: "TurningClock") -> None:
    @tasked.tool
    async def ask(context: Context) -> list[Any]:
        await context.drained()
        roots: Any = context.list_roots()
        elicited, listed = await asyncio.gather(
            context.elicit("Who?", {"type": "object", "properties": {}}),
            roots,
        )
        return [elicited.content, [root.uri for root in listed]]

    client = new_client(tasked).initialize(elicitation={}, roots={})
    id = client.begin("tools/call", name="ask")
    turning.turn_until(lambda: client.asked("elicitation/create"))
    [(question, _)] = client.asked("elicitation/create")
    client.reply(question, result={"action": "accept", "content": {"name": "Ada"}})
    [(question, _)] = client.asked("roots/list")
    client.reply(question, result={"roots": [{"uri": "file:///a"}]})
    result = finished(client, turning, id)["structuredContent"]["result"]
    assert result == [{"name": "Ada"}, ["file:///a"]]


def test_a_question_that_is_given_up_is_withdrawn(
    tasked: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    @tasked.tool
    async def ask(context: Context) -> str:
        asked: Any = context.list_roots()
        context.log("info", "asked")
        await asyncio.sleep(0)
        asked.cancel()
        try:
            await asked
        except asyncio.CancelledError:
            return "given up"
        return "answered"

    client = new_client(tasked).initialize(roots={})
    assert text(finished(client, turning, client.begin("tools/call", name="ask"))) == "given up"
    turning.turn_until(lambda: client.told("notifications/cancelled"))


def test_by_the_modern_era_a_question_ends_the_call_and_the_function_runs_again(
    tasked: App, new_stateless: Callable[..., "StatelessClient"], turning: "TurningClock"
) -> None:
    runs: list[str] = []

    @tasked.tool
    async def greet(context: Context) -> str:
        runs.append("begun")
        try:
            answer = await context.elicit("Who?", {"type": "object", "properties": {}})
        except asyncio.CancelledError:
            runs.append("cancelled")
            raise
        assert answer.content is not None
        return f"Hello, {answer.content['name']}"

    client = new_stateless(tasked)
    client.capabilities = {"elicitation": {}}
    first = finished(client, turning, client.begin("tools/call", name="greet"))
    assert first["resultType"] == "input_required"
    [key] = first["inputRequests"]
    answers = {key: {"action": "accept", "content": {"name": "Ada"}}}
    again = client.begin("tools/call", name="greet", inputResponses=answers, requestState=first["requestState"])
    assert text(finished(client, turning, again)) == "Hello, Ada"
    assert runs == ["begun", "cancelled", "begun"]


def test_context_variables_are_those_of_the_caller(
    tasked: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    @tasked.tool
    async def read() -> str:
        await asyncio.sleep(0)
        return variable.get()

    client = new_client(tasked).initialize()
    token = variable.set("set")
    id = client.begin("tools/call", name="read")
    variable.reset(token)
    assert text(finished(client, turning, id)) == "set"


def test_a_decorated_coroutine_function_is_one(
    tasked: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(*args: object) -> Any:
            return function(*args)

        return wrapper

    @tasked.tool(on="asyncio")
    @decorated
    async def name(prefix: str) -> str:
        await asyncio.sleep(0)
        return prefix + threading.current_thread().name

    client = new_client(tasked).initialize()
    id = client.begin("tools/call", name="name", arguments={"prefix": "on "})
    assert text(finished(client, turning, id)) == "on mcpws-asyncio"


def test_a_stopped_app_names_the_task_that_goes_on_and_its_loop(
    tasked: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    release = threading.Event()

    @tasked.tool
    async def stubborn(context: Context) -> None:
        context.log("info", "begun")
        release.wait(60)

    client = new_client(tasked).initialize()
    client.begin("tools/call", name="stubborn")
    turning.turn_until(lambda: client.told("notifications/message"))
    with capturedLogs() as logs:
        done = stopped(tasked)
        turning.advance(3)
        assert not done
        turning.advance(1)
        assert done
    told = [formatEvent(event) for event in logs if event["log_level"] is LogLevel.warn]
    assert told[0].endswith("stubborn")
    assert told[1:] == ["the loop of asyncio is not waited for any longer: something blocks it"]
    release.set()


def test_the_loop_ends_with_the_app(
    tasked: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    loops: list[tuple[asyncio.AbstractEventLoop, threading.Thread]] = []

    @tasked.tool
    async def mine() -> None:
        loops.append((asyncio.get_running_loop(), threading.current_thread()))

    client = new_client(tasked).initialize()
    finished(client, turning, client.begin("tools/call", name="mine"))
    [(loop, thread)] = loops
    assert thread.daemon
    turning.turn_until(stopped(tasked).__len__)
    assert loop.is_closed()
    thread.join(60)


def test_where_a_loop_runs_the_reactor_it_is_that_loop(app: App, client: "AppClient") -> None:
    @app.tool(on="asyncio")
    async def where(context: Context) -> bool:
        context.log("info", "here")
        await asyncio.sleep(0)
        roots = await context.list_roots()
        return asyncio.get_running_loop() is loop and roots == []

    @app.tool(on="asyncio")
    async def wait() -> None:
        try:
            await forever()
        finally:
            ended.append("cancelled")

    async def play() -> Any:
        id = client.begin("tools/call", name="where")
        while not client.asked("roots/list"):
            await asyncio.sleep(0)
        [(question, _)] = client.asked("roots/list")
        client.reply(question, result={"roots": []})
        while client.answer(id) is None:
            await asyncio.sleep(0)
        waiting = client.begin("tools/call", name="wait")
        await asyncio.sleep(0)
        client.tell("notifications/cancelled", requestId=waiting)
        while not ended:
            await asyncio.sleep(0)
        return client.answer(id)

    ended: list[str] = []
    client.initialize(roots={})
    loop = asyncio.new_event_loop()
    try:
        result = loop.run_until_complete(play())
    finally:
        loop.close()
    assert result["structuredContent"] == {"result": True}
    assert [message["data"] for message in client.told("notifications/message")] == ["here"]


def test_where_no_reactor_runs_it_runs_in_place(app: App, client: "AppClient", logged_errors: "LoggedErrors") -> None:
    @app.tool(on="asyncio")
    async def name(context: Context) -> str:
        context.log("info", "here")
        await asyncio.sleep(0)
        return threading.current_thread().name

    @app.tool(on="asyncio")
    async def leave() -> None:
        sys.exit()

    @app.tool(on="asyncio")
    async def ask(context: Context) -> object:
        return await context.list_roots()

    client.initialize(roots={})
    assert text(client.tool("name")) == threading.main_thread().name
    assert [message["data"] for message in client.told("notifications/message")] == ["here"]
    assert client.tool("leave")["isError"]
    assert client.tool("ask")["isError"]
    failures = [event["log_failure"].getErrorMessage() for event in logged_errors.flush()]
    assert failures[1] == "the client cannot be asked for an answer: no reactor runs here that could bring it"
