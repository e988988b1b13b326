"""What our Autobahn protocols change, at either end: every event goes to a Connection, every byte out through it."""

from __future__ import annotations

from typing import Any, cast

from autobahn.twisted.websocket import WebSocketAdapterProtocol
from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.interfaces import ITransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from mcpws.ws.connection import Connection
from mcpws.ws.fastlane import take

SMALL = 4096
"""Bytes. A message may come in pieces of one byte each; shorter ones than this are joined as they come, since every
piece costs memory of its own."""


class Forwarding(WebSocketAdapterProtocol, WebSocketProtocol):  # type: ignore[misc]
    """Mixed in before an Autobahn protocol. Adds one attribute, `_mcpws`; the factory sets it."""

    _mcpws: Connection

    def connectionMade(self) -> None:
        # First: a client sends its handshake from within Autobahn's connectionMade.
        self._mcpws.transport_connected(cast(ITransport, self.transport))
        super().connectionMade()
        self._mcpws.peer = self.peer or "?"

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # Past Autobahn's own, which only logs; TLS failures even as errors, where a port scan makes them.
        self._mcpws.transport_lost(reason)
        self._connectionLost(reason)  # type: ignore[arg-type]  # annotated as str there

    def dataReceived(self, data: bytes) -> None:
        # Not Autobahn's own, which formats a debug message for every read, and keeps what comes after the end.
        if self.state != WebSocketProtocol.STATE_CLOSED:
            self._mcpws.bytes_received()
            # What the messages in one read are answered with leaves in one write.
            self._mcpws.cork()
            try:
                self.data += data
                self.consumeData()
            finally:
                self._mcpws.uncork()

    def consumeData(self) -> None:
        if self.state in (WebSocketProtocol.STATE_OPEN, WebSocketProtocol.STATE_CLOSING):
            self._mcpws.consume(self._step)
        else:
            super().consumeData()

    def _step(self) -> bool:
        """Take frames, the lane or one by Autobahn; returns whether there may be more in the buffer."""
        autobahn: Any = self
        between_messages = autobahn.current_frame is None and not autobahn.inside_message
        if between_messages and self._mcpws.fast_lane:
            taken = take(
                self.data, self.factory.isServer, autobahn.maxMessagePayloadSize, self.onMessage, self._mcpws.wants_more
            )
            if taken:
                self.data = self.data[taken:]
                return bool(self.data)
        more: bool = self.processData()
        return more

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
            _join_small(self.frame_data)

    def onMessageFrame(self, payload: list[bytes]) -> None:  # type: ignore[override]  # annotated as bytes there
        super().onMessageFrame(payload)  # type: ignore[arg-type]
        if not self.failedByMe:
            _join_small(self.message_data)

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        self._mcpws.payload_received(payload, isBinary)

    def onPong(self, payload: bytes) -> None:
        self._mcpws.pong_received(payload)

    # Under onOpen and onClose, which a subclass may have for itself.

    def _onOpen(self) -> None:
        super()._onOpen()
        self._mcpws.opened()

    def _onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        super()._onClose(wasClean, code, reason)
        self._mcpws.connection_lost(code, reason)


def _join_small(pieces: list[bytes]) -> None:
    """Join the last pieces, as far as they are small, so that each byte is copied a few times at most."""
    while len(pieces) > 1 and len(pieces[-2]) <= len(pieces[-1]) < SMALL:
        last = pieces.pop()
        pieces[-1] += last
