"""One program, one App, both eras: what a user sees is the same."""

from typing import Any

import pytest
from twisted.internet.task import Clock

from mcpws import App, Context, Progress, RemoteError
from mcpws.testing import Connected, connected, result_of

OPTIONS: list[dict[str, str]] = [{}, {"era": "legacy"}, {"era": "modern"}, {"version": "2025-03-26"}]


def application(clock: Clock) -> App:
    app = App("both", "1", clock=clock)

    @app.tool
    async def greet(context: Context) -> str:
        context.progress(1, 2)
        answer = await context.sample("A name?", 5)
        return f"Hello, {answer.text}!"

    @app.resource("memo://a")
    def memo() -> str:
        return "a memo"

    return app


def another() -> None:
    """A tool that comes later."""


def sampled(params: dict[str, Any]) -> dict[str, Any]:
    assert params["messages"][0]["content"]["text"] == "A name?"
    return {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Ada"}}


@pytest.fixture(params=OPTIONS, ids=["auto", "legacy", "modern", "2025-03-26"])
def pair(request: pytest.FixtureRequest) -> Connected:
    clock = Clock()
    return connected(application(clock), clock=clock, requests={"sampling/createMessage": sampled}, **request.param)


def test_a_tool_that_asks_gets_its_answer(pair: Connected) -> None:
    reports: list[Progress] = []
    asked = pair.session.request("tools/call", {"name": "greet"}, timeout=5, on_progress=reports.append)
    pair.flush()
    pair.advance(3)
    assert result_of(asked)["content"] == [{"type": "text", "text": "Hello, Ada!"}]
    assert set(reports) == {Progress(1, 2)}
    assert pair.session.in_flight == 0


def test_changes_are_heard_of_until_the_server_stops(pair: Connected) -> None:
    app: Any = pair.server.backend
    heard: list[tuple[str, object]] = []
    listening = pair.session.listen(
        tools=True,
        uris=["memo://a", "memo://b"],
        on_notification=lambda method, params: heard.append((method, params.get("uri"))),
    )
    pair.flush()
    subscription = result_of(listening)
    assert subscription.honoured.tools
    assert "memo://a" in subscription.honoured.uris
    app.tool(another)
    app.resource_updated("memo://a")
    pair.flush()
    pair.advance(1)
    assert heard == [("notifications/tools/list_changed", None), ("notifications/resources/updated", "memo://a")]
    ended = subscription.when_ended()
    stopped = pair.server.stop(1)
    pair.advance(2)
    result_of(stopped)
    assert ended.called


def test_a_batch_is_answered(pair: Connected) -> None:
    tools, nothing = pair.session.batch([("tools/list", None), ("no/such/method", None)], timeout=5)
    pair.flush()
    assert [tool["name"] for tool in result_of(tools)["tools"]] == ["greet"]
    with pytest.raises(RemoteError, match="-32601"):
        result_of(nothing)
