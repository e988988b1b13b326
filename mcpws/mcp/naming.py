"""Names in messages, for who tells people of them: the tool of a call, the URI that is read, a client by name.

All texts are cut to `MAX_TEXT` characters, and are else as the other end sent them: escape them before they are shown.
"""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct, UnsetType

from mcpws.jsonrpc.messages import Request, Result
from mcpws.jsonrpc.surrogates import reader, shown
from mcpws.mcp.meta import RequestMeta
from mcpws.mcp.methods import BY_NAME, BY_URI, COMPLETE

MAX_TEXT = 200
"""Characters."""

IS_ERROR = b'"isError"'
"""In the result of a tool that has failed, among others."""


class _Named(Struct, gc=False):
    name: str | None = None
    uri: str | None = None


class _Referring(Struct, gc=False):
    ref: _Named


class _Info(Struct, gc=False):
    name: str = ""
    version: str = ""


class _Initialize(Struct, gc=False):
    info: _Info = msgspec.field(name="clientInfo")


class _Verdict(Struct, gc=False):
    is_error: bool = msgspec.field(name="isError", default=False)


_read_named = reader(_Named)
_read_referring = reader(_Referring)
_read_info = reader(_Info)
_read_initialize = reader(_Initialize)
_read_version = reader(str)
_read_verdict = reader(_Verdict)


def cut(text: str) -> str:
    """`text` in at most `MAX_TEXT` characters; `...` stands for what is left out."""
    return text if len(text) <= MAX_TEXT else f"{text[: MAX_TEXT - 3]}..."


def subject_of(method: str, params: Raw | None) -> str | None:
    """Name in a request: the tool or prompt, or the URI of a resource; None if it names none as it should."""
    if params is None:
        return None
    try:
        if method in BY_NAME:
            found = _read_named(params).name
        elif method in BY_URI:
            found = _read_named(params).uri
        elif method == COMPLETE:
            reference = _read_referring(params).ref
            found = reference.uri if reference.name is None else reference.name
        else:
            return None
    except ValueError:
        return None
    return None if found is None else _text(found)


def has_failed(result: Result) -> bool:
    """Whether a tool says in its result that it has failed."""
    try:
        return _read_verdict(result.result).is_error
    except ValueError:
        return False


def client_of_initialize(request: Request) -> tuple[str, str]:
    """Name and version of the client that sends an `initialize`; empty where it does not tell."""
    try:
        info = _read_initialize(request.params or b"{}").info
    except ValueError:
        return "", ""
    return _text(info.name), _text(info.version)


def client_of_meta(meta: RequestMeta) -> tuple[str, str, str]:
    """Name and version of the client, and the version of MCP, that a modern request names; empty where it does not."""
    name = version = ""
    if not isinstance(meta.client_info, UnsetType):
        try:
            info = _read_info(meta.client_info)
            name, version = _text(info.name), _text(info.version)
        except ValueError:
            pass
    return name, version, "" if isinstance(meta.protocol_version, UnsetType) else _version(meta.protocol_version)


def _version(raw: Raw) -> str:
    try:
        return _text(_read_version(raw))
    except ValueError:
        return ""


def _text(text: str) -> str:
    return cut(shown(cut(text)))
