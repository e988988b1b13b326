"""Defaults of others that suit no WebSocket, changed: Nagle's algorithm, small reads, an eager allocator."""

from __future__ import annotations

from functools import cache

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import ITCPTransport, ITransport

READ = 512 * 1024
"""Bytes that are read from a socket at a time. Half as many make a message of a mebibyte up to a fifth dearer."""

MOST_KEPT = 16 * 1024 * 1024
"""Bytes. Blocks up to this size the allocator is taught to keep."""


def tune(transport: ITransport) -> None:
    """Make a connection send at once, and read much at a time.

    Autobahn has an option for the first, but looks at it before it is set.
    """
    if ITCPTransport.providedBy(transport) and isinstance(transport.getHost(), (IPv4Address, IPv6Address)):
        transport.setTcpNoDelay(True)
    if isinstance(transport, FileDescriptor):
        transport.bufferSize = READ


def expect_messages_of(size: int) -> None:
    """Let the allocator keep memory for messages of up to `size` bytes, instead of giving it back after each.

    The GNU C library maps large blocks one by one, and asks the kernel for each page anew, until the first of that
    size is freed: from then on it keeps as much. For a message of a mebibyte that was more than half of the time.
    """
    _free_one_of(min(size, MOST_KEPT))


@cache
def _free_one_of(size: int) -> None:
    # Of bytes the pages are never touched, as those of a bytearray would be.
    bytes(size)
