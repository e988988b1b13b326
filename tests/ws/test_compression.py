"""permessage-deflate, from the handshake to the limits."""

import zlib
from itertools import pairwise
from typing import cast

import pytest
from autobahn.websocket.compress import PerMessageDeflate
from hypothesis import example, given, settings
from hypothesis import strategies as st
from twisted.internet.protocol import Factory

from mcpws.config import WebSocketConfig
from mcpws.errors import HandshakeRefused, McpwsError
from mcpws.jsonrpc.messages import Message, Notification
from mcpws.testing import Network, RawClient, RawServer, RecordingBackend, Served, connected
from mcpws.testing.network import result_of
from mcpws.testing.raw import CLOSE, CONTINUATION, TEXT
from mcpws.ws.client import ClientConnectionFactory, ClientProtocol
from mcpws.ws.compression import accept_offer

pytestmark = pytest.mark.not_mcp("what is said stands for any payload")

COMPRESSING = WebSocketConfig(compression=True)
RSV1 = 0x40
LONG = "long enough to be compressed, " * 100


def deflated(payload: bytes) -> bytes:
    """As RFC 7692, section 7.2.1, has it."""
    compressor = zlib.compressobj(wbits=-10)
    return (compressor.compress(payload) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflated(payload: bytes) -> bytes:
    return zlib.decompressobj(wbits=-15).decompress(payload + b"\x00\x00\xff\xff")


def upgraded(offer: str, config: WebSocketConfig = COMPRESSING) -> tuple[Served, RawClient, str]:
    """A service, a client that has made this offer, and what it was answered."""
    service = Served(RecordingBackend(), config=config)
    client = service.raw()
    client.handshake(headers={"Sec-WebSocket-Extensions": offer})
    service.flush()
    return service, client, client.take_head()[1].get("sec-websocket-extensions", "")


@pytest.mark.proves("Z-2", "rfc6455/9.1/extensions", "rfc7692/5/negotiation")
@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("permessage-deflate", "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=10"),
        ("permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=9"),
        ("permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover"),
        ("x-other, permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=10"),
        ("x-other", ""),
        ("Permessage-Deflate", "permessage-deflate"),
        ('permessage-deflate; server_max_window_bits="15"', "permessage-deflate; server_max_window_bits=15"),
        ("permessage-deflate; client_no_context_takeover", "permessage-deflate"),
        # A client never needs a larger window than it has told; and one of 8 bits nobody can be asked for.
        ("permessage-deflate; client_max_window_bits=15", "permessage-deflate; client_max_window_bits=10"),
        ("permessage-deflate; client_max_window_bits=9", "permessage-deflate; client_max_window_bits=9"),
        ("permessage-deflate; client_max_window_bits=8", "permessage-deflate"),
    ],
)
def test_an_offer_is_accepted_with_small_windows(offer: str, answer: str) -> None:
    assert upgraded(offer)[2] == answer


DECLINED = [
    "permessage-deflate; server_max_window_bits=8",
    "permessage-deflate; server_max_window_bits=7",
    "permessage-deflate; server_max_window_bits=16",
    "permessage-deflate; server_max_window_bits=09",
    "permessage-deflate; server_max_window_bits=1_0",
    "permessage-deflate; server_max_window_bits=+9",
    "permessage-deflate; server_max_window_bits",
    "permessage-deflate; client_max_window_bits=99",
    "permessage-deflate; client_max_window_bits=true",
    "permessage-deflate; client_max_window_bits; client_max_window_bits",
    "permessage-deflate; client_max_window_bits; client_max_window_bits=10",
    "permessage-deflate; client_no_context_takeover=1",
    "permessage-deflate; server_no_context_takeover=true",
    "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
    "permessage-deflate; nonsense",
    "permessage-deflate; server_max_window_bits=10; nonsense=1",
    "permessage-bzip2",
    "permessage-bzip2; nonsense",
    "permessage-snappy",
    "x-webkit-deflate-frame",
]


@pytest.mark.proves("Z-5", "rfc7692/5/negotiation")
@pytest.mark.parametrize("offer", DECLINED)
def test_an_offer_that_cannot_be_taken_is_declined_and_the_next_one_is_taken(offer: str) -> None:
    assert upgraded(offer)[2] == ""
    assert upgraded(f"{offer}, permessage-deflate; server_max_window_bits=9")[2] == (
        "permessage-deflate; server_max_window_bits=9"
    )
    assert upgraded(", ".join(DECLINED) + ", permessage-deflate")[2] == "permessage-deflate"


