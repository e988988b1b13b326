"""Failures as the person, the program and the shell see them: a line, an object, a status."""

from __future__ import annotations

import re
from typing import Any

import msgspec

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
from mcpws.policy.urls import shown

OK, FAILED, USAGE, NOT_CONNECTED, LOST, TIMEOUT = range(6)

_STATUS: tuple[tuple[type[McpwsError], int], ...] = (
    (ConfigError, USAGE),
    (ConnectFailed, NOT_CONNECTED),
    (HandshakeRefused, NOT_CONNECTED),
    (UnsupportedVersion, NOT_CONNECTED),
    (ConnectionClosed, LOST),
    (RequestTimeout, TIMEOUT),
)

MAX_DATA = 500
"""Characters that are shown of the data of a server's error."""

_WORD = re.compile(r"[\w$.]+")

_HINTS = {
    400: "if it does not speak the subprotocol, offer another with --subprotocol",
    401: "send credentials, as with --header 'Authorization: Bearer TOKEN'",
    403: "it may want another --origin, or other credentials with --header",
    404: "the path of the URL may be wrong; mcpws serves /, /mcp, /ws and /message",
    421: "the server has to be told that it goes by this name: --allow-host NAME there",
    429: "wait before you try again",
    503: "it is full or shutting down; try again later",
}


_NO_INPUT = "this command has no model and no roots to offer: write a client, with `mcpws.connect(requests=...)`"


def exit_status(error: McpwsError) -> int:
    """The status of a process that ends because of `error`."""
    return next((status for type, status in _STATUS if isinstance(error, type)), FAILED)


def line(url: str, error: McpwsError) -> str:
    """`error` in one line that names the URL, as it may be shown, and says what to do about it where that is known."""
    text = _remote(error) if isinstance(error, RemoteError) else str(error)
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


def _remote(error: RemoteError) -> str:
    """Message of the server's error, and of its `data` what the message does not say already."""
    data = error.data
    told: list[str] = []
    if isinstance(data, dict):
        data = {key: value for key, value in data.items() if not _says(error.message, value)}
        if isinstance(data.get("reason"), str):
            told = [str(data.pop("reason")), *([f"at {data.pop('path')}"] if "path" in data else [])]
        elif "reason" in error.data and "reason" not in data:
            # It is in the message, and of what it is the reason.
            data.pop("path", None)
    elif _says(error.message, data):
        data = None
    text = " ".join([error.message + ":", *told] if told else [error.message])
    rest = msgspec.json.encode(data).decode() if data else ""
    if len(rest) > MAX_DATA:
        rest = f"{rest[:MAX_DATA]}..."
    return f"{text} (code {error.code}) {rest}".rstrip()


def _says(message: str, value: object) -> bool:
    """Whether it has all that `value` says; that there is none of something is said by naming it."""
    return set(_WORD.findall(str(value).lower())) - {"no"} <= set(_WORD.findall(message.lower()))


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
        if "connection refused" in problem:
            return "is the server running there?"
        if "ssl" in problem:
            return "does the server speak TLS there? without it the URL begins with ws:"
    return None
