"""One connection of the load generator."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from benchmarks.figures import Reservoir
from benchmarks.load.job import INITIALIZE, INITIALIZED, check_answer

FIRST_CALL = 1
DIGITS = 20
"""By how much the length of answers may differ, for the ids in them."""


class Connection(WSListener):
    """Begins an MCP session, then asks as often as it is told to.

    The first answer is compared in full with what was asked, the later ones by length only, so that checking costs
    nothing. Answers are taken to come in the order of the requests.

    :param call: what follows the id in a request.
    :param expected: the string that it echoes; None to send no request.
    :param failed: called with the reason when the connection is lost or an answer is wrong.
    """

    def __init__(self, call: bytes, expected: str | None, failed: Callable[[Exception], None]) -> None:
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.latencies = Reservoir()
        self.answers = 0
        self.pings = 0
        self._call = call
        self._expected = expected
        self._failed = failed
        self._transport: WSTransport | None = None
        self._asking = False
        self._closing = False
        self._next_id = FIRST_CALL
        self._length = 0
        self._sent: deque[float] = deque()

    @property
    def in_flight(self) -> int:
        """Requests that wait for an answer."""
        return len(self._sent)

    def start(self, in_flight: int) -> None:
        """Keep so many requests in flight."""
        self._asking = True
        for _ in range(in_flight):
            self._ask()

    def stop(self) -> None:
        """Ask no more."""
        self._asking = False

    def close(self) -> None:
        """End the connection."""
        self._closing = True
        if self._transport is not None:
            self._transport.disconnect()

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        transport.send(WSMsgType.TEXT, INITIALIZE)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT and frame.fin:
            if self._length:
                self._answered(frame.payload_size)
            else:
                self._begin(transport, frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.PING:
            self.pings += 1
            transport.send_pong(frame.get_payload_as_bytes())
        else:
            self._fail(ConnectionError(f"unexpected frame: {frame}"))

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if not self._closing:
            self._fail(ConnectionError("the server closed the connection"))

    def _begin(self, transport: WSTransport, payload: bytes) -> None:
        if self._next_id == FIRST_CALL:
            if b'"result"' not in payload:
                self._fail(ValueError(f"initialize was answered with {payload[:300]!r}"))
                return
            transport.send(WSMsgType.TEXT, INITIALIZED)
            if self._expected is not None:
                self._ask()
                return
        else:
            assert self._expected is not None
            self._sent.popleft()
            try:
                check_answer(payload, FIRST_CALL, self._expected)
            except ValueError as error:
                self._fail(error)
                return
            self._length = len(payload)
        self.ready.set_result(None)

    def _ask(self) -> None:
        assert self._transport is not None
        message = b'{"jsonrpc":"2.0","id":%d%b' % (self._next_id, self._call)
        self._next_id += 1
        self._sent.append(perf_counter())
        self._transport.send(WSMsgType.TEXT, message)

    def _answered(self, length: int) -> None:
        self.latencies.add(perf_counter() - self._sent.popleft())
        self.answers += 1
        if not 0 <= length - self._length <= DIGITS:
            self._fail(ValueError(f"an answer has {length} bytes, where the first one had {self._length}"))
        elif self._asking:
            self._ask()

    def _fail(self, error: Exception) -> None:
        self._asking = False
        if not self.ready.done():
            self.ready.set_exception(error)
        self._failed(error)
