"""Where sessions come from: connections that are made, refused, given up, and factories of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionRefusedError, TimeoutError
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer

from mcpws.client.endpoint import NO_TIMEOUT
from mcpws.client.factory import ClientFactory, connect
from mcpws.client.session import Session
from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import LEGACY_VERSIONS
from mcpws.errors import ConnectFailed, ConnectionClosed, HandshakeRefused, McpwsError
from mcpws.testing import Network, RawServer, RecordingBackend, Served, result_of

if TYPE_CHECKING:
    from tests.conftest import LoggedErrors

URL = "ws://127.0.0.1:8082"


def failure_of(deferred: Deferred[Any]) -> BaseException:
    with pytest.raises(Exception) as error:  # noqa: PT011
        result_of(deferred)
    return error.value


# Connections


@pytest.mark.parametrize("steps", [0, 1, 2], ids=["connecting", "handshaking", "beginning"])
def test_giving_up_while_it_connects_leaves_nothing(steps: int) -> None:
    network, server = Network(), RawServer()
    waiting: Deferred[Any] = Deferred()

    @implementer(IStreamClientEndpoint)
    class Slow:
        def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
            return waiting

    endpoint = Slow() if steps == 0 else network.endpoint(Factory.forProtocol(lambda: server))
    connecting = connect(URL, reactor=network.clock, endpoint=endpoint)
    network.flush()
    if steps == 2:
        server.accept()
        network.flush()
    connecting.cancel()
    assert isinstance(failure_of(connecting), CancelledError)
    network.advance(10)
    assert network.clock.getDelayedCalls() == []
    assert server.is_gone() or steps == 0


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ConnectionRefusedError(), "Connection was refused by other side."),
        (TimeoutError(), "User timeout"),
        (ValueError(), "ValueError"),
    ],
)
def test_an_address_where_nothing_answers_is_named(error: Exception, said: str) -> None:
    @implementer(IStreamClientEndpoint)
    class Dead:
        def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
            return fail(error)

    failed = failure_of(connect(URL, reactor=Clock(), endpoint=Dead()))
    assert isinstance(failed, ConnectFailed)
    assert str(failed).startswith(f"cannot connect to {URL}: {said}")


def test_a_refused_handshake_says_why() -> None:
    service = Served(RecordingBackend(), config=WebSocketConfig(max_connections=1))
    service.connect()
    with pytest.raises(HandshakeRefused) as refused:
        service.connect()
    assert (refused.value.status, refused.value.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize(("timeout", "waits"), [(7, 7), (None, NO_TIMEOUT)])
def test_connect_finds_its_endpoint_and_reactor(
    timeout: float | None, waits: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    reactor = MemoryReactorClock()
    asked: list[tuple[str, object, float]] = []

    @implementer(IStreamClientEndpoint)
    class Dead:
        def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
            return fail(ConnectionRefusedError())

    def recording(url: str, reactor: object, timeout: float, tls: object) -> Dead:
        asked.append((url, reactor, timeout))
        return Dead()

    monkeypatch.setattr("mcpws.client.factory.endpoint_for", recording)
    config = WebSocketConfig(server_mode=False, timeout_seconds=timeout)
    assert isinstance(failure_of(connect(URL, reactor=reactor, config=config)), ConnectFailed)
    assert asked == [(URL, reactor, waits)]


def test_connect_uses_the_global_reactor_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    from twisted.internet import reactor

    service = Served(RecordingBackend())
    connecting = connect(URL, endpoint=service.network.endpoint(service.server))
    service.flush()
    session = result_of(connecting)
    assert session._clock is reactor
    session.close()
    service.flush()


# Factories for endpoints of one's own


def joined(factory: ClientFactory, network: Network, backend: RecordingBackend) -> Any:
    service = Served(backend, clock=network.clock)
    protocol = result_of(service.network.endpoint(service.server).connect(factory))
    return service, protocol


def test_a_factory_tells_of_each_session_that_begins() -> None:
    sessions: list[Session] = []
    network = Network()
    factory = ClientFactory(URL, on_session=sessions.append, reactor=network.clock)
    for number in 1, 2:
        service, _ = joined(factory, network, RecordingBackend())
        service.flush()
        assert len(sessions) == number
    assert sessions[0] is not sessions[1]
    assert sessions[0].protocol_version == LEGACY_VERSIONS[-1]


def test_a_factory_has_the_session_of_each_protocol() -> None:
    network = Network()
    factory = ClientFactory(URL, reactor=network.clock)
    service, protocol = joined(factory, network, RecordingBackend())
    session = factory.session(protocol)
    service.flush()
    assert isinstance(result_of(session), Session)


@pytest.mark.parametrize("refused", [False, True], ids=["handshake", "beginning"])
def test_a_session_that_does_not_begin_is_logged(refused: bool, logged_errors: LoggedErrors) -> None:
    class Refusing(RecordingBackend):
        def open(self, link: Any) -> Deferred[Any]:
            return fail(McpwsError("not today"))

    network = Network()
    factory = ClientFactory(URL, on_session=print, reactor=network.clock, subprotocols=("mcp",) if refused else ("x",))
    service, _ = joined(factory, network, Refusing())
    service.flush()
    [event] = logged_errors.flush()
    assert event["url"] == URL
    assert isinstance(event["error"], ConnectionClosed if refused else HandshakeRefused)


def test_a_callback_that_raises_is_logged(logged_errors: LoggedErrors) -> None:
    def broken(session: Session) -> None:
        raise RuntimeError

    network = Network()
    service, _ = joined(ClientFactory(URL, on_session=broken, reactor=network.clock), network, RecordingBackend())
    service.flush()
    assert len(logged_errors.flush(RuntimeError)) == 1
