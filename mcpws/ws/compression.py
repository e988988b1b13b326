"""permessage-deflate (RFC 7692) with small windows: some 8 KiB a connection, where the largest ones take 94.

Off unless the configuration says otherwise: compressing secrets together with what an attacker chooses tells their
length, and small messages only grow.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from autobahn.websocket.compress import (
    PerMessageDeflate,
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)

NAME = "permessage-deflate"
WINDOW_BITS = 10
MEMORY_LEVEL = 4

_LARGEST = 15
_BITS = {str(bits): bits for bits in range(8, _LARGEST + 1)}
# zlib has no smaller window than this for what it deflates without a header, nor has Autobahn.
_SMALLEST = 9


def accept_offer(
    extensions: Iterable[tuple[str, Sequence[tuple[str, str | None]]]],
) -> PerMessageDeflateOfferAccept | None:
    """A server's choice among what a client offers, in order of its preference: the first deflate that can be had.

    What cannot be had, whatever is wrong with it, is declined (RFC 7692, sections 5.1 and 7); None declines all.

    :param extensions: names with their parameters, each of which has a value or None.
    """
    for name, parameters in extensions:
        if name.lower() == NAME:
            offer = _read(parameters)
            if offer is not None and offer.get("server_max_window_bits") != _BITS["8"]:
                return _accept(offer)
    return None


def _read(parameters: Sequence[tuple[str, str | None]]) -> dict[str, int] | None:
    """The parameters of an offer, all of which have to be as RFC 7692, section 7.1, has them."""
    offer: dict[str, int] = {}
    for name, value in parameters:
        if name in offer:
            return None
        if name in ("server_no_context_takeover", "client_no_context_takeover") and value is None:
            offer[name] = True
        elif name == "client_max_window_bits" and value is None:
            offer[name] = _LARGEST
        elif name in ("server_max_window_bits", "client_max_window_bits") and value in _BITS:
            offer[name] = _BITS[value]
        else:
            return None
    return offer


def _accept(offer: dict[str, int]) -> PerMessageDeflateOfferAccept:
    ours = offer.get("server_max_window_bits", 0)
    # Only a client that says so can be told how large its window may be; and none need be told less than it may.
    theirs = min(WINDOW_BITS, offer.get("client_max_window_bits", 0))
    return PerMessageDeflateOfferAccept(
        PerMessageDeflateOffer(
            accept_max_window_bits=theirs >= _SMALLEST,
            request_max_window_bits=ours,
            request_no_context_takeover="server_no_context_takeover" in offer,
        ),
        request_max_window_bits=theirs if theirs >= _SMALLEST else 0,
        window_bits=min(WINDOW_BITS, ours or WINDOW_BITS),
        mem_level=MEMORY_LEVEL,
    )


def offers() -> list[PerMessageDeflateOffer]:
    """The offer of a client."""
    return [PerMessageDeflateOffer(request_max_window_bits=WINDOW_BITS)]


def accept_response(response: object) -> PerMessageDeflateResponseAccept | None:
    """A client's view of what its server chose; None denies it, and so ends the handshake."""
    if not isinstance(response, PerMessageDeflateResponse):
        return None
    return PerMessageDeflateResponseAccept(
        response,
        window_bits=min(WINDOW_BITS, response.client_max_window_bits or WINDOW_BITS),
        mem_level=MEMORY_LEVEL,
    )


def decline(offers: object) -> None:
    """No compression."""


MESSAGE_END = b"\0\0\xff\xff"
"""What a sender leaves out at the end of a message, and whoever inflates it has to add (RFC 7692, section 7.2.2)."""

MOST_ENDS = 16
"""Of DEFLATE streams in a message. A sender may end one with each (section 7.2.3.4); to begin one costs more."""


class Inflated(NamedTuple):
    """The content of a part of a message: as much as is sound, and the close code and reason of what is not."""

    data: bytes
    code: int = 0
    problem: str = ""


class Deflate(PerMessageDeflate):
    """Autobahn's permessage-deflate, but that what it says of bad data does not depend on how TCP cuts it.

    :param limit: bytes to which a message may inflate.
    """

    _decompressor: Any

    def __init__(self, negotiated: PerMessageDeflate, limit: int) -> None:
        super().__init__(
            negotiated._is_server,
            negotiated.server_no_context_takeover,
            negotiated.client_no_context_takeover,
            negotiated.server_max_window_bits,
            negotiated.client_max_window_bits,
            negotiated.mem_level,
        )
        self._limit = limit
        self._left = limit
        self._ends = 0
        self._ended = False

    def start_decompress_message(self) -> None:
        super().start_decompress_message()
        self._left = self._limit
        self._ends = 0
        self._ended = False

    def inflate(self, data: bytes, is_last: bool) -> Inflated:
        """The next part of a message, which is the last one or not."""
        inflated: list[bytes] = []
        code, problem = self._inflate(data, inflated)
        if is_last and not code and not self._ended:
            code, problem = self._inflate(MESSAGE_END, inflated)
        return Inflated(b"".join(inflated), code, problem)

    def _inflate(self, data: bytes, inflated: list[bytes]) -> tuple[int, str]:
        parts = [data] if data else []
        while parts:
            part = parts.pop()
            before = self._decompressor.copy()
            try:
                # One more than may be: that one of them was left over says nothing yet.
                inflated.append(self._decompressor.decompress(part, self._left + 1))
            except zlib.error as error:
                if len(part) == 1:
                    return 1007, f"the message does not inflate: {error}"
                # What came out before the byte that is wrong is lost. Look for that byte.
                self._decompressor = before
                half = len(part) // 2
                parts += [part[half:], part[:half]]
                continue
            self._left -= len(inflated[-1])
            if self._left < 0:
                inflated[-1] = inflated[-1][: self._left]
                return 1009, f"the message inflates to more than {self._limit} bytes"
            self._ended = self._decompressor.eof
            if self._ended:
                rest = self._decompressor.unused_data
                self._decompressor = zlib.decompressobj(-self._window_bits)
                self._ends += 1
                if self._ends > MOST_ENDS:
                    return 1007, "the message does not inflate: it ends too often"
                if rest:
                    parts.append(rest)
        return 0, ""

    def end_decompress_message(self) -> None:
        """Nothing is left to do once the last part was inflated."""

    @property
    def _window_bits(self) -> int:
        return int(self.client_max_window_bits if self._is_server else self.server_max_window_bits)


def deflate(compressor: Any, payload: bytes) -> bytes:
    """A whole message, compressed by what Autobahn negotiated; its first frame must have RSV1 set."""
    compressor.start_compress_message()
    return bytes(compressor.compress_message_data(payload) + compressor.end_compress_message())
