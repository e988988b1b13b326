"""WebSocketTransport in both modes, over real sockets."""

import socket

import msgspec
import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor

from mcpws import (
    ConnectFailed,
    ConnectionClosed,
    ConnectionState,
    Error,
    Notification,
    Request,
    Result,
    ServerStatistics,
    WebSocketConfig,
    WebSocketTransport,
)
from mcpws.errors import ListenFailed
from mcpws.jsonrpc.messages import to_raw
from mcpws.policy.stats import ConnectionStatistics
from mcpws.transport import MAX_INCOMING

pytestmark = pytest.mark.integration


@pytest.fixture
def url() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"ws://127.0.0.1:{free.getsockname()[1]}"


TESTER = {"name": "tester", "version": "1"}
OFFER = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": TESTER}
ANSWER = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": TESTER}


def server_for(url: str) -> WebSocketTransport:
    return WebSocketTransport(WebSocketConfig(url=url, server_mode=True), reactor=reactor)


def client_for(url: str) -> WebSocketTransport:
    return WebSocketTransport(WebSocketConfig(url=url, server_mode=False), reactor=reactor)


@ensureDeferred
async def test_a_server_and_two_clients_talk(url: str) -> None:
    server, one, two = server_for(url), client_for(url), client_for(url)
    await server.start()
    assert server.state is ConnectionState.CONNECTED
    for client in (one, two):
        await client.start()
        assert client.state is ConnectionState.CONNECTED
        client.send(Request("a", "initialize", to_raw(OFFER)))
    asked = [await server.receive(), await server.receive()]
    assert asked[0].connection != asked[1].connection
    for incoming in asked:
        assert isinstance(incoming.message, Request)
        server.send(Result("a", to_raw({**ANSWER, "you": incoming.connection})), incoming.connection)
    told = [await client.receive() for client in (one, two)]
    answers = [
        msgspec.json.decode(incoming.message.result) for incoming in told if isinstance(incoming.message, Result)
    ]
    assert {answer["you"] for answer in answers} == {incoming.connection for incoming in asked}

    server.send(Notification("to/all"))
    for client in (one, two):
        incoming = await client.receive()
        assert isinstance(incoming.message, Notification)
        assert incoming.message.method == "to/all"

    of_server, of_client = server.statistics(), one.statistics()
    assert isinstance(of_server, ServerStatistics)
    assert isinstance(of_client, ConnectionStatistics)
    assert (of_server.active_connections, of_server.messages_received, of_server.messages_sent) == (2, 2, 4)
    assert (of_client.messages_received, of_client.messages_sent) == (2, 1)
    await one.stop()
    await server.stop()
    with pytest.raises(ConnectionClosed, match="1001"):
        await two.receive()
    with pytest.raises(ConnectionClosed, match="stopped"):
        await server.receive()


@pytest.mark.parametrize("host", ["app.localhost", "LocalHost.", "[::1]", "127.0.0.2"])
@ensureDeferred
async def test_a_server_and_its_client_meet_at_any_name_of_this_machine(url: str, host: str) -> None:
    there = url.replace("127.0.0.1", host)
    server, client = server_for(there), client_for(there)
    await server.start()
    await client.start()
    assert client.state is ConnectionState.CONNECTED
    await client.stop()
    await server.stop()


@ensureDeferred
async def test_a_server_that_does_not_receive_reads_no_more_than_it_can_hold(url: str) -> None:
    server, client = server_for(url), client_for(url)
    await server.start()
    await client.start()
    client.send(Request(0, "initialize", to_raw(OFFER)))
    server.send(Result(0, to_raw(ANSWER)), (await server.receive()).connection)
    await client.receive()
    for number in range(MAX_INCOMING * 4):
        client.send(Notification(f"n/{number}"))
    methods = [(await server.receive()).message for _ in range(MAX_INCOMING * 4)]
    assert [getattr(message, "method", "") for message in methods] == [f"n/{n}" for n in range(MAX_INCOMING * 4)]
    await client.stop()
    await server.stop()


@ensureDeferred
async def test_the_rules_of_a_conversation_hold_for_a_transport(url: str) -> None:
    server, client = server_for(url), client_for(url)
    await server.start()
    await client.start()
    client.send(Request(1, "tools/list"))
    incoming = await client.receive()
    assert isinstance(incoming.message, Error)
    assert incoming.message.error.code == -32602
    await client.stop()
    await server.stop()


@ensureDeferred
async def test_a_client_without_a_server_fails_and_may_be_started_again(url: str) -> None:
    server, client = server_for(url), client_for(url)
    with pytest.raises(ConnectFailed, match=url):
        await client.start()
    assert client.state is ConnectionState.DISCONNECTED
    await server.start()
    await client.start()
    await client.stop()
    await client.start()
    await client.stop()
    await server.stop()


@ensureDeferred
async def test_a_second_server_on_the_same_address_fails(url: str) -> None:
    server, second = server_for(url), server_for(url)
    await server.start()
    with pytest.raises(ListenFailed, match="in use"):
        await second.start()
    await second.stop()
    await server.stop()


@ensureDeferred
async def test_a_server_may_be_started_again(url: str) -> None:
    server, client = server_for(url), client_for(url)
    for _ in range(2):
        await server.start()
        await client.start()
        await server.stop()
