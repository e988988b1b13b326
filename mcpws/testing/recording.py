"""A backend that keeps what clients send, for tests of what stands in front of it."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins
from twisted.internet.defer import Deferred, succeed

from mcpws.errors import MethodNotFound, RpcError
from mcpws.jsonrpc.messages import Error, Message, Notification, Request, Result
from mcpws.mcp.methods import DISCOVER, INITIALIZE, INITIALIZED
from mcpws.mcp.schema import DiscoverResult, InitializeResult, ResultMeta
from mcpws.mcp.versions import LEGACY_VERSIONS, MODERN_VERSIONS
from mcpws.seam.interfaces import Channel, Link

_SERVER = {"name": "recording", "version": "1"}
_GREETING: InitializeResult[Any, dict[str, str]] = InitializeResult(LEGACY_VERSIONS[-1], {}, _SERVER)
_DISCOVERED = {
    "resultType": "complete",
    **to_builtins(DiscoverResult(MODERN_VERSIONS, {}, meta=ResultMeta(_SERVER))),
    "ttlMs": 0,
    "cacheScope": "private",
}


class RecordedConversation:
    """A conversation that a test answers by hand, through `answer` or the `link` itself.

    `received` are the messages of the client but for those that began it; `closed` says why the conversation was
    closed, None while it is open; `paused` whether the client reads too slowly.
    """

    def __init__(self, link: Link, initialize: bool, modern: bool = False) -> None:
        self.link = link
        self.received: list[Message] = []
        self.closed: str | None = None
        self.paused = False
        self._initialize = initialize
        self._modern = modern

    @property
    def requests(self) -> list[Request]:
        """The requests among what was received."""
        return [message for message in self.received if type(message) is Request]

    def answer(self, request: Request, result: Any) -> None:
        """Send the result of a request, or the error if it is an RpcError."""
        if isinstance(result, RpcError):
            self.link.send(Error.answering(request.id, result))
        else:
            self.link.send(Result.answering(request.id, result))

    # interfaces.Channel

    def receive(self, message: Message) -> None:
        method = message.method if self._initialize and isinstance(message, Request | Notification) else None
        if type(message) is Request and method == DISCOVER:
            self.answer(message, _DISCOVERED if self._modern else MethodNotFound(DISCOVER))
        elif type(message) is Request and method == INITIALIZE:
            self.answer(message, _GREETING)
        elif method != INITIALIZED:
            self.received.append(message)

    def close(self, reason: str) -> None:
        self.closed = reason

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def stopProducing(self) -> None:
        self.paused = True


class RecordingBackend:
    """Keeps what clients send, and leaves the answers to the test; `stopped` counts the calls of `stop`.

    :param initialize: answer what clients begin with, and keep none of it.
    :param modern: answer `server/discover` as well; without it only clients of the legacy era are served.
    """

    def __init__(self, *, initialize: bool = True, modern: bool = False) -> None:
        self.conversations: list[RecordedConversation] = []
        self.stopped = 0
        self._initialize = initialize
        self._modern = modern

    def open(self, link: Link) -> Deferred[Channel]:
        self.conversations.append(RecordedConversation(link, self._initialize, self._modern))
        return succeed(self.conversations[-1])

    def stop(self) -> Deferred[None]:
        self.stopped += 1
        return succeed(None)
