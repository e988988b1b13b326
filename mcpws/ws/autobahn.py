"""Autobahn's protocols, changed at either end: every event goes to a Connection, every byte out through it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketAdapterProtocol
from autobahn.util import encode_truncate
from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.interfaces import IDelayedCall, ITransport
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure

from mcpws.turns.burst import burst
from mcpws.ws.compression import Deflate
from mcpws.ws.connection import MAX_REASON, Connection
from mcpws.ws.fastlane import FastLane
from mcpws.ws.pieces import join_small

WINDOW = 4096
"""Bytes that are looked at together where frames cost more to take than to send."""

DEFLATED = 2048
"""Bytes that are inflated together: they may become a thousand times as many."""

TOO_BIG = WebSocketProtocol.CLOSE_STATUS_CODE_MESSAGE_TOO_BIG
_LONGEST_HEAD = 14
_OPEN = WebSocketProtocol.STATE_OPEN
_CLOSING = WebSocketProtocol.STATE_CLOSING
_CLOSED = WebSocketProtocol.STATE_CLOSED


class AutobahnEnd(WebSocketAdapterProtocol, WebSocketProtocol):  # type: ignore[misc]
    """Mixed in before an Autobahn protocol. Of ours are `_mcpws`, which the factory sets, `_lane` and `_next_turn`.

    What one turn of the reactor spends on a connection is bounded by time. What else was read waits for the next turn,
    and until it is gone nothing more is read: so clients take turns, whatever one of them sends.
    """

    # Most of what Autobahn keeps on every connection: in a dict these would take twice the memory. None of them has a
    # default on Autobahn's classes, which a slot would hide.
    __slots__ = (
        *WebSocketProtocol.CONFIG_ATTRS_COMMON,
        "_lane",
        "_mcpws",
        "_next_turn",
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
    _next_turn: IDelayedCall | None

    @property
    def peer(self) -> str:
        """The other end, for logs."""
        return self._mcpws.peer

    @peer.setter
    def peer(self, name: str) -> None:
        # Autobahn asks once, as the connection is made, which may be too early.
        pass

    def connectionMade(self) -> None:
        self._next_turn = None
        # First: a client sends its handshake from within Autobahn's connectionMade.
        self._mcpws.transport_connected(cast(ITransport, self.transport))
        # Past Autobahn's own, which looks into TLS, where it cannot see through a wrapper, for what nobody here asks.
        self._connectionMade()
        # Only Autobahn's `sendData` looks at it, and an empty deque takes 760 bytes.
        del self.send_queue

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # Past Autobahn's own, which only logs; TLS failures even as errors, where a port scan makes them.
        if self._next_turn is not None:
            self._next_turn.cancel()
        self._mcpws.transport_lost(reason)
        self._connectionLost(reason)  # type: ignore[arg-type]  # annotated as str there
        self._drop_input()

    def _drop_input(self) -> None:
        """Forget what was read of a message that never became whole.

        Connection and protocol know each other, so both stay until the garbage collector comes to look at them, which
        counts objects and not their bytes.
        """
        autobahn: Any = self
        self._lane = self._perMessageCompress = None
        self.data = b""
        autobahn.current_frame = None
        autobahn.frame_data = autobahn.message_data = None

    def dataReceived(self, data: bytes) -> None:
        # Not Autobahn's own, which formats a debug message for every read, and keeps what comes after the end.
        if self.state != _CLOSED:
            connection = self._mcpws
            connection.counters.last_activity = connection.turn_began = burst.began = connection.clock.seconds()
            # What the messages in one read are answered with leaves in one write.
            self.data += data
            burst.during(self._consume)
        else:
            self._mcpws.discard(data)

    def consumeData(self) -> None:
        """Take from what was read, now that more of it may be wanted."""
        connection = self._mcpws
        if not connection.consuming:
            connection.turn_began = burst.began = connection.clock.seconds()
        self._consume()

    def read_on(self) -> None:
        """Take the rest of what was read, in as many turns as it needs, and then read on."""
        if self._next_turn is None:
            self.consumeData()
            if self._next_turn is None and self._mcpws.reading:
                cast(Any, self.transport).resumeProducing()

    def _consume(self) -> None:
        """Take from what was read, while messages are wanted and the turn lasts: the lane what it can, or Autobahn."""
        autobahn: Any = self
        connection = self._mcpws
        if autobahn.state != _OPEN and autobahn.state != _CLOSING:
            super().consumeData()
            return
        if connection.consuming or self._next_turn is not None:
            # Whoever resumes reading from within a message begins no second round inside the first.
            return
        connection.consuming = True
        lane = self._lane
        data, at = self.data, 0
        try:
            while connection.reading and autobahn.state != _CLOSED:
                if lane is not None and (
                    lane.begun is not None
                    or (autobahn.state == _OPEN and autobahn.current_frame is None and not autobahn.inside_message)
                ):
                    # All of it only once: whoever mixes frames of both kinds shall not have it copied for each.
                    piece = data[at : at + WINDOW] if at else data
                    rest = lane.take(piece)
                    if piece is data and not rest:
                        data = rest
                        break
                    size, left = len(piece), len(rest)
                    if left > size:
                        data, at = rest + data[at + size :], 0
                    else:
                        at += size - left
                    if at == len(data):
                        break
                    if left < size:
                        if connection.is_turn_over():
                            self._postpone()
                            break
                        continue
                # Autobahn copies what it has several times for each frame: so it has no more than it needs.
                size = self._wanted_next()
                autobahn.data = data[at : at + size]
                before = len(autobahn.data)
                goes_on = autobahn.processData()
                at += before - len(autobahn.data)
                if not goes_on and (size != DEFLATED or autobahn.failedByMe or at == len(data)):
                    break
                if connection.is_turn_over():
                    self._postpone()
                    break
        finally:
            connection.consuming = False
            # Once it is closed, nothing more is looked at.
            self.data = b"" if autobahn.state == _CLOSED else data[at:]

    def _wanted_next(self) -> int:
        """The number of bytes, of those read, that Autobahn is to have next.

        One more than it can use, if there are so many: it goes on only then.
        """
        autobahn: Any = self
        frame = autobahn.current_frame
        if frame is None:
            return _LONGEST_HEAD + 1
        rest: int = frame.length - autobahn.current_frame_masker.pointer()
        return DEFLATED if rest > DEFLATED and self._perMessageCompress is not None else rest + 1

    def _postpone(self) -> None:
        """Leave what else was read to the next turn of the reactor."""
        if self.state != _CLOSED:
            connection = self._mcpws
            connection.counters.postponed += 1
            cast(Any, self.transport).pauseProducing()
            self._next_turn = connection.clock.callLater(0, self._take_turn)

    def _take_turn(self) -> None:
        self._next_turn = None
        if self._mcpws.reading:
            burst.during(self.read_on)

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
        if self.failedByMe:
            self._mcpws.close_lingering()
        else:
            self._mcpws.close_transport()

    def _fail_connection(self, code: int = 1002, reason: str = "") -> None:
        """Fail the connection (RFC 6455, section 7.1.7): a Close frame, then the end. Nothing more is looked at."""
        if self.state != _CLOSED:
            self.failedByMe = True
            if code == TOO_BIG:
                self._mcpws.limited("max_message_size")
            self.wasNotCleanReason = f"{code} {reason}"
            if self.state == _OPEN:
                self.sendCloseFrame(code, encode_truncate(reason, MAX_REASON))
            self.data = b""
            self.dropConnection()

    def onCloseFrame(self, code: int | None, reasonRaw: bytes | None) -> bool:
        # Not Autobahn's own, which does not know 1014.
        if code is not None and not _may_be_sent(code):
            return self._protocol_violation(f"invalid close code {code}")
        try:
            self.remoteCloseReason = None if reasonRaw is None else reasonRaw.decode()
        except UnicodeDecodeError:
            return self._invalid_payload("invalid close reason (non-UTF8 payload)")
        self.remoteCloseCode = code
        self.wasClean = True
        if self.state == _OPEN:
            autobahn: Any = self
            if autobahn.echoCloseCodeReason:
                self.sendCloseFrame(code, reasonRaw, isReply=True)
            else:
                self.sendCloseFrame(WebSocketProtocol.CLOSE_STATUS_CODE_NORMAL, isReply=True)
        if self.factory.isServer:
            # A client waits for the server to close TCP.
            self.dropConnection()
        return False

    def onFrameData(self, payload: bytes) -> bool | None:
        autobahn: Any = self
        if autobahn.current_frame.opcode > 7 or not autobahn._isMessageCompressed:
            return super().onFrameData(payload)
        # Not Autobahn's own, whose verdict on bad data depends on how TCP cuts it.
        frame = autobahn.current_frame
        is_last = frame.fin and autobahn.current_frame_masker.pointer() == frame.length
        data, code, problem = autobahn._perMessageCompress.inflate(payload, is_last)
        autobahn.message_data_total_length += len(data) - len(payload)
        if autobahn.utf8validateIncomingCurrentMessage:
            autobahn.utf8validateLast = valid, _, _, position = autobahn.utf8validator.validate(data)
            if not valid:
                code, problem = 1007, f"encountered invalid UTF-8 at octet {position} of a text message"
        if problem:
            self._fail_connection(code, problem)
            return False
        self._onMessageFrameData(data)
        return None

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

        The lane looks it up once.
        """
        return self._mcpws.payload_received

    def onPing(self, payload: bytes) -> None:
        self._mcpws.ping_received(payload)

    def onPong(self, payload: bytes) -> None:
        self._mcpws.pong_received(payload)

    # Under onOpen and onClose, which a subclass may have for itself.

    def _onOpen(self) -> None:
        autobahn: Any = self
        connection = self._mcpws
        self._lane = (
            FastLane(self.factory.isServer, autobahn.maxMessagePayloadSize, self.onMessage, connection.is_turn_over)
            if connection.has_fast_lane
            else None
        )
        if autobahn._perMessageCompress is not None:
            autobahn._perMessageCompress = Deflate(autobahn._perMessageCompress, autobahn.maxMessagePayloadSize)
        super()._onOpen()
        self._mcpws.opened()

    def _onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
        super()._onClose(wasClean, code, reason)
        self._mcpws.connection_lost(code, reason)


def _may_be_sent(code: int) -> bool:
    """Whether a Close frame may have this code (RFC 6455, section 7.4, and IANA's registry for it)."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999
