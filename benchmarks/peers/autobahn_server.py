"""Stock Autobahn on Twisted, with the standard library's json."""

from __future__ import annotations

import json
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from twisted.internet import reactor
from twisted.internet.endpoints import serverFromString

from benchmarks.peers.echo import answer
from benchmarks.peers.options import HOST, MAX_MESSAGE, Options, parse


class Echo(WebSocketServerProtocol):
    """Answers each message by itself, as Autobahn's examples do."""

    def onMessage(self, payload: bytes, isBinary: bool) -> None:
        reply = answer(json.loads(payload))
        if reply is not None:
            self.sendMessage(json.dumps(reply).encode())


def accept_deflate(offers: list[object]) -> PerMessageDeflateOfferAccept | None:
    """The first offer, as it is."""
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(offer)
    return None


def main(options: Options) -> None:
    """Serve until killed."""
    factory = WebSocketServerFactory()
    factory.protocol = Echo
    factory.setProtocolOptions(
        maxMessagePayloadSize=MAX_MESSAGE,
        autoPingInterval=options.heartbeat,
        autoPingTimeout=options.heartbeat,
        perMessageCompressionAccept=accept_deflate if options.deflate else None,
    )
    serverFromString(reactor, f"tcp:{options.port}:interface={HOST}").listen(factory)
    cast(Any, reactor).run()


main(parse())
