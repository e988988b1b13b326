"""One end of a WebSocket, be it client or server: payloads to messages and back, limits, backpressure, timeouts, close.

An Autobahn protocol forwards its events here and keeps nothing else of ours; its own namespace is full.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import inf
from struct import pack
from typing import Any

from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet.interfaces import IReactorTime, ITransport
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.config import WebSocketConfig
from mcpws.core.counters import Counters
from mcpws.core.lifecycle import ConnectionState
from mcpws.errors import RpcError
from mcpws.http.linger import Linger
from mcpws.http.peername import peer_name
from mcpws.jsonrpc.codec import decode, decode_batch, is_batch
from mcpws.jsonrpc.messages import Message
from mcpws.policy.stats import ConnectionStatistics, snapshot
from mcpws.ws.compression import deflate
from mcpws.ws.fastlane import frame, head
from mcpws.ws.outbox import WHOLE, Outbox, outbox
from mcpws.ws.tuning import tune

log = Logger()

NORMAL = 1000
UNSUPPORTED_DATA = 1003
NO_STATUS = 1005
ABNORMAL = 1006
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011
SERVICE_RESTART = 1012
TRY_AGAIN_LATER = 1013
NO_INITIALIZE = 4408

# To look a member up takes CPython 3.11 longer than all the rest of asking for a state.
_CONNECTING = ConnectionState.CONNECTING
_CONNECTED = ConnectionState.CONNECTED

MAX_REASON = 123
"""Bytes of the reason in a Close frame (RFC 6455, section 5.5)."""

FAILED_SECONDS = 0.8
"""For which the other end may read why it has failed, before TCP is closed whatever it does."""
_TEXT = WebSocketProtocol.MESSAGE_TYPE_TEXT
_RSV1 = 4
_BINARY = WebSocketProtocol.MESSAGE_TYPE_BINARY


class Connection(ABC):
    """One WebSocket, whichever end. Subclasses say what a message, a slow reader and the end mean to them."""

    __slots__ = (
        "_bad_recently",
        "_bad_since",
        "_by_us",
        "_closing_since",
        "_config",
        "_limits",
        "_linger",
        "_most_queued",
        "_outbox",
        "_owed_pong",
        "_ping_number",
        "_ping_pending",
        "_ping_sent",
        "_pong_waits",
        "_protocol",
        "clock",
        "close_code",
        "close_reason",
        "consuming",
        "counters",
        "id",
        "mask_key",
        "reading",
        "receive",
        "state",
        "turn_began",
    )

    _outbox: Outbox
    mask_key: Callable[[], bytes] | None
    """Gives four bytes with which to mask the next frame, at the end that does (RFC 6455, section 5.1)."""
    receive: Callable[[Message], None]
    """Takes each message that comes in a text frame. Whoever makes the connection opens sets it by then."""

    def __init__(self, protocol: Any, id: int, config: WebSocketConfig, clock: IReactorTime) -> None:
        self.id = id
        self.state = _CONNECTING
        self.counters = Counters(clock.seconds())
        self.close_code = ABNORMAL
        self.close_reason = ""
        self._protocol = protocol
        self._config = config
        self._most_queued = config.max_queued_bytes + config.max_outbound_size
        self.clock = clock
        self._bad_since = 0.0
        self._bad_recently = 0
        self._by_us: bool | None = None
        self._limits: tuple[str, ...] = ()
        self._closing_since: float | None = None
        self._linger: Linger | None = None
        self._ping_sent = self.turn_began = clock.seconds()
        self._ping_number = 0
        self._ping_pending: bytes | None = None
        self._pong_waits = False
        self._owed_pong: bytes | None = None
        self.reading = True
        self.consuming = False
        self.mask_key = None
        self.receive = nobody

    # What subclasses define.

    @abstractmethod
    def binary_received(self, message: Message) -> None:
        """A message came in, in a binary frame."""

    @abstractmethod
    def garbage_received(self, error: RpcError, binary: bool) -> None:
        """Something came in that is no message."""

    @property
    @abstractmethod
    def takes_batches(self) -> bool:
        """Whether an array of messages is a message here."""

    @abstractmethod
    def batch_received(self, members: list[Message | RpcError], binary: bool) -> None:
        """Several messages came as one; an RpcError stands where one is no message. Only if `takes_batches`."""

    @abstractmethod
    def too_much_queued(self) -> None:
        """The peer reads too slowly; feed this connection no more."""

    @abstractmethod
    def queue_has_space(self) -> None:
        """The peer has caught up."""

    @abstractmethod
    def queue_empty(self) -> None:
        """The peer has read all, or it is on its way."""

    @abstractmethod
    def gone(self) -> None:
        """The connection is no more; called once, after `close_code` and `close_reason` are set."""

    @abstractmethod
    def limit_hit(self, setting: str) -> None:
        """The peer has come to a limit, for the first time; by the name of its setting."""

    @property
    @abstractmethod
    def in_flight(self) -> int:
        """Requests on this connection that wait for an answer."""

    @abstractmethod
    def transport_lost(self, reason: Failure) -> None:
        """Why the transport is gone; `gone` follows."""

    # What the rest of the package uses.

    def deliver(self, message: Message | None, data: bytes, binary: bool = False) -> None:
        """Send what is `data` when encoded; nothing after the close began.

        Of no interest here is which `message` that is: for carriers around this one it is.
        """
        if self.state is _CONNECTED:
            counters, size = self.counters, len(data)
            counters.messages_sent += 1
            counters.bytes_sent += size
            compressor = self._protocol._perMessageCompress
            if compressor is not None and size >= self._config.compression_min_size:
                opcode = _BINARY if binary else _TEXT
                self._protocol.sendFrame(opcode=opcode, payload=deflate(compressor, data), rsv=_RSV1)
            else:
                outbox, mask_key = self._outbox, self.mask_key
                if mask_key is not None:
                    outbox.write(frame(data, binary, mask_key()))
                elif size <= WHOLE:
                    outbox.write(frame(data, binary))
                else:
                    outbox.write_large(head(size, binary), data)
                if outbox.queued:
                    self._check_queue()

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Begin the closing handshake; the connection is dropped if the peer does not answer in `close_timeout`.

        Before the handshake is complete there is nobody to send a code to: the connection is dropped at once.
        """
        if self.state is _CONNECTED:
            # Reasons may be texts of errors, with file names in them that UTF-8 cannot hold.
            text = reason.encode(errors="backslashreplace")[:MAX_REASON].decode(errors="ignore")
            self._protocol.sendCloseFrame(code=code, reasonUtf8=text.encode())
        elif self.state is _CONNECTING:
            self.abort()

    @property
    def peer(self) -> str:
        """The other end, as its transport knows it now: behind a proxy that tells, it learns it a little later."""
        transport = self._protocol.transport
        return "?" if transport is None else peer_name(transport)

    @property
    def closed_by_us(self) -> bool:
        """Whether it is this end that began to close it."""
        return self._by_us is True

    def limited(self, setting: str) -> None:
        """The peer has come to a limit, as often as that happens."""
        if setting not in self._limits:
            self._limits = (*self._limits, setting)
            self.limit_hit(setting)

    def abort(self) -> None:
        """Drop the connection now."""
        if self._by_us is None:
            self._by_us = True
        transport = self._protocol.transport
        if transport is None:
            # TLS failed before there was one: nobody else will tell that this connection is no more.
            self.connection_lost(None, None)
        else:
            self._outbox.stopProducing()
            transport.abortConnection()

    def pause_reading(self) -> None:
        """Read no more messages; those read already stay where they are. Once the close began, all is read."""
        if self.reading and self.state is _CONNECTED:
            self.reading = False
            self._protocol.transport.pauseProducing()

    def resume_reading(self) -> None:
        """Read on."""
        if not self.reading:
            self.reading = True
            # The silence was of our making.
            self.counters.last_activity = self.clock.seconds()
            self._protocol.read_on()

    def statistics(self, now: float) -> ConnectionStatistics:
        """A snapshot."""
        return snapshot(
            self.counters,
            id=self.id,
            peer=self.peer,
            state=self.state,
            in_flight=self.in_flight,
            queued_bytes=self.queued_bytes,
            now=now,
        )

    @property
    def queued_bytes(self) -> int:
        """Bytes that wait for a slow reader."""
        return 0 if self._protocol.transport is None else self._outbox.queued

    # What the protocol forwards.

    def transport_connected(self, transport: ITransport) -> None:
        tune(transport)
        self._outbox = outbox(
            transport,
            self.clock,
            self._config.max_queued_bytes,
            self.too_much_queued,
            self.queue_has_space,
            self._emptied,
            self.close,
        )

    def write(self, data: bytes) -> None:
        self._outbox.write(data)
        self._check_queue()

    def _check_queue(self) -> None:
        if self._outbox.queued > self._most_queued and self.state is _CONNECTED:
            self._outbox.discard()
            self.limited("max_queued_bytes")
            self.close(TRY_AGAIN_LATER, "too much waits to be read")

    def handshake_overdue(self) -> None:
        """The handshake has taken longer than it may."""
        self.abort()

    @property
    def has_fast_lane(self) -> bool:
        """Whether whole frames may go past Autobahn."""
        return self._config.fast_lane

    def opened(self) -> None:
        self.state = self.state.to(_CONNECTED)
        self._ping_sent = self.clock.seconds()

    def payload_received(self, payload: bytes, binary: bool) -> bool:
        """A whole message came in, valid UTF-8 unless `binary`; returns whether the next may come."""
        if self.state is not _CONNECTED:
            return False
        counters = self.counters
        counters.messages_received += 1
        counters.bytes_received += len(payload)
        if binary and self._config.binary == "refuse":
            self.close(UNSUPPORTED_DATA, "binary messages are refused here")
            return False
        try:
            message = decode(payload, self._config.max_depth, not binary)
        except RpcError as error:
            if is_batch(payload) and self.takes_batches:
                self._batch_received(payload, binary)
            else:
                self._count_garbage()
                self.garbage_received(error, binary)
        else:
            if binary:
                self.binary_received(message)
            else:
                self.receive(message)
        return self.reading and self.state is _CONNECTED

    def is_turn_over(self) -> bool:
        """Whether this turn of the reactor has spent enough on this connection."""
        return self.clock.seconds() - self.turn_began >= self._config.turn_seconds

    def ping_received(self, payload: bytes) -> None:
        """Answer a Ping; of those that come while an answer waits to be read, the latest (RFC 6455, section 5.5.3)."""
        if self._outbox.behind:
            if self._pong_waits:
                self.counters.coalesced += self._owed_pong is not None
                self._owed_pong = payload
                return
            self._pong_waits = True
        self._protocol.sendPong(payload)

    def _emptied(self) -> None:
        self._pong_waits = False
        owed, self._owed_pong = self._owed_pong, None
        if owed is not None:
            self.ping_received(owed)
        self.queue_empty()

    def pong_received(self, payload: bytes) -> None:
        if payload == self._ping_pending:
            self._ping_pending = None
            self.counters.round_trip = self.clock.seconds() - self._ping_sent

    def close_begins(self, code: int | None, reason: bytes | None, reply: bool) -> None:
        """A Close frame is about to be sent; as a `reply`, what still waits is of no use to the peer any more."""
        if reply:
            self._outbox.discard()
        if self._by_us is None:
            self._by_us = not reply
        if self.state is _CONNECTED:
            self.state = self.state.to(ConnectionState.SHUTTING_DOWN)
            if not reply:
                self.close_code = ABNORMAL if code is None else code
                self.close_reason = (reason or b"").decode()
        if self._closing_since is None:
            self._closing_since = self.clock.seconds()

    def close_transport(self) -> None:
        """Close the transport once all is sent."""
        self._outbox.hand_over()
        if self._closing_since is None:
            self._closing_since = self.clock.seconds()
        self._protocol.transport.loseConnection()

    def close_lingering(self) -> None:
        """Close the transport so that what was sent arrives, though the other end may not have expected the end.

        A refused one may send as much as it may in a message, in the time that it has for a handshake, or a little more
        if that is over. One that broke the protocol is not waited for.
        """
        self._outbox.hand_over()
        refused = self.state is _CONNECTING
        config = self._config
        left = self.counters.opened + (config.timeout_seconds or inf) - self.clock.seconds()
        self._linger = Linger(
            self._protocol.transport,
            self.clock,
            idle=config.close_timeout if refused else FAILED_SECONDS,
            total=max(left, config.close_timeout) if refused else FAILED_SECONDS,
            limit=config.max_message_size,
            abort=self.abort,
        )

    def discard(self, data: bytes) -> None:
        """Something came after the end."""
        if self._linger is not None:
            self._linger.discard(len(data))

    def connection_lost(self, code: int | None, reason: str | None) -> None:
        if self.close_code == ABNORMAL:
            # Nobody of ours closed it: what the peer said counts, 1005 if it said nothing.
            self.close_code = NO_STATUS if code is None else code
            dropped = self.close_code == ABNORMAL
            # Autobahn's text for it is long, and for those who know Autobahn.
            said = "dropped without a closing handshake" if dropped else reason
            self.close_reason = self.close_reason or said or ""
        self.state = self.state.to(ConnectionState.DISCONNECTED)
        if self._protocol.transport is not None:
            self._outbox.stopProducing()
        if self._linger is not None:
            self._linger.stop()
        self.gone()

    def sweep(self, now: float) -> None:
        """Do what is due: handshake and close timeouts, a stalled reader, heartbeat."""
        config = self._config
        if self._closing_since is not None:
            if now - self._closing_since > config.close_timeout:
                self.limited("close_timeout")
                self.abort()
        elif self.state is _CONNECTING:
            # A lingering close has bounds of its own.
            overdue = config.timeout_seconds and now - self.counters.opened > config.timeout_seconds
            if overdue and self._linger is None:
                self.limited("timeout_seconds")
                self.handshake_overdue()
        else:
            self._look_for_life(now)

    def _look_for_life(self, now: float) -> None:
        config, counters, outbox = self._config, self.counters, self._outbox
        interval = config.heartbeat_interval
        if (outbox.behind or (interval and now - counters.last_activity > interval)) and outbox.takes(now):
            # Whoever reads is there, though what we said last, a Ping for example, lies behind all that is to be read.
            counters.last_activity = now
        if outbox.stalled(now) > config.stall_timeout:
            outbox.discard()
            self.limited("stall_timeout")
            self.close(TRY_AGAIN_LATER, f"nothing was read for {config.stall_timeout:g} s")
        elif interval:
            if self.reading and now - counters.last_activity > config.heartbeat_timeout > 0:
                self.limited("heartbeat_timeout")
                self.close_reason = f"nothing was heard for {config.heartbeat_timeout:g} s"
                self.abort()
            elif now - self._ping_sent >= interval:
                self._ping_number += 1
                self._ping_sent = now
                self._ping_pending = pack("!Q", self._ping_number)
                self._protocol.sendPing(self._ping_pending)

    def _batch_received(self, payload: bytes, binary: bool) -> None:
        try:
            members = decode_batch(payload, self._config.max_in_flight, self._config.max_depth)
        except RpcError as error:
            self._count_garbage()
            self.garbage_received(error, binary)
            return
        for member in members:
            if isinstance(member, RpcError):
                self._count_garbage()
        # What is wrong with them may have been too much.
        if self.state is _CONNECTED:
            self.batch_received(members, binary)

    def _count_garbage(self) -> None:
        self.counters.bad_messages += 1
        now = self.clock.seconds()
        if now - self._bad_since >= 60:
            self._bad_since = now
            self._bad_recently = 0
        self._bad_recently += 1
        if self._bad_recently > self._config.max_bad_messages:
            self.limited("max_bad_messages")
            self.close(POLICY_VIOLATION, "too many bad messages")


def nobody(message: Message) -> None:
    """Nobody wants it: the connection is not open yet, or no more."""
