"""Where sessions come from: connections that are made, refused, given up, and factories of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from twisted.application.internet import ClientService
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionRefusedError, TimeoutError
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from zope.interface import implementer

from mcpws.client.factory import ClientFactory, connect
from mcpws.client.session import Session
from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import ConnectionState
from mcpws.errors import ConfigError, ConnectFailed, ConnectionClosed, HandshakeRefused, McpwsError
from mcpws.jsonrpc.messages import to_raw
from mcpws.mcp.versions import LEGACY_VERSIONS
from mcpws.testing import Network, RawServer, RecordingBackend, Served, result_of
from mcpws.testing.raw import CLOSE, TEXT
from mcpws.ws.target import Target
from tests.observing import MessageRecorder

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


class Lookups(MemoryReactorClock):
    """A reactor in memory, where nobody answers who asks for an address."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []
        self.nameResolver: Any = self

    def resolveHostName(self, receiver: Any, name: str, portNumber: int) -> None:
        self.asked.append(receiver)

    def answer(self) -> None:
        """Tell all that asked."""
        asked, self.asked = self.asked, []
        for receiver in asked:
            receiver.addressResolved(IPv4Address("TCP", "192.0.2.1", 80))
            receiver.resolutionComplete()


@pytest.mark.proves("H-33")
@pytest.mark.parametrize("url", ["ws://a.example", "wss://a.example"])
@pytest.mark.parametrize("late", [False, True])
def test_giving_up_while_the_host_is_looked_up_is_no_failure_to_find_it(url: str, late: bool) -> None:
    reactor = Lookups()
    connecting = connect(url, reactor=reactor)
    connecting.cancel()
    if late:
        reactor.answer()
    assert isinstance(failure_of(connecting), CancelledError)
    assert reactor.getDelayedCalls() == []
    assert reactor.tcpClients == []


@pytest.mark.proves("H-33")
@pytest.mark.parametrize("found", [False, True], ids=["looking up", "connecting"])
@pytest.mark.parametrize("timeout", [2, 600])
def test_to_look_the_host_up_and_to_connect_take_no_longer_than_the_timeout(found: bool, timeout: float) -> None:
    reactor = Lookups()
    connecting = connect("ws://a.example", reactor=reactor, config=WebSocketConfig(timeout_seconds=timeout))
    outcome: list[Failure] = []
    connecting.addErrback(outcome.append)
    reactor.advance(timeout / 2)
    if found:
        reactor.answer()
    reactor.pump([timeout / 4, timeout / 4 - 0.01])
    assert outcome == []
    reactor.advance(0.02)
    assert outcome[0].check(ConnectFailed)
    assert str(outcome[0].value) == f"cannot connect to ws://a.example: no connection within {timeout} s"
    reactor.answer()
    assert len(reactor.tcpClients) == found
    reactor.advance(timeout)
    assert reactor.getDelayedCalls() == []


def test_without_a_timeout_a_lookup_takes_as_long_as_it_takes() -> None:
    reactor = Lookups()
    connecting = connect("ws://a.example", reactor=reactor, config=WebSocketConfig(timeout_seconds=None))
    reactor.advance(100_000)
    assert not connecting.called
    connecting.cancel()
    assert isinstance(failure_of(connecting), CancelledError)


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


