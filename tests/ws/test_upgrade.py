"""What a client's handshake says, and what may come before its answer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.errors import ConfigError
from mcpws.ws.upgrade import Upgrade, after_interim

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nframes"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


def sent(**arguments: Any) -> list[tuple[str, str]]:
    head = Upgrade("/", "a.example", **arguments).request(b"KEY")
    assert head.endswith(b"\r\n\r\n")
    first, *lines = head[:-4].decode().split("\r\n")
    assert first == "GET / HTTP/1.1"
    return [(name, value) for name, _, value in (line.partition(": ") for line in lines)]


def values(fields: list[tuple[str, str]], name: str) -> list[str]:
    return [value for field, value in fields if field.lower() == name]


@pytest.mark.parametrize("name", ["Host", "HOST", "User-Agent", "Pragma", "cache-control", "Origin"])
def test_a_header_that_is_given_replaces_the_usual_one(name: str) -> None:
    assert values(sent(headers={name: "mine"}), name.lower()) == ["mine"]


@pytest.mark.proves("H-31")
def test_repeated_headers_are_all_sent_in_their_order() -> None:
    given = [("Cookie", "a=1"), ("X", "1"), ("cookie", "b=2"), ("Cache-Control", "a"), ("Cache-Control", "b")]
    fields = sent(headers=iter(given))
    assert values(fields, "cookie") == ["a=1", "b=2"]
    assert values(fields, "cache-control") == ["a", "b"]
    assert [field for field in fields if field in given] == given


def test_a_header_may_be_empty() -> None:
    assert values(sent(headers={"X": "", "User-Agent": ""}), "x") == [""]


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ([("Host", "a"), ("host", "b")], "host"),
        ([("Origin", "a"), ("Origin", "b")], "Origin"),
        ({"Upgrade": "h2c"}, "Upgrade"),
        ({"connection": "close"}, "connection"),
        ({"Sec-WebSocket-Key": "a"}, "Sec-WebSocket-Key"),
        ({"Sec-WebSocket-Protocol": "a"}, "Sec-WebSocket-Protocol"),
        ({"Sec-WebSocket-Extensions": "a"}, "Sec-WebSocket-Extensions"),
        ({"Content-Length": "1"}, "Content-Length"),
        ({"Transfer-Encoding": "chunked"}, "Transfer-Encoding"),
    ],
)
def test_what_would_spoil_the_handshake_is_refused(headers: Any, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        sent(headers=headers)
    assert (caught.value.key, caught.value.value) == ("headers", name)


def test_two_origins_are_one_too_many() -> None:
    assert values(sent(origin="https://a.example"), "origin") == ["https://a.example"]
    with pytest.raises(ConfigError):
        sent(origin="https://a.example", headers={"origin": "https://b.example"})


@pytest.mark.proves("H-32")
@given(interim=st.lists(st.sampled_from([CONTINUE, HINTS, b"HTTP/1.0 199 \r\n\r\n", b"HTTP/1.1 102\r\n\r\n"])))
def test_interim_answers_are_left_out(interim: list[bytes]) -> None:
    data = b"".join(interim)
    assert after_interim(data) == b""
    assert after_interim(data + ACCEPTED) == ACCEPTED
    assert after_interim(data + HINTS[:-1]) == HINTS[:-1]


@pytest.mark.parametrize(
    "data", [ACCEPTED, b"", b"HTTP/1.1 10", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 1000 x\r\n\r\n"]
)
def test_whatever_else_comes_stays(data: bytes) -> None:
    assert after_interim(data) == data
