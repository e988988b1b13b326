"""Messages that a server is expected to send, as the recorded one did; which of them one is that comes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from mcpws.jsonrpc.messages import Message, Notification, Request
from mcpws.mcp.meta import PROGRESS_TOKEN
from mcpws.recording.differences import Difference, Ignored, differences
from mcpws.recording.form import Utterance

MAX_LOOKED_AT = 100
"""Messages of one kind among which the one that is the same is looked for."""

_ENVELOPE = ("jsonrpc", "id")

Key: TypeAlias = tuple[object, ...]


def body(value: dict[str, Any]) -> dict[str, Any]:
    """A message without what only tells it from others."""
    return {name: one for name, one in value.items() if name not in _ENVELOPE}


class Expected:
    """The server's messages of one recorded conversation that have not come yet.

    An answer is known by its id, a request by its method, and a notification by its method and what it is about. Of
    several that it may be, it is the first that is the same, or else the first.
    """

    def __init__(self, said: Iterable[Utterance], ignored: Ignored) -> None:
        self._ignored = ignored
        self._by_key: dict[Key, list[Utterance]] = {}
        for one in said:
            self._by_key.setdefault(key_of(one.message, one.value), []).append(one)

    def take(self, message: Message, value: dict[str, Any]) -> tuple[Utterance, list[Difference]] | None:
        """The one that `message` is, which is expected no more, with what is different; None if there is none.

        :param value: the message decoded, without its secrets.
        """
        waiting = self._by_key.get(key_of(message, value))
        if not waiting:
            return None
        first: list[Difference] | None = None
        for at, one in enumerate(waiting[:MAX_LOOKED_AT]):
            found = list(differences(body(one.value), body(value), self._ignored))
            if not found:
                del waiting[at]
                return one, []
            if first is None:
                first = found
        assert first is not None
        return waiting.pop(0), first


def key_of(message: Message, value: dict[str, Any]) -> Key:
    """What tells a message from others of its conversation."""
    if isinstance(message, Request):
        return "request", message.method
    if isinstance(message, Notification):
        params = value.get("params")
        params = params if isinstance(params, dict) else {}
        # As text: anything may stand there.
        return "notification", message.method, repr(params.get(PROGRESS_TOKEN)), repr(params.get("uri"))
    return "answer", type(message.id), message.id
