"""Names of hosts, looked up in threads that nobody ever has to wait for.

Twisted does it in the reactor's pool, where a name server that does not answer holds up a thread for as long as
`getaddrinfo` likes: with ten such names all that needs a thread waits, and a process cannot end before all are back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from socket import SOCK_STREAM, getaddrinfo
from threading import Thread
from typing import Any

from twisted.internet._resolver import GAIResolver
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

log = Logger()

MAX_THREADS = 32
"""Names that are looked up at the same time; more of them wait."""


class _Daemons(ThreadPool):
    """Threads that do not keep a process alive."""

    @staticmethod
    def threadFactory(*args: Any, **options: Any) -> Thread:  # type: ignore[override]  # there it is the class itself
        return Thread(*args, daemon=True, **options)


@implementer(IHostResolution)
class _Resolution:
    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """Whoever waits need not, as Twisted's endpoints do not."""


@implementer(IHostnameResolver)
class Names:
    """Looks names up. Who asks for one that is being looked up shares its answer: there is one thread for it.

    :param reactor: what the answers come back to.
    :param lookup: as `socket.getaddrinfo`.
    """

    def __init__(self, reactor: Any, lookup: Callable[..., Sequence[Any]] = getaddrinfo) -> None:
        self._reactor = reactor
        self._lookup = lookup
        self._pool = _Daemons(0, MAX_THREADS, "mcpws.client.names")
        self._pool.start()
        self._waiting: dict[tuple[str, int], list[IResolutionReceiver]] = {}

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """As the interface has it, but for TCP, and for addresses of both kinds."""
        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        key = hostName, portNumber
        waiting = self._waiting.setdefault(key, [])
        waiting.append(resolutionReceiver)
        if len(waiting) == 1:
            if isIPAddress(hostName) or isIPv6Address(hostName):
                looked_up = maybeDeferred(self._lookup, *key, type=SOCK_STREAM)
            else:
                looked_up = deferToThreadPool(self._reactor, self._pool, self._lookup, *key, type=SOCK_STREAM)
            looked_up.addErrback(self._not_found, hostName).addCallback(self._found, key)
        return resolution

    def _not_found(self, failure: Failure, name: str) -> list[Any]:
        # Without an address the endpoint says what is the matter.
        log.debug("{name}: {error}", name=name, error=failure.value)
        return []

    def _found(self, found: Sequence[Any], key: tuple[str, int]) -> None:
        addresses = [(IPv6Address if len(address) > 2 else IPv4Address)("TCP", *address) for *_, address in found]
        for receiver in self._waiting.pop(key):
            for address in addresses:
                receiver.addressResolved(address)
            receiver.resolutionComplete()


@implementer(IReactorPluggableNameResolver)
class _Resolving:
    """A reactor, to endpoints, with another resolver."""

    def __init__(self, reactor: Any, resolver: IHostnameResolver) -> None:
        self._reactor = reactor
        self.nameResolver = resolver

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)


@cache
def _names(reactor: Any) -> Names:
    return Names(reactor)


def with_names(reactor: Any) -> Any:
    """`reactor` for endpoints that look names up: so, unless somebody has chosen another way for all of the program."""
    if isinstance(getattr(reactor, "nameResolver", None), GAIResolver):
        return _Resolving(reactor, _names(reactor))
    return reactor
