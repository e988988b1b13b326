"""States as tables: of a connection, its MCP initialisation, a conversation on standard streams, a child process.

A state is changed by `to` alone, which looks into its table: `self.state = self.state.to(ConnectionState.CONNECTED)`.
docs/design/architecture.md shows the tables; a test holds it to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TypeVar

from mcpws.errors import IllegalTransition, InvalidParams, InvalidRequest
from mcpws.mcp.meta import PROTOCOL_VERSION
from mcpws.mcp.methods import INITIALIZE, ONLY_MODERN, PING

S = TypeVar("S", bound="State")


class State(Enum):
    """A state that has a row in `FOLLOWING`. The values are words for people."""

    def to(self, next: S) -> S:
        """`next`, if it may follow; raises IllegalTransition otherwise."""
        if next not in FOLLOWING[self]:
            raise IllegalTransition(self.value, next.value, OF_WHAT[type(self)])
        return next


class ConnectionState(State):
    """States of a connection."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    SHUTTING_DOWN = "shutting down"


class Phase(State):
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
                return self.to(Phase.INITIALIZING)
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
        return self.to(Phase.READY if success else Phase.NEW)


class Stage(State):
    """States of a conversation on standard input and output."""

    BEGINNING = "beginning"
    AWAITED = "awaited"
    SERVING = "serving"
    FINISHING = "finishing"
    CLOSING = "closing"
    OVER = "over"


class ChildState(State):
    """States of a child process."""

    SERVING = "serving"
    """It answers its client, or is about to be missed."""
    STOPPING = "stopping"
    """Its conversation is over and it has been told to go; what it still says is dropped."""
    EXITED = "exited"
    """It is reaped, but what it said last may not have been read."""
    ENDED = "ended"
    """No process, stream or timer is left."""


FOLLOWING: Mapping[State, Mapping[State, str]] = {
    ConnectionState.DISCONNECTED: {ConnectionState.CONNECTING: "somebody wants it"},
    ConnectionState.CONNECTING: {
        ConnectionState.CONNECTED: "the handshake is complete",
        ConnectionState.RECONNECTING: "it failed, and is tried again",
        ConnectionState.SHUTTING_DOWN: "nobody wants it any more",
        ConnectionState.DISCONNECTED: "it was refused, or TCP is closed",
    },
    ConnectionState.CONNECTED: {
        ConnectionState.RECONNECTING: "it was lost, and is tried again",
        ConnectionState.SHUTTING_DOWN: "a Close frame was sent",
        ConnectionState.DISCONNECTED: "TCP is closed",
    },
    # Nobody enters it yet: it is for connections that come back by themselves.
    ConnectionState.RECONNECTING: {
        ConnectionState.CONNECTING: "the time to wait is over",
        ConnectionState.SHUTTING_DOWN: "nobody wants it any more",
        ConnectionState.DISCONNECTED: "it was tried often enough",
    },
    ConnectionState.SHUTTING_DOWN: {ConnectionState.DISCONNECTED: "TCP is closed"},
    Phase.NEW: {Phase.INITIALIZING: "`initialize` comes"},
    Phase.INITIALIZING: {
        Phase.READY: "it is answered",
        Phase.NEW: "it is refused, or its backend is gone",
    },
    Phase.READY: {},
    Stage.BEGINNING: {
        Stage.SERVING: "the backend has begun",
        Stage.AWAITED: "the input is over",
        Stage.CLOSING: "there is no backend, or nobody reads",
    },
    Stage.AWAITED: {
        Stage.FINISHING: "the backend has begun",
        Stage.CLOSING: "there is none, or not in time",
    },
    Stage.SERVING: {
        Stage.FINISHING: "the input is over",
        Stage.CLOSING: "the backend is gone, or nobody reads",
    },
    Stage.FINISHING: {Stage.CLOSING: "all is answered, or the time for it is over"},
    Stage.CLOSING: {Stage.OVER: "the output was read, or nobody reads it"},
    Stage.OVER: {},
    ChildState.SERVING: {
        ChildState.STOPPING: "its conversation is over",
        ChildState.EXITED: "it ends by itself",
    },
    ChildState.STOPPING: {ChildState.EXITED: "it is gone, by itself or by a signal"},
    ChildState.EXITED: {ChildState.ENDED: "its streams are closed"},
    ChildState.ENDED: {},
}
"""What may follow each state, and when it does."""

OF_WHAT: Mapping[type[State], str] = {
    ConnectionState: "a connection",
    Phase: "an initialisation",
    Stage: "a conversation",
    ChildState: "a child process",
}
"""What is in these states."""
