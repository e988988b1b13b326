"""Backlog of messages for a reader that is slower than they come."""

from __future__ import annotations

from collections import OrderedDict
from typing import TypeAlias

import msgspec
from msgspec import Raw, Struct, UnsetType

from mcpws.core.ledger import reported_token
from mcpws.jsonrpc.messages import Error, Message, Notification, RequestId, Result
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.meta import SUBSCRIPTION_ID
from mcpws.mcp.methods import LIST_CHANGED, PROGRESS, ROOTS_CHANGED

OVERHEAD = 256
"""Bytes that a waiting message takes besides what it holds, roughly."""

_OVERTAKING = frozenset({*LIST_CHANGED.values(), ROOTS_CHANGED})

Kind: TypeAlias = tuple[str, RequestId | None]
"""A method, and the progress token or the subscription that a notification is for."""


class _Meta(Struct, gc=False):
    subscription: RequestId | None = msgspec.field(name=SUBSCRIPTION_ID, default=None)


class _Subscribed(Struct, gc=False):
    meta: _Meta | None = msgspec.field(name="_meta", default=None)


_read_subscribed = reader(_Subscribed)


def kind_of(message: Message) -> Kind | None:
    """Kind of a message that a later one of the same kind makes worthless; None for one that nothing overtakes.

    Progress of one request overtakes earlier progress of the same, and so does the news that a list has changed.
    """
    if type(message) is not Notification:
        return None
    if message.method == PROGRESS:
        token = reported_token(message)
        return None if token is None else (PROGRESS, token)
    if message.method in _OVERTAKING:
        try:
            meta = _read_subscribed(message.params or b"{}").meta
        except ValueError:
            return None
        return message.method, None if meta is None else meta.subscription
    return None


class Backlog:
    """Messages in order. Of each kind that is overtaken only the latest is kept, where it came last.

    `size` is in bytes, about; what to do when it is too many is for the owner to say. `coalesced` counts what was
    overtaken.
    """

    __slots__ = ("_next", "_waiting", "coalesced", "size")

    def __init__(self) -> None:
        self._waiting: OrderedDict[Kind | int, tuple[Message, int]] = OrderedDict()
        self._next = 0
        self.size = 0
        self.coalesced = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, message: Message) -> None:
        """Let it wait."""
        key: Kind | int | None = kind_of(message)
        if key is None:
            key = self._next
            self._next += 1
        elif key in self._waiting:
            self.size -= self._waiting.pop(key)[1]
            self.coalesced += 1
        size = held_bytes(message)
        self._waiting[key] = (message, size)
        self.size += size

    def take(self) -> Message:
        """The oldest; raises KeyError if none waits."""
        _, (message, size) = self._waiting.popitem(last=False)
        self.size -= size
        return message

    def drop(self, token: RequestId | None, subscription: RequestId) -> int:
        """Forget progress for this token, and what else may be overtaken on this subscription; returns how much."""
        before = len(self._waiting)
        for key in list(self._waiting):
            if type(key) is tuple and key[1] is not None and key[1] == (token if key[0] == PROGRESS else subscription):
                self.size -= self._waiting.pop(key)[1]
        return before - len(self._waiting)

    def clear(self) -> None:
        """Forget all."""
        self._waiting.clear()
        self.size = 0


def held_bytes(message: Message) -> int:
    """Bytes that a message takes while it waits, about."""
    if message.data is not None:
        return OVERHEAD + len(message.data)
    if type(message) is Result:
        return OVERHEAD + _length(message.result)
    if type(message) is Error:
        data = message.error.data
        return OVERHEAD + len(message.error.message) + (0 if isinstance(data, UnsetType) else _length(data))
    assert not isinstance(message, Result | Error)
    return OVERHEAD + (0 if message.params is None else _length(message.params))


def _length(raw: Raw) -> int:
    return memoryview(raw).nbytes
