"""What a failure is to the person, the program and the shell that see it: a line, an object, a status."""

from __future__ import annotations

from typing import Any

from mcpws.core.urls import shown
from mcpws.errors import (
    ConfigError,
    ConnectFailed,
    ConnectionClosed,
    HandshakeRefused,
    InputRequired,
    McpwsError,
    MissingClientCapability,
    RemoteError,
    RequestTimeout,
    UnsupportedVersion,
)

OK, FAILED, USAGE, NOT_CONNECTED, LOST, TIMEOUT = range(6)

_STATUS: tuple[tuple[type[McpwsError], int], ...] = (
    (ConfigError, USAGE),
    (ConnectFailed, NOT_CONNECTED),
    (HandshakeRefused, NOT_CONNECTED),
    (UnsupportedVersion, NOT_CONNECTED),
    (ConnectionClosed, LOST),
    (RequestTimeout, TIMEOUT),
)

_HINTS = {
    400: "if it does not speak the subprotocol, offer another with --subprotocol",
    401: "send credentials, as with --header 'Authorization: Bearer TOKEN'",
    403: "it may want another --origin, or other credentials with --header",
    404: "the path of the URL may be wrong; mcpws serves /, /mcp, /ws and /message",
    421: "the server has to be told that it goes by this name: --allow-host NAME there",
    429: "wait before you try again",
    503: "it is full or shutting down; try again later",
}


_NO_INPUT = "this command has neither a person nor a model to ask: write a client, with `mcpws.connect(requests=...)`"


def exit_status(error: McpwsError) -> int:
    """The status of a process that ends because of `error`."""
    return next((status for type, status in _STATUS if isinstance(error, type)), FAILED)


def line(url: str, error: McpwsError) -> str:
    """`error` in one line that names the URL, as it may be shown, and says what to do about it where that is known."""
    text = str(error)
    if isinstance(error, RemoteError) and error.data is not None:
        text += f" {error.data}"
    if url not in text and not isinstance(error, ConfigError):
        text = f"{url}: {text}"
    hint = _hint(url, error)
    return printable(f"{text} ({hint})" if hint else text)


def as_object(error: McpwsError) -> dict[str, Any]:
    """`error` for programs: `type` and `message`, and what it has of `code`, `status` and `data`."""
    found = {"type": type(error).__name__, "message": str(error)}
    if isinstance(error, RemoteError):
        found["message"] = error.message
    more = {name: getattr(error, name, None) for name in ("code", "status", "data")}
    return found | {name: value for name, value in more.items() if value is not None}


def printable(text: str) -> str:
    """`text` in one line that does nothing to a terminal, whoever wrote it."""
    return "".join(character if character.isprintable() else " " if character.isspace() else "?" for character in text)


def _hint(url: str, error: McpwsError) -> str | None:
    if isinstance(error, InputRequired):
        return _NO_INPUT
    if isinstance(error, RemoteError):
        return _NO_INPUT if error.code == MissingClientCapability.code else None
    if isinstance(error, HandshakeRefused):
        if error.status is None:
            return None if url.startswith("wss:") else "is it a WebSocket server, and one without TLS?"
        if 300 <= error.status < 400 and "location" in error.headers:
            return f"it may have moved to {shown(error.headers['location'])}"
        return _HINTS.get(error.status)
    if isinstance(error, ConnectFailed):
        problem = error.problem.lower()
        if "certificate" in problem:
            return "to trust another authority, name the file of its certificate in SSL_CERT_FILE"
        if "refused" in problem:
            return "is the server running there?"
        if "ssl" in problem:
            return "does the server speak TLS there? without it the URL begins with ws:"
    return None
