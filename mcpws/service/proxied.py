"""Endpoints behind a proxy that tells whom it speaks for, by HAProxy's PROXY protocol, version 1 or 2.

Twisted has such endpoints. These take the short form of version 1, with which HAProxy asks whether a server is alive,
take a header in whatever pieces it comes, and drop what is malformed with one line in the log in place of a traceback.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address as V4
from ipaddress import IPv6Address as V6
from typing import Any, cast

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IListeningPort, IProtocolFactory, IStreamServerEndpoint, ITransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python.failure import Failure
from zope.interface import implementer

log = Logger()

MAX_LINE = 107
"""Bytes of a header of version 1, its end included."""

MAX_HEADER = 4096
"""Bytes of a header of version 2: addresses, and whatever else the proxy tells, which nobody here asks for."""

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_LINE = re.compile(
    rb"PROXY (?:UNKNOWN(?: [^\r\n]*)?|TCP([46]) ([0-9a-fA-F:.]+) ([0-9a-fA-F:.]+) ([0-9]{1,5}) ([0-9]{1,5}))\r\n"
)
_LOCAL, _PROXY = 0x20, 0x21
_SIZES = {0: 0, 1: 4, 2: 16, 3: 108}


@dataclass(frozen=True, slots=True)
class Header:
    """Header of a proxy: what it says of a connection before it passes on any of it.

    :param size: bytes of it.
    :param source: who connected to the proxy; None if it speaks for itself, or does not know.
    :param destination: where that one connected to; likewise.
    """

    size: int
    source: IAddress | None = None
    destination: IAddress | None = None


def parse(data: bytes) -> Header | None:
    """The header that `data` begins with; None while there is only a part of it.

    :raises ValueError: it begins with none.
    """
    if data.startswith(_SIGNATURE[: len(data)]):
        return _binary(data)
    if not data.startswith(b"PROXY "[: len(data)]):
        raise ValueError("no PROXY header")
    end = data.find(b"\n", 0, MAX_LINE) + 1
    if end:
        return _text(data[:end])
    if len(data) >= MAX_LINE:
        raise ValueError("a PROXY line without end")
    return None


def _text(line: bytes) -> Header:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError("a malformed PROXY line")
    version, source, destination, from_port, to_port = match.groups()
    if version is None:
        return Header(len(line))
    read: Any = V4 if version == b"4" else V6
    packed = read(source.decode()).packed, read(destination.decode()).packed
    return Header(len(line), _internet(packed[0], int(from_port)), _internet(packed[1], int(to_port)))


def _binary(data: bytes) -> Header | None:
    if len(data) < 16:
        return None
    command, family = data[12], data[13] >> 4
    size = 16 + int.from_bytes(data[14:16], "big")
    if command not in (_LOCAL, _PROXY) or family not in _SIZES or size > MAX_HEADER:
        raise ValueError("a malformed PROXY header")
    if len(data) < size:
        return None
    length = _SIZES[family]
    if command == _LOCAL or not length:
        return Header(size)
    ports = 16 + 2 * length
    if size < ports + (0 if family == 3 else 4):
        raise ValueError("a PROXY header without addresses")
    source, destination = data[16 : 16 + length], data[16 + length : ports]
    if family == 3:
        return Header(size, UNIXAddress(source.rstrip(b"\0")), UNIXAddress(destination.rstrip(b"\0")))
    return Header(
        size,
        _internet(source, int.from_bytes(data[ports : ports + 2], "big")),
        _internet(destination, int.from_bytes(data[ports + 2 : ports + 4], "big")),
    )


def _internet(packed: bytes, port: int) -> IPv4Address | IPv6Address:
    if port > 65_535:
        raise ValueError("a port above 65535 in a PROXY line")
    if len(packed) == 4:
        return IPv4Address("TCP", str(V4(packed)), port)
    return IPv6Address("TCP", str(V6(packed)), port)


class ProxiedProtocol(ProtocolWrapper):
    """The transport of a connection that a proxy made for somebody, who is its peer as soon as the header is read."""

    _header: Header | None = None
    _begun = b""

    def dataReceived(self, data: bytes) -> None:
        if self._header is None:
            self._begun += data
            try:
                self._header = parse(self._begun)
            except ValueError as error:
                peer = cast(ITransport, self.transport).getPeer()
                log.warn("{peer} is no proxy, or a broken one: {error}", peer=peer, error=error)
                self._begun = b""
                cast(Any, self.transport).abortConnection()
                return
            if self._header is None:
                return
            data, self._begun = self._begun[self._header.size :], b""
        if data:
            super().dataReceived(data)

    def getPeer(self) -> IAddress:
        return (self._header and self._header.source) or cast(ITransport, self.transport).getPeer()

    def getHost(self) -> IAddress:
        return (self._header and self._header.destination) or cast(ITransport, self.transport).getHost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._begun = b""
        super().connectionLost(reason)


class _ProxiedFactory(WrappingFactory[ProxiedProtocol]):
    protocol = ProxiedProtocol
    noisy = False


@implementer(IStreamServerEndpoint)
class ProxiedEndpoint:
    """Listens at `endpoint` for such a proxy."""

    def __init__(self, endpoint: IStreamServerEndpoint) -> None:
        self._endpoint = endpoint

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        return self._endpoint.listen(_ProxiedFactory(protocolFactory))
