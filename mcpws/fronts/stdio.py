"""The stdio front: one client on standard input and output, one message a line, before any backend."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mcpws.core.backlog import OVERHEAD, held_bytes
from mcpws.core.counters import Counters
from mcpws.core.lifecycle import Phase, Stage
from mcpws.errors import BackendLost, InvalidRequest, LineTooLong, McpwsError, RpcError, ShuttingDown
from mcpws.fronts.front import Front
from mcpws.fronts.watch import watch
from mcpws.jsonrpc.codec import MAX_DEPTH, decode
from mcpws.jsonrpc.lines import Line, LineFramer, to_line
from mcpws.jsonrpc.messages import Error, Message, Notification, Request
from mcpws.jsonrpc.outline import outline
from mcpws.mcp.methods import PING
from mcpws.seam.interfaces import Backend, Identity
from mcpws.seam.observer import Observer, Party
from mcpws.turns.burst import burst
from mcpws.turns.once import Once
from mcpws.turns.steady import steady
from mcpws.turns.timer import Timer

log = Logger()

GRACE = 5.0
"""Seconds for what is in flight after the end of the input, and for a client to read what it was sent."""

# While there is input, when it is over but answers are to come, and when nothing goes either way any more.
_HEARING = frozenset({Stage.BEGINNING, Stage.SERVING})
_DEAF = frozenset({Stage.AWAITED, Stage.FINISHING})
_ENDED = frozenset({Stage.CLOSING, Stage.OVER})


@implementer(IHalfCloseableProtocol, IPushProducer)
class StdioFront(Protocol):
    """Speaks MCP's stdio transport; give it to a `twisted.internet.stdio.StandardIO`.

    The end of the input is the end of the conversation, once what is in flight has its answer. A client may send its
    `initialize` and what follows in one go, as from a file: what must wait for the answer waits here.

    :param backend: begins its conversation as soon as the transport is there. It is not stopped here.
    :param clock: for timers.
    :param max_line: bytes of a message in either direction. A longer line is skipped and answered with an error; a
        longer answer becomes one.
    :param max_depth: JSON arrays and objects within each other.
    :param max_in_flight: open requests; over it further ones wait.
    :param max_waiting: requests that wait, as those of a file do that is read to its end at once; further ones are
        answered with error 429.
    :param max_queued_bytes: of what waits here to go on; and for a client that does not read its output, of that. Over
        it the input is not read.
    :param grace: seconds for what is in flight after the end of the input; while the client reads too slowly they do
        not count.
    :param observer: is told what happens.
    """

    transport: StandardIO

    def __init__(
        self,
        backend: Backend,
        *,
        clock: IReactorTime,
        max_line: int = 16 * 1024 * 1024,
        max_depth: int = MAX_DEPTH,
        max_in_flight: int = 64,
        max_waiting: int = 1024,
        max_queued_bytes: int = 4 * 1024 * 1024,
        grace: float = GRACE,
        observer: Observer | None = None,
    ) -> None:
        self.began = False
        """Whether the backend has taken the conversation up."""
        self.output_lost = False
        """Whether the output was closed, or could not be written, before all was."""
        self._backend = backend
        self._clock = steady(clock)
        self._max_depth = max_depth
        self._max_queued_bytes = max_queued_bytes
        self._grace = grace
        self._framer = LineFramer(max_line)
        identity = Identity("stdio")
        self._counters = Counters(self._clock.seconds())
        self._watch = watch(observer, Party("client", 1, identity), self._clock)
        self._front = Front(
            self,
            identity,
            self._clock,
            max_in_flight=max_in_flight,
            max_waiting=max_waiting,
            max_waiting_bytes=max_queued_bytes,
            max_outbound_size=max_line,
            counters=self._counters,
            watch=self._watch,
        )
        self._receive: Callable[[Message], None] = self._front.receive
        self._stage = Stage.BEGINNING
        self._read: deque[Message | RpcError] = deque()
        self._read_bytes = 0
        self._consuming = False
        self._reading = True
        # Bytes that were written since the client reads too slowly; None while it does not.
        self._unread: int | None = None
        self._reason: McpwsError | None = None
        self._timer = Timer(self._clock)
        self._done: Once[McpwsError | None] = Once()

    def when_done(self) -> Deferred[McpwsError | None]:
        """Fires when the conversation is over and the client has read all, or is gone itself.

        None if it was the client who ended it, else the reason; each call gives a Deferred of its own.
        """
        return self._done.when()

    def stop(self) -> None:
        """End now: what is in flight is answered with an error, and the client has the grace period to read it."""
        if self._stage is not Stage.OVER:
            self._abandon(ShuttingDown())
            self._end()
            self._timer.set(self._grace, self._not_read)

    # What the transport calls.

    def connectionMade(self) -> None:
        self.transport.registerProducer(self, True)
        if self._watch is not None:
            self._receive = self._watch.begin(self._front, self._introduced)
        self._front.open(self._backend)

    def dataReceived(self, data: bytes) -> None:
        if self._stage not in _HEARING:
            return
        for line in self._framer.feed(data):
            self._keep(self._decoded(line))
        burst.during(self._flow)

    def readConnectionLost(self) -> None:
        if self._stage in _HEARING:
            rest = self._framer.finish()
            if isinstance(rest, LineTooLong) or rest.strip():
                self._keep(self._decoded(rest))
            self._input_ends()

    def writeConnectionLost(self) -> None:
        self.output_lost = True
        self._end()
        # The transport says no more, once its output is gone.
        self._is_over()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.output_lost = not reason.check(ConnectionDone)
        self._end()
        self._is_over()

    def pauseProducing(self) -> None:
        if self._unread is None:
            self._unread = 0
        self._front.pause_sending()
        self._count_grace()

    def resumeProducing(self) -> None:
        self._unread = None
        self._front.resume_sending()
        self._front.caught_up()
        self._flow()
        self._count_grace()

    def stopProducing(self) -> None:
        """The output is closed; `writeConnectionLost` or `connectionLost` follows."""

    # interfaces.Carrier

    @property
    def behind(self) -> bool:
        return self._unread is not None

    def deliver(self, message: Message, data: bytes) -> None:
        line = to_line(data)
        self._counters.messages_sent += 1
        self._counters.bytes_sent += len(data)
        if self._unread is not None:
            self._unread += len(line)
        self.transport.write(line)
        if self._read:
            # This may be what they wait for.
            self._flow()

    def pause_reading(self) -> None:
        self._flow()

    def resume_reading(self) -> None:
        self._flow()

    def backend_began(self) -> None:
        if not self.began:
            self.began = True
            self._stage = self._stage.to(Stage.FINISHING if self._stage is Stage.AWAITED else Stage.SERVING)
        self._flow()

    def backend_lost(self, reason: McpwsError) -> None:
        self._reason = self._reason or reason
        self._abandon(reason if isinstance(reason, RpcError) else BackendLost(str(reason)))
        self._end()

    def limited(self, setting: str) -> None:
        """Whoever runs a program on its standard streams sees the error that tells it."""

    def idle(self) -> None:
        self._end()

    def _introduced(self) -> None:
        self._receive = self._front.receive

    def _decoded(self, line: Line) -> Message | RpcError:
        self._counters.messages_received += 1
        if isinstance(line, LineTooLong):
            about = outline(line.begins, line.ends)
            return InvalidRequest("Invalid Request", {"reason": str(line)}, id=about.asks, answers=about.answers)
        self._counters.bytes_received += len(line)
        try:
            return decode(line, self._max_depth)
        except RpcError as error:
            self._counters.bad_messages += 1
            return error

    def _keep(self, message: Message | RpcError) -> None:
        self._read.append(message)
        self._read_bytes += _bytes_of(message)

    def _flow(self) -> None:
        """Pass on what was read for as long as it may go, and read on while there is room for more.

        What waits here is no reason not to see the end of the input.
        """
        if self._consuming or self._stage in _ENDED:
            return
        self._consuming = True
        try:
            while self._read and self._may_go(self._read[0]):
                message = self._read.popleft()
                self._read_bytes -= _bytes_of(message)
                self._pass_on(message)
        finally:
            self._consuming = False
        if self._stage is Stage.FINISHING and not self._read:
            self._front.drain()
        elif self._stage in _HEARING and self._reading is not (
            reading := self._front.reading and self._has_room() and self._read_bytes <= self._max_queued_bytes
        ):
            self._reading = reading
            if reading:
                self.transport.resumeProducing()
            else:
                self.transport.pauseProducing()

    def _has_room(self) -> bool:
        """Whether the client reads its output well enough to cause more of it."""
        return self._unread is None or self._unread <= self._max_queued_bytes

    def _may_go(self, message: Message | RpcError) -> bool:
        if not (self.began and self._front.reading and self._has_room()):
            return False
        if self._front.phase is Phase.INITIALIZING and isinstance(message, Request | Notification):
            return message.method == PING
        return True

    def _pass_on(self, message: Message | RpcError) -> None:
        if isinstance(message, RpcError):
            if message.answers is not None:
                self._receive(Error.in_place_of(message.answers, message))
            self._front.refuse(message, message.id)
        else:
            self._receive(message)

    def _input_ends(self) -> None:
        """Nothing more is read; what is in flight has a while to be answered."""
        self._stage = self._stage.to(Stage.AWAITED if self._stage is Stage.BEGINNING else Stage.FINISHING)
        self.transport.pauseProducing()
        self._count_grace()
        self._flow()

    def _count_grace(self) -> None:
        """After the end of the input the backend has a while for its answers; a client that reads slowly, any time."""
        if self._stage in _DEAF:
            if self._unread is None:
                self._timer.set(self._grace, self._give_up)
            else:
                self._timer.stop()

    def _give_up(self) -> None:
        error = BackendLost(f"No answer came within {self._grace:g} s after the end of the input")
        if self._stage is Stage.AWAITED:
            self._reason = self._reason or error
        self._abandon(error)
        self._end()

    def _abandon(self, error: RpcError) -> None:
        """Answer with `error` all that has no answer, passed on or not."""
        self._front.abandon(error)
        read, self._read = self._read, deque()
        self._read_bytes = 0
        for message in read:
            if type(message) is Request:
                self._front.refuse(error, message.id)

    def _end(self) -> None:
        """Nothing more goes either way; what the backend sent is still written, however slowly it is read."""
        if self._stage in _ENDED:
            return
        self._stage = self._stage.to(Stage.CLOSING)
        self._timer.stop()
        self._front.close("the client is gone")
        if self._watch is not None:
            reason = "" if self._reason is None else str(self._reason)
            self._watch.closed(None, reason, self._reason is not None, self._counters)
        # A transport is not closed as long as it has a producer.
        self.transport.unregisterProducer()
        self.transport.loseConnection()

    def _not_read(self) -> None:
        log.warn("the output was not read to its end")
        self._is_over()

    def _is_over(self) -> None:
        if self._stage is not Stage.OVER:
            self._stage = self._stage.to(Stage.OVER)
            self._timer.stop()
            self._done.fire(self._reason)


def _bytes_of(message: Message | RpcError) -> int:
    """Bytes that a line takes while it waits, about."""
    return OVERHEAD if isinstance(message, RpcError) else held_bytes(message)
