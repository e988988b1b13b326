"""Every option of Autobahn's protocols, set on purpose. Nothing else calls `setProtocolOptions`.

Its defaults do not suit a server on a hostile network: unlimited messages, every origin, a status page with an open
redirect, violations answered by dropping TCP. Its timers run on a process-wide loop, whatever reactor one passes, so
all of them are off: `turns.heartbeat` owns time.
"""

from __future__ import annotations

from typing import Any

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketServerFactory

from mcpws.config import WebSocketConfig
from mcpws.ws import compression


def _common(config: WebSocketConfig) -> dict[str, Any]:
    return {
        "utf8validateIncoming": True,
        "applyMask": True,
        "maxFramePayloadSize": config.max_message_size,
        # Autobahn would apply this to sendMessage as well: what we send has its own limit, in Front.
        "maxMessagePayloadSize": config.max_message_size,
        "autoFragmentSize": 0,
        # True: nothing is read after a violation. Its close code is sent by AutobahnEnd, where Autobahn sends none.
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


def set_server_options(factory: WebSocketServerFactory, config: WebSocketConfig) -> None:
    """Set all options of a server."""
    factory.setProtocolOptions(
        **_common(config),
        versions=[13],
        webStatus=False,
        requireMaskedClientFrames=True,
        maskServerFrames=False,
        # ServerProtocol weighs the offers, as RFC 7692 has it.
        perMessageCompressionAccept=compression.decline,
        serveFlashSocketPolicy=False,
        flashSocketPolicy="",
        # Host, Origin and the number of connections are checked by ws.handshake, before Autobahn sees the request.
        allowedOrigins=["*"],
        allowNullOrigin=False,
        maxConnections=0,
        trustXForwardedFor=0,
    )


def set_client_options(factory: WebSocketClientFactory, config: WebSocketConfig) -> None:
    """Set all options of a client."""
    factory.setProtocolOptions(
        **_common(config),
        version=18,
        acceptMaskedServerFrames=False,
        maskClientFrames=True,
        serverConnectionDropTimeout=0,
        perMessageCompressionOffers=compression.offers() if config.compression else [],
        perMessageCompressionAccept=compression.accept_response if config.compression else compression.decline,
    )
