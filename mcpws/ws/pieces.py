"""Messages that come in pieces."""

from __future__ import annotations

SMALL = 4096
"""Bytes. A message may come in pieces of one byte each; shorter ones than this are joined as they come, since every
piece costs memory of its own."""


def join_small(pieces: list[bytes]) -> None:
    """Join the last pieces, as far as they are small, so that each byte is copied a few times at most."""
    while len(pieces) > 1 and len(pieces[-2]) <= len(pieces[-1]) < SMALL:
        last = pieces.pop()
        pieces[-1] += last
