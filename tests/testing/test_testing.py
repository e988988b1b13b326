"""The harness that programs use to test theirs: it has to behave as the real thing does."""

import asyncio
from typing import Any, Protocol

import pytest
from msgspec import Raw
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost, NoProtocol
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.task import Clock, deferLater

from mcpws.backends.app import App
from mcpws.backends.app.context import Context
from mcpws.client.opening import Era
from mcpws.config import WebSocketConfig
from mcpws.errors import HandshakeRefused, InvalidParams, RemoteError, ShuttingDown
from mcpws.jsonrpc.messages import Notification, Request
from mcpws.seam.interfaces import Channel, Identity, Link
from mcpws.testing import (
    Frame,
    Network,
    RawClient,
    RawPeer,
    RecordedConversation,
    RecordingBackend,
    RecordingLink,
    Served,
    connected,
    result_of,
)
from mcpws.testing.network import WINDOW
from mcpws.testing.raw import BINARY, TEXT


class LoggedErrors(Protocol):
    """The fixture `logged_errors`."""

    def flush(self, *types: type[BaseException]) -> list[object]: ...


class Pair:
    """Two ends of a connection, which say nothing by themselves."""

    def __init__(self) -> None:
        self.network = Network()
        self.near, self.far = RawPeer(), RawPeer()
        self.network.join(self.near, Factory.forProtocol(lambda: self.far))
        self.flush = self.network.flush

    def reasons(self) -> list[type]:
        return [type(peer.lost.value) for peer in (self.near, self.far) if peer.lost is not None]


# What a Deferred came to


def test_result_of_gives_what_a_deferred_has_fired_with_or_failed_with() -> None:
    assert result_of(succeed(3)) == 3
    with pytest.raises(ValueError, match="no"):
        result_of(fail(ValueError("no")))
    with pytest.raises(AssertionError, match="not fired"):
        result_of(Deferred())


# Connections


def test_bytes_go_over_when_they_are_flushed() -> None:
    pair = Pair()
    pair.near.send(b"there")
    pair.far.wire.writeSequence([b"and ", b"back"])
    assert pair.near.received + pair.far.received == b""
    pair.flush()
    assert (pair.near.received, pair.far.received) == (b"and back", b"there")
    assert pair.near.wire.getPeer() == pair.far.wire.getHost()


def test_an_end_that_does_not_read_stalls_the_other() -> None:
    pair = Pair()
    pair.far.wire.pauseProducing()
    told: list[str] = []

    class Producer:
        def pauseProducing(self) -> None:
            told.append("pause")

        def resumeProducing(self) -> None:
            told.append("resume")

        def stopProducing(self) -> None:
            told.append("stop")

    pair.near.wire.registerProducer(Producer(), True)  # type: ignore[arg-type]
    pair.near.send(b"x" * 2 * WINDOW)
    pair.flush()
    assert told == ["pause"]
    assert pair.far.received == b""
    pair.far.wire.resumeProducing()
    pair.flush()
    assert told == ["pause", "resume"]
    assert len(pair.far.received) == 2 * WINDOW
    pair.far.wire.abortConnection()
    pair.flush()
    assert told == ["pause", "resume", "stop"]


def test_losing_a_connection_sends_what_was_written_before() -> None:
    pair = Pair()
    pair.near.send(b"x" * 3 * WINDOW)
    pair.near.wire.loseConnection()
    pair.near.send(b"too late, but Twisted sends it as well")
    pair.flush()
    assert len(pair.far.received) > 3 * WINDOW
    assert pair.reasons() == [ConnectionDone, ConnectionDone]


def test_aborting_a_connection_sends_nothing_more() -> None:
    pair = Pair()
    pair.near.send(b"x")
    for _ in range(2):
        pair.near.wire.abortConnection()
    pair.near.send(b"y")
    pair.flush()
    pair.near.wire.abortConnection()
    assert pair.far.received == b""
    assert pair.reasons() == [ConnectionAborted, ConnectionLost]


def test_an_end_that_only_writes_learns_of_the_loss_when_it_does() -> None:
    pair = Pair()
    pair.near.wire.pauseProducing()
    pair.far.wire.abortConnection()
    pair.flush()
    assert not pair.near.is_gone()
    pair.near.send(b"hello?")
    pair.flush()
    assert pair.reasons() == [ConnectionLost, ConnectionAborted]


def test_a_protocol_that_raises_loses_its_connection(logged_errors: LoggedErrors) -> None:
    class Raising(TwistedProtocol):
        def dataReceived(self, data: bytes) -> None:
            raise RuntimeError

    network, client = Network(), RawClient()
    network.join(client, Factory.forProtocol(Raising))
    client.send(b"x")
    network.flush()
    assert client.is_gone()
    assert len(logged_errors.flush(RuntimeError)) == 1


