"""Both sides of the seam, for tests: a backend that keeps what clients send, a link that keeps what a backend does."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any

from msgspec import to_builtins
from twisted.internet.defer import Deferred, succeed

from mcpws.errors import McpwsError, MethodNotFound, RpcError
from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Error, Message, Notification, Request, RequestId, Result
from mcpws.mcp.methods import DISCOVER, INITIALIZE, INITIALIZED
from mcpws.mcp.schema import COMPLETE_RESULT, DiscoverResult, InitializeResult, ResultMeta
from mcpws.mcp.versions import LEGACY_VERSIONS, MODERN_VERSIONS
from mcpws.seam.interfaces import Backend, Channel, Identity, Link
from mcpws.seam.opening import Opening

_SERVER = {"name": "recording", "version": "1"}
_GREETING: InitializeResult[Any, dict[str, str]] = InitializeResult(LEGACY_VERSIONS[-1], {}, _SERVER)
_DISCOVERED = {
    "resultType": COMPLETE_RESULT,
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


class RecordingLink:
    """A client as a backend has it: the Link, of which a test sees what came, and whose Channel it uses.

    `received` are the messages of the backend, `late` those that came after the end, which a front drops. `ended` says
    why the backend ended the conversation, `refused` why it did not begin one, `closed` why the test did: None while
    it is not so. `paused` is whether the backend wants no messages for now. `channel` is there once `is_open`.
    """

    channel: Channel

    def __init__(self, identity: Identity | None = None) -> None:
        self.identity = identity or Identity("tester")
        self.received: list[Message] = []
        self.late: list[Message] = []
        self.ended: McpwsError | None = None
        self.refused: McpwsError | None = None
        self.closed: str | None = None
        self.paused = False
        self._opening: Opening | None = None
        self._ids = count(1)
        self._awaited: list[tuple[Callable[[], bool], Deferred[None]]] = []

    # What the test does.

    def open(self, backend: Backend) -> None:
        """Begin a conversation with `backend`, as a front does; `is_open` and `refused` tell what came of it."""
        self._opening = Opening(self._opened, self._refused)
        self._opening.begin(backend, self)

    @property
    def is_open(self) -> bool:
        """Whether the conversation has begun and goes on."""
        return hasattr(self, "channel") and self.ended is None and self.closed is None

    def give(self, **members: Any) -> None:
        """Send a message with these members, as if it was read from a wire."""
        # Not every text that JSON has can be encoded as UTF-8.
        self.channel.receive(decode(json.dumps({"jsonrpc": "2.0", **members}).encode()))

    def request(self, method: str, *, id: RequestId | None = None, **params: Any) -> RequestId:
        """Send a request, with the next free number as its id unless you give one; returns the id."""
        id = next(self._ids) if id is None else id
        self.give(id=id, method=method, **({"params": params} if params else {}))
        return id

    def notify(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self.give(method=method, **({"params": params} if params else {}))

    def answers(self, id: RequestId) -> list[Result | Error]:
        """All answers to the request `id`: one, in the end. The id is of the same type as well."""
        answers = (one for one in self.received if isinstance(one, Result | Error))
        return [one for one in answers if one.id == id and type(one.id) is type(id)]

    def close(self, reason: str = "the client is gone") -> None:
        """Be gone: close the channel, or give up a conversation that has not begun."""
        was_open, self.closed = self.is_open, reason
        if self._opening is not None:
            self._opening.give_up(reason)
        if was_open:
            self.channel.close(reason)
        self._changed()

    def until(self, condition: Callable[[], bool]) -> Deferred[None]:
        """Fires when `condition` is met, which is asked for now and whenever the backend has done anything."""
        deferred: Deferred[None] = Deferred()
        self._awaited.append((condition, deferred))
        self._changed()
        return deferred

    # interfaces.Link

    def send(self, message: Message) -> None:
        over = self.ended is not None or self.closed is not None
        (self.late if over else self.received).append(message)
        self._changed()

    def lost(self, reason: McpwsError) -> None:
        assert self.ended is None, f"lost a second time: {reason}, after {self.ended}"
        self.ended = reason
        if self._opening is not None:
            self._opening.forget("the backend is gone")
        self._changed()

    def pauseProducing(self) -> None:
        self.paused = True
        self._changed()

    def resumeProducing(self) -> None:
        self.paused = False
        self._changed()

    def stopProducing(self) -> None:
        self.pauseProducing()

    def _opened(self, channel: Channel) -> None:
        self._opening, self.channel = None, channel
        self._changed()

    def _refused(self, reason: McpwsError) -> None:
        self._opening, self.refused = None, reason
        self._changed()

    def _changed(self) -> None:
        met = [awaited for awaited in self._awaited if awaited[0]()]
        self._awaited = [awaited for awaited in self._awaited if awaited not in met]
        for _, deferred in met:
            deferred.callback(None)
