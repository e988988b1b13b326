"""One server of an aggregate, in the conversation of one client: begun when it is needed, and again after its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from math import ceil
from typing import Any, Protocol

from msgspec import Raw
from twisted.internet.interfaces import IReactorTime

from mcpws.backends.aggregate.merging import capabilities_of
from mcpws.errors import BackendLost, McpwsError, RpcError
from mcpws.jsonrpc.messages import Answer, Error, Message, Notification, Request, RequestId, Result
from mcpws.mcp.methods import INITIALIZE, INITIALIZED, RESOURCES_SUBSCRIBE, SET_LEVEL
from mcpws.policy.backoff import Backoff, Failures
from mcpws.seam.interfaces import Backend, Channel, Identity
from mcpws.seam.opening import Opening
from mcpws.turns.timer import Timer

OWN_IDS = "mcpws/"
"""How ids of requests begin that are not the client's."""

MAX_QUEUED = 256
"""Messages that wait for a server to begin, and"""

MAX_QUEUED_BYTES = 4 * 1024 * 1024
"""bytes of them together."""

MAX_SUBSCRIBED = 1000
"""Subscriptions that a server hears of again when it has begun anew."""


class Owner(Protocol):
    """The conversation with the client, as its members see it."""

    @property
    def identity(self) -> Identity: ...

    @property
    def is_paused(self) -> bool:
        """Whether the client reads too slowly."""

    @property
    def greeting(self) -> Request | None:
        """The client's `initialize`; None while there was none."""

    @property
    def level(self) -> Raw | None:
        """Parameters of the last `logging/setLevel`."""

    def answered(self, member: Member, answer: Answer) -> None: ...
    def asked(self, member: Member, request: Request) -> None: ...
    def told(self, member: Member, notification: Notification) -> None: ...

    def gone(self, member: Member, reason: RpcError, was_up: bool) -> None:
        """The server has ended, or could not begin: nothing that it was asked is answered any more.

        :param was_up: whether it was initialised.
        """

    def begun(self, member: Member) -> None:
        """There is a conversation with the server, perhaps not the first."""

    def overdue(self, member: Member, message: Message) -> None:
        """The server does not begin: who asked it this is not to wait any longer."""

    def back(self, member: Member) -> None:
        """It has begun again, or later than was waited for."""

    def wait_for(self, member: Member, waits: bool) -> None:
        """It takes no more, or takes more again."""

    def overflown(self, member: Member, message: Message) -> None:
        """More than MAX_QUEUED, or MAX_QUEUED_BYTES, wait for it."""


