"""A client's session: against the real server where it behaves, against bytes where it does not."""

from collections.abc import Callable
from typing import Any, Protocol, cast

import msgspec
import pytest
from msgspec import Raw
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.error import ConnectionRefusedError, TimeoutError
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from zope.interface import implementer

from mcpws.client.session import NO_TIMEOUT, ClientFactory, ClientIdentity, Session, connect, endpoint_for
from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import LEGACY_VERSIONS, ConnectionState
from mcpws.core.messages import Notification, Request, to_raw
from mcpws.core.peer import Progress
from mcpws.errors import (
    ConfigError,
    ConnectFailed,
    ConnectionClosed,
    HandshakeRefused,
    InvalidParams,
    MalformedResult,
    McpwsError,
    QueueFull,
    RemoteError,
    RequestTimeout,
    RpcError,
    UnsupportedVersion,
)
from mcpws.testing import Network, RawServer, RecordedConversation, RecordingBackend, Served, connected, result_of
from mcpws.version import __version__

URL = "ws://127.0.0.1:8082"
MIB = 1024 * 1024


class LoggedErrors(Protocol):
    """The fixture `logged_errors`."""

    def flush(self, *types: type[BaseException]) -> list[dict[str, Any]]: ...


class Rig:
    """A session with the real server; the test is the backend."""

    def __init__(self, client_config: WebSocketConfig | None = None, **client: Any) -> None:
        self.backend = RecordingBackend()
        self.pair = connected(self.backend, client_config=client_config, **client)
        self.session = self.pair.session
        self.flush = self.pair.flush
        self.advance = self.pair.advance

    @property
    def conversation(self) -> RecordedConversation:
        return self.backend.conversations[0]

    def asked(self) -> Request:
        """The last request that the server got."""
        self.flush()
        return self.conversation.requests[-1]

    def answer(self, result: Any, request: Request | None = None) -> None:
        self.conversation.answer(request or self.asked(), result)
        self.flush()

    def told(self) -> list[Notification]:
        """The notifications that the server got."""
        self.flush()
        return [message for message in self.conversation.received if type(message) is Notification]

    def ask(self, method: str, params: object = None) -> Any:
        """Have the server ask the client; returns the client's answer."""
        before = len(self.conversation.received)
        self.conversation.link.send(Request("ask", method, None if params is None else to_raw(params)))
        self.flush()
        answers = self.conversation.received[before:]
        return msgspec.json.decode(answers[0].data) if answers else None  # type: ignore[arg-type]

    def tell(self, method: str, params: object = None) -> None:
        """Have the server tell the client."""
        self.conversation.link.send(Notification(method, None if params is None else to_raw(params)))
        self.flush()

    def vanish(self) -> None:
        """Take the server away."""
        self.pair.server.connections[0].abort()
        self.flush()


class RawRig:
    """A client whose server is the test, in bytes; the handshake is done."""

    def __init__(self, **arguments: Any) -> None:
        self.network = Network()
        self.server = RawServer()
        endpoint = self.network.endpoint(Factory.forProtocol(lambda: self.server))
        self.connecting = connect(URL, reactor=self.network.clock, endpoint=endpoint, **arguments)
        self.network.flush()
        self.server.accept()
        self.network.flush()

    def answer(self, result: object, key: str = "result") -> None:
        [request] = self.server.take_messages()
        self.server.send_message({"jsonrpc": "2.0", "id": request["id"], key: result})
        self.network.flush()


def failure_of(deferred: Deferred[Any]) -> BaseException:
    with pytest.raises(Exception) as error:  # noqa: PT011
        result_of(deferred)
    return error.value


# The beginning


def test_a_session_begins_with_initialize_and_knows_the_server() -> None:
    rig = RawRig(
        requests={"roots/list": lambda params: {}, "own/method": lambda params: {}},
        identity=ClientIdentity("tester", "1.2", {"experimental": {"x": {}}}),
    )
    [request] = rig.server.take_messages()
    assert (request["method"], request["params"]) == (
        "initialize",
        {
            "protocolVersion": LEGACY_VERSIONS[-1],
            "capabilities": {"roots": {}, "experimental": {"x": {}}},
            "clientInfo": {"name": "tester", "version": "1.2"},
        },
    )
    result = {
        "protocolVersion": "2025-03-26",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "s", "version": "1"},
        "instructions": "be kind",
        "unknown": 1,
    }
    rig.server.send_message({"jsonrpc": "2.0", "id": request["id"], "result": result})
    rig.network.flush()
    session = result_of(rig.connecting)
    assert session.protocol_version == "2025-03-26"
    assert session.server_info == {"name": "s", "version": "1"}
    assert session.server_capabilities == {"tools": {}}
    assert session.instructions == "be kind"
    assert session.state is ConnectionState.CONNECTED
    assert rig.server.take_messages() == [{"jsonrpc": "2.0", "method": "notifications/initialized"}]


