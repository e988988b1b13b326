"""Questions from within a call, asked by functions that know nothing of eras."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct
from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults, inlineCallbacks, succeed
from twisted.internet.task import Clock, deferLater

from mcpws.backends.app import App
from mcpws.backends.app.context import Context
from mcpws.errors import CannotAsk, CapabilityMissing, MalformedResult, McpwsError, RemoteError, ToolError
from mcpws.mcp.content import CreateMessageResult, ElicitResult
from mcpws.mcp.meta import LOG_LEVEL
from mcpws.seam.interfaces import Identity

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient, StatelessClient
    from tests.conftest import LoggedErrors

FORM = {"type": "object", "properties": {"name": {"type": "string"}}}
ACCEPTED = {"action": "accept", "content": {"name": "Bo"}}
SAMPLED = {"role": "assistant", "content": {"type": "text", "text": "Hi."}, "model": "m"}
ROOTS = {"roots": [{"uri": "file:///a"}]}
ANSWERS = {"elicitation/create": ACCEPTED, "sampling/createMessage": SAMPLED, "roots/list": ROOTS}


class Caller:
    """Makes calls, of whatever method, again and again until they are answered.

    `asked` are the methods of the questions of each round.
    """

    def __init__(self, client: "StatelessClient", clock: Clock) -> None:
        self.client = client
        self.clock = clock
        self.asked: list[list[str]] = []
        client.capabilities = {"elicitation": {"form": {}}, "sampling": {}, "roots": {}}

    def once(self, method: str, **params: Any) -> Any:
        """The answer to one request."""
        id = self.client.begin(method, **params)
        self.clock.advance(0)
        return self.client.answer(id)

    def tool(self, name: str, **arguments: Any) -> Any:
        """The answer to one call of a tool."""
        return self.once("tools/call", name=name, arguments=arguments)

    def call(self, method: str, **params: Any) -> Any:
        """The final answer."""
        answer = self.once(method, **params)
        while answer["resultType"] == "input_required":
            questions = answer["inputRequests"]
            self.asked.append([question["method"] for question in questions.values()])
            answers = {key: ANSWERS[question["method"]] for key, question in questions.items()}
            answer = self.once(method, **params, inputResponses=answers, requestState=answer["requestState"])
        return answer


@pytest.fixture
def caller(stateless: "StatelessClient", clock: Clock) -> Caller:
    return Caller(stateless, clock)


def text(answer: Any) -> str:
    [block] = answer["content"]
    assert isinstance(block["text"], str)
    return block["text"]


def add_greeter(app: App) -> list[str]:
    """A tool that asks; returns what it has done."""
    done: list[str] = []

    @app.tool
    async def greet(context: Context, greeting: str = "Hello") -> str:
        done.append("begun")
        answer: ElicitResult = await context.elicit("Your name?", FORM)
        done.append("answered")
        assert answer.content is not None
        return f"{greeting}, {answer.content['name']}!"

    return done


# Asking.


@pytest.mark.proves("R-6", "mcp/2026-07-28/basic/patterns/mrtr#result")
def test_a_question_ends_the_call_and_is_its_answer(app: App, caller: Caller) -> None:
    done = add_greeter(app)
    answer = caller.tool("greet")
    assert answer["resultType"] == "input_required"
    [question] = answer["inputRequests"].values()
    assert question == {
        "method": "elicitation/create",
        "params": {"message": "Your name?", "requestedSchema": FORM},
    }
    assert isinstance(answer["requestState"], str)
    assert not {"ttlMs", "cacheScope"} & answer.keys()
    assert answer["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "tested"
    assert done == ["begun"]
    assert caller.clock.getDelayedCalls() == []


@pytest.mark.proves("R-7", "mcp/2026-07-28/basic/patterns/mrtr#retry")
def test_with_the_answer_the_function_runs_again_from_its_start(app: App, caller: Caller) -> None:
    done = add_greeter(app)
    answer = caller.call("tools/call", name="greet", arguments={"greeting": "Ahoy"})
    assert text(answer) == "Ahoy, Bo!"
    assert answer["resultType"] == "complete"
    assert done == ["begun", "begun", "answered"]


@pytest.mark.proves("R-6", "mcp/2026-07-28/basic/transports#no-server-requests")
def test_the_server_sends_no_request(app: App, caller: Caller) -> None:
    add_greeter(app)
    caller.call("tools/call", name="greet")
    assert [one for one in caller.client.sent if "method" in one] == []


def test_the_same_function_asks_a_client_of_the_other_era(app: App, client: "AppClient") -> None:
    add_greeter(app)
    id = client.initialize(elicitation={}).begin("tools/call", name="greet")
    [(asked, _)] = client.asked("elicitation/create")
    client.reply(asked, result=ACCEPTED)
    assert text(client.answer(id)) == "Hello, Bo!"


def test_questions_may_follow_each_other(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> str:
        roots = await context.list_roots()
        named: ElicitResult = await context.elicit(f"Which of {len(roots)}?", FORM)
        said: CreateMessageResult = await context.sample(f"Praise {named.content}.", 10)
        return said.text

    assert text(caller.call("tools/call", name="work")) == "Hi."
    assert caller.asked == [["roots/list"], ["elicitation/create"], ["sampling/createMessage"]]


def test_questions_that_are_asked_at_once_go_together(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> str:
        questions: list[Deferred[Any]] = [context.elicit("Your name?", FORM), context.list_roots()]
        named, roots = await gatherResults(questions)
        return f"{named.action} {len(roots)}"

    assert text(caller.call("tools/call", name="work")) == "accept 1"
    assert caller.asked == [["elicitation/create", "roots/list"]]


@pytest.mark.proves("R-7", "mcp/2026-07-28/basic/patterns/mrtr#retry")
@pytest.mark.parametrize("unanswered", [{}, {"other": 1}, None])
def test_what_is_not_answered_is_asked_again(app: App, caller: Caller, unanswered: dict[str, Any] | None) -> None:
    @app.tool
    async def work(context: Context) -> str:
        questions: list[Deferred[Any]] = [context.elicit("Your name?", FORM), context.list_roots()]
        await gatherResults(questions)
        return "done"

    first = caller.tool("work")
    named, roots = first["inputRequests"]
    retry = {"name": "work", "arguments": {}}
    responses = {roots: ROOTS, **({named: None} if unanswered is None else unanswered)}
    second = caller.once("tools/call", **retry, inputResponses=responses, requestState=first["requestState"])
    assert second["inputRequests"] == {named: first["inputRequests"][named]}
    third = caller.once("tools/call", **retry, inputResponses={named: ACCEPTED}, requestState=second["requestState"])
    assert text(third) == "done"


def test_what_the_user_left_blank_is_not_there_whatever_the_client_writes_for_it(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> str:
        answer = await context.elicit("Who?", FORM)
        return repr(answer.content)

    asked = caller.once("tools/call", name="work", arguments=None, requestState=None, inputResponses=None)
    [key] = asked["inputRequests"]
    responses = {key: {"action": "accept", "content": {"name": None, "age": 7}}}
    final = caller.once("tools/call", name="work", inputResponses=responses, requestState=asked["requestState"])
    assert text(final) == "{'age': 7}"


def test_the_same_question_may_be_asked_again(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> str:
        return " ".join([(await context.elicit("More?", FORM)).action for _ in range(3)])

    assert text(caller.call("tools/call", name="work")) == "accept accept accept"
    assert len(caller.asked) == 3


def test_an_answer_is_given_to_no_other_question(app: App, caller: Caller) -> None:
    count = 2

    @app.tool
    async def delete(context: Context) -> str:
        await context.elicit(f"Delete {count} files?", FORM)
        return f"deleted {count} files"

    first = caller.tool("delete")
    count = 5
    answers = dict.fromkeys(first["inputRequests"], ACCEPTED)
    second = caller.once(
        "tools/call", name="delete", arguments={}, inputResponses=answers, requestState=first["requestState"]
    )
    [question] = second["inputRequests"].values()
    assert question["params"]["message"] == "Delete 5 files?"


def test_a_question_may_come_after_other_work(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> str:
        await deferLater(caller.clock, 5)
        await context.list_roots()
        return "done"

    id = caller.client.begin("tools/call", name="work")
    assert caller.client.answer(id) is None
    caller.clock.pump([5, 0])
    assert caller.client.answer(id)["resultType"] == "input_required"


def test_a_plain_function_may_ask_and_return_what_comes(app: App, caller: Caller) -> None:
    @app.tool
    def plain(context: Context) -> Deferred[str]:
        return context.list_roots().addCallback(lambda roots: roots[0].uri)

    @app.tool
    @inlineCallbacks
    def generator(context: Context) -> Any:
        roots = yield context.list_roots()
        return roots[0].uri

    for name in ("plain", "generator"):
        assert text(caller.call("tools/call", name=name)) == "file:///a"


@pytest.mark.proves("R-6", "mcp/2026-07-28/basic/patterns/mrtr#result")
def test_prompts_and_resources_may_ask_too(app: App, caller: Caller) -> None:
    @app.prompt
    async def prompt(context: Context) -> str:
        return str(len(await context.list_roots()))

    @app.resource("a://{name}")
    async def resource(name: str, context: Context) -> str:
        return str(len(await context.list_roots()))

    assert caller.call("prompts/get", name="prompt")["messages"][0]["content"]["text"] == "1"
    answer = caller.call("resources/read", uri="a://b")
    assert answer["contents"][0]["text"] == "1"
    assert answer["ttlMs"] == 0
    assert caller.asked == [["roots/list"], ["roots/list"]]


def test_a_question_can_be_asked_by_its_name(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> Any:
        answer = await context.request("elicitation/create", {"message": "Your name?", "requestedSchema": FORM})
        return answer["content"]["name"]

    assert text(caller.call("tools/call", name="work")) == "Bo"


# What cannot be asked.


@pytest.mark.proves("E-7", "R-9", "mcp/2026-07-28/basic#missing-capability")
@pytest.mark.parametrize(
    ("tool", "capabilities", "missing"),
    [
        ("sample", {}, {"sampling": {}}),
        ("elicit", {"sampling": {}}, {"elicitation": {}}),
        ("elicit", {"elicitation": {"url": {}}}, {"elicitation": {}}),
        ("visit", {"elicitation": {}}, {"elicitation": {"url": {}}}),
        ("visit", {"elicitation": {"form": {}}}, {"elicitation": {"url": {}}}),
        ("visit", {"sampling": {}}, {"elicitation": {"url": {}}}),
        ("roots", {"elicitation": {}}, {"roots": {}}),
        ("both", {"elicitation": {}}, {"roots": {}}),
    ],
)
def test_a_capability_that_the_request_does_not_declare_is_named(
    app: App, caller: Caller, tool: str, capabilities: dict[str, Any], missing: dict[str, Any]
) -> None:
    visit = {"mode": "url", "message": "Sign in.", "url": "https://example.com/"}

    @app.tool
    def sample(context: Context) -> Deferred[Any]:
        return context.sample("Hi.", 1)

    @app.tool
    async def elicit(context: Context) -> None:
        await context.elicit("Your name?", FORM)

    @app.tool(name="visit")
    async def go(context: Context) -> None:
        await context.request("elicitation/create", visit)

    @app.tool
    async def roots(context: Context) -> None:
        await context.list_roots()

    @app.tool
    async def both(context: Context) -> None:
        questions: list[Deferred[Any]] = [context.elicit("Your name?", FORM), context.list_roots()]
        await gatherResults(questions, consumeErrors=True)

    caller.client.capabilities = capabilities
    with pytest.raises(RemoteError) as caught:
        caller.tool(tool)
    assert caught.value.code == -32021
    assert caught.value.data == {"requiredCapabilities": missing}


def test_an_address_can_be_asked_for_if_the_client_visits_them(app: App, caller: Caller) -> None:
    visit = {"mode": "url", "message": "Sign in.", "url": "https://example.com/"}

    @app.tool(name="visit")
    async def go(context: Context) -> None:
        await context.request("elicitation/create", visit)

    caller.client.capabilities = {"elicitation": {"url": {}}}
    [question] = caller.tool("visit")["inputRequests"].values()
    assert question["params"] == visit


def test_a_function_can_do_without(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> str:
        try:
            await context.list_roots()
        except CapabilityMissing as error:
            return str(error)
        return ""

    caller.client.capabilities = {}
    assert text(caller.tool("work")) == "the client did not declare the capability roots, which roots/list needs"


@pytest.mark.proves("mcp/2026-07-28/basic/patterns/mrtr#result")
def test_where_no_question_may_be_asked_it_fails(app: App, caller: Caller) -> None:
    problems: list[str] = []

    async def problem(context: Context, method: str) -> None:
        try:
            await context.request(method)
        except CannotAsk as error:
            problems.append(str(error))

    @app.method("own")
    async def own(context: Context) -> None:
        await problem(context, "roots/list")

    @app.prompt
    def greet(name: str) -> str:
        return name

    @app.completion("greet", "name")
    async def names(typed: str, context: Context) -> list[str]:
        await problem(context, "roots/list")
        return []

    @app.tool
    async def work(context: Context) -> None:
        await problem(context, "custom/ask")

    caller.once("own")
    ref, argument = {"type": "ref/prompt", "name": "greet"}, {"name": "name", "value": ""}
    caller.once("completion/complete", ref=ref, argument=argument)
    caller.tool("work")
    without = "is answered without questions (MCP 2026-07-28)"
    assert problems == [
        f"the client cannot be asked for roots/list: own {without}",
        f"the client cannot be asked for roots/list: completion/complete {without}",
        "the client cannot be asked for custom/ask: a server of MCP 2026-07-28 sends no requests",
    ]


def test_a_question_is_json(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> str:
        try:
            await context.elicit("a", {"type": object()})
        except TypeError as error:
            return str(error)
        return ""

    assert "Encoding objects of type object is unsupported" in text(caller.tool("work"))


# Answers.


def malformed(caller: Caller) -> RemoteError:
    answer = caller.tool("work")
    [key] = answer["inputRequests"]
    with pytest.raises(RemoteError) as caught:
        caller.once(
            "tools/call",
            name="work",
            arguments={},
            inputResponses={key: {"action": "perhaps"}},
            requestState=answer["requestState"],
        )
    path = f"$.inputResponses.{key}.action"
    assert caught.value.data == {"path": path, "reason": "Invalid enum value 'perhaps'"}
    return caught.value


def test_an_answer_that_is_none_is_refused(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> None:
        await context.elicit("a", FORM)

    assert malformed(caller).code == -32602


def test_a_function_may_take_it_otherwise(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> str:
        try:
            return (await context.elicit("a", FORM)).action
        except MalformedResult as error:
            return str(error)

    answer = caller.tool("work")
    [key] = answer["inputRequests"]
    final = caller.once(
        "tools/call", name="work", arguments={}, inputResponses={key: 5}, requestState=answer["requestState"]
    )
    assert text(final) == "elicitation/create: the result is malformed: Expected `object`, got `int`"


def test_the_malformed_result_of_somebody_else_is_not_the_clients_fault(
    app: App, caller: Caller, logged_errors: "LoggedErrors"
) -> None:
    @app.tool
    async def work(context: Context) -> None:
        raise MalformedResult("tools/call", "elsewhere")

    assert text(caller.tool("work")).startswith("The tool work failed")
    assert len(logged_errors.flush(MalformedResult)) == 1


def test_a_type_that_cannot_be_decoded_is_a_defect(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> str:
        try:
            await context.request("roots/list", type=set[object] | list[int])
        except TypeError:
            return "no type"
        return ""

    assert text(caller.call("tools/call", name="work")) == "no type"


# What a client may present.


@pytest.mark.proves("R-8", "mcp/2026-07-28/basic/patterns/mrtr#state")
def test_what_was_changed_or_is_for_another_call_is_refused(
    app: App, caller: Caller, new_stateless: Callable[..., "StatelessClient"]
) -> None:
    add_greeter(app)
    done: list[str] = []

    @app.tool
    def unconcerned() -> str:
        done.append("unconcerned")
        return ""

    answer = caller.tool("greet")
    answers = dict.fromkeys(answer["inputRequests"], ACCEPTED)

    def refusal(state: object, **params: Any) -> object:
        with pytest.raises(RemoteError) as caught:
            caller.once("tools/call", **params, inputResponses=answers, requestState=state)
        assert caught.value.code == -32602
        assert caught.value.data["path"] == "$.requestState"
        return caught.value.data["reason"]

    state = answer["requestState"]
    for changed in ("A" + state[1:] if state[0] != "A" else "B" + state[1:], state[:-8], ""):
        assert refusal(changed, name="greet", arguments={}) == "was not given out here for this request"
    for other in ({"name": "greet", "arguments": {"greeting": "Ahoy"}}, {"name": "unconcerned", "arguments": {}}):
        assert refusal(state, **other) == "was not given out here for this request"
    assert refusal("none of ours!", name="greet") == "is nothing that was given out here"
    assert refusal("A" * 70_000, name="greet") == "is longer than 65536 bytes"
    assert refusal(5, name="greet") == "Expected `str | null`, got `int`"
    assert done == []


@pytest.mark.parametrize("meta", [{}, {"progressToken": 7}, {LOG_LEVEL: "debug"}])
def test_what_the_retry_says_of_itself_does_not_matter(app: App, caller: Caller, meta: dict[str, Any]) -> None:
    add_greeter(app)
    answer = caller.once("tools/call", name="greet", arguments={"greeting": "a"}, _meta={"progressToken": 1})
    answers = dict.fromkeys(answer["inputRequests"], ACCEPTED)
    final = caller.once(
        "tools/call",
        requestState=answer["requestState"],
        inputResponses=answers,
        arguments={"greeting": "a"},
        name="greet",
        _meta=meta,
    )
    assert text(final) == "a, Bo!"


@pytest.mark.proves("mcp/2026-07-28/basic/patterns/mrtr#retry")
def test_answers_to_what_was_not_asked_are_not_looked_at(app: App, caller: Caller) -> None:
    add_greeter(app)
    answer = caller.tool("greet")
    answers = dict.fromkeys(answer["inputRequests"], ACCEPTED)
    for params in ({"inputResponses": answers}, {"inputResponses": answers, "requestState": None}):
        again = caller.once("tools/call", name="greet", arguments={}, **params)
        assert again["resultType"] == "input_required"


def test_an_argument_may_have_the_name_of_the_state(app: App, caller: Caller) -> None:
    @app.tool
    def work(requestState: str) -> str:
        return requestState

    assert text(caller.tool("work", requestState="mine")) == "mine"


# How a call ends.


def test_a_function_is_stopped_as_if_it_were_cancelled(app: App, caller: Caller) -> None:
    done: list[object] = []

    @app.tool
    async def work(context: Context) -> str:
        try:
            await context.list_roots()
        except CancelledError:
            done.append("cancelled")
            context.progress(1)
            context.log("error", "too late")
            try:
                await context.list_roots()
            except McpwsError as error:
                done.append(str(error))
            raise
        return ""

    caller.client.meta[LOG_LEVEL] = "debug"
    caller.once("tools/call", name="work", _meta={"progressToken": "t"})
    assert done == ["cancelled", "the client cannot be asked for roots/list: the call is over"]
    assert [message for message in caller.client.sent if "id" not in message] == []


def test_a_function_that_goes_on_holds_the_app_up_but_says_nothing(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> str:
        try:
            await context.list_roots()
        except CancelledError:
            await deferLater(caller.clock, 5)
        return "too late"

    answer = caller.tool("work")
    sent = len(caller.client.sent)
    assert answer["resultType"] == "input_required"
    stopped: list[None] = []
    app.stop().addCallback(stopped.append)
    assert stopped == []
    caller.clock.advance(5)
    assert stopped == [None]
    assert len(caller.client.sent) == sent


def test_what_fails_then_is_logged(app: App, caller: Caller, logged_errors: "LoggedErrors") -> None:
    @app.tool
    async def work(context: Context) -> None:
        try:
            await context.list_roots()
        finally:
            raise RuntimeError("failed to tidy up")

    assert caller.tool("work")["resultType"] == "input_required"
    assert len(logged_errors.flush(RuntimeError)) == 1


def test_a_function_that_cannot_be_stopped_is_logged(
    app: App, caller: Caller, logged_errors: "LoggedErrors", raised: type[BaseException]
) -> None:
    works: list[Deferred[str]] = []

    def cannot(_: Deferred[str]) -> None:
        raise raised("no way")

    @app.tool
    def work(context: Context) -> Deferred[str]:
        context.list_roots()
        works.append(Deferred(cannot))
        return works[0]

    assert caller.tool("work")["resultType"] == "input_required"
    assert len(logged_errors.flush(raised)) == 1
    works[0].callback("")


def test_a_question_that_cannot_be_put_is_a_defect(
    clock: Clock,
    new_stateless: Callable[..., "StatelessClient"],
    logged_errors: "LoggedErrors",
    raised: type[BaseException],
) -> None:
    def broken() -> float:
        raise raised("no time")

    app = App("a", "1", clock=clock, now=broken)
    add_greeter(app)
    with pytest.raises(RemoteError) as caught:
        Caller(new_stateless(app), clock).tool("greet")
    assert caught.value.code == -32603
    assert len(logged_errors.flush(raised)) == 1


@pytest.mark.proves("mcp/2026-07-28/basic/patterns/cancellation#notification")
def test_a_cancelled_call_asks_nothing(app: App, caller: Caller) -> None:
    stopped: list[str] = []

    @app.tool
    async def work(context: Context) -> None:
        try:
            await context.list_roots()
        finally:
            stopped.append("stopped")

    id = caller.client.begin("tools/call", name="work")
    caller.client.tell("notifications/cancelled", requestId=id)
    assert stopped == ["stopped"]
    assert caller.clock.getDelayedCalls() == []
    assert caller.client.sent == []


def test_when_the_client_is_gone_the_call_is_cancelled(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> None:
        await context.list_roots()

    caller.client.begin("tools/call", name="work")
    caller.client.channel.close("gone")
    assert caller.clock.getDelayedCalls() == []
    assert caller.client.sent == []


@pytest.mark.parametrize("outcome", ["return", "raise", "fire", "fail"])
def test_a_function_that_does_not_wait_for_the_answer_needs_none(app: App, caller: Caller, outcome: str) -> None:
    @app.tool
    def work(context: Context) -> Any:
        context.list_roots()
        if outcome == "raise":
            raise ToolError(outcome)
        if outcome == "return":
            return outcome
        return succeed(outcome) if outcome == "fire" else fail(ToolError(outcome))

    answer = caller.tool("work")
    assert text(answer) == outcome
    assert answer.get("isError", False) is (outcome in ("raise", "fail"))
    assert caller.clock.getDelayedCalls() == []


def test_a_result_that_cannot_be_sent_is_a_defect(app: App, caller: Caller, logged_errors: "LoggedErrors") -> None:
    @app.prompt
    async def work(context: Context) -> Any:
        return 5

    with pytest.raises(RemoteError) as caught:
        caller.once("prompts/get", name="work")
    assert caught.value.code == -32603
    assert len(logged_errors.flush(TypeError)) == 1


def test_a_result_that_raises_while_it_is_written_is_a_defect(
    app: App, caller: Caller, logged_errors: "LoggedErrors", raised: type[BaseException]
) -> None:
    class Leaving(list[str]):
        def __iter__(self) -> Iterator[str]:
            raise raised("leave")

    @app.prompt
    async def work(context: Context) -> Any:
        await deferLater(caller.clock, 1)
        return Leaving()

    id = caller.client.begin("prompts/get", name="work")
    caller.clock.advance(1)
    with pytest.raises(RemoteError) as caught:
        caller.client.answer(id)
    assert caught.value.code == -32603
    assert len(logged_errors.flush(raised)) == 1


def test_a_type_that_raises_while_an_answer_is_read_fails_the_question(
    app: App, caller: Caller, raised: type[BaseException]
) -> None:
    class Picky(Struct):
        def __post_init__(self) -> None:
            raise raised("never good enough")

    @app.tool
    async def work(context: Context) -> str:
        try:
            await context.request("roots/list", type=Picky)
        except raised as error:
            return str(error)
        return ""

    assert text(caller.call("tools/call", name="work")) == "never good enough"


def test_after_the_call_its_context_is_of_no_use(app: App, caller: Caller) -> None:
    contexts: list[Context] = []

    @app.tool
    async def work(context: Context) -> str:
        contexts.append(context)
        return ""

    identity = caller.client.identity
    caller.client.meta[LOG_LEVEL] = "debug"
    id = caller.client.begin("tools/call", name="work", _meta={"progressToken": "t"})
    [context] = contexts
    assert (context.request_id, context.identity) == (id, identity)
    sent = len(caller.client.sent)
    context.progress(1)
    context.log("error", "late")
    context.notify("custom/late")
    problems: list[object] = []
    context.list_roots().addErrback(lambda failure: problems.append(type(failure.value)))
    assert problems == [CannotAsk]
    assert len(caller.client.sent) == sent


# Replicas, and who is whose.


@pytest.mark.proves("R-7", "mcp/2026-07-28/basic/patterns/mrtr#independent")
def test_any_replica_with_the_key_goes_on(clock: Clock, new_stateless: Callable[..., "StatelessClient"]) -> None:
    def replica(name: str = "greeter", key: bytes | None = b"k" * 32, now: float = 0) -> Caller:
        app = App(name, "1", clock=clock, state_key=key, now=lambda: now)
        add_greeter(app)
        return Caller(new_stateless(app, Identity("tester:1", principal="bo")), clock)

    answer = replica().tool("greet")
    retry = {
        "name": "greet",
        "arguments": {},
        "inputResponses": dict.fromkeys(answer["inputRequests"], ACCEPTED),
        "requestState": answer["requestState"],
    }
    assert text(replica().once("tools/call", **retry)) == "Hello, Bo!"
    assert text(replica(now=599).once("tools/call", **retry)) == "Hello, Bo!"
    elsewhere = "was not given out here for this request"
    for other, reason in [
        (replica(now=600), "has expired"),
        (replica(key=None), elsewhere),
        (replica(name="greeter 2"), elsewhere),
    ]:
        with pytest.raises(RemoteError) as caught:
            other.once("tools/call", **retry)
        assert caught.value.data["reason"] == reason


@pytest.mark.proves("mcp/2026-07-28/basic/patterns/mrtr#state")
def test_nobody_goes_on_for_somebody_else(
    app: App, clock: Clock, new_stateless: Callable[..., "StatelessClient"]
) -> None:
    add_greeter(app)
    answers = {}
    for principal in ("bo", "eve", None):
        caller = Caller(new_stateless(identity=Identity("tester:1", principal=principal)), clock)
        answers[principal] = caller.tool("greet")
    bo = Caller(new_stateless(identity=Identity("elsewhere:2", principal="bo")), clock)
    for principal, answer in answers.items():
        retry = {
            "name": "greet",
            "arguments": {},
            "inputResponses": dict.fromkeys(answer["inputRequests"], ACCEPTED),
            "requestState": answer["requestState"],
        }
        if principal == "bo":
            assert text(bo.once("tools/call", **retry)) == "Hello, Bo!"
        else:
            with pytest.raises(RemoteError, match="was not given out here for this request"):
                bo.once("tools/call", **retry)


@pytest.mark.proves("E-9")
def test_what_is_too_much_to_carry_is_refused(app: App, caller: Caller) -> None:
    @app.tool
    async def work(context: Context) -> str:
        await context.elicit("a", FORM)
        await context.elicit("b", FORM)
        return ""

    answer = caller.tool("work")
    long = {"action": "accept", "content": {"name": "x" * 50_000}}
    with pytest.raises(RemoteError) as caught:
        caller.once(
            "tools/call",
            name="work",
            arguments={},
            inputResponses=dict.fromkeys(answer["inputRequests"], long),
            requestState=answer["requestState"],
        )
    size = caught.value.data["size"]
    assert (caught.value.code, caught.value.data["limit"]) == (413, 65536)
    assert caught.value.message == f"The answers so far take {size} bytes of requestState, more than the limit of 65536"
    assert caller.clock.getDelayedCalls() == []
