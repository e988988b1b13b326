"""Any server for any client: a backend that knows both eras of MCP, around one whose servers may know only one."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import ClassVar

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mcpws.backends.eras.router import EraRouter
from mcpws.backends.eras.shared import EraTranslation, Known, SharedState, TranslationCounters, TranslationLimits
from mcpws.errors import ShuttingDown
from mcpws.seam.interfaces import Backend, Channel, Description, Link, counted_by, description_of, unready_reason
from mcpws.settings import settings_of
from mcpws.turns.steady import steady


class DualEra:
    """Serves legacy clients (`initialize` first) and modern ones (every request stands for itself) from `backend`.

    Where client and server are of the same era, every message passes byte for byte. Where not, it is translated, as
    far as that goes; what cannot be is answered with an error that says so. A client that uses both eras gets a
    conversation with `backend` for each, and one for each client that its modern requests say they come from.

    :param backend: whose servers are of either era, or both. It is stopped from here.
    :param clock: for timers.
    :param settings: how long to wait for either end, and how many servers one client may have; a ServiceConfig has
        them among its own.
    """

    constants: ClassVar[TranslationLimits] = TranslationLimits()
    """Limits that are no settings. Worlds in which everything is scarce, for tests, have others."""

    def __init__(self, backend: Backend, *, clock: IReactorTime, settings: EraTranslation | None = None) -> None:
        limits = self.constants
        if settings is not None:
            limits = replace(limits, **{name: getattr(settings, name) for name in settings_of(EraTranslation)})
        self._backend = backend
        self._counters = TranslationCounters()
        self._shared = SharedState(steady(clock), limits, self._counters, Known())
        self._conversations: set[EraRouter] = set()

    @property
    def translated(self) -> int:
        """Number of conversations with servers that had to be translated."""
        return self._counters.translated

    @property
    def dropped(self) -> int:
        """Number of messages that belonged nowhere in the era of whom they were for."""
        return self._counters.dropped

    @property
    def refused(self) -> int:
        """Number of requests of servers that did not reach a client."""
        return self._counters.refused

    @property
    def expired(self) -> int:
        """Number of calls that were given up because the client did not come back with what it was asked."""
        return self._counters.expired

    def counted(self) -> dict[str, int]:
        """All of these numbers, and those that `backend` has counted."""
        own = {f"eras.{name}": count for name, count in asdict(self._counters).items()}
        return own | counted_by(self._backend)

    def described(self) -> Description:
        """The description of `backend`."""
        return description_of(self._backend)

    def unready(self) -> str | None:
        """What keeps `backend` from serving."""
        return unready_reason(self._backend)

    def open(self, link: Link) -> Deferred[Channel]:
        """Begin a conversation, and one within; fails as that fails."""
        conversation = EraRouter(self._backend, link, self._shared, self._conversations.discard)
        self._conversations.add(conversation)
        return conversation.open()

    def stop(self) -> Deferred[None]:
        """End all conversations with ShuttingDown; fires when `backend` has stopped."""
        for conversation in list(self._conversations):
            conversation.stop(ShuttingDown())
        return self._backend.stop()
