"""What a client reads when something is wrong: statuses, close codes and error objects, over real TCP connections.

After each the next client is served.
"""

import socket
import ssl
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Any, Protocol, cast

import msgspec
import pytest
import pytest_twisted
import trustme
from OpenSSL import SSL
from twisted.internet import reactor as global_reactor
from twisted.internet import threads
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import SSL4ServerEndpoint, TCP4ClientEndpoint, TCP4ServerEndpoint
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory
from twisted.internet.ssl import ContextFactory
from twisted.internet.task import deferLater

from mcpws import App, Context, Roster, ServerFactory, WebSocketConfig
from mcpws.backends.stdio import ProcessReactor, Stdio
from mcpws.mcp.meta import CLIENT_CAPABILITIES, PROTOCOL_VERSION
from mcpws.mcp.versions import LEGACY_VERSIONS
from mcpws.seam.interfaces import Backend
from mcpws.testing import RecordingBackend
from mcpws.testing.raw import BINARY, CLOSE, CONTINUATION, PING, TEXT, upgrade_request
from tests.integration.live import CLIENT, INITIALIZE, PATIENCE, Wire, bounded, call

pytestmark = pytest.mark.integration

reactor = cast(ProcessReactor, global_reactor)

SOON = 0.2
MIB = 1024 * 1024


class Server:
    """A factory that listens on a port of this machine, and its clients."""

    def __init__(self, backend: Backend, settings: dict[str, Any], tls: Any) -> None:
        self._tls = tls
        self.factory = ServerFactory(backend, WebSocketConfig(**settings))
        self.clients: list[Wire] = []
        self._port: IListeningPort | None = None

    async def start(self) -> None:
        plain = TCP4ServerEndpoint(reactor, 0, interface="127.0.0.1")
        encrypted = SSL4ServerEndpoint(reactor, 0, self._tls, interface="127.0.0.1")
        self._port = await (encrypted if self._tls else plain).listen(self.factory)

    async def stop(self) -> None:
        assert self._port is not None
        await maybeDeferred(self._port.stopListening)
        for client in self.clients:
            client.tcp.abortConnection()
        await self.factory.stop(0)

    @property
    def port(self) -> int:
        assert self._port is not None
        return cast(IPv4Address, self._port.getHost()).port

    async def connected(self) -> Wire:
        """A client with a TCP connection, and no more."""
        client = await TCP4ClientEndpoint(reactor, "127.0.0.1", self.port).connect(Factory.forProtocol(Wire))
        assert isinstance(client, Wire)
        self.clients.append(client)
        return client

    async def upgraded(self) -> Wire:
        client = await self.connected()
        await client.upgrade()
        return client

    async def initialised(self) -> Wire:
        client = await self.connected()
        await client.initialise()
        return client

    async def answer_to(self, sent: bytes) -> bytes:
        """All that the server answers to these bytes before it hangs up."""
        client = await self.connected()
        client.send(sent)
        await client.until(client.is_gone)
        return client.received

    async def assert_the_next_is_served(self) -> None:
        client = await self.initialised()
        answer = await client.ask(call(1, name="add", arguments={"a": 1, "b": 2}))
        assert answer["result"]["structuredContent"] == {"result": 3}
        client.tcp.abortConnection()


Serve = Callable[..., Awaitable[Server]]


class LoggedErrors(Protocol):
    """The fixture `logged_errors`."""

    def flush(self, *types: type[BaseException]) -> list[Any]: ...


@pytest_twisted.async_yield_fixture
async def served() -> AsyncIterator[Serve]:
    """Serve a backend, by default an App with a few tools, with these settings and `tls` or without; stopped after
    the test."""
    servers: list[Server] = []

    async def start(backend: Backend | None = None, tls: Any = None, **settings: Any) -> Server:
        servers.append(Server(backend or tools(), {"close_timeout": 1, **settings}, tls))
        await servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        await server.stop()


def tools(**settings: Any) -> App:
    app = App("wire", "1", **settings)

    @app.tool
    def add(a: int, b: int) -> int:
        return a + b

    @app.tool
    def fail() -> str:
        raise RuntimeError("the password is secret")

    @app.tool
    def text(size: int) -> str:
        return "x" * size

    @app.method("never")
    def never() -> Deferred[None]:
        return Deferred()

    return app


# The handshake


def refusal(status: int, text: str, *headers: str) -> bytes:
    """The whole answer."""
    phrase = HTTPStatus(status).phrase
    body = f"{status} {phrase}: {text}\n"
    lines = [
        f"HTTP/1.1 {status} {phrase}",
        "Server: mcpws",
        "Content-Type: text/plain; charset=utf-8",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
        *headers,
        "",
        body,
    ]
    return "\r\n".join(lines).encode()


