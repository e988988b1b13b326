"""The upstream backend between two real servers in memory: what passes, who is slowed, and what is left behind."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, gatherResults
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.interfaces import IAddress, IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory
from zope.interface import implementer

from mcpws.backends.upstream import Upstream
from mcpws.client.factory import connect
from mcpws.client.session import Session
from mcpws.config import WebSocketConfig
from mcpws.errors import (
    ConfigError,
    ConnectFailed,
    ConnectionClosed,
    HandshakeRefused,
    InvalidParams,
    RemoteError,
    ShuttingDown,
)
from mcpws.jsonrpc.messages import Error, Notification, Request, Result, to_raw
from mcpws.seam.interfaces import Channel
from mcpws.testing import Network, RawServer, RecordedConversation, RecordingBackend, RecordingLink, result_of
from mcpws.ws.server import ServerFactory

URL = "ws://127.0.0.1:8082"
LARGE = "x" * 500_000
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "tester", "version": "1"},
}


class Gateway:
    """Clients, a server before the Upstream, and the `origin`, to which the Upstream passes everything on."""

    def __init__(self, **options: Any) -> None:
        self.network = Network()
        self.clock = self.network.clock
        self.backend = RecordingBackend()
        self.origin = ServerFactory(self.backend, reactor=self.clock)
        self.upstream = Upstream(URL, reactor=self.clock, endpoint=self.network.endpoint(self.origin), **options)
        self.server = ServerFactory(self.upstream, reactor=self.clock)

    def connect(self, **options: Any) -> tuple[Session, RecordedConversation]:
        """A new client, and what the origin has of it."""
        connecting = connect(URL, reactor=self.clock, endpoint=self.network.endpoint(self.server), **options)
        self.network.flush()
        return result_of(connecting), self.backend.conversations[-1]

    def stop(self) -> None:
        """Everything; nothing may be left."""
        stopped = gatherResults([self.server.stop(0), self.origin.stop(0)])
        self.network.advance(1)
        result_of(stopped)
        assert self.clock.getDelayedCalls() == []


@implementer(IStreamClientEndpoint)
class Unreachable:
    """An endpoint that fails, or leaves the attempt open."""

    def __init__(self, attempt: Deferred[IProtocol]) -> None:
        self.attempt = attempt

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        return self.attempt


def opened(gateway: Gateway) -> tuple[RecordingLink, Channel, RecordedConversation]:
    """A conversation of the Upstream's without a front, initialised."""
    link = RecordingLink()
    opening = gateway.upstream.open(link)
    gateway.network.flush()
    channel = result_of(opening)
    channel.receive(Request(0, "initialize", to_raw(INITIALIZE)))
    gateway.network.flush()
    link.received.clear()
    return link, channel, gateway.backend.conversations[-1]


def test_requests_answers_and_notifications_pass_both_ways() -> None:
    gateway = Gateway()
    heard: list[dict[str, Any]] = []
    asked: list[dict[str, Any]] = []

    def sample(params: dict[str, Any]) -> dict[str, Any]:
        asked.append(params)
        return {"role": "assistant", "model": "m", "content": {"type": "text", "text": "Hi."}}

    session, remote = gateway.connect(
        notifications={"notifications/message": heard.append}, requests={"sampling/createMessage": sample}
    )
    answer = session.request("tools/call", {"name": "add"})
    refused = session.request("tools/call", {"name": "nothing"})
    session.notify("notifications/roots/list_changed")
    gateway.network.flush()
    first, second, told = remote.received
    assert isinstance(first, Request)
    assert isinstance(second, Request)
    assert isinstance(told, Notification)
    remote.answer(first, {"content": []})
    remote.answer(second, InvalidParams("no such tool"))
    remote.link.send(Notification("notifications/message", to_raw({"level": "info", "data": "hello"})))
    remote.link.send(Request("s1", "sampling/createMessage", to_raw({"messages": [], "maxTokens": 1})))
    gateway.network.flush()
    assert result_of(answer) == {"content": []}
    with pytest.raises(RemoteError, match="no such tool"):
        result_of(refused)
    assert heard == [{"level": "info", "data": "hello"}]
    assert asked == [{"messages": [], "maxTokens": 1}]
    sampled = remote.received[-1]
    assert isinstance(sampled, Result)
    assert sampled.id == "s1"
    assert bytes(sampled.result).startswith(b'{"role":"assistant",')
    gateway.stop()


