"""State that a client carries from one of its requests to the next, so that no server has to keep it.

What a client carries it can read, change and hand on. The seal lets it only carry: state that was changed, that belongs
to somebody else's or to another request, or that is too old does not open (MCP 2026-07-28, multi round-trip requests).
A client may present the same state twice within its time: what must happen once has to be made sure of elsewhere.
"""

from __future__ import annotations

import hmac
from base64 import b64decode, urlsafe_b64encode

from mcpws.errors import ConfigError

LIFETIME = 600.0
"""Seconds for which sealed state opens."""

MIN_KEY = 32
"""Bytes, as many as an authentication code has: less would be easier to guess than the code."""

_CODE = 32
_EXPIRY = 8
_PURPOSE = b"mcpws state 1"


class Seal:
    """Seals with HMAC-SHA256. Whoever has the same `key` opens what others sealed, and may seal as well.

    :param key: MIN_KEY bytes or more, random.
    :param lifetime: seconds for which sealed state opens.
    :raises ConfigError: the key is too short.
    """

    def __init__(self, key: bytes, lifetime: float = LIFETIME) -> None:
        if len(key) < MIN_KEY:
            # How long it is says enough; the key itself is for nobody to read.
            raise ConfigError("state_key", f"{len(key)} bytes", f"must have {MIN_KEY} bytes or more")
        self._key = key
        self._lifetime = lifetime

    def close(self, state: bytes, bound_to: bytes, now: float) -> str:
        """`state` as base64url text, a third longer. It opens only for whoever gives the same `bound_to`.

        `now` is in seconds since an epoch that all who open share.
        """
        expiry = int(now + self._lifetime).to_bytes(_EXPIRY, "big")
        return urlsafe_b64encode(self._code(bound_to, expiry + state) + expiry + state).decode()

    def open(self, sealed: str, bound_to: bytes, now: float) -> bytes:
        """The state; ValueError, with the reason, if this is none of ours, not for `bound_to`, or too old."""
        try:
            data = b64decode(sealed, b"-_", validate=True)
        except ValueError:
            raise ValueError("is nothing that was given out here") from None
        code, expiring = data[:_CODE], data[_CODE:]
        # Of what fails, nothing else is looked at: neither its expiry nor its state are anybody's word yet.
        if not hmac.compare_digest(code, self._code(bound_to, expiring)):
            raise ValueError("was not given out here for this request")
        if now >= int.from_bytes(expiring[:_EXPIRY], "big"):
            raise ValueError("has expired")
        return expiring[_EXPIRY:]

    def _code(self, bound_to: bytes, expiring: bytes) -> bytes:
        # With its length before it, no other division of the same bytes has the same code.
        bound = len(bound_to).to_bytes(_EXPIRY, "big") + bound_to
        return hmac.digest(self._key, _PURPOSE + bound + expiring, "sha256")
