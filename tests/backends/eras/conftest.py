"""A client and the servers behind a DualEra, both by hand: messages as JSON that was written and read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from mcpws.backends.eras import DualEra
from mcpws.backends.eras.servers import ServerConversation
from mcpws.backends.eras.shared import TranslationLimits
from mcpws.errors import McpwsError
from mcpws.jsonrpc.codec import decode, encode
from mcpws.jsonrpc.messages import Message, RequestId
from mcpws.seam.interfaces import Channel, Link
from mcpws.testing import RecordedConversation, RecordingBackend, RecordingLink, result_of

Json = dict[str, Any]

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
P = "io.modelcontextprotocol/"
INFO = {"name": "tester", "version": "1"}
SERVER = {"name": "served", "version": "2"}


def decoded(message: Message) -> Json:
    whole: Json = json.loads(encode(message))
    assert whole.pop("jsonrpc") == "2.0"
    return whole


def encoded(message: Json) -> Message:
    return decode(json.dumps({"jsonrpc": "2.0", **message}).encode())


class Server:
    """One server, by hand: what it got and nobody has taken yet, in order."""

    def __init__(self, conversation: RecordedConversation) -> None:
        self.conversation = conversation

    @property
    def waiting(self) -> list[Json]:
        return [decoded(message) for message in self.conversation.received]

    @property
    def closed(self) -> str | None:
        return self.conversation.closed

    def is_paused(self) -> bool:
        return self.conversation.paused

    def take(self, method: str | None = None) -> Json:
        """The next message; a request or notification for `method`."""
        assert self.conversation.received, f"nothing came, wanted: {method}"
        message = decoded(self.conversation.received.pop(0))
        assert message.get("method") == method, message
        return message

    def send(self, **message: Any) -> None:
        self.conversation.link.send(encoded(message))

    def answer(self, request: Json, **result: Any) -> None:
        self.send(id=request["id"], result=result)

    def fail(self, request: Json, code: int, message: str = "no", data: Any = None) -> None:
        self.send(
            id=request["id"], error={"code": code, "message": message, **({} if data is None else {"data": data})}
        )

    def ask(self, id: RequestId, method: str, **params: Any) -> None:
        self.send(id=id, method=method, **({"params": params} if params else {}))

    def tell(self, method: str, **params: Any) -> None:
        self.send(method=method, **({"params": params} if params else {}))

    def lose(self, reason: McpwsError) -> None:
        self.conversation.link.lost(reason)

    def answer_probe(self, *, versions: tuple[str, ...] = (MODERN,), **capabilities: Any) -> None:
        """As a modern server does."""
        request = self.take("server/discover")
        assert request["params"]["_meta"][f"{P}protocolVersion"] == MODERN
        self.answer(
            request,
            resultType="complete",
            supportedVersions=versions,
            capabilities=capabilities,
            instructions="use it",
            ttlMs=0,
            cacheScope="public",
            _meta={f"{P}serverInfo": SERVER},
        )

    def refuse_probe(self) -> None:
        """As a legacy server does."""
        self.fail(self.take("server/discover"), -32601, "Method not found")

    def be_initialized(self, **capabilities: Any) -> Json:
        """Answer `initialize`; returns its parameters."""
        request = self.take("initialize")
        self.answer(
            request, protocolVersion=LEGACY, capabilities=capabilities, serverInfo=SERVER, instructions="use it"
        )
        self.take("notifications/initialized")
        params: Json = request["params"]
        return params


class Client(RecordingLink):
    """The Link of a client, by hand: what it got and nobody has taken yet, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Json] = []
        self.raw: list[bytes] = []

    def is_paused(self) -> bool:
        return self.paused

    def take(self) -> Json:
        """The next message."""
        assert self.got, "nothing came"
        return self.got.pop(0)

    def result(self, id: RequestId) -> Json:
        """The result of this request, which has to be the next message."""
        message = self.take()
        assert message["id"] == id, message
        assert "result" in message, message
        result: Json = message["result"]
        return result

    def error(self, id: RequestId) -> Json:
        """The error that answers this request, which has to be the next message."""
        message = self.take()
        assert message["id"] == id, message
        assert "error" in message, message
        error: Json = message["error"]
        return error

    def told(self, method: str) -> Json:
        """The parameters of this notification, which has to be the next message."""
        message = self.take()
        assert message["method"] == method, message
        assert "id" not in message
        params: Json = message.get("params", {})
        return params

    def asked(self, method: str) -> Json:
        """This request of the server's, which has to be the next message."""
        message = self.take()
        assert message["method"] == method, message
        assert "id" in message
        return message

    # Of the legacy era.

    def ask(self, id: RequestId, method: str, **params: Any) -> None:
        self.give(id=id, method=method, **({"params": params} if params else {}))

    def tell(self, method: str, **params: Any) -> None:
        self.give(method=method, **({"params": params} if params else {}))

    def reply(self, request: Json, **result: Any) -> None:
        self.give(id=request["id"], result=result)

    def initialize(self, id: RequestId = "init", version: str = LEGACY, **capabilities: Any) -> None:
        self.ask(id, "initialize", protocolVersion=version, capabilities=capabilities, clientInfo=INFO)

    # Of the modern era.

    def call(self, id: RequestId, method: str, *, meta: Json | None = None, **params: Any) -> None:
        """A request that stands for itself; `meta` adds to its `_meta`, or takes out what is None in it."""
        whole = {
            f"{P}protocolVersion": MODERN,
            f"{P}clientInfo": INFO,
            f"{P}clientCapabilities": {"sampling": {}, "elicitation": {}, "roots": {}},
            **(meta or {}),
        }
        whole = {name: value for name, value in whole.items() if value is not None}
        self.give(id=id, method=method, params={**params, "_meta": whole})

    # interfaces.Link

    def send(self, message: Message) -> None:
        self.raw.append(encode(message))
        self.got.append(decoded(message))
        super().send(message)

    def pauseProducing(self) -> None:
        assert not self.paused
        super().pauseProducing()

    def resumeProducing(self) -> None:
        assert self.paused
        super().resumeProducing()

    def stopProducing(self) -> None:
        raise AssertionError("nobody stops a client")


