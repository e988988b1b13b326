"""A server's requests, counted and timed as its clients send them."""

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mcpws import App, RpcError, WebSocketConfig
from mcpws.jsonrpc.messages import Error
from mcpws.mcp.methods import OF_CLIENTS, PING, TOOLS_CALL
from mcpws.testing import RawClient, RecordingBackend, Served
from mcpws.turns.timing import OTHER, Timing, Timings


class Rig(Served):
    """A server that times its requests, and a client of it."""

    def __init__(self, backend: Any, **settings: Any) -> None:
        clock = Clock()
        self.timings = Timings(OF_CLIENTS, clock)
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
