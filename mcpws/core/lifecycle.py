"""States as tables: of a connection, and of the MCP initialisation on it."""

from __future__ import annotations

from enum import Enum

from mcpws.errors import IllegalTransition, InvalidParams, InvalidRequest
from mcpws.mcp.meta import PROTOCOL_VERSION
from mcpws.mcp.methods import INITIALIZE, ONLY_MODERN, PING


class ConnectionState(Enum):
    """State of a connection."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    SHUTTING_DOWN = "shutting down"

    def to(self, next: ConnectionState) -> ConnectionState:
        """`next`, if it may follow; raises IllegalTransition otherwise."""
        if next not in _CONNECTION[self]:
            raise IllegalTransition(self.value, next.value)
        return next


_CONNECTION = {
    ConnectionState.DISCONNECTED: {ConnectionState.CONNECTING},
    ConnectionState.CONNECTING: {
        ConnectionState.CONNECTED,
        ConnectionState.RECONNECTING,
        ConnectionState.SHUTTING_DOWN,
        ConnectionState.DISCONNECTED,
    },
    ConnectionState.CONNECTED: {
        ConnectionState.RECONNECTING,
        ConnectionState.SHUTTING_DOWN,
        ConnectionState.DISCONNECTED,
    },
    ConnectionState.RECONNECTING: {
        ConnectionState.CONNECTING,
        ConnectionState.SHUTTING_DOWN,
        ConnectionState.DISCONNECTED,
    },
    ConnectionState.SHUTTING_DOWN: {ConnectionState.DISCONNECTED},
}


class Phase(Enum):
    """State of the MCP initialisation of a conversation (MCP 2025-11-25, lifecycle)."""

    NEW = "new"
    INITIALIZING = "initializing"
    READY = "ready"

    def permit(self, method: str, id: str | int) -> Phase:
        """The phase after the client's request for `method`, which does not name its protocol version.

        `ping` may come at any time; anything else waits for `initialize`, which comes once.

        :raises InvalidRequest: it may not come now, or not again.
        :raises InvalidParams: only by its version could it have come (MCP 2026-07-28, `_meta`): there was no
            `initialize`, or the method is one of versions without.
        """
        if method == INITIALIZE:
            if self is Phase.NEW:
                return Phase.INITIALIZING
            raise InvalidRequest("Already initialized", {"method": method}, id=id)
        modern = method in ONLY_MODERN
        if method == PING or (self is Phase.READY and not modern):
            return self
        if self is Phase.INITIALIZING and not modern:
            reason = "initialize has not been answered yet"
            raise InvalidRequest("Not initialized", {"method": method, "reason": reason}, id=id)
        path = f"$._meta.{PROTOCOL_VERSION}"
        reason = "is required" if modern else "is required unless the first request is initialize"
        raise InvalidParams(f"Invalid params: {path}: {reason}", {"path": path, "reason": reason})

    def initialize_answered(self, success: bool) -> Phase:
        """The phase once `initialize` has its answer: a refused one may be tried again."""
        return Phase.READY if success else Phase.NEW