@pytest.mark.proves("Z-5")
@pytest.mark.parametrize("offer", DECLINED)
def test_no_offer_is_a_reason_to_refuse_where_nothing_is_compressed(offer: str) -> None:
    service, client, _ = upgraded(offer, WebSocketConfig())
    assert not client.is_gone()
    assert len(service.server.connections) == 1


NAMES = st.sampled_from(
    [
        "permessage-deflate",
        "server_max_window_bits",
        "client_max_window_bits",
        "server_no_context_takeover",
        "client_no_context_takeover",
        "x",
    ]
)
VALUES = st.none() | st.integers(0, 20).map(str) | st.sampled_from(["", '""', "010", "true", "10.0"])


def most_bits(value: str | None) -> int:
    """What `client_max_window_bits` of an offer allows; 0 for what RFC 7692 does not, as none may take that offer."""
    return int(value or "15") if (value or "15") in map(str, range(8, 16)) else 0


@pytest.mark.proves("Z-2", "rfc7692/5/negotiation")
@given(st.lists(st.tuples(NAMES, st.lists(st.tuples(NAMES, VALUES), max_size=4)), max_size=5))
@example([("permessage-deflate", [("client_max_window_bits", '""')]), ("permessage-deflate", [])])
@settings(deadline=None)
def test_any_offers_are_answered_as_rfc_7692_has_it(offers: list[tuple[str, list[tuple[str, str | None]]]]) -> None:
    accepted = accept_offer(offers)
    if accepted is None:
        return
    # What was accepted is an offer that was made, and Autobahn can do it.
    answer = {one.partition("=")[0]: one.partition("=")[2] for one in accepted.get_extension_string().split("; ")}
    assert answer.pop("permessage-deflate") == ""
    taken = [
        dict(parameters)
        for name, parameters in offers
        if name == "permessage-deflate" and dict(parameters).keys() >= answer.keys()
    ]
    assert any(
        offer.get("server_max_window_bits") == answer.get("server_max_window_bits")
        and ("server_no_context_takeover" in offer) == ("server_no_context_takeover" in answer)
        and int(answer.get("client_max_window_bits", "15")) <= most_bits(offer.get("client_max_window_bits"))
        for offer in taken
    )
    assert PerMessageDeflate.create_from_offer_accept(True, accepted).server_max_window_bits <= 10


@pytest.mark.proves("Z-1")
def test_without_the_setting_no_offer_is_accepted() -> None:
    assert upgraded("permessage-deflate; client_max_window_bits", WebSocketConfig())[2] == ""


@pytest.mark.proves("Z-3", "rfc7692/7.2.1/compression")
def test_messages_are_compressed_from_a_size_on() -> None:
    service, client, _ = upgraded("permessage-deflate; client_max_window_bits")
    client.send_message({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
    service.flush()
    client.take_frames()
    frames = {}
    for text in ("x", LONG):
        service.server.broadcast("notifications/message", {"data": text})
        service.flush()
        compressed = bool(client.received[0] & RSV1)
        frames[text] = compressed, client.take_frames()[0].payload
    assert frames["x"][0] is False
    assert b'"x"' in frames["x"][1]
    assert frames[LONG][0] is True
    assert LONG.encode() in inflated(frames[LONG][1])
    assert len(frames[LONG][1]) < len(LONG) / 10


@pytest.mark.proves("rfc7692/7.2.2/decompression")
def test_a_compressed_message_is_inflated() -> None:
    service, client, _ = upgraded("permessage-deflate; client_max_window_bits")
    message = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"text":"%b"}}' % LONG.encode()
    client.send_frame(1, deflated(message), reserved=4)
    service.flush()
    assert [answer["id"] for answer in client.take_messages()] == [1]


@pytest.mark.proves("Z-4", "rfc7692/7.2.2/decompression")
def test_the_limit_holds_for_what_is_inflated() -> None:
    config = WebSocketConfig(compression=True, max_message_size=10_000)
    service, client, _ = upgraded("permessage-deflate; client_max_window_bits", config)
    client.send_frame(1, deflated(b"[" + b" " * 10_000_000 + b"]"), reserved=4)
    service.flush()
    assert client.take_frames()[-1].payload[:2] == (1009).to_bytes(2, "big")
    assert service.server.statistics().messages_received == 0


