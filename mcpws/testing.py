"""For tests of programs that use mcpws: client and server in memory, no socket, no real time.

::

    def test_adding() -> None:
        pair = connected(app)
        sum = pair.session.request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
        pair.flush()
        assert result_of(sum)["structuredContent"] == {"result": 3}

Both ends are the real ones. Nothing moves until `flush`, and no time passes but by `advance`.
"""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha1
from typing import Any, NamedTuple, TypeVar, cast

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost, NoProtocol
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mcpws.client.session import Session, connect
from mcpws.config import WebSocketConfig
from mcpws.core.ledger import INITIALIZE
from mcpws.core.lifecycle import LEGACY_VERSIONS
from mcpws.core.messages import Error, Message, Notification, Request, Result, to_raw
from mcpws.errors import RpcError
from mcpws.interfaces import Backend, Channel, Link
from mcpws.ws.server import ServerFactory

log = Logger()

WINDOW = 64 * 1024
"""Bytes that one end has sent and the other has not read, at most; also what is read at a time."""

INITIALIZED = "notifications/initialized"

_ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

T = TypeVar("T")


def result_of(deferred: Deferred[T]) -> T:
    """What `deferred` has fired with. Raises what it failed with, AssertionError if it has not fired."""
    results: list[T | Failure] = []
    deferred.addBoth(results.append)
    assert results, "the Deferred has not fired yet"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return cast(T, results[0])


class MemoryTransport(FileDescriptor):
    """One end of a connection. It buffers, pauses and closes as Twisted's TCP does: it is the same code.

    An end that does not read (`pauseProducing`) is a slow peer, and after `WINDOW` bytes a stalled one.
    """

    connected = 1
    other: MemoryTransport

    def __init__(self, protocol: IProtocol, clock: Clock, host: IPv4Address, peer: IPv4Address) -> None:
        super().__init__(cast(Any, clock))
        self.protocol = protocol
        self.reading = True
        self.writing = False
        self._addresses = host, peer
        self._arrived = bytearray()
        self._end: Exception | None = None

    def step(self) -> bool:
        """Read and write once; returns whether there was anything to."""
        if self.reading and (self._arrived or self._end):
            self._read()
            return True
        if self.writing and (self.other.disconnected or len(self.other._arrived) < WINDOW):
            ended = self.doWrite()
            if ended is not None:
                self.connectionLost(Failure(ended))
            return True
        return False

    def _read(self) -> None:
        if not self._arrived:
            self.connectionLost(Failure(cast(Exception, self._end)))
            return
        data = bytes(self._arrived)
        self._arrived.clear()
        try:
            self.protocol.dataReceived(data)
        except Exception:
            # As a reactor does: who raises loses the connection.
            log.failure("dataReceived raised")
            self.connectionLost(Failure())

    def writeSomeData(self, data: bytes) -> int | BaseException:
        if self.other.disconnected and data:
            return ConnectionLost()
        taken = bytes(data[: WINDOW - len(self.other._arrived)])
        self.other._arrived += taken
        return len(taken)

    def connectionLost(self, reason: Failure) -> None:
        if self.disconnected:
            return
        super().connectionLost(reason)
        self.other._end = self.other._end or ConnectionDone()
        self.protocol.connectionLost(reason)

    def abortConnection(self) -> None:
        if self.disconnected:
            return
        self.stopReading()
        self.stopWriting()
        self.connected = 0
        self.other._arrived.clear()
        self.other._end = ConnectionLost()
        cast(Clock, self.reactor).callLater(0, self.connectionLost, Failure(ConnectionAborted()))

    def startReading(self) -> None:
        self.reading = True

    def stopReading(self) -> None:
        self.reading = False

    def startWriting(self) -> None:
        self.writing = True

    def stopWriting(self) -> None:
        self.writing = False

    def _postLoseConnection(self) -> Exception:
        return ConnectionDone()

    def getHost(self) -> IPv4Address:
        return self._addresses[0]

    def getPeer(self) -> IPv4Address:
        return self._addresses[1]

    def setTcpNoDelay(self, enabled: bool) -> None:
        """There is no delay."""

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """There is nothing to keep alive."""


