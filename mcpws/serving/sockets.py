"""Listening sockets that outlive the process that serves them.

An endpoint listens by asking its reactor to. Here two things stand in for that reactor: one binds, and keeps what it
has bound, the other takes over what is bound already. So any endpoint that comes down to TCP can be kept, with TLS or a
proxy's header around it, and clients who come while nobody serves wait in its backlog.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any

from twisted.internet.abstract import isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from mcpws.errors import ConfigError, ListenFailed
from mcpws.service.listen import problem_of

Key = tuple[str, int]
"""Interface and port number, as the endpoint asked for them."""


class KeptSockets:
    """Sockets that one process has bound for those that serve after one another.

    It is the reactor for `WebSocketService.listen` there, as far as that needs one.
    """

    def __init__(self) -> None:
        self.sockets: dict[Key, list[socket.socket]] = {}

    def bind(self, description: str, endpoint: IStreamServerEndpoint) -> None:
        """Bind what `endpoint`, which has this for its reactor, listens at.

        :raises ListenFailed: it cannot be had.
        :raises ConfigError: it is of no kind that can be kept.
        """
        failures: list[Failure] = []
        endpoint.listen(Factory()).addErrback(failures.append)
        for failure in failures:
            failure.trap(CannotListenError, ConfigError)
            if failure.check(ConfigError):
                failure.raiseException()
            raise ListenFailed(description, problem_of(failure))

    def listenTCP(self, port: int, factory: object, backlog: int = 50, interface: str = "") -> KeptPort:
        kept = self._bound(interface, port)
        kept.listen(max(backlog, socket.SOMAXCONN))
        self.sockets.setdefault((interface, port), []).append(kept)
        return KeptPort(kept)

    def listenSSL(
        self, port: int, factory: object, contextFactory: object, backlog: int = 50, interface: str = ""
    ) -> KeptPort:
        return self.listenTCP(port, factory, backlog, interface)

    def listenUNIX(self, address: str, *args: object, **kwargs: object) -> IListeningPort:
        # Whoever gives up a UNIX socket removes its name, and with it the way to the one that comes next.
        raise ConfigError("--reload", address, "keeps TCP ports alone: listen on one, as --port 8082")

    def adoptStreamPort(self, *args: object) -> IListeningPort:
        raise ConfigError("--reload", "systemd", "keeps ports of its own: listen on one, as --port 8082")

    def close(self) -> None:
        """Give all of them up, in this process."""
        for kept in (one for same in self.sockets.values() for one in same):
            kept.close()
        self.sockets.clear()

    @staticmethod
    def _bound(interface: str, port: int) -> socket.socket:
        six = isIPv6Address(interface)
        kept = socket.socket(socket.AF_INET6 if six else socket.AF_INET)
        try:
            kept.setblocking(False)
            kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
            kept.bind(socket.getaddrinfo(interface, port, flags=numeric)[0][4] if six else (interface, port))
        except OSError as error:
            kept.close()
            raise CannotListenError(interface, port, error) from error
        return kept


@implementer(IListeningPort)
class KeptPort:
    """A port of KeptSockets, on which nobody here accepts."""

    def __init__(self, kept: socket.socket) -> None:
        self._socket = kept

    def startListening(self) -> None:
        """Nothing to do: it is bound already."""

    def stopListening(self) -> None:
        """Nothing to do: it is kept."""

    def getHost(self) -> IPv4Address | IPv6Address:
        host, port = self._socket.getsockname()[:2]
        return (IPv6Address if self._socket.family == socket.AF_INET6 else IPv4Address)("TCP", host, port)


class TakenSockets:
    """A reactor for endpoints that listens on what KeptSockets has bound, each once, and else as `reactor` does."""

    def __init__(self, reactor: Any, sockets: dict[Key, list[socket.socket]]) -> None:
        self._reactor = reactor
        self._free = {key: list(same) for key, same in sockets.items()}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> IListeningPort:
        free: Sequence[socket.socket] = self._free.get((interface, port), ())
        if not free:
            listening: IListeningPort = self._reactor.listenTCP(port, factory, backlog, interface)
            return listening
        taken = self._free[interface, port].pop(0)
        listening = self._reactor.adoptStreamPort(taken.fileno(), taken.family, factory)
        return listening

    def listenSSL(
        self, port: int, factory: Any, contextFactory: Any, backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        return self.listenTCP(port, TLSMemoryBIOFactory(contextFactory, False, factory), backlog, interface)
