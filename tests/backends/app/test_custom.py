from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import Struct
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater

from mcpws.backends.app import App
from mcpws.backends.app.context import Context
from mcpws.errors import ConfigError, RemoteError, RpcError

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient
    from tests.conftest import LoggedErrors


class Range(Struct):
    low: int
    high: int = 10


@pytest.mark.parametrize(
    ("params", "result"),
    [({"low": 3}, [3, 10]), ({"low": 3, "high": 4, "_meta": {}}, [3, 4])],
)
def test_parameters_come_as_the_type_that_the_function_wants(
    app: App, client: "AppClient", params: dict[str, Any], result: list[int]
) -> None:
    @app.method("math/range")
    def within(range: Range) -> list[int]:
        return [range.low, range.high]

    assert client.call("math/range", **params) == result


def test_parameters_come_as_a_dict_when_the_function_does_not_say(app: App, client: "AppClient") -> None:
    @app.method("echo")
    def echo(params):  # type: ignore[no-untyped-def]
        return params

    assert client.call("echo", a=[1, None]) == {"a": [1, None]}
    assert client.call("echo") == {}


def test_a_function_may_want_no_parameters_and_a_context(app: App, client: "AppClient") -> None:
    @app.method("who")
    def who(context: Context) -> str:
        return context.identity.peer

    assert client.call("who", ignored=True) == "tester:1"


def test_parameters_that_do_not_fit_are_refused_with_the_place(app: App, client: "AppClient") -> None:
    @app.method("math/range")
    def within(range: Range) -> None: ...

    with pytest.raises(RemoteError) as caught:
        client.call("math/range", low="3")
    assert caught.value.code == -32602
    assert caught.value.data == {"path": "$.params.low", "reason": "Expected `int`, got `str`"}


def test_an_rpc_error_is_the_answer(app: App, client: "AppClient") -> None:
    @app.method("buy")
    def buy() -> None:
        raise RpcError("sold out", {"left": 0}, code=409)

    with pytest.raises(RemoteError) as caught:
        client.call("buy")
    assert (caught.value.code, caught.value.message, caught.value.data) == (409, "sold out", {"left": 0})


def test_no_result_is_an_empty_one(app: App, client: "AppClient") -> None:
    app.method("nothing")(lambda: None)
    assert client.call("nothing") == {}


def test_a_result_that_is_no_json_is_a_defect_by_name(
    app: App, client: "AppClient", logged_errors: "LoggedErrors"
) -> None:
    @app.method("bad")
    def bad() -> object:
        return {"a": float("nan")}

    with pytest.raises(RemoteError) as caught:
        client.call("bad")
    assert caught.value.code == -32603
    [event] = logged_errors.flush(TypeError)
    said = f"{bad.__module__}.{bad.__qualname__} returned what it may not: cannot be written as JSON: nan at `$.a`"
    assert str(event["log_failure"].value) == said
    assert event["reference"] == caught.value.data["reference"]


def test_a_method_may_take_its_time(app: App, client: "AppClient", clock: Clock) -> None:
    @app.method("later")
    def later() -> Deferred[str]:
        return deferLater(clock, 1, str, "done")

    id = client.begin("later")
    assert client.answer(id) is None
    clock.advance(1)
    assert client.answer(id) == "done"


def test_a_notification_is_given_to_its_function_and_not_answered(app: App, client: "AppClient") -> None:
    heard: list[int] = []

    @app.notification("moved")
    def moved(range: Range) -> None:
        heard.append(range.low)

    client.tell("moved", low=1)
    client.tell("moved", low="not a number")
    client.tell("unknown")
    assert heard == [1]
    assert client.sent == []


def test_a_notification_that_fails_is_logged(
    app: App, client: "AppClient", logged_errors: "LoggedErrors", raised: type[BaseException]
) -> None:
    @app.notification("now")
    def now() -> None:
        raise raised("now")

    @app.notification("later")
    async def later() -> None:
        raise raised("later")

    client.tell("now")
    client.tell("later")
    assert [event["log_failure"].value.args for event in logged_errors.flush(raised)] == [("now",), ("later",)]
    assert client.sent == []


def test_what_a_notification_began_is_cancelled_with_the_conversation(
    app: App, client: "AppClient", clock: Clock, logged_errors: "LoggedErrors", raised: type[BaseException]
) -> None:
    ended: list[str] = []

    @app.notification("wait")
    async def wait() -> None:
        try:
            await deferLater(clock, 1)
            ended.append("done")
        except CancelledError:
            ended.append("cancelled")
            raise

    def cannot(deferred: Deferred[None]) -> None:
        raise raised("no way")

    @app.notification("stubborn")
    def stubborn() -> Deferred[None]:
        return Deferred(cannot)

    client.tell("wait")
    clock.advance(1)
    client.tell("stubborn")
    client.tell("wait")
    client.channel.close("gone")
    assert ended == ["done", "cancelled"]
    assert clock.getDelayedCalls() == []
    assert len(logged_errors.flush(raised)) == 1


@pytest.mark.proves("L-19")
def test_what_notifications_begin_is_bounded_for_each_client_and_what_is_dropped_is_counted(
    clock: Clock, new_client: Callable[..., "AppClient"]
) -> None:
    app = App("a", "1", clock=clock, max_notifications=2, max_notification_bytes=1000)
    heard: list[int] = []

    @app.notification("wait")
    async def wait(params: dict[str, Any]) -> None:
        heard.append(params["number"])
        await deferLater(clock, 1)

    @app.notification("now")
    def now(params: dict[str, Any]) -> None:
        heard.append(params["number"])

    one, other = new_client(app), new_client(app)
    one.tell("notifications/initialized")
    for number in range(5):
        one.tell("wait", number=number)
    one.tell("now", number=5)
    other.tell("wait", number=6)
    assert one.call("ping") == {}
    assert heard == [0, 1, 6]
    assert app.counted()["app.notifications_dropped"] == 4
    clock.advance(1)
    one.tell("wait", number=7, more="x" * 1000)
    one.tell("wait", number=8)
    clock.advance(1)
    one.tell("now", number=9)
    assert heard == [0, 1, 6, 7, 9]
    one.channel.close("gone")
    other.channel.close("gone")
    assert app.counted()["app.notifications_dropped"] == 5


@pytest.mark.parametrize("name", ["initialize", "tools/call", "notifications/initialized", "notifications/cancelled"])
def test_names_of_mcp_are_taken(app: App, name: str) -> None:
    for register in (app.method, app.notification):
        with pytest.raises(ConfigError, match="method: is MCP's own"):
            register(name)(lambda: None)


def test_a_name_is_taken_once(app: App) -> None:
    app.method("a")(lambda: None)
    with pytest.raises(ConfigError, match=r"method: is registered already \(got 'a'\)"):
        app.method("a")(lambda: None)
    app.notification("b")(lambda: None)
    with pytest.raises(ConfigError, match=r"method: is registered already \(got 'b'\)"):
        app.notification("b")(lambda: None)


def test_parameters_come_as_one(app: App) -> None:
    def two(a: int, b: int) -> None: ...

    with pytest.raises(ConfigError, match=r"two: the parameters come as one \(got 'b'\)"):
        app.method("two")(two)


def test_a_parameter_is_one_that_json_can_stand_for(app: App) -> None:
    def odd(a: Range | dict[str, int]) -> None: ...

    with pytest.raises(ConfigError, match=r"odd, parameter a: JSON cannot stand for it"):
        app.method("odd")(odd)
