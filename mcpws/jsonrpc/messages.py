"""JSON-RPC 2.0 messages as values.

Only the envelope is decoded: `params` and `result` stay raw JSON until somebody wants them. A
message that came from a peer keeps the bytes it came in (`data`), so passing it on costs no encoding
and changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from math import isfinite
from pathlib import PurePath
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from mcpws.errors import BackendLost, RemoteError, RpcError
from mcpws.jsonrpc.surrogates import read_as, shown, unmark

RequestId: TypeAlias = str | int
"""JSON-RPC ids as MCP narrows them: a string or an integer. `"1"` and `1` are different ids."""

_FINITE: set[type] = {Raw, bool, int, str}

NULL = Raw(b"null")
EMPTY = Raw(b"{}")


class _Message(Struct, frozen=True, gc=False, tag_field="jsonrpc", tag="2.0", omit_defaults=True):
    """Is encoded as the message itself, as long as there is no `data`."""


class Request(_Message, frozen=True, gc=False):
    """Asks for `method`; must be answered once, unless it is cancelled.

    `kept` is for a reader of the parameters that would have to read them again: no part of the message, and not looked
    at when two are compared. Only where there is `data` may something be kept, for else it would be sent.
    """

    id: RequestId
    method: str
    params: Raw | None = None
    data: bytes | None = None
    kept: Any = UNSET

    def __eq__(self, other: object) -> bool:
        if type(other) is not Request:
            return NotImplemented
        return (self.id, self.method, self.params, self.data) == (other.id, other.method, other.params, other.data)


class Notification(_Message, frozen=True, gc=False):
    """Tells of something; is never answered."""

    method: str
    params: Raw | None = None
    data: bytes | None = None


class Finite(Struct, frozen=True):
    """Base of results that hold no nan and no infinity: whoever makes one has seen to that."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _FINITE.add(cls)


class Result(_Message, frozen=True, gc=False):
    """Answers the request `id` with success. What it answers is in `raw` or, where that is UNSET, in `data` alone."""

    id: RequestId
    raw: Raw | UnsetType = msgspec.field(name="result", default=UNSET)
    data: bytes | None = None

    @classmethod
    def answering(cls, id: RequestId, value: Any) -> Result:
        """The answer with `value`, encoded at once: takes what `to_raw` takes, and raises as that does."""
        try:
            encoded = _encode(_Answered(id, value))
        except (TypeError, ValueError, RecursionError) as error:
            raise _not_json(error, value) from error
        # Asked first: to look through a large text takes as long as to encode it.
        if type(value) not in _FINITE and b"null" in encoded:
            _check_numbers(value)
        return cls(id, UNSET, encoded)

    @property
    def result(self) -> Raw:
        """Result as JSON."""
        return _decode_answered(self.data or b"").result if self.raw is UNSET else self.raw


class ErrorObject(Struct, frozen=True, gc=False):
    """JSON-RPC 2.0, section 5.1. In the message there are marks in the place of surrogates (`core.surrogates`)."""

    code: int
    message: str
    data: Raw | UnsetType = UNSET


class Error(_Message, frozen=True, gc=False):
    """Answers the request `id` with failure; `id` is None when the request's could not be read."""

    id: RequestId | None
    error: ErrorObject
    data: bytes | None = None

    @classmethod
    def answering(cls, id: RequestId | None, error: RpcError) -> Error:
        """The answer that tells the peer of `error`; raises TypeError if its `data` is no JSON."""
        data = UNSET if error.data is None else to_raw(error.data)
        # File names, often part of a message, may hold what UTF-8 cannot.
        message = error.message.encode(errors="backslashreplace").decode()
        return cls(id, ErrorObject(error.code, message, data))

    @classmethod
    def in_place_of(cls, id: RequestId, error: RpcError) -> Error:
        """The answer for whoever waits for one to request `id` that came, and was refused with `error`."""
        return cls.answering(id, BackendLost("The answer cannot be used", error.data))

    def exception(self) -> RemoteError:
        """Exception that the caller of the request gets."""
        data = self.error.data
        decoded = None if isinstance(data, UnsetType) else read_as(Any, data)
        return RemoteError(self.error.code, shown(self.error.message), decoded)


def alike(id: RequestId) -> RequestId | None:
    """The id as some programs return it: the number of a string or the string of a number; None if it is neither."""
    if isinstance(id, int):
        return str(id) if abs(id) < 10**_LONGEST else None
    if len(id) > _LONGEST or not (id.isascii() and id.removeprefix("-").isdigit()):
        return None
    number = int(id)
    return number if str(number) == id else None


