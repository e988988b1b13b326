from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct
from twisted.internet.defer import CancelledError, Deferred, FirstError, gatherResults
from twisted.internet.task import Clock, deferLater
from twisted.logger import formatEvent
from twisted.python.failure import Failure

from mcpws.backends.app import App
from mcpws.backends.app.context import Context
from mcpws.backends.app.failures import MAX_SHOWN, Failures, FunctionFailed
from mcpws.backends.app.signature import Signature
from mcpws.errors import InternalError, RemoteError, RpcError, ToolError
from mcpws.seam.interfaces import Identity

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient, StatelessClient
    from tests.conftest import LoggedErrors


class Mute(Exception):
    def __str__(self) -> str:
        raise LookupError("no words")


@pytest.fixture(params=["legacy", "modern"])
def either(
    request: pytest.FixtureRequest,
    new_client: Callable[..., "AppClient"],
    new_stateless: Callable[..., "StatelessClient"],
) -> Callable[[App], "AppClient"]:
    """Makes a client of either era of an App."""

    def new(of: App) -> "AppClient":
        return new_client(of).initialize() if request.param == "legacy" else new_stateless(of)

    return new


def text_of(result: Any) -> str:
    [block] = result["content"]
    assert result["isError"] is True
    return str(block["text"])


@pytest.mark.proves("E-14", "E-15")
@pytest.mark.parametrize("takes_context", [False, True])
@pytest.mark.parametrize("when", ["now", "soon", "later"])
def test_what_a_tool_did_not_foresee_is_a_result_that_names_it_and_a_reference(
    app: App,
    either: Callable[[App], "AppClient"],
    clock: Clock,
    logged_errors: "LoggedErrors",
    when: str,
    takes_context: bool,
) -> None:
    def fail() -> str:
        raise LookupError("secret")

    async def fail_soon() -> str:
        return fail()

    functions: dict[str, Callable[[], Any]] = {
        "now": fail,
        "soon": fail_soon,
        "later": lambda: deferLater(clock, 1, fail),
    }

    def tool(number: int) -> Any:
        return functions[when]()

    def tool_with_context(number: int, context: Context) -> Any:
        return functions[when]()

    app.tool(name="search")(tool_with_context if takes_context else tool)
    client = either(app)
    id = client.begin("tools/call", name="search", arguments={"number": 1})
    clock.advance(1)
    text = text_of(client.answer(id))
    [event] = logged_errors.flush(LookupError)
    assert text == f"The tool search failed; the log of its server says why, under reference {event['reference']}."
    assert formatEvent(event) == f"tool search failed for tester:1, reference {event['reference']}"
    assert (event["kind"], event["event"], event["peer"]) == ("tool", "function_failed", "tester:1")
    assert "secret" in event["log_failure"].getTraceback()


def test_a_tool_that_returns_what_no_client_can_be_sent_has_failed(
    app: App, either: Callable[[App], "AppClient"], clock: Clock, logged_errors: "LoggedErrors"
) -> None:
    @app.tool
    def now() -> object:
        return object()

    @app.tool
    def later() -> Deferred[object]:
        return deferLater(clock, 1, object)

    client = either(app)
    ids = [client.begin("tools/call", name=name) for name in ("now", "later")]
    clock.advance(1)
    assert [text_of(client.answer(id)).partition(";")[0] for id in ids] == [
        "The tool now failed",
        "The tool later failed",
    ]
    assert len(logged_errors.flush(TypeError)) == 2


@pytest.mark.proves("E-14")
def test_what_is_no_tool_is_answered_with_an_error(
    app: App, either: Callable[[App], "AppClient"], logged_errors: "LoggedErrors"
) -> None:
    def fail() -> str:
        raise ToolError("secret")

    app.resource("a://b")(fail)
    app.prompt(name="p")(fail)
    app.method("own")(fail)
    client = either(app)
    for method, role in (("resources/read", "resource a://b"), ("prompts/get", "prompt p"), ("own", "method own")):
        with pytest.raises(RemoteError) as caught:
            client.call(method, uri="a://b", name="p")
        [event] = logged_errors.flush(ToolError)
        assert (caught.value.code, caught.value.message) == (-32603, "Internal error")
        assert caught.value.data == {"reference": event["reference"]}
        assert formatEvent(event).startswith(f"{role} failed for tester:1, ")


@pytest.mark.proves("E-14")
@pytest.mark.parametrize("constructed", [False, True])
def test_who_writes_tools_may_be_shown_type_and_text(
    either: Callable[[App], "AppClient"], clock: Clock, logged_errors: "LoggedErrors", constructed: bool
) -> None:
    app = App("open", "1", clock=clock, show_errors=constructed)
    app.show_errors = True
    assert app.show_errors

    def fail() -> str:
        raise LookupError("no such row")

    app.tool(name="t")(fail)
    app.prompt(name="p")(fail)
    client = either(app)
    text = text_of(client.tool("t"))
    with pytest.raises(RemoteError) as caught:
        client.call("prompts/get", name="p")
    first, second = (event["reference"] for event in logged_errors.flush(LookupError))
    assert text == f"The tool t failed: LookupError: no such row (reference {first})"
    assert caught.value.message == "Internal error: LookupError: no such row"
    assert caught.value.data == {"reference": second}


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (LookupError("a"), "LookupError: a"),
        (LookupError(), "LookupError"),
        (SystemExit(3), "SystemExit: 3"),
        (Mute(), "Mute: its text cannot be had"),
        (OSError("\ud800"), "OSError: \\ud800"),
        (ValueError("x" * 3000), f"ValueError: {'x' * 3000}"[:MAX_SHOWN]),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_what_is_shown_can_be_sent(error: BaseException, shown: str, logged_errors: "LoggedErrors") -> None:
    def work() -> None: ...

    told = Failures(show_errors=True).told(error, Signature(work, "tool"), Identity("somebody"))
    assert isinstance(told, FunctionFailed)
    assert told.shown == shown
    assert len(logged_errors.flush()) == 1