class Network:
    """Joins clients to servers, and moves their bytes when it is told to.

    :param clock: the one that both are to use; a new one by default.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self._ends: list[MemoryTransport] = []
        self._ports = iter(range(50_000, 65_536))

    def endpoint(self, server: IProtocolFactory) -> IStreamClientEndpoint:
        """Connects to `server`, as an endpoint for a client."""
        return _Endpoint(self, server)

    def join(self, client: IProtocol, server: IProtocol) -> None:
        """Make a connection between the two."""
        here = IPv4Address("TCP", "127.0.0.1", next(self._ports))
        there = IPv4Address("TCP", "127.0.0.1", 8082)
        near = MemoryTransport(client, self.clock, here, there)
        far = MemoryTransport(server, self.clock, there, here)
        near.other, far.other = far, near
        self._ends += [near, far]
        server.makeConnection(far)  # type: ignore[arg-type]
        client.makeConnection(near)

    def raw(self, server: IProtocolFactory) -> RawClient:
        """A client of `server` that speaks in bytes."""
        return cast(RawClient, result_of(self.endpoint(server).connect(Factory.forProtocol(RawClient))))

    def flush(self) -> None:
        """Move bytes until nobody has any more to say."""
        self.clock.advance(0)
        while any([end.step() for end in self._ends]):
            self.clock.advance(0)
        self._ends = [end for end in self._ends if not end.disconnected]

    def advance(self, seconds: float) -> None:
        """Let time pass, a second at a time, with all that is said meanwhile."""
        while seconds > 0:
            step = min(seconds, 1.0)
            self.clock.advance(step)
            self.flush()
            seconds -= step


@implementer(IStreamClientEndpoint)
class _Endpoint:
    def __init__(self, network: Network, server: IProtocolFactory) -> None:
        self._network = network
        self._server = server

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        address = IPv4Address("TCP", "127.0.0.1", 8082)
        client = protocolFactory.buildProtocol(address)
        if client is None:
            return fail(NoProtocol())
        # A server that wants no more connections closes this one at once.
        self._network.join(client, self._server.buildProtocol(address) or _Closing())
        return succeed(client)


class _Closing(Protocol):
    def connectionMade(self) -> None:
        cast(MemoryTransport, self.transport).loseConnection()


class Connected:
    """A server and the clients that `connect` to it; `session` is the first."""

    session: Session

    def __init__(self, server: ServerFactory, network: Network, client_config: WebSocketConfig) -> None:
        self.server = server
        self.network = network
        self.clock = network.clock
        self._client_config = client_config

    def connect(self, **client: Any) -> Session:
        """The initialised session of another client; arguments as for `mcpws.connect`."""
        endpoint = self.network.endpoint(self.server)
        config = self._client_config
        connecting = connect(config.url, config=config, reactor=self.clock, endpoint=endpoint, **client)
        self.flush()
        return result_of(connecting)

    def flush(self) -> None:
        """As Network.flush."""
        self.network.flush()

    def advance(self, seconds: float) -> None:
        """As Network.advance."""
        self.network.advance(seconds)


class RecordedConversation:
    """A conversation that a test answers by hand, through `answer` or the `link` itself.

    `received` are the messages of the client but for those that began it; `closed` says why the conversation was
    closed, None while it is open; `paused` whether the client reads too slowly.
    """

    def __init__(self, link: Link, initialize: bool) -> None:
        self.link = link
        self.received: list[Message] = []
        self.closed: str | None = None
        self.paused = False
        self._initialize = initialize

    @property
    def requests(self) -> list[Request]:
        """The requests among what was received."""
        return [message for message in self.received if type(message) is Request]

    def answer(self, request: Request, result: Any) -> None:
        """Send the result of a request, or the error if it is an RpcError."""
        if isinstance(result, RpcError):
            self.link.send(Error.answering(request.id, result))
        else:
            self.link.send(Result(request.id, to_raw(result)))

    # interfaces.Channel

    def receive(self, message: Message) -> None:
        if self._initialize and type(message) is Request and message.method == INITIALIZE:
            server = {"name": "recording", "version": "1"}
            self.answer(message, {"protocolVersion": LEGACY_VERSIONS[-1], "capabilities": {}, "serverInfo": server})
        elif not (self._initialize and type(message) is Notification and message.method == INITIALIZED):
            self.received.append(message)

    def close(self, reason: str) -> None:
        self.closed = reason

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def stopProducing(self) -> None:
        self.paused = True


class RecordingBackend:
    """Keeps what clients send, and leaves the answers to the test.

    :param initialize: answer `initialize`, and keep neither it nor `notifications/initialized`.
    """

    def __init__(self, *, initialize: bool = True) -> None:
        self.conversations: list[RecordedConversation] = []
        self.stopped = False
        self._initialize = initialize

    def open(self, link: Link) -> Deferred[Channel]:
        self.conversations.append(RecordedConversation(link, self._initialize))
        return succeed(self.conversations[-1])

    def stop(self) -> Deferred[None]:
        self.stopped = True
        return succeed(None)


class Frame(NamedTuple):
    """A WebSocket frame (RFC 6455, section 5.2) as it was read."""

    opcode: int
    payload: bytes
    fin: bool = True


class RawPeer(Protocol):
    """One end of a WebSocket that does only what the test says.

    `received` holds the bytes that came and were not taken yet; `lost` why the connection is gone, None while it is not.
    """

    masks = False

    def __init__(self) -> None:
        self.received = b""
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason

    @property
    def wire(self) -> MemoryTransport:
        """To stop reading, or to close the connection."""
        return cast(MemoryTransport, self.transport)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.wire.write(data)

    def send_frame(
        self, opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, masked: bool | None = None
    ) -> None:
        """Send a frame; `masked` as this end has to by default."""
        mask = self.masks if masked is None else masked
        size = len(payload)
        extended = b"" if size < 126 else struct.pack("!H", size) if size < 65_536 else struct.pack("!Q", size)
        first = fin << 7 | reserved << 4 | opcode
        second = mask << 7 | {0: size, 2: 126, 8: 127}[len(extended)]
        # Masked with zeros, the payload stays as it is.
        self.send(bytes([first, second]) + extended + (bytes(4) if mask else b"") + payload)

    def take_head(self) -> tuple[str, dict[str, str]]:
        """The HTTP head that came: its first line, and its headers with names in lower case."""
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        split = (line.partition(":") for line in lines)
        return first, {name.lower(): value.strip() for name, _, value in split}

    def take_frames(self) -> list[Frame]:
        """The whole frames that came."""
        frames = []
        while frame := self._take_frame():
            frames.append(frame)
        return frames

    def _take_frame(self) -> Frame | None:
        data = self.received
        if len(data) < 2:
            return None
        size, start = data[1] & 127, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        mask = b""
        if data[1] & 128:
            mask = data[start : start + 4]
            start += 4
        if len(data) < start + size:
            return None
        payload, self.received = data[start : start + size], data[start + size :]
        if any(mask):
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        return Frame(data[0] & 15, payload, bool(data[0] & 128))


class RawClient(RawPeer):
    """The client's end."""

    masks = True

    def handshake(self, path: str = "/", headers: Mapping[str, str | None] | None = None) -> None:
        """Ask for the upgrade; `headers` replace the usual ones, None leaves one out."""
        usual = {
            "Host": "127.0.0.1:8082",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        }
        sent = {**usual, **(headers or {})}
        lines = [f"{name}: {value}" for name, value in sent.items() if value is not None]
        self.send("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode("latin-1"))


class RawServer(RawPeer):
    """The server's end."""

    def accept(self, headers: Mapping[str, str | None] | None = None) -> None:
        """Answer the upgrade request that came, which is taken; `headers` as for a RawClient."""
        key = self.take_head()[1]["sec-websocket-key"]
        accept = b64encode(sha1(key.encode() + _ACCEPT_GUID).digest()).decode()
        usual = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
        sent = {**usual, **(headers or {})}
        lines = [f"{name}: {value}" for name, value in sent.items() if value is not None]
        self.send("\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, "", ""]).encode("latin-1"))


def connected(
    backend: Backend,
    *,
    config: WebSocketConfig | None = None,
    client_config: WebSocketConfig | None = None,
    clock: Clock | None = None,
    **client: Any,
) -> Connected:
    """Serve `backend` in memory, with one initialised client.

    :param config: of the server.
    :param client_config: of the clients.
    :param clock: to pass to whatever else has to share it; a new one by default.
    :param client: further arguments of `mcpws.connect`.

    Raises what `mcpws.connect` fails with; AssertionError for a backend that needs time to begin.
    """
    network = Network(clock)
    server = ServerFactory(backend, config, reactor=network.clock)
    pair = Connected(server, network, client_config or WebSocketConfig(server_mode=False))
    pair.session = pair.connect(**client)
    return pair