def with_id(answer: Answer, id: RequestId) -> Answer:
    """Answer like this one, to request `id`."""
    return Error(id, answer.error) if isinstance(answer, Error) else Result(id, answer.result)


class _Answered(_Message, frozen=True, gc=False):
    """A Result while it is encoded."""

    id: RequestId
    result: Any


class _Read(Struct, gc=False):
    result: Raw


Answer: TypeAlias = Result | Error
Message: TypeAlias = Request | Notification | Result | Error

_MAX_STEPS = 32
"""Into a value, to find what in it is no JSON."""

_LONGEST = 20
"""Digits of an id that programs may have taken for one of the other type."""


def _written(value: Any) -> Any:
    """Built-in value that is written in the place of one of a type that msgspec does not know."""
    if isinstance(value, PurePath):
        return str(value)
    # What pydantic makes of a class of its, without a look at pydantic.
    serializer = getattr(type(value), "__pydantic_serializer__", None)
    if serializer is not None:
        return serializer.to_python(value, mode="json", by_alias=True)
    raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported")


_encode = msgspec.json.Encoder(enc_hook=_written).encode
_pack = msgspec.msgpack.Encoder(enc_hook=_written).encode
# A double whose exponent has all its bits, in MessagePack. No text in UTF-8 has such bytes.
_is_no_number = re.compile(rb"\xcb[\x7f\xff][\xf0-\xff]").search
_decode_answered = msgspec.json.Decoder(_Read).decode


def to_raw(value: Any) -> Raw:
    """`value` as JSON, to be spliced into a message; takes and raises what `encode_value` does, and Raw as it is."""
    return value if type(value) is Raw else Raw(encode_value(value))


def encode_value(value: Any) -> bytes:
    """`value` as JSON.

    Takes what msgspec encodes: the JSON types, Structs, dataclasses, datetimes, enumerations; and paths, and models of
    pydantic's.
    Raises TypeError for anything else, lone surrogates, values within themselves, nan and infinities included; it says
    where that is.
    """
    try:
        encoded = _encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise _not_json(error, value) from error
    if b"null" in encoded:
        _check_numbers(value)
    return encoded


def put_together(value: Any) -> Raw:
    """`to_raw` of what was taken apart by a `surrogates.reader`: in the place of marks stand surrogates again."""
    return unmark(value if type(value) is Raw else encode_value(value))


def _check_numbers(value: Any) -> None:
    """Raise TypeError if `value`, which was written with a null, has that for a number that JSON does not have."""
    try:
        if not _is_no_number(_pack(value)):
            return
    except (ValueError, OverflowError, RecursionError):
        # MessagePack has no integers of that size.
        pass
    # Paths and values still to be looked at: JSON may nest deeper than Python calls.
    ahead: list[tuple[str, Any]] = [("$", msgspec.to_builtins(value, enc_hook=_opaque))]
    while ahead:
        path, value = ahead.pop()
        if isinstance(value, float) and not isfinite(value):
            raise TypeError(f"cannot be written as JSON: {value} at `{path}`")
        if isinstance(value, dict):
            ahead.extend((f"{path}.{key}", member) for key, member in value.items())
        elif isinstance(value, list | tuple):
            ahead.extend((f"{path}[{index}]", item) for index, item in enumerate(value))


def _opaque(value: object) -> Any:
    """As `_written`, but for Raw: it is JSON already."""
    return None if isinstance(value, Raw) else _written(value)


def _not_json(error: Exception, value: Any) -> TypeError:
    path, error = _culprit(value, error)
    return TypeError(f"cannot be written as JSON: {error} at `{path}`")


def _culprit(value: Any, error: Exception) -> tuple[str, Exception]:
    """Place in `value`, which cannot be encoded, of the first part that cannot, and why."""
    path = "$"
    if isinstance(error, RecursionError):
        # In a value within itself it is everywhere.
        return path, error
    for _ in range(_MAX_STEPS):
        parts: Iterable[tuple[str, Any]] = ()
        if isinstance(value, dict):
            parts = ((f"{path}.{key}", part) for key, part in value.items())
        elif isinstance(value, list | tuple):
            parts = ((f"{path}[{index}]", part) for index, part in enumerate(value))
        for where, part in parts:
            try:
                _encode(part)
            except (TypeError, ValueError, RecursionError) as reason:
                path, value, error = where, part, reason
                break
        else:
            # It is the value itself, a key of it, or a part that has no path.
            return path, error
    return path, error
