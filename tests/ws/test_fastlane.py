"""The lane against Autobahn itself: the same events, the same bytes out, the same close, whatever comes in."""

import struct
import tracemalloc
from itertools import cycle, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.protocol import Factory

from mcpws.config import WebSocketConfig
from mcpws.errors import McpwsError
from mcpws.jsonrpc.messages import Message
from mcpws.testing import Network, RawClient, RawServer, RecordingBackend
from mcpws.ws.client import ClientConnectionFactory, ClientProtocol
from mcpws.ws.fastlane import FastLane, frame, head
from mcpws.ws.server import ServerFactory, ServerProtocol

# Above what is read at once, so that some frames come in parts whatever the cuts.
LIMIT = 70_000
KEYS = st.binary(min_size=4, max_size=4)
PAYLOADS = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=80).map(str.encode),
    st.text(min_size=20, max_size=80).map(lambda text: text.encode() * 200),
    st.sampled_from([b'{"jsonrpc":"2.0","id":1,"method":"ping"}', *(b"x" * n for n in (125, 126, 65_535, 65_536))]),
    st.sampled_from([b"y" * LIMIT, b"y" * (LIMIT + 1), "é".encode()[:1], b"\xed\xa0\x80", "\U0010ffff".encode()]),
)


FLAWS = ["", "", "", "", "opcode", "reserved", "mask", "length", "fragment", "size", "text"]


@st.composite
def frames(draw: st.DrawFn, masked: bool) -> bytes:
    """A frame, about half the time as the lane takes it."""
    flaw = draw(st.sampled_from(FLAWS))
    opcode = draw(st.integers(0, 15)) if flaw == "opcode" else draw(st.sampled_from([1, 2]))
    final = flaw != "fragment"
    if flaw == "fragment":
        opcode = draw(st.integers(0, 2))
    payload = draw(PAYLOADS)
    if opcode >= 8:
        payload = payload[: draw(st.sampled_from([2, 125, 126]))]
    elif flaw == "size":
        payload = b"y" * (LIMIT + 1)
    elif flaw == "text":
        where = draw(st.integers(0, len(payload)))
        opcode, payload = 1, payload[:where] + b"\xff" + payload[where:]
    reserved = draw(st.integers(1, 7)) if flaw == "reserved" else 0
    has_mask = masked is not (flaw == "mask")
    size = len(payload)
    width = 0 if size < 126 else 2 if size < 65_536 else 8
    if flaw == "length":
        width = draw(st.sampled_from([one for one in (2, 8) if one >= width]))
    length = {0: size, 2: 126, 8: 127}[width]
    key = draw(KEYS) if has_mask else b""
    first, second = final << 7 | reserved << 4 | opcode, bool(key) << 7 | length
    head = bytes([first, second]) + (size.to_bytes(width, "big") if width else b"")
    wire = bytes(byte ^ one for byte, one in zip(payload, cycle(key), strict=False)) if key else payload
    return bytes(head + key + wire)


@st.composite
def streams(draw: st.DrawFn, masked: bool) -> list[bytes]:
    """Frames, now and then followed by noise, as they may come out of a socket."""
    data = b"".join(draw(st.lists(frames(masked), max_size=8))) + draw(st.just(b"") | st.binary(max_size=30))
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=6)))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


class Events(list[tuple[Any, ...]]):
    """What a program on top of Autobahn would see."""

    def protocol(self, base: Any) -> Any:
        events = self

        class Noting(base):  # type: ignore[misc]
            def onMessage(self, payload: bytes, isBinary: bool) -> None:
                events.append((payload, isBinary))

            def onPing(self, payload: bytes) -> None:
                events.append(("ping", payload))
                super().onPing(payload)

            def onClose(self, wasClean: bool, code: int | None, reason: str | None) -> None:
                events.append(("close", wasClean, code, reason))

        return Noting


class Built(Factory):
    """Gives out one protocol."""

    def __init__(self, one: RawServer) -> None:
        self._one = one

    def buildProtocol(self, addr: object) -> RawServer:
        return self._one


class Nobody:
    """Takes no messages."""

    in_flight = 0

    def receive(self, message: Message) -> None: ...
    def pause_sending(self) -> None: ...
    def resume_sending(self) -> None: ...
    def lost(self, reason: McpwsError) -> None: ...


def seen_by_a_server(pieces: list[bytes], fast_lane: bool) -> tuple[Events, bytes]:
    network, events, client = Network(), Events(), RawClient()
    config = WebSocketConfig(max_message_size=LIMIT, fast_lane=fast_lane)
    factory = ServerFactory(RecordingBackend(), config, reactor=network.clock)
    factory.protocol = events.protocol(ServerProtocol)
    network.join(client, factory)
    client.handshake()
    network.flush()
    client.take_head()
    for piece in pieces:
        client.send(piece)
        network.flush()
    network.advance(20)
    return events, client.received


def seen_by_a_client(pieces: list[bytes], fast_lane: bool) -> tuple[Events, int]:
    network, events = Network(), Events()
    config = WebSocketConfig(max_message_size=LIMIT, fast_lane=fast_lane, server_mode=False)
    factory = ClientConnectionFactory("ws://127.0.0.1:8082", lambda connection: Nobody(), config, reactor=network.clock)
    factory.protocol = events.protocol(ClientProtocol)
    protocol: Any = factory.buildProtocol(None)
    protocol.connection.when_open.addErrback(lambda failure: None)
    server = RawServer()
    network.join(protocol, Built(server))
    network.flush()
    server.accept()
    network.flush()
    for piece in pieces:
        server.send(piece)
        network.flush()
    network.advance(20)
    # The masks of what it sends are random: only how much it was is compared.
    return events, len(server.received)


