"""The factory: who is connected, what backends may do to that, statistics, broadcast, drain and stop."""

import gc
import struct
import sys
import tracemalloc
from typing import Any, Protocol

import pytest
from autobahn.twisted.websocket import WebSocketClientProtocol, WebSocketServerProtocol
from twisted.internet.defer import Deferred, fail, succeed

from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import ConnectionState
from mcpws.errors import BackendLost, ConfigError, ConnectFailed
from mcpws.jsonrpc.messages import Message, Notification, to_raw
from mcpws.policy.stats import ServerStatistics
from mcpws.seam.interfaces import Channel, Link
from mcpws.testing import Frame, RawClient, RecordedConversation, RecordingBackend, Served, connected, result_of
from mcpws.testing.raw import CLOSE, CONTINUATION, PING, TEXT
from mcpws.ws.autobahn import AutobahnEnd
from mcpws.ws.server import ServerFactory, ServerProtocol

pytestmark = pytest.mark.not_mcp("what is said stands for any payload")


MIB = 1024 * 1024


class LoggedErrors(Protocol):
    """The fixture `logged_errors`."""

    def flush(self, *types: type[BaseException]) -> list[object]: ...


def call(id: object, method: str = "tools/call", **params: object) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def served(backend: RecordingBackend | None = None, **settings: Any) -> Served:
    return Served(backend or RecordingBackend(), config=WebSocketConfig(**settings))


def initialised(service: Served) -> RawClient:
    client = service.upgraded()
    client.send_message(call("start", "initialize"))
    service.flush()
    assert [answer["id"] for answer in client.take_messages()] == ["start"]
    return client


def say(service: Served, client: RawClient, *messages: object) -> None:
    for message in messages:
        client.send_message(message)
    service.flush()


def closing(frame: Frame) -> tuple[int, str]:
    assert frame.opcode == CLOSE
    return struct.unpack("!H", frame.payload[:2])[0], frame.payload[2:].decode()


def answer_close(service: Served, client: RawClient) -> None:
    client.send_frame(CLOSE, struct.pack("!H", 1001))
    service.flush()
    assert client.is_gone()


# Backends that begin badly


class Opening(RecordingBackend):
    """Its conversations begin when the test says so, or as it says."""

    def __init__(self, outcome: object = None) -> None:
        super().__init__()
        self.outcome = outcome
        self.pending: list[Deferred[Channel]] = []
        self.cancelled = 0

    def open(self, link: Link) -> Deferred[Channel]:
        if isinstance(self.outcome, Exception):
            return fail(self.outcome)
        super().open(link)
        self.pending.append(Deferred(self._cancel))
        return self.pending[-1]

    def begin(self) -> None:
        self.pending[-1].callback(self.conversations[-1])

    def _cancel(self, _: object) -> None:
        self.cancelled += 1


class Raising(RecordingBackend):
    def open(self, link: Link) -> Deferred[Channel]:
        raise RuntimeError("a defect")


@pytest.mark.proves("G-5", "K-8")
@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (BackendLost("There is no program x"), "There is no program x"),
        (ConnectFailed("ws://a", "refused"), "the backend is gone"),
    ],
)
def test_a_conversation_that_cannot_begin_is_closed_with_a_reason_for_the_client(error: Exception, reason: str) -> None:
    service = served(Opening(error))
    client = service.upgraded()
    assert [closing(frame) for frame in client.take_frames()] == [(1011, reason)]


@pytest.mark.proves("E-14", "G-5")
@pytest.mark.parametrize("backend", [Opening(RuntimeError("a defect")), Raising()], ids=["fails", "raises"])
def test_a_backend_with_a_defect_is_logged_and_the_client_told_no_details(
    backend: RecordingBackend, logged_errors: LoggedErrors
) -> None:
    service = served(backend)
    client = service.upgraded()
    assert [closing(frame) for frame in client.take_frames()] == [
        (1011, "The backend could not begin the conversation")
    ]
    assert len(logged_errors.flush(RuntimeError)) == 1


def test_a_client_is_not_read_until_its_backend_is_ready() -> None:
    backend = Opening()
    service = served(backend)
    client = service.upgraded()
    say(service, client, call(1, "initialize"), call(2, "ping"))
    assert backend.conversations[0].received == []
    backend.begin()
    service.flush()
    assert [request.id for request in backend.conversations[0].requests] == [2]
    assert [answer["id"] for answer in client.take_messages()] == [1]


