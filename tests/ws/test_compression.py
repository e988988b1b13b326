"""permessage-deflate, from the handshake to the limits."""

import zlib

import pytest

from mcpws.config import WebSocketConfig
from mcpws.testing import RawClient, RecordingBackend, Served, connected
from mcpws.testing.network import result_of

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


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("permessage-deflate", "permessage-deflate"),
        ("permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=10"),
        ("permessage-deflate; server_max_window_bits=9", "permessage-deflate; server_max_window_bits=9"),
        ("permessage-deflate; server_no_context_takeover", "permessage-deflate; server_no_context_takeover"),
        ("x-other, permessage-deflate; client_max_window_bits", "permessage-deflate; client_max_window_bits=10"),
        ("x-other", ""),
    ],
)
def test_an_offer_is_accepted_with_small_windows(offer: str, answer: str) -> None:
    assert upgraded(offer)[2] == answer


def test_without_the_setting_no_offer_is_accepted() -> None:
    assert upgraded("permessage-deflate; client_max_window_bits", WebSocketConfig())[2] == ""


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


def test_a_compressed_message_is_inflated() -> None:
    service, client, _ = upgraded("permessage-deflate; client_max_window_bits")
    message = b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"text":"%b"}}' % LONG.encode()
    client.send_frame(1, deflated(message), reserved=4)
    service.flush()
    assert [answer["id"] for answer in client.take_messages()] == [1]


def test_the_limit_holds_for_what_is_inflated() -> None:
    config = WebSocketConfig(compression=True, max_message_size=10_000)
    service, client, _ = upgraded("permessage-deflate; client_max_window_bits", config)
    client.send_frame(1, deflated(b"[" + b" " * 10_000_000 + b"]"), reserved=4)
    service.flush()
    assert client.take_frames()[-1].payload[:2] == (1009).to_bytes(2, "big")
    assert service.server.statistics().messages_received == 0


def test_what_cannot_be_inflated_is_closed_with_1007() -> None:
    service, client, _ = upgraded("permessage-deflate; client_max_window_bits")
    client.send_frame(1, b"no deflate at all", reserved=4)
    service.flush()
    assert client.take_frames()[-1].payload[:2] == (1007).to_bytes(2, "big")


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