def test_a_server_that_wants_no_connection_closes_it() -> None:
    class Full(Factory):
        def buildProtocol(self, addr: object) -> None:
            return None

    network, client = Network(), RawClient()
    network.join(client, Full())
    network.flush()
    assert client.is_gone()
    with pytest.raises(NoProtocol):
        result_of(network.endpoint(Full()).connect(Full()))


def test_two_that_never_stop_talking_are_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Echo(TwistedProtocol):
        def dataReceived(self, data: bytes) -> None:
            assert self.transport is not None
            self.transport.write(data)

    monkeypatch.setattr("mcpws.testing.network.MAX_ROUNDS", 100)
    network = Network()
    result_of(network.endpoint(Factory.forProtocol(Echo)).connect(Factory.forProtocol(Echo))).transport.write(b"x")  # type: ignore[attr-defined]
    with pytest.raises(AssertionError, match="never stop"):
        network.flush()


def test_time_passes_a_second_at_a_time() -> None:
    network = Network(Clock())
    at: list[float] = []

    def tick() -> None:
        at.append(network.clock.seconds())
        network.clock.callLater(0.5, tick)

    tick()
    network.advance(2.5)
    assert network.clock.seconds() == 2.5
    assert at == [0, 1, 2, 2.5]


# Frames


@pytest.mark.parametrize("peer", [RawPeer, RawClient], ids=["server", "client"])
@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 200_000])
def test_a_frame_that_is_sent_is_the_frame_that_is_read(peer: Any, size: int) -> None:
    pair = Pair()
    pair.near.masks = peer.masks
    pair.near.send_frame(BINARY, b"x" * size, fin=False)
    pair.near.send_message({"a": 1})
    pair.flush()
    assert pair.far.take_frames() == [Frame(BINARY, b"x" * size, False), Frame(TEXT, b'{"a":1}', True)]


def test_a_frame_is_read_only_when_it_is_whole() -> None:
    pair = Pair()
    for byte in b"\x81\x85\x01\x02\x03\x04" + bytes(
        b ^ m for b, m in zip(b"hello", b"\x01\x02\x03\x04\x01", strict=True)
    ):
        assert pair.far.take_frames() == []
        pair.near.send(bytes([byte]))
        pair.flush()
    assert pair.far.take_frames() == [Frame(TEXT, b"hello")]


# Client and server


def test_a_backend_is_served_to_any_number_of_clients() -> None:
    backend, clock = RecordingBackend(), Clock()
    pair = connected(backend, clock=clock, config=WebSocketConfig(max_connections=3))
    other = pair.connect()
    raw = pair.upgraded()
    assert pair.clock is clock
    assert pair.session is not other
    assert not raw.is_gone()
    assert pair.server.statistics().active_connections == 3
    with pytest.raises(HandshakeRefused):
        pair.connect()
    with pytest.raises(AssertionError, match="503"):
        pair.upgraded()


def waiting_app() -> App:
    app = App("waiting", "1.0")

    @app.tool
    async def sure(context: Context) -> str:
        answer = await context.elicit("Sure?", {"type": "object", "properties": {}})
        return answer.action

    @app.tool(on="thread")
    def blocks() -> str:
        return "thread"

    @app.tool(on="asyncio")
    async def naps() -> str:
        await asyncio.sleep(0)
        return "asyncio"

    return app


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize(("tool", "said"), [("sure", "accept"), ("blocks", "thread"), ("naps", "asyncio")])
def test_an_app_that_was_given_no_clock_lives_in_the_time_of_the_pair(tool: str, said: str, era: Era) -> None:
    app = waiting_app()
    for _ in range(2):
        pair = connected(app, requests={"elicitation/create": lambda params: {"action": "accept"}}, era=era)
        called = pair.session.call_tool(tool)
        pair.flush()
        [content] = result_of(called)
        assert content.text == said
        pair.session.close()
        pair.flush()


def test_an_app_keeps_the_clock_that_it_was_made_with() -> None:
    clock = Clock()
    app = App("own", "1.0", clock=clock)

    @app.tool
    async def waits() -> int:
        await deferLater(clock, 5)
        return 1

    pair = connected(app)
    called = pair.session.call_tool("waits")
    pair.advance(6)
    assert called.called is False
    clock.advance(6)
    pair.flush()
    assert result_of(called) == {"result": 1}


