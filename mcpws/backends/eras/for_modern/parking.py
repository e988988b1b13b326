"""Calls that wait for what their client is to say."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IDelayedCall

from mcpws.backends.eras.for_modern.call import Call
from mcpws.backends.eras.shared import SharedState


@dataclass(frozen=True, slots=True)
class _Place:
    call: Call
    expiry: IDelayedCall


class Parking:
    """Calls that wait, by a token that cannot be guessed, each for `park_timeout` at most.

    It belongs to one conversation: what one client was given is worth nothing to another.
    """

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared
        self._places: dict[str, _Place] = {}

    def park(self, call: Call, expired: Callable[[Call], None]) -> str | None:
        """The token for it; None where there is no room. `expired` is called if nobody asks for it in time."""
        if len(self._places) >= self._shared.limits.max_parked:
            return None
        token = secrets.token_urlsafe(24)
        timeout = self._shared.limits.park_timeout
        self._places[token] = _Place(call, self._shared.clock.callLater(timeout, self._expire, token, expired))
        return token

    def find(self, token: str) -> Call | None:
        """The call that waits under this token, if any does. It stays there."""
        place = self._places.get(token)
        return None if place is None else place.call

    def take(self, token: str) -> None:
        """End the wait under this token, which is good for once."""
        self._places.pop(token).expiry.cancel()

    def drop(self, unwanted: Callable[[Call], bool]) -> None:
        """End the wait of calls with which nobody could go on."""
        for token in [token for token, place in self._places.items() if unwanted(place.call)]:
            self.take(token)

    def _expire(self, token: str, expired: Callable[[Call], None]) -> None:
        self._shared.counters.expired += 1
        expired(self._places.pop(token).call)