def test_a_backend_that_is_not_ready_is_cancelled_when_its_client_goes() -> None:
    backend = Opening()
    service = served(backend)
    client = service.upgraded()
    # A socket that is not read does not tell, but a Ping that cannot be written does.
    client.wire.abortConnection()
    service.advance(31)
    assert backend.cancelled == 1
    assert service.server.connections == ()


def test_a_channel_that_comes_too_late_is_closed_at_once() -> None:
    class Stubborn(Opening):
        def _cancel(self, deferred: Any) -> None:
            deferred.callback(self.conversations[-1])

    backend = Stubborn()
    service = served(backend)
    service.upgraded()
    service.server.connections[0].abort()
    service.flush()
    assert backend.conversations[0].closed == "the client is gone"


class Receiving(RecordingBackend):
    """Raises when it receives anything, which no backend may."""

    def open(self, link: Link) -> Deferred[Channel]:
        class Conversation(RecordedConversation):
            def receive(self, message: Message) -> None:
                raise RuntimeError("a defect")

        self.conversations.append(Conversation(link, initialize=False))
        return succeed(self.conversations[-1])


@pytest.mark.parametrize("behind", [False, True], ids=["later", "right behind the handshake"])
def test_a_backend_that_raises_loses_its_own_client_only(behind: bool, logged_errors: LoggedErrors) -> None:
    service = served(Receiving())
    bystander = service.upgraded()
    client = service.raw()
    client.handshake()
    if not behind:
        service.flush()
    client.send_message(call(1, "initialize"))
    service.flush()
    assert client.is_gone()
    client.take_head()
    assert client.received == b""
    assert len(logged_errors.flush(RuntimeError)) == 1
    assert not bystander.is_gone()
    assert service.server.statistics().connections_refused == 0


# Initialize


@pytest.mark.proves("L-10", "V-6")
def test_a_client_that_does_not_initialize_in_time_is_closed() -> None:
    service = served(initialize_timeout=20)
    silent, pinging, other = service.upgraded(), service.upgraded(), initialised(service)
    say(service, pinging, call(1, "ping"))
    service.advance(22)
    for client in silent, pinging:
        assert closing(client.take_frames()[-1]) == (4408, "no initialize within 20 s")
        answer_close(service, client)
    assert [frame.opcode for frame in other.take_frames()] == []


@pytest.mark.proves("V-6")
def test_a_client_may_take_for_ever_to_initialize() -> None:
    service = served(initialize_timeout=None, heartbeat_interval=0, heartbeat_timeout=0)
    client = service.upgraded()
    service.advance(300)
    assert client.take_frames() == []


@pytest.mark.proves("V-6")
def test_a_client_that_is_not_read_yet_is_not_late() -> None:
    backend = Opening()
    service = served(backend, initialize_timeout=20, heartbeat_interval=0)
    client = service.upgraded()
    say(service, client, call(1, "initialize"))
    service.advance(30)
    backend.begin()
    service.advance(30)
    assert [answer["id"] for answer in client.take_messages()] == [1]


@pytest.mark.proves("V-6")
def test_a_client_of_the_stateless_era_is_not_late() -> None:
    service = served(initialize_timeout=20)
    client = service.upgraded()
    say(service, client, call(1, _meta={"io.modelcontextprotocol/protocolVersion": "2026-07-28"}))
    service.advance(60)
    assert {frame.opcode for frame in client.take_frames()} == {PING}


# Statistics


def test_statistics_count_what_passes() -> None:
    backend = RecordingBackend()
    service = served(backend)
    client = initialised(service)
    say(service, client, call(1), call(1), "?", call(2))
    backend.conversations[0].answer(backend.conversations[0].requests[0], "four")
    backend.conversations[0].answer(backend.conversations[0].requests[0], "late")
    service.clock.advance(5)
    [one] = service.server.connections
    assert one.statistics(service.clock.seconds()).peer == "tcp4:127.0.0.1:50000"
    statistics = service.server.statistics()
    assert statistics.active_connections == statistics.connections_total == 1
    assert statistics.connections[0].id == one.id
    assert statistics.connections[0].state is ConnectionState.CONNECTED
    assert statistics.connections[0].idle == 5
    assert statistics.uptime == 5
    assert statistics.messages_received == 5
    assert statistics.messages_sent == 4
    assert statistics.errors == 2
    assert statistics.bad_messages == 1
    assert statistics.dropped == 1
    assert statistics.in_flight == 1
    assert statistics.bytes_received == sum(
        len(to_raw(message)) for message in (call("start", "initialize"), call(1), call(1), "?", call(2))
    )
    service.flush()
    assert statistics.bytes_sent > sum(len(frame.payload) for frame in client.take_frames())


