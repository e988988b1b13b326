"""Frames in one pass, past Autobahn's frame machine, which costs some ten times as much a message.

The lane takes frames (RFC 6455, section 5.2) that are

- final and unfragmented: text or binary, no reserved bits,
- masked if and only if the receiving end is a server,
- of a length in its shortest encoding and within the limit,
- valid UTF-8, if text.

A frame of which only the beginning has come is gathered until it is whole. The lane stops before the first byte of
anything else: fragments, control frames, compressed frames, violations, a head that is not complete. From there
Autobahn goes on as if the lane had never been, and fails what is to be failed: if the rest of a frame turns out not to
be UTF-8, Autobahn gets the whole frame as it came.
"""

from __future__ import annotations

from codecs import IncrementalDecoder, getincrementaldecoder
from collections.abc import Callable
from struct import Struct

from mcpws.ws.pieces import join_small

try:
    from websockets.speedups import apply_mask as mask
except ImportError:
    # There is no C for every platform. This is many times slower, and does the same.
    from websockets.utils import apply_mask as mask  # type: ignore[no-redef]

LOOK_EVERY = 8
"""Frames, between two looks at the time: so one frame costs no look, and so many slow ones are not too many."""

FINAL_TEXT = 0x81
FINAL_BINARY = 0x82
_MASKED = 0x80

_head, _head_16, _head_64 = Struct("!BB").pack, Struct("!BBH").pack, Struct("!BBQ").pack
_utf_8_decoder = getincrementaldecoder("utf-8")


class FastLane:
    """Takes the frames that one end of a connection receives.

    :param masked: whether frames have to be masked.
    :param limit: bytes of the longest payload.
    :param deliver: called with each payload, and whether it is binary; unless it returns something true, the rest
        stays for the time being.
    :param is_over: asked after every `LOOK_EVERY` frames whether those that follow have to wait.
    """

    __slots__ = ("_deliver", "_is_over", "_key_size", "_limit", "_mask_bit", "begun")

    def __init__(
        self,
        masked: bool,
        limit: int,
        deliver: Callable[[bytes, bool], object],
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._mask_bit = _MASKED if masked else 0
        self._key_size = 4 if masked else 0
        self._limit = limit
        self._deliver = deliver
        self._is_over = is_over
        self.begun: Begun | None = None
        """The frame of which the lane has a part; what comes next then has to be given to it."""

    def take(self, data: bytes) -> bytes:
        """Take the frames at the beginning of `data`; returns what is not taken.

        That is longer than `data` if the lane gives back what it had taken before.
        """
        taken, end = 0, len(data)
        begun, deliver = self.begun, self._deliver
        if begun is not None:
            if not data:
                return data
            taken = min(begun.missing, end)
            if not begun.add(data if taken == end else memoryview(data)[:taken]):
                self.begun = None
                return begun.as_it_came() + data[taken:]
            if begun.missing:
                return b""
            self.begun = None
            if not deliver(begun.payload(), begun.is_binary):
                return data[taken:]
        mask_bit, key_size, limit = self._mask_bit, self._key_size, self._limit
        shortest = 2 + key_size
        unseen = LOOK_EVERY
        while end - taken >= 2:
            first = data[taken]
            if first != FINAL_TEXT and first != FINAL_BINARY:
                break
            # More than 127 if it is masked and must not be, or the other way round.
            size = data[taken + 1] ^ mask_bit
            start = taken + shortest
            if size > 125:
                if size == 126:
                    start += 2
                    if start > end:
                        break
                    size = data[taken + 2] << 8 | data[taken + 3]
                    if size < 126:
                        break
                elif size == 127:
                    start += 8
                    size = int.from_bytes(data[taken + 2 : taken + 10], "big")
                    if size < 65_536:
                        break
                else:
                    break
            if size > limit:
                break
            stop = start + size
            if stop > end:
                if start > end:
                    break
                begun = Begun(data[taken:start], size, data[start - key_size : start])
                if begun.add(memoryview(data)[start:]):
                    self.begun = begun
                    return b""
                break
            payload = data[start:stop]
            if key_size:
                payload = mask(payload, data[start - 4 : start])
            if not payload.isascii() and first == FINAL_TEXT and not _is_utf_8(payload):
                break
            taken = stop
            if not deliver(payload, first == FINAL_BINARY):
                break
            unseen -= 1
            if not unseen:
                if self._is_over():
                    break
                unseen = LOOK_EVERY
        return data[taken:] if taken else data


class Begun:
    """A frame of which the rest is still to come. Parts are unmasked as they come: so nothing large is copied twice."""

    __slots__ = ("_decoder", "_head", "_key", "_next_key", "_parts", "is_binary", "missing")

    def __init__(self, head: bytes, size: int, key: bytes) -> None:
        self._head = head
        self._key = self._next_key = key
        self._decoder: IncrementalDecoder | None = None
        self._parts: list[bytes] = []
        self.is_binary = head[0] == FINAL_BINARY
        self.missing = size

    def add(self, data: bytes | memoryview) -> bool:
        """Add the next of the payload, no more than is missing; returns whether all may be UTF-8 so far, if text."""
        self.missing -= len(data)
        if self._next_key:
            key, turned = self._next_key, len(data) % 4
            part = mask(data, key)
            self._next_key = key[turned:] + key[:turned]
        else:
            part = bytes(data)
        self._parts.append(part)
        valid = self.is_binary or self._may_be_utf_8(part)
        join_small(self._parts)
        return valid

    def payload(self) -> bytes:
        """The whole payload, once: whoever gets it should not have it twice."""
        parts, self._parts = self._parts, []
        return b"".join(parts)

    def as_it_came(self) -> bytes:
        """The frame as far as it has come."""
        payload = self.payload()
        return self._head + (mask(payload, self._key) if self._key else payload)

    def _may_be_utf_8(self, part: bytes) -> bool:
        if self._decoder is None:
            if part.isascii():
                return True
            self._decoder = _utf_8_decoder()
        try:
            self._decoder.decode(part, final=not self.missing)
        except UnicodeDecodeError:
            return False
        return True


def frame(payload: bytes, binary: bool, key: bytes | None = None) -> bytes:
    """A final data frame, masked with the four bytes of `key` if there are any."""
    size = len(payload)
    if size < _SHORT and not binary:
        if key is None:
            return _short_heads[size] + payload
        return _short_masked_heads[size] + key + mask(payload, key)
    if key is None:
        return head(size, binary) + payload
    return head(size, binary, _MASKED) + key + mask(payload, key)


def head(size: int, binary: bool, mask_bit: int = 0) -> bytes:
    """The beginning of a final data frame, up to where the key is, if `mask_bit` says that there is one."""
    first = FINAL_BINARY if binary else FINAL_TEXT
    if size < 126:
        return _head(first, mask_bit | size)
    if size < 65_536:
        return _head_16(first, mask_bit | 126, size)
    return _head_64(first, mask_bit | 127, size)


# Text up to here, which is most of what is sent, finds its head ready.
_SHORT = 1024
_short_heads = tuple(head(size, False) for size in range(_SHORT))
_short_masked_heads = tuple(head(size, False, _MASKED) for size in range(_SHORT))


def _is_utf_8(payload: bytes) -> bool:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return False
    return True
