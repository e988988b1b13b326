"""What a port is to an endpoint that has no reactor; tests/integration/test_kept_ports.py has real ones."""

import socket
from typing import Any

import pytest
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.ssl import CertificateOptions
from zope.interface.verify import verifyClass

from mcpws.errors import ConfigError
from mcpws.serving.sockets import KeptPort, KeptSockets, TakenSockets


class Reactor:
    """Only remembers what it is asked for."""

    def __init__(self) -> None:
        self.adopted: list[int] = []
        self.listened: list[int] = []

    def adoptStreamPort(self, descriptor: int, family: int, factory: Any) -> None:
        self.adopted.append(descriptor)

    def listenTCP(self, port: int, factory: Any, backlog: int, interface: str) -> None:
        self.listened.append(port)


def test_a_kept_port_is_one_of_twisted() -> None:
    assert verifyClass(IListeningPort, KeptPort)


def test_each_kept_socket_is_taken_once_and_others_are_bound_as_usual() -> None:
    reactor = Reactor()
    with socket.socket() as first, socket.socket() as second:
        taken = TakenSockets(reactor, {("127.0.0.1", 0): [first, second]})
        for _ in range(3):
            taken.listenTCP(0, None, 50, "127.0.0.1")
        taken.listenSSL(1, None, CertificateOptions(), 50, "127.0.0.1")
        assert reactor.adopted == [first.fileno(), second.fileno()]
    assert reactor.listened == [0, 1]


def test_all_else_is_left_to_the_reactor() -> None:
    reactor = Reactor()
    assert TakenSockets(reactor, {}).adopted is reactor.adopted


@pytest.mark.parametrize(
    "listen",
    [lambda kept: kept.listenUNIX("/run/socket"), lambda kept: kept.adoptStreamPort(3, socket.AF_INET, None)],
    ids=["unix", "systemd"],
)
def test_what_is_no_tcp_port_is_not_kept(listen: Any) -> None:
    with pytest.raises(ConfigError, match=r"^--reload: keeps .*: listen on one, as --port 8082 \(got "):
        listen(KeptSockets())


def test_an_address_that_is_not_of_this_machine_is_told_as_the_reactor_tells_it() -> None:
    with pytest.raises(CannotListenError, match=r"198\.51\.100\.1"):
        KeptSockets().listenTCP(0, None, interface="198.51.100.1")