GOOD = upgrade_request()
NO_KEY = "Sec-WebSocket-Key must be 16 bytes in base64"
REFUSED: dict[str, tuple[bytes, bytes]] = {
    "no HTTP": (b"\x16\x03\x01\x02\x00", refusal(400, "this is not an HTTP/1.1 request")),
    "JSON": (b'{"jsonrpc":"2.0"}\n', refusal(400, "this is not an HTTP/1.1 request")),
    "a bad request line": (b"GET /\r\n\r\n", refusal(400, "this is not an HTTP/1.1 request")),
    "a bad header": (GOOD.replace(b"Upgrade:", b"Up grade:"), refusal(400, "a header is malformed")),
    "two hosts": (GOOD.replace(b"Upgrade:", b"Host: a\r\nUpgrade:"), refusal(400, "more than one host header")),
    "two origins": (
        upgrade_request(headers={"Origin": "http://localhost"}).replace(b"Upgrade:", b"Origin: null\r\nUpgrade:"),
        refusal(400, "more than one origin header"),
    ),
    "two keys": (
        GOOD.replace(b"Upgrade:", b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nUpgrade:"),
        refusal(400, "more than one sec-websocket-key header"),
    ),
    "two versions": (
        GOOD.replace(b"Upgrade:", b"Sec-WebSocket-Version: 13\r\nUpgrade:"),
        refusal(400, "more than one sec-websocket-version header"),
    ),
    "a line feed alone": (GOOD.replace(b"\r\n", b"\n"), refusal(400, "this is not an HTTP/1.1 request")),
    "an endless head": (
        b"GET / HTTP/1.1\r\nX: " + b"x" * 17_000,
        refusal(431, "more than 16384 bytes of headers"),
    ),
    "another path": (upgrade_request("/other"), refusal(404, "nothing is served at this path")),
    "no upgrade": (
        upgrade_request(headers={"Upgrade": None}),
        refusal(426, "this is a WebSocket endpoint", "Upgrade: websocket"),
    ),
    "another upgrade": (
        upgrade_request(headers={"Upgrade": "h2c"}),
        refusal(426, "this is a WebSocket endpoint", "Upgrade: websocket"),
    ),
    "another host": (
        upgrade_request(headers={"Host": "evil.example"}),
        refusal(421, "this host is not served here"),
    ),
    "no host": (upgrade_request(headers={"Host": None}), refusal(421, "this host is not served here")),
    "another origin": (
        upgrade_request(headers={"Origin": "https://evil.example"}),
        refusal(403, "this origin may not connect"),
    ),
    "another method": (GOOD.replace(b"GET", b"POST", 1), refusal(405, "use GET", "Allow: GET")),
    "an old HTTP": (GOOD.replace(b"/1.1", b"/1.0", 1), refusal(505, "use HTTP/1.1")),
    "no connection": (
        upgrade_request(headers={"Connection": "close"}),
        refusal(400, "the Connection header must name Upgrade"),
    ),
    "an old WebSocket": (
        upgrade_request(headers={"Sec-WebSocket-Version": "8"}),
        refusal(426, "use Sec-WebSocket-Version 13", "Upgrade: websocket", "Sec-WebSocket-Version: 13"),
    ),
    "no key": (upgrade_request(headers={"Sec-WebSocket-Key": None}), refusal(400, NO_KEY)),
    "a short key": (upgrade_request(headers={"Sec-WebSocket-Key": "AAAA"}), refusal(400, NO_KEY)),
    "other subprotocols": (
        upgrade_request(headers={"Sec-WebSocket-Protocol": "graphql-ws, MCP"}),
        refusal(400, "none of the offered subprotocols is spoken here"),
    ),
    "bad extensions": (
        upgrade_request(headers={"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits=9 9"}),
        refusal(400, "the Sec-WebSocket-Extensions header is malformed"),
    ),
}


@pytest.mark.proves(
    "H-2",
    "H-3",
    "H-4",
    "H-5",
    "H-7",
    "H-8",
    "H-9",
    "H-10",
    "H-11",
    "H-12",
    "H-13",
    "H-14",
    "H-15",
    "H-16",
    "H-17",
    "H-19",
    "mcp/2025-11-25/basic/transports#origin",
    "rfc6455/4.2.2/refusal",
    "rfc6455/4.4/version",
    "rfc6455/9.1/extensions",
)
@pytest.mark.parametrize(("sent", "answer"), REFUSED.values(), ids=REFUSED)
@bounded
async def test_a_handshake_that_is_refused_is_answered_in_http(served: Serve, sent: bytes, answer: bytes) -> None:
    server = await served()
    assert await server.answer_to(sent) == answer
    await server.assert_the_next_is_served()


class ServerContext(ContextFactory):
    """TLS with this certificate."""

    def __init__(self, certificate: trustme.LeafCert) -> None:
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        certificate.configure_cert(self._context)

    def getContext(self) -> SSL.Context:
        return self._context


UNFINISHED: dict[str, tuple[bytes, bytes]] = {
    "a large POST": (b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n", b"426 "),
    "to another path": (b"POST /other HTTP/1.1\r\nHost: localhost\r\n\r\n", b"404 "),
    "after an upgrade": (upgrade_request("/other"), b"404 "),
    "an endless head": (b"GET / HTTP/1.1\r\nX: ", b"431 "),
    "no HTTP": (b"\x16\x03\x01\x02\x00", b"4"),
    "another HTTP": (b"GET / HTTP/banana\r\n", b"4"),
}


def answer_after(port: int, sent: bytes, more: int) -> bytes:
    """All that the server answers to a client that reads nothing before it has sent all; in a thread."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as wire:
        wire.sendall(sent)
        for _ in range(more // MIB):
            wire.sendall(b"x" * MIB)
        return b"".join(iter(lambda: wire.recv(65_536), b""))


@pytest.mark.proves("H-28")
@pytest.mark.parametrize(("sent", "status"), UNFINISHED.values(), ids=UNFINISHED)
@bounded
async def test_a_refusal_arrives_whole_though_the_client_sends_on(served: Serve, sent: bytes, status: bytes) -> None:
    server = await served()
    answer = await threads.deferToThread(answer_after, server.port, sent, 10 * MIB)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 " + status)
    assert f"Content-Length: {len(body)}\r\n".encode() in head
    await server.assert_the_next_is_served()


@pytest.mark.proves("H-28")
@bounded
async def test_a_full_server_refuses_a_large_request_whole(served: Serve) -> None:
    server = await served(max_connections=1)
    await server.upgraded()
    answer = await threads.deferToThread(answer_after, server.port, GOOD, 10 * MIB)
    assert answer == refusal(503, "no connection is free", "Retry-After: 5")


@pytest.mark.proves("H-28")
@bounded
async def test_a_refusal_over_tls_arrives_whole_too(served: Serve) -> None:
    authority = trustme.CA()
    own = ServerContext(authority.issue_cert("127.0.0.1"))
    context = ssl.create_default_context()
    authority.configure_trust(context)

    def ask(port: int) -> bytes:
        with (
            socket.create_connection(("127.0.0.1", port), PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1") as wire,
        ):
            wire.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for _ in range(10):
                wire.sendall(b"x" * MIB)
            return b"".join(iter(lambda: wire.recv(65_536), b""))

    server = await served(tls=own)
    answer = await threads.deferToThread(ask, server.port)
    assert answer == refusal(426, "this is a WebSocket endpoint", "Upgrade: websocket")


def post(port: int) -> tuple[int, bytes]:
    """What Python's own client makes of the refusal of a large body; in a thread."""
    client = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    client.request("POST", "/mcp", b"x" * 10 * MIB)
    with client.getresponse() as answer:
        return answer.status, answer.read()


@pytest.mark.proves("H-28")
@bounded
async def test_a_library_reads_the_refusal_of_what_it_posts(served: Serve) -> None:
    server = await served()
    status, body = await threads.deferToThread(post, server.port)
    assert (status, body) == (426, b"426 Upgrade Required: this is a WebSocket endpoint\n")


@pytest.mark.proves("H-28")
@bounded
async def test_who_never_stops_sending_is_dropped(served: Serve) -> None:
    server = await served(max_message_size=MIB)
    with pytest.raises(ConnectionError):
        await threads.deferToThread(answer_after, server.port, b"POST / HTTP/1.1\r\n\r\n", 1024 * MIB)
    assert server.factory.statistics().connections_aborted == 1
    await server.assert_the_next_is_served()


MASKED_MIB = b"\x81\xff" + MIB.to_bytes(8, "big") + bytes(4)


def seconds_until_closed(port: int, sent: bytes) -> tuple[bytes, float]:
    """What the server says to this, and after how long TCP is closed both ways; in a thread."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as wire:
        wire.sendall(upgrade_request())
        received = b""
        while not received.endswith(b"\r\n\r\n"):
            received += wire.recv(1)
        wire.sendall(sent)
        started = time.monotonic()
        said = b"".join(iter(lambda: wire.recv(65_536), b""))
        with suppress(ConnectionError):
            while time.monotonic() - started < PATIENCE:
                # Whoever has closed answers with a reset.
                wire.sendall(bytes(1000))
                time.sleep(0.02)
        return said, time.monotonic() - started


@pytest.mark.proves("K-19", "rfc6455/7.1.7/fail")
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x81\x7e\xff\xff", 1002),
        (b"\x83\xff", 1002),
        (MASKED_MIB + b"\xff", 1007),
        (b"\x81\xff" + (2**40).to_bytes(8, "big") + bytes(4), 1009),
    ],
)
@bounded
async def test_tcp_is_closed_within_a_second_of_a_breach_in_the_middle_of_a_frame(
    served: Serve, sent: bytes, code: int
) -> None:
    server = await served(close_timeout=PATIENCE)
    said, seconds = await threads.deferToThread(seconds_until_closed, server.port, sent)
    assert said[2:4] == struct.pack("!H", code)
    # A second, and what a busy machine adds to it; far from the time that a Close is waited for.
    assert seconds < 5
    await server.assert_the_next_is_served()


@pytest.mark.proves("H-10")
@bounded
async def test_a_missing_origin_is_403_where_one_is_required(served: Serve) -> None:
    server = await served(require_origin=True)
    assert await server.answer_to(GOOD) == refusal(403, "this origin may not connect")
    client = await server.connected()
    client.send(upgrade_request(headers={"Origin": "http://localhost:3000"}))
    await client.until(lambda: client.received.startswith(b"HTTP/1.1 101 "))


@pytest.mark.proves("H-18")
@bounded
async def test_a_server_that_fails_itself_answers_500(
    served: Serve, monkeypatch: pytest.MonkeyPatch, logged_errors: LoggedErrors
) -> None:
    def fails(roster: Roster) -> bool:
        raise RuntimeError("evil\r\nX: y")

    server = await served()
    with monkeypatch.context() as patch:
        patch.setattr(Roster, "is_full", property(fails))
        assert await server.answer_to(GOOD) == refusal(500, "the handshake failed here")
    assert len(logged_errors.flush(RuntimeError)) == 1
    await server.assert_the_next_is_served()


@pytest.mark.proves("H-6", "L-8")
@bounded
async def test_one_client_too_many_is_503_until_another_leaves(served: Serve) -> None:
    server = await served(max_connections=1)
    first = await server.initialised()
    assert await server.answer_to(GOOD) == refusal(503, "no connection is free", "Retry-After: 5")
    first.send_frame(CLOSE, struct.pack("!H", 1000))
    await first.until(first.is_gone)
    await server.assert_the_next_is_served()


@pytest.mark.proves("H-23")
@bounded
async def test_a_handshake_that_does_not_end_is_dropped_without_an_answer(served: Serve) -> None:
    server = await served(timeout_seconds=SOON)
    silent = await server.connected()
    assert await server.answer_to(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n") == b""
    await silent.until(silent.is_gone)
    assert silent.received == b""
    await server.assert_the_next_is_served()


# Messages that are answered with an error

UNTOLD = object()
"""A text that is not ours to fix."""

ANSWERED: dict[str, tuple[bytes, object, int, str, dict[str, Any]]] = {
    "nothing": (b"", None, -32700, "Parse error", {"reason": UNTOLD}),
    "no JSON": (b"hello", None, -32700, "Parse error", {"reason": UNTOLD}),
    "half of it": (b'{"jsonrpc":"2.0","id":1', None, -32700, "Parse error", {"reason": UNTOLD}),
    "too deep": (b"[" * 129 + b"]" * 129, None, -32700, "Parse error", {"reason": "nested deeper than 128 levels"}),
    "a number": (b"1", None, -32600, "Invalid Request", {"path": "$", "reason": "must be an object"}),
    "a batch": (
        b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]',
        None,
        -32600,
        "Invalid Request",
        {"path": "$", "reason": "must be an object"},
    ),
    "nothing to do": (
        b'{"jsonrpc":"2.0","id":1}',
        1,
        -32600,
        "Invalid Request",
        {"path": "$", "reason": "has neither a method, nor a result, nor an error"},
    ),
    "another version": (
        b'{"jsonrpc":"1.0","id":"a","method":"ping"}',
        "a",
        -32600,
        "Invalid Request",
        {"path": "$.jsonrpc", "reason": 'must be "2.0"'},
    ),
    "a null id": (
        b'{"jsonrpc":"2.0","id":null,"method":"ping"}',
        None,
        -32600,
        "Invalid Request",
        {"path": "$.id", "reason": "must be a string or an integer, not null"},
    ),
    "a fractional id": (
        b'{"jsonrpc":"2.0","id":1.0,"method":"ping"}',
        None,
        -32600,
        "Invalid Request",
        {"path": "$.id", "reason": "must be a string or an integer, not 1.0"},
    ),
    "a method that is no string": (
        b'{"jsonrpc":"2.0","id":1,"method":2}',
        1,
        -32600,
        "Invalid Request",
        {"path": "$.method", "reason": "must be a string"},
    ),
    "parameters that are a string": (
        b'{"jsonrpc":"2.0","id":1,"method":"ping","params":"a"}',
        1,
        -32600,
        "Invalid Request",
        {"path": "$.params", "reason": "must be an object or an array"},
    ),
    "two members too many": (
        b'{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}',
        1,
        -32600,
        "Invalid Request",
        {"path": "$", "reason": "has more than one of method, result and error"},
    ),
    "a second initialize": (
        b'{"jsonrpc":"2.0","id":1,"method":"initialize"}',
        1,
        -32600,
        "Already initialized",
        {"method": "initialize"},
    ),
    "an unknown method": (
        b'{"jsonrpc":"2.0","id":1,"method":"no/such"}',
        1,
        -32601,
        "Method not found: no/such",
        {"method": "no/such"},
    ),
    "parameters that do not fit": (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"next"}}',
        1,
        -32602,
        "Invalid params: $.cursor: not a cursor of this list",
        {"path": "$.cursor", "reason": "not a cursor of this list"},
    ),
    "a tool that there is not": (
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"no"}}',
        1,
        -32602,
        "Unknown tool: no",
        {"path": "$.name", "reason": "no tool 'no'"},
    ),
    "a resource that there is not": (
        b'{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"a://b"}}',
        1,
        -32002,
        "Resource not found: a://b",
        {"uri": "a://b"},
    ),
}


@pytest.mark.proves(
    "E-1",
    "E-2",
    "E-3",
    "E-4",
    "E-6",
    "E-13",
    "I-1",
    "M-5",
    "M-6",
    "M-8",
    "mcp/2025-11-25/basic#ids",
    "mcp/2025-11-25/server/resources#not-found",
)
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
@pytest.mark.parametrize(("sent", "id", "code", "message", "data"), ANSWERED.values(), ids=ANSWERED)
@bounded
async def test_a_message_that_cannot_be_served_is_answered_in_kind_and_the_connection_lives(
    served: Serve, sent: bytes, id: object, code: int, message: str, data: dict[str, Any], binary: bool
) -> None:
    server = await served()
    client = await server.initialised()
    client.send_frame(BINARY if binary else TEXT, sent)
    frame = await client.next_frame()
    assert frame.opcode == (BINARY if binary else TEXT)
    answer = msgspec.json.decode(frame.payload)
    told = answer["error"].get("data", {})
    expected = {name: told.get(name) if value is UNTOLD else value for name, value in data.items()}
    error = {"code": code, "message": message, "data": expected}
    assert answer == {"jsonrpc": "2.0", "error": error} | ({} if id is None else {"id": id})
    assert all(told.values())
    assert (await client.ask(call(1, "ping")))["result"] == {}
    await server.assert_the_next_is_served()


@pytest.mark.proves("A-5", "V-2", "mcp/2025-11-25/basic/utilities/ping#answer")
@bounded
async def test_a_request_before_initialize_is_refused(served: Serve) -> None:
    server = await served()
    client = await server.upgraded()
    path, reason = f"$._meta.{PROTOCOL_VERSION}", "is required unless the first request is initialize"
    assert (await client.ask(call(1, "ping")))["result"] == {}
    assert await client.ask(call(2, "tools/list")) == {
        "jsonrpc": "2.0",
        "id": 2,
        "error": {
            "code": -32602,
            "message": f"Invalid params: {path}: {reason}",
            "data": {"path": path, "reason": reason},
        },
    }
    assert (await client.ask(INITIALIZE))["result"]["protocolVersion"] == "2025-11-25"
    await server.assert_the_next_is_served()


@pytest.mark.proves("E-17")
@pytest.mark.not_mcp("arguments that are no object")
@pytest.mark.parametrize("version", [*LEGACY_VERSIONS, "2026-07-28"])
@bounded
async def test_arguments_that_do_not_fit_are_told_to_whom_the_version_says(served: Serve, version: str) -> None:
    server = await served()
    client = await server.upgraded()
    meta: dict[str, Any] = {}
    if version == "2026-07-28":
        meta = {"_meta": {PROTOCOL_VERSION: version, CLIENT_CAPABILITIES: {}}}
    else:
        begin = call("start", "initialize", protocolVersion=version, capabilities={}, clientInfo=CLIENT)
        assert (await client.ask(begin))["result"]["protocolVersion"] == version
    told = "Invalid params: $.arguments.b: Expected `int`, got `str`"
    answer = await client.ask(call(1, name="add", arguments={"a": 1, "b": "2"}, **meta))
    if version in LEGACY_VERSIONS[:3]:
        assert (answer["error"]["code"], answer["error"]["message"]) == (-32602, told)
    else:
        assert answer["result"]["content"] == [{"type": "text", "text": told}]
        assert answer["result"]["isError"] is True
    unknown = await client.ask(call(2, name="no", arguments={}, **meta))
    malformed = await client.ask(call(3, name="add", arguments=5, **meta))
    assert [unknown["error"]["code"], malformed["error"]["code"]] == [-32602, -32602]
    right = await client.ask(call(4, name="add", arguments={"a": 1, "b": 2}, **meta))
    assert right["result"]["structuredContent"] == {"result": 3}


@pytest.mark.proves("M-13")
@pytest.mark.not_mcp("null stands where nothing should")
@bounded
async def test_null_is_the_same_as_nothing(served: Serve) -> None:
    app = tools()

    @app.tool
    async def ask(context: Context, times: int = 1) -> str:
        return repr((await context.elicit("Who?", {"type": "object", "properties": {}})).content)

    client = await (await served(app)).upgraded()
    begin = call("start", "initialize", protocolVersion="2025-11-25", capabilities={"elicitation": {}}, clientInfo=None)
    assert "result" in await client.ask({**begin, "_meta": None})
    assert (await client.ask({**call(1, "ping"), "params": None}))["result"] == {}
    listed = await client.ask(call(2, "tools/list", cursor=None, _meta=None))
    assert len(listed["result"]["tools"]) == 4
    question = await client.ask(call(3, name="ask", arguments=None, _meta={"progressToken": None}))
    result = {"action": "accept", "content": {"name": "Bo", "age": None}, "_meta": None}
    answer = await client.ask({"jsonrpc": "2.0", "id": question["id"], "result": result})
    assert answer["result"]["content"][0]["text"] == "{'name': 'Bo'}"


@pytest.mark.proves("L-19")
@bounded
async def test_notifications_that_nobody_is_done_with_are_dropped_and_counted(served: Serve) -> None:
    app = tools(max_notifications=10)
    heard: list[int] = []

    @app.notification("wait")
    def wait(params: dict[str, Any]) -> Deferred[None]:
        heard.append(params["number"])
        return Deferred()

    server = await served(app)
    client = await server.initialised()
    for number in range(1000):
        client.send_message({"jsonrpc": "2.0", "method": "wait", "params": {"number": number}})
    answer = await client.ask(call(1, name="add", arguments={"a": 1, "b": 2}))
    assert answer["result"]["structuredContent"] == {"result": 3}
    assert heard == list(range(10))
    assert server.factory.statistics().backend["app.notifications_dropped"] == 990
    await server.assert_the_next_is_served()


BEFORE: dict[str, list[bytes | dict[str, Any]]] = {
    "nothing": [],
    "a ping": [call(1, "ping")],
    "no JSON": [b"nonsense"],
    "a modern request": [call(1, "tools/list", _meta={PROTOCOL_VERSION: "2026-07-28", CLIENT_CAPABILITIES: {}})],
    "a request without a version": [call(1, "tools/list")],
    "a refused initialize": [call(1, "initialize", protocolVersion=5)],
    "an initialize": [INITIALIZE],
}

WITHOUT_VERSION: list[dict[str, Any]] = [
    {},
    {"params": None},
    {"params": []},
    {"params": {}},
    {"params": {"_meta": None}},
    {"params": {"_meta": []}},
    {"params": {"_meta": {}}},
    {"params": {"_meta": {"progressToken": "token"}}},
    {"params": {"_meta": {"progressToken": 1.5}}},
    {"params": {"_meta": {CLIENT_CAPABILITIES: {}}}},
]

INCOMPLETE: list[dict[str, Any]] = [
    {"params": {"_meta": {PROTOCOL_VERSION: None, CLIENT_CAPABILITIES: {}}}},
    {"params": {"_meta": {PROTOCOL_VERSION: 20260728, CLIENT_CAPABILITIES: {}}}},
    {"params": {"_meta": {PROTOCOL_VERSION: "2026-07-28"}}},
    {"params": {"_meta": {PROTOCOL_VERSION: "2026-07-28", CLIENT_CAPABILITIES: None}}},
]


@pytest.mark.proves("V-2", "V-15", "mcp/2026-07-28/basic#meta")
@pytest.mark.not_mcp("something is missing")
@pytest.mark.parametrize("method", ["tools/list", "server/discover", "subscriptions/listen", "no/such"])
@pytest.mark.parametrize("before", BEFORE)
@bounded
async def test_a_request_without_what_its_meta_has_to_say_is_refused_whatever_came_before(
    served: Serve, before: str, method: str
) -> None:
    server = await served()
    belongs_to_handshake = before == "an initialize" and method in ("tools/list", "no/such")
    for members in INCOMPLETE if belongs_to_handshake else WITHOUT_VERSION + INCOMPLETE:
        client = await server.upgraded()
        for message in BEFORE[before]:
            client.send_frame(TEXT, message if isinstance(message, bytes) else msgspec.json.encode(message))
            await client.next_message()
        answer = await client.ask({"jsonrpc": "2.0", "id": 2, "method": method, **members})
        assert answer["error"]["code"] == -32602, members
        assert answer["error"]["data"]["path"].startswith("$._meta.io.modelcontextprotocol/"), members
        assert (await client.ask(call(3, "ping")))["result"] == {}
        client.tcp.abortConnection()


@pytest.mark.proves("E-2", "V-2", "V-15")
@bounded
async def test_between_initialize_and_its_answer_other_requests_come_too_early(served: Serve) -> None:
    backend = RecordingBackend(initialize=False)
    client = await (await served(backend)).upgraded()
    client.send_message(INITIALIZE)
    assert (await client.ask(call(2, "tools/list")))["error"]["message"] == "Not initialized"
    assert (await client.ask(call(3, "server/discover")))["error"]["code"] == -32602


@pytest.mark.proves("I-2", "I-3")
@bounded
async def test_an_id_in_use_is_refused_and_the_same_id_of_another_type_is_not(served: Serve) -> None:
    server = await served()
    client = await server.initialised()
    client.send_message(call(1, "never"))
    refused = {"code": -32600, "message": "Request id in use", "data": {"path": "$.id"}}
    assert await client.ask(call(1, "ping")) == {"jsonrpc": "2.0", "id": 1, "error": refused}
    assert await client.ask(call("1", "ping")) == {"jsonrpc": "2.0", "id": "1", "result": {}}
    await server.assert_the_next_is_served()


@pytest.mark.proves("E-2", "P-2")
@bounded
async def test_a_progress_token_in_use_is_refused(served: Serve) -> None:
    server = await served()
    client = await server.initialised()
    client.send_message(call(1, "never", _meta={"progressToken": "t"}))
    refused = {
        "code": -32600,
        "message": "Progress token in use",
        "data": {"path": "$.params._meta.progressToken"},
    }
    answer = await client.ask(call(2, "ping", _meta={"progressToken": "t"}))
    assert answer == {"jsonrpc": "2.0", "id": 2, "error": refused}
    await server.assert_the_next_is_served()


@pytest.mark.proves("E-5", "E-14")
@bounded
async def test_an_exception_is_answered_with_nothing_but_a_reference(
    served: Serve, logged_errors: LoggedErrors
) -> None:
    server = await served()
    client = await server.initialised()
    answer = await client.ask(call(1, name="fail", arguments={}))
    [logged] = logged_errors.flush(RuntimeError)
    told = f"The tool fail failed; the log of its server says why, under reference {logged['reference']}."
    assert answer["result"] == {"content": [{"type": "text", "text": told}], "isError": True}
    await server.assert_the_next_is_served()


@pytest.mark.proves("E-9", "L-3")
@bounded
async def test_an_answer_over_the_limit_is_413_and_the_connection_lives(served: Serve) -> None:
    server = await served(max_outbound_size=1000)
    client = await server.initialised()
    answer = await client.ask(call(1, name="text", arguments={"size": 2000}))
    size = answer["error"]["data"]["size"]
    assert size > 2000
    assert answer == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {
            "code": 413,
            "message": f"The answer has {size} bytes, more than the limit of 1000",
            "data": {"size": size, "limit": 1000},
        },
    }
    assert (await client.ask(call(2, "ping")))["result"] == {}
    await server.assert_the_next_is_served()


@pytest.mark.proves("L-20")
@bounded
async def test_an_id_over_the_limit_is_refused_and_nothing_of_it_is_kept(served: Serve) -> None:
    server = await served()
    client = await server.initialised()
    for number in range(5):
        id = f"{number}" + "x" * MIB
        answer = await client.ask(call(id, name="wait", arguments={}))
        assert (answer["id"] == id, answer["error"]["code"]) == (True, -32600)
    [one] = server.factory.statistics().connections
    assert (one.too_long, one.in_flight) == (5, 0)
    assert (await client.ask(call("x" * 65_536, "ping")))["result"] == {}
    await server.assert_the_next_is_served()


@pytest.mark.proves("B-1", "B-3", "mcp/2025-03-26/basic#batches")
@bounded
async def test_a_batch_is_answered_where_2025_03_26_was_negotiated(served: Serve) -> None:
    server = await served()
    client = await server.upgraded()
    started = await client.ask(
        call("start", "initialize", protocolVersion="2025-03-26", capabilities={}, clientInfo=CLIENT)
    )
    assert started["result"]["protocolVersion"] == "2025-03-26"
    answers = await client.ask([call(1, "ping"), 7, call(2, "no/such")])
    assert [(one.get("id"), one.get("error", {}).get("code")) for one in answers] == [
        (1, None),
        (None, -32600),
        (2, -32601),
    ]
    await server.assert_the_next_is_served()


@pytest.mark.proves("M-9", "M-10", "mcp/2025-11-25/basic#notifications")
@bounded
async def test_notifications_and_answers_to_nothing_are_not_answered(served: Serve) -> None:
    server = await served()
    client = await server.initialised()
    client.send_message({"jsonrpc": "2.0", "method": "no/such"})
    client.send_message({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1.5}})
    client.send_message({"jsonrpc": "2.0", "id": 7, "result": {}})
    client.send_message({"jsonrpc": "2.0", "id": 7, "error": {"code": 1, "message": "no"}})
    assert (await client.ask(call(1, "ping")))["id"] == 1
    await server.assert_the_next_is_served()


# What ends a connection

TOO_LARGE = "received WebSocket message size 1001 exceeds payload limit of 1000 octets"
OPEN = 0x100
"""Beside an opcode: more of the message follows."""

CLOSED: dict[str, tuple[dict[str, Any], list[tuple[int, bytes]], int, str | None]] = {
    "text that is not UTF-8": ({}, [(TEXT, b'"\xff"')], 1007, None),
    "a binary message, where none is taken": (
        {"binary": "refuse"},
        [(BINARY, b"{}")],
        1003,
        "binary messages are refused here",
    ),
    "a message over the limit": ({"max_message_size": 1000}, [(TEXT, b" " * 1001)], 1009, TOO_LARGE),
    "in fragments": (
        {"max_message_size": 1000},
        [(TEXT | OPEN, b" " * 1000), (CONTINUATION, b" ")],
        1009,
        TOO_LARGE,
    ),
    "a reserved opcode": ({}, [(3, b"")], 1002, None),
    "a long ping": ({}, [(PING, b"x" * 126)], 1002, None),
}


@pytest.mark.proves("K-3", "K-4", "K-5", "K-7", "L-1", "M-2")
@pytest.mark.parametrize(("settings", "sent", "code", "reason"), CLOSED.values(), ids=CLOSED)
@bounded
async def test_a_frame_that_cannot_be_taken_ends_the_connection_with_its_code(
    served: Serve, settings: dict[str, Any], sent: list[tuple[int, bytes]], code: int, reason: str | None
) -> None:
    server = await served(**settings)
    client = await server.initialised()
    for opcode, payload in sent:
        client.send_frame(opcode & 15, payload, fin=not opcode & OPEN)
    told = await client.next_close()
    assert told == (code, told[1] if reason is None else reason)
    await server.assert_the_next_is_served()


@pytest.mark.proves("M-4")
@bounded
async def test_binary_that_is_not_utf_8_is_a_message_that_is_no_json(served: Serve) -> None:
    server = await served()
    client = await server.initialised()
    client.send_frame(BINARY, b'"\xff"')
    answer = msgspec.json.decode((await client.next_frame()).payload)
    assert answer["error"] == {"code": -32700, "message": "Parse error", "data": {"reason": "not UTF-8 at byte 1"}}
    await server.assert_the_next_is_served()


@pytest.mark.proves("K-6", "L-7", "M-7")
@bounded
async def test_too_many_bad_messages_end_the_connection_with_1008(served: Serve) -> None:
    server = await served(max_bad_messages=3)
    client = await server.initialised()
    for _ in range(4):
        client.send_frame(TEXT, b"?")
    assert [(await client.next_message())["error"]["code"] for _ in range(3)] == [-32700] * 3
    assert await client.next_close() == (1008, "too many bad messages")
    await server.assert_the_next_is_served()


@pytest.mark.proves("K-9", "L-6", "L-14")
@bounded
async def test_a_client_that_does_not_read_is_closed_with_1013(served: Serve) -> None:
    server = await served(stall_timeout=0.5)
    client = await server.initialised()
    client.tcp.pauseProducing()
    [stalled] = server.factory.connections
    # More than the buffers of both sockets take.
    for id in range(6):
        client.send_message(call(id, name="text", arguments={"size": 8 * MIB}))
    while stalled.close_code != 1013:
        await deferLater(reactor, SOON)
        await server.assert_the_next_is_served()
    client.tcp.resumeProducing()
    while (last := await client.next_frame()).opcode != CLOSE:
        pass
    assert last.payload == struct.pack("!H", 1013) + b"nothing was read for 0.5 s"
    await server.assert_the_next_is_served()


@pytest.mark.proves("K-10", "V-6")
@bounded
async def test_a_client_that_does_not_initialize_is_closed_with_4408(served: Serve) -> None:
    server = await served(initialize_timeout=SOON)
    client = await server.upgraded()
    assert await client.next_close() == (4408, "no initialize within 0.2 s")
    await server.assert_the_next_is_served()


@pytest.mark.proves("A-2")
@bounded
async def test_a_client_that_sends_nothing_at_all_is_dropped(served: Serve) -> None:
    # Far enough apart that a busy machine gets to the Ping before it is too late for one.
    server = await served(heartbeat_interval=SOON / 2, heartbeat_timeout=8 * SOON)
    client = await server.initialised()
    await client.until(client.is_gone)
    assert {frame.opcode for frame in client.frames} == {PING}
    await server.assert_the_next_is_served()


@pytest.mark.proves("K-15")
@bounded
async def test_a_client_that_does_not_answer_a_close_is_dropped(served: Serve) -> None:
    server = await served(close_timeout=SOON)
    client = await server.initialised()
    client.send_frame(3)
    await client.until(client.is_gone)
    assert [frame.opcode for frame in client.frames] == [CLOSE]
    await server.assert_the_next_is_served()


# The end of what answers

DYING = """
import json, sys
for line in sys.stdin:
    request = json.loads(line)
    if request["method"] == "initialize":
        result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "dying", "version": "1"}}
    elif request["method"] == "tools/call":
        result = {"content": [], "structuredContent": {"result": 3}}
    elif request["method"] == "wait":
        continue
    else:
        sys.exit(3)
    print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
