"""How the other end of a connection is called in logs and statistics."""

from __future__ import annotations

from autobahn.twisted.util import peer2str
from twisted.internet.address import UNIXAddress
from twisted.internet.interfaces import ITransport


def peer_name(transport: ITransport) -> str:
    """Where the other end is: `tcp4:HOST:PORT`, `tcp6:HOST:PORT`, `unix:PATH` or `unix`, as Autobahn has it."""
    address = transport.getPeer()
    if isinstance(address, UNIXAddress) and address.name:
        # As Python shows them, since they may be any bytes, but that Autobahn leaves the quotes and the b.
        return f"unix:{repr(address.name)[2:-1]}"
    return str(peer2str(transport))