@pytest.mark.parametrize("timeout", [7, None])
def test_connect_finds_its_endpoint_and_reactor(timeout: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    reactor = MemoryReactorClock()
    asked: list[tuple[str, object, float | None]] = []

    @implementer(IStreamClientEndpoint)
    class Dead:
        def connect(self, factory: IProtocolFactory) -> Deferred[Any]:
            return fail(ConnectionRefusedError())

    def recording(target: Target, reactor: object, timeout: float | None) -> Dead:
        asked.append((target.url, reactor, timeout))
        return Dead()

    monkeypatch.setattr("mcpws.client.factory.endpoint_for", recording)
    config = WebSocketConfig(server_mode=False, timeout_seconds=timeout)
    assert isinstance(failure_of(connect(URL, reactor=reactor, config=config)), ConnectFailed)
    assert asked == [(URL, reactor, timeout)]


def test_one_target_serves_for_many_connections() -> None:
    backend = RecordingBackend()
    service = Served(backend)
    headers = ((name, "x") for name in ("Authorization", "X-Own"))
    target = Target(URL, headers, ("a", "mcp"), "http://127.0.0.1:8082", service.network.endpoint(service.server))
    sessions = []
    for _ in range(2):
        connecting = connect(target, reactor=service.clock)
        service.flush()
        sessions.append(result_of(connecting))
    for conversation in backend.conversations:
        identity = conversation.link.identity
        assert (identity.headers["authorization"], identity.headers["x-own"], identity.subprotocol) == ("x", "x", "mcp")
    assert "x" not in repr(target).replace(repr(URL), "")
    for session in sessions:
        session.close()
    service.flush()


def test_what_a_target_says_is_not_said_beside_it() -> None:
    target = Target(URL, {"Authorization": "secret"})
    for given in ({"headers": {"Authorization": "other"}}, {"origin": "null"}, {"subprotocols": ("a",)}):
        for make in (connect, ClientFactory):
            with pytest.raises(ConfigError) as error:
                make(target, reactor=Clock(), **given)
            assert error.value.key in given
            assert "other" not in str(error.value)


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


# ClientServices


class Running:
    """A ClientService that has connected, and its server, which only does what the test says."""

    def __init__(self, **settings: Any) -> None:
        self.network = Network()
        self.server = RawServer()
        self.sessions: list[Session] = []
        clock = self.network.clock
        config = WebSocketConfig(server_mode=False, **settings)
        factory = ClientFactory(URL, config, on_session=self.sessions.append, era="legacy", reactor=clock)
        endpoint = self.network.endpoint(Factory.forProtocol(lambda: self.server))
        self.service = ClientService(endpoint, factory, clock=clock)
        self.service.startService()
        self.network.flush()

    def open(self) -> None:
        """Accept the WebSocket."""
        self.server.accept()
        self.network.flush()

    def begin(self) -> Session:
        """Answer `initialize`."""
        self.open()
        [request] = self.server.take_messages()
        result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "a", "version": "1"}}
        self.server.send_message({"jsonrpc": "2.0", "id": request["id"], "result": result})
        self.network.flush()
        assert len(self.server.take_messages()) == 1
        return self.sessions[0]

    def stop(self) -> list[object]:
        """What the Deferred of `stopService` fires with, so far none or one."""
        stopped: list[object] = []
        self.service.stopService().addCallback(stopped.append)
        self.network.flush()
        return stopped

    def answer_close(self) -> None:
        """Take the Close frame, answer it, and hang up."""
        [frame] = [frame for frame in self.server.take_frames() if frame.opcode == CLOSE]
        assert frame.payload == b"\x03\xe8"
        self.server.send_frame(CLOSE, frame.payload)
        self.server.wire.loseConnection()
        self.network.flush()

    def assert_nothing_is_left(self) -> None:
        assert self.server.is_gone()
        self.network.advance(100)
        assert self.network.clock.getDelayedCalls() == []


@pytest.mark.proves("K-17")
def test_a_service_that_stops_closes_its_websocket() -> None:
    running = Running()
    session = running.begin()
    stopped = running.stop()
    assert stopped == []
    running.answer_close()
    assert stopped == [None]
    assert str(result_of(session.when_lost())) == "connection closed with 1000"
    running.assert_nothing_is_left()


def test_a_service_that_stops_in_the_handshake_drops_the_connection() -> None:
    running = Running()
    assert running.stop() == [None]
    assert running.sessions == []
    running.assert_nothing_is_left()


def test_a_service_that_stops_while_its_session_begins_closes_the_websocket() -> None:
    running = Running()
    running.open()
    stopped = running.stop()
    running.answer_close()
    assert stopped == [None]
    assert running.sessions == []
    running.assert_nothing_is_left()


def test_a_service_that_stops_while_nothing_is_read_hears_the_answer_to_its_close() -> None:
    running = Running()
    running.begin()._connection.pause_reading()
    running.server.send_frame(TEXT, to_raw("x"))
    running.network.flush()
    stopped = running.stop()
    running.answer_close()
    assert stopped == [None]
    running.assert_nothing_is_left()


def test_what_waits_for_a_slow_server_goes_out_before_the_close() -> None:
    running = Running()
    session = running.begin()
    running.server.wire.pauseProducing()
    session.notify("a", {"b": "x" * 1_000_000})
    stopped = running.stop()
    assert session.statistics().queued_bytes > 0
    running.server.wire.resumeProducing()
    running.network.flush()
    running.answer_close()
    assert stopped == [None]
    running.assert_nothing_is_left()