@pytest.mark.proves("E-15")
@pytest.mark.parametrize("shown", [False, True])
def test_what_an_author_says_to_the_client_is_said_whatever_is_shown(
    clock: Clock, either: Callable[[App], "AppClient"], shown: bool
) -> None:
    app = App("tested", "1", clock=clock, show_errors=shown)

    @app.tool
    def careful() -> None:
        raise ToolError("no such file: a.txt")

    @app.tool
    def exact() -> None:
        raise RpcError("Not now", code=7)

    @app.tool
    def own() -> None:
        raise InternalError("c0ffee")

    client = either(app)
    assert text_of(client.tool("careful")) == "no such file: a.txt"
    for name, code in (("exact", 7), ("own", -32603)):
        with pytest.raises(RemoteError) as caught:
            client.tool(name)
        assert caught.value.code == code


def test_of_several_things_that_were_waited_for_the_one_that_failed_is_told(
    app: App, either: Callable[[App], "AppClient"], clock: Clock, logged_errors: "LoggedErrors"
) -> None:
    @app.tool
    def both() -> Any:
        def fail() -> None:
            raise ToolError("the second did")

        return gatherResults([deferLater(clock, 2), deferLater(clock, 1, fail)], consumeErrors=True)

    client = either(app)
    id = client.begin("tools/call", name="both")
    clock.advance(2)
    assert text_of(client.answer(id)) == "the second did"
    assert logged_errors.flush(FirstError) == []


@pytest.mark.parametrize("takes_context", [False, True])
@pytest.mark.parametrize("when", ["now", "soon", "later"])
def test_a_tool_that_lets_a_cancellation_of_its_own_out_has_failed(
    app: App,
    either: Callable[[App], "AppClient"],
    clock: Clock,
    logged_errors: "LoggedErrors",
    when: str,
    takes_context: bool,
) -> None:
    def fail() -> str:
        raise CancelledError()

    async def fail_soon() -> str:
        return fail()

    functions: dict[str, Callable[[], Any]] = {
        "now": fail,
        "soon": fail_soon,
        "later": lambda: deferLater(clock, 1, fail),
    }

    def tool() -> Any:
        return functions[when]()

    def tool_with_context(context: Context) -> Any:
        return functions[when]()

    app.tool(name="odd")(tool_with_context if takes_context else tool)
    client = either(app)
    id = client.begin("tools/call", name="odd")
    clock.advance(1)
    assert text_of(client.answer(id)).startswith("The tool odd failed")
    assert len(logged_errors.flush(CancelledError)) == 1


@pytest.mark.parametrize("takes_context", [False, True])
def test_a_cancelled_tool_is_no_failure(
    app: App, either: Callable[[App], "AppClient"], clock: Clock, takes_context: bool
) -> None:
    def tool() -> Any:
        return deferLater(clock, 1)

    def tool_with_context(context: Context) -> Any:
        return deferLater(clock, 1)

    app.tool(name="slow")(tool_with_context if takes_context else tool)
    client = either(app)
    before = len(client.sent)
    id = client.begin("tools/call", name="slow")
    client.tell("notifications/cancelled", requestId=id)
    client.begin("tools/call", name="slow")
    client.channel.close("gone")
    assert len(client.sent) == before


def test_a_failure_is_told_without_what_came_of_it() -> None:
    failed = FunctionFailed("tool a", "c0ffee", None)
    assert Failure(failed).value is failed
    assert (failed.code, failed.message, failed.data) == (-32603, "Internal error", {"reference": "c0ffee"})


class Fragile(Struct):
    size: int

    def __post_init__(self) -> None:
        if self.size == 0:
            raise LookupError("secret")
        if self.size == 1:
            raise ToolError("one is not enough")


@pytest.mark.parametrize("filling", [0, 32 * 1024])
def test_code_of_a_type_that_fails_is_a_failure_of_its_tool(
    app: App, either: Callable[[App], "AppClient"], logged_errors: "LoggedErrors", filling: int
) -> None:
    @app.tool
    def weigh(thing: Fragile, text: str) -> str:
        return ""

    client = either(app)
    text = "x" * filling
    assert text_of(client.tool("weigh", thing={"size": 0}, text=text)).startswith("The tool weigh failed")
    assert len(logged_errors.flush(LookupError)) == 1
    assert text_of(client.tool("weigh", thing={"size": 1}, text=text)) == "one is not enough"
