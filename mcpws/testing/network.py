"""Connections in memory: Twisted's transports without a socket under them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any, TypeVar, cast

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost, NoProtocol
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Protocol
from twisted.internet.task import Clock
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

log = Logger()

WINDOW = 64 * 1024
"""Bytes that one end has sent and the other has not read, at most; also what is read at a time."""

MAX_ROUNDS = 100_000
"""Of reading and writing in one `flush`. Two ends that need more answer each other for ever."""

T = TypeVar("T")


def result_of(deferred: Deferred[T]) -> T:
    """Result of `deferred`. Raises what it failed with, AssertionError if it has not fired."""
    results: list[T | Failure] = []
    deferred.addBoth(results.append)
    assert results, "the Deferred has not fired yet"
    if isinstance(results[0], Failure):
        results[0].raiseException()
    return results[0]


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
        if self.other.disconnected and (data or isinstance(self._end, ConnectionLost)):
            # Once it was reset, a socket refuses even to write nothing.
            return ConnectionLost()
        taken = bytes(data[: WINDOW - len(self.other._arrived)])
        self.other._arrived += taken
        return len(taken)

    def getHandle(self) -> MemoryTransport:
        """As far as `send` and `sendmsg` go, this is its own socket."""
        return self

    def send(self, data: bytes) -> int:
        """As `socket.send` does when it does not block."""
        taken = self.writeSomeData(data)
        if not isinstance(taken, int):
            raise BrokenPipeError
        if data and not taken:
            raise BlockingIOError
        return taken

    def sendmsg(self, buffers: Iterable[bytes]) -> int:
        """As `socket.sendmsg` does."""
        return self.send(b"".join(buffers))

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

    def _closeWriteConnection(self) -> None:
        self.other._end = self.other._end or ConnectionDone()

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
        self._ports = count(50_000)

    def endpoint(self, server: IProtocolFactory) -> IStreamClientEndpoint:
        """Connects to `server`, as an endpoint for a client."""
        return _Endpoint(self, server)

    def join(self, client: IProtocol, server: IProtocolFactory) -> None:
        """Connect `client` to a protocol of `server`, which closes the connection at once if it makes none."""
        here = IPv4Address("TCP", "127.0.0.1", next(self._ports))
        there = IPv4Address("TCP", "127.0.0.1", 8082)
        serving = server.buildProtocol(here) or _Closing()
        near = MemoryTransport(client, self.clock, here, there)
        far = MemoryTransport(serving, self.clock, there, here)
        near.other, far.other = far, near
        self._ends += [near, far]
        serving.makeConnection(far)
        client.makeConnection(near)

    def flush(self) -> None:
        """Move bytes until nobody has any more to say."""
        for _ in range(MAX_ROUNDS):
            self.clock.advance(0)
            moved = [end for end in self._ends if end.step()]
            self._ends = [end for end in self._ends if not end.disconnected]
            if not moved:
                return
        raise AssertionError("the two ends never stop talking")

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
        client = protocolFactory.buildProtocol(IPv4Address("TCP", "127.0.0.1", 8082))
        if client is None:
            return fail(NoProtocol())
        self._network.join(client, self._server)
        return succeed(client)


class _Closing(Protocol):
    def connectionMade(self) -> None:
        cast(MemoryTransport, self.transport).loseConnection()
