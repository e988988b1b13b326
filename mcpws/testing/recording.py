"""A backend that keeps what clients send, for tests of what stands in front of it."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed

from mcpws.core.ledger import INITIALIZE
from mcpws.core.lifecycle import LEGACY_VERSIONS
from mcpws.core.messages import Error, Message, Notification, Request, Result, to_raw
from mcpws.errors import RpcError
from mcpws.interfaces import Channel, Link

_INITIALIZED = "notifications/initialized"


class RecordedConversation:
    """A conversation that a test answers by hand, through `answer` or the `link` itself.

    `received` are the messages of the client but for those that began it; `closed` says why the conversation was
    closed, None while it is open; `paused` whether the client reads too slowly.
    """

    def __init__(self, link: Link, initialize: bool) -> None:
        self.link = link
        self.received: list[Message] = []
        self.closed: str | None = None
        self.paused = False
        self._initialize = initialize

    @property
    def requests(self) -> list[Request]:
        """The requests among what was received."""
        return [message for message in self.received if type(message) is Request]

    def answer(self, request: Request, result: Any) -> None:
        """Send the result of a request, or the error if it is an RpcError."""
        if isinstance(result, RpcError):
            self.link.send(Error.answering(request.id, result))
        else:
            self.link.send(Result(request.id, to_raw(result)))

    # interfaces.Channel

    def receive(self, message: Message) -> None:
        if self._initialize and type(message) is Request and message.method == INITIALIZE:
            server = {"name": "recording", "version": "1"}
            self.answer(message, {"protocolVersion": LEGACY_VERSIONS[-1], "capabilities": {}, "serverInfo": server})
        elif not (self._initialize and type(message) is Notification and message.method == _INITIALIZED):
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

    :param initialize: answer `initialize`, and keep neither it nor `notifications/initialized`.
    """

    def __init__(self, *, initialize: bool = True) -> None:
        self.conversations: list[RecordedConversation] = []
        self.stopped = 0
        self._initialize = initialize

    def open(self, link: Link) -> Deferred[Channel]:
        self.conversations.append(RecordedConversation(link, self._initialize))
        return succeed(self.conversations[-1])

    def stop(self) -> Deferred[None]:
        self.stopped += 1
        return succeed(None)
