"""The opening handshake of the server: what is refused, how, and in which order."""

import sys
from http import HTTPStatus
from typing import Protocol

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.protocols.policies import WrappingFactory

from mcpws.backends.app import App
from mcpws.config import WebSocketConfig
from mcpws.http.checks import select_subprotocol
from mcpws.http.request import MAX_HEAD, HttpRequest, Malformed, could_be_http, parse
from mcpws.testing import RawClient, RecordingBackend, Served
from mcpws.testing.raw import TEXT, upgrade_request

Headers = dict[str, str | None]


class LoggedErrors(Protocol):
    """The fixture `logged_errors`."""

    def flush(self, *types: type[BaseException]) -> list[object]: ...


def served(**settings: object) -> Served:
    return Served(RecordingBackend(), config=WebSocketConfig(**settings))  # type: ignore[arg-type]


class Answer:
    """What a raw client was answered with in place of the upgrade."""

    def __init__(self, client: RawClient) -> None:
        self.status_line, self.headers = client.take_head()
        self.body = client.received.decode()
        self.closed = client.is_gone()

    @property
    def status(self) -> int:
        return int(self.status_line.split()[1])


def answer(service: Served, path: str = "/", headers: Headers | None = None) -> Answer:
    client = service.raw()
    client.handshake(path, headers)
    service.flush()
    return Answer(client)


def answer_to_bytes(service: Served, data: bytes) -> Answer:
    client = service.raw()
    client.send(data)
    service.flush()
    return Answer(client)


def is_served(service: Served) -> bool:
    client = service.raw()
    client.handshake()
    service.flush()
    return client.take_head()[0] == "HTTP/1.1 101 Switching Protocols" and not client.is_gone()


# The parser


@pytest.mark.proves("H-5", "rfc6455/10.7/invalid-data")
@given(st.binary(max_size=300))
@example(b"GET / HTTP/1.1\r\nA: 1\r\nA: 2\r\n\r\n")
@example(b"GET / HTTP/1.1\r\n: no name\r\n\r\n")
@example(b"")
def test_any_bytes_make_a_request_or_a_refusal(data: bytes) -> None:
    try:
        request = parse(data + b"\r\n\r\n")
    except Malformed:
        return
    assert "\n" not in "".join([request.method, request.path, *request.headers, *request.headers.values()])


# None of those that may come only once.
TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", max_size=12).map("X-".__add__)
VALUE = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)


@pytest.mark.proves("H-30")
@given(st.lists(st.tuples(TOKEN, VALUE, st.text(" \t", max_size=2)), max_size=8))
def test_every_header_comes_out_by_its_name_in_lower_case(lines: list[tuple[str, str, str]]) -> None:
    values: dict[str, list[str]] = {}
    for name, value, _ in lines:
        values.setdefault(name.lower(), []).append(value)
    head = "".join(f"{name}:{space}{value}{space}\r\n" for name, value, space in lines)
    request = parse(f"GET /mcp?key=value HTTP/1.1\r\n{head}\r\n".encode())
    assert (request.method, request.path, request.version) == ("GET", "/mcp", "1.1")
    assert request.headers == {name: ", ".join(several) for name, several in values.items()}


