"""Names of hosts: looked up beside the reactor, and by one thread however many ask."""

from __future__ import annotations

import threading
from collections.abc import Callable
from socket import gaierror
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor as installed
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer

from mcpws.client.names import Names, with_names

reactor: Any = installed
PATIENCE = 20

V4 = (2, 1, 6, "", ("192.0.2.1", 80))
V6 = (10, 1, 6, "", ("2001:db8::1", 80, 0, 0))


@implementer(IResolutionReceiver)
class Asking:
    """Asks for a name; `found` fires with the addresses."""

    def __init__(self, names: Names, name: str) -> None:
        self.found: Deferred[list[IAddress]] = Deferred()
        self._addresses: list[IAddress] = []
        self.resolution: IHostResolution | None = None
        names.resolveHostName(self, name, 80)

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self.resolution = resolutionInProgress

    def addressResolved(self, address: IAddress) -> None:
        self._addresses.append(address)

    def resolutionComplete(self) -> None:
        self.found.callback(self._addresses)


def names(lookup: Callable[..., Any]) -> Names:
    return Names(reactor, lookup)


@ensureDeferred
async def test_the_addresses_of_a_name_are_of_both_kinds() -> None:
    asking = Asking(names(lambda *asked, **options: [V4, V6]), "a.example")
    assert asking.resolution is not None
    assert asking.resolution.name == "a.example"
    found = await asking.found.addTimeout(PATIENCE, reactor)
    assert found == [IPv4Address("TCP", "192.0.2.1", 80), IPv6Address("TCP", "2001:db8::1", 80, 0, 0)]


@pytest.mark.parametrize("error", [gaierror(-2, "no"), UnicodeError("label too long"), OSError()])
@ensureDeferred
async def test_a_name_that_cannot_be_looked_up_has_no_address(error: Exception) -> None:
    def lookup(*asked: Any, **options: Any) -> Any:
        raise error

    assert await Asking(names(lookup), "a.example").found.addTimeout(PATIENCE, reactor) == []


@ensureDeferred
async def test_who_asks_for_what_is_being_looked_up_shares_the_answer() -> None:
    may_answer = threading.Event()
    asked: list[str] = []

    def lookup(name: str, port: int, **options: Any) -> Any:
        asked.append(name)
        assert threading.current_thread().daemon
        may_answer.wait(PATIENCE)
        return [V4]

    looking = names(lookup)
    asking = [Asking(looking, name) for name in ("a.example", "b.example", "a.example", "a.example")]
    may_answer.set()
    found = await gatherResults([one.found for one in asking]).addTimeout(PATIENCE, reactor)
    assert all(addresses == [IPv4Address("TCP", "192.0.2.1", 80)] for addresses in found)
    assert sorted(asked) == ["a.example", "b.example"]
    assert await Asking(looking, "a.example").found.addTimeout(PATIENCE, reactor)
    assert len(asked) == 3


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_address_needs_no_thread(address: str) -> None:
    found: list[IAddress] = []
    Asking(Names(reactor), address).found.addCallback(found.extend)
    assert [getattr(one, "host", None) for one in found] == [address]


def test_a_resolver_that_somebody_chose_is_respected() -> None:
    reactor = MemoryReactorClock()
    assert with_names(reactor) is reactor


def test_a_reactor_has_one_of_them() -> None:
    first, second = with_names(reactor), with_names(reactor)
    assert isinstance(first.nameResolver, Names)
    assert first.nameResolver is second.nameResolver
    assert first.callLater == reactor.callLater
