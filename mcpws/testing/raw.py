"""The ends of a WebSocket in bytes, for tests of what a peer does wrong."""

from __future__ import annotations

import struct
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha1
from typing import Any, NamedTuple, cast

import msgspec
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure

from mcpws.jsonrpc.messages import to_raw
from mcpws.testing.network import MemoryTransport

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
"""Opcodes (RFC 6455, section 5.2)."""

_ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Frame(NamedTuple):
    """A WebSocket frame (RFC 6455, section 5.2) as it was read."""

    opcode: int
    payload: bytes
    fin: bool = True


def upgrade_request(path: str = "/", headers: Mapping[str, str | None] | None = None) -> bytes:
    """A client's handshake; `headers` replace the usual ones, None leaves one out."""
    usual = {
        "Host": "127.0.0.1:8082",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    return _head(f"GET {path} HTTP/1.1", usual, headers)


def _head(first: str, usual: Mapping[str, str], headers: Mapping[str, str | None] | None) -> bytes:
    sent = {**usual, **(headers or {})}
    lines = [f"{name}: {value}" for name, value in sent.items() if value is not None]
    return "\r\n".join([first, *lines, "", ""]).encode("latin-1")


class RawPeer(Protocol):
    """One end of a WebSocket that does only what the test says.

    `received` holds the bytes that came and were not taken yet; `lost` says why the connection is gone, None while it
    is not.
    """

    masks = False

    def __init__(self) -> None:
        self.received = b""
        self.lost: Failure | None = None

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost = reason

    def is_gone(self) -> bool:
        """Whether the connection is."""
        return self.lost is not None

    @property
    def wire(self) -> MemoryTransport:
        """To stop reading, or to close the connection."""
        return cast(MemoryTransport, self.transport)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.wire.write(data)

    def send_frame(
        self, opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, masked: bool | None = None
    ) -> None:
        """Send a frame; `masked` as this end has to by default."""
        mask = self.masks if masked is None else masked
        size = len(payload)
        extended = b"" if size < 126 else struct.pack("!H", size) if size < 65_536 else struct.pack("!Q", size)
        first = fin << 7 | reserved << 4 | opcode
        second = mask << 7 | {0: size, 2: 126, 8: 127}[len(extended)]
        # Masked with zeros, the payload stays as it is.
        self.send(bytes([first, second]) + extended + (bytes(4) if mask else b"") + payload)

    def send_message(self, message: Any, *, binary: bool = False) -> None:
        """Send a JSON value in one frame."""
        self.send_frame(BINARY if binary else TEXT, to_raw(message))

    def take_messages(self) -> list[Any]:
        """The JSON values that came in data frames; frames of other kinds are taken and dropped."""
        return [msgspec.json.decode(frame.payload) for frame in self.take_frames() if frame.opcode < CLOSE]

    def take_head(self) -> tuple[str, dict[str, str]]:
        """The HTTP head that came: its first line, and its headers with names in lower case."""
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        split = (line.partition(":") for line in lines)
        return first, {name.lower(): value.strip() for name, _, value in split}

    def take_frames(self) -> list[Frame]:
        """The whole frames that came."""
        frames = []
        while frame := self._take_frame():
            frames.append(frame)
        return frames

    def _take_frame(self) -> Frame | None:
        data = self.received
        if len(data) < 2:
            return None
        size, start = data[1] & 127, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
        mask = b""
        if data[1] & 128:
            mask = data[start : start + 4]
            start += 4
        if len(data) < start + size:
            return None
        payload, self.received = data[start : start + size], data[start + size :]
        if any(mask):
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        return Frame(data[0] & 15, payload, bool(data[0] & 128))


class RawClient(RawPeer):
    """The client's end."""

    masks = True

    def handshake(self, path: str = "/", headers: Mapping[str, str | None] | None = None) -> None:
        """Ask for the upgrade, as `upgrade_request` does."""
        self.send(upgrade_request(path, headers))


class RawServer(RawPeer):
    """The server's end."""

    def accept(self, headers: Mapping[str, str | None] | None = None) -> None:
        """Answer the upgrade request that came, which is taken; `headers` as for `upgrade_request`."""
        key = self.take_head()[1]["sec-websocket-key"]
        accept = b64encode(sha1(key.encode() + _ACCEPT_GUID).digest()).decode()
        usual = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
        self.send(_head("HTTP/1.1 101 Switching Protocols", usual, headers))
