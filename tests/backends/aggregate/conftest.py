"""Clients of an Aggregate, and servers for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mcpws import Context
from mcpws.backends.aggregate import Aggregate
from mcpws.backends.app import App
from mcpws.mcp.content import EmbeddedResource, ResourceContents, ResourceLink
from mcpws.seam.interfaces import Identity
from tests.backends.conftest import AppClient, StatelessClient


class Gated(AppClient):
    """A client that is paused and resumed as a front would be."""

    def __init__(self, app: Any, identity: Identity) -> None:
        self.pauses: list[bool] = []
        super().__init__(app, identity)

    def pauseProducing(self) -> None:
        self.pauses.append(True)

    def resumeProducing(self) -> None:
        self.pauses.append(False)


def server(name: str, clock: Clock, **more: Any) -> App:
    """An App with one of everything, all of which say whose they are."""
    app = App(name, "1", clock=clock, instructions=f"Ask {name}.", **more)

    @app.tool
    def who(greeting: str = "") -> str:
        return f"{greeting}{name}"

    @app.tool
    async def ask(context: Context) -> str:
        answer = await context.elicit("?", {"type": "object", "properties": {}})
        return f"{name} heard {answer.action}"

    @app.tool
    async def work(context: Context) -> str:
        context.progress(1, 2)
        context.log("info", "working", logger="worker")
        return "done"

    @app.tool
    def wait() -> Deferred[str]:
        return Deferred()

    @app.tool
    def linked() -> list[Any]:
        return [
            ResourceLink(uri="memo://1", name="one"),
            EmbeddedResource(ResourceContents("memo://2", text="two")),
        ]

    @app.resource("memo://1")
    def memo() -> str:
        return f"memo of {name}"

    @app.resource("memo://all/{number}")
    def memos(number: str) -> str:
        return f"memo {number} of {name}"

    @app.prompt
    def hello(whom: str) -> str:
        return f"{name} says hello to {whom}"

    @app.completion("hello", "whom")
    def whoever(typed: str) -> list[str]:
        return [f"{typed}{name}"]

    return app


@pytest.fixture
def servers(clock: Clock) -> dict[str, App]:
    return {name: server(name, clock) for name in ("ada", "bob")}


@pytest.fixture
def aggregate(servers: dict[str, App], clock: Clock) -> Iterator[Aggregate]:
    aggregate = Aggregate(servers, clock=clock)
    yield aggregate
    assert aggregate.stop().called


NewClient = Callable[..., Gated]


@pytest.fixture
def new_client() -> NewClient:
    """Makes a client, of whatever backend."""
    return lambda backend: Gated(backend, Identity("tester:1"))


@pytest.fixture
def client(aggregate: Aggregate, new_client: NewClient) -> Gated:
    """One that has begun with a handshake."""
    client = new_client(aggregate)
    client.initialize(elicitation={})
    return client


@pytest.fixture
def stateless(aggregate: Aggregate) -> StatelessClient:
    """One that begins with none."""
    client = StatelessClient(cast(Any, aggregate), Identity("tester:1"))
    client.capabilities = {"elicitation": {}}
    return client


def text(result: Any) -> str:
    """What a tool has said."""
    return cast(str, result["content"][0]["text"])