@pytest.mark.proves(
    "M-11", "mcp/2025-11-25/basic/transports#custom-format", "mcp/2026-07-28/basic/transports#custom-format"
)
def test_the_bytes_of_a_message_are_passed_on_unchanged() -> None:
    gateway = Gateway()
    link, channel, remote = opened(gateway)
    params = b'{"name":"x","n":1.50,"b":123456789012345678901234567890}'
    data = b'{ "method":"tools/call","params":%b,"id":7, "jsonrpc":"2.0" }' % params
    channel.receive(Request(7, "tools/call", data=data))
    gateway.network.flush()
    [request] = remote.requests
    assert request.data == data
    remote.link.send(Result(7, to_raw({}), b'{"jsonrpc": "2.0", "id": 7, "result": {"content":[ ]}}'))
    gateway.network.flush()
    assert [message.data for message in link.received] == [b'{"jsonrpc": "2.0", "id": 7, "result": {"content":[ ]}}']
    channel.close("enough")
    gateway.network.flush()
    gateway.stop()


@pytest.mark.proves("K-1")
def test_conversations_have_connections_of_their_own_and_close_with_1000() -> None:
    gateway = Gateway()
    one, first = gateway.connect()
    two, second = gateway.connect()
    assert len(gateway.origin.connections) == 2
    one.close()
    gateway.network.flush()
    assert first.closed == "closed with 1000"
    assert second.closed is None
    answer = two.request("tools/list")
    gateway.network.flush()
    second.answer(second.requests[0], {"tools": []})
    gateway.network.flush()
    assert result_of(answer) == {"tools": []}
    gateway.stop()


def test_a_lost_connection_ends_its_conversation_alone() -> None:
    gateway = Gateway()
    lone, lost = gateway.connect()
    other, _ = gateway.connect()
    answer = lone.request("tools/list")
    gateway.network.flush()
    lost.link.lost(ShuttingDown())
    gateway.network.flush()
    with pytest.raises(RemoteError):
        result_of(answer)
    reason = result_of(lone.when_lost())
    assert isinstance(reason, ConnectionClosed)
    assert reason.code == 1011
    assert not other.when_lost().called
    gateway.stop()


def test_the_link_hears_why_the_connection_is_gone() -> None:
    gateway = Gateway()
    link, channel, _ = opened(gateway)
    for connection in gateway.origin.connections:
        connection.close(1001, "going")
    gateway.network.flush()
    assert isinstance(link.ended, ConnectionClosed)
    assert (link.ended.code, link.ended.reason) == (1001, "going")
    channel.receive(Request(1, "tools/list"))
    gateway.stop()


def test_a_slow_client_slows_the_server() -> None:
    gateway = Gateway()
    _, channel, remote = opened(gateway)
    channel.pauseProducing()
    for _ in range(20):
        remote.link.send(Notification("notifications/message", to_raw({"level": "info", "data": LARGE})))
    gateway.network.flush()
    before = remote.paused
    channel.resumeProducing()
    gateway.network.flush()
    assert (before, remote.paused) == (True, False)
    channel.stopProducing()
    gateway.stop()


def test_a_slow_server_slows_the_client() -> None:
    gateway = Gateway()
    link, channel, remote = opened(gateway)
    remote.link.pauseProducing()
    for id in range(1, 21):
        channel.receive(Request(id, "tools/call", to_raw({"name": "x", "arguments": {"data": LARGE}})))
    gateway.network.flush()
    before = link.paused
    remote.link.resumeProducing()
    gateway.network.flush()
    assert (before, link.paused) == (True, False)
    assert len(remote.requests) == 20
    gateway.stop()


def test_what_comes_after_the_close_is_not_sent() -> None:
    gateway = Gateway()
    link, channel, remote = opened(gateway)
    channel.close("enough")
    remote.link.send(Notification("notifications/tools/list_changed"))
    gateway.network.flush()
    assert link.received == []
    assert link.ended is None
    gateway.stop()


def test_without_a_server_the_conversation_cannot_begin() -> None:
    gateway = Gateway()
    upstream = Upstream(URL, reactor=gateway.clock, endpoint=Unreachable(fail(ConnectionRefusedError())))
    with pytest.raises(ConnectFailed, match=URL):
        result_of(upstream.open(RecordingLink()))
    result_of(upstream.stop())


def test_a_refused_handshake_is_told_as_such() -> None:
    gateway = Gateway(origin="https://app.example.com", headers={"X-Test": "1"})
    opening = gateway.upstream.open(RecordingLink())
    gateway.network.flush()
    with pytest.raises(HandshakeRefused) as refused:
        result_of(opening)
    assert refused.value.status == 403
    gateway.stop()


def test_a_server_that_hangs_up_in_the_handshake_is_told_as_such() -> None:
    gateway = Gateway()
    opening = gateway.upstream.open(RecordingLink())
    for connection in gateway.origin.connections:
        connection.abort()
    gateway.network.flush()
    with pytest.raises(ConnectFailed, match="the server hung up"):
        result_of(opening)
    gateway.stop()


