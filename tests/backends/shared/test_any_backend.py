"""Backends that are no processes, each shared by two sessions: an App, and a server to which an Upstream connects."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, gatherResults

from mcpws.backends.app import App
from mcpws.backends.app.context import Context
from mcpws.backends.shared import Shared
from mcpws.backends.upstream import Upstream
from mcpws.client.factory import connect
from mcpws.client.session import Session
from mcpws.core.rpc import Progress
from mcpws.errors import RemoteError
from mcpws.policy.backoff import Backoff
from mcpws.seam.interfaces import Backend, description_of
from mcpws.testing import Network, result_of
from mcpws.ws.server import ServerFactory

URL = "ws://127.0.0.1:8082"


class House:
    """Two sessions with a server whose `backend` is shared, and an App at the end of the way."""

    def __init__(self) -> None:
        self.network = Network()
        self.clock = self.network.clock
        self.app = App("calculator", "1.0", clock=self.clock)
        self.waiting: dict[str, Deferred[str]] = {}
        self.servers: list[ServerFactory] = []

        @self.app.tool
        async def wait(word: str, context: Context) -> str:
            self.waiting[word] = Deferred()
            context.progress(1)
            answer = await self.waiting[word]
            return f"{answer} for {context.identity.peer}"

        @self.app.resource("a://b")
        def resource() -> str:
            return "hello"

    def serve(self, backend: Backend) -> ServerFactory:
        self.servers.append(ServerFactory(backend, reactor=self.clock))
        return self.servers[-1]

    def connect(self, server: ServerFactory) -> Session:
        connecting = connect(URL, reactor=self.clock, era="modern", endpoint=self.network.endpoint(server))
        self.network.flush()
        return result_of(connecting)

    def call(self, session: Session, word: str, seen: list[Progress] | None = None) -> Deferred[Any]:
        on_progress = None if seen is None else seen.append
        params = {"name": "wait", "arguments": {"word": word}}
        called = session.request("tools/call", params, on_progress=on_progress)
        self.network.flush()
        return called

    def answer(self, word: str, answer: str) -> None:
        self.waiting.pop(word).callback(answer)
        # An answer keeps its distance from a report of progress.
        self.network.advance(1)

    def stop(self) -> None:
        """Everything; nothing may be left."""
        stopped = gatherResults([server.stop(0) for server in reversed(self.servers)])
        self.network.advance(1)
        result_of(stopped)
        assert self.clock.getDelayedCalls() == []


def text_of(called: Deferred[Any]) -> str:
    [content] = result_of(called)["content"]
    text = content["text"]
    assert isinstance(text, str)
    return text


@pytest.fixture
def house() -> House:
    return House()


def shared(house: House, backend: Backend) -> Shared:
    return Shared(backend, clock=house.clock, backoff=Backoff(first=1, most=10), random=lambda: 1)


def test_two_sessions_share_an_app_and_each_gets_what_is_its_own(house: House) -> None:
    backend = shared(house, house.app)
    server = house.serve(backend)
    one, other = house.connect(server), house.connect(server)
    seen: tuple[list[Progress], list[Progress]] = ([], [])
    called = [house.call(session, name, of) for session, name, of in zip((one, other), "ab", seen, strict=True)]
    assert [[report.progress for report in of] for of in seen] == [[1], [1]]
    house.answer("b", "second")
    assert text_of(called[1]) == "second for all clients"
    assert not called[0].called
    house.answer("a", "first")
    assert text_of(called[0]) == "first for all clients"
    assert server.statistics().backend["shared.conversations"] == 2
    house.stop()


def test_of_two_sessions_that_share_an_app_the_one_that_listens_is_told(house: House) -> None:
    server = house.serve(shared(house, house.app))
    one, other = house.connect(server), house.connect(server)
    heard: list[str] = []
    listening = one.listen(uris=["a://b"], on_notification=lambda method, params: heard.append(params["uri"]))
    house.network.flush()
    subscription = result_of(listening)
    house.app.resource_updated("a://b")
    house.network.flush()
    assert heard == ["a://b"]
    called = house.call(other, "a")
    subscription.close()
    house.network.flush()
    house.answer("a", "done")
    assert text_of(called) == "done for all clients"
    house.stop()


def test_two_sessions_share_the_connection_of_an_upstream(house: House) -> None:
    origin = house.serve(house.app)
    upstream = Upstream(URL, reactor=house.clock, endpoint=house.network.endpoint(origin))
    server = house.serve(shared(house, upstream))
    one, other = house.connect(server), house.connect(server)
    called = [house.call(session, word) for session, word in ((one, "a"), (other, "b"))]
    [connection] = origin.connections
    peer = connection.identity.peer
    house.answer("b", "second")
    house.answer("a", "first")
    assert [text_of(one) for one in called] == [f"first for {peer}", f"second for {peer}"]
    house.stop()


def test_an_upstream_that_is_lost_fails_what_was_open_and_is_connected_anew(house: House) -> None:
    origin = house.serve(house.app)
    upstream = Upstream(URL, reactor=house.clock, endpoint=house.network.endpoint(origin))
    server = house.serve(shared(house, upstream))
    one, other = house.connect(server), house.connect(server)
    called = [house.call(session, word) for session, word in ((one, "a"), (other, "b"))]
    [connection] = origin.connections
    connection.close(1011, "a defect")
    house.network.flush()
    for failed in called:
        with pytest.raises(RemoteError, match="The server is gone"):
            result_of(failed)
    with pytest.raises(RemoteError, match="The server is gone; it is started again in"):
        result_of(house.call(one, "c"))
    house.network.advance(1)
    again = house.call(other, "d")
    house.answer("d", "done")
    assert text_of(again).startswith("done for ")
    house.stop()


def test_what_is_shared_says_so_without_a_word_of_processes(house: House) -> None:
    backend = shared(house, house.app)
    assert description_of(backend).summary == "calculator 1.0: 1 tool, 1 resource, one server for all clients"
    server = house.serve(backend)
    connecting = connect(URL, reactor=house.clock, era="legacy", endpoint=house.network.endpoint(server))
    house.network.flush()
    with pytest.raises(RemoteError, match="This service shares one server among its clients"):
        result_of(connecting)
    house.stop()
