"""Checks of one's own: at once or later, and whom they say a request comes from."""

from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import unquote

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed

from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError
from mcpws.http.checks import BUSY, Check, Principal, Verdict, examine
from mcpws.http.request import MAX_HEAD, HttpRequest, Refusal
from mcpws.testing import RawClient, RecordingBackend, Served
from mcpws.testing.raw import TEXT, upgrade_request

NO = Refusal(HTTPStatus.UNAUTHORIZED, "who are you?", (("WWW-Authenticate", "Bearer"),))
ANN = Principal("ann")
PASSED = "HTTP/1.1 101 Switching Protocols"
REFUSED = "HTTP/1.1 401 Unauthorized"


class LoggedErrors(Protocol):
    """The fixture `logged_errors`."""

    def flush(self, *types: type[BaseException]) -> list[object]: ...


class Later:
    """A check that the test answers by hand."""

    def __init__(self) -> None:
        self.asked: list[HttpRequest] = []
        self.cancelled = 0
        self.verdict: Deferred[Verdict]

    def __call__(self, request: HttpRequest) -> Deferred[Verdict]:
        self.asked.append(request)
        self.verdict = Deferred(self._cancelled)
        return self.verdict

    def _cancelled(self, _: object) -> None:
        self.cancelled += 1


class Door(Served):
    """A server with the usual checks, and then these."""

    def __init__(self, *checks: Check, **settings: Any) -> None:
        self.backend = RecordingBackend()
        config = WebSocketConfig(**settings)
        super().__init__(self.backend, config=config, checks=checks)

    def knock(self, path: str = "/?a=1", more: bytes = b"") -> RawClient:
        client = self.raw()
        client.send(upgrade_request(path) + more)
        self.flush()
        return client

    def answer(self, client: RawClient) -> str:
        self.flush()
        return client.take_head()[0]

    @property
    def principals(self) -> list[str | None]:
        return [one.link.identity.principal for one in self.backend.conversations]


REQUEST = HttpRequest("GET", "/", "1.1", {})


def of(*verdicts: Any) -> Sequence[Check]:
    return [partial(_said, verdict) for verdict in verdicts]


def _said(verdict: Any, request: HttpRequest) -> Any:
    return verdict


@pytest.mark.parametrize(
    ("verdicts", "result"),
    [
        ((), None),
        ((None, None), None),
        ((None, ANN, None), ANN),
        ((ANN, Principal("bob")), Principal("bob")),
        ((ANN, NO, BUSY), NO),
        ((BUSY, NO), BUSY),
    ],
)
@pytest.mark.parametrize("later", [False, True])
def test_the_first_refusal_counts_and_else_the_last_principal(verdicts: Any, result: object, later: bool) -> None:
    found = examine(REQUEST, of(*(succeed(one) if later else one for one in verdicts)))
    assert (found.result if isinstance(found, Deferred) else found) == result


@pytest.mark.parametrize("said", [False, True, "no", HTTPStatus.FORBIDDEN, Refusal, {"name": "ann"}])
@pytest.mark.parametrize("later", [False, True])
def test_a_check_that_says_something_else_lets_nobody_in(
    said: object, later: bool, logged_errors: LoggedErrors
) -> None:
    door = Door(*of(succeed(said) if later else said))
    assert door.answer(door.knock()) == "HTTP/1.1 500 Internal Server Error"
    assert len(logged_errors.flush(TypeError)) == 1


@pytest.mark.parametrize(
    ("status", "text", "headers"),
    [
        (HTTPStatus.FORBIDDEN, "no", (("Location", "/login?key=a\r\nSet-Cookie: x=1"),)),
        (HTTPStatus.FORBIDDEN, "no", (("Location", "a\nb"),)),
        (HTTPStatus.FORBIDDEN, "no", (("Location", "caf\xe9"),)),
        (HTTPStatus.FORBIDDEN, "no", (("X\r\nY", "a"),)),
        (HTTPStatus.FORBIDDEN, "no", (("", "a"),)),
        (HTTPStatus.FORBIDDEN, "no\r\n\r\n<html>", ()),
        (HTTPStatus.FORBIDDEN, "\x1b[2J", ()),
        (HTTPStatus.OK, "yes", ()),
        (401, "a number", ()),
    ],
)
def test_a_refusal_says_no_more_than_it_should(status: Any, text: str, headers: Any) -> None:
    with pytest.raises(ConfigError, match=r"status|text|headers"):
        Refusal(status, text, headers)