def test_a_client_calls_itself_mcpws_by_default() -> None:
    [request] = RawRig().server.take_messages()
    assert request["params"]["clientInfo"] == {"name": "mcpws", "version": __version__}
    assert request["params"]["capabilities"] == {}


@pytest.mark.parametrize(
    ("result", "key", "error"),
    [
        ({"protocolVersion": "1999-01-01", "capabilities": {}, "serverInfo": {}}, "result", UnsupportedVersion),
        ({"protocolVersion": 1}, "result", MalformedResult),
        ({"code": -32602, "message": "no"}, "error", RemoteError),
    ],
)
def test_a_server_that_does_not_initialize_is_closed(result: object, key: str, error: type[Exception]) -> None:
    rig = RawRig()
    rig.answer(result, key)
    assert isinstance(failure_of(rig.connecting), error)
    assert rig.server.take_frames()[-1].payload == b"\x03\xe8"
    rig.network.advance(10)
    assert rig.server.is_gone()
    assert rig.network.clock.getDelayedCalls() == []


def test_a_server_that_does_not_answer_initialize_is_given_up() -> None:
    rig = RawRig(config=WebSocketConfig(timeout_seconds=7))
    rig.network.advance(8)
    assert str(failure_of(rig.connecting)) == "initialize: no answer within 7 s"
    # MCP does not let initialize be cancelled: the connection goes without a word.
    assert [message.get("method") for message in rig.server.take_messages()] == ["initialize"]


def test_a_server_that_goes_during_initialize_is_told() -> None:
    rig = RawRig()
    rig.server.wire.abortConnection()
    rig.network.flush()
    assert isinstance(failure_of(rig.connecting), ConnectionClosed)


@pytest.mark.parametrize("steps", [0, 1, 2], ids=["connecting", "handshaking", "initializing"])
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


# Requests


def test_a_request_is_answered_with_its_result() -> None:
    rig = Rig()
    asked = rig.session.request("tools/call", {"name": "add"})
    assert rig.session.in_flight == 1
    request = rig.asked()
    assert (request.method, request.params) == ("tools/call", Raw(b'{"name":"add"}'))
    rig.answer({"sum": 3})
    assert result_of(asked) == {"sum": 3}
    assert rig.session.in_flight == 0


def test_a_result_is_decoded_as_the_type_that_is_wanted() -> None:
    class Sum(msgspec.Struct):
        sum: int

    rig = Rig()
    asked, other = rig.session.request("a", type=Sum), rig.session.request("b", type=Sum)
    rig.flush()
    first, second = rig.conversation.requests
    rig.answer({"sum": 3}, first)
    rig.answer({"sum": "three"}, second)
    assert result_of(asked) == Sum(3)
    assert isinstance(failure_of(other), MalformedResult)


def test_an_error_of_the_server_is_a_remote_error() -> None:
    rig = Rig()
    asked = rig.session.request("a")
    rig.answer(RpcError("not today", {"until": "tomorrow"}, code=42))
    failed = failure_of(asked)
    assert isinstance(failed, RemoteError)
    assert (failed.code, failed.message, failed.data) == (42, "not today", {"until": "tomorrow"})


def test_progress_comes_before_the_answer_and_never_after() -> None:
    reports: list[Progress] = []
    rig = Rig()
    asked = rig.session.request("a", on_progress=reports.append)
    request = rig.asked()
    for done in 1, 2:
        rig.tell("notifications/progress", {"progressToken": request.id, "progress": done, "total": 2})
    rig.answer("done", request)
    rig.tell("notifications/progress", {"progressToken": request.id, "progress": 3})
    rig.advance(1)
    rig.tell("notifications/progress", {"progressToken": request.id, "progress": 4})
    assert result_of(asked) == "done"
    assert reports[:2] == [Progress(1, 2), Progress(2, 2)]
    assert Progress(4) not in reports


def test_a_request_that_takes_too_long_is_cancelled_and_its_late_answer_dropped() -> None:
    rig = Rig()
    asked = rig.session.request("a", timeout=5)
    request = rig.asked()
    rig.advance(5)
    assert isinstance(failure_of(asked), RequestTimeout)
    [cancelled] = rig.told()
    assert cancelled.method == "notifications/cancelled"
    assert msgspec.json.decode(cancelled.params or b"")["requestId"] == request.id
    rig.answer("late", request)
    assert rig.session.in_flight == 0


