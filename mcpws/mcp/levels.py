"""Levels of log messages (RFC 5424, section 6.2.1), and who hears which."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from msgspec import Struct

from mcpws.errors import InvalidParams
from mcpws.jsonrpc.messages import Notification
from mcpws.jsonrpc.surrogates import reader

Level: TypeAlias = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]

LEVELS: tuple[Level, ...] = get_args(Level)
"""From the lowest up."""


class _Entry(Struct, gc=False):
    level: str


_read_entry = reader(_Entry)


def hears(wanted: Level | None, level: Level) -> bool:
    """Whether a client that wants messages from `wanted` up gets one of `level`; None wants none."""
    return wanted is not None and LEVELS.index(level) >= LEVELS.index(wanted)


def severity_of(name: str | None) -> int:
    """Place among `LEVELS` of a level that a request names; raises InvalidParams if there is no such level."""
    for severity, level in enumerate(LEVELS):
        if level == name:
            return severity
    raise InvalidParams("Invalid log level", {"level": name, "reason": f"must be one of {', '.join(LEVELS)}"})


def severity_in(notification: Notification) -> int | None:
    """Place among `LEVELS` of the level of a `notifications/message`; None if it does not say."""
    try:
        return severity_of(_read_entry(notification.params or b"{}").level)
    except (ValueError, InvalidParams):
        return None
