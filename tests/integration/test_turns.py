"""One client that sends as fast as it can, what costs more to take than to send: the others hardly notice."""

import contextlib
import os
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcpws.testing.raw import upgrade_request
from mcpws.ws.fastlane import frame

pytestmark = pytest.mark.integration

SECONDS = 3.0
INITIALIZE = (
    b'{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},'
    b'"clientInfo":{"name":"test","version":"1"}}}'
)
READY = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
NOTE = b'{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}'


def masked(first: int, payload: bytes = b"") -> bytes:
    return bytes([first, 0x80 | len(payload)]) + bytes(4) + payload


def text(payload: bytes) -> bytes:
    return frame(payload, False, bytes(4))


FLOODS = {
    "pings": masked(0x89) * 80_000,
    "fragments": masked(0x01, b" ") + masked(0x00, b" ") * 150_000 + masked(0x80, NOTE),
    "empty fragments": masked(0x01) + masked(0x00) * 150_000 + masked(0x80, NOTE),
    "pings and notifications": (masked(0x89) + text(NOTE)) * 10_000,
    "requests": b"".join(text(b'{"jsonrpc":"2.0","id":%d,"method":"ping"}' % id) for id in range(1, 10_000)),
}


@contextlib.contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), 30) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        key = "".join(chr(65 + byte % 26) for byte in os.urandom(21)) + "A=="
        client.sendall(upgrade_request(headers={"Host": f"127.0.0.1:{port}", "Sec-WebSocket-Key": key}))
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        client.sendall(text(INITIALIZE))
        client.recv(65536)
        client.sendall(text(READY))
        yield client


def flood(port: int, data: bytes, until: threading.Event) -> None:
    with contextlib.suppress(OSError), connected(port) as client:
        reading = threading.Thread(target=_drain, args=[client], daemon=True)
        reading.start()
        client.settimeout(0.2)
        rest = memoryview(data)
        while not until.is_set():
            with contextlib.suppress(TimeoutError):
                rest = rest[client.send(rest[:65536]) :] or memoryview(data)
        client.shutdown(socket.SHUT_RDWR)


def _drain(client: socket.socket) -> None:
    while True:
        try:
            if not client.recv(1 << 20):
                return
        except TimeoutError:
            continue
        except OSError:
            return


def waits(port: int, seconds: float) -> list[float]:
    """How long one ping after the other waits for its answer."""
    waited: list[float] = []
    with connected(port) as client:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            begun = time.monotonic()
            client.sendall(text(b'{"jsonrpc":"2.0","id":%d,"method":"ping"}' % (len(waited) + 1)))
            client.recv(65536)
            waited.append(time.monotonic() - begun)
            time.sleep(0.005)
    return waited


@pytest.mark.proves("L-18")
@pytest.mark.parametrize("attackers", [1, 3])
@pytest.mark.parametrize("kind", FLOODS)
def test_one_client_holds_no_other_up(serve: Callable[..., Any], kind: str, attackers: int) -> None:
    service = serve()
    over = threading.Event()
    floods = [threading.Thread(target=flood, args=[service.port, FLOODS[kind], over]) for _ in range(attackers)]
    for one in floods:
        one.start()
    try:
        time.sleep(0.5)
        waited = waits(service.port, SECONDS)
    finally:
        over.set()
        for one in floods:
            one.join()
    assert statistics.median(waited) < 0.2
