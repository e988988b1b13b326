import re

import pytest

from mcpws import errors
from mcpws.errors import (
    BackendLost,
    CannotAsk,
    CapabilityMissing,
    ConfigError,
    ConnectFailed,
    ConnectionClosed,
    HandshakeRefused,
    InputRequired,
    InternalError,
    InvalidParams,
    InvalidRequest,
    LineTooLong,
    ListenFailed,
    MalformedResult,
    McpwsError,
    MessageTooLarge,
    MethodNotFound,
    MissingClientCapability,
    ParseError,
    QueueFull,
    RemoteError,
    RequestTimeout,
    ResourceNotFound,
    ResultTooLarge,
    RpcError,
    ShuttingDown,
    TooManyRequests,
    UnsupportedProtocol,
    UnsupportedVersion,
)

CLASSES = {
    name: value for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, McpwsError)
}


def drawn_tree() -> dict[str, tuple[str | None, int | None]]:
    """What the module's docstring draws: class to parent and JSON-RPC code, if it shows one."""
    assert errors.__doc__ is not None
    drawn: dict[str, tuple[str | None, int | None]] = {}
    path: list[str] = []
    for line in errors.__doc__.splitlines():
        match = re.fullmatch(r"    ([│├└─ ]*)([A-Z]\w+)(?: +(-?\d{3,})?.*)?", line)
        if match is not None:
            branch, name, code = match.groups()
            del path[len(branch) // 4 :]
            drawn[name] = (path[-1] if path else None, int(code) if code else None)
            path.append(name)
    return drawn


def test_the_tree_in_the_docstring_is_the_tree_of_classes() -> None:
    drawn = drawn_tree()
    assert list(drawn) == list(CLASSES)
    for name, (parent, _) in drawn.items():
        assert CLASSES[name].__bases__[0].__name__ == (parent or "Exception")


@pytest.mark.proves("E-16")
def test_the_codes_in_the_docstring_are_those_of_the_classes() -> None:
    codes = {name: code for name, (_, code) in drawn_tree().items() if code is not None}
    assert codes == {
        name: value.code for name, value in CLASSES.items() if issubclass(value, RpcError) and value is not RpcError
    }
    assert len(set(codes.values())) == len(codes)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConfigError("port", 0, "must be 1 or more"), "port: must be 1 or more (got 0)"),
        (RpcError("not today"), "not today"),
        (
            CapabilityMissing("sampling/createMessage", "sampling"),
            "the client did not declare the capability sampling, which sampling/createMessage needs",
        ),
        (
            CapabilityMissing("roots/list", "roots"),
            "the client did not declare the capability roots, which roots/list needs",
        ),
        (
            CapabilityMissing("elicitation/create", "elicitation", "url"),
            "the client did not declare the capability elicitation.url, which elicitation/create needs",
        ),
        (
            CannotAsk("roots/list", "the call is over"),
            "the client cannot be asked for roots/list: the call is over",
        ),
        (RemoteError(-32601, "no such method"), "no such method (code -32601)"),
        (
            UnsupportedVersion(("1999-01-01", "1999-02-02"), ("2025-06-18", "2025-11-25")),
            "the server speaks MCP 1999-01-01, 1999-02-02, not one of 2025-06-18, 2025-11-25",
        ),
        (
            InputRequired("tools/call", "no function answers roots/list"),
            "tools/call: the server wants input: no function answers roots/list",
        ),
        (ListenFailed("tcp:80", "not allowed"), "cannot listen on tcp:80: not allowed"),
        (ConnectFailed("ws://a:80", "refused"), "cannot connect to ws://a:80: refused"),
        (MalformedResult("ping", "Expected `int`"), "ping: the result is malformed: Expected `int`"),
        (RequestTimeout("tools/call", 2.5), "tools/call: no answer within 2.5 s"),
        (RequestTimeout("tools/call", 30), "tools/call: no answer within 30 s"),
        (
            HandshakeRefused(403, "Forbidden"),
            "the server refused the WebSocket upgrade: HTTP 403 Forbidden",
        ),
        (HandshakeRefused(403, ""), "the server refused the WebSocket upgrade: HTTP 403"),
        (HandshakeRefused(None, "it spoke SSH"), "it spoke SSH"),
        (ConnectionClosed(1001, "shutting down"), "connection closed with 1001: shutting down"),
        (ConnectionClosed(1006, ""), "connection closed with 1006"),
        (QueueFull("requests", 3), "requests is full (3)"),
        (LineTooLong(12, 9), "a line of 12 bytes, more than the limit of 9"),
        (MessageTooLarge(9, 8), "the message has 9 bytes, more than the limit of 8"),
    ],
)
def test_an_error_says_what_happened(error: McpwsError, text: str) -> None:
    assert str(error) == text


