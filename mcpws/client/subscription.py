"""Notifications that a client asked for, the same in both eras."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct
from twisted.internet.defer import Deferred

from mcpws.errors import McpwsError
from mcpws.turns.conversation import hear
from mcpws.turns.once import Once

OnNotification = Callable[[str, dict[str, Any]], object]
"""Takes method and parameters of a notification; may return a Deferred or a coroutine."""

TOOLS_CHANGED = "notifications/tools/list_changed"
PROMPTS_CHANGED = "notifications/prompts/list_changed"
RESOURCES_CHANGED = "notifications/resources/list_changed"
RESOURCE_UPDATED = "notifications/resources/updated"


class Filter(Struct, frozen=True, omit_defaults=True):
    """Which notifications: of changes in the lists of `tools`, `prompts`, `resources`, of updates of the `uris`.

    As JSON it is what MCP 2026-07-28, subscriptions, calls so.
    """

    tools: bool = msgspec.field(name="toolsListChanged", default=False)
    prompts: bool = msgspec.field(name="promptsListChanged", default=False)
    resources: bool = msgspec.field(name="resourcesListChanged", default=False)
    uris: tuple[str, ...] = msgspec.field(name="resourceSubscriptions", default=())

    def passes(self, method: str, params: dict[str, Any]) -> bool:
        """Whether a notification is one of these. One about a part of a resource is about the resource, too."""
        if method == RESOURCE_UPDATED:
            updated = params.get("uri")
            return isinstance(updated, str) and any(_is_within(updated, uri) for uri in self.uris)
        return {TOOLS_CHANGED: self.tools, PROMPTS_CHANGED: self.prompts, RESOURCES_CHANGED: self.resources}.get(
            method, False
        )


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
        hear(self._on_notification, method, method, params)

    def end(self, reason: McpwsError | None) -> None:
        """It is over."""
        self._ended.fire(reason)


def _is_within(uri: str, whole: str) -> bool:
    return uri == whole or uri.startswith(f"{whole.rstrip('/')}/")
