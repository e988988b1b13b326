"""Pages of twisted.web beside WebSockets."""

from http import HTTPStatus
from typing import Any, Protocol

import pytest
from twisted.internet.defer import Deferred
from twisted.protocols.policies import WrappingFactory
from twisted.web.pages import notFound
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request

from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError
from mcpws.http.checks import Principal
from mcpws.http.page import MAX_BODY, SLOWEST, STALL_SECONDS, Page
from mcpws.http.request import Refusal
from mcpws.testing import RawClient, RecordingBackend, Served
from mcpws.ws.server import ServerFactory

HOST = b"Host: 127.0.0.1:8082\r\n"
NO = Refusal(HTTPStatus.FORBIDDEN, "not for you")


class LoggedErrors(Protocol):
    """The fixture `logged_errors`."""

    def flush(self, *types: type[BaseException]) -> list[object]: ...


class Data(Resource):
    """A text."""

    def __init__(self, text: bytes, kind: str) -> None:
        super().__init__()
        self._text = text
        self._kind = kind

    def getChild(self, path: bytes, request: Request) -> IResource:
        return self if path == b"" else notFound()

    def render_GET(self, request: Request) -> bytes:
        request.setHeader("content-type", self._kind)
        return self._text

    def render_POST(self, request: Request) -> bytes:
        return b"%d bytes" % len(request.content.read())  # type: ignore[union-attr]


class Tree(Resource):
    """Says where it is."""

    def getChild(self, path: bytes, request: Request) -> Resource:
        return self

    def render_GET(self, request: Request) -> bytes:
        return b"%b below %b" % (b"/".join(request.postpath or []), b"/".join(request.prepath or []))


def served(pages: dict[str, Any] | None = None, **settings: Any) -> Served:
    about: dict[str, Any] = {"/about": Data(b"all about it", "text/plain")}
    return Served(RecordingBackend(), config=WebSocketConfig(**settings), pages=about if pages is None else pages)


def asks(service: Served, path: str, more: bytes = HOST, client: RawClient | None = None) -> tuple[RawClient, str, str]:
    """A client, and the status and the text that it gets for a page."""
    client = client or service.raw()
    client.send(b"GET %b HTTP/1.1\r\n%b\r\n" % (path.encode(), more))
    service.flush()
    line, headers = client.take_head()
    size = int(headers.get("content-length", 0))
    body, client.received = client.received[:size], client.received[size:]
    return client, line.partition(" ")[2], body.decode()


def test_a_page_and_websockets_share_a_port() -> None:
    service = served()
    assert asks(service, "/about")[1:] == ("200 OK", "all about it")
    service.upgraded()
    assert asks(service, "/about?a=1")[1:] == ("200 OK", "all about it")
    assert len(service.server.connections) == 1


def test_a_connection_may_ask_for_one_page_after_the_other() -> None:
    service = served()
    client, *first = asks(service, "/about")
    _, *second = asks(service, "/about", client=client)
    assert first == second == ["200 OK", "all about it"]
    assert not client.is_gone()


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/", "426 Upgrade Required", "this is a WebSocket endpoint"),
        ("/elsewhere", "404 Not Found", "nothing is served at this path"),
        ("/aboutface", "404 Not Found", "nothing is served at this path"),
        ("/about/more", "404 Not Found", ""),
    ],
)
def test_what_is_no_page_is_said_on_either_kind_of_connection(path: str, status: str, text: str) -> None:
    service = served()
    client, _, _ = asks(service, "/about")
    for one in (None, client):
        _, got, body = asks(service, path, client=one)
        assert got == status
        assert text in body
    assert not client.is_gone()


def test_a_websocket_needs_a_connection_of_its_own() -> None:
    service = served()
    client, _, _ = asks(service, "/about")
    client.handshake()
    service.flush()
    assert client.take_head()[0] == "HTTP/1.1 426 Upgrade Required"


def test_one_path_may_have_both() -> None:
    service = served({"/": Data(b"hello", "text/plain")})
    assert asks(service, "/")[1:] == ("200 OK", "hello")
    service.upgraded()


