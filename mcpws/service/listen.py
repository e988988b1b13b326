"""The service: a server on one or several endpoints, started and stopped in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.errors import ListenFailed
from mcpws.http.peername import address_name
from mcpws.service.endpoints import PROXIED, endpoint_description, make_endpoint
from mcpws.ws.server import ServerFactory

log = Logger()

_TLS = {"ssl", "tls"}
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that stand for all of this machine, and one of them that it has itself."""


def urls_of(description: str, address: IAddress, hosts: Sequence[str] = ()) -> tuple[str, ...]:
    """The URLs, without a path, at which clients find what listens at `address`; `unix:PATH` for a UNIX socket.

    :param description: of the endpoint, which tells whether there is TLS.
    :param hosts: names besides loopback ones that clients may call it by, as `WebSocketConfig` has them.
    """
    if not isinstance(address, IPv4Address | IPv6Address):
        name = getattr(address, "name", None)
        return (f"unix:{os.fsdecode(name)}",) if isinstance(name, bytes) else (str(address),)
    tls = description.removeprefix(PROXIED).partition(":")[0] in _TLS
    scheme = "wss" if tls else "ws"
    bound = address.host.partition("%")[0]
    names = [bound]
    if bound in _EVERYWHERE:
        names = [_EVERYWHERE[bound]]
        for host in hosts:
            name, _, port = host.partition(":") if host.count(":") == 1 else (host, "", "")
            if name != "*" and port in ("", str(address.port)):
                names.append(name)
    return tuple(
        f"{scheme}://{f'[{name}]' if ':' in name and name[0] != '[' else name}:{address.port}" for name in names
    )


class WebSocketService(Service):
    """Listens with `factory` on every endpoint; when it stops, it drains and leaves nothing behind.

    :param endpoints: descriptions as for `twisted.internet.endpoints.serverFromString`, or bare port numbers.
    :param ended: called when nothing is left of the conversations, and waited for: what was told of them ends with it.

    Starting raises ListenFailed when an endpoint cannot be had; none is left open then.
    """

    name = "mcpws"

    def __init__(
        self,
        factory: ServerFactory,
        endpoints: Sequence[str],
        reactor: Any,
        ended: Callable[[], Deferred[None] | None] = lambda: None,
    ) -> None:
        self.factory = factory
        self._ended = ended
        descriptions = [endpoint_description(one) for one in endpoints]
        self._endpoints = [(one, make_endpoint(reactor, one)) for one in descriptions]
        self._ports: list[tuple[str, IListeningPort]] = []
        self._listening: list[Deferred[None]] = []

    @property
    def ports(self) -> tuple[IListeningPort, ...]:
        """Ports that listen now."""
        return tuple(port for _, port in self._ports)

    @property
    def urls(self) -> tuple[str, ...]:
        """URLs to which clients connect now, without a path; a UNIX socket as `unix:PATH`.

        A port on every interface has one on loopback, and one for each other name that clients may call it by.
        """
        hosts = self.factory.config.hosts
        return tuple(url for description, port in self._ports for url in urls_of(description, port.getHost(), hosts))

    def privilegedStartService(self) -> None:
        # Here and not in startService: twistd drops its privileges in between, and low ports need them.
        super().privilegedStartService()
        self._listen()

    def startService(self) -> None:
        super().startService()
        self._listen()

    def stopService(self) -> Deferred[None]:
        """Stop listening, drain, stop the backend, and what was told of it all; fires when that is done."""
        super().stopService()
        for listening in self._listening:
            listening.cancel()
        stopped = self.stop_listening().addCallback(lambda _: self.factory.stop())
        return stopped.addBoth(lambda result: maybeDeferred(self._ended).addCallback(lambda _: result))

    def stop_listening(self) -> Deferred[None]:
        """Accept no more clients; fires when that is so. Those that are there stay."""
        ports, self._ports = self._ports, []
        stopping = [port.stopListening() or succeed(None) for _, port in ports]
        return gatherResults(stopping).addCallback(lambda _: None)

    def _listen(self) -> None:
        if self._listening:
            return
        for description, endpoint in self._endpoints:
            failures: list[Failure] = []
            listening = endpoint.listen(self.factory).addCallback(self._listens, description)
            self._listening.append(listening.addErrback(failures.append))
            if failures:
                self.stop_listening()
                raise ListenFailed(description, problem_of(failures[0]))

    def _listens(self, port: IListeningPort, description: str) -> None:
        self._ports.append((description, port))
        log.info("listening on {address}", address=address_name(port.getHost()))


def problem_of(failure: Failure) -> str:
    """Why an endpoint cannot listen, in few words."""
    # CannotListenError says where and why; only the why is news here.
    cause = getattr(failure.value, "socketError", None) or failure.value
    return getattr(cause, "strerror", None) or str(cause)