@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize("heartbeat", [30, 0])
def test_a_service_that_stops_waits_a_while_for_the_server(reads: bool, heartbeat: float) -> None:
    running = Running(close_timeout=3, heartbeat_interval=heartbeat)
    session = running.begin()
    if not reads:
        running.server.wire.pauseProducing()
        session.notify("a", {"b": "x" * 1_000_000})
    stopped = running.stop()
    running.network.advance(2)
    assert stopped == []
    running.network.advance(3)
    assert stopped == [None]
    running.server.wire.resumeProducing()
    running.network.flush()
    running.assert_nothing_is_left()


def test_a_service_that_was_stopped_may_start_again() -> None:
    running = Running()
    running.begin()
    stopped = running.stop()
    running.service.startService()
    running.server, first = RawServer(), running.server
    first.send_frame(CLOSE, b"\x03\xe8")
    first.wire.loseConnection()
    running.network.flush()
    assert stopped == [None]
    assert running.begin() is running.sessions[0] is not running.sessions[1]
    stopped = running.stop()
    running.answer_close()
    assert stopped == [None]


def test_to_close_the_transport_of_a_protocol_closes_the_websocket() -> None:
    running = Running()
    session = running.begin()
    protocol = result_of(running.service.whenConnected())
    transport: Any = protocol.transport  # type: ignore[attr-defined]
    transport.loseConnection()
    transport.loseConnection()
    running.network.flush()
    running.answer_close()
    assert str(result_of(session.when_lost())) == "connection closed with 1000"
    running.service.stopService()
    running.assert_nothing_is_left()


@pytest.mark.parametrize("refused", [True, False], ids=["handshake", "beginning"])
def test_what_fails_though_nobody_asked_is_logged_and_may_still_be_asked_for(
    refused: bool, logged_errors: LoggedErrors
) -> None:
    network, servers = Network(), [RawServer(), RawServer()]
    remaining = iter(servers)
    factory = ClientFactory(URL, era="legacy", reactor=network.clock)
    endpoint = network.endpoint(Factory.forProtocol(remaining.__next__))
    service = ClientService(endpoint, factory, clock=network.clock, retryPolicy=lambda attempt: 1)
    service.startService()
    for server in servers:
        network.advance(1)
        protocol = result_of(service.whenConnected())
        if refused:
            server.send(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        else:
            server.accept()
            network.flush()
            server.wire.abortConnection()
        network.flush()
        [event] = logged_errors.flush()
        assert event["url"] == URL
        assert isinstance(event["error"], HandshakeRefused if refused else ConnectionClosed)
        if refused:
            assert isinstance(failure_of(factory.session(protocol)), HandshakeRefused)
    service.stopService()
    network.flush()
    assert network.clock.getDelayedCalls() == []


# Contexts


def test_a_connection_that_is_being_made_is_a_context_of_its_session() -> None:
    served = Served(RecordingBackend())
    endpoint = served.network.endpoint(served.server)
    sessions: list[Session] = []

    async def work() -> str:
        async with connect(URL, reactor=served.clock, endpoint=endpoint) as session:
            sessions.append(session)
            return session.protocol_version

    working = Deferred.fromCoroutine(work())
    served.flush()
    assert result_of(working) == LEGACY_VERSIONS[-1]
    [session] = sessions
    assert session.state is ConnectionState.DISCONNECTED
    assert served.server.connections == ()


def test_a_context_that_is_not_reached_fails_as_the_connection_does() -> None:
    network, server = Network(), RawServer()
    endpoint = network.endpoint(Factory.forProtocol(lambda: server))

    async def work() -> None:
        async with connect(URL, reactor=network.clock, endpoint=endpoint):
            raise AssertionError

    working = Deferred.fromCoroutine(work())
    network.flush()
    server.wire.abortConnection()
    network.flush()
    assert isinstance(failure_of(working), ConnectFailed | ConnectionClosed)


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), "5"])
def test_a_time_for_answers_that_is_none_is_refused(timeout: Any) -> None:
    with pytest.raises(ConfigError, match="timeout: must be a number of seconds above 0, or None"):
        ClientFactory(URL, timeout=timeout)


def test_an_observer_is_told_of_sessions() -> None:
    recorder = MessageRecorder()
    served = Served(RecordingBackend())
    session = served.connect(era="legacy", observer=recorder)
    closed = session.close()
    served.flush()
    result_of(closed)
    assert [party.kind for party in recorder.parties] == ["server"]
    assert [getattr(one, "method", None) for one in recorder.went] == ["initialize", "notifications/initialized"]
    assert len(recorder.came) == 1
    assert [(one.code, one.by) for one in recorder.closings] == [(1000, "us")]
