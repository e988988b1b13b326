"""What a failure becomes: one line, one object, one exit status."""

from __future__ import annotations

import pytest

from mcpws.cli.report import FAILED, LOST, NOT_CONNECTED, TIMEOUT, USAGE, as_object, exit_status, line, printable
from mcpws.errors import (
    ConfigError,
    ConnectFailed,
    ConnectionClosed,
    HandshakeRefused,
    InputRequired,
    LineTooLong,
    McpwsError,
    RemoteError,
    RequestTimeout,
    UnsupportedVersion,
)

URL = "ws://127.0.0.1:8082"
TLS_URL = "wss://mcp.example.com"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (RemoteError(-32601, "Method not found"), FAILED),
        (LineTooLong(12, 10), FAILED),
        (McpwsError("anything"), FAILED),
        (ConfigError("url", "x", "is none"), USAGE),
        (ConnectFailed(URL, "refused"), NOT_CONNECTED),
        (HandshakeRefused(403, "Forbidden"), NOT_CONNECTED),
        (UnsupportedVersion(("1",), ("2",)), NOT_CONNECTED),
        (ConnectionClosed(1006, ""), LOST),
        (RequestTimeout("ping", 1), TIMEOUT),
    ],
)
def test_every_error_has_its_exit_status(error: McpwsError, status: int) -> None:
    assert exit_status(error) == status


def test_the_line_names_the_url_once() -> None:
    assert line(URL, ConnectionClosed(1001, "going")) == f"{URL}: connection closed with 1001: going"
    assert line(URL, ConnectFailed(URL, "nobody")) == f"cannot connect to {URL}: nobody"


def test_a_setting_is_named_without_the_url_which_may_hold_a_password() -> None:
    error = ConfigError("url", "ws://...", "must not hold credentials")
    assert line("ws://me:secret@host", error) == "url: must not hold credentials (got 'ws://...')"


@pytest.mark.parametrize(
    ("message", "data", "told"),
    [
        ("Invalid params", None, "Invalid params (code 1)"),
        (
            "Invalid params",
            {"path": "$.a", "reason": "Expected `int`"},
            "Invalid params: Expected `int` at $.a (code 1)",
        ),
        ("Invalid params", {"reason": "no"}, "Invalid params (code 1)"),
        (
            "Invalid: $.a: Expected `int`",
            {"path": "$.a", "reason": "Expected `int`"},
            "Invalid: $.a: Expected `int` (code 1)",
        ),
        ("Unknown tool: add", {"path": "$.name", "reason": "no tool 'add'"}, "Unknown tool: add (code 1)"),
        ("Method not found: a", {"method": "a"}, "Method not found: a (code 1)"),
        ("Internal error", {"reference": "1f"}, 'Internal error (code 1) {"reference":"1f"}'),
        ("Too large", {"size": 5, "limit": 4}, 'Too large (code 1) {"size":5,"limit":4}'),
        ("5 is more than 4", {"size": 5, "limit": 4}, "5 is more than 4 (code 1)"),
        ("No", {"path": "$.a"}, 'No (code 1) {"path":"$.a"}'),
        ("No", {"reason": 5, "path": 6}, 'No (code 1) {"reason":5,"path":6}'),
        ("No", "because", 'No (code 1) "because"'),
        ("No because", "because", "No because (code 1)"),
        ("No", ["a"], 'No (code 1) ["a"]'),
        ("No", "x" * 1000, 'No (code 1) "' + "x" * 499 + "..."),
        ("a\x1b[2J", {"reason": "b\nc"}, "a?[2J: b c (code 1)"),
    ],
)
def test_what_the_server_says_is_told_once(message: str, data: object, told: str) -> None:
    assert line(URL, RemoteError(1, message, data)) == f"{URL}: {told}"


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        (400, "--subprotocol"),
        (401, "--header 'Authorization: Bearer TOKEN'"),
        (403, "--origin"),
        (404, "path of the URL"),
        (421, "--allow-host NAME"),
        (429, "wait"),
        (503, "try again later"),
    ],
)
def test_a_refused_handshake_comes_with_what_to_do(status: int, hint: str) -> None:
    said = line(URL, HandshakeRefused(status, "No"))
    assert said.startswith(f"{URL}: the server refused the WebSocket upgrade: HTTP {status} No (")
    assert hint in said


def test_a_redirection_says_where_to() -> None:
    moved = HandshakeRefused(301, "Moved Permanently", {"location": "wss://new.example.com/mcp"})
    assert line(URL, moved).endswith("(it may have moved to wss://new.example.com/mcp)")
    assert line(URL, HandshakeRefused(301, "Moved")).endswith("HTTP 301 Moved")


def test_what_speaks_no_http_may_speak_tls() -> None:
    assert "without TLS?" in line(URL, HandshakeRefused(None, "no handshake"))
    assert line(TLS_URL, HandshakeRefused(None, "no handshake")) == f"{TLS_URL}: no handshake"


@pytest.mark.parametrize(
    ("problem", "hint"),
    [
        ("Connection refused.", "is the server running there?"),
        ("[('SSL routines', '', 'certificate verify failed')]", "SSL_CERT_FILE"),
        ("[('SSL routines', '', 'wrong version number')]", "does the server speak TLS"),
    ],
)
def test_a_failed_connection_comes_with_what_to_do(problem: str, hint: str) -> None:
    assert hint in line(TLS_URL, ConnectFailed(TLS_URL, problem))


@pytest.mark.parametrize(
    "error", [RemoteError(-32021, "Missing client capability: roots"), InputRequired("tools/call", "roots/list")]
)
def test_a_server_that_wants_input_is_told_apart_from_one_that_fails(error: McpwsError) -> None:
    assert "no model and no roots to offer" in line(URL, error)
    assert exit_status(error) == FAILED


def test_no_hint_is_better_than_a_wrong_one() -> None:
    assert line(URL, HandshakeRefused(500, "Oops")).endswith("HTTP 500 Oops")
    assert line(URL, ConnectFailed(URL, "timed out")).endswith("timed out")


def test_what_a_server_says_does_nothing_to_the_terminal() -> None:
    assert line(URL, RemoteError(1, "a\x1b[2Jb\nc\u202ed")) == f"{URL}: a?[2Jb c?d (code 1)"
    assert printable("Grüße\t日本") == "Grüße 日本"


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            RemoteError(-32602, "Invalid params", {"path": "$"}),
            {"type": "RemoteError", "message": "Invalid params", "code": -32602, "data": {"path": "$"}},
        ),
        (
            HandshakeRefused(403, "Forbidden"),
            {
                "type": "HandshakeRefused",
                "message": "the server refused the WebSocket upgrade: HTTP 403 Forbidden",
                "status": 403,
            },
        ),
        (
            ConnectionClosed(1001, "going"),
            {"type": "ConnectionClosed", "message": "connection closed with 1001: going", "code": 1001},
        ),
        (RequestTimeout("ping", 1), {"type": "RequestTimeout", "message": "ping: no answer within 1 s"}),
    ],
)
def test_for_programs_an_error_is_an_object(error: McpwsError, shown: dict[str, object]) -> None:
    assert as_object(error) == shown