def test_errors_that_python_has_a_word_for_can_be_caught_by_it() -> None:
    assert issubclass(ConfigError, ValueError)
    assert issubclass(RequestTimeout, TimeoutError)
    assert issubclass(ConnectFailed, ConnectionError)
    assert issubclass(ConnectionClosed, ConnectionError)


def test_errors_keep_what_they_are_about() -> None:
    config = ConfigError("port", 0, "must be 1 or more")
    assert (config.key, config.value, config.problem) == ("port", 0, "must be 1 or more")
    remote = RemoteError(1, "no", {"a": 1})
    assert (remote.code, remote.message, remote.data) == (1, "no", {"a": 1})
    malformed = MalformedResult("ping", "no")
    assert (malformed.method, malformed.problem) == ("ping", "no")
    timeout = RequestTimeout("ping", 3)
    assert (timeout.method, timeout.seconds) == ("ping", 3)
    missing = CapabilityMissing("roots/list", "roots")
    assert (missing.method, missing.capability, missing.part) == ("roots/list", "roots", None)
    assert missing.required == {"roots": {}}
    assert CapabilityMissing("elicitation/create", "elicitation", "url").required == {"elicitation": {"url": {}}}
    cannot = CannotAsk("roots/list", "no")
    assert (cannot.method, cannot.problem) == ("roots/list", "no")
    version = UnsupportedVersion(("1",), ("2", "3"))
    assert (version.versions, version.supported) == (("1",), ("2", "3"))
    wanted = InputRequired("tools/call", "no")
    assert (wanted.method, wanted.problem) == ("tools/call", "no")
    port = ListenFailed("tcp:80", "not allowed")
    assert (port.endpoint, port.problem) == ("tcp:80", "not allowed")
    url = ConnectFailed("ws://a:80", "refused")
    assert (url.url, url.problem) == ("ws://a:80", "refused")
    refused = HandshakeRefused(429, "Too Many Requests", {"retry-after": "5"})
    assert (refused.status, refused.reason) == (429, "Too Many Requests")
    assert refused.headers == {"retry-after": "5"}
    assert HandshakeRefused(403, "Forbidden").headers == {}
    closed = ConnectionClosed(1001, "bye")
    assert (closed.code, closed.reason) == (1001, "bye")
    full = QueueFull("requests", 3)
    assert (full.name, full.limit) == ("requests", 3)
    long = LineTooLong(12, 9, b"a", b"z")
    assert (long.size, long.limit, long.begins, long.ends) == (12, 9, b"a", b"z")


@pytest.mark.parametrize(
    ("error", "code", "message", "data"),
    [
        (ParseError("Parse error"), -32700, "Parse error", None),
        (InvalidRequest("Invalid Request", {"a": 1}), -32600, "Invalid Request", {"a": 1}),
        (MethodNotFound("x"), -32601, "Method not found: x", {"method": "x"}),
        (InvalidParams("bad", {"path": "$"}), -32602, "bad", {"path": "$"}),
        (InternalError("c0ffee"), -32603, "Internal error", {"reference": "c0ffee"}),
        (ResourceNotFound("a://b"), -32002, "Resource not found: a://b", {"uri": "a://b"}),
        (ResourceNotFound("a:b"), -32002, "Resource not found: a:b", {"uri": "a:b"}),
        (
            MissingClientCapability({"roots": {}, "sampling": {"tools": {}}}),
            -32021,
            "Missing client capability: roots, sampling",
            {"requiredCapabilities": {"roots": {}, "sampling": {"tools": {}}}},
        ),
        (
            UnsupportedProtocol("1999-01-01", ["2026-07-28", "2025-11-25"]),
            -32022,
            "Unsupported protocol version: 1999-01-01",
            {"supported": ["2026-07-28", "2025-11-25"], "requested": "1999-01-01"},
        ),
        (
            ResultTooLarge(11, 10),
            413,
            "The answer has 11 bytes, more than the limit of 10",
            {"size": 11, "limit": 10},
        ),
        (TooManyRequests(64), 429, "More than 64 requests in flight", {"limit": 64}),
        (BackendLost("gone"), 502, "gone", None),
        (ShuttingDown(), 503, "The service is shutting down", None),
    ],
)
def test_an_rpc_error_is_what_the_peer_will_read(error: RpcError, code: int, message: str, data: object) -> None:
    assert (error.code, error.message, error.data) == (code, message, data)


def test_a_code_of_your_own_is_that_of_one_error_only() -> None:
    assert RpcError("taken", code=409).code == 409
    assert RpcError("failed").code == -32603


@pytest.mark.parametrize("error", [InvalidRequest, ParseError])
def test_what_is_no_message_has_the_ids_that_were_read(error: type[InvalidRequest | ParseError]) -> None:
    read = error("no", id="7", answers=8)
    assert (read.id, read.answers) == ("7", 8)
    assert (error("no").id, error("no").answers) == (None, None)
