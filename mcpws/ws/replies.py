"""The way out of each answer: in the kind of frame that its request came in, alone or within its batch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from mcpws.core.counters import Counters
from mcpws.errors import RpcError
from mcpws.fronts.around import CarrierAround
from mcpws.jsonrpc.batch import Batch
from mcpws.jsonrpc.codec import encode
from mcpws.jsonrpc.messages import Error, Message, Request, RequestId, Result
from mcpws.seam.interfaces import Carrier


class Sending(Carrier, Protocol):
    """The connection that has both kinds of frames."""

    def deliver(self, message: Message | None, data: bytes, binary: bool = False) -> None: ...


class Asked(Protocol):
    """The Front that knows which requests have no answer."""

    @property
    def unanswered(self) -> Collection[RequestId]: ...


class Replies(CarrierAround):
    """The form of the answers that one connection owes its client.

    Most clients send neither binary frames nor batches, and need none. From the first one on, Replies stands between
    the connection and its Front, in both directions.

    :param take: has the client's messages after this.
    :param max_size: bytes of the answers to a batch together; what does not fit becomes an error.
    :param counters: where to count those as `errors`.
    """

    def __init__(
        self,
        connection: Sending,
        front: Asked,
        take: Callable[[Message], None],
        max_size: int,
        counters: Counters,
    ) -> None:
        self.real = connection
        self.take = take
        self._send = connection.deliver
        self._front = front
        self._counters = counters
        self._max_size = max_size
        self._binary: dict[RequestId, None] = {}
        self._batches: list[tuple[Batch, bool]] = []
        self._last_was_binary = False

    def receive(self, message: Message, binary: bool = False) -> None:
        """A message alone in its frame."""
        self._last_was_binary = binary
        if type(message) is Request:
            self._owe(message.id, binary)
        self.take(message)
        self._settle()

    def garbage_received(self, error: RpcError, binary: bool) -> None:
        """What came is no message, and about to be refused."""
        self._last_was_binary = binary
        if error.id is not None:
            self._owe(error.id, binary)
        spoil(error, self.take)

    def batch_received(self, members: Sequence[Message | RpcError], binary: bool) -> None:
        """Several messages as one: their answers go out as one array, once all are there."""
        self._last_was_binary = binary
        unanswered = self._front.unanswered
        ids = {member.id for member in members if type(member) is Request and member.id not in unanswered}
        batch = Batch(ids, self._max_size)
        self._batches.append((batch, binary))
        for member in members:
            if isinstance(member, RpcError):
                spoil(member, self.take)
                batch.add(encode(Error.answering(member.id, member)))
            else:
                self.take(member)
        batch.seal()
        self._settle()

    def deliver(self, message: Message, data: bytes) -> None:
        # What answers none of its requests goes out as the client's last message came. An error whose id is still open
        # is no answer to that request, but to a second one with the same id.
        if not isinstance(message, (Result, Error)) or message.id is None or message.id in self._front.unanswered:
            self._send(message, data, self._last_was_binary)
            return
        for batch, _ in self._batches:
            if message.id in batch:
                if not batch.add(data, message.id) and type(message) is Result:
                    self._counters.errors += 1
                self._send_complete()
                return
        self._send(message, data, message.id in self._binary)
        self._binary.pop(message.id, None)

    def _owe(self, id: RequestId, binary: bool) -> None:
        """The answer to this request goes out as it came."""
        if binary and id not in self._front.unanswered:
            self._binary[id] = None

    def _settle(self) -> None:
        """Only requests that have no answer yet can still get one: others were cancelled."""
        unanswered = self._front.unanswered
        if len(self._binary) > len(unanswered):
            self._binary = {id: None for id in self._binary if id in unanswered}
        if self._batches:
            for batch, _ in self._batches:
                batch.expect_only(set(unanswered))
            self._send_complete()

    def _send_complete(self) -> None:
        complete = [entry for entry in self._batches if entry[0].complete]
        for batch, binary in complete:
            self._batches.remove((batch, binary))
            if answers := batch.encoded():
                self._send(None, answers, binary)


def spoil(error: RpcError, take: Callable[[Message], None]) -> None:
    """Tell the backend, which `take` leads to, if `error` is about an answer that it waits for."""
    if error.answers is not None:
        take(Error.in_place_of(error.answers, error))
