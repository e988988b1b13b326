"""Autobahn's options, as the protocols that it makes of our factories have them."""

from inspect import signature
from typing import Any

import pytest
from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketServerFactory
from autobahn.websocket.protocol import WebSocketClientProtocol, WebSocketProtocol, WebSocketServerProtocol
from twisted.internet.protocol import Factory

from mcpws.config import WebSocketConfig
from mcpws.testing import Network, RawClient, RawServer, RecordingBackend
from mcpws.ws.client import ClientConnection, ClientConnectionFactory, Receiver
from mcpws.ws.server import ServerFactory

CONFIG = WebSocketConfig(max_message_size=4321)

COMMON = {
    "logOctets": False,
    "logFrames": False,
    "trackTimings": False,
    "utf8validateIncoming": True,
    "applyMask": True,
    "maxFramePayloadSize": 4321,
    "maxMessagePayloadSize": 4321,
    "autoFragmentSize": 0,
    "failByDrop": True,
    "echoCloseCodeReason": True,
    "openHandshakeTimeout": 0,
    "closeHandshakeTimeout": 0,
    "tcpNoDelay": True,
    "autoPingInterval": 0,
    "autoPingTimeout": 0,
    "autoPingSize": 12,
    "autoPingRestartOnAnyTraffic": True,
}

SERVER = COMMON | {
    "versions": [13],
    "webStatus": False,
    "requireMaskedClientFrames": True,
    "maskServerFrames": False,
    "serveFlashSocketPolicy": False,
    "flashSocketPolicy": "",
    "allowedOrigins": ["*"],
    "allowNullOrigin": False,
    "maxConnections": 0,
    "trustXForwardedFor": 0,
}

CLIENT = COMMON | {
    "version": 18,
    "acceptMaskedServerFrames": False,
    "maskClientFrames": True,
    "serverConnectionDropTimeout": 0,
    "perMessageCompressionOffers": [],
}

# Functions, and what Autobahn makes of another option.
NOT_COMPARED = {"perMessageCompressionAccept", "allowedOriginsPatterns"}

# Attributes of the factory, which no method sets.
NOT_SETTABLE = {"logOctets", "logFrames", "trackTimings", "allowedOriginsPatterns"}


def server_protocol() -> Any:
    network = Network()
    factory = ServerFactory(RecordingBackend(), CONFIG, reactor=network.clock)
    network.join(RawClient(), factory)
    return factory.connections[0]._protocol


def never(connection: ClientConnection) -> Receiver:
    raise AssertionError


def client_protocol() -> Any:
    network = Network()
    factory = ClientConnectionFactory("ws://127.0.0.1:8082", never, CONFIG, reactor=network.clock)
    protocol = factory.buildProtocol(None)
    protocol.connection.when_open.addErrback(lambda failure: None)
    network.join(protocol, Factory.forProtocol(RawServer))
    return protocol


@pytest.mark.parametrize(("name", "value"), SERVER.items())
def test_a_server_protocol_has_this_option(name: str, value: object) -> None:
    assert getattr(server_protocol(), name) == value


@pytest.mark.parametrize(("name", "value"), CLIENT.items())
def test_a_client_protocol_has_this_option(name: str, value: object) -> None:
    assert getattr(client_protocol(), name) == value


def test_neither_end_accepts_compression() -> None:
    assert server_protocol().perMessageCompressionAccept(["an offer"]) is None
    assert client_protocol().perMessageCompressionAccept("a response") is None


def test_every_option_of_autobahn_is_known_here() -> None:
    server = {*WebSocketServerProtocol.CONFIG_ATTRS, *WebSocketProtocol.CONFIG_ATTRS_SERVER}
    assert server == SERVER.keys() | NOT_COMPARED
    client = {*WebSocketClientProtocol.CONFIG_ATTRS, *WebSocketProtocol.CONFIG_ATTRS_CLIENT}
    assert client == CLIENT.keys() | {"perMessageCompressionAccept"}


@pytest.mark.parametrize(
    ("factory", "ours"), [(WebSocketServerFactory, SERVER), (WebSocketClientFactory, CLIENT)], ids=["server", "client"]
)
def test_every_option_that_can_be_set_is_set(factory: type, ours: dict[str, object]) -> None:
    settable = signature(factory.setProtocolOptions).parameters.keys() - {"self"}  # type: ignore[attr-defined]
    assert settable == (ours.keys() - NOT_SETTABLE) | {"perMessageCompressionAccept"}


def test_no_timer_of_autobahn_runs_on_a_connection() -> None:
    for protocol in server_protocol(), client_protocol():
        assert protocol.openHandshakeTimeoutCall is None
        assert protocol.closeHandshakeTimeoutCall is None
        assert protocol.autoPingPendingCall is None
