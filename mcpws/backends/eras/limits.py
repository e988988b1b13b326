"""What the conversations of one DualEra share: how far they may go, what they have come to, what is known."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from mcpws.config import require_positive

MAX_PENDING = 1024
"""Requests in either direction of one conversation at the same time, by default; a front allows far fewer."""

MAX_URI = 8000
"""Characters of what a client subscribes to: what every HTTP server should take (RFC 9110, section 4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """As DualEra explains them; ConfigError names what is not above 0."""

    probe_timeout: float
    initialize_timeout: float
    park_timeout: float
    max_rounds: int
    max_asks: int
    max_parked: int
    max_held: int
    max_subscriptions: int
    max_servers: int
    max_starts: int
    max_pending: int

    def __post_init__(self) -> None:
        require_positive(self)


@dataclass(slots=True)
class Counters:
    """What all conversations of a backend have come to so far, as DualEra explains it."""

    translated: int = 0
    dropped: int = 0
    refused: int = 0
    expired: int = 0


@dataclass(slots=True)
class Known:
    """What one conversation has found out about the server and others need not find out again.

    `legacy`: it was initialised, and no answer to `server/discover` said that it is modern as well. `asks`: it was seen
    to ask for samples or elicitations.
    """

    legacy: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class Shared:
    """All of this, and the time."""

    clock: IReactorTime
    limits: Limits
    counters: Counters
    known: Known