def test_what_a_client_sent_makes_no_header_of_its_own(logged_errors: LoggedErrors) -> None:
    door = Door(lambda request: Refusal(HTTPStatus.FOUND, "log in", (("Location", f"/?{unquote(request.query)}"),)))
    client = door.knock("/?a%0d%0aSet-Cookie:%20x=1")
    assert b"Set-Cookie" not in client.received
    assert door.answer(client) == "HTTP/1.1 500 Internal Server Error"
    assert len(logged_errors.flush(ConfigError)) == 1
    assert door.answer(door.knock("/?a=1")) == "HTTP/1.1 302 Found"


@pytest.mark.parametrize("checks", [lambda request: None, ["key"], [None], {"a": 1}])
def test_checks_that_are_none_are_refused(checks: Any) -> None:
    with pytest.raises(ConfigError, match="checks: "):
        Served(RecordingBackend(), checks=checks)


def test_no_check_is_asked_after_a_refusal() -> None:
    later = Later()
    assert examine(REQUEST, [*of(NO), later]) is NO
    found = examine(REQUEST, [*of(succeed(NO)), later])
    assert isinstance(found, Deferred)
    assert later.asked == []


def test_a_check_may_be_a_coroutine_function() -> None:
    async def check(request: HttpRequest) -> Principal:
        return Principal(request.query)

    door = Door(check)
    assert door.answer(door.knock()) == PASSED
    assert door.principals == ["a=1"]


def test_a_check_sees_who_asks_and_for_what() -> None:
    later = Later()
    client = Door(later).knock("/mcp?token=abc&x=%20")
    [request] = later.asked
    assert (request.method, request.path, request.query) == ("GET", "/mcp", "token=abc&x=%20")
    assert request.headers["host"] == "127.0.0.1:8082"
    assert request.peer
    assert request.certificate is None
    assert not client.is_gone()


def test_who_a_request_comes_from_is_known_to_the_backend() -> None:
    door = Door(*of(ANN))
    assert door.answer(door.knock()) == PASSED
    assert door.principals == ["ann"]
    [connection] = door.server.connections
    assert connection.identity.principal == "ann"


@pytest.mark.parametrize(("verdict", "line"), [(None, PASSED), (ANN, PASSED), (NO, REFUSED)])
def test_a_check_may_take_its_time(verdict: Verdict, line: str) -> None:
    later = Later()
    door = Door(later)
    client = door.knock()
    assert client.received == b""
    later.verdict.callback(verdict)
    assert door.answer(client) == line
    assert client.is_gone() is (verdict is NO)
    assert door.server.statistics().connections_refused == (verdict is NO)


def test_what_comes_meanwhile_is_not_lost() -> None:
    door = Door(later := Later())
    client = door.knock()
    for data in (b'{"jsonrpc":"2.0",', b'"id":1,"method":"ping"}'):
        client.send_frame(TEXT if data.startswith(b"{") else 0, data, fin=data.endswith(b"}"))
        door.flush()
    assert len(later.asked) == 1
    later.verdict.callback(None)
    assert door.answer(client) == PASSED
    [conversation] = door.backend.conversations
    assert [one.method for one in conversation.requests] == ["ping"]


def test_what_comes_meanwhile_is_bounded_and_read_on_later() -> None:
    door = Door(later := Later())
    client = door.knock()
    for number in range(40):
        client.send_message({"jsonrpc": "2.0", "id": number, "method": "ping", "params": {"x": "x" * 4096}})
        door.flush()
    [protocol] = [one._protocol for one in door.server.connections]
    assert len(protocol.data) <= 2 * MAX_HEAD
    later.verdict.callback(None)
    assert door.answer(client) == PASSED
    door.flush()
    [conversation] = door.backend.conversations
    assert [one.id for one in conversation.requests] == list(range(40))


def test_a_client_that_goes_meanwhile_is_not_checked_any_longer() -> None:
    later = Later()
    door = Door(later)
    client = door.knock()
    client.wire.loseConnection()
    door.flush()
    assert later.cancelled == 1
    assert door.server.connections == ()


