"""Order of starting and stopping, on a reactor in memory."""

import pytest
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.internet.testing import MemoryReactorClock

from mcpws import App, ConfigError, ServerFactory, WebSocketService
from mcpws.errors import ListenFailed
from mcpws.service.listen import urls_of


class RefusingReactor(MemoryReactorClock):
    """Has no port 2."""

    def listenTCP(self, port, factory, backlog=50, interface=""):  # type: ignore[no-untyped-def]
        if port == 2:
            raise CannotListenError(interface, port, OSError(98, "Address already in use"))
        return super().listenTCP(port, factory, backlog, interface)


def service(reactor: MemoryReactorClock, *endpoints: str) -> WebSocketService:
    factory = ServerFactory(App("a", "1", clock=reactor), reactor=reactor)
    return WebSocketService(factory, endpoints, reactor)


@pytest.mark.parametrize("endpoint", ["nonsense:1", "tcp", "tcp:port=x", ""])
def test_what_is_no_endpoint_is_refused_by_name(endpoint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        service(MemoryReactorClock(), endpoint)
    assert caught.value.value == endpoint


def test_it_listens_on_every_endpoint_once() -> None:
    reactor = MemoryReactorClock()
    serving = service(reactor, "1", "tcp:3:interface=127.0.0.1")
    serving.privilegedStartService()
    serving.startService()
    assert [port for port, *_ in reactor.tcpServers] == [1, 3]
    assert len(serving.ports) == 2


def test_an_endpoint_that_cannot_be_had_is_named_and_the_others_are_given_up() -> None:
    reactor = RefusingReactor()
    serving = service(reactor, "1", "2")
    with pytest.raises(ListenFailed, match=r"cannot listen on tcp:2:interface=127\.0\.0\.1: Address already in use"):
        serving.startService()
    assert serving.ports == ()


@pytest.mark.parametrize(
    ("description", "address", "hosts", "urls"),
    [
        ("tcp:0:interface=127.0.0.1", IPv4Address("TCP", "127.0.0.1", 8082), (), ["ws://127.0.0.1:8082"]),
        ("tcp:0:interface=192.168.1.5", IPv4Address("TCP", "192.168.1.5", 1), ("a.example",), ["ws://192.168.1.5:1"]),
        ("tcp:0", IPv4Address("TCP", "0.0.0.0", 1), (), ["ws://127.0.0.1:1"]),
        ("tcp6:0", IPv6Address("TCP", "::", 1), ("*",), ["ws://[::1]:1"]),
        ("tcp6:0:interface=fe80", IPv6Address("TCP", "fe80::1%eth0", 1), (), ["ws://[fe80::1]:1"]),
        (
            "tcp:0",
            IPv4Address("TCP", "0.0.0.0", 1),
            ("a.example", "b.example:1", "c.example:2", "[fe80::2]"),
            ["ws://127.0.0.1:1", "ws://a.example:1", "ws://b.example:1", "ws://[fe80::2]:1"],
        ),
        ("ssl:443:privateKey=k", IPv4Address("TCP", "127.0.0.1", 443), (), ["wss://127.0.0.1:443"]),
        ("haproxy:ssl:443", IPv4Address("TCP", "127.0.0.1", 443), (), ["wss://127.0.0.1:443"]),
        ("haproxy:tcp:1", IPv4Address("TCP", "127.0.0.1", 1), (), ["ws://127.0.0.1:1"]),
        ("unix:/run/s", UNIXAddress(b"/run/s"), (), ["unix:/run/s"]),
    ],
)
def test_clients_are_told_where_to_connect(
    description: str, address: IAddress, hosts: tuple[str, ...], urls: list[str]
) -> None:
    assert urls_of(description, address, hosts) == tuple(urls)


def test_the_urls_are_those_of_what_is_bound() -> None:
    serving = service(MemoryReactorClock(), "1")
    assert not serving.urls
    serving.startService()
    assert serving.urls == ("ws://127.0.0.1:1",)


def test_stopping_ends_when_the_factory_has_drained() -> None:
    reactor = MemoryReactorClock()
    serving = service(reactor, "1")
    serving.startService()
    stopped = serving.stopService()
    assert stopped.called
    assert serving.ports == ()
    assert not serving.running


def test_what_was_told_of_it_ends_last_and_is_waited_for() -> None:
    reactor = MemoryReactorClock()
    ended: list[Deferred[None]] = []

    def end() -> Deferred[None]:
        ended.append(Deferred())
        return ended[0]

    factory = ServerFactory(App("a", "1", clock=reactor), reactor=reactor)
    serving = WebSocketService(factory, ["1"], reactor, ended=end)
    serving.startService()
    stopped: list[object] = []
    serving.stopService().addCallback(stopped.append)
    assert (len(ended), len(stopped)) == (1, 0)
    ended[0].callback(None)
    assert len(stopped) == 1
