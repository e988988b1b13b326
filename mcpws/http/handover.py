"""The hand-over of a connection to another protocol, once the request has told whose it is."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IProtocol


def hand_over(transport: Any, protocol: IProtocol, data: bytes) -> None:
    """Make `protocol` that of a connection, of which `data` was read; the one that it had must be done with it."""
    # A wrapper, as TLS, has the protocol under another name.
    if hasattr(transport, "wrappedProtocol"):
        transport.wrappedProtocol = protocol
    else:
        transport.protocol = protocol
    protocol.makeConnection(transport)
    protocol.dataReceived(data)
