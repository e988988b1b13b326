"""What waits for a reader that is slower than its messages come."""

from __future__ import annotations

from collections import OrderedDict

from msgspec import Raw, UnsetType

from mcpws.core.ledger import PROGRESS, reported_token
from mcpws.core.messages import Error, Message, Notification, RequestId, Result

OVERHEAD = 256
"""Bytes that a waiting message takes besides what it holds, roughly."""


class Backlog:
    """Messages in order. Of the progress of one request only the latest is kept, where it came last.

    `size` is in bytes, about; what to do when it is too many is for the owner to say. `coalesced` counts the progress
    that was overtaken.
    """

    __slots__ = ("_next", "_waiting", "coalesced", "size")

    def __init__(self) -> None:
        self._waiting: OrderedDict[tuple[bool, RequestId], tuple[Message, int]] = OrderedDict()
        self._next = 0
        self.size = 0
        self.coalesced = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, message: Message) -> None:
        """Let it wait."""
        token = None
        if type(message) is Notification and message.method == PROGRESS:
            token = reported_token(message)
        if token is None:
            key: tuple[bool, RequestId] = (False, self._next)
            self._next += 1
        else:
            key = (True, token)
            if key in self._waiting:
                self.size -= self._waiting.pop(key)[1]
                self.coalesced += 1
        size = OVERHEAD + _held(message)
        self._waiting[key] = (message, size)
        self.size += size

    def take(self) -> Message:
        """The oldest; raises KeyError if none waits."""
        _, (message, size) = self._waiting.popitem(last=False)
        self.size -= size
        return message

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()
        self.size = 0


def _held(message: Message) -> int:
    """Bytes that the message holds."""
    if type(message) is Result:
        return _length(message.result)
    if type(message) is Error:
        data = message.error.data
        return len(message.error.message) + (0 if isinstance(data, UnsetType) else _length(data))
    assert not isinstance(message, Result | Error)
    return 0 if message.params is None else _length(message.params)


def _length(raw: Raw) -> int:
    return memoryview(raw).nbytes
