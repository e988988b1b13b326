"""Tests that live under the real reactor: how long they may take, how they wait, and clients in bytes."""

import socket
import struct
from collections.abc import Callable, Coroutine, Mapping
from functools import wraps
from typing import Any, ParamSpec, cast

import msgspec
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import connectionDone
from twisted.internet.tcp import Connection
from twisted.python.failure import Failure

from mcpws.testing import Frame, RawClient
from mcpws.testing.raw import BINARY, CLOSE, TEXT

PATIENCE = 60
"""Seconds; far above what any test takes, so that only what hangs runs into it."""

P = ParamSpec("P")


def bounded(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, Deferred[None]]:
    """An asynchronous test under the real reactor, as pytest-twisted runs it; but not for ever."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> Deferred[None]:
        return Deferred.fromCoroutine(test(*args, **kwargs)).addTimeout(PATIENCE, cast(Any, reactor))

    return run


class Waiting:
    """What a test waits for: it says `changed` whenever something has happened."""

    _awaited: tuple[tuple[Callable[[], bool], Deferred[None]], ...] = ()

    def until(self, happened: Callable[[], bool]) -> Deferred[None]:
        """Fires once `happened` says so."""
        deferred: Deferred[None] = Deferred()
        self._awaited = (*self._awaited, (happened, deferred))
        self.changed()
        return deferred

    def changed(self) -> None:
        met = [one for one in self._awaited if one[0]()]
        self._awaited = tuple(one for one in self._awaited if one not in met)
        for _, deferred in met:
            deferred.callback(None)


def call(id: object, method: str = "tools/call", **params: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


CLIENT = {"name": "tester", "version": "1"}
INITIALIZE = call("start", "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=CLIENT)


class Wire(Waiting, RawClient):
    """A client in bytes, on a TCP connection, that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[Frame] = []
        self._upgraded = False

    def dataReceived(self, data: bytes) -> None:
        super().dataReceived(data)
        if self._upgraded:
            self.frames += self.take_frames()
        self.changed()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        self.changed()

    @property
    def tcp(self) -> Connection:
        return cast(Connection, self.transport)

    async def upgrade(self) -> None:
        self.handshake()
        await self.until(lambda: b"\r\n\r\n" in self.received)
        assert self.take_head()[0] == "HTTP/1.1 101 Switching Protocols"
        self._upgraded = True
        self.frames += self.take_frames()

    async def initialise(self) -> None:
        await self.upgrade()
        assert "result" in await self.ask(INITIALIZE)

    async def ask(self, message: Any) -> Any:
        """Send it; the next message that comes, pings aside."""
        self.send_message(message)
        return await self.next_message()

    async def next_frame(self) -> Frame:
        await self.until(lambda: bool(self.frames))
        return self.frames.pop(0)

    async def next_message(self) -> Any:
        frame = await self.next_frame()
        assert frame.opcode in (TEXT, BINARY), frame
        return msgspec.json.decode(frame.payload)

    async def next_close(self) -> tuple[int, str]:
        """Code and reason of the Close frame that comes next; then the closing handshake is finished."""
        frame = await self.next_frame()
        assert frame.opcode == CLOSE, frame
        self.send_frame(CLOSE, frame.payload[:2])
        await self.until(self.is_gone)
        return struct.unpack("!H", frame.payload[:2])[0], frame.payload[2:].decode()


class BlockingClient(RawClient):
    """A client in bytes on a blocking socket, for a server in another process; it is upgraded, `head` is the answer."""

    def __init__(self, port: int, path: str = "/", headers: Mapping[str, str | None] | None = None) -> None:
        super().__init__()
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._frames: list[Frame] = []
        self.handshake(path, headers)
        while b"\r\n\r\n" not in self.received:
            self._read()
        self.head = self.take_head()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def next_frame(self) -> Frame:
        """The next frame, once it is there."""
        while not self._frames:
            self._frames += self.take_frames()
            if not self._frames:
                self._read()
        return self._frames.pop(0)

    def ask(self, id: int, method: str, **params: Any) -> Any:
        """The answer to a request; what comes before it is taken away."""
        self.send_message(call(id, method, **params))
        while True:
            frame = self.next_frame()
            assert frame.opcode == TEXT, frame
            answer = msgspec.json.decode(frame.payload)
            if answer.get("id") == id:
                return answer

    def begin(self) -> "BlockingClient":
        """Initialise."""
        info = {"name": "inspector", "version": "2.1"}
        self.ask(0, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=info)
        self.send_message({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return self

    def close(self, code: int | None = 1000, reason: bytes = b"") -> None:
        """End it: with a Close frame, unless there is no `code`."""
        if code is not None:
            self.send_frame(CLOSE, struct.pack("!H", code) + reason)
            while self._socket.recv(4096):
                pass
        self._socket.close()

    def _read(self) -> None:
        data = self._socket.recv(65_536)
        assert data, f"the connection was closed after {self.received!r}"
        self.received += data