class Member:
    """The Link of one server's conversation.

    A server that fails as it begins is tried again after a while only.

    :param name: of the server.
    :param timeout: seconds for which a message waits for the server to begin.
    :param random: gives a number from 0 to 1, for the time after which one that failed is tried again.
    """

    def __init__(
        self,
        name: str,
        backend: Backend,
        owner: Owner,
        *,
        clock: IReactorTime,
        timeout: float,
        random: Callable[[], float],
    ) -> None:
        self.name = name
        self.capabilities: Mapping[str, Any] | None = None
        """That it declared when it was initialised; None while it is not."""
        self.is_expected = False
        """Whether it is begun for a list: it was initialised at some time, or has come since its client was."""
        self.is_silent = False
        """Whether it was waited for in vain, and has not answered anything since."""
        self._subscribed: dict[str, Raw] = {}
        self._backend = backend
        self._owner = owner
        self._channel: Channel | None = None
        self._opening: Opening | None = None
        self._queue: deque[Message] = deque()
        self._queued_bytes = 0
        self._clock = clock
        self._timeout = timeout
        self._term = Timer(clock)
        self._random = random
        self._failures = Failures(Backoff(), free=1)
        self._reason = BackendLost(f"The server {name} is gone")
        self._greeting: RequestId | None = None
        self._initialising = False
        self._own_ids: set[str] = set()
        self._last = 0
        self._closed = False

    @property
    def identity(self) -> Identity:
        return self._owner.identity

    @property
    def is_begun(self) -> bool:
        """Whether there is a conversation, or is about to be."""
        return self._channel is not None or self._opening is not None

    def take(self, message: Message) -> None:
        """A message for the server, which is begun with it if it is not there."""
        if self._channel is not None and self._greeting is None and not self._initialising:
            self._pass(self._channel, message)
            return
        left = 0.0 if self.is_begun else self._failures.left(self._clock.seconds())
        if left > 0:
            again = f"{self._reason.message}; it is tried again in {left:.1f} s"
            data = {**(self._reason.data or {}), "retryAfterMs": ceil(left * 1000)}
            self._owner.gone(self, BackendLost(again, data), False)
            return
        size = size_of(message)
        if len(self._queue) >= MAX_QUEUED or self._queued_bytes + size > MAX_QUEUED_BYTES:
            self._owner.overflown(self, message)
            return
        self._queue.append(message)
        self._queued_bytes += size
        if not self._term.is_set:
            self._term.set(self._timeout, self._overdue)
        if not self.is_begun:
            opening = self._opening = Opening(self._opened, self._ended, f"{self.name} could not be started")
            opening.begin(self._backend, self)

    def tell(self, message: Message) -> None:
        """A message that is of no use to a server that is not there."""
        if self.is_begun:
            self.take(message)

    def initialised(self, answer: Answer) -> None:
        """It has answered `initialize`; with an error it is as good as gone."""
        self._initialising = False
        if isinstance(answer, Result):
            self.capabilities = capabilities_of(answer.result)
            self.is_expected = True
            self._failures.over()
            self._flush()
            return
        channel, self._channel = self._channel, None
        self._ended(BackendLost(f"it refused to begin: {answer.error.message}"))
        if channel is not None:
            channel.close("it refused to begin")

    def pause(self) -> None:
        """The client reads too slowly."""
        if self._channel is not None:
            self._channel.pauseProducing()

    def resume(self) -> None:
        """It has caught up."""
        if self._channel is not None:
            self._channel.resumeProducing()

    def close(self, reason: str) -> None:
        """The client is gone, or has no use for this server any more."""
        self._closed = True
        channel, opening = self._channel, self._opening
        self._forget()
        if opening is not None:
            opening.give_up(reason)
        if channel is not None:
            channel.close(reason)

    def subscribes(self, uri: str, params: Raw | None) -> None:
        """The client wants to hear of this resource, as the server knows it, or no more; without room it is forgotten.

        :param params: of its request; None for no more.
        """
        if params is None:
            self._subscribed.pop(uri, None)
        elif len(self._subscribed) < MAX_SUBSCRIBED:
            self._subscribed[uri] = params

    # interfaces.Link, for the server.

    def send(self, message: Message) -> None:
        if self._closed or not self.is_begun:
            return
        if type(message) is Request:
            self._owner.asked(self, message)
        elif type(message) is Notification:
            self._owner.told(self, message)
        else:
            assert isinstance(message, (Result, Error))
            self.is_silent = False
            if self._greeting is not None and message.id == self._greeting:
                self._greeted(message)
            elif isinstance(message.id, str) and message.id in self._own_ids:
                self._own_ids.remove(message.id)
            else:
                self._owner.answered(self, message)

    def lost(self, reason: McpwsError) -> None:
        if not self._closed:
            self._ended(reason)

    def pauseProducing(self) -> None:
        self._owner.wait_for(self, True)

    def resumeProducing(self) -> None:
        self._owner.wait_for(self, False)

    def stopProducing(self) -> None:
        self.pauseProducing()

    def _opened(self, channel: Channel) -> None:
        self._opening, self._channel = None, channel
        if self._owner.is_paused:
            channel.pauseProducing()
        greeting = self._owner.greeting
        begins = any(type(one) is Request and one.method == INITIALIZE for one in self._queue)
        self._owner.begun(self)
        if greeting is None or begins:
            self._flush()
        elif self._channel is not None:
            self._greeting = self._own_id()
            channel.receive(Request(self._greeting, INITIALIZE, greeting.params))

    def _greeted(self, answer: Answer) -> None:
        """It has begun again, and is to know what the one before it was told."""
        self._greeting = None
        self._own_ids.clear()
        if type(answer) is Result:
            assert self._channel is not None
            capabilities = capabilities_of(answer.result)
            self._channel.receive(Notification(INITIALIZED))
            if self._owner.level is not None and "logging" in capabilities:
                self._channel.receive(Request(self._own_id(), SET_LEVEL, self._owner.level))
            for params in self._subscribed.values():
                self._channel.receive(Request(self._own_id(), RESOURCES_SUBSCRIBE, params))
        self.initialised(answer)
        if self.capabilities is not None:
            self._owner.back(self)

    def _flush(self) -> None:
        while self._queue and self._channel is not None and not self._initialising:
            message = self._queue.popleft()
            self._queued_bytes -= size_of(message)
            self._pass(self._channel, message)
        if not self._queue:
            self._term.stop()

    def _pass(self, channel: Channel, message: Message) -> None:
        if type(message) is Request and message.method == INITIALIZE:
            self._initialising = True
        channel.receive(message)

    def _overdue(self) -> None:
        """What waits is not to wait any longer; should the server begin after all, it is welcome."""
        waiting = list(self._queue)
        self._queue.clear()
        self._queue.extend(one for one in waiting if type(one) is Request and one.method == INITIALIZE)
        self._queued_bytes = sum(map(size_of, self._queue))
        for message in waiting:
            self._owner.overdue(self, message)

    def _own_id(self) -> str:
        self._last += 1
        id = f"{OWN_IDS}{self._last}"
        self._own_ids.add(id)
        return id

    def _ended(self, reason: McpwsError) -> None:
        opening, was_up = self._opening, self.capabilities is not None
        if not was_up:
            self._failures.add(self._clock.seconds(), self._random())
        self._forget()
        if opening is not None:
            opening.forget(str(reason))
        said = reason if isinstance(reason, RpcError) else BackendLost(str(reason))
        data = said.data if isinstance(said.data, dict) else {}
        self._reason = BackendLost(f"The server {self.name} is gone: {said.message}", {**data, "server": self.name})
        self._owner.gone(self, self._reason, was_up)

    def _forget(self) -> None:
        self._opening = self._channel = self._greeting = self.capabilities = None
        self._initialising = False
        self._queue.clear()
        self._queued_bytes = 0
        self._term.stop()
        self._own_ids.clear()
        self._owner.wait_for(self, False)


def size_of(message: Message) -> int:
    """Bytes of a message, as good as."""
    if message.data is not None:
        return len(message.data)
    params = message.params if isinstance(message, Request | Notification) else None
    return 0 if params is None else memoryview(params).nbytes
