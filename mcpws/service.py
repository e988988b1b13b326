"""The service: a server on one or several endpoints, started and stopped in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.errors import ConfigError, ListenFailed
from mcpws.proxied import ProxiedEndpoint
from mcpws.ws.server import ServerFactory

log = Logger()

_PROXIED = "haproxy:"


def endpoint_description(port: str) -> str:
    """`port` as a Twisted endpoint string: a bare number means TCP on the loopback interface.

    :raises ConfigError: a number that is no port.
    """
    if not port.isdecimal():
        return port
    if int(port) > 65_535:
        raise ConfigError("port", port, "must be 0 to 65535, or a Twisted endpoint string")
    return f"tcp:{port}:interface=127.0.0.1"


class WebSocketService(Service):
    """Listens with `factory` on every endpoint; when it stops, it drains and leaves nothing behind.

    :param endpoints: descriptions as for `twisted.internet.endpoints.serverFromString`, or bare port numbers.

    Starting raises ListenFailed when an endpoint cannot be had; none is left open then.
    """

    name = "mcpws"

    def __init__(self, factory: ServerFactory, endpoints: Sequence[str], reactor: Any) -> None:
        self.factory = factory
        self._endpoints = [_endpoint(reactor, endpoint_description(one)) for one in endpoints]
        self._ports: list[IListeningPort] = []
        self._listening: list[Deferred[None]] = []

    @property
    def ports(self) -> tuple[IListeningPort, ...]:
        """What listens now."""
        return tuple(self._ports)

    def privilegedStartService(self) -> None:
        # Here and not in startService: twistd drops its privileges in between, and low ports need them.
        super().privilegedStartService()
        self._listen()

    def startService(self) -> None:
        super().startService()
        self._listen()

    def stopService(self) -> Deferred[None]:
        """Stop listening, drain, stop the backend; fires when that is done."""
        super().stopService()
        for listening in self._listening:
            listening.cancel()
        return self._stop_listening().addCallback(lambda _: self.factory.stop())

    def _listen(self) -> None:
        if self._listening:
            return
        for description, endpoint in self._endpoints:
            failures: list[Failure] = []
            listening = endpoint.listen(self.factory).addCallback(self._listens)
            self._listening.append(listening.addErrback(failures.append))
            if failures:
                self._stop_listening()
                raise ListenFailed(description, _problem(failures[0]))

    def _listens(self, port: IListeningPort) -> None:
        self._ports.append(port)
        log.info("listening on {address}", address=port.getHost())

    def _stop_listening(self) -> Deferred[None]:
        ports, self._ports = self._ports, []
        stopping = [port.stopListening() or succeed(None) for port in ports]
        return gatherResults(stopping).addCallback(lambda _: None)


def _endpoint(reactor: Any, description: str) -> tuple[str, IStreamServerEndpoint]:
    try:
        if description.startswith(_PROXIED):
            return description, ProxiedEndpoint(serverFromString(reactor, description.removeprefix(_PROXIED)))
        return description, serverFromString(reactor, description)
    except Exception as error:
        # Each kind of endpoint has a parser of its own, plugins bring more: they open files, and may raise anything.
        problem = str(error) or type(error).__name__
        raise ConfigError("port", description, f"is no Twisted endpoint: {problem}") from None


def _problem(failure: Failure) -> str:
    # CannotListenError says where and why; only the why is news here.
    cause = getattr(failure.value, "socketError", None) or failure.value
    return getattr(cause, "strerror", None) or str(cause)
