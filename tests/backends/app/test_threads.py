import contextvars
import sys
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import LogLevel, capturedLogs, formatEvent

from mcpws.backends.app import App
from mcpws.backends.app.away import MAX_POSTS, ThreadContext
from mcpws.backends.app.context import Context
from mcpws.errors import ConfigError, RemoteError, ToolError

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient, StatelessClient, TurningClock
    from tests.conftest import LoggedErrors

PATIENCE = 60


class Gate:
    """Where a function in a thread waits for the test."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    def pass_through(self) -> None:
        self.reached.set()
        assert self.opened.wait(PATIENCE)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


@pytest.fixture
def threaded(turning: "TurningClock") -> Iterator[App]:
    """An App with two threads, and a queue of one."""
    app = App("threaded", "1", clock=turning, max_threads=2, max_thread_queue=1, stop_grace=3)
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
    """The result of a request, once the thread has it."""
    turning.turn_until(lambda: client.answer(id) is not None)
    return client.answer(id)


def test_a_function_that_blocks_holds_up_nobody(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock", gate: Gate
) -> None:
    @threaded.tool(on="thread")
    def block() -> str:
        gate.pass_through()
        return threading.current_thread().name

    @threaded.tool
    def at_once() -> str:
        return threading.current_thread().name

    client = new_client(threaded).initialize()
    id = client.begin("tools/call", name="block")
    assert gate.reached.wait(PATIENCE)
    assert text(client.tool("at_once")) == threading.main_thread().name
    assert client.answer(id) is None
    gate.opened.set()
    assert text(finished(client, turning, id)) == "mcpws-tool-1"


@pytest.mark.parametrize("method", ["tools/call", "resources/read", "prompts/get", "completion/complete", "own"])
def test_whatever_is_registered_may_run_in_a_thread(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock", method: str
) -> None:
    names: list[str] = []

    def work() -> str:
        names.append(threading.current_thread().name)
        return "done"

    def complete(typed: str) -> list[str]:
        return [work()]

    threaded.tool(name="a", on="thread")(work)
    threaded.resource("a://b", on="thread")(work)
    threaded.prompt(name="a", on="thread")(work)
    threaded.completion("a", "x", on="thread")(complete)
    threaded.method("own", on="thread")(work)
    client = new_client(threaded).initialize()
    reference = {"type": "ref/prompt", "name": "a"}
    id = client.begin(method, name="a", uri="a://b", ref=reference, argument={"name": "x", "value": ""})
    assert "done" in str(finished(client, turning, id))
    assert names == ["mcpws-tool-1"]


@pytest.mark.proves("E-10")
def test_so_many_run_so_many_wait_and_further_ones_are_refused(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock", gate: Gate
) -> None:
    begun = threading.Semaphore(0)

    @threaded.tool(on="thread")
    def block(number: int) -> int:
        begun.release()
        gate.pass_through()
        return number

    client = new_client(threaded).initialize()
    ids = [client.begin("tools/call", name="block", arguments={"number": number}) for number in range(4)]
    for _ in range(2):
        assert begun.acquire(timeout=PATIENCE)
    with pytest.raises(RemoteError, match="More than 3 calls at work in threads") as caught:
        client.answer(ids[3])
    assert (caught.value.code, caught.value.data) == (429, {"limit": 3})
    assert threaded.counted()["app.threads_refused"] == 1
    gate.opened.set()
    assert [finished(client, turning, id)["structuredContent"]["result"] for id in ids[:3]] == [0, 1, 2]


def test_threads_are_used_again(threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock") -> None:
    @threaded.tool(on="thread")
    def name() -> str:
        return threading.current_thread().name

    client = new_client(threaded).initialize()
    for _ in range(3):
        assert text(finished(client, turning, client.begin("tools/call", name="name"))) == "mcpws-tool-1"


@pytest.mark.parametrize("modern", [False, True])
def test_what_a_function_raises_in_a_thread_ends_that_call_alone(
    threaded: App,
    new_client: Callable[..., "AppClient"],
    new_stateless: Callable[..., "StatelessClient"],
    turning: "TurningClock",
    logged_errors: "LoggedErrors",
    raised: type[BaseException],
    modern: bool,
) -> None:
    @threaded.tool(on="thread")
    def fail() -> None:
        raise raised("secret")

    @threaded.tool(on="thread")
    def told() -> None:
        raise ToolError("for the model")

    @threaded.tool(on="thread")
    def late() -> Any:
        return Deferred()

    client = new_stateless(threaded) if modern else new_client(threaded).initialize()
    answers = [finished(client, turning, client.begin("tools/call", name=name)) for name in ("fail", "told", "late")]
    assert [answer["isError"] for answer in answers] == [True] * 3
    event, other = logged_errors.flush()
    assert text(answers[0]).endswith(f"under reference {event['reference']}.")
    assert event["log_failure"].check(raised)
    assert text(answers[1]) == "for the model"
    assert "it returned a Deferred" in other["log_failure"].getErrorMessage()


def test_what_is_told_comes_in_order_and_before_the_result(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    @threaded.tool(on="thread")
    def count(context: Context) -> str:
        data: dict[str, Any] = {}
        for number in range(3):
            context.progress(number, 3)
            data["number"] = number
            context.log("info", data)
        context.notify("own/done", data)
        return "done"

    client = new_client(threaded).initialize()
    sent = len(client.sent)
    finished(client, turning, client.begin("tools/call", name="count", _meta={"progressToken": "t"}))
    told: list[Any] = [one.get("params", one.get("result")) for one in client.sent[sent:]]
    assert [one.get("progress", one.get("data")) for one in told[:6]] == [
        0,
        {"number": 0},
        1,
        {"number": 1},
        2,
        {"number": 2},
    ]
    assert told[6] == {"number": 2}
    assert text(told[7]) == "done"


def test_what_cannot_be_told_is_refused_where_it_is_said(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    @threaded.tool(on="thread")
    def talk(context: Context) -> str:
        with pytest.raises(ConfigError, match="level"):
            context.log("loud", "x")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            context.log("info", object())
        with pytest.raises(TypeError):
            context.notify("own/thing", {"a": object()})
        with pytest.raises(TypeError):
            context.progress(1, float("nan"))
        context.log("debug", object())
        return "said"

    client = new_client(threaded).initialize()
    sent = len(client.sent)
    id = client.begin("tools/call", name="talk", _meta={"progressToken": "t"})
    assert text(finished(client, turning, id)) == "said"
    assert len(client.sent) == sent + 1


def test_who_tells_much_waits_for_the_reactor(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    told = 0

    @threaded.tool(on="thread")
    def flood(context: Context) -> str:
        nonlocal told
        for _ in range(2 * MAX_POSTS):
            context.log("info", "x")
            told += 1
        return "done"

    client = new_client(threaded).initialize()
    id = client.begin("tools/call", name="flood")
    # As many as the reactor has sent, and those that wait; no more, though nothing else holds the thread up.
    while told < MAX_POSTS:
        pass
    assert told == MAX_POSTS
    finished(client, turning, id)
    assert len(client.told("notifications/message")) == 2 * MAX_POSTS


def test_a_question_blocks_the_thread_until_it_is_answered(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    @threaded.tool(on="thread")
    def ask(context: ThreadContext) -> list[Any]:
        name = context.elicit("Who?", {"type": "object", "properties": {"name": {"type": "string"}}})
        sampled = context.sample("Hello", 5, temperature=0.5)
        roots = context.list_roots(timeout=60)
        own = context.request("own/question", type=int)
        context.drained()
        return [name.content, sampled.text, [root.uri for root in roots], own]

    answers = {
        "elicitation/create": {"action": "accept", "content": {"name": "Ada", "age": None}},
        "sampling/createMessage": {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Hi"}},
        "roots/list": {"roots": [{"uri": "file:///a"}]},
        "own/question": 5,
    }
    client = new_client(threaded).initialize(elicitation={}, sampling={}, roots={})
    id = client.begin("tools/call", name="ask")
    for method, answer in answers.items():
        turning.turn_until(lambda: client.asked(method))  # noqa: B023
        [(question, _)] = client.asked(method)
        client.reply(question, result=answer)
    result = finished(client, turning, id)["structuredContent"]["result"]
    assert result == [{"name": "Ada"}, "Hi", ["file:///a"], 5]


def test_a_question_that_cannot_be_asked_is_raised_in_the_thread(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    @threaded.tool(on="thread")
    def ask(context: ThreadContext) -> str:
        return context.sample("Hello", 5).text

    client = new_client(threaded).initialize()
    result = finished(client, turning, client.begin("tools/call", name="ask"))
    assert result["isError"]
    assert "did not declare the capability sampling" in text(result)


def test_by_the_modern_era_a_question_ends_the_call_and_the_function_runs_again(
    threaded: App, new_stateless: Callable[..., "StatelessClient"], turning: "TurningClock"
) -> None:
    runs: list[str] = []

    @threaded.tool(on="thread")
    def greet(context: ThreadContext) -> str:
        runs.append("begun")
        try:
            answer = context.elicit("Who?", {"type": "object", "properties": {}})
        except CancelledError:
            runs.append("cancelled" if context.cancelled else "what?")
            raise
        assert answer.content is not None
        return f"Hello, {answer.content['name']}"

    client = new_stateless(threaded)
    client.capabilities = {"elicitation": {}}
    first = finished(client, turning, client.begin("tools/call", name="greet"))
    assert first["resultType"] == "input_required"
    [(key, question)] = first["inputRequests"].items()
    assert question["method"] == "elicitation/create"
    answers = {key: {"action": "accept", "content": {"name": "Ada"}}}
    again = client.begin("tools/call", name="greet", inputResponses=answers, requestState=first["requestState"])
    assert text(finished(client, turning, again)) == "Hello, Ada"
    turning.turn()
    assert runs == ["begun", "cancelled", "begun"]


def test_a_cancelled_call_ends_for_its_client_and_the_thread_goes_on(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock", gate: Gate
) -> None:
    seen: list[object] = []
    over = threading.Event()

    @threaded.tool(on="thread")
    def block(context: ThreadContext) -> str:
        seen.append(context.cancelled)
        gate.pass_through()
        seen.append(context.cancelled)
        context.progress(1)
        context.log("error", "never sent")
        try:
            context.list_roots()
        except CancelledError:
            seen.append("refused")
        over.set()
        return "dropped"

    client = new_client(threaded).initialize(roots={})
    sent = len(client.sent)
    id = client.begin("tools/call", name="block", _meta={"progressToken": "t"})
    assert gate.reached.wait(PATIENCE)
    client.tell("notifications/cancelled", requestId=id)
    gate.opened.set()
    turning.turn_until(over.is_set)
    turning.turn_until(stopped(threaded).__len__)
    assert seen == [False, True, "refused"]
    assert len(client.sent) == sent


def test_who_waits_for_an_answer_is_woken_when_the_call_is_cancelled(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    woken = threading.Event()

    @threaded.tool(on="thread")
    def ask(context: ThreadContext) -> None:
        try:
            context.list_roots()
        except CancelledError:
            woken.set()
            raise

    client = new_client(threaded).initialize(roots={})
    id = client.begin("tools/call", name="ask")
    turning.turn_until(lambda: client.asked("roots/list"))
    client.tell("notifications/cancelled", requestId=id)
    assert woken.wait(PATIENCE)
    # The client hears that its answer is not wanted either.
    [(question, _)] = client.asked("roots/list")
    assert [params["requestId"] for params in client.told("notifications/cancelled")] == [question]


def test_a_call_that_waits_for_a_thread_never_runs_once_it_is_cancelled(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock", gate: Gate
) -> None:
    ran: list[int] = []

    @threaded.tool(on="thread")
    def block(number: int) -> None:
        gate.pass_through()
        ran.append(number)

    client = new_client(threaded).initialize()
    ids = [client.begin("tools/call", name="block", arguments={"number": number}) for number in range(3)]
    client.tell("notifications/cancelled", requestId=ids[2])
    gate.opened.set()
    for id in ids[:2]:
        finished(client, turning, id)
    assert sorted(ran) == [0, 1]
    assert client.answer(ids[2]) is None


def test_what_fails_after_it_was_cancelled_is_logged(
    threaded: App,
    new_client: Callable[..., "AppClient"],
    turning: "TurningClock",
    gate: Gate,
    logged_errors: "LoggedErrors",
) -> None:
    @threaded.tool(on="thread")
    def block() -> None:
        gate.pass_through()
        raise LookupError("late")

    client = new_client(threaded).initialize()
    id = client.begin("tools/call", name="block")
    assert gate.reached.wait(PATIENCE)
    client.tell("notifications/cancelled", requestId=id)
    gate.opened.set()
    turning.turn_until(stopped(threaded).__len__)
    [event] = logged_errors.flush(LookupError)
    assert formatEvent(event).endswith("block failed after it was cancelled")


def test_a_stopped_app_names_the_thread_that_goes_on(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock", gate: Gate
) -> None:
    @threaded.tool(on="thread")
    def block() -> None:
        gate.pass_through()

    client = new_client(threaded).initialize()
    client.begin("tools/call", name="block")
    assert gate.reached.wait(PATIENCE)
    with capturedLogs() as logs:
        done = stopped(threaded)
        turning.advance(2)
        assert not done
        turning.advance(1)
        assert done
    [told] = [formatEvent(event) for event in logs if event["log_level"] is LogLevel.warn]
    assert told.startswith("not waited for any longer than 3 s, though cancelled: ")
    assert told.endswith("block")


def test_threads_end_with_the_app_and_keep_no_process_alive(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    @threaded.tool(on="thread")
    def me() -> str:
        mine.append(threading.current_thread())
        return ""

    mine: list[threading.Thread] = []
    client = new_client(threaded).initialize()
    finished(client, turning, client.begin("tools/call", name="me"))
    assert mine[0].daemon
    turning.turn_until(stopped(threaded).__len__)
    mine[0].join(PATIENCE)
    assert not mine[0].is_alive()


def test_context_variables_are_those_of_the_caller(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    @threaded.tool(on="thread")
    def read() -> str:
        return variable.get()

    client = new_client(threaded).initialize()
    token = variable.set("set")
    id = client.begin("tools/call", name="read")
    variable.reset(token)
    assert text(finished(client, turning, id)) == "set"


def test_where_no_reactor_runs_it_runs_in_place(app: App, client: "AppClient", logged_errors: "LoggedErrors") -> None:
    @app.tool(on="thread")
    def name(context: Context) -> str:
        context.log("info", "here")
        return threading.current_thread().name

    @app.tool(on="thread")
    def leave() -> None:
        sys.exit()

    @app.tool(on="thread")
    def ask(context: ThreadContext) -> object:
        return context.list_roots()

    client.initialize(roots={})
    assert text(client.tool("name")) == threading.main_thread().name
    assert [message["data"] for message in client.told("notifications/message")] == ["here"]
    assert client.tool("leave")["isError"]
    assert client.tool("ask")["isError"]
    failures = [event["log_failure"].getErrorMessage() for event in logged_errors.flush()]
    assert failures[1] == "the client cannot be asked for an answer: no reactor runs here that could bring it"


def test_notifications_may_be_heard_in_a_thread(
    threaded: App, new_client: Callable[..., "AppClient"], turning: "TurningClock"
) -> None:
    heard: list[Any] = []

    @threaded.notification("own/news", on="thread")
    def listen(params: dict[str, Any], context: Context) -> None:
        heard.append((params, threading.current_thread().name))

    client = new_client(threaded).initialize()
    client.tell("own/news", a=1)
    turning.turn_until(lambda: heard)
    assert heard == [({"a": 1}, "mcpws-tool-1")]
