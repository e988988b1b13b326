"""permessage-deflate (RFC 7692) with small windows: some 8 KiB a connection, where the largest ones take 94.

Off unless the configuration says otherwise: compressing secrets together with what an attacker chooses tells their
length, and small messages only grow.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autobahn.websocket.compress import (
    PerMessageDeflateOffer,
    PerMessageDeflateOfferAccept,
    PerMessageDeflateResponse,
    PerMessageDeflateResponseAccept,
)

WINDOW_BITS = 10
MEMORY_LEVEL = 4


def accept_offer(offers: Iterable[object]) -> PerMessageDeflateOfferAccept | None:
    """A server's choice among what a client offers: the first deflate, with windows of at most WINDOW_BITS."""
    for offer in offers:
        if isinstance(offer, PerMessageDeflateOffer):
            return PerMessageDeflateOfferAccept(
                offer,
                # Only a client that says so can be told how large its window may be.
                request_max_window_bits=WINDOW_BITS if offer.accept_max_window_bits else 0,
                window_bits=min(WINDOW_BITS, offer.request_max_window_bits or WINDOW_BITS),
                mem_level=MEMORY_LEVEL,
            )
    return None


def offers() -> list[PerMessageDeflateOffer]:
    """What a client offers."""
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


def deflate(compressor: Any, payload: bytes) -> bytes:
    """A whole message, compressed by what Autobahn negotiated; its first frame must have RSV1 set."""
    compressor.start_compress_message()
    return bytes(compressor.compress_message_data(payload) + compressor.end_compress_message())