@pytest.mark.proves("H-5")
@pytest.mark.parametrize(
    "line",
    [
        b"no colon",
        b"a name: v",
        b" folded: v",
        b": v",
        b"X: a\nY: b",
        b"X: a\rY: b",
        b"X: \0",
        "é: v".encode(),
        b"X : v",
    ],
)
def test_a_malformed_header_is_refused(line: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        parse(b"GET / HTTP/1.1\r\n" + line + b"\r\n\r\n")
    assert refused.value.refusal.text == "a header is malformed"


@pytest.mark.proves("H-5")
@pytest.mark.parametrize("name", ["Host", "Origin", "Sec-WebSocket-Key", "Sec-WebSocket-Version"])
def test_a_header_that_decides_may_come_only_once(name: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse(f"GET / HTTP/1.1\r\n{name}: a\r\n{name.upper()}: a\r\n\r\n".encode())
    assert refused.value.refusal.text == f"more than one {name.lower()} header"


@pytest.mark.parametrize("filler", [b" ", b"\t", b" \t", b"a ", b",", b"a,"])
def test_a_header_is_parsed_in_linear_time(filler: bytes) -> None:
    # Anything worse would not come back from a header this long.
    value = b"a" + filler * 2**20 + b"b"
    assert parse(b"GET / HTTP/1.1\r\nX: " + value + b"\r\n\r\n").headers["x"].encode() == value


@pytest.mark.proves("H-4")
@pytest.mark.parametrize("data", [b"", b"\r", b"G", b"GET", b"GET ", b"OPTIONS * HTTP/1.1", b"ABCDEFGHIJKLMNOP"])
def test_these_first_bytes_may_become_an_http_request(data: bytes) -> None:
    assert could_be_http(data)


@pytest.mark.proves("H-4")
@pytest.mark.parametrize(
    "data",
    [
        b"get /",
        b"\x16\x03\x01",
        b"{",
        b"\n",
        b"\r\n",
        b"\rG",
        b"GET\n",
        b"GET/",
        b"ABCDEFGHIJKLMNOPQ",
        # Whole lines, which nothing that follows can mend.
        b"GET / HTTP/banana\r\n",
        b"GET / HTTP/1\r\n",
        b"GET / http/1.1\r\nHost: ",
        b"GET /\r\n",
        b"GET / HTTP/1.1\n",
        b"GET / HTTP/1.1\r\nHost: localhost\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\n",
    ],
)
def test_these_first_bytes_cannot(data: bytes) -> None:
    assert not could_be_http(data)


@pytest.mark.proves("H-4")
@given(st.data())
def test_as_much_of_a_request_as_has_come_may_become_one(data: st.DataObject) -> None:
    head = upgrade_request().removesuffix(b"\r\n\r\n")
    assert could_be_http(head[: data.draw(st.integers(1, len(head)))])


# The subprotocol


@pytest.mark.proves("S-2", "rfc6455/4.2.2/subprotocol")
@pytest.mark.parametrize(
    ("offered", "selected"),
    [
        ([], None),
        (["mcp"], "mcp"),
        (["mcp.version.2025-06-18", "mcp"], "mcp"),
        (["mcp.version.2099-01-01", "mcp.version.2025-03-26", "mcp.version.2025-11-25"], "mcp.version.2025-03-26"),
        (["mcp.auth.secret", "mcp.version.2024-11-05"], "mcp.version.2024-11-05"),
        (["mcp.auth.secret"], None),
        (["MCP"], None),
        (["wamp", "graphql-ws"], None),
    ],
)
def test_ours_is_selected_among_the_offered_subprotocols(offered: list[str], selected: str | None) -> None:
    assert select_subprotocol(offered) == selected


@pytest.mark.proves("S-4")
def test_the_selected_subprotocol_is_echoed_and_a_token_never() -> None:
    result = answer(served(), headers={"Sec-WebSocket-Protocol": "mcp.auth.secret, mcp"})
    assert result.status == 101
    assert result.headers["sec-websocket-protocol"] == "mcp"
    assert "secret" not in str(result.headers)


@pytest.mark.proves("S-3", "rfc6455/4.2.2/subprotocol")
def test_without_an_offer_none_is_selected() -> None:
    result = answer(served())
    assert result.status == 101
    assert "sec-websocket-protocol" not in result.headers


@pytest.mark.proves("S-5")
@pytest.mark.not_mcp("the client does not say who it is")
def test_a_subprotocol_settles_no_protocol_version() -> None:
    service = Served(App("calculator", "1.0", clock=Clock()))
    client = service.raw()
    client.handshake(headers={"Sec-WebSocket-Protocol": "mcp.version.2024-11-05"})
    service.flush()
    assert client.take_head()[1]["sec-websocket-protocol"] == "mcp.version.2024-11-05"
    params = {"protocolVersion": "2025-06-18", "capabilities": {}}
    client.send_message({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
    service.flush()
    assert [answer["result"]["protocolVersion"] for answer in client.take_messages()] == ["2025-06-18"]


# The request target


@pytest.mark.proves("H-29")
@pytest.mark.parametrize(
    ("target", "path", "host"),
    [
        ("/mcp?a=b", "/mcp", "as.it.came:1"),
        ("http://localhost:8082/mcp?a=b", "/mcp", "localhost:8082"),
        ("HTTPS://Example.COM/", "/", "Example.COM"),
        ("ws://[::1]:1/ws", "/ws", "[::1]:1"),
        ("wss://localhost", "/", "localhost"),
        ("http://localhost?a=/b", "/", "localhost"),
        ("http:///mcp", "/mcp", ""),
        ("http://user@localhost/", "/", "user@localhost"),
        ("//localhost/", "//localhost/", "as.it.came:1"),
        ("/http://localhost/", "/http://localhost/", "as.it.came:1"),
        ("ftp://localhost/", "ftp://localhost/", "as.it.came:1"),
        ("localhost:8082", "localhost:8082", "as.it.came:1"),
        ("*", "*", "as.it.came:1"),
    ],
)
def test_a_target_in_absolute_form_says_which_host_is_meant(target: str, path: str, host: str) -> None:
    request = parse(f"GET {target} HTTP/1.1\r\nHost: as.it.came:1\r\n\r\n".encode())
    assert (request.path, request.headers["host"]) == (path, host)


@pytest.mark.proves("H-29")
@pytest.mark.parametrize(
    ("target", "headers", "status"),
    [
        ("http://127.0.0.1:8082/", {}, 101),
        ("ws://localhost/mcp?session=1", {}, 101),
        ("https://app.localhost", {}, 101),
        ("http://127.0.0.1/", {"Host": "evil.example"}, 101),
        ("http://127.0.0.1/", {"Host": "evil.example", "Origin": "http://localhost:3000"}, 101),
        ("http://evil.example/", {}, 421),
        ("http://evil@127.0.0.1/", {}, 421),
        ("http:///", {}, 421),
        ("http://127.0.0.1/", {"Host": None}, 421),
        ("http://127.0.0.1/other", {}, 404),
        ("ftp://127.0.0.1/", {}, 404),
    ],
)
def test_the_host_of_an_absolute_target_counts_in_place_of_the_header(
    target: str, headers: Headers, status: int
) -> None:
    assert answer(served(), target, headers).status == status


# Extensions


@pytest.mark.proves("H-30", "rfc6455/9.1/extensions")
def test_several_lines_of_extensions_are_one_list() -> None:
    lines = [b"x-first; a=1", b"", b'permessage-deflate; client_max_window_bits="10", x-last; b']
    head = b"".join(b"Sec-WebSocket-Extensions: %b\r\n" % line for line in lines)
    assert parse(b"GET / HTTP/1.1\r\n" + head + b"\r\n").offered_extensions() == [
        ("x-first", [("a", "1")]),
        ("permessage-deflate", [("client_max_window_bits", "10")]),
        ("x-last", [("b", None)]),
    ]


@pytest.mark.proves("H-17")
@pytest.mark.parametrize("value", ["", " ", ",", "x", "x;y", "x ; y = z , ,w", 'x; y="z"', "x,x,x"])
def test_well_formed_extensions_are_no_reason_to_refuse(value: str) -> None:
    for compression in (True, False):
        service = served(compression=compression)
        assert answer(service, headers={"Sec-WebSocket-Extensions": value}).status == 101


@pytest.mark.proves("H-17", "rfc6455/9.1/extensions")
@pytest.mark.parametrize(
    "value", ["x y", "x;", "x;;y", "x; y=", "x=1", 'x; y="a b"', 'x; y="z', 'x; y="a,b"', "@", "é"]
)
def test_malformed_extensions_are_refused(value: str) -> None:
    assert answer(served(), headers={"Sec-WebSocket-Extensions": value}).status == 400


# What is kept


def test_no_name_that_a_client_makes_up_is_interned() -> None:
    made_up = [f"x-made-up-{number}" for number in range(100)]
    head = "".join(f"{name}: 1\r\n" for name in made_up)
    parsed = parse(f"GET / HTTP/1.1\r\n{head}\r\n".encode()).headers
    for name in parsed:
        # Whoever interns an equal string gets this one back, if it is interned.
        equal = "".join(list(name))
        assert sys.intern(equal) is equal


def test_usual_names_are_one_string_for_all_clients() -> None:
    first, second = parse(upgrade_request()).headers, parse(upgrade_request()).headers
    assert all(one is other for one, other in zip(first, second, strict=True))


# The checks

REFUSED: list[tuple[str, str, Headers, int, str, dict[str, str]]] = [
    ("an unknown path", "/other", {}, 404, "nothing is served at this path", {}),
    ("no upgrade", "/", {"Upgrade": None}, 426, "this is a WebSocket endpoint", {"upgrade": "websocket"}),
    ("another upgrade", "/", {"Upgrade": "h2c"}, 426, "this is a WebSocket endpoint", {"upgrade": "websocket"}),
    ("no host", "/", {"Host": None}, 421, "this host is not served here", {}),
    ("another host", "/", {"Host": "evil.example"}, 421, "this host is not served here", {}),
    ("another origin", "/", {"Origin": "https://evil.example"}, 403, "this origin may not connect", {}),
    ("the null origin", "/", {"Origin": "null"}, 403, "this origin may not connect", {}),
    ("no connection", "/", {"Connection": "keep-alive"}, 400, "the Connection header must name Upgrade", {}),
    (
        "an old version",
        "/",
        {"Sec-WebSocket-Version": "8"},
        426,
        "use Sec-WebSocket-Version 13",
        {"upgrade": "websocket", "sec-websocket-version": "13"},
    ),
    ("no key", "/", {"Sec-WebSocket-Key": None}, 400, "Sec-WebSocket-Key must be 16 bytes in base64", {}),
    ("a short key", "/", {"Sec-WebSocket-Key": "AAAA"}, 400, "Sec-WebSocket-Key must be 16 bytes in base64", {}),
    ("no base64", "/", {"Sec-WebSocket-Key": "é*"}, 400, "Sec-WebSocket-Key must be 16 bytes in base64", {}),
    (
        "only foreign subprotocols",
        "/",
        {"Sec-WebSocket-Protocol": "wamp, mcp.auth.secret"},
        400,
        "none of the offered subprotocols is spoken here",
        {},
    ),
    (
        "malformed extensions",
        "/",
        {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits=9 9"},
        400,
        "the Sec-WebSocket-Extensions header is malformed",
        {},
    ),
]


@pytest.mark.proves(
    "H-7",
    "H-8",
    "H-9",
    "H-10",
    "H-13",
    "H-14",
    "H-15",
    "H-16",
    "H-17",
    "H-19",
    "rfc6454/6.2/null",
    "rfc6455/4.2.1/request",
    "rfc6455/4.2.2/refusal",
    "rfc6455/4.4/version",
)
@pytest.mark.parametrize(
    ("path", "headers", "status", "text", "further"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED]
)
def test_a_refusal_is_a_whole_http_answer_and_the_end(
    path: str, headers: Headers, status: int, text: str, further: dict[str, str]
) -> None:
    service = served()
    result = answer(service, path, headers)
    phrase = HTTPStatus(status).phrase
    assert result.status_line == f"HTTP/1.1 {status} {phrase}"
    assert result.body == f"{status} {phrase}: {text}\n"
    assert result.headers == {
        "server": "mcpws",
        "content-type": "text/plain; charset=utf-8",
        "content-length": str(len(result.body)),
        "cache-control": "no-store",
        "connection": "close",
        **further,
    }
    assert result.closed
    assert service.server.connections == ()
    assert service.server.statistics().connections_refused == 1
    assert is_served(service)


@pytest.mark.proves("H-5", "H-11", "H-12", "rfc6455/4.2.1/request")
@pytest.mark.parametrize(
    ("request_line", "status", "text", "allow"),
    [
        ("POST / HTTP/1.1", 405, "use GET", "GET"),
        ("GET / HTTP/1.0", 505, "use HTTP/1.1", None),
        ("GET / HTTP/2.0", 505, "use HTTP/1.1", None),
        ("GET / HTTP/0.9", 505, "use HTTP/1.1", None),
        ("GET / HTTP/banana", 400, "this is not an HTTP/1.1 request", None),
        ("GET / HTTP/1", 400, "this is not an HTTP/1.1 request", None),
        ("GET / HTTP/11.1", 400, "this is not an HTTP/1.1 request", None),
        ("GET / HTTP/1.1 ", 400, "this is not an HTTP/1.1 request", None),
        ("GET /", 400, "this is not an HTTP/1.1 request", None),
        ("GET  / HTTP/1.1", 400, "this is not an HTTP/1.1 request", None),
        ("GET /a b HTTP/1.1", 400, "this is not an HTTP/1.1 request", None),
        ("GET /\x7f HTTP/1.1", 400, "this is not an HTTP/1.1 request", None),
    ],
)
def test_the_request_line_must_be_get_and_http_1_1(
    request_line: str, status: int, text: str, allow: str | None
) -> None:
    service = served()
    result = answer_to_bytes(service, upgrade_request().replace(b"GET / HTTP/1.1", request_line.encode()))
    assert (result.status, result.headers.get("allow")) == (status, allow)
    assert result.body.endswith(f": {text}\n")


@pytest.mark.proves("H-12")
def test_a_later_http_1_is_as_good() -> None:
    service = served()
    client = service.raw()
    client.send(upgrade_request().replace(b"HTTP/1.1", b"HTTP/1.2"))
    service.flush()
    assert Answer(client).status == 101


# Each is wrong in one more way than the one after it.
WRONG: list[tuple[int, str, Headers]] = [
    (404, "/other", {}),
    (426, "/", {"Upgrade": None}),
    (421, "/", {"Host": "evil.example"}),
    (403, "/", {"Origin": "https://evil.example"}),
    (400, "/", {"Connection": "close"}),
    (400, "/", {"Sec-WebSocket-Protocol": "wamp"}),
]


@pytest.mark.proves("H-2")
@pytest.mark.parametrize("first", range(len(WRONG)))
def test_the_first_check_that_fails_gives_the_answer(first: int) -> None:
    headers: Headers = {}
    for _, _, wrong in WRONG[first:]:
        headers |= wrong
    assert answer(served(), WRONG[first][1], headers).status == WRONG[first][0]


@pytest.mark.proves("H-6", "L-8")
def test_a_full_server_refuses_before_any_other_check() -> None:
    service = served(max_connections=1)
    assert is_served(service)
    result = answer(service, "/other")
    assert (result.status, result.headers["retry-after"]) == (503, "5")
    assert result.body == "503 Service Unavailable: no connection is free\n"


@pytest.mark.proves("H-6")
def test_a_place_is_free_again_when_its_client_has_gone() -> None:
    service = served(max_connections=1)
    for _ in range(3):
        client = service.raw()
        client.handshake()
        service.flush()
        assert client.take_head()[0].startswith("HTTP/1.1 101")
        assert answer(service).status == 503
        client.wire.loseConnection()
        service.flush()


@pytest.mark.proves("H-24")
def test_refused_handshakes_do_not_make_room_for_more_connections() -> None:
    service = served(max_connections=1)
    for _ in range(5):
        assert answer(service, headers={"Sec-WebSocket-Extensions": "permessage-deflate; nonsense="}).status == 400
    assert is_served(service)
    assert answer(service).status == 503


@pytest.mark.proves("H-6")
def test_a_draining_server_refuses_new_clients() -> None:
    service = served()
    assert is_served(service)
    service.server.drain()
    result = answer(service)
    assert (result.status, result.headers["retry-after"]) == (503, "5")
    assert result.body == "503 Service Unavailable: the service is shutting down\n"
    service.advance(60)


@pytest.mark.proves("H-21", "H-22", "mcp/2025-11-25/basic/transports#origin", "rfc6455/10.2/origin")
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://localhost:3000"}, 101),
        ({"Origin": "https://app.example.com"}, 101),
        ({"Host": "mcp.example.com"}, 101),
        ({"Host": "mcp.example.com", "Origin": "http://localhost:3000"}, 403),
        ({"Host": "other.example.com"}, 421),
    ],
)
def test_hosts_and_origins_are_those_of_the_settings(headers: Headers, status: int) -> None:
    service = served(hosts=("mcp.example.com",), origins=("https://app.example.com",))
    assert answer(service, headers=headers).status == status


@pytest.mark.proves("H-10")
def test_an_origin_may_be_required() -> None:
    assert answer(served(require_origin=True)).status == 403


@pytest.mark.proves("H-20", "rfc6455/3/uri")
@pytest.mark.parametrize("path", ["/", "/mcp", "/ws", "/message", "/mcp?session=1"])
def test_the_usual_paths_are_served_whatever_their_query(path: str) -> None:
    assert answer(served(), path).status == 101


@pytest.mark.proves("H-19", "S-4")
@given(st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=40))
@example("evil\r\nSet-Cookie: a=b")
@example("evil\nSet-Cookie: a=b")
def test_nothing_that_the_client_sends_comes_back(value: str) -> None:
    marked = f"marker{value}"
    for path, headers in [
        (f"/{marked}", {}),
        ("/", {"Host": marked}),
        ("/", {"Origin": marked}),
        ("/", {"Sec-WebSocket-Protocol": marked}),
        ("/", {"Sec-WebSocket-Extensions": marked}),
        ("/", {"Sec-WebSocket-Version": marked}),
    ]:
        result = answer(served(), path, dict(headers))
        assert "marker" not in result.status_line + str(result.headers) + result.body
        assert "set-cookie" not in result.headers


# How the bytes come


@pytest.mark.proves("H-25")
def test_a_request_that_comes_byte_by_byte_is_served() -> None:
    service = served()
    client = service.raw()
    for byte in upgrade_request():
        assert client.received == b""
        client.send(bytes([byte]))
        service.flush()
    assert client.take_head()[0] == "HTTP/1.1 101 Switching Protocols"


@pytest.mark.proves("H-25")
@pytest.mark.parametrize("pieces", [[b"\r\n"], [b"\r", b"\n"], []], ids=["whole", "in two", "none"])
def test_one_empty_line_before_the_request_is_ignored(pieces: list[bytes]) -> None:
    service = served()
    client = service.raw()
    for piece in pieces:
        client.send(piece)
        service.flush()
        assert client.received == b""
    client.handshake()
    service.flush()
    assert client.take_head()[0] == "HTTP/1.1 101 Switching Protocols"


@pytest.mark.parametrize("before", [b"\r\n\r\n", b"\n", b"\n\r\n", b"\r\n\n", b" \r\n"])
def test_what_else_comes_before_the_request_is_none(before: bytes) -> None:
    service = served()
    client = service.raw()
    client.send(before + upgrade_request())
    service.flush()
    assert client.take_head()[0] == "HTTP/1.1 400 Bad Request"


@pytest.mark.proves("H-25")
def test_frames_right_behind_the_request_are_not_lost() -> None:
    backend = RecordingBackend()
    service = Served(backend)
    client = service.raw()
    client.handshake()
    client.send_frame(TEXT, b'{"jsonrpc":"2.0","id":1,"method":"ping"}')
    service.flush()
    assert [request.method for request in backend.conversations[0].requests] == ["ping"]


@pytest.mark.proves("H-4")
@pytest.mark.parametrize(
    "data", [b"\x16\x03\x01\x02\x00\x01", b"hello\r\n", b"\0", b'{"jsonrpc":"2.0"}', b"GET / HTTP/banana\r\n"]
)
def test_what_is_no_http_is_refused_at_its_first_bytes(data: bytes) -> None:
    result = answer_to_bytes(served(), data)
    assert result.status == 400
    assert result.closed


@pytest.mark.proves("H-3")
def test_a_head_over_the_limit_is_refused_before_it_ends() -> None:
    result = answer_to_bytes(served(), b"GET / HTTP/1.1\r\nX: " + b"x" * MAX_HEAD)
    assert result.status == 431
    assert result.body == "431 Request Header Fields Too Large: more than 16384 bytes of headers\n"


@pytest.mark.proves("H-3")
@pytest.mark.parametrize(("excess", "status"), [(0, 101), (1, 431)])
def test_the_limit_of_the_head_is_exact(excess: int, status: int) -> None:
    padding = MAX_HEAD + excess - len(upgrade_request(headers={"X": ""}).removesuffix(b"\r\n\r\n"))
    assert answer(served(), headers={"X": "x" * padding}).status == status


@pytest.mark.proves("H-23", "L-9")
def test_a_handshake_that_does_not_end_is_dropped_in_time() -> None:
    service = served(timeout_seconds=10)
    client = service.raw()
    client.send(b"GET / HTTP/1.1\r\n")
    service.advance(10)
    assert not client.is_gone()
    service.advance(2)
    assert client.is_gone()
    assert client.received == b""
    assert service.server.connections == ()


@pytest.mark.proves("H-23")
def test_a_handshake_may_be_allowed_to_take_for_ever() -> None:
    service = served(timeout_seconds=None)
    client = service.raw()
    service.advance(1000)
    client.handshake()
    service.flush()
    assert Answer(client).status == 101


@pytest.mark.proves("H-24")
def test_clients_that_only_open_sockets_are_bounded_too() -> None:
    service = served(max_connections=2)
    idle = [service.raw(), service.raw()]
    beyond = service.raw()
    service.flush()
    assert beyond.is_gone()
    assert [client.is_gone() for client in idle] == [False, False]
    assert service.server.statistics().connections_refused == 1


@pytest.mark.parametrize("drains", [False, True])
def test_what_gets_no_transport_keeps_no_place(drains: bool) -> None:
    # As where TLS cannot begin, for want of a certificate that fits its key.
    service = served(max_connections=1, timeout_seconds=10)
    service.server.buildProtocol(None)
    assert [one.peer for one in service.server.statistics().connections] == ["?"]
    if drains:
        service.server.drain()
    else:
        service.advance(12)
        assert is_served(service)
    assert len(service.server.connections) == (not drains)


@pytest.mark.proves("H-24")
def test_clients_beyond_that_are_hung_up_on_behind_a_wrapper_too() -> None:
    # As TLS is one, and whatever else stands between a socket and its protocol.
    service = served(max_connections=1)
    wrapped = WrappingFactory(service.server)
    first, beyond = RawClient(), RawClient()
    for client in first, beyond:
        service.network.join(client, wrapped)
    service.flush()
    assert (first.is_gone(), beyond.is_gone()) == (False, True)
    assert len(wrapped.protocols) == 1


@pytest.mark.proves("H-19", "H-28")
def test_a_refused_client_that_does_not_close_is_dropped() -> None:
    service = served(close_timeout=5)
    client = service.raw()
    client.wire.pauseProducing()
    client.send(b"GET /other HTTP/1.1\r\n\r\n")
    service.advance(4)
    assert service.server.statistics().connections_aborted == 0
    service.advance(3)
    assert not service.server.connections
    assert service.server.statistics().connections_aborted == 1


@pytest.mark.proves("H-28")
def test_a_refused_client_may_send_on_until_its_handshake_is_late() -> None:
    service = served(close_timeout=5, timeout_seconds=20)
    client = service.raw()
    client.wire.pauseProducing()
    client.send(b"POST /other HTTP/1.1\r\n\r\n")
    for _ in range(6):
        client.send(b"more")
        service.advance(3)
        assert len(service.server.connections) == 1
    client.send(b"more")
    service.advance(3)
    assert not service.server.connections
    client.wire.resumeProducing()
    service.flush()
    assert Answer(client).body.startswith("404 Not Found: ")


@pytest.mark.proves("H-28")
@pytest.mark.parametrize(("size", "open"), [(1000, 1), (1001, 0)])
def test_a_refused_client_may_send_as_much_as_in_a_message(size: int, open: int) -> None:
    service = served(max_message_size=1000)
    client = service.raw()
    client.wire.pauseProducing()
    client.send(b"POST / HTTP/1.1\r\n\r\n")
    service.flush()
    client.send(b"x" * size)
    service.flush()
    assert len(service.server.connections) == open
    assert service.server.statistics().connections_aborted == 1 - open
    service.advance(60)


@pytest.mark.proves("H-28")
def test_what_a_refused_client_sends_is_thrown_away() -> None:
    service = served()
    client = service.raw()
    client.wire.pauseProducing()
    client.send(b"POST / HTTP/1.1\r\n\r\n")
    service.flush()
    client.send(b"x" * 100_000)
    service.flush()
    [connection] = service.server.connections
    assert len(connection._protocol.data) < 100
    service.advance(60)


@pytest.mark.proves("H-28")
def test_a_refused_client_that_closes_leaves_nothing_behind() -> None:
    service = served()
    client = service.raw()
    client.send(b"POST / HTTP/1.1\r\n\r\n")
    service.flush()
    assert client.is_gone()
    assert service.server.connections == ()
    assert service.server.statistics().connections_aborted == 0
    assert service.clock.getDelayedCalls() == []


# Defects of ours


@pytest.mark.proves("H-18")
def test_a_check_that_raises_refuses_its_client_alone(
    monkeypatch: pytest.MonkeyPatch, logged_errors: LoggedErrors
) -> None:
    service = served()

    def check(request: HttpRequest) -> None:
        raise RuntimeError("evil\r\nX: y")

    with monkeypatch.context() as patch:
        patch.setattr(service.server, "checks", [check])
        result = answer(service)
    assert result.status_line == "HTTP/1.1 500 Internal Server Error"
    assert result.body == "500 Internal Server Error: the handshake failed here\n"
    assert "x" not in result.headers
    assert len(logged_errors.flush(RuntimeError)) == 1
    assert is_served(service)
