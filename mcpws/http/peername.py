"""Names for the other end of a connection, for logs and statistics, in the way of Autobahn."""

from __future__ import annotations

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import ITransport

UNKNOWN = "?"


def peer_name(transport: ITransport) -> str:
    """The name of the other end's address, as `address_name` has it."""
    return address_name(transport.getPeer())


def address_name(address: object) -> str:
    """`tcp4:HOST:PORT`, `tcp6:HOST:PORT`, `unix:PATH` or `unix`; `?` for any other address."""
    if isinstance(address, IPv4Address):
        return f"tcp4:{address.host}:{address.port}"
    if isinstance(address, IPv6Address):
        return f"tcp6:{address.host}:{address.port}"
    if isinstance(address, UNIXAddress):
        # Paths may be any bytes: as Python shows them, without the quotes and the b.
        return f"unix:{repr(address.name)[2:-1]}" if address.name else "unix"
    return UNKNOWN


def peer_certificate(transport: object) -> object:
    """The certificate of the other end, an `OpenSSL.crypto.X509`; None without TLS, or if it has shown none."""
    asked = getattr(transport, "getPeerCertificate", None)
    return None if asked is None else asked()