def test_a_page_has_all_that_is_below_it() -> None:
    service = served({"/a": Tree(), "/a/b/c": Tree()})
    for path, text in {"/a": " below a", "/a/x": " below a/x", "/a/b/c/d/e": " below a/b/c/d/e"}.items():
        assert asks(service, path)[1:] == ("200 OK", text)


@pytest.mark.parametrize("draining", [False, True])
def test_a_full_and_a_draining_server_answer_pages(draining: bool) -> None:
    service = served(max_connections=1, drain_seconds=30)
    client = service.upgraded()
    client.send_message({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    service.flush()
    if draining:
        service.server.drain()
    # The recording backend answers nothing, so the drain goes on, or the place stays taken.
    assert len(service.server.connections) == 1
    knocks = service.raw()
    knocks.handshake()
    service.flush()
    assert knocks.take_head()[0] == "HTTP/1.1 503 Service Unavailable"
    assert asks(service, "/about")[1:] == ("200 OK", "all about it")


GUARDED = [
    "/admin",
    "/%61dmin",
    "//admin",
    "/x/../admin",
    "/x/%2e%2e/admin",
    "/./admin",
    "/admin/",
    "/%61%64%6D%69%6e/x",
]


@pytest.mark.parametrize("path", GUARDED)
def test_a_page_is_not_reached_past_its_checks_however_its_path_is_written(path: str) -> None:
    tree = Tree()
    tree.putChild(b"admin", Data(b"secret", "text/plain"))
    service = served({"/": tree, "/admin": Page(Data(b"secret", "text/plain"), [lambda request: NO])})
    assert asks(service, path)[1] == "403 Forbidden"
    assert asks(service, "/x/admin")[1] == "200 OK"


def test_one_resource_may_be_at_two_paths() -> None:
    page = Page(Tree())
    service = served({"/a": page, "/b/c": page})
    assert asks(service, "/a/x")[2] == " below a/x"
    assert asks(service, "/b/c/x/")[2] == " below b/c/x/"


def test_the_absolute_form_names_the_host_on_every_request_of_a_connection() -> None:
    service = served()
    client = None
    for _ in range(2):
        client, status, body = asks(service, "http://127.0.0.1:8082/about", client=client)
        assert (status, body) == ("200 OK", "all about it")
    assert asks(service, "http://evil.example/about", client=client)[1] == "421 Misdirected Request"


def test_two_hosts_are_refused_on_every_request_of_a_connection() -> None:
    service = served()
    client, _, _ = asks(service, "/about")
    for one in (None, client):
        assert asks(service, "/about", HOST + HOST, client=one)[1] == "400 Bad Request"


def test_a_page_may_be_served_under_other_hosts() -> None:
    service = served({"/healthz": Page(Data(b"ok", "text/plain"), hosts=["*"]), "/": Data(b"no", "text/plain")})
    assert asks(service, "/healthz", b"Host: 10.0.0.7\r\n")[1] == "200 OK"
    assert asks(service, "/", b"Host: 10.0.0.7\r\n")[1] == "421 Misdirected Request"


class Who(Resource):
    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        return repr(getattr(request, "principal", "")).encode()


def test_a_page_knows_whom_its_request_comes_from() -> None:
    service = served({"/": Page(Who(), [lambda request: Principal(request.query)]), "/all": Who()})
    assert asks(service, "/?ann")[2] == "Principal(name='ann')"
    assert asks(service, "/all")[2] == "None"


class Fails(Resource):
    isLeaf = True

    def render_GET(self, request: Request) -> bytes:
        raise RuntimeError("secret")


@pytest.mark.parametrize("later", [False, True])
def test_a_page_that_fails_is_500_and_logged(later: bool, logged_errors: LoggedErrors) -> None:
    verdict: Deferred[Any] = Deferred()
    service = served({"/": Page(Fails(), [lambda request: verdict] if later else [])})
    client = service.raw()
    client.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    service.flush()
    verdict.callback(None)
    service.flush()
    assert client.take_head()[0] == "HTTP/1.1 500 Internal Server Error"
    assert b"secret" not in client.received
    assert len(logged_errors.flush(RuntimeError)) == 1


def posts(service: Served, size: int, more: bytes = b"") -> RawClient:
    client = service.raw()
    client.send(b"POST /about HTTP/1.1\r\n%bContent-Length: %d\r\n%b\r\n" % (HOST, size, more))
    service.flush()
    return client


def test_a_page_takes_a_body_up_to_a_limit() -> None:
    service = served()
    client = posts(service, MAX_BODY)
    client.send(b"x" * MAX_BODY)
    service.flush()
    assert client.take_head()[0] == "HTTP/1.1 200 OK"
    assert client.received == b"%d bytes" % MAX_BODY


def test_a_client_that_sends_too_much_hears_why_though_it_still_sends() -> None:
    service = served()
    client = posts(service, 10 * MAX_BODY)
    client.send(b"x" * (MAX_BODY + 1))
    service.flush()
    line, headers = client.take_head()
    assert line == "HTTP/1.1 413 Request Entity Too Large"
    assert headers["connection"] == "close"
    client.send(b"x" * 1000)
    service.flush()
    service.advance(2)
    assert client.is_gone()


class Counts(Resource):
    """Counts what it is asked to do."""

    isLeaf = True
    rendered = 0

    def render(self, request: Request) -> bytes:
        self.rendered += 1
        return b"done"


CHUNKS = (b"10000\r\n" + b"x" * 65536 + b"\r\n") * 17 + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\nabcd", "400"),
        (b"Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", "400"),
        (b"Content-Length: abc\r\nX: y\r\n\r\nabcd", "400"),
        (b"Transfer-Encoding: gzip\r\nX: y\r\n\r\nabcd", "400"),
        (b"".join(b"a%d: b\r\n" % number for number in range(600)) + b"\r\n", "400"),
        (b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS, "413"),
        (b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1) + b"x" * (MAX_BODY + 1), "413"),
        (b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % (MAX_BODY + 1), "413"),
        (b"Content-Length: %b\r\n\r\n" % (b"9" * 5000), "400"),
        (b"X: %b\r\n\r\n" % (b"x" * 20_000), "431"),
    ],
)
def test_a_request_that_is_refused_by_its_form_is_answered_once_and_not_carried_out(
    request_: bytes, status: str
) -> None:
    counts = Counts()
    service = served({"/": counts})
    client = service.raw()
    client.send(b"POST / HTTP/1.1\r\n" + HOST + request_ + b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    service.flush()
    assert client.received.count(b"HTTP/1.1 ") == 1
    assert client.received.startswith(f"HTTP/1.1 {status} ".encode())
    assert counts.rendered == 0


@pytest.mark.parametrize(
    "more", [b"GET /\r\nX: y\r\n\r\n", b"\r\n\r\nGET / HTTP/1.1\r\n\r\n", b"GET / HTTP/2.0\r\n\r\n"]
)
def test_what_follows_a_request_and_is_none_takes_nothing_from_its_answer(more: bytes) -> None:
    counts = Counts()
    service = served({"/": counts})
    client = service.raw()
    client.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n" + more)
    service.flush()
    assert client.take_head()[0] == "HTTP/1.1 200 OK"
    assert client.received.startswith(b"doneHTTP/1.1 400 Bad Request\r\n")
    assert counts.rendered == 1


def test_another_version_of_http_is_answered() -> None:
    service = served({"/": Counts()})
    client = service.raw()
    client.send(b"GET / HTTP/2.0\r\n" + HOST + b"\r\n")
    service.flush()
    assert client.take_head()[0].startswith("HTTP/1.1 426 ")


def test_resources_see_the_path_by_which_they_were_found() -> None:
    class Told(Resource):
        isLeaf = True

        def render_GET(self, request: Request) -> bytes:
            return request.uri + b" " + request.path

    service = served({"/file": Told()})
    asked = {
        "//evil.example/../file/sub?a=//b": "/file/sub?a=//b /file/sub",
        "/%2e%2e/file/a%2Fb/": "/file/a%2Fb/ /file/a%2Fb/",
        "/file": "/file /file",
        "/file/%E4%20?": "/file/%E4%20? /file/%E4%20",
    }
    assert {path: asks(service, path)[2] for path in asked} == asked


def test_a_stop_ends_a_connection_in_the_middle_of_a_request_after_its_answer() -> None:
    service = served({"/": Counts()}, drain_seconds=5)
    client = service.raw()
    client.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n" + b"GET / HTTP/1.1\r\nHo")
    service.flush()
    service.server.stop()
    service.flush()
    client.send(b"st: 127.0.0.1:8082\r\n\r\n" + b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    service.advance(6)
    assert client.received.count(b"HTTP/1.1 200 OK") <= 2
    assert client.is_gone()
    late = asks(service, "/")
    assert late[1] == "503 Service Unavailable"


def test_a_stop_lets_a_page_be_answered_that_is_under_way() -> None:
    verdict: Deferred[Any] = Deferred()
    service = served({"/slow": Page(Data(b"at last", "text/plain"), [lambda request: verdict])})
    client = service.raw()
    client.send(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n")
    service.flush()
    stopped: list[object] = []
    service.server.stop().addCallback(stopped.append)
    service.flush()
    assert not stopped
    verdict.callback(None)
    service.flush()
    assert client.take_head()[0] == "HTTP/1.1 200 OK"
    assert client.received == b"at last"
    service.advance(2)
    assert client.is_gone()
    assert stopped == [None]


def test_a_stop_does_not_wait_for_a_page_without_end() -> None:
    service = served({"/slow": Page(Data(b"", "text/plain"), [lambda request: Deferred()])}, drain_seconds=5)
    client = service.raw()
    client.send(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n")
    service.flush()
    stopped: list[object] = []
    service.server.stop().addCallback(stopped.append)
    service.advance(6)
    assert client.is_gone()
    assert stopped == [None]


def test_a_server_full_of_unfinished_handshakes_answers_pages() -> None:
    service = served(max_connections=2)
    for _ in range(3):
        service.raw().send(b"GET / HTTP/1.1\r\n")
    service.flush()
    assert asks(service, "/about")[1:] == ("200 OK", "all about it")
    for _ in range(9):
        service.raw().send(b"GET / HTTP/1.1\r\n")
    # Three, with the page that is still open as the fourth.
    assert len(service.server.connections) == 3


def test_pages_look_at_the_host() -> None:
    client, status, body = asks(served(), "/about", b"Host: evil.example\r\n")
    assert status == "421 Misdirected Request"
    assert body == "421 Misdirected Request: this host is not served here\n"
    assert not client.is_gone()


def test_a_page_may_have_checks_of_its_own() -> None:
    pages = {"/open": Data(b"open", "text/plain"), "/closed": Page(Data(b"no", "text/plain"), [lambda request: NO])}
    service = served(pages)
    client, status, _ = asks(service, "/closed")
    assert status == "403 Forbidden"
    assert asks(service, "/open", client=client)[1:] == ("200 OK", "open")
    assert asks(service, "/closed/x", client=client)[1] == "403 Forbidden"


def test_a_check_of_a_page_may_take_its_time() -> None:
    verdict: Deferred[Any] = Deferred()
    service = served({"/slow": Page(Data(b"at last", "text/plain"), [lambda request: verdict])})
    client = service.raw()
    client.send(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n")
    service.flush()
    assert client.received == b""
    verdict.callback(None)
    service.flush()
    assert client.take_head()[0] == "HTTP/1.1 200 OK"
    assert client.received == b"at last"


def test_a_check_of_a_page_has_as_long_as_a_handshake() -> None:
    cancelled: list[object] = []
    verdict: Deferred[Any] = Deferred(cancelled.append)
    pages = {"/slow": Page(Data(b"at last", "text/plain"), [lambda request: verdict])}
    service = served(pages, timeout_seconds=10)
    client = service.raw()
    client.send(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n")
    service.advance(12)
    assert cancelled == [verdict]
    assert client.take_head()[0] == "HTTP/1.1 503 Service Unavailable"


@pytest.mark.parametrize("said", [False, True, "no"])
def test_a_check_of_a_page_that_says_something_else_lets_nobody_in(said: Any, logged_errors: LoggedErrors) -> None:
    service = served({"/": Page(Data(b"", "text/plain"), [lambda request: said])})
    assert asks(service, "/")[1] == "500 Internal Server Error"
    assert len(logged_errors.flush(TypeError)) == 1


def test_a_wrapped_connection_may_ask_for_pages() -> None:
    service = served()
    client = RawClient()
    service.network.join(client, WrappingFactory(service.server))
    for _ in range(2):
        assert asks(service, "/about", client=client)[1:] == ("200 OK", "all about it")


def test_a_check_whose_client_goes_is_cancelled() -> None:
    cancelled: list[object] = []
    verdict: Deferred[Any] = Deferred(cancelled.append)
    service = served({"/slow": Page(Data(b"at last", "text/plain"), [lambda request: verdict])})
    client = service.raw()
    client.send(b"GET /slow HTTP/1.1\r\n" + HOST + b"\r\n")
    service.flush()
    client.wire.loseConnection()
    service.flush()
    assert cancelled == [verdict]


@pytest.mark.parametrize("later", [True, False])
def test_a_check_of_a_page_that_fails_is_500_and_logged(later: bool, logged_errors: LoggedErrors) -> None:
    async def fails(request: object) -> None:
        raise RuntimeError("secret")

    def raises(request: object) -> None:
        raise RuntimeError("secret")

    service = served({"/": Page(Data(b"", "text/plain"), [fails if later else raises])})
    _, status, body = asks(service, "/")
    assert status == "500 Internal Server Error"
    assert "secret" not in body
    assert len(logged_errors.flush(RuntimeError)) == 1


def test_connections_for_pages_are_bounded() -> None:
    service = served(max_connections=2)
    clients = [asks(service, "/about")[0] for _ in range(2)]
    assert asks(service, "/about")[1] == "503 Service Unavailable"
    service.upgraded()
    clients[0].wire.loseConnection()
    service.flush()
    assert asks(service, "/about")[1] == "200 OK"


def test_a_stop_ends_what_asked_for_pages() -> None:
    service = served()
    client, _, _ = asks(service, "/about")
    stopped: list[object] = []
    service.server.stop().addCallback(stopped.append)
    service.advance(2)
    assert client.is_gone()
    assert stopped == [None]


def test_a_client_that_asks_for_nothing_more_is_dropped_in_time() -> None:
    service = served()
    client, _, _ = asks(service, "/about")
    service.advance(90)
    assert client.is_gone()


@pytest.mark.parametrize(
    ("pages", "name"),
    [
        ({"about": Data(b"", "text/plain")}, "about"),
        ({"/about": b"text"}, "b'text'"),
        ({"/about": Page("text")}, "text"),  # type: ignore[arg-type]
        ({"/about": Page(Tree(), lambda request: None)}, "/about"),  # type: ignore[arg-type]
        ({"/about": Page(Tree(), [None])}, "/about"),  # type: ignore[list-item]
        ({"/a?b": Tree()}, "/a?b"),
        ({"/\u20ac": Tree()}, "/\u20ac"),
        ({"/x": Page(Tree(), [lambda request: NO]), "/%78/": Tree()}, "/%78/"),
    ],
)
def test_pages_that_are_none_are_refused(pages: dict[str, Any], name: str) -> None:
    with pytest.raises(ConfigError, match=r"pages: .*must") as refused:
        ServerFactory(RecordingBackend(), pages=pages)
    assert name in str(refused.value)


# Clients that take their time

LARGE = b"x" * 1_000_000


def test_each_request_of_a_connection_is_bounded_as_its_first_is() -> None:
    service = served()
    client, *_ = asks(service, "/about")
    client.send(b"GET /about?" + b"x" * 20_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
    service.flush()
    assert client.take_head()[0] == "HTTP/1.1 431 Request Header Fields Too Large"


@pytest.mark.parametrize("first", [b"", b"GET /about HTTP/1.1\r\n" + HOST + b"\r\n"])
@pytest.mark.parametrize("begun", [b"GET /ab", b"POST /about HTTP/1.1\r\n" + HOST])
def test_the_head_of_a_request_has_as_long_as_a_handshake(first: bytes, begun: bytes) -> None:
    service = served(timeout_seconds=10)
    client, *_ = asks(service, "/about")
    client.send(first + begun)
    for _ in range(9):
        service.advance(1)
        client.send(b"x")
    assert b"408" not in client.received
    service.advance(2)
    assert b"HTTP/1.1 408 Request Timeout\r\n" in client.received
    assert client.is_gone()


def test_the_body_of_a_request_has_its_time_too() -> None:
    service = served(timeout_seconds=10)
    client = service.raw()
    client.send(b"POST /about HTTP/1.1\r\n" + HOST + b"Content-Length: 1000\r\n\r\n")
    for _ in range(59):
        service.advance(1)
        client.send(b"x")
    assert client.received == b""
    service.advance(2)
    assert client.take_head()[0] == "HTTP/1.1 408 Request Timeout"
    assert client.is_gone()


def test_a_connection_that_is_served_in_time_may_stay_as_long_as_it_asks() -> None:
    service = served(timeout_seconds=10)
    client = service.raw()
    for _ in range(20):
        assert asks(service, "/about", client=client)[1] == "200 OK"
        service.advance(7)


def test_an_answer_is_not_begun_before_the_last_one_is_taken() -> None:
    rendered: list[bytes] = []

    class Large(Resource):
        isLeaf = True

        def render_GET(self, request: Request) -> bytes:
            rendered.append(request.uri)
            return LARGE

    service = served({"/large": Large()})
    client = service.raw()
    client.wire.pauseProducing()
    client.send(b"".join(b"GET /large?%d HTTP/1.1\r\n%b\r\n" % (number, HOST) for number in range(50)))
    service.flush()
    assert len(rendered) == 1
    client.wire.resumeProducing()
    service.flush()
    assert rendered == [b"/large?%d" % number for number in range(50)]
    assert client.received.count(LARGE) == 50


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
def test_a_client_that_takes_nothing_of_its_answer_is_dropped(more: bytes) -> None:
    service = served({"/large": Data(LARGE, "text/plain")})
    client = service.raw()
    client.wire.pauseProducing()
    client.send(b"GET /large HTTP/1.1\r\n" + HOST + more + b"\r\n" + b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n")
    service.advance(STALL_SECONDS + len(LARGE) / SLOWEST - 1)
    assert len(service.server.pages._open) == 1  # type: ignore[union-attr]
    service.advance(3)
    assert not service.server.pages._open  # type: ignore[union-attr]
    assert not service.clock.getDelayedCalls()


def test_a_client_that_takes_its_answer_slowly_gets_it() -> None:
    service = served({"/large": Data(LARGE, "text/plain")})
    client = service.raw()
    client.send(b"GET /large HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    while not client.is_gone():
        client.wire.pauseProducing()
        service.advance(4)
        client.wire.resumeProducing()
        client.wire.step()
    assert client.received.endswith(LARGE)


def test_a_stop_ends_a_connection_whose_answer_waits_once_it_is_taken() -> None:
    service = served({"/large": Data(LARGE, "text/plain")})
    client = service.raw()
    client.wire.pauseProducing()
    client.send((b"GET /large HTTP/1.1\r\n" + HOST + b"\r\n") * 2)
    service.flush()
    stopped: list[object] = []
    service.server.stop().addCallback(stopped.append)
    service.flush()
    assert stopped == []
    client.wire.resumeProducing()
    service.flush()
    assert client.received.count(LARGE) == 1
    assert client.is_gone()
    assert stopped == [None]


def test_a_restart_ends_what_asked_for_pages() -> None:
    service = served()
    client, *_ = asks(service, "/about")
    restarted: list[object] = []
    service.server.restart().addCallback(restarted.append)
    service.flush()
    assert client.is_gone()
    assert restarted == [None]


@pytest.mark.parametrize("hosts", ["example.org", ["0.0.0.0"], ["http://example.org"], ["a b"]])
def test_the_hosts_of_a_page_are_names(hosts: Any) -> None:
    with pytest.raises(ConfigError):
        served({"/": Page(Data(b"", "text/plain"), hosts=hosts)})
