"""Whole frames in one pass, past Autobahn's frame machine, which costs some ten times as much a message.

The lane takes frames (RFC 6455, section 5.2) that are

- complete in the buffer, final and unfragmented: text or binary, no reserved bits,
- masked if and only if the receiving end is a server,
- of a length in its shortest encoding and within the limit,
- valid UTF-8, if text.

It stops before the first byte of anything else: fragments, control frames, compressed or partial frames, violations.
From there Autobahn goes on as if the lane had never been, and fails what is to be failed.
"""

from __future__ import annotations

from collections.abc import Callable

from autobahn.websocket.xormasker import create_xor_masker  # type: ignore[attr-defined]  # it is in there

FINAL_TEXT = 0x81
FINAL_BINARY = 0x82
_TAKEN = (FINAL_TEXT, FINAL_BINARY)
_MASKED = 0x80
_LENGTH = 0x7F

# Up to here one XOR of big integers is quicker than Autobahn's masker.
_XOR_AT_ONCE = 1024


def take(
    data: bytes, masked: bool, limit: int, deliver: Callable[[bytes, bool], None], wanted: Callable[[], bool]
) -> int:
    """Deliver the frames at the beginning of `data`; returns how many bytes they had.

    :param masked: whether frames have to be masked.
    :param limit: bytes of the longest payload.
    :param deliver: called with each payload, and whether it is binary.
    :param wanted: asked after each; once it says no, the rest stays.
    """
    taken = 0
    end = len(data)
    while end - taken >= 2:
        first, second = data[taken], data[taken + 1]
        if first not in _TAKEN or bool(second & _MASKED) is not masked:
            break
        size = second & _LENGTH
        start = taken + 2
        if size > 125:
            wide = 2 if size == 126 else 8
            size = int.from_bytes(data[start : start + wide], "big")
            start += wide
            if start > end or size < (126 if wide == 2 else 65_536):
                break
        if masked:
            start += 4
        stop = start + size
        if stop > end or size > limit:
            break
        payload = data[start:stop]
        if masked:
            payload = mask(payload, data[start - 4 : start])
        if first == FINAL_TEXT and not payload.isascii() and not _is_utf_8(payload):
            break
        taken = stop
        deliver(payload, first == FINAL_BINARY)
        if not wanted():
            break
    return taken


def frame(payload: bytes, binary: bool, key: bytes | None = None) -> bytes:
    """A final data frame, masked with the four bytes of `key` if there are any."""
    size = len(payload)
    first = FINAL_BINARY if binary else FINAL_TEXT
    second = 0 if key is None else _MASKED
    if size < 126:
        head = bytes((first, second | size))
    elif size < 65_536:
        head = bytes((first, second | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, second | 127)) + size.to_bytes(8, "big")
    if key is None:
        return head + payload
    return head + key + mask(payload, key)


def mask(payload: bytes, key: bytes) -> bytes:
    """Mask or unmask (RFC 6455, section 5.3)."""
    size = len(payload)
    if size > _XOR_AT_ONCE:
        masked: bytes = create_xor_masker(key, size).process(payload)
        return masked
    pad = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(size, "big")


def _is_utf_8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