@pytest.mark.proves("K-5", "Z-4")
def test_what_cannot_be_inflated_is_closed_with_1007() -> None:
    service, client, _ = upgraded("permessage-deflate; client_max_window_bits")
    client.send_frame(1, b"no deflate at all", reserved=4)
    service.flush()
    assert client.take_frames()[-1].payload[:2] == (1007).to_bytes(2, "big")


@pytest.mark.proves("Z-4")
def test_a_message_may_inflate_to_exactly_the_limit() -> None:
    message = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"text":"%b"}}' % LONG.encode()
    for excess, opcode in [(0, TEXT), (1, CLOSE)]:
        config = WebSocketConfig(compression=True, max_message_size=len(message) - excess)
        service, client, _ = upgraded("permessage-deflate; client_max_window_bits", config)
        client.send_frame(TEXT, deflated(message), reserved=4)
        service.flush()
        assert [frame.opcode for frame in client.take_frames()] == [opcode]


@pytest.mark.proves("Z-7", "rfc7692/7.2.3.4/final-blocks")
@pytest.mark.parametrize("after", [b"\0", b""], ids=["as told", "without the last octet"])
@pytest.mark.parametrize("context", [True, False])
def test_a_message_may_end_its_deflate_stream(context: bool, after: bytes) -> None:
    # RFC 7692, section 7.2.3.4.
    offer = "permessage-deflate" if context else "permessage-deflate; client_no_context_takeover"
    service, client, _ = upgraded(offer)
    for id in range(3):
        method = "echo" if id else "initialize"
        message = b'{"jsonrpc":"2.0","id":%d,"method":"%b","params":{"text":"%b"}}' % (id, method.encode(), b"a" * 99)
        compressor = zlib.compressobj(wbits=-10)
        ended = compressor.compress(message) + compressor.flush() + after
        client.send_frame(TEXT, ended[:5], reserved=4, fin=False)
        client.send_frame(CONTINUATION, ended[5:])
        service.flush()
    assert [answer["id"] for answer in client.take_messages()] == [0]
    backend = service.server.backend
    assert isinstance(backend, RecordingBackend)
    assert [request.id for request in backend.conversations[0].requests] == [1, 2]


@pytest.mark.proves("Z-7")
def test_deflate_streams_without_end_are_no_message() -> None:
    # Each costs more to begin than to send.
    service, client, _ = upgraded("permessage-deflate")
    client.send_frame(TEXT, b"\x03\x00" * 1000, reserved=4)
    service.flush()
    assert closed_with(client) == (1007, "the message does not inflate: it ends too often")


def closed_with(client: RawClient) -> tuple[int, str]:
    frame = client.take_frames()[-1]
    assert frame.opcode == CLOSE
    return int.from_bytes(frame.payload[:2], "big"), frame.payload[2:].decode()


def mutated(data: bytes, changes: list[tuple[int, int]]) -> bytes:
    changed = bytearray(data)
    for position, byte in changes:
        changed[position % len(changed)] = byte
    return bytes(changed)


DEFLATED = st.sampled_from(
    [
        deflated(LONG.encode()),
        deflated(bytes(range(256)) * 4),
        deflated("κόσμε".encode() * 30 + b"\xff" + b"a" * 100),
        deflated(b"a" * 3000),
        deflated(b"a" * 3000 + "é".encode()[:1]),
        deflated(b"{}"),
        zlib.compress(LONG.encode(), wbits=-10),
        zlib.compress(LONG.encode(), wbits=-10) + zlib.compress(b"{}", wbits=-10) + b"\0",
        b"\x03\x00" * 20,
    ]
)
CHANGES = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=3)


