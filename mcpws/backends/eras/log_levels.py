"""Log messages: their levels, and to whom they go."""

from __future__ import annotations

from msgspec import Struct

from mcpws.errors import InvalidParams
from mcpws.jsonrpc.messages import Notification
from mcpws.jsonrpc.surrogates import reader

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")
"""Of log messages, from the lowest up (RFC 5424, section 6.2.1)."""

LOG_MESSAGE = "notifications/message"


class _Entry(Struct, gc=False):
    level: str


_read_entry = reader(_Entry)


def level_of(name: str | None) -> int:
    """How high a level is that a request names; raises InvalidParams if there is no such level."""
    if name not in LEVELS:
        raise InvalidParams("Invalid log level", {"level": name, "reason": f"must be one of {', '.join(LEVELS)}"})
    return LEVELS.index(name)


def message_level(notification: Notification) -> int | None:
    """How high the level of a `notifications/message` is; None if it does not say."""
    try:
        level = _read_entry(notification.params or b"{}").level
    except ValueError:
        return None
    return LEVELS.index(level) if level in LEVELS else None
