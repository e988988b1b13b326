"""A server's requests, counted and timed as its clients send them."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mcpws import App, RpcError, ToolError, WebSocketConfig
from mcpws.jsonrpc.messages import Error
from mcpws.mcp.methods import OF_CLIENTS, PING, TOOLS_CALL
from mcpws.testing import RawClient, RecordingBackend, Served
from mcpws.turns.timing import MAX_TOOLS, OTHER, Timing, Timings, tool_timings


class Rig(Served):
    """A server that times its requests, and a client of it."""

    def __init__(self, backend: Any, **settings: Any) -> None:
        clock = Clock()
        self.timings = Timings(OF_CLIENTS, clock)
        self.by_tool = tool_timings(backend, self.timings, clock)
        super().__init__(backend, clock=clock, config=WebSocketConfig(**settings), timings=self.timings)
        self.client: RawClient = self.upgraded()
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "me", "version": "1"}}
        self.send(self.request("initialize", "hello", **hello))

    def request(self, method: str, id: object, **params: object) -> dict[str, object]:
        return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}

    def send(self, *messages: object) -> list[Any]:
        """Send these in one read, and take what comes back."""
        for message in messages:
            self.client.send_message(message)
        self.flush()
        return self.client.take_messages()

    @property
    def tools(self) -> dict[str, tuple[int, int]]:
        """The calls of each tool, and how many of them failed."""
        return {name: (one.count, one.failed) for name, one in self.by_tool.by_name.items() if one.count}

    def of(self, method: str = TOOLS_CALL) -> Timing:
        return self.timings.by_name[method]


@pytest.fixture
def app() -> App:
    app = App("timed", "1.0")
    waiting: list[Deferred[str]] = []

    @app.tool
    def soon() -> str:
        return "done"

    @app.tool
    def later() -> Deferred[str]:
        waiting.append(Deferred())
        return waiting[-1]

    @app.tool
    def answer() -> int:
        waiting.pop(0).callback("done")
        return len(waiting)

    @app.tool
    def breaks() -> str:
        raise ToolError("broken")

    @app.tool
    async def breaks_later() -> str:
        raise ToolError("broken")

    @app.method("own/fails")
    def fails() -> None:
        raise RpcError("no")

    return app


def call(rig: Rig, id: object, name: str) -> dict[str, object]:
    return rig.request(TOOLS_CALL, id, name=name)


def test_every_request_is_counted_by_its_method(app: App) -> None:
    rig = Rig(app)
    rig.send(*(call(rig, id, "soon") for id in range(20)), rig.request(PING, "p"))
    assert (rig.of().count, rig.of(PING).count, rig.of("initialize").count) == (20, 1, 1)
    assert rig.of().failed == 0


def test_what_is_answered_later_is_timed_to_its_answer(app: App) -> None:
    rig = Rig(app)
    rig.send(call(rig, 1, "later"), call(rig, 2, "later"))
    rig.advance(3)
    assert rig.of().count == 0
    rig.send(call(rig, 3, "answer"))
    assert (rig.of().count, rig.of().seconds) == (2, 3)
    rig.advance(1)
    rig.send(call(rig, 4, "answer"))
    assert (rig.of().count, rig.of().seconds) == (4, 7)


def test_errors_are_counted_with_their_method_and_by_their_code(app: App) -> None:
    rig = Rig(app)
    answers = rig.send(
        call(rig, 1, "soon"), call(rig, 2, "none"), rig.request("own/fails", 3), call(rig, 4, "soon"), [1]
    )
    assert len(answers) == 5
    assert (rig.of().count, rig.of().failed) == (3, 1)
    assert (rig.of(OTHER).count, rig.of(OTHER).failed) == (1, 1)
    assert rig.timings.errors == {-32602: 1, -32603: 1, -32600: 1}
    assert rig.server.statistics().errors == sum(rig.timings.errors.values())


def test_a_late_error_belongs_to_its_own_request() -> None:
    backend = RecordingBackend()
    rig = Rig(backend)
    rig.send(call(rig, 1, "any"), rig.request(PING, 2))
    [conversation] = backend.conversations
    first, second = conversation.requests[-2:]
    conversation.link.send(Error.answering(second.id, RpcError("no")))
    conversation.answer(first, {"content": []})
    assert (rig.of().count, rig.of().failed, rig.of(PING).count, rig.of(PING).failed) == (1, 0, 1, 1)


def test_what_is_cancelled_is_not_counted_and_leaves_nothing(app: App) -> None:
    rig = Rig(app)
    for id in range(10):
        cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id}}
        rig.send(call(rig, id, "later"), cancelled)
    rig.send(call(rig, "x", "later"))
    assert rig.of().count == 0
    [connection] = rig.server.connections
    assert connection.front._stopwatch is not None
    assert list(connection.front._stopwatch.started) == ["x"]


def test_what_had_to_wait_is_counted_too(app: App) -> None:
    rig = Rig(app, max_in_flight=1)
    rig.send(call(rig, 1, "later"), call(rig, 2, "soon"), call(rig, 3, "soon"))
    assert rig.of().count == 0
    cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}}
    assert len(rig.send(cancelled)) == 2
    assert rig.of().count == 2


def test_what_is_refused_before_the_backend_has_it_is_an_error_and_no_request_of_its(app: App) -> None:
    rig = Rig(app)
    rig.send(call(rig, 1, "later"), call(rig, 1, "soon"))
    assert rig.of().count == 0
    assert rig.timings.errors == {-32600: 1}


def test_an_app_counts_its_tools_itself(app: App) -> None:
    rig = Rig(app)
    rig.send(*(call(rig, id, "soon") for id in range(20)), call(rig, "a", "breaks"), call(rig, "b", "breaks_later"))
    rig.send(rig.request(TOOLS_CALL, "c", name="soon", arguments={"x": 1}), call(rig, "d", "none"))
    rig.send(call(rig, "e", "later"))
    rig.advance(2)
    rig.send(call(rig, "f", "answer"))
    assert rig.tools == {"soon": (21, 1), "breaks": (1, 1), "breaks_later": (1, 1), "later": (1, 0), "answer": (1, 0)}
    assert rig.by_tool.by_name["later"].seconds == 2
    assert rig.timings.tools is None

    @app.tool
    def added() -> str:
        return "done"

    rig.send(call(rig, "g", "added"))
    assert rig.tools["added"] == (1, 0)


def test_the_tools_behind_a_gateway_are_known_by_the_calls_that_they_answer() -> None:
    backend = RecordingBackend()
    rig = Rig(backend)
    [conversation] = backend.conversations

    def answers(id: object, name: str, answer: Any) -> None:
        rig.client.send_message(call(rig, id, name))
        rig.flush()
        request = conversation.requests[-1]
        if isinstance(answer, RpcError):
            conversation.link.send(Error.answering(request.id, answer))
        else:
            conversation.answer(request, answer)
        rig.flush()

    answers(1, "made_up", RpcError("there is no such tool"))
    answers(2, "known", {"content": []})
    answers(3, "known", {"content": [], "isError": True})
    answers(4, "known", RpcError("no"))
    answers(5, "späßig", {"content": []})
    assert rig.tools == {OTHER: (1, 1), "known": (3, 2), "späßig": (1, 0)}
    assert rig.of().count == 5


def test_tools_that_are_made_up_push_none_out() -> None:
    backend = RecordingBackend()
    rig = Rig(backend)
    [conversation] = backend.conversations
    for number in range(MAX_TOOLS + 20):
        rig.client.send_message(call(rig, number, f"made_up{number}"))
        rig.flush()
        conversation.link.send(Error.answering(number, RpcError("no")))
        rig.flush()
    assert rig.tools == {OTHER: (MAX_TOOLS + 20, MAX_TOOLS + 20)}
    rig.client.send_message(call(rig, "last", "known"))
    rig.flush()
    conversation.answer(conversation.requests[-1], {"content": []})
    rig.flush()
    assert rig.tools["known"] == (1, 0)
