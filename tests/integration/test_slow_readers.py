"""Who reads slowly but steadily, and says nothing else, is there; who reads nothing is not."""

import contextlib
import socket
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import Any, cast

import pytest
import trustme
from OpenSSL import SSL
from pytest_twisted import ensureDeferred
from twisted.internet import endpoints, reactor, threads
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from mcpws import App, WebSocketConfig
from mcpws.backends.stdio import ProcessReactor, Stdio
from mcpws.jsonrpc.messages import Notification, to_raw
from mcpws.testing import RecordingLink
from mcpws.testing.raw import upgrade_request
from mcpws.ws.fastlane import frame
from mcpws.ws.server import ServerFactory

pytestmark = pytest.mark.integration

SECONDS = 9.0
CONFIG = WebSocketConfig(stall_timeout=4, heartbeat_interval=1, heartbeat_timeout=5, close_timeout=1)
BEGIN = (
    b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},'
    b'"clientInfo":{"name":"test","version":"1"}}}',
    b'{"jsonrpc":"2.0","method":"notifications/initialized"}',
    b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"much","arguments":{}}}',
)


def much() -> str:
    """Far more than all buffers hold."""
    return "x" * 14_000_000


@implementer(IOpenSSLServerConnectionCreator)
class Certified:
    """The server's end of TLS."""

    def __init__(self, authority: trustme.CA) -> None:
        self._context = SSL.Context(SSL.TLS_SERVER_METHOD)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        return SSL.Connection(self._context, None)


def dial(kind: str, port: Any, path: Path, authority: trustme.CA) -> socket.socket:
    if kind == "unix":
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(path / "socket"))
        return client
    client = socket.create_connection(("127.0.0.1", port.getHost().port), 30)
    if kind == "tls":
        context = ssl.create_default_context()
        authority.configure_trust(context)
        return context.wrap_socket(client, server_hostname="127.0.0.1")
    return client


def read_slowly(client: socket.socket, rate: int, over: threading.Event) -> bool:
    """Ask for much, and read `rate` bytes a second of it; returns whether the connection was there to the end."""
    with client, contextlib.suppress(OSError):
        client.sendall(upgrade_request() + b"".join(frame(message, False, bytes(4)) for message in BEGIN))
        while not over.wait(0.1):
            if rate and not client.recv(max(1, rate // 10)):
                return False
        if not rate:
            client.settimeout(5)
            while client.recv(1 << 20):
                pass
            return False
        return True
    return False


@pytest.mark.proves("L-23")
@pytest.mark.parametrize("kind", ["tcp", "tls", "unix"])
@pytest.mark.parametrize("rate", [40_000, 0])
@ensureDeferred
async def test_a_slow_reader_is_there_as_long_as_it_reads(kind: str, rate: int, tmp_path: Path) -> None:
    authority = trustme.CA()
    app = App("much", "1")
    app.tool(much)
    factory = ServerFactory(app, CONFIG)
    serving: Any = factory
    if kind == "tls":
        serving = TLSMemoryBIOFactory(Certified(authority), False, factory)
    where = f"unix:{tmp_path}/socket" if kind == "unix" else "tcp:0:interface=127.0.0.1"
    port = await endpoints.serverFromString(reactor, where).listen(serving)
    over = threading.Event()
    client = await threads.deferToThread(dial, kind, port, tmp_path, authority)
    stays = threads.deferToThread(read_slowly, client, rate, over)
    await deferLater(reactor, SECONDS)
    connections = len(factory.connections)
    over.set()
    assert await stays is bool(rate)
    assert connections == bool(rate)
    await port.stopListening()
    await factory.stop()


CHATTY = """
import sys
line = '{"jsonrpc":"2.0","method":"n","params":{"x":"' + "x" * 100_000 + '"}}'
while sys.stdin.readline():
    print(line, flush=True)
"""
SLOW = """
import os, time
while os.read(0, 100):
    time.sleep(0.1)
"""


async def filled(program: str) -> tuple[Stdio, RecordingLink, Any]:
    stdio = Stdio(
        [sys.executable, "-I", "-c", program], reactor=cast(ProcessReactor, reactor), stall_timeout=1, stop_grace=0.2
    )
    link = RecordingLink()
    channel = await stdio.open(cast(Any, link))
    return stdio, link, channel


@pytest.mark.proves("L-23")
@ensureDeferred
async def test_a_child_that_waits_for_us_to_read_it_is_not_given_up() -> None:
    stdio, link, channel = await filled(CHATTY)
    channel.pauseProducing()
    for _ in range(20):
        channel.receive(Notification("n", to_raw({"x": "x" * 100_000})))
    await deferLater(reactor, 3)
    assert (link.ended, stdio.given_up) == (None, 0)
    channel.resumeProducing()
    begun = time.monotonic()
    while len(link.received) < 20 and time.monotonic() - begun < 20:
        await deferLater(reactor, 0.05)
    assert len(link.received) == 20
    channel.close("done")
    await stdio.stop()


@pytest.mark.proves("L-23")
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much of a pipe is read")
@ensureDeferred
async def test_a_child_that_reads_a_little_at_a_time_is_not_given_up() -> None:
    stdio, link, channel = await filled(SLOW)
    channel.receive(Notification("n", to_raw({"x": "x" * 1_000_000})))
    await deferLater(reactor, 4)
    assert (link.ended, stdio.given_up) == (None, 0)
    channel.close("done")
    await stdio.stop()
