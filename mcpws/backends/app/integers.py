"""Integers written with a fraction: `5.0` is one to JSON Schema (2020-12, validation, 6.1.1), but none to msgspec."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

import msgspec
from msgspec import Raw

MAX_REWRITTEN = 128 * 1024
"""Bytes of JSON in which such integers are looked for. Nothing but numbers, they take some 30 ms."""

_MAX_DIGITS = 309
"""Of an integer that is written with an exponent: what a double can be."""


def plain_integers(raw: Raw | bytes) -> bytes | None:
    """JSON equal to `raw` with all integers written as such; None if that is no change, or `raw` is too long.

    What is no integer keeps each of its digits.
    """
    if len(raw) > MAX_REWRITTEN:
        return None
    try:
        plain = _encode(_decode(raw))
    except (ValueError, RecursionError):
        return None
    return None if plain == raw else plain


def _number(text: str) -> int | Raw:
    if text.endswith(".0"):
        return int(text[:-2])
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if number.is_finite() and number.adjusted() < _MAX_DIGITS and number == number.to_integral_value():
        return int(number)
    return Raw(text.encode())


_decode = msgspec.json.Decoder(float_hook=_number).decode
_encode = msgspec.json.Encoder().encode