def test_a_check_that_cannot_be_cancelled_may_answer_too_late() -> None:
    door = Door(later := Later())
    later._cancelled = lambda _: None  # type: ignore[method-assign]
    client = door.knock()
    client.wire.loseConnection()
    door.flush()
    assert later.verdict.called
    assert door.principals == []


def test_a_check_has_as_long_as_a_handshake() -> None:
    later = Later()
    door = Door(later, timeout_seconds=10)
    client = door.knock()
    door.advance(12)
    assert client.is_gone()
    assert later.cancelled == 1


@pytest.mark.parametrize("error", [RuntimeError("secret"), CancelledError()])
def test_a_check_that_fails_refuses_its_client_alone(error: Exception, logged_errors: LoggedErrors) -> None:
    later = Later()
    door = Door(later)
    client = door.knock()
    later.verdict.errback(error)
    assert door.answer(client) == "HTTP/1.1 500 Internal Server Error"
    assert client.received == b"500 Internal Server Error: the handshake failed here\n"
    assert len(logged_errors.flush(type(error))) == 1


def test_who_is_let_in_later_may_find_the_place_taken() -> None:
    door = Door(later := Later(), max_connections=2)
    first = door.knock()
    verdict = later.verdict
    for _ in range(2):
        one = door.knock()
        later.verdict.callback(None)
        assert door.answer(one) == PASSED
    verdict.callback(None)
    assert door.answer(first) == "HTTP/1.1 503 Service Unavailable"
    assert first.is_gone()


def test_what_the_backend_raises_after_a_late_check_ends_its_connection_alone(logged_errors: LoggedErrors) -> None:
    door = Door(later := Later())

    def fails(link: object) -> Any:
        raise RuntimeError("no conversation")

    other = door.knock()
    later.verdict.callback(None)
    assert door.answer(other) == PASSED
    door.backend.open = fails  # type: ignore[method-assign]
    client = door.knock()
    client.send_message({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    door.flush()
    later.verdict.callback(None)
    door.flush()
    assert not other.is_gone()
    assert logged_errors.flush(RuntimeError)
    door.advance(30)


@pytest.mark.parametrize(
    ("headers", "line"),
    [
        ({"Host": "evil.example"}, "HTTP/1.1 421 Misdirected Request"),
        ({"Origin": "https://evil.example"}, "HTTP/1.1 403 Forbidden"),
        ({"Sec-WebSocket-Key": "short"}, "HTTP/1.1 400 Bad Request"),
        ({"Sec-WebSocket-Version": "8"}, "HTTP/1.1 426 Upgrade Required"),
        ({"Sec-WebSocket-Protocol": "wamp"}, "HTTP/1.1 400 Bad Request"),
    ],
)
def test_checks_of_ones_own_come_after_the_usual_ones(headers: dict[str, str], line: str) -> None:
    door = Door(later := Later())
    client = door.raw()
    client.send(upgrade_request(headers=headers))
    assert door.answer(client) == line
    assert later.asked == []


def test_a_refusal_of_ones_own_has_its_headers() -> None:
    client = Door(*of(NO)).knock()
    line, headers = client.take_head()
    assert line == REFUSED
    assert headers["www-authenticate"] == "Bearer"


@pytest.mark.proves("H-35")
@pytest.mark.parametrize("stubborn", [False, True])
def test_a_check_that_takes_too_long_refuses_its_client(stubborn: bool) -> None:
    later = Later()
    door = Door(later, timeout_seconds=10, close_timeout=5)
    client = door.knock()
    if stubborn:
        client.wire.pauseProducing()
    door.advance(9)
    assert client.received == b""
    door.advance(3)
    assert later.cancelled == 1
    assert door.server.statistics().connections_refused == 1
    assert len(door.server.connections) == stubborn
    door.advance(6)
    assert door.server.connections == ()
    if not stubborn:
        assert door.answer(client) == "HTTP/1.1 503 Service Unavailable"


@pytest.mark.parametrize("name", [None, "", 7, b"ann"])
def test_a_principal_has_a_name(name: Any) -> None:
    with pytest.raises(ConfigError, match="name"):
        Principal(name)
