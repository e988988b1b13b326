"""What the transport refuses before anything is connected; tests/integration has the rest."""

from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from mcpws import ConfigError, ConnectionClosed, ConnectionState, Notification, WebSocketConfig, WebSocketTransport
from mcpws.testing import result_of


def transport(**settings: Any) -> WebSocketTransport:
    return WebSocketTransport(WebSocketConfig(**settings), reactor=MemoryReactorClock())


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"use_tls": True}, "use_tls"),
        ({"url": "wss://127.0.0.1:8082"}, "use_tls"),
        ({"server_mode": False, "use_tls": True}, "use_tls"),
        ({"server_mode": False, "max_reconnect_attempts": 3}, "max_reconnect_attempts"),
        ({"server_mode": False, "reconnect_delay": 1}, "reconnect_delay"),
        ({"server_mode": False, "url": "ws://user:secret@127.0.0.1:8082"}, "url"),
        ({"server_mode": False, "url": "ws://127.0.0.1:8082/#here"}, "url"),
    ],
)
def test_what_cannot_be_done_yet_is_refused_and_named(settings: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        transport(**settings)
    assert caught.value.key == key
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "interface"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.2", "127.0.0.2"),
        ("127.0.0.1.", "127.0.0.1"),
        ("0.0.0.0", "0.0.0.0"),
        ("[::1]", "::1"),
        ("[::]", "::"),
        ("[0:0:0:0:0:0:0:1]", "::1"),
        ("localhost", "127.0.0.1"),
        ("LOCALHOST", "127.0.0.1"),
        ("localhost.", "127.0.0.1"),
        ("app.localhost", "127.0.0.1"),
        ("App.LocalHost.", "127.0.0.1"),
        ("a.b.localhost", "127.0.0.1"),
        # None of these is localhost.
        ("ip6-localhost", "ip6-localhost"),
        ("mylocalhost", "mylocalhost"),
        ("localhost.example.com", "localhost.example.com"),
        ("example.com", "example.com"),
    ],
)
def test_a_server_listens_where_its_name_says(host: str, interface: str) -> None:
    reactor = MemoryReactorClock()
    server = WebSocketTransport(WebSocketConfig(url=f"ws://{host}:8082"), reactor=reactor)
    result_of(server.start())
    assert [(port, at) for port, _, _, at in reactor.tcpServers] == [(8082, interface)]


@pytest.mark.parametrize("server_mode", [True, False])
def test_a_transport_that_was_not_started_is_disconnected(server_mode: bool) -> None:
    assert transport(server_mode=server_mode).state is ConnectionState.DISCONNECTED


def test_nothing_can_be_sent_by_a_client_that_is_not_connected() -> None:
    client = transport(server_mode=False)
    with pytest.raises(ConnectionClosed, match="not connected"):
        client.send(Notification("x"))
    with pytest.raises(ConnectionClosed, match="not connected"):
        client.statistics()


def test_nothing_can_be_sent_to_a_connection_that_is_not() -> None:
    with pytest.raises(ConnectionClosed, match="no connection 7"):
        transport().send(Notification("x"), 7)
