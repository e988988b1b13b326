"""Bytes to messages and back (JSON-RPC 2.0, as narrowed by MCP).

`decode` never raises anything but ParseError and InvalidRequest, whatever the bytes;
`decode(encode(m)) == m` but for `data`, the bytes themselves.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from mcpws.errors import InvalidRequest, ParseError, RpcError
from mcpws.jsonrpc.depth import COUNTED, is_deeper
from mcpws.jsonrpc.messages import (
    NULL,
    Error,
    ErrorObject,
    Message,
    Notification,
    Request,
    RequestId,
    Result,
    put_together,
)
from mcpws.jsonrpc.outline import KEPT, outline, read_id
from mcpws.jsonrpc.surrogates import mark, reader, unmark, whole

MAX_DEPTH = 128
"""JSON arrays and objects within each other; more would exhaust somebody's stack."""


class _Envelope(Struct, gc=False):
    jsonrpc: Literal["2.0"]
    id: RequestId | UnsetType = UNSET
    method: str | UnsetType = UNSET
    params: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: ErrorObject | UnsetType = UNSET


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_json = msgspec.json.Decoder(Raw).decode
_decode_members = msgspec.json.Decoder(dict[str, Raw]).decode
_read_array = reader(list[Raw])
_decode_id = msgspec.json.Decoder(RequestId).decode
_decode_error = msgspec.json.Decoder(ErrorObject).decode
_encode = msgspec.json.Encoder().encode

_WHITE_SPACE = b" \t\r\n"
_OBJECT, _ARRAY, _NULL = b"{[n"
_HALF = "holds half of a surrogate pair"
_TOO_MUCH = "has more than one of method, result and error"


def decode(data: bytes, max_depth: int = MAX_DEPTH, utf_8: bool = False) -> Message:
    """The one message that `data` holds.

    Strings may hold lone surrogates; only the id and the method may not. An answer that has both `result` and `error`,
    one of them null, is taken without that one.

    :param utf_8: whether it is known to be UTF-8.
    :raises RpcError: a ParseError for what is not UTF-8, not JSON, or nested deeper than `max_depth`; an InvalidRequest
        for JSON that is no JSON-RPC 2.0 message.

    Both carry the id, so far as there is one to read: as `id` of what may have been a request, as `answers` of what may
    have been an answer.
    """
    if not utf_8 and not data.isascii():
        # What stays raw is not looked at below, but may be passed on in a text frame.
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise _unparsable(f"not UTF-8 at byte {error.start}", data) from None
    try:
        envelope = _decode_envelope(data)
    except (ValueError, RecursionError):
        return _diagnose(data, max_depth)
    # What is no longer cannot open as many brackets, and close them. Most of what is longer, and short all the same,
    # does not; to count them here is quicker than to ask elsewhere.
    size = len(data)
    if size > 2 * max_depth and (size > COUNTED or data.count(b"[") + data.count(b"{") > max_depth):
        _check_depth(data, max_depth)
    id, method = envelope.id, envelope.method
    if method is UNSET:
        if envelope.result is UNSET or envelope.error is not UNSET or id is UNSET:
            return _error(envelope, id, data)
        return Result(id, envelope.result, data)
    if envelope.result is not UNSET or envelope.error is not UNSET:
        raise _invalid("$", _TOO_MUCH, id)
    raw = envelope.params
    params = None if raw is UNSET else raw if memoryview(raw)[0] == _OBJECT else _params(raw, id)
    if id is UNSET:
        return Notification(method, params, data)
    return Request(id, method, params, data)


def _error(envelope: _Envelope, id: RequestId | UnsetType, data: bytes) -> Message:
    """An Error, of members that have no method and no result."""
    error = envelope.error
    if envelope.result is UNSET:
        if error is UNSET:
            raise _invalid("$", "has neither a method, nor a result, nor an error", id, id)
        return Error(None if id is UNSET else id, error, data)
    if error is not UNSET:
        if memoryview(envelope.result)[0] == _NULL:
            return _without(data, "result")
        raise _invalid("$", _TOO_MUCH, answers=id)
    raise _invalid("$.id", "missing in a response")


def _without(data: bytes, name: str) -> Message:
    """The message that is left of `data`, of which the depth is known, without the member `name`."""
    members = _decode_members(data)
    del members[name]
    return decode(_encode(members), len(data))


def _params(params: Raw, id: RequestId | UnsetType) -> Raw | None:
    """Parameters where something may stand instead of an object."""
    first = memoryview(params)[0]
    if first == _ARRAY:
        return params
    if first == _NULL:
        return None
    raise _invalid("$.params", "must be an object or an array", id)


def is_batch(data: bytes) -> bool:
    """Whether `data`, if it is JSON at all, is an array: what JSON-RPC 2.0, section 6, calls a batch."""
    return data.lstrip(_WHITE_SPACE)[:1] == b"["


def decode_batch(data: bytes, max_length: int, max_depth: int = MAX_DEPTH) -> list[Message | RpcError]:
    """The members of a batch, in order; what is no message stands there as the error that answers it.

    :raises ParseError: as `decode` does.
    :raises InvalidRequest: no array, an empty one, or one of more than `max_length` members.
    """
    try:
        members = _read_array(data)
    except msgspec.ValidationError:
        raise _invalid("$", "must be an array") from None
    except RecursionError:
        raise _too_deep(max_depth) from None
    except ValueError as error:
        raise _unparsable(str(error)) from None
    if not members:
        raise _invalid("$", "is an empty batch")
    if len(members) > max_length:
        raise _invalid("$", f"is a batch of more than {max_length} messages")
    return [_decode_member(bytes(unmark(member)), max_depth - 1) for member in members]


