"""Notifications that a client asked for, the same in both eras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred

from mcpws.errors import McpwsError
from mcpws.mcp.schema import SubscriptionFilter
from mcpws.turns.once import Once
from mcpws.turns.outcome import call_listener

OnNotification = Callable[[str, dict[str, Any]], object]
"""Takes method and parameters of a notification; may return a Deferred or a coroutine."""


Filter: TypeAlias = SubscriptionFilter[tuple[str, ...]]


class Subscription:
    """Brings notifications of the server, for as long as both sides want; `Session.listen` makes it.

    `honoured` is the part of what was asked for that the server agreed to.
    """

    def __init__(self, on_notification: OnNotification, stop: Callable[[], None]) -> None:
        self.honoured = Filter()
        self._on_notification = on_notification
        self._stop = stop
        self._ended: Once[McpwsError | None] = Once()

    def close(self) -> None:
        """End it, and tell the server; nothing more is brought. Does nothing once it has ended."""
        if not self._ended.fired:
            self._stop()
            self.end(None)

    def when_ended(self) -> Deferred[McpwsError | None]:
        """Fires when it is over; each call gives a Deferred of its own.

        With None, if this side closed it or the server ended it in order; else with the reason, as of a lost
        connection. To go on, ask whatever it was about again, and `listen` again.
        """
        return self._ended.when()

    def bring(self, method: str, params: dict[str, Any]) -> None:
        """A notification came."""
        call_listener(self._on_notification, method, method, params)

    def end(self, reason: McpwsError | None) -> None:
        """Take in that it is over."""
        self._ended.fire(reason)