@pytest.mark.proves("Z-6")
@given(DEFLATED, CHANGES, st.lists(st.integers(1, 4000), max_size=4), st.integers(0, 100), st.integers(90, 3100))
@settings(deadline=None)
def test_how_tcp_cuts_a_compressed_message_decides_nothing(
    data: bytes, changes: list[tuple[int, int]], cuts: list[int], split: int, limit: int
) -> None:
    data = mutated(data, changes)
    outcomes = set()
    for by in ("whole", "cut", "byte"):
        config = WebSocketConfig(compression=True, max_message_size=limit)
        service, client, _ = upgraded("permessage-deflate; client_max_window_bits", config)
        client.send_frame(TEXT, data[:split], reserved=4, fin=False)
        client.send_frame(CONTINUATION, data[split:])
        # What was written waits for the flush: taken back, it is sent anew in pieces.
        waiting = client.wire.dataBuffer + b"".join(client.wire._tempDataBuffer)
        client.wire.dataBuffer, client.wire._tempDataBuffer, client.wire._tempDataLen = b"", [], 0
        ends = {"whole": [], "cut": sorted(cuts), "byte": list(range(len(waiting)))}[by]
        for start, end in pairwise([0, *ends, len(waiting)]):
            client.send(waiting[start:end])
            service.flush()
        outcomes.add(tuple((frame.opcode, frame.payload) for frame in client.take_frames()))
    assert len(outcomes) == 1


@pytest.mark.proves("rfc7692/5/negotiation")
@pytest.mark.parametrize(
    ("answer", "served"),
    [
        ("permessage-deflate", True),
        ("permessage-deflate; server_max_window_bits=10", True),
        ("permessage-deflate; server_max_window_bits=8", True),
        ('permessage-deflate; server_max_window_bits="9"; server_no_context_takeover', True),
        ("permessage-deflate; client_max_window_bits=9; client_no_context_takeover", True),
        # What nobody may answer, and what this client cannot do.
        ("permessage-deflate; server_max_window_bits=7", False),
        ("permessage-deflate; server_max_window_bits", False),
        ("permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", False),
        ("permessage-deflate; client_max_window_bits=8", False),
        ("permessage-deflate; nonsense", False),
        ("permessage-deflate, permessage-deflate", False),
        ("permessage-bzip2", False),
        ("x-other", False),
    ],
)
def test_our_client_takes_what_rfc_7692_lets_a_server_answer(answer: str, served: bool) -> None:
    network, server = Network(), RawServer()
    received: list[Message] = []
    config = WebSocketConfig(compression=True, server_mode=False)
    factory = ClientConnectionFactory(config.url, lambda connection: Receiving(received), config, reactor=network.clock)
    client = cast(ClientProtocol, result_of(network.endpoint(Factory.forProtocol(lambda: server)).connect(factory)))
    client.connection.when_open.addErrback(lambda failure: failure.trap(HandshakeRefused))
    network.flush()
    server.accept({"Sec-WebSocket-Extensions": answer})
    compressor = zlib.compressobj(wbits=-9)
    data = compressor.compress(b'{"jsonrpc":"2.0","method":"a"}') + compressor.flush(zlib.Z_SYNC_FLUSH)
    server.send_frame(TEXT, data.removesuffix(b"\0\0\xff\xff"), reserved=4)
    network.flush()
    assert server.is_gone() == (not served)
    assert [cast(Notification, message).method for message in received] == ["a"] * served


class Receiving:
    """What a connection brings its messages to: a list."""

    in_flight = 0

    def __init__(self, received: list[Message]) -> None:
        self.receive = received.append

    def pause_sending(self) -> None:
        """Nothing is sent."""

    def resume_sending(self) -> None:
        """Likewise."""

    def lost(self, reason: McpwsError) -> None:
        """It may end."""


@pytest.mark.proves("Z-1", "rfc7692/5/negotiation")
@pytest.mark.parametrize("server", [True, False])
def test_our_client_compresses_with_a_server_that_does(server: bool) -> None:
    backend = RecordingBackend()
    pair = connected(
        backend,
        config=WebSocketConfig(compression=server),
        client_config=WebSocketConfig(compression=True, server_mode=False),
    )
    asked = pair.session.request("echo", {"text": LONG})
    pair.flush()
    (request,) = backend.conversations[0].requests
    assert LONG.encode() in bytes(request.params or b"")
    backend.conversations[0].answer(request, {"text": LONG})
    pair.flush()
    assert result_of(asked) == {"text": LONG}
    extensions = pair.server.connections[0]._protocol.websocket_extensions_in_use
    assert len(extensions) == server