def test_what_the_backend_has_counted_is_among_the_statistics() -> None:
    class Cafe(RecordingBackend):
        cups = 3

        def counted(self) -> dict[str, int]:
            return {"cafe.cups": self.cups}

    assert served(RecordingBackend()).server.statistics().backend == {}
    backend = Cafe()
    service = served(backend)
    before = service.server.statistics()
    backend.cups = 4
    assert before.backend == {"cafe.cups": 3}
    assert service.server.statistics().backend == {"cafe.cups": 4}


def test_totals_never_fall() -> None:
    backend = RecordingBackend()
    service = served(backend)

    def totals(statistics: ServerStatistics) -> list[int]:
        return [
            statistics.connections_total,
            statistics.messages_received,
            statistics.messages_sent,
            statistics.bytes_received,
            statistics.bytes_sent,
            statistics.errors,
            statistics.bad_messages,
            statistics.dropped,
        ]

    before = totals(service.server.statistics())
    assert before == [0] * len(before)
    for _ in range(3):
        client = initialised(service)
        say(service, client, call(1), "?", {"jsonrpc": "2.0", "id": "unknown", "result": {}})
        open_now = totals(service.server.statistics())
        assert all(one > other for one, other in zip(open_now, before, strict=True))
        client.wire.loseConnection()
        service.flush()
        before = totals(service.server.statistics())
        assert before == open_now
    assert service.server.statistics().active_connections == 0


# The next connection


@pytest.mark.proves("G-2")
def test_a_new_connection_begins_anew() -> None:
    backend = RecordingBackend()
    service = served(backend)
    first = initialised(service)
    say(service, first, call(1))
    first.wire.loseConnection()
    service.flush()
    assert backend.conversations[0].closed == "closed with 1006"
    second = service.upgraded()
    say(service, second, call(1))
    assert [answer["error"]["code"] for answer in second.take_messages()] == [-32602]
    backend.conversations[0].answer(backend.conversations[0].requests[0], "late")
    service.flush()
    assert second.take_messages() == []


# Broadcast


def test_a_broadcast_goes_to_every_initialised_client() -> None:
    service = served()
    first, second, other = initialised(service), initialised(service), service.upgraded()
    handshaking = service.raw()
    assert service.server.broadcast("notifications/tools/list_changed") == 2
    assert service.server.broadcast("notifications/message", {"level": "info", "data": "all"}) == 2
    service.flush()
    for client in first, second:
        assert client.take_messages() == [
            {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"},
            {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "all"}},
        ]
    assert other.take_messages() == []
    assert handshaking.received == b""


def test_a_broadcast_refuses_what_is_no_json() -> None:
    with pytest.raises(TypeError):
        served().server.broadcast("notifications/message", {"what": object()})


# Drain and stop


def test_a_drain_with_nobody_connected_is_done_at_once() -> None:
    assert result_of(served().server.drain()) is None


@pytest.mark.proves("D-1", "D-2", "E-12", "K-2")
def test_a_drain_waits_for_what_is_in_flight_and_refuses_what_is_new() -> None:
    backend = RecordingBackend()
    service = served(backend)
    idle, busy = initialised(service), initialised(service)
    say(service, busy, call(1))
    drained = service.server.drain()
    service.flush()
    assert [closing(frame) for frame in idle.take_frames()] == [(1001, "the service is shutting down")]
    answer_close(service, idle)
    say(service, busy, call(2))
    assert [(answer["id"], answer["error"]["code"]) for answer in busy.take_messages()] == [(2, 503)]
    backend.conversations[1].answer(backend.conversations[1].requests[0], "done")
    service.flush()
    answer, close = busy.take_frames()
    assert answer == (TEXT, b'{"jsonrpc":"2.0","id":1,"result":"done"}', True)
    assert closing(close)[0] == 1001
    assert not drained.called
    answer_close(service, busy)
    assert result_of(drained) is None