"""


@pytest.mark.proves("E-11", "G-3", "K-8")
@bounded
async def test_a_dead_child_is_502_for_each_open_request_and_then_1011(served: Serve) -> None:
    server = await served(Stdio([sys.executable, "-c", DYING], reactor=reactor))
    client = await server.initialised()
    for id, method in [(1, "wait"), ("1", "wait"), (2, "die")]:
        client.send_message(call(id, method))
    error = {"code": 502, "message": "The server process exited with status 3"}
    assert [await client.next_message() for _ in range(3)] == [
        {"jsonrpc": "2.0", "id": id, "error": error} for id in (1, "1", 2)
    ]
    assert await client.next_close() == (1011, "The server process exited with status 3")
    await server.assert_the_next_is_served()


@pytest.mark.proves("D-1", "D-3", "E-12", "H-6")
@bounded
async def test_a_server_that_is_shutting_down_refuses_and_then_closes_with_1001(served: Serve) -> None:
    server = await served(drain_seconds=SOON)
    idle, busy = await server.initialised(), await server.initialised()
    busy.send_message(call(1, "never"))
    assert (await busy.ask(call(2, "ping")))["id"] == 2
    server.factory.drain()
    assert await idle.next_close() == (1001, "the service is shutting down")
    assert await server.answer_to(GOOD) == refusal(503, "the service is shutting down", "Retry-After: 5")
    refused = {"code": 503, "message": "The service is shutting down"}
    assert await busy.ask(call(3, "ping")) == {"jsonrpc": "2.0", "id": 3, "error": refused}
    # What takes longer than the drain is refused as well.
    assert await busy.next_message() == {"jsonrpc": "2.0", "id": 1, "error": refused}
    assert await busy.next_close() == (1001, "the service is shutting down")


@pytest.mark.proves("K-2")
@bounded
async def test_the_installed_service_says_the_same(serve: Callable[..., Any]) -> None:
    service = serve()
    client: Wire = cast(
        Wire, await TCP4ClientEndpoint(reactor, "127.0.0.1", service.port).connect(Factory.forProtocol(Wire))
    )
    await client.initialise()
    error = {"code": -32601, "message": "Method not found: no/such", "data": {"method": "no/such"}}
    assert await client.ask(call(1, "no/such")) == {"jsonrpc": "2.0", "id": 1, "error": error}
    service.terminate()
    assert await client.next_close() == (1001, "the service is shutting down")
    assert await threads.deferToThread(service.wait) == 0
