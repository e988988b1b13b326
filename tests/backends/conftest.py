"""A client of an App without a transport: it records what the App sends, as JSON that was written and read."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any

import pytest
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.task import Clock
from zope.interface import implementer

from mcpws.backends.app import App
from mcpws.errors import RemoteError
from mcpws.jsonrpc.codec import encode
from mcpws.jsonrpc.messages import Message, RequestId
from mcpws.mcp.meta import CLIENT_CAPABILITIES, CLIENT_INFO, PROTOCOL_VERSION
from mcpws.seam.interfaces import Identity
from mcpws.testing import RecordingLink


class AppClient(RecordingLink):
    """Talks to `app` and is the Link that it has. `sent` has what the App sent, as JSON."""

    def __init__(self, app: App, identity: Identity) -> None:
        super().__init__(identity)
        self.sent: list[dict[str, Any]] = []
        self._last_id = 0
        self.open(app)
        assert self.is_open

    def initialize(self, **capabilities: Any) -> AppClient:
        """Begin, with these capabilities."""
        client = {"name": "tester", "version": "1"}
        self.call("initialize", protocolVersion="2025-11-25", capabilities=capabilities, clientInfo=client)
        self.tell("notifications/initialized")
        return self

    def begin(self, method: str, **params: Any) -> int:
        """Send a request; returns its id."""
        self._last_id += 1
        self.give(id=self._last_id, method=method, **({"params": params} if params else {}))
        return self._last_id

    def tell(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self.notify(method, **params)

    def reply(self, id: RequestId, **answer: Any) -> None:
        """Answer a request of the App's, with `result` or `error`."""
        self.give(id=id, **answer)

    def answer(self, id: RequestId) -> Any:
        """The result of a request, None while there is none; raises RemoteError if it was answered with an error."""
        [*answers] = [one for one in self.sent if one.get("id") == id and "method" not in one]
        if not answers:
            return None
        [answer] = answers
        if "error" in answer:
            error = answer["error"]
            raise RemoteError(error["code"], error["message"], error.get("data"))
        return answer["result"]

    def call(self, method: str, **params: Any) -> Any:
        """Send a request that is answered at once."""
        id = self.begin(method, **params)
        answer = self.answer(id)
        assert answer is not None, f"{method} was not answered yet"
        return answer

    def tool(self, name: str, **arguments: Any) -> Any:
        """Call a tool that answers at once."""
        return self.call("tools/call", name=name, arguments=arguments)

    def told(self, method: str) -> list[Any]:
        """The parameters of all notifications `method` of the App's."""
        return [one.get("params") for one in self.sent if one.get("method") == method and "id" not in one]

    def asked(self, method: str) -> list[Any]:
        """All requests `method` of the App's: id and parameters."""
        return [(one["id"], one.get("params")) for one in self.sent if one.get("method") == method and "id" in one]

    # interfaces.Link

    def send(self, message: Message) -> None:
        super().send(message)
        self.sent.append(json.loads(encode(message)))

    def pauseProducing(self) -> None:
        raise AssertionError("an App reads as fast as it is given")

    resumeProducing = stopProducing = pauseProducing


class StatelessClient(AppClient):
    """One that begins with no handshake: each of its requests says who asks.

    `capabilities` are those that it declares, `meta` what else its requests say; a test may change both.
    """

    def __init__(self, app: App, identity: Identity) -> None:
        super().__init__(app, identity)
        self.capabilities: dict[str, Any] = {}
        self.meta: dict[str, Any] = {PROTOCOL_VERSION: "2026-07-28", CLIENT_INFO: {"name": "tester", "version": "1"}}

    def begin(self, method: str, **params: Any) -> int:
        meta = {**self.meta, CLIENT_CAPABILITIES: self.capabilities, **params.pop("_meta", {})}
        return super().begin(method, **params, _meta=meta)

    def begin_plainly(self, method: str, **params: Any) -> int:
        """Send a request that says nothing of who asks; returns its id."""
        return super().begin(method, **params)


PATIENCE = 60
"""Seconds that a test waits for a thread before it has failed: it never waits that long for one that works."""


@implementer(IReactorFromThreads)
class TurningClock(Clock):
    """A reactor of which only the time, and what comes from threads, is played: it turns when a test says so."""

    running = True

    def __init__(self) -> None:
        super().__init__()
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def callFromThread(self, callable: Callable[..., object], *args: object, **kwargs: object) -> None:
        self._calls.put(partial(callable, *args, **kwargs))

    def turn_until(self, done: Callable[[], object]) -> None:
        """Do what threads ask for, in order, until it is `done`."""
        while not done():
            try:
                self._calls.get(timeout=PATIENCE)()
            except Empty:
                raise AssertionError("no thread has anything to do any more") from None
            self.advance(0)

    def turn(self) -> None:
        """Do what threads have asked for."""
        while not self._calls.empty():
            self._calls.get()()
        self.advance(0)


@pytest.fixture
def turning() -> TurningClock:
    """A clock that threads may come back to."""
    return TurningClock()


@pytest.fixture
def app(clock: Clock) -> App:
    """An App with nothing in it; three entries make a page."""
    return App("tested", "1.0", clock=clock, page_size=3)


@pytest.fixture
def new_client(app: App) -> Callable[..., AppClient]:
    """Makes a client of `app`, or of another App."""

    def new(of: App = app, identity: Identity | None = None) -> AppClient:
        return AppClient(of, identity or Identity("tester:1"))

    return new


@pytest.fixture
def new_stateless(app: App) -> Callable[..., StatelessClient]:
    """Makes a stateless client of `app`, or of another App."""

    def new(of: App = app, identity: Identity | None = None) -> StatelessClient:
        return StatelessClient(of, identity or Identity("tester:1"))

    return new


@pytest.fixture
def stateless(new_stateless: Callable[..., StatelessClient]) -> StatelessClient:
    """A stateless client of `app`."""
    return new_stateless()


@pytest.fixture
def client(new_client: Callable[..., AppClient]) -> AppClient:
    """A client of `app` that has not said anything yet."""
    return new_client()
