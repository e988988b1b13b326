"""The PROXY protocol: whom a proxy speaks for, as it is read, and as it is called from then on."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address as V4
from ipaddress import IPv6Address as V6
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import succeed
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import ILogObserver, globalLogPublisher

from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError
from mcpws.service.listen import WebSocketService
from mcpws.service.proxied import MAX_HEADER, MAX_LINE, Header, ProxiedEndpoint, parse
from mcpws.testing import RawClient, RecordingBackend, Served, result_of

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
CLIENT = IPv4Address("TCP", "203.0.113.7", 56789)
CLIENT_6 = IPv6Address("TCP", "2001:db8::7", 56789)


def binary(command: int, family: int, addresses: bytes, length: int | None = None) -> bytes:
    size = len(addresses) if length is None else length
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", size) + addresses


V4_ADDRESSES = V4("203.0.113.7").packed + V4("10.0.0.1").packed + struct.pack("!HH", 56789, 8082)
V6_ADDRESSES = V6("2001:db8::7").packed + V6("2001:db8::1").packed + struct.pack("!HH", 56789, 8082)
UNIX_ADDRESSES = b"/run/client".ljust(108, b"\0") + b"/run/server".ljust(108, b"\0")

WELL_FORMED: dict[str, tuple[bytes, object]] = {
    "IPv4": (b"PROXY TCP4 203.0.113.7 10.0.0.1 56789 8082\r\n", CLIENT),
    "IPv6": (b"PROXY TCP6 2001:db8::7 2001:db8::1 56789 8082\r\n", CLIENT_6),
    "unknown": (b"PROXY UNKNOWN\r\n", None),
    "unknown, with more": (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None),
    "IPv4, binary": (binary(0x21, 0x11, V4_ADDRESSES), CLIENT),
    "IPv6, binary": (binary(0x21, 0x21, V6_ADDRESSES), CLIENT_6),
    "unix, binary": (binary(0x21, 0x31, UNIX_ADDRESSES), UNIXAddress(b"/run/client")),
    "with more": (binary(0x21, 0x11, V4_ADDRESSES + b"\x04\x00\x01x"), CLIENT),
    "the proxy itself": (binary(0x20, 0x00, b""), None),
    "the proxy itself, with addresses": (binary(0x20, 0x11, V4_ADDRESSES), None),
    "unspecified": (binary(0x21, 0x00, b"whatever"), None),
}

MALFORMED = {
    "no header": b"GET / HTTP/1.1\r\n",
    "another line": b"PROXYTCP4 203.0.113.7 10.0.0.1 1 2\r\n",
    "lower case": b"proxy TCP4 203.0.113.7 10.0.0.1 1 2\r\n",
    "another family": b"PROXY UDP4 203.0.113.7 10.0.0.1 1 2\r\n",
    "no addresses": b"PROXY TCP4\r\n",
    "too few": b"PROXY TCP4 203.0.113.7 10.0.0.1 1\r\n",
    "too many": b"PROXY TCP4 203.0.113.7 10.0.0.1 1 2 3\r\n",
    "no address": b"PROXY TCP4 203.0.113 10.0.0.1 1 2\r\n",
    "of the other family": b"PROXY TCP4 ::1 ::1 1 2\r\n",
    "a name": b"PROXY TCP4 localhost 10.0.0.1 1 2\r\n",
    "control characters": b"PROXY TCP4 \x1b[31m 10.0.0.1 1 2\r\n",
    "not ASCII": b"PROXY TCP4 \xff 10.0.0.1 1 2\r\n",
    "no port": b"PROXY TCP4 203.0.113.7 10.0.0.1 a b\r\n",
    "a large port": b"PROXY TCP4 203.0.113.7 10.0.0.1 65536 2\r\n",
    "no CR": b"PROXY UNKNOWN\n",
    "an endless line": b"PROXY UNKNOWN " + b"x" * MAX_LINE,
    "another signature": b"\r\n\r\n\0\r\nQUITTER",
    "another version": binary(0x11, 0x11, V4_ADDRESSES),
    "another command": binary(0x22, 0x11, V4_ADDRESSES),
    "an unknown family": binary(0x21, 0x41, b""),
    "half an address": binary(0x21, 0x11, V4_ADDRESSES[:6]),
    "too long": binary(0x21, 0x11, V4_ADDRESSES, MAX_HEADER),
}


@pytest.mark.parametrize(("sent", "source"), WELL_FORMED.values(), ids=WELL_FORMED)
def test_a_header_says_who_the_client_is(sent: bytes, source: object) -> None:
    header = parse(sent + b"GET /")
    assert header is not None
    assert (header.size, header.source) == (len(sent), source)


@pytest.mark.parametrize(("sent", "source"), WELL_FORMED.values(), ids=WELL_FORMED)
def test_a_part_of_a_header_is_no_header_yet(sent: bytes, source: object) -> None:
    assert [parse(sent[:size]) for size in range(len(sent))] == [None] * len(sent)


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_header_is_refused(sent: bytes) -> None:
    with pytest.raises(ValueError, match=r"PROXY|Expected"):
        parse(sent)


ADDRESSES = st.ip_addresses(v=4) | st.ip_addresses(v=6)


@given(ADDRESSES, st.integers(0, 65535), st.booleans())
def test_an_address_comes_out_as_it_was_told(address: V4 | V6, port: int, text: bool) -> None:
    version, pair = address.version, address.packed * 2 + struct.pack("!HH", port, port)
    line = f"PROXY TCP{version} {address} {address} {port} {port}\r\n".encode()
    kind: Any = IPv4Address if version == 4 else IPv6Address
    header = parse(line if text else binary(0x21, 0x11 if version == 4 else 0x21, pair))
    assert header is not None
    assert header.source == header.destination == kind("TCP", str(address), port)


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda rest: SIGNATURE + rest))
@example(b"")
def test_any_bytes_are_a_header_a_part_of_one_or_none(data: bytes) -> None:
    try:
        header = parse(data)
    except ValueError:
        return
    assert header is None or 0 < header.size <= len(data)


# Behind it


class Proxied:
    """A server behind a proxy, and its client."""

    def __init__(self, *sent: bytes, **settings: Any) -> None:
        self.backend = RecordingBackend()
        self.service = Served(self.backend, config=WebSocketConfig(**settings))
        self.client = RawClient()
        endpoint = ProxiedEndpoint(cast(Any, _Listening(self.service, self.client)))
        result_of(endpoint.listen(self.service.server))
        for part in sent:
            self.client.send(part)
            self.service.flush()

    def peers(self) -> list[str]:
        return [one.peer for one in self.service.server.statistics().connections]


class _Listening:
    """An endpoint at which a client has been waiting."""

    def __init__(self, service: Served, client: RawClient) -> None:
        self._join = lambda factory: service.network.join(client, factory)

    def listen(self, protocolFactory: Any) -> Any:
        return succeed(self._join(protocolFactory))


@pytest.fixture
def logged() -> Iterator[list[dict[str, Any]]]:
    events: list[dict[str, Any]] = []
    observer = cast(ILogObserver, events.append)
    globalLogPublisher.addObserver(observer)
    yield events
    globalLogPublisher.removeObserver(observer)


PEERS = {
    "IPv4": "tcp4:203.0.113.7:56789",
    "IPv6, binary": "tcp6:2001:db8::7:56789",
    "unix, binary": "unix:/run/client",
    "unknown": "tcp4:127.0.0.1:50000",
    "the proxy itself": "tcp4:127.0.0.1:50000",
}


@pytest.mark.not_mcp("what is said stands for any payload")
@pytest.mark.parametrize(("header", "peer"), PEERS.items())
def test_the_client_of_the_proxy_is_the_peer(header: str, peer: str) -> None:
    proxied = Proxied(WELL_FORMED[header][0])
    assert proxied.peers() == [peer]
    proxied.client.handshake()
    proxied.client.send_message({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
    proxied.service.flush()
    assert proxied.peers() == [peer]
    assert proxied.backend.conversations[0].link.identity.peer == peer


def test_before_the_header_has_come_the_proxy_is_the_peer() -> None:
    assert Proxied(b"PROXY TCP4 203.0.113.7").peers() == ["tcp4:127.0.0.1:50000"]


@pytest.mark.parametrize("header", PEERS)
def test_a_header_may_come_byte_by_byte_and_with_what_follows(header: str) -> None:
    sent = WELL_FORMED[header][0] + b"GET /other HTTP/1.1\r\n\r\n"
    for parts in ([sent], [bytes([byte]) for byte in sent]):
        assert Proxied(*parts).client.take_head()[0] == "HTTP/1.1 404 Not Found"


def test_a_refusal_is_logged_with_the_client_of_the_proxy(logged: list[dict[str, Any]]) -> None:
    Proxied(WELL_FORMED["IPv4"][0] + b"GET /other HTTP/1.1\r\n\r\n")
    assert [event["peer"] for event in logged if event.get("status") == 404] == ["tcp4:203.0.113.7:56789"]


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_who_sends_no_header_is_dropped_and_logged_in_one_line(sent: bytes, logged: list[dict[str, Any]]) -> None:
    proxied = Proxied(sent)
    assert proxied.client.is_gone()
    assert proxied.client.received == b""
    assert proxied.service.server.connections == ()
    assert [event["peer"] for event in logged] == [IPv4Address("TCP", "127.0.0.1", 50000)]


def test_a_header_that_does_not_end_is_dropped_in_time() -> None:
    proxied = Proxied(b"PROXY TCP4 ", timeout_seconds=10)
    proxied.service.advance(12)
    assert proxied.client.is_gone()


def test_headers_of_both_versions_are_known_by_their_first_bytes() -> None:
    assert parse(b"") is parse(b"P") is parse(b"\r") is None
    assert parse(b"PROXY UNKNOWN\r\n") == Header(15)


def test_the_service_knows_such_an_endpoint_by_its_name() -> None:
    reactor = MemoryReactorClock()
    served = Served(RecordingBackend(), clock=reactor)
    serving = WebSocketService(served.server, ["haproxy:tcp:1:interface=127.0.0.1", "haproxy:unix:/s"], reactor)
    serving.startService()
    [(port, factory, _, interface)] = reactor.tcpServers
    [(path, other, *_)] = reactor.unixServers
    assert (port, interface, path) == (1, "127.0.0.1", "/s")
    assert isinstance(factory, Factory)
    assert factory.wrappedFactory is other.wrappedFactory is served.server  # type: ignore[attr-defined]
    with pytest.raises(ConfigError, match="is no endpoint"):
        WebSocketService(served.server, ["haproxy:nonsense:1"], reactor)
