"""Pages beside WebSockets on one port, for a client of the standard library, over TCP and TLS."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from OpenSSL import SSL
from twisted.internet import reactor as installed
from twisted.internet.endpoints import serverFromString, wrapServerTLS
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.threads import deferToThread
from twisted.protocols.policies import WrappingFactory
from twisted.web.resource import Resource
from twisted.web.server import Request
from zope.interface import implementer

from mcpws import App, HttpRequest, Page, Principal, ServerFactory, WebSocketConfig
from mcpws.http.page import MAX_BODY
from mcpws.testing.raw import upgrade_request
from tests.integration.live import bounded

pytestmark = pytest.mark.integration

reactor: Any = installed
PATIENCE = 20
LARGE = 30_000_000


class Said(Resource):
    """Says what was sent, and by whom."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        return f"for {getattr(request, 'principal', None)}".encode()

    def render_POST(self, request: Request) -> bytes:
        assert request.content is not None
        return b"%d bytes" % len(request.content.read())


class Large(Resource):
    """Says much at once."""

    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        return b"x" * LARGE


@implementer(IOpenSSLServerConnectionCreator)
class Tls:
    """The server's end of TLS, and what its clients trust."""

    def __init__(self) -> None:
        authority = trustme.CA()
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        authority.issue_cert("localhost").configure_cert(self._context)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        return SSL.Connection(self._context, None)


@asynccontextmanager
async def serving(
    encrypted: bool, wrapped: bool = False, **config: Any
) -> AsyncIterator[Callable[[], http.client.HTTPConnection]]:
    """A server with pages, `wrapped` if something else stands before it; yields what makes a client of it."""
    pages = {
        "/large": Page(Large()),
        "/said": Page(Said()),
        "/named": Page(Said(), [lambda request: Principal(request.query)]),
    }
    server = ServerFactory(App("paged", "1.0"), WebSocketConfig(**config), reactor=reactor, pages=pages)
    tls = Tls()
    endpoint = serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    factory: Any = WrappingFactory(server) if wrapped else server
    port: Any = await (wrapServerTLS(tls, endpoint) if encrypted else endpoint).listen(factory)
    number = port.getHost().port

    def client() -> http.client.HTTPConnection:
        if encrypted:
            return http.client.HTTPSConnection("localhost", number, timeout=PATIENCE, context=tls.client)
        return http.client.HTTPConnection("localhost", number, timeout=PATIENCE)

    try:
        yield client
    finally:
        await port.stopListening()
        await server.stop(1)


def asked(client: http.client.HTTPConnection, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    client.request("GET" if body is None else "POST", path, body)
    answer = client.getresponse()
    assert answer.headers["Server"] == "mcpws"
    return answer.status, answer.read()


@pytest.mark.parametrize("encrypted", [False, True])
@bounded
async def test_one_connection_asks_for_many_pages(encrypted: bool) -> None:
    def client_asks(client: http.client.HTTPConnection) -> list[tuple[int, bytes]]:
        client.connect()
        first = client.sock
        answers = [
            asked(client, "/said"),
            asked(client, "/named?ann"),
            asked(client, "/elsewhere"),
            asked(client, "/"),
            asked(client, "/said", b"x" * MAX_BODY),
            asked(client, "/said"),
        ]
        assert client.sock is first
        client.close()
        return answers

    async with serving(encrypted) as connect:
        answers = await deferToThread(client_asks, connect())
    assert answers == [
        (200, b"for None"),
        (200, b"for Principal(name='ann')"),
        (404, b"404 Not Found: nothing is served at this path\n"),
        (426, b"426 Upgrade Required: this is a WebSocket endpoint\n"),
        (200, b"%d bytes" % MAX_BODY),
        (200, b"for None"),
    ]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize("encrypted", [False, True])
@bounded
async def test_a_websocket_and_pages_are_on_one_port_though_it_is_full(encrypted: bool, wrapped: bool) -> None:
    def client_asks(connect: Callable[[], http.client.HTTPConnection]) -> list[bytes]:
        lines = []
        clients = [connect() for _ in range(2)]
        for client in clients:
            client.connect()
            client.sock.sendall(upgrade_request())
            lines.append(client.sock.recv(4096).partition(b"\r\n")[0])
        lines.append(asked(page := connect(), "/said")[1])
        for client in (*clients, page):
            client.close()
        return lines

    async with serving(encrypted, wrapped, max_connections=1) as connect:
        lines = await deferToThread(client_asks, connect)
    assert lines == [b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 503 Service Unavailable", b"for None"]


@bounded
async def test_a_client_that_sends_too_much_hears_why_while_it_still_sends() -> None:
    def client_sends(client: http.client.HTTPConnection) -> bytes:
        client.connect()
        sock: socket.socket = client.sock
        sock.sendall(b"POST /said HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (4 * MAX_BODY))
        sock.sendall(b"x" * (MAX_BODY + 64 * 1024))
        # Not read until more is sent: had the connection been reset, the answer would be lost.
        answer = b""
        while data := sock.recv(65536):
            answer += data
        client.close()
        return answer

    async with serving(False) as connect:
        answer = await deferToThread(client_sends, connect())
    assert answer.startswith(b"HTTP/1.1 413 Request Entity Too Large\r\n")
    assert answer.endswith(b"413 Request Entity Too Large: more than 1048576 bytes in a request\n")


@pytest.mark.parametrize("encrypted", [False, True])
@bounded
async def test_a_large_answer_arrives_whole_though_its_connection_ends_and_its_reader_is_slow(encrypted: bool) -> None:
    def client_reads(client: http.client.HTTPConnection) -> int:
        client.request("GET", "/large", headers={"Connection": "close"})
        answer, size = client.getresponse(), 0
        while data := answer.read(256 * 1024):
            size += len(data)
            time.sleep(0.02)
        client.close()
        return size

    async with serving(encrypted) as connect:
        assert await deferToThread(client_reads, connect()) == LARGE


@bounded
async def test_a_check_sees_the_peer_over_a_real_socket() -> None:
    seen: list[HttpRequest] = []
    server = ServerFactory(App("seen", "1.0"), reactor=reactor, checks=[seen.append])
    port: Any = await serverFromString(reactor, "tcp:0:interface=127.0.0.1").listen(server)

    def client_asks() -> bytes:
        with socket.create_connection(("127.0.0.1", port.getHost().port), PATIENCE) as sock:
            sock.sendall(upgrade_request("/?a=1"))
            return sock.recv(4096).partition(b"\r\n")[0]

    assert await deferToThread(client_asks) == b"HTTP/1.1 101 Switching Protocols"
    [request] = seen
    assert request.peer.startswith("tcp4:127.0.0.1:")
    assert (request.path, request.query) == ("/", "a=1")
    await port.stopListening()
    await server.stop(1)
