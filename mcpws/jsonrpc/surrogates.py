r"""Halves of surrogate pairs in JSON: `"\ud83d"` is legal (RFC 8259, section 8.2), and no string that UTF-8 can hold.

They come of texts that were cut, and pass as they came wherever they are not looked at. msgspec refuses a text that
holds one, whichever part of it is wanted. So whoever has to take such a text apart puts marks in the place of its
surrogates, and whoever puts it together again takes them out: `reader` does the one, `messages.put_together` the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import msgspec
from msgspec import Raw

T = TypeVar("T")

MARK = "\x7f\ufdd0"
r"""Stands for the `\u` of a surrogate. U+FDD0 is for use within a program, and for no interchange (Unicode, 23.7)."""

_MARK = MARK.encode()
_MARK_BEGINS = _MARK[0]
# In UTF-8 this is nowhere.
_BACKSLASHES = b"\xfe\xfe"

_decode = msgspec.json.Decoder(Raw).decode


def mark(data: bytes | Raw) -> bytes | None:
    """The JSON text `data`, in UTF-8, with every surrogate marked; None if that does not make JSON of it.

    Those that are whole pairs are marked too, and so is what else begins as they do: to tell them apart takes longer.
    """
    whole = bytes(data).replace(rb"\\", _BACKSLASHES)
    if (rb"\ud" not in whole and rb"\uD" not in whole) or _MARK in whole or not _is_json(whole):
        return None
    return whole.replace(rb"\ud", _MARK + b"d").replace(rb"\uD", _MARK + b"D").replace(_BACKSLASHES, rb"\\")


def unmark(data: bytes | Raw) -> Raw:
    """The JSON text of which `mark` made `data`, or parts of `data`."""
    text = bytes(data)
    if _MARK_BEGINS not in text or _MARK not in text:
        return data if isinstance(data, Raw) else Raw(text)
    unmarked = text.replace(_MARK, rb"\u")
    # A mark that is none of ours would not make JSON.
    return Raw(unmarked if _is_json(unmarked.replace(rb"\\", _BACKSLASHES)) else text)


def readable(data: bytes | Raw) -> bytes | None:
    """The JSON text `data` as programs can read it: in the place of every lone surrogate stands U+FFFD.

    None if that does not make JSON of it.
    """
    marked = mark(data)
    return None if marked is None else shown(marked.decode()).encode()


def shown(text: str) -> str:
    """A text that was read with marks as people can read it, with U+FFFD as in `readable`."""
    return _joined(text, "replace")


def whole(text: str) -> str | None:
    """A text that was read with marks, if there is no half of a pair in it."""
    try:
        return _joined(text, "strict")
    except UnicodeDecodeError:
        return None


def _joined(text: str, errors: str) -> str:
    first, *others = text.split(MARK)
    if not others:
        return text
    try:
        joined = first + "".join(map(_after_mark, others))
    except ValueError:
        # Somebody else has found a use for U+FDD0.
        return text
    # Whole pairs become one character on this way.
    return joined.encode("utf-16-le", "surrogatepass").decode("utf-16-le", errors)


def _after_mark(text: str) -> str:
    if len(text) < 4:
        raise ValueError("there are four digits after a mark")
    return chr(int(text[:4], 16)) + text[4:]


def reader(type: type[T]) -> Callable[[bytes | Raw], T]:
    """Decodes JSON as `type`, with marks in strings and in what stays Raw where there are surrogates.

    What it returns raises as msgspec does for anything that is no `type`.
    """
    decode = msgspec.json.Decoder(type).decode

    def read(raw: bytes | Raw) -> T:
        try:
            return decode(raw)
        except msgspec.DecodeError:
            marked = mark(raw)
            if marked is None:
                raise
            return decode(marked)

    return read


def read_as(type: type[T], raw: bytes | Raw) -> T:
    """Decode the JSON of a message as `type`, for the program that is its end; raises as msgspec does.

    Strings are as in `readable`, but a Raw is as it came.
    """
    if type is Raw:
        return cast(T, raw)
    try:
        return msgspec.json.decode(raw, type=type)
    except msgspec.DecodeError:
        text = readable(raw)
        if text is None:
            raise
        return msgspec.json.decode(text, type=type)


def _is_json(whole: bytes) -> bool:
    """Whether it is JSON but for its surrogates; any other character does to see whether their digits are there."""
    text = whole.replace(rb"\ud", rb"\u0").replace(rb"\uD", rb"\u0").replace(_BACKSLASHES, rb"\\")
    try:
        _decode(text)
    except (ValueError, RecursionError):
        return False
    return True
