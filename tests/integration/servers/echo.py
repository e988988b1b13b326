"""An echo of the production factory: it sends every message back, whatever it is. Prints its port, then serves.

Everything below the messages is what clients of mcpws meet: frames, limits, backpressure, closing. With the argument
`compression` it takes permessage-deflate too.
"""

import sys
from typing import Any, cast

from twisted.internet import reactor as installed
from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort

from mcpws import ServerFactory, WebSocketConfig
from mcpws.testing import RecordingBackend
from mcpws.ws.server import ServerProtocol

CLOSE_SECONDS = 0.5


class Echo(ServerProtocol):
    def onMessage(self, payload: bytes, isBinary: bool) -> bool:  # type: ignore[override]  # Autobahn does not look
        self._mcpws.deliver(None, payload, isBinary)
        return True


def main(compression: bool) -> None:
    reactor: Any = installed
    config = WebSocketConfig(
        # Nobody initialises here.
        initialize_timeout=None,
        heartbeat_interval=0,
        close_timeout=CLOSE_SECONDS,
        compression=compression,
    )
    factory = ServerFactory(RecordingBackend(), config)
    factory.protocol = Echo

    def listens(port: IListeningPort) -> None:
        print(cast(IPv4Address, port.getHost()).port, flush=True)

    TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1").listen(factory).addCallback(listens)
    reactor.run()


main("compression" in sys.argv[1:])