def test_headers_and_subprotocols_go_with_the_handshake() -> None:
    gateway = Gateway(headers={"Authorization": "Bearer t"}, subprotocols=("mcp.version.2025-11-25",))
    _, _, remote = opened(gateway)
    identity = remote.link.identity
    assert identity.headers["authorization"] == "Bearer t"
    assert identity.subprotocol == "mcp.version.2025-11-25"
    gateway.stop()


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("http://127.0.0.1", {}),
        ("ws://127.0.0.1/#top", {}),
        ("ws://me:secret@127.0.0.1", {}),
        (URL, {"headers": {"no name": "1"}}),
    ],
)
def test_a_mistake_is_told_when_it_is_made(url: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Upstream(url, reactor=Network().clock, endpoint=Unreachable(Deferred()), **options)


def test_stop_ends_the_conversations_and_waits_for_their_connections() -> None:
    gateway = Gateway()
    first, _, remote = opened(gateway)
    second, _, _ = opened(gateway)
    stopped = [gateway.upstream.stop(), gateway.upstream.stop()]
    assert isinstance(first.ended, ShuttingDown)
    assert isinstance(second.ended, ShuttingDown)
    assert not stopped[0].called
    gateway.network.flush()
    for one in stopped:
        result_of(one)
    assert remote.closed == "closed with 1000"
    with pytest.raises(ShuttingDown):
        result_of(gateway.upstream.open(RecordingLink()))
    gateway.stop()


def test_stop_gives_up_a_handshake_and_waits_for_its_connection() -> None:
    gateway = Gateway()
    opening = gateway.upstream.open(RecordingLink())
    stopped = gateway.upstream.stop()
    with pytest.raises(ShuttingDown):
        result_of(opening)
    assert not stopped.called
    gateway.network.flush()
    result_of(stopped)
    gateway.stop()


def test_stop_gives_up_an_attempt_to_connect() -> None:
    gateway = Gateway()
    attempt: Deferred[IProtocol] = Deferred()
    upstream = Upstream(URL, reactor=gateway.clock, endpoint=Unreachable(attempt))
    opening = upstream.open(RecordingLink())
    result_of(upstream.stop())
    with pytest.raises(ShuttingDown):
        result_of(opening)


def test_a_client_that_goes_while_the_upstream_connects_leaves_nothing_behind() -> None:
    gateway = Gateway()
    opening = gateway.upstream.open(RecordingLink())
    opening.cancel()
    with pytest.raises(CancelledError):
        result_of(opening)
    gateway.network.flush()
    assert gateway.origin.connections == ()
    gateway.stop()


def test_waiting_for_the_stop_may_be_given_up() -> None:
    gateway = Gateway()
    opened(gateway)
    stopped = gateway.upstream.stop()
    stopped.cancel()
    with pytest.raises(CancelledError):
        result_of(stopped)
    gateway.network.flush()
    gateway.stop()


def test_a_server_that_leaves_the_close_unanswered_is_dropped() -> None:
    network = Network()
    servers: list[RawServer] = []

    class Silent(Factory):
        def buildProtocol(self, addr: IAddress | None) -> RawServer:
            servers.append(RawServer())
            return servers[-1]

    config = WebSocketConfig(url=URL, server_mode=False, close_timeout=3)
    endpoint = network.endpoint(Silent())
    upstream = Upstream(URL, reactor=network.clock, endpoint=endpoint, config=config)
    opening = upstream.open(RecordingLink())
    network.flush()
    servers[0].accept({"Sec-WebSocket-Protocol": "mcp"})
    network.flush()
    result_of(opening)
    stopped = upstream.stop()
    network.advance(2)
    assert not stopped.called
    network.advance(5)
    result_of(stopped)
    assert servers[0].is_gone()
    assert network.clock.getDelayedCalls() == []


@pytest.mark.proves("L-21")
@pytest.mark.not_mcp("what is said is chosen for its size", made=True)
def test_what_is_too_large_for_the_server_fails_alone() -> None:
    gateway = Gateway(config=WebSocketConfig(server_mode=False, max_outbound_size=400_000))
    link, channel, remote = opened(gateway)
    remote.link.send(Request("s1", "sampling/createMessage", to_raw({})))
    channel.receive(Request(1, "a", to_raw({"x": LARGE})))
    channel.receive(Notification("b", to_raw({"x": LARGE})))
    channel.receive(Result("s1", to_raw({"x": LARGE})))
    channel.receive(Request(2, "c"))
    gateway.network.flush()
    refused = next(message for message in link.received if isinstance(message, Error))
    assert (refused.id, refused.error.code) == (1, 413)
    assert refused.error.message.endswith("more than the limit of 400000")
    [answer] = [message for message in remote.received if isinstance(message, Error)]
    assert (answer.id, answer.error.code) == ("s1", 413)
    [request] = remote.requests
    assert request.id == 2
    assert link.ended is None
    channel.close("done")
    gateway.stop()
