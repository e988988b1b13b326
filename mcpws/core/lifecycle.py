"""States as tables: of a connection, and of the MCP initialisation on it."""

from __future__ import annotations

from enum import Enum

from mcpws.errors import IllegalTransition, InvalidRequest

LEGACY_VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
"""The protocol versions that begin with an `initialize` exchange, oldest first."""

WITHOUT_ELICITATION = LEGACY_VERSIONS[:2]
"""Those in which a server may not ask `elicitation/create`, whatever a client declares."""


class ConnectionState(Enum):
    """Where a connection is in its life."""

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
    """How far the MCP initialisation of a conversation is (MCP 2025-11-25, lifecycle)."""

    NEW = "new"
    INITIALIZING = "initializing"
    READY = "ready"

    def permit(self, method: str, id: str | int) -> Phase:
        """The phase after the client's request for `method`.

        Raises InvalidRequest where it may not come now:
        `ping` may come at any time; anything else waits for `initialize`, which comes once.
        """
        if method == "initialize":
            if self is Phase.NEW:
                return Phase.INITIALIZING
            raise InvalidRequest("Already initialized", {"method": method}, id=id)
        if self is Phase.READY or method == "ping":
            return self
        reason = (
            "initialize has not been answered yet"
            if self is Phase.INITIALIZING
            else "the first request must be initialize"
        )
        raise InvalidRequest("Not initialized", {"method": method, "reason": reason}, id=id)

    def initialize_answered(self, success: bool) -> Phase:
        """The phase once `initialize` has its answer: a refused one may be tried again."""
        return Phase.READY if success else Phase.NEW
