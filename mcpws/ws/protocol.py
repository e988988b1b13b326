"""What our Autobahn protocols change, at either end: every event goes to a Connection, every byte out through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketAdapterProtocol
from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from mcpws.core.burst import burst
from mcpws.ws.connection import Connection
from mcpws.ws.fastlane import FastLane
from mcpws.ws.pieces import join_small

_OPEN = WebSocketProtocol.STATE_OPEN
_CLOSING = WebSocketProtocol.STATE_CLOSING
_CLOSED = WebSocketProtocol.STATE_CLOSED


class Forwarding(WebSocketAdapterProtocol, WebSocketProtocol):  # type: ignore[misc]
    """Mixed in before an Autobahn protocol. Adds two attributes: `_mcpws`, which the factory sets, and `_lane`."""

    # Most of what Autobahn keeps on every connection: in a dict these would take twice the memory. None of them has a
    # default on Autobahn's classes, which a slot would hide.
    __slots__ = (
        *WebSocketProtocol.CONFIG_ATTRS_COMMON,
        "_lane",
        "_mcpws",
        "_perMessageCompress",
        "autoPingPending",
        "autoPingPendingCall",
        "autoPingPendingSent",
        "autoPingPendingSeq",
        "autoPingTimeoutCall",
        "closeHandshakeTimeoutCall",
        "closedByMe",
        "current_frame",
        "data",
        "droppedByMe",
        "failedByMe",
        "inside_message",
        "localCloseCode",
        "localCloseReason",
        "openHandshakeTimeoutCall",
        "remoteCloseCode",
        "remoteCloseReason",
        "send_state",
        "state",
        "trackedTimings",
        "trafficStats",
        "triggered",
        "utf8validator",
        "wasClean",
        "wasCloseHandshakeTimeout",
        "wasMaxFramePayloadSizeExceeded",
        "wasMaxMessagePayloadSizeExceeded",
        "wasNotCleanReason",
        "wasOpenHandshakeTimeout",
        "wasServerConnectionDropTimeout",
        "wasServingFlashSocketPolicyFile",
        "websocket_extensions_in_use",
        "websocket_protocol_in_use",
    )

    _mcpws: Connection
    _lane: FastLane | None

    def connectionMade(self) -> None:
        # First: a client sends its handshake from within Autobahn's connectionMade.
        self._mcpws.transport_connected(cast(ITransport, self.transport))
        super().connectionMade()
        # Only Autobahn's `sendData` looks at it, and an empty deque takes 760 bytes.
        del self.send_queue
        self._mcpws.peer = self.peer or "?"

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # Past Autobahn's own, which only logs; TLS failures even as errors, where a port scan makes them.
        self._mcpws.transport_lost(reason)
        self._connectionLost(reason)  # type: ignore[arg-type]  # annotated as str there

    def dataReceived(self, data: bytes) -> None:
        # Not Autobahn's own, which formats a debug message for every read, and keeps what comes after the end.
        if self.state != _CLOSED:
            connection = self._mcpws
            connection.counters.last_activity = connection.clock.seconds()
            # What the messages in one read are answered with leaves in one write.
            burst.depth += 1
            try:
                self.data += data
                self.consumeData()
            finally:
                burst.end()

    def consumeData(self) -> None:
        """Take from what was read, for as long as messages are wanted: the lane what it can, Autobahn the rest."""
        autobahn: Any = self
        connection = self._mcpws
        if autobahn.state != _OPEN and autobahn.state != _CLOSING:
            super().consumeData()
            return
        if connection.consuming:
            # Whoever resumes reading from within a message begins no second round inside the first.
            return
        connection.consuming = True
        try:
            while connection.reading and autobahn.state != _CLOSED:
                lane = self._lane
                if lane is not None and (
                    lane.begun is not None
                    or (autobahn.state == _OPEN and autobahn.current_frame is None and not autobahn.inside_message)
                ):
                    before = len(self.data)
                    self.data = lane.take(self.data, self.onMessage)
                    if not self.data:
                        break
                    if len(self.data) < before:
                        continue
                if not autobahn.processData():
                    break
        finally:
            connection.consuming = False

    def sendData(self, data: bytes, sync: bool = False, chopsize: int | None = None) -> None:
        # All that Autobahn writes is whole frames, or a whole handshake; `sync` and `chopsize` are for its test suite.
        self._mcpws.write(data)

    def sendCloseFrame(self, code: int | None = None, reasonUtf8: bytes | None = None, isReply: bool = False) -> None:
        self._mcpws.close_begins(code, reasonUtf8, isReply)
        super().sendCloseFrame(code, reasonUtf8, isReply)
        # Whatever was paused, the peer's Close frame has to be read.
        self._mcpws.resume_reading()

    def _closeConnection(self, abort: bool = False) -> None:
        # Never an abort: it would take back the Close frame just written, and reset what ended in order. If the peer
        # does not read the rest, Connection.sweep aborts.
        self._mcpws.transport_closes()
        super()._closeConnection(abort=False)

    def onMessageFrameData(self, payload: bytes) -> None:
        super().onMessageFrameData(payload)
        if not self.failedByMe:
            join_small(self.frame_data)

    def onMessageFrame(self, payload: list[bytes]) -> None:  # type: ignore[override]  # annotated as bytes there
        super().onMessageFrame(payload)  # type: ignore[arg-type]
        if not self.failedByMe:
            join_small(self.message_data)

    @property
    def onMessage(self) -> Callable[[bytes, bool], bool]:  # type: ignore[override]  # Autobahn looks at no result
        """Takes a payload, and whether it is binary; returns whether the next may come at once.

        It is looked up once for all messages in one read.
        """
        return self._mcpws.payload_received

    def onPing(self, payload: bytes) -> None:
        self._mcpws.ping_received(payload)

    def onPong(self, payload: bytes) -> None:
        self._mcpws.pong_received(payload)

    # Under onOpen and onClose, which a subclass may have for itself.

    def _onOpen(self) -> None:
        autobahn: Any = self
        self._lane = (
            FastLane(self.factory.isServer, autobahn.maxMessagePayloadSize) if self._mcpws.has_fast_lane else None
        )
        super()._onOpen()
        self._mcpws.opened()

    def _onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        super()._onClose(wasClean, code, reason)
        self._mcpws.connection_lost(code, reason)