def test_a_recording_backend_leaves_the_answers_to_the_test() -> None:
    backend = RecordingBackend()
    pair = connected(backend)
    first, second = pair.session.request("a"), pair.session.request("b")
    pair.session.notify("c")
    pair.flush()
    [conversation] = backend.conversations
    assert [getattr(message, "method", None) for message in conversation.received] == ["a", "b", "c"]
    conversation.answer(conversation.requests[1], {"x": 1})
    conversation.answer(conversation.requests[0], InvalidParams("no"))
    pair.flush()
    assert result_of(second) == {"x": 1}
    with pytest.raises(RemoteError):
        result_of(first)
    conversation.stopProducing()
    assert conversation.paused


@pytest.mark.parametrize(("modern", "version"), [(False, "2025-11-25"), (True, "2026-07-28")])
def test_a_recording_backend_is_of_the_era_that_is_wanted(modern: bool, version: str) -> None:
    backend = RecordingBackend(modern=modern)
    pair = connected(backend)
    assert pair.session.protocol_version == version
    assert pair.session.server_info["name"] == "recording"
    pair.flush()
    assert backend.conversations[0].received == []


def test_a_recording_backend_may_leave_the_beginning_to_the_test_as_well() -> None:
    backend = RecordingBackend(initialize=False)
    service = Served(backend)
    with pytest.raises(AssertionError, match="not fired"):
        service.connect(era="legacy")
    [initialize] = backend.conversations[0].requests
    assert type(initialize) is Request
    assert initialize.method == "initialize"


# A link


def greeted(link: RecordingLink, backend: RecordingBackend) -> RecordedConversation:
    link.open(backend)
    link.request("initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo={"name": "t", "version": "1"})
    link.notify("notifications/initialized")
    return backend.conversations[-1]


def test_a_recording_link_asks_as_a_client_does_and_keeps_the_answers() -> None:
    link, backend = RecordingLink(Identity("somebody", path="/a")), RecordingBackend()
    conversation = greeted(link, backend)
    first, second = link.request("a", x=1), link.request("b", id="2")
    assert (first, second, link.answers(first)) == (2, "2", [])
    assert [(one.id, one.method) for one in conversation.requests] == [(2, "a"), ("2", "b")]
    assert conversation.requests[0].params == Raw(b'{"x": 1}')
    conversation.answer(conversation.requests[1], {})
    assert (len(link.answers("2")), link.answers(2), len(link.received)) == (1, [], 2)
    assert conversation.link.identity.path == "/a"


def test_a_recording_link_tells_what_came_after_the_end_from_what_came_before() -> None:
    backend = RecordingBackend()
    closing, losing = RecordingLink(), RecordingLink()
    conversations = [greeted(one, backend) for one in (closing, losing)]
    assert closing.is_open
    closing.close("enough")
    losing.lost(ShuttingDown())
    losing.close()
    for conversation in conversations:
        conversation.link.send(Notification("n"))
    for link in (closing, losing):
        assert (link.is_open, len(link.received), link.late) == (False, 1, [Notification("n")])
    assert [conversation.closed for conversation in conversations] == ["enough", None]
    with pytest.raises(AssertionError, match="lost a second time"):
        losing.lost(ShuttingDown())


def test_a_recording_link_tells_why_there_is_no_conversation() -> None:
    class Refusing(RecordingBackend):
        def open(self, link: Link) -> Deferred[Channel]:
            return fail(ShuttingDown())

    class Late(RecordingBackend):
        def open(self, link: Link) -> Deferred[Channel]:
            self.opening: Deferred[Channel] = Deferred()
            return self.opening

    refused, impatient, late = RecordingLink(), RecordingLink(), Late()
    refused.open(Refusing())
    impatient.open(late)
    impatient.close()
    assert isinstance(refused.refused, ShuttingDown)
    assert late.opening.called
    assert (refused.is_open, impatient.is_open, impatient.refused) == (False, False, None)


def test_a_recording_link_fires_once_what_is_waited_for_is_so() -> None:
    link, backend = RecordingLink(), RecordingBackend()
    seen: list[str] = []
    link.until(lambda: link.paused).addCallback(lambda _: seen.append("paused"))
    conversation = greeted(link, backend)
    assert seen == []
    conversation.link.pauseProducing()
    assert seen == ["paused"]
    link.until(lambda: link.paused).addCallback(lambda _: seen.append("still"))
    link.until(lambda: not link.paused).addCallback(lambda _: seen.append("not any more"))
    conversation.link.stopProducing()
    assert seen == ["paused", "still"]
    conversation.link.resumeProducing()
    assert seen == ["paused", "still", "not any more"]