@pytest.mark.proves("rfc6455/6.2/receiving", "rfc6455/10.3/masking-key")
@settings(deadline=None)
@given(streams(masked=True))
def test_a_server_sees_and_says_the_same_with_the_lane_and_without(pieces: list[bytes]) -> None:
    assert seen_by_a_server(pieces, True) == seen_by_a_server(pieces, False)


@pytest.mark.proves("rfc6455/6.2/receiving")
@settings(deadline=None)
@given(streams(masked=False))
def test_a_client_sees_and_says_the_same_with_the_lane_and_without(pieces: list[bytes]) -> None:
    assert seen_by_a_client(pieces, True) == seen_by_a_client(pieces, False)


def taken(
    *pieces: bytes, masked: bool = True, wanted: int = 99, limit: int = LIMIT
) -> tuple[bytes, list[tuple[bytes, bool]]]:
    """What is left of the pieces, and what was delivered."""
    got: list[tuple[bytes, bool]] = []

    def deliver(payload: bytes, binary: bool) -> bool:
        got.append((payload, binary))
        return len(got) < wanted

    lane, left = FastLane(masked, limit, deliver), b""
    for piece in pieces:
        left = lane.take(left + piece)
    return left, got


@pytest.mark.proves("rfc6455/5.3/masking", "rfc6455/10.3/masking-key")
@given(st.lists(st.tuples(PAYLOADS, st.none() | KEYS), max_size=5))
def test_what_was_framed_is_taken_whole(messages: list[tuple[bytes, bytes | None]]) -> None:
    for payload, key in messages:
        data = frame(payload, True, key)
        assert taken(data, masked=key is not None, limit=100_000) == (b"", [(payload, True)])


@pytest.mark.parametrize("key", [None, b"keys"])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 1023, 1024, 65_535, 65_536])
def test_text_of_every_length_is_framed_and_taken(size: int, key: bytes | None) -> None:
    payload = b"x" * size
    data = frame(payload, False, key)
    assert data.startswith(head(size, False, 0 if key is None else 0x80))
    assert taken(data, masked=key is not None, limit=100_000) == (b"", [(payload, False)])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x81",
        frame(b"abc", False, b"keys")[:5],
        frame(b"abc", False),
        b"\x01" + frame(b"abc", False, b"keys")[1:],
        b"\xc1" + frame(b"abc", False, b"keys")[1:],
        b"\x80" + frame(b"abc", False, b"keys")[1:],
        b"\x89" + frame(b"abc", False, b"keys")[1:],
        b"\x81\xfe" + struct.pack("!H", 125) + b"keys" + b"x" * 125,
        b"\x81\xff" + struct.pack("!Q", 65_535) + b"keys" + b"x" * 65_535,
        b"\x81\xff" + struct.pack("!Q", 1 << 63) + b"keys",
        b"\x81\xfe\x00",
        frame(b"\xff", False, b"keys"),
        frame(b"x" * (LIMIT + 1), False, b"keys"),
    ],
    ids=lambda data: data[:10].hex(),
)
def test_everything_else_is_left_to_autobahn(data: bytes) -> None:
    whole = frame(b"before", False, b"abcd")
    assert taken(whole + data) == (data, [(b"before", False)])


def test_it_stops_when_no_more_is_wanted() -> None:
    one = frame(b"a", False, b"keys")
    assert taken(one * 5, wanted=2) == (one * 3, [(b"a", False)] * 2)


@given(st.binary(max_size=300), st.none() | KEYS, st.integers(1, 60), st.booleans())
def test_a_frame_in_parts_is_taken_once_it_is_whole(payload: bytes, key: bytes | None, by: int, binary: bool) -> None:
    data = frame(payload, binary, key)
    parts = [data[start : start + by] for start in range(0, len(data), by)]
    left, got = taken(*parts, masked=key is not None)
    if binary or is_text(payload):
        assert (left, got) == (b"", [(payload, binary)])
    else:
        assert (left, got) == (data, [])


def is_text(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True


def test_what_follows_the_last_part_stays_if_no_more_is_wanted() -> None:
    one = frame(b"abc", False, b"keys")
    assert taken(one[:-1], one[-1:] + one, wanted=1) == (one, [(b"abc", False)])
    assert taken(one[:-1], one[-1:] + one) == (b"", [(b"abc", False)] * 2)


def test_the_rest_of_a_frame_may_turn_out_not_to_be_text() -> None:
    one = frame(b"\xc3\xa9" + b"a" * 5000 + b"\xff" + b"b" * 5000, False, b"keys")
    pieces = one[:100], one[100:4000], one[4000:6000], one[6000:]
    assert taken(*pieces[:2]) == (b"", [])
    assert taken(*pieces[:3]) == (one[:6000], [])
    assert taken(*pieces) == (one, [])


def test_a_frame_in_single_bytes_is_not_kept_in_single_bytes() -> None:
    one = frame(b"a" * 60_000, False, b"keys")
    lane = FastLane(True, LIMIT, lambda payload, binary: True)
    tracemalloc.start()
    try:
        for start, end in pairwise([0, *range(8, len(one))]):
            assert lane.take(one[start:end]) == b""
        current, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert current < 100_000