class Within(RecordingBackend):
    """Begins conversations at once or, when it is `slow`, by hand: `begin` or what is in `opening`.

    `given_up` has what was cancelled. With a `refusal` they fail at once.
    """

    def __init__(self) -> None:
        super().__init__(initialize=False)
        self.slow = False
        self.refusal: McpwsError | None = None
        self.opening: list[Deferred[Channel]] = []
        self.channels: list[Channel] = []
        self.given_up: list[Deferred[Channel]] = []

    def open(self, link: Link) -> Deferred[Channel]:
        if self.refusal is not None:
            return fail(self.refusal)
        opened = super().open(link)
        if not self.slow:
            return opened
        opened.addCallback(self.channels.append)
        self.opening.append(Deferred(self.given_up.append))
        return self.opening[-1]

    def begin(self) -> None:
        """The one that waits for longest."""
        self.opening.pop(0).callback(self.channels.pop(0))


class World:
    """A DualEra with its limits, the servers it has made and its clients."""

    def __init__(self, clock: Clock, **limits: Any) -> None:
        self.clock = clock
        self.within = Within()
        limited = type("Limited", (DualEra,), {"constants": TranslationLimits(**limits)})
        self.backend: DualEra = limited(self.within, clock=clock)

    @property
    def servers(self) -> list[Server]:
        return [Server(conversation) for conversation in self.within.conversations]

    def knock(self) -> tuple[Client, Deferred[Channel]]:
        """A new client, and its conversation when that has begun."""
        client = Client()
        return client, self.backend.open(client)

    def connect(self) -> Client:
        """A new client, its conversation begun."""
        client, opening = self.knock()
        client.channel = result_of(opening)
        return client

    def legacy_server(self, client: Client, **capabilities: Any) -> Server:
        """The first server of a modern client, found to be legacy and initialised."""
        client.call("first", "tools/list")
        server = self.servers[-1]
        server.refuse_probe()
        server.be_initialized(**capabilities)
        server.answer(server.take("tools/list"), tools=[])
        client.result("first")
        return server

    def modern_server(self, client: Client, *, declares: Json | None = None, **capabilities: Any) -> Server:
        """The server of a legacy client, found to be modern; both think that they are among their like."""
        client.initialize(**(declares or {}))
        server = self.servers[-1]
        server.fail(server.take("initialize"), -32601)
        server.answer_probe(**capabilities)
        client.result("init")
        return server


@pytest.fixture
def new_world(clock: Clock) -> Iterator[Callable[..., World]]:
    """Makes a DualEra with settings. When it stops nothing may be left: no timer, and no conversation with a server."""
    made: list[World] = []

    def new(**settings: Any) -> World:
        made.append(World(settings.pop("clock", clock), **settings))
        return made[-1]

    yield new
    for world in made:
        world.backend.stop()
        assert not world.backend._conversations
        for conversation in world.within.conversations:
            link = cast(ServerConversation, conversation.link)
            assert link.receiver is None
        assert not world.clock.getDelayedCalls()


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """A DualEra as it is by default."""
    return new_world()


@pytest.fixture
def client(world: World) -> Client:
    """A client that has said nothing yet."""
    return world.connect()