def test_an_answer_in_time_leaves_no_timer() -> None:
    rig = Rig()
    timers = len(rig.pair.clock.getDelayedCalls())
    asked = rig.session.request("a", timeout=5)
    rig.answer(1)
    assert result_of(asked) == 1
    assert len(rig.pair.clock.getDelayedCalls()) == timers


def test_cancelling_the_deferred_cancels_the_request() -> None:
    rig = Rig()
    asked = rig.session.request("a")
    request = rig.asked()
    asked.cancel()
    assert isinstance(failure_of(asked), CancelledError)
    [cancelled] = rig.told()
    assert msgspec.json.decode(cancelled.params or b"") == {"requestId": request.id, "reason": "cancelled"}


def test_notifications_reach_the_server() -> None:
    rig = Rig()
    rig.session.notify("notifications/roots/list_changed")
    rig.session.notify("own", {"a": 1})
    assert [(told.method, told.params) for told in rig.told()] == [
        ("notifications/roots/list_changed", None),
        ("own", Raw(b'{"a":1}')),
    ]


def test_what_is_no_json_is_not_sent() -> None:
    rig = Rig()
    assert isinstance(failure_of(rig.session.request("a", {"what": object()})), TypeError)
    with pytest.raises(TypeError):
        rig.session.notify("a", {"what": object()})
    assert rig.session.in_flight == 0


def test_a_server_that_reads_too_slowly_fails_requests_at_once() -> None:
    rig = Rig(WebSocketConfig(server_mode=False, max_queued_bytes=MIB))
    rig.pair.server.connections[0].pause_reading()
    waiting = [rig.session.request("a", {"x": "x" * 100_000}) for _ in range(12)]
    full = failure_of(rig.session.request("a"))
    assert isinstance(full, QueueFull)
    assert full.limit == MIB
    rig.pair.server.connections[0].resume_reading()
    rig.flush()
    asked = rig.session.request("b")
    rig.answer("at last")
    assert result_of(asked) == "at last"
    assert not any(one.called for one in waiting)
    rig.vanish()
    assert {type(failure_of(one)) for one in waiting} == {ConnectionClosed}


# What the server asks and tells


def test_a_ping_is_answered() -> None:
    assert Rig().ask("ping") == {"jsonrpc": "2.0", "id": "ask", "result": {}}


def later(params: dict[str, Any]) -> Deferred[Any]:
    deferred: Deferred[Any] = Deferred()
    deferred.callback(params)
    return deferred


async def coroutine(params: dict[str, Any]) -> Any:
    return await later(params)


@pytest.mark.parametrize("function", [lambda params: params, later, coroutine], ids=["plain", "Deferred", "coroutine"])
@pytest.mark.parametrize("params", [None, {"a": 1}])
def test_a_request_of_the_server_is_answered_by_a_function(
    function: Callable[[dict[str, Any]], object], params: object
) -> None:
    rig = Rig(requests={"roots/list": function})
    assert rig.ask("roots/list", params) == {"jsonrpc": "2.0", "id": "ask", "result": params or {}}


def test_a_request_that_nobody_registered_for_is_no_method() -> None:
    assert Rig().ask("roots/list")["error"] == {
        "code": -32601,
        "message": "Method not found: roots/list",
        "data": {"method": "roots/list"},
    }


def refusing(params: dict[str, Any]) -> object:
    raise InvalidParams("not this", {"path": "$.params"})


@pytest.mark.parametrize("params", [[1], {"a": None}])
def test_a_function_may_refuse_with_an_error_of_its_own(params: object) -> None:
    assert Rig(requests={"a": refusing}).ask("a", params)["error"]["code"] == -32602


@pytest.mark.parametrize("params", [b"[1]", b'{"a":1e999}'])
def test_parameters_that_cannot_be_read_are_refused(params: bytes) -> None:
    rig = Rig(requests={"a": lambda params: params})
    assert rig.ask("a", Raw(params))["error"]["code"] == -32602


def test_a_function_that_fails_tells_the_server_no_details(logged_errors: LoggedErrors) -> None:
    def broken(params: dict[str, Any]) -> object:
        raise RuntimeError("secret")

    error = Rig(requests={"a": broken}).ask("a")["error"]
    [event] = logged_errors.flush(RuntimeError)
    assert error == {"code": -32603, "message": "Internal error", "data": {"reference": event["reference"]}}


