"""Values that a client only carries: what a server gave it, and it gives back, has to be the new server's own."""

from __future__ import annotations

from typing import Any

from mcpws.mcp.meta import SUBSCRIPTION_ID
from mcpws.mcp.schema import INPUT_RESPONSES, REQUEST_STATE

OPAQUE = {
    REQUEST_STATE: REQUEST_STATE,
    "nextCursor": "cursor",
    "cursor": "cursor",
    "taskId": "taskId",
    SUBSCRIPTION_ID: SUBSCRIPTION_ID,
    "elicitationId": "elicitationId",
}
"""Members whose texts only the server can read; those with the same word on the right may have each other's."""

QUESTIONS, REPLIES = "inputRequests", INPUT_RESPONSES
"""Members whose own members the server has named; the client gives the names back."""

MAX_CARRIED = 100_000
"""Values of one conversation; what is more is sent as it was recorded."""


def with_names_of(recorded: dict[str, Any], got: dict[str, Any]) -> dict[str, Any]:
    """The questions `got` by the names of their like in `recorded`: where none is the same, the next to ask so."""
    names = _names(recorded, got)
    return {names.get(name, name): one for name, one in got.items()}


def _names(recorded: dict[str, Any], got: dict[str, Any]) -> dict[str, str]:
    """Recorded names of questions, by the new ones that are not the same."""
    waiting = {name: _asked(one) for name, one in recorded.items() if name not in got}
    found: dict[str, str] = {}
    for name, one in got.items():
        if name not in recorded:
            like = next((before for before, asked in waiting.items() if asked == _asked(one)), None)
            if like is not None:
                del waiting[like]
                found[name] = like
    return found


def _asked(question: Any) -> Any:
    return question.get("method") if isinstance(question, dict) else None


class Carried:
    """What the new server gave in the place of what the recorded one did, for one conversation."""

    def __init__(self) -> None:
        self._new: dict[tuple[str, str], str] = {}

    def learn(self, recorded: Any, got: Any) -> None:
        """Note where `got`, which came in the place of `recorded`, has other such values."""
        if isinstance(recorded, dict) and isinstance(got, dict):
            for name, before in recorded.items():
                after = got.get(name)
                kind = OPAQUE.get(name)
                if kind is not None and isinstance(before, str) and isinstance(after, str):
                    self._note(kind, before, after)
                elif name == QUESTIONS and isinstance(before, dict) and isinstance(after, dict):
                    for new, old in _names(before, after).items():
                        self._note(REPLIES, old, new)
                else:
                    self.learn(before, after)
        elif isinstance(recorded, list) and isinstance(got, list):
            # One list may be the shorter one.
            for before, after in zip(recorded, got, strict=False):
                self.learn(before, after)

    def renewed(self, value: Any) -> Any:
        """`value`, as the client sent it, with the new server's values in it."""
        if isinstance(value, dict):
            return {name: self._renewed(name, one) for name, one in value.items()}
        if isinstance(value, list):
            return [self.renewed(one) for one in value]
        return value

    def _note(self, kind: str, before: str, after: str) -> None:
        if len(self._new) < MAX_CARRIED:
            self._new[kind, before] = after

    def _renewed(self, name: str, value: Any) -> Any:
        kind = OPAQUE.get(name)
        if kind is not None and isinstance(value, str):
            return self._new.get((kind, value), value)
        if name == REPLIES and isinstance(value, dict):
            value = {self._new.get((REPLIES, one), one): reply for one, reply in value.items()}
        return self.renewed(value)