def _decode_member(data: bytes, max_depth: int) -> Message | RpcError:
    try:
        return decode(data, max_depth)
    except RpcError as error:
        return error


def encode(message: Message) -> bytes:
    """The bytes of `message`: those it came in, if it came from a peer."""
    if message.data is not None:
        return message.data
    if type(message) is Error:
        # MCP has no null for an id.
        whole = {"jsonrpc": "2.0", "error": message.error} if message.id is None else message
        return bytes(put_together(whole))
    return _encode(message)


def _unparsable(reason: str, data: bytes = b"") -> ParseError:
    ends = data[-KEPT:]
    # Of a batch, what can be read is about its first member, and an answer to that one would be none to the batch.
    about = outline(data[:KEPT], ends)
    # What breaks off says of itself that it is not all of a request.
    is_whole = ends.rstrip(_WHITE_SPACE).endswith(b"}") and not is_batch(data[:KEPT])
    id = about.asks if is_whole else None
    return ParseError("Parse error", {"reason": reason}, id=id, answers=about.answers)


def _invalid(
    path: str, reason: str, id: RequestId | UnsetType | None = None, answers: RequestId | UnsetType | None = None
) -> InvalidRequest:
    return InvalidRequest(
        "Invalid Request",
        {"path": path, "reason": reason},
        id=None if id is UNSET else id,
        answers=None if answers is UNSET else answers,
    )


def _diagnose(data: bytes, max_depth: int) -> Message:
    """Say what is wrong with `data`, or that nothing is; the slow way, taken only by what the envelope refused."""
    marked = mark(data)
    if marked is not None:
        return _unmarked(decode(marked, max_depth, True))
    try:
        # Types are checked as soon as they are met: look first whether all of it is JSON.
        _decode_json(data)
        _check_depth(data, max_depth)
        members = _decode_members(data)
    except msgspec.ValidationError:
        raise _invalid("$", "must be an object") from None
    except RecursionError:
        raise _too_deep(max_depth, data) from None
    except ValueError as error:
        raise _unparsable(str(error), data) from None
    id, bad_id = _read_id(members)
    kinds = members.keys() & {"method", "result", "error"}
    answers = None
    if kinds and "method" not in kinds:
        answers = id if bad_id is None else read_id(bytes(members["id"]))
        id = None
    if _read(members, "jsonrpc") != "2.0":
        raise _invalid("$.jsonrpc", 'must be "2.0"', id, answers)
    if kinds == {"result", "error"}:
        for name in ("error", "result"):
            if members[name] == NULL:
                return _without(data, name)
    if bad_id is not None:
        # JSON-RPC 2.0 answers what it cannot attribute with a null id: take that from any peer.
        if bad_id == "null" and kinds == {"error"}:
            try:
                return Error(None, _decode_error(members["error"]), data)
            except ValueError as error:
                raise _invalid("$.error", str(error)) from None
        raise _invalid("$.id", f"must be a string or an integer, not {bad_id}", answers=answers)
    if "method" in members and not isinstance(_read(members, "method"), str):
        raise _invalid("$.method", "must be a string", id)
    if "error" in members:
        try:
            _decode_error(members["error"])
        except ValueError as error:
            raise _invalid("$.error", str(error), id, answers) from None
    # The envelope was refused for the first of two values, and only the last is left here.
    raise _invalid("$", "has a member more than once", id, answers)


def _unmarked(message: Message) -> Message:
    """A message that was decoded with marks, without; only the text of an error keeps them."""
    data = bytes(unmark(encode(message)))
    if isinstance(message, Notification):
        return Notification(_whole(message.method, "$.method", None), _unmarked_part(message.params), data)
    id = _whole(message.id, "$.id", None) if isinstance(message.id, str) else message.id
    if isinstance(message, Request):
        assert id is not None
        return Request(id, _whole(message.method, "$.method", id), _unmarked_part(message.params), data)
    if isinstance(message, Result):
        assert id is not None
        return Result(id, unmark(message.result), data)
    error = message.error
    about = error.data if isinstance(error.data, UnsetType) else unmark(error.data)
    return Error(id, ErrorObject(error.code, error.message, about), data)


def _unmarked_part(part: Raw | None) -> Raw | None:
    return None if part is None else unmark(part)


def _whole(text: str, path: str, id: RequestId | None) -> str:
    found = whole(text)
    if found is None:
        raise _invalid(path, _HALF, id)
    return found


def _read(members: dict[str, Raw], name: str) -> Any:
    try:
        return msgspec.json.decode(members[name])
    except (KeyError, ValueError, RecursionError):
        return None


def _read_id(members: dict[str, Raw]) -> tuple[RequestId | None, str | None]:
    """The id, and what stands in its place when it is none."""
    if "id" not in members:
        return None, None
    try:
        return _decode_id(members["id"]), None
    except ValueError:
        shown = bytes(members["id"])[:32].decode("utf-8", "replace")
        return None, shown


def _check_depth(data: bytes, max_depth: int) -> None:
    if is_deeper(data, max_depth):
        raise _too_deep(max_depth, data)


def _too_deep(max_depth: int, data: bytes = b"") -> ParseError:
    error = _unparsable(f"nested deeper than {max_depth} levels", data)
    error.setting = "max_depth"
    return error
