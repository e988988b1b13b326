"""Limits, counters and findings that the conversations of one DualEra share."""

from __future__ import annotations

from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from mcpws.settings import Group, documented, setting

MAX_PENDING = 1024
"""Requests in either direction of one conversation at the same time, by default; a front allows far fewer."""


@documented
@dataclass(frozen=True, kw_only=True)
class EraTranslation(Group, table="translation", title="Translation between the eras of MCP"):
    """How long to wait for either end, and how many servers one client may have."""

    probe_timeout: float = setting(
        3,
        unit="seconds",
        above=0,
        side="server",
        help="For a server to answer server/discover; one that does not is legacy. Clients ask the same, and many wait"
        " for 5 or 10: they should have an answer by then.",
    )
    park_timeout: float = setting(
        300,
        unit="seconds",
        above=0,
        side="server",
        help="For a modern client to come back with what it was asked.",
    )
    max_servers: int = setting(
        4, least=1, side="server", help="Legacy servers at a time for one client that says it is several."
    )


@dataclass(frozen=True, kw_only=True)
class TranslationLimits(EraTranslation):
    """The settings, and constants: limits that no peer of good will comes near.

    :param initialize_timeout: seconds for a legacy server to answer `initialize` on behalf of a modern client.
    :param max_rounds: how often a modern server may require more input for one request of a legacy client.
    :param max_asks: things that a server may ask a client at once, or over one request.
    :param max_parked: calls that wait for what a client was asked.
    :param max_held: messages of a client that may wait for a server to be there.
    :param max_subscriptions: resources that one client may subscribe to where that has to be translated.
    :param max_starts: conversations with the backend that one client may cause within a minute, besides the first.
    :param max_pending: requests that one conversation may have open, in either direction.
    """

    initialize_timeout: float = 60
    max_rounds: int = 10
    max_asks: int = 16
    max_parked: int = 64
    max_held: int = 64
    max_subscriptions: int = 256
    max_starts: int = 20
    max_pending: int = MAX_PENDING


@dataclass(slots=True)
class TranslationCounters:
    """Counts of what all conversations of a backend have come to so far, as DualEra explains it."""

    translated: int = 0
    dropped: int = 0
    refused: int = 0
    expired: int = 0


@dataclass(slots=True)
class Known:
    """Findings of one conversation about the server, which others need not find out again.

    `legacy`: it was initialised, and no answer to `server/discover` said that it is modern as well. `asks`: it was seen
    to ask for samples or elicitations.
    """

    legacy: bool = False
    asks: bool = False


@dataclass(frozen=True, slots=True)
class SharedState:
    """Limits, counters and findings, with the clock, that all conversations of one DualEra have."""

    clock: IReactorTime
    limits: TranslationLimits
    counters: TranslationCounters
    known: Known