@pytest.mark.proves("D-2")
def test_a_drain_does_not_wait_for_what_the_client_cancels() -> None:
    service = served()
    client = initialised(service)
    say(service, client, call(1))
    service.server.drain()
    say(service, client, {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    assert [closing(frame)[0] for frame in client.take_frames()] == [1001]
    answer_close(service, client)


@pytest.mark.proves("D-3", "L-12")
def test_a_drain_answers_what_takes_too_long_with_an_error() -> None:
    backend = RecordingBackend()
    service = served(backend, drain_seconds=5)
    client = initialised(service)
    say(service, client, call(1))
    drained = service.server.drain()
    service.advance(4)
    assert client.take_frames() == []
    service.advance(1)
    error, close = client.take_frames()
    assert b'"id":1,"error":{"code":503' in error.payload
    assert closing(close)[0] == 1001
    answer_close(service, client)
    assert result_of(drained) is None
    assert backend.conversations[0].closed == "closed with 1001"


def test_an_answer_that_only_waits_for_its_turn_is_not_lost_at_the_deadline() -> None:
    backend = RecordingBackend()
    service = served(backend, progress_gap=20)
    client = initialised(service)
    say(service, client, call(1, _meta={"progressToken": "t"}))
    progress = to_raw({"progressToken": "t", "progress": 1})
    backend.conversations[0].link.send(Notification("notifications/progress", progress))
    backend.conversations[0].answer(backend.conversations[0].requests[0], "done")
    service.server.drain(1)
    service.advance(1)
    assert [answer.get("result") for answer in client.take_messages()] == [None, "done"]
    answer_close(service, client)


@pytest.mark.proves("D-1")
def test_a_drain_drops_handshakes_that_are_not_complete() -> None:
    service = served()
    client = service.raw()
    client.send(b"GET / HTTP/1.1\r\n")
    service.flush()
    drained = service.server.drain()
    service.flush()
    assert client.is_gone()
    assert result_of(drained) is None


def test_a_handshake_that_begins_during_a_drain_does_not_prolong_it() -> None:
    service = served(drain_seconds=5)
    busy = initialised(service)
    say(service, busy, call(1))
    drained = service.server.drain()
    late = service.raw()
    service.advance(5)
    answer_close(service, busy)
    assert late.is_gone()
    assert result_of(drained) is None


def test_a_drain_does_not_wait_for_clients_that_do_not_answer_the_close() -> None:
    service = served(close_timeout=3)
    initialised(service)
    drained = service.server.drain()
    service.advance(5)
    assert result_of(drained) is None


def test_a_connection_that_closes_already_is_left_to_it() -> None:
    service = served()
    client = service.upgraded()
    service.server.connections[0].close(4000, "enough")
    drained = service.server.drain()
    service.flush()
    assert [closing(frame) for frame in client.take_frames()] == [(4000, "enough")]
    answer_close(service, client)
    assert result_of(drained) is None


def test_every_call_of_drain_has_a_deferred_of_its_own() -> None:
    service = served()
    client = initialised(service)
    first, second, third = service.server.drain(), service.server.drain(0), service.server.drain()
    second.addErrback(lambda failure: None)
    second.cancel()
    assert not first.called
    service.flush()
    answer_close(service, client)
    assert result_of(first) is None
    assert result_of(third) is None
    assert result_of(service.server.drain()) is None


@pytest.mark.proves("D-6", "K-20")
def test_a_restart_closes_everybody_with_1012_at_once() -> None:
    backend = RecordingBackend()
    service = served(backend)
    idle, busy = initialised(service), initialised(service)
    say(service, busy, call(1))
    restarted = service.server.restart()
    service.flush()
    assert [closing(frame) for frame in idle.take_frames()] == [(1012, "the service restarts")]
    error, close = busy.take_frames()
    assert b'"id":1,"error":{"code":503' in error.payload
    assert closing(close) == (1012, "the service restarts")
    assert not restarted.called
    answer_close(service, idle)
    answer_close(service, busy)
    assert result_of(restarted) is None
    assert result_of(service.server.stop()) is None
    assert backend.stopped == 1


@pytest.mark.proves("D-6")
def test_a_restart_completes_handshakes_and_tells_their_clients_as_well() -> None:
    service = served()
    client = service.raw()
    restarted = service.server.restart()
    service.flush()
    client.handshake()
    service.flush()
    status_line, _ = client.take_head()
    assert status_line == "HTTP/1.1 101 Switching Protocols"
    assert [closing(frame) for frame in client.take_frames()] == [(1012, "the service restarts")]
    say(service, client, call(1, "initialize"))
    assert client.take_frames() == []
    answer_close(service, client)
    assert result_of(restarted) is None


@pytest.mark.proves("D-6")
def test_a_restart_waits_a_second_for_handshakes() -> None:
    service = served()
    client = service.raw()
    restarted = service.server.restart()
    service.clock.advance(0.9)
    service.flush()
    assert not client.is_gone()
    service.clock.advance(0.1)
    service.flush()
    assert client.is_gone()
    assert result_of(restarted) is None


@pytest.mark.parametrize("value", ["x", None, RecordingBackend, object(), lambda: RecordingBackend(), sys])
def test_what_is_no_backend_is_refused_at_once(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^backend: must be an App or another Backend, as in ServerFactory\(app\) "):
        ServerFactory(value)


@pytest.mark.proves("D-4")
def test_stop_drains_and_then_stops_the_backend() -> None:
    backend = RecordingBackend()
    service = served(backend)
    client = initialised(service)
    stopped = service.server.stop()
    service.flush()
    assert not stopped.called
    assert backend.stopped == 0
    answer_close(service, client)
    assert result_of(stopped) is None
    assert result_of(service.server.stop()) is None
    assert backend.stopped == 2


def test_a_stopped_server_leaves_no_timer() -> None:
    service = served()
    client = initialised(service)
    say(service, client, call(1))
    service.server.stop(1)
    client.wire.abortConnection()
    service.flush()
    assert service.clock.getDelayedCalls() == []


# Plugging in


def test_a_protocol_of_ones_own_can_be_plugged_in() -> None:
    class Noting(ServerProtocol):
        opened: list[str] = []  # noqa: RUF012

        def onOpen(self) -> None:
            super().onOpen()
            self.opened.append(f"{self.http_request_path} {self.http_headers['host']} {self.websocket_protocol_in_use}")

    backend = RecordingBackend()
    service = served(backend)
    service.server.protocol = Noting
    client = service.raw()
    client.handshake("/mcp?a=b", {"Sec-WebSocket-Protocol": "mcp"})
    service.flush()
    assert Noting.opened == ["/mcp 127.0.0.1:8082 mcp"]
    identity = backend.conversations[0].link.identity
    assert (identity.path, identity.subprotocol, identity.principal) == ("/mcp", "mcp", None)
    assert identity.headers["sec-websocket-version"] == "13"
    assert identity.peer == "tcp4:127.0.0.1:50000"


SLOTS = (*AutobahnEnd.__slots__, *ServerProtocol.__slots__)


@pytest.mark.parametrize("name", SLOTS)
def test_a_slot_hides_no_default_of_autobahns(name: str) -> None:
    assert not hasattr(WebSocketServerProtocol, name)
    assert not hasattr(WebSocketClientProtocol, name)


def test_every_slot_is_for_what_a_connection_has() -> None:
    service = served()
    service.upgraded()
    [connection] = service.server.connections
    assert [name for name in SLOTS if not hasattr(connection._protocol, name)] == []


def test_a_protocol_may_have_options_of_its_own() -> None:
    class Terse(ServerProtocol):
        echoCloseCodeReason = False

    service = served()
    service.server.protocol = Terse
    client = initialised(service)
    [connection] = service.server.connections
    assert not connection._protocol.echoCloseCodeReason
    client.send_frame(CLOSE, struct.pack("!H", 4000) + b"bye")
    service.flush()
    assert client.take_frames() == [Frame(CLOSE, struct.pack("!H", 1000))]


def test_the_clock_of_the_reactor_is_used_by_default() -> None:
    from mcpws.ws.server import ServerFactory

    factory = ServerFactory(RecordingBackend())
    assert factory.clock is factory.reactor
    assert factory.config == WebSocketConfig()


@pytest.mark.parametrize("opcode", [TEXT, CONTINUATION], ids=["a frame", "a fragment"])
def test_what_a_connection_had_read_of_a_message_goes_with_it(opcode: int) -> None:
    service = Served(RecordingBackend())
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(20):
            client = service.raw()
            client.handshake()
            service.flush()
            if opcode == CONTINUATION:
                client.send_frame(TEXT, b"x" * MIB, fin=False)
            # The head says that there is more to come than there is.
            client.send(bytes([0x80 | opcode, 0xFF]) + struct.pack("!Q", 2 * MIB) + bytes(4) + b"x" * MIB)
            service.flush()
            client.wire.abortConnection()
            service.flush()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert service.server.connections == ()
    assert held < 5 * MIB


@pytest.mark.proves("G-1", "L-14")
@pytest.mark.not_mcp("what is said stands for any payload", made=True)
def test_many_clients_do_not_disturb_each_other() -> None:
    backend = RecordingBackend()
    pair = connected(backend)
    sessions = [pair.session, *(pair.connect() for _ in range(9))]
    asked = [session.request("tools/call", {"from": number}) for number, session in enumerate(sessions)]
    pair.flush()
    for conversation in reversed(backend.conversations):
        [request] = conversation.requests
        conversation.answer(request, {"to": request.params})
    pair.flush()
    assert [result_of(answer) for answer in asked] == [{"to": {"from": number}} for number in range(10)]