def test_what_the_server_cancels_is_cancelled() -> None:
    work: Deferred[Any] = Deferred()
    rig = Rig(requests={"a": lambda params: work})
    assert rig.ask("a") is None
    rig.tell("notifications/cancelled", {"requestId": "ask"})
    assert work.called
    assert rig.conversation.received == []


def test_notifications_of_the_server_reach_their_functions(logged_errors: LoggedErrors) -> None:
    heard: list[dict[str, Any]] = []

    def broken(params: dict[str, Any]) -> None:
        raise RuntimeError

    rig = Rig(notifications={"notifications/message": heard.append, "broken": broken})
    rig.tell("notifications/message", {"level": "info"})
    rig.tell("notifications/unheard-of")
    rig.tell("broken")
    assert len(logged_errors.flush(RuntimeError)) == 1
    rig.tell("notifications/message")
    assert heard == [{"level": "info"}, {}]


# The end


def test_close_ends_the_session_and_fails_what_is_pending() -> None:
    rig = Rig()
    pending = rig.session.request("a")
    closed = rig.session.close()
    assert not closed.called
    rig.flush()
    assert result_of(closed) is None
    assert str(failure_of(pending)) == "connection closed with 1000"
    assert rig.session.state is ConnectionState.DISCONNECTED
    assert result_of(rig.session.close()) is None
    assert rig.conversation.closed == "closed with 1000"


def test_close_does_not_wait_for_ever_for_the_server() -> None:
    rig = Rig(WebSocketConfig(server_mode=False, close_timeout=3))
    rig.pair.server.connections[0].pause_reading()
    closed = rig.session.close()
    rig.advance(5)
    assert result_of(closed) is None


def test_everybody_who_asks_hears_of_the_loss() -> None:
    rig = Rig()
    pending = rig.session.request("a", timeout=100)
    waiting = [rig.session.when_lost() for _ in range(3)]
    waiting[0].addErrback(lambda failure: failure.trap(CancelledError) and None)
    waiting[0].cancel()
    rig.vanish()
    reasons = [result_of(one) for one in waiting[1:]]
    assert [cast(ConnectionClosed, reason).code for reason in reasons] == [1006, 1006]
    assert failure_of(pending) is reasons[0]
    assert result_of(rig.session.when_lost()) is reasons[0]
    assert rig.pair.clock.getDelayedCalls() == []


def test_after_the_loss_requests_fail_and_notifications_go_nowhere() -> None:
    rig = Rig()
    rig.vanish()
    assert isinstance(failure_of(rig.session.request("a")), ConnectionClosed)
    rig.session.notify("a")


def test_a_server_that_stops_says_so() -> None:
    rig = Rig()
    lost = rig.session.when_lost()
    rig.pair.server.stop()
    rig.flush()
    assert str(result_of(lost)) == "connection closed with 1001: the service is shutting down"


def test_statistics_are_those_of_the_connection() -> None:
    rig = Rig()
    asked = rig.session.request("a", {"b": 1})
    rig.flush()
    statistics = rig.session.statistics()
    assert statistics.in_flight == 1
    assert statistics.state is ConnectionState.CONNECTED
    assert (statistics.messages_sent, statistics.messages_received) == (3, 1)
    assert statistics.bytes_received == rig.pair.server.statistics().bytes_sent
    assert statistics.bytes_sent == rig.pair.server.statistics().bytes_received
    asked.addErrback(lambda failure: None)
    rig.vanish()


# Factories and endpoints of one's own


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


@pytest.mark.parametrize("refused", [False, True], ids=["handshake", "initialize"])
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


@pytest.mark.parametrize(
    ("url", "leads_to"),
    [
        ("ws://example.com", "example.com:80"),
        ("wss://example.com/mcp", "example.com:443"),
        ("ws://[::1]:8082", "[::1]:8082"),
        ("WS://Example.com:9", "example.com:9"),
    ],
)
def test_an_endpoint_leads_where_the_url_says(url: str, leads_to: str) -> None:
    endpoint = endpoint_for(url, MemoryReactorClock())
    assert repr(getattr(endpoint, "_wrappedEndpoint", endpoint)) == f"<HostnameEndpoint {leads_to}>"


@pytest.mark.parametrize("url", ["http://example.com", "example.com", "ws://", ""])
def test_an_endpoint_needs_a_websocket_url(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        endpoint_for(url, MemoryReactorClock())
    assert error.value.key == "url"


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

    monkeypatch.setattr("mcpws.client.session.endpoint_for", recording)
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
