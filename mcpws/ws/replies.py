"""The way out of each answer: in the kind of frame that its request came in, alone or within its batch."""

from __future__ import annotations

from collections.abc import Callable, Collection

from mcpws.core.counters import Counters
from mcpws.jsonrpc.batch import Batch
from mcpws.jsonrpc.messages import Error, Message, RequestId, Result


class Replies:
    """The form of the answers that one connection owes its client.

    :param send: sends one payload, in a binary frame or not.
    :param max_size: bytes of the answers to a batch together; what does not fit becomes an error.
    :param counters: where to count those as `errors`.
    """

    __slots__ = ("_batches", "_binary", "_counters", "_max_size", "_send", "last_was_binary")

    def __init__(self, send: Callable[[bytes, bool], None], max_size: int, counters: Counters) -> None:
        self._send = send
        self._counters = counters
        self._max_size = max_size
        self._binary: dict[RequestId, None] = {}
        self._batches: list[tuple[Batch, bool]] = []
        self.last_was_binary = False
        """Whether the client's last message was: what answers none of its requests goes out alike."""

    def owe_in_binary(self, id: RequestId) -> None:
        """The answer to this request goes out in a binary frame."""
        self._binary[id] = None

    def begin_batch(self, ids: set[RequestId], binary: bool) -> Batch:
        """The answers to these requests go out as one array, once the batch is sealed and complete."""
        batch = Batch(ids, self._max_size)
        self._batches.append((batch, binary))
        return batch

    def settle(self, open: Collection[RequestId]) -> None:
        """Only the requests in `open` can still be answered: others were cancelled. Sends the batches that are full."""
        if len(self._binary) > len(open):
            self._binary = {id: None for id in self._binary if id in open}
        if self._batches:
            for batch, _ in self._batches:
                batch.expect_only(set(open))
            self._send_complete()

    def deliver(self, message: Message, data: bytes, open: Collection[RequestId]) -> None:
        """Send `message`, or keep it for its batch.

        An error whose id is still `open` is no answer to that request, but to a second one with the same id.
        """
        if not isinstance(message, (Result, Error)) or message.id is None or message.id in open:
            self._send(data, self.last_was_binary)
            return
        for batch, _ in self._batches:
            if message.id in batch:
                if not batch.add(data, message.id) and type(message) is Result:
                    self._counters.errors += 1
                self._send_complete()
                return
        self._send(data, message.id in self._binary)
        self._binary.pop(message.id, None)

    def _send_complete(self) -> None:
        complete = [entry for entry in self._batches if entry[0].complete]
        for batch, binary in complete:
            self._batches.remove((batch, binary))
            if answers := batch.encoded():
                self._send(answers, binary)
