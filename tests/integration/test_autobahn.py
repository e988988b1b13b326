"""RFC 6455 and RFC 7692, by an echo of the production factory over real sockets.

Twice: with the cases of Autobahn|Testsuite, where that is installed, and with cases of our own, bytes in, frames out.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import pytest

from mcpws.testing import Frame, RawClient
from mcpws.testing.raw import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, upgrade_request

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent
WSTEST = HERE.parents[1] / ".foreign" / "wstest"
SECONDS = 20.0
SUITE_SECONDS = 240.0

NORMAL = struct.pack("!H", 1000)
MASK = bytes.fromhex("37fa213d")


@contextmanager
def echoing(*arguments: str) -> Iterator[int]:
    """Run the echo; the port that it listens on."""
    command = [sys.executable, str(HERE / "servers" / "echo.py"), *arguments]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


@pytest.fixture(scope="module")
def echo() -> Iterator[int]:
    """The port of an echo."""
    with echoing() as port:
        yield port


@pytest.fixture(scope="module")
def deflating_echo() -> Iterator[int]:
    """The port of an echo that takes permessage-deflate."""
    with echoing("compression") as port:
        yield port


# Autobahn|Testsuite

PASSED = {"OK", "NON-STRICT", "INFORMATIONAL"}
FRAMING = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"]
LARGE = ["9.1.1", "9.1.4", "9.1.6", "9.2.1", "9.2.4", "9.2.6", "9.3.1", "9.3.9", "9.4.1", "9.4.9", "9.5.1", "9.6.1"]
MANY = ["9.7.1", "9.7.6", "9.8.1", "9.8.6"]
DEFLATE = [f"12.{group}.{case}" for group in range(1, 6) for case in (1, 11)]
WINDOWS = [f"13.{group}.{case}" for group in range(1, 8) for case in (1, 11)]


def verdicts(port: int, cases: list[str], folder: Path) -> dict[str, tuple[str, str]]:
    """What Autobahn|Testsuite says of each case: of what was echoed, and of the close."""
    if not (WSTEST / "installed").exists():
        pytest.skip("Autobahn|Testsuite is not installed: it needs a CPython 2.7")
    spec = {
        "outdir": str(folder / "reports"),
        "options": {"failByDrop": False},
        "servers": [{"agent": "mcpws", "url": f"ws://127.0.0.1:{port}", "options": {"version": 18}}],
        "cases": cases,
        "exclude-cases": [],
        "exclude-agent-cases": {},
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    ended = subprocess.run(
        [WSTEST / "bin" / "wstest", "-m", "fuzzingclient", "-s", folder / "spec.json"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SUITE_SECONDS,
        cwd=folder,
        env={"PATH": os.defpath},
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    index = json.loads((folder / "reports" / "index.json").read_text())["mcpws"]
    return {case: (verdict["behavior"], verdict["behaviorClose"]) for case, verdict in index.items()}


def failures(found: dict[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    return {case: verdict for case, verdict in found.items() if not PASSED.issuperset(verdict)}


@pytest.mark.proves("rfc6455/all/autobahn-testsuite")
@pytest.mark.soak
def test_autobahn_testsuite_finds_no_fault_with_the_framing(echo: int, tmp_path: Path) -> None:
    found = verdicts(echo, FRAMING, tmp_path)
    assert failures(found) == {}
    assert len(found) == 247


@pytest.mark.proves("rfc6455/5.4/fragments", "rfc6455/all/autobahn-testsuite")
@pytest.mark.soak
def test_autobahn_testsuite_finds_no_fault_with_large_and_many_messages(echo: int, tmp_path: Path) -> None:
    found = verdicts(echo, LARGE + MANY, tmp_path)
    assert failures(found) == {}
    assert set(found) == {*LARGE, *MANY}


@pytest.mark.proves("rfc7692/all/autobahn-testsuite")
@pytest.mark.soak
def test_autobahn_testsuite_finds_no_fault_with_compression(deflating_echo: int, tmp_path: Path) -> None:
    found = verdicts(deflating_echo, DEFLATE + WINDOWS, tmp_path)
    assert failures(found) == {}
    assert set(found) == {*DEFLATE, *WINDOWS}


# Cases of our own


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = MASK,
    length: str = "",
) -> bytes:
    """A frame in bytes; `length` is the struct format of an extended length, by default the shortest."""
    size = len(payload)
    form = length or ("" if size < 126 else "!H" if size < 65_536 else "!Q")
    short = {"": size, "!H": 126, "!Q": 127}[form]
    head = bytes([fin << 7 | reserved << 4 | opcode, (mask is not None) << 7 | short])
    if form:
        head += struct.pack(form, size)
    if mask is None:
        return head + payload
    masked = bytes(byte ^ mask[position % 4] for position, byte in enumerate(payload))
    return head + mask + masked


def fragments(opcode: int, *payloads: bytes) -> list[bytes]:
    """The frames of one message."""
    last = len(payloads) - 1
    return [
        frame(CONTINUATION if position else opcode, payload, fin=position == last)
        for position, payload in enumerate(payloads)
    ]


def exchange(
    port: int, *sent: bytes, close: bool = True, drops: bool = False, headers: dict[str, str | None] | None = None
) -> list[Frame]:
    """Open a WebSocket and send these bytes one after another; all frames until the server hangs up.

    :param close: send a Close at the end.
    :param drops: the server may reset the TCP connection, since what it waits for cannot come.
    """
    client = RawClient()
    with socket.create_connection(("127.0.0.1", port), SECONDS) as wire:
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.sendall(upgrade_request(headers=headers))
        while b"\r\n\r\n" not in client.received:
            client.dataReceived(_some(wire))
        assert client.take_head()[0] == "HTTP/1.1 101 Switching Protocols"
        for data in (*sent, frame(CLOSE, NORMAL)) if close else sent:
            wire.sendall(data)
        with suppress(ConnectionResetError) if drops else nullcontext():
            while data := wire.recv(65_536):
                client.dataReceived(data)
    return client.take_frames()


def _some(wire: socket.socket) -> bytes:
    data = wire.recv(65_536)
    assert data, "the server hung up"
    return data


def closed_with(frames: list[Frame]) -> list[int]:
    """The codes of the Close frames; the only frames there may be after something that breaks the protocol."""
    assert {one.opcode for one in frames} <= {CLOSE}
    return [struct.unpack("!H", one.payload[:2])[0] for one in frames]


CLOSED = Frame(CLOSE, NORMAL)


@pytest.mark.proves("H-2", "Z-1", "rfc6455/1.3/accept", "rfc6455/4.2.2/accept")
def test_the_handshake_is_answered_with_the_accept_of_the_key(echo: int) -> None:
    # The example of RFC 6455, section 1.3.
    with socket.create_connection(("127.0.0.1", echo), SECONDS) as wire:
        wire.sendall(upgrade_request(headers={"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}))
        client = RawClient()
        while b"\r\n\r\n" not in client.received:
            client.dataReceived(_some(wire))
    status, headers = client.take_head()
    assert status == "HTTP/1.1 101 Switching Protocols"
    assert headers["upgrade"].lower() == "websocket"
    assert headers["connection"].lower() == "upgrade"
    assert headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert "sec-websocket-extensions" not in headers


@pytest.mark.proves("rfc6455/5.2/length")
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000])
def test_a_message_of_any_length_is_one_frame_with_the_shortest_length(echo: int, opcode: int, size: int) -> None:
    payload = b"x" * size
    assert exchange(echo, frame(opcode, payload)) == [Frame(opcode, payload), CLOSED]


@pytest.mark.proves("rfc6455/5.2/length")
@pytest.mark.parametrize(("size", "length"), [(0, "!H"), (125, "!H"), (125, "!Q"), (65_535, "!Q")])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_length_that_is_not_the_shortest_is_1002(echo: int, opcode: int, size: int, length: str) -> None:
    assert closed_with(exchange(echo, frame(opcode, b"x" * size, length=length))) == [1002]


@pytest.mark.proves("rfc6455/5.2/length")
def test_a_length_with_the_highest_bit_is_1002(echo: int) -> None:
    assert closed_with(exchange(echo, b"\x82\xff" + b"\xff" * 8 + MASK, drops=True)) == [1002]


@pytest.mark.proves("rfc6455/10.4/limits")
def test_a_length_over_the_limit_is_1009_before_any_of_it_came(echo: int) -> None:
    assert closed_with(exchange(echo, b"\x82\xff" + struct.pack("!Q", 2**40) + MASK, drops=True)) == [1009]


@pytest.mark.proves("rfc6455/5.3/masking")
@pytest.mark.parametrize("mask", [bytes(4), b"\xff" * 4, MASK, b"\x00\x01\x02\x03"])
def test_every_mask_is_undone(echo: int, mask: bytes) -> None:
    payload = bytes(range(256)) * 3
    assert exchange(echo, frame(BINARY, payload, mask=mask)) == [Frame(BINARY, payload), CLOSED]


@pytest.mark.proves("rfc6455/5.1/client-masks")
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING, PONG])
def test_a_frame_without_a_mask_is_1002(echo: int, opcode: int) -> None:
    assert closed_with(exchange(echo, frame(opcode, b"x", mask=None))) == [1002]


@pytest.mark.proves("rfc6455/5.1/server-does-not")
def test_frames_of_the_server_are_not_masked(echo: int) -> None:
    with socket.create_connection(("127.0.0.1", echo), SECONDS) as wire:
        wire.sendall(upgrade_request())
        received = b""
        while b"\r\n\r\n" not in received:
            received += _some(wire)
        wire.sendall(frame(TEXT, b"abc"))
        while not received.endswith(b"abc"):
            received += _some(wire)
    assert received.partition(b"\r\n\r\n")[2] == b"\x81\x03abc"


@pytest.mark.proves("rfc6455/5.2/reserved-bits")
@pytest.mark.parametrize("reserved", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, BINARY, PING])
def test_a_reserved_bit_is_1002(echo: int, opcode: int, reserved: int) -> None:
    assert closed_with(exchange(echo, frame(opcode, b"x", reserved=reserved))) == [1002]


@pytest.mark.proves("rfc6455/5.2/opcodes")
@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"x"], ids=["empty", "with payload"])
def test_a_reserved_opcode_is_1002(echo: int, opcode: int, payload: bytes) -> None:
    assert closed_with(exchange(echo, frame(opcode, payload))) == [1002]


@pytest.mark.proves("rfc6455/5.4/fragments")
@pytest.mark.parametrize(
    "payloads",
    [
        (b"ab", b"cd"),
        (b"", b"abcd"),
        (b"abcd", b""),
        (b"", b"", b""),
        (b"a", b"", b"b", b"", b"cd"),
        tuple(bytes([byte]) for byte in b"0123456789" * 100),
        (b"x" * 70_000, b"y" * 126, b"z"),
    ],
    ids=["two", "first empty", "last empty", "all empty", "some empty", "a thousand", "of all lengths"],
)
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_fragments_are_one_message(echo: int, opcode: int, payloads: tuple[bytes, ...]) -> None:
    assert exchange(echo, *fragments(opcode, *payloads)) == [Frame(opcode, b"".join(payloads)), CLOSED]


@pytest.mark.proves("A-4", "rfc6455/5.4/control-between")
def test_control_frames_between_fragments_are_answered_at_once(echo: int) -> None:
    first, second, third = fragments(TEXT, b"a", b"b", b"c")
    frames = exchange(echo, first, frame(PING, b"1"), second, frame(PONG, b"?"), frame(PING, b"2"), third)
    assert frames == [Frame(PONG, b"1"), Frame(PONG, b"2"), Frame(TEXT, b"abc"), CLOSED]


@pytest.mark.proves("rfc6455/5.4/control-between")
def test_a_close_between_fragments_ends_the_message_unfinished(echo: int) -> None:
    assert exchange(echo, frame(TEXT, b"a", fin=False), frame(CLOSE, NORMAL), close=False) == [CLOSED]


@pytest.mark.proves("rfc6455/5.4/order")
@pytest.mark.parametrize(
    "sent",
    [
        [frame(CONTINUATION, b"x")],
        [frame(CONTINUATION, b"x", fin=False)],
        [frame(TEXT, b"x", fin=False), frame(TEXT, b"x")],
        [frame(TEXT, b"x", fin=False), frame(BINARY, b"x", fin=False)],
    ],
    ids=["a continuation of nothing", "an open one", "a second beginning", "of another kind"],
)
def test_fragments_out_of_order_are_1002(echo: int, sent: list[bytes]) -> None:
    assert closed_with(exchange(echo, *sent)) == [1002]


@pytest.mark.proves("rfc6455/5.4/order")
def test_a_continuation_after_the_last_fragment_is_1002(echo: int) -> None:
    echoed, *rest = exchange(echo, *fragments(TEXT, b"a", b"b"), frame(CONTINUATION, b"c"))
    assert echoed == Frame(TEXT, b"ab")
    assert closed_with(rest) == [1002]


@pytest.mark.proves("A-4", "rfc6455/5.5.2/ping")
@pytest.mark.parametrize("payload", [b"", b"x", b"\xff\xfe\x00", b"x" * 125])
def test_a_ping_is_answered_with_its_payload(echo: int, payload: bytes) -> None:
    assert exchange(echo, frame(PING, payload)) == [Frame(PONG, payload), CLOSED]


@pytest.mark.proves("rfc6455/5.5.2/ping")
def test_pings_are_answered_in_order(echo: int) -> None:
    payloads = [b"%d" % number for number in range(10)]
    frames = exchange(echo, b"".join(frame(PING, payload) for payload in payloads))
    assert frames == [*(Frame(PONG, payload) for payload in payloads), CLOSED]


@pytest.mark.proves("rfc6455/5.5.3/pong")
def test_a_pong_that_nobody_asked_for_is_ignored(echo: int) -> None:
    frames = exchange(echo, frame(PONG), frame(PONG, b"x" * 125), frame(TEXT, b"a"))
    assert frames == [Frame(TEXT, b"a"), CLOSED]


@pytest.mark.proves("rfc6455/5.5/control-frames")
@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_a_control_frame_of_more_than_125_bytes_is_1002(echo: int, opcode: int) -> None:
    assert closed_with(exchange(echo, frame(opcode, NORMAL + b"x" * 124))) == [1002]


@pytest.mark.proves("rfc6455/5.5/control-frames")
@pytest.mark.parametrize("opcode", [CLOSE, PING, PONG])
def test_a_control_frame_in_fragments_is_1002(echo: int, opcode: int) -> None:
    assert closed_with(exchange(echo, frame(opcode, NORMAL, fin=False))) == [1002]


VALID_TEXTS = [
    "Hello-µ@ßöäüàá-UTF-8!!",
    "κόσμε",
    "\0",
    "\x7f\u0080\u07ff\u0800\ud7ff\ue000\uffff",
    "\U00010000\U0010ffff",
    "\ufffe\U0001fffe",
]


@pytest.mark.proves("rfc6455/5.6/data-frames", "rfc6455/6.2/receiving")
@pytest.mark.parametrize("text", VALID_TEXTS, ids=ascii)
def test_text_is_echoed_wherever_its_code_points_are_cut(echo: int, text: str) -> None:
    data = text.encode()
    pieces = fragments(TEXT, *(bytes([byte]) for byte in data))
    byte_by_byte = (bytes([byte]) for byte in frame(TEXT, data))
    assert exchange(echo, frame(TEXT, data), *pieces, *byte_by_byte) == [*[Frame(TEXT, data)] * 3, CLOSED]


INVALID_TEXTS = {
    "a continuation byte": b"\x80",
    "an impossible byte": b"a\xfe",
    "another": b"\xff",
    "an overlong slash": b"\xc0\xaf",
    "overlong in three bytes": b"\xe0\x80\xaf",
    "overlong in four bytes": b"\xf0\x80\x80\xaf",
    "five bytes": b"\xf8\x88\x80\x80\x80",
    "a surrogate": b"\xed\xa0\x80",
    "a pair of surrogates": b"\xed\xa0\x80\xed\xbf\xbf",
    "beyond the last code point": b"\xf4\x90\x80\x80",
    "a lonely start": b"\xc3 ",
}
UNFINISHED_TEXTS = {"of two bytes": b"\xc3", "of three": b"\xe2\x82", "of four": b"\xf0\x9f\x98"}


@pytest.mark.proves("M-4", "mcp/2025-11-25/basic/transports#utf-8", "rfc6455/8.1/utf-8")
@pytest.mark.parametrize("data", INVALID_TEXTS.values(), ids=INVALID_TEXTS)
def test_text_that_is_not_utf_8_is_1007_at_the_first_wrong_byte(echo: int, data: bytes) -> None:
    assert closed_with(exchange(echo, frame(TEXT, b"text " + data + b" text"))) == [1007]
    # Nobody waits for the end of a message that is lost already.
    assert closed_with(exchange(echo, frame(TEXT, b"text", fin=False), frame(CONTINUATION, data, fin=False))) == [1007]


@pytest.mark.proves("rfc6455/8.1/utf-8")
@pytest.mark.parametrize("data", UNFINISHED_TEXTS.values(), ids=UNFINISHED_TEXTS)
def test_text_that_ends_within_a_code_point_is_1007(echo: int, data: bytes) -> None:
    assert closed_with(exchange(echo, frame(TEXT, b"text" + data))) == [1007]
    assert closed_with(exchange(echo, *fragments(TEXT, b"text" + data, b""))) == [1007]


@pytest.mark.proves("rfc6455/5.6/data-frames")
@pytest.mark.parametrize("data", INVALID_TEXTS.values(), ids=INVALID_TEXTS)
def test_a_binary_message_may_hold_anything(echo: int, data: bytes) -> None:
    assert exchange(echo, frame(BINARY, data)) == [Frame(BINARY, data), CLOSED]


@pytest.mark.proves(
    "K-12", "K-18", "rfc6455/5.5.1/close", "rfc6455/7.1.1/tcp", "rfc6455/7.4.1/codes", "rfc6455/7.4.2/ranges"
)
@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999]
)
@pytest.mark.parametrize("reason", ["", "that is all, λ", "x" * 123], ids=["no reason", "a reason", "the longest"])
def test_a_close_is_answered_with_its_code_and_reason(echo: int, code: int, reason: str) -> None:
    payload = struct.pack("!H", code) + reason.encode()
    assert exchange(echo, frame(CLOSE, payload), close=False) == [Frame(CLOSE, payload)]


@pytest.mark.proves("rfc6455/5.5.1/close")
def test_a_close_without_a_code_is_answered_without_one(echo: int) -> None:
    assert exchange(echo, frame(CLOSE), close=False) == [Frame(CLOSE, b"")]


@pytest.mark.proves("rfc6455/7.4.2/ranges")
@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535])
def test_a_code_that_must_not_be_sent_is_1002(echo: int, code: int) -> None:
    assert closed_with(exchange(echo, frame(CLOSE, struct.pack("!H", code)), close=False)) == [1002]


@pytest.mark.proves("rfc6455/5.5.1/close")
def test_half_a_code_is_1002(echo: int) -> None:
    assert closed_with(exchange(echo, frame(CLOSE, b"\x03"))) == [1002]


@pytest.mark.proves("rfc6455/5.5.1/close")
@pytest.mark.parametrize("reason", [*INVALID_TEXTS.values(), *UNFINISHED_TEXTS.values()], ids=repr)
def test_a_reason_that_is_not_utf_8_is_1007(echo: int, reason: bytes) -> None:
    assert closed_with(exchange(echo, frame(CLOSE, NORMAL + reason), close=False)) == [1007]


@pytest.mark.proves("rfc6455/5.5.1/no-data-after")
def test_nothing_after_a_close_is_looked_at(echo: int) -> None:
    frames = exchange(echo, frame(CLOSE, NORMAL) + frame(TEXT, b"late") + frame(PING) + frame(3), close=False)
    assert frames == [CLOSED]


@pytest.mark.proves("rfc6455/7.1.7/fail")
def test_nothing_after_a_breach_is_looked_at(echo: int) -> None:
    frames = exchange(echo, frame(3) + frame(TEXT, b"late") + frame(PING))
    assert closed_with(frames) == [1002]


@pytest.mark.proves("K-14", "rfc6455/7.1.7/fail")
def test_what_came_before_a_breach_is_answered_first(echo: int) -> None:
    echoed, pong, *rest = exchange(echo, frame(TEXT, b"a") + frame(PING, b"b") + frame(3))
    assert [echoed, pong] == [Frame(TEXT, b"a"), Frame(PONG, b"b")]
    assert closed_with(rest) == [1002]


# permessage-deflate

OFFER: dict[str, str | None] = {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"}


def deflated(payloads: Iterable[bytes]) -> list[bytes]:
    """Each compressed with what the earlier ones left in the window (RFC 7692, section 7.2.1)."""
    compressor = zlib.compressobj(wbits=-10)
    return [
        (compressor.compress(one) + compressor.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\0\0\xff\xff")
        for one in payloads
    ]


def inflated(frames: list[Frame]) -> list[bytes]:
    decompressor = zlib.decompressobj(wbits=-15)
    return [decompressor.decompress(one.payload + b"\0\0\xff\xff") for one in frames]


@pytest.mark.proves("rfc7692/7.1.1/context-takeover", "rfc7692/7.2.1/compression")
def test_compressed_messages_share_a_window_both_ways(deflating_echo: int) -> None:
    texts = [b"compressed, %d times over. " % number * 100 for number in range(3)]
    sent = [frame(TEXT, data, reserved=4) for data in deflated(texts)]
    *frames, close = exchange(deflating_echo, *sent, headers=OFFER)
    assert inflated(frames) == texts
    assert sum(len(one.payload) for one in frames) < len(texts[0])
    assert close == CLOSED


@pytest.mark.proves("rfc7692/6/rsv1")
def test_a_compressed_message_may_come_in_fragments_and_beside_plain_ones(deflating_echo: int) -> None:
    [data] = deflated([b"x" * 100])
    first = frame(TEXT, data[:3], fin=False, reserved=4)
    frames = exchange(
        deflating_echo, frame(TEXT, b"plain"), first, frame(PING), frame(CONTINUATION, data[3:]), headers=OFFER
    )
    assert frames == [Frame(TEXT, b"plain"), Frame(PONG, b""), Frame(TEXT, b"x" * 100), CLOSED]


@pytest.mark.proves("rfc7692/6/rsv1")
@pytest.mark.parametrize(
    "sent",
    [
        [frame(PING, b"x", reserved=4)],
        [frame(TEXT, b"x", fin=False), frame(CONTINUATION, b"x", reserved=4)],
        [frame(TEXT, b"x", reserved=2)],
    ],
    ids=["a control frame", "a continuation", "another bit"],
)
def test_a_compression_bit_where_none_may_be_is_1002(deflating_echo: int, sent: list[bytes]) -> None:
    assert closed_with(exchange(deflating_echo, *sent, headers=OFFER)) == [1002]


@pytest.mark.proves("Z-4", "rfc7692/7.2.2/decompression")
def test_a_message_that_does_not_inflate_is_1007(deflating_echo: int) -> None:
    # Autobahn does not get past such a frame, and so never sees the answer to its Close.
    sent = frame(TEXT, b"\xff" * 20, reserved=4)
    assert closed_with(exchange(deflating_echo, sent, drops=True, headers=OFFER)) == [1007]


@pytest.mark.proves("Z-4", "rfc7692/7.2.2/decompression")
def test_a_message_that_inflates_beyond_the_limit_is_1009(deflating_echo: int) -> None:
    [bomb] = deflated([bytes(17 * 1024 * 1024)])
    assert closed_with(exchange(deflating_echo, frame(BINARY, bomb, reserved=4), drops=True, headers=OFFER)) == [1009]
