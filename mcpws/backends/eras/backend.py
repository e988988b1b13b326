"""Any server for any client: a backend that knows both eras of MCP, around one whose servers may know only one."""

from __future__ import annotations

from dataclasses import asdict

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mcpws.backends.eras.conversation import Conversation
from mcpws.backends.eras.limits import MAX_PENDING, Counters, Known, Limits, Shared
from mcpws.errors import ShuttingDown
from mcpws.interfaces import Backend, Channel, Description, Link, counted_by, description_of
from mcpws.steady import steady


class DualEra:
    """Serves legacy clients (`initialize` first) and modern ones (every request stands for itself) from `backend`.

    Where client and server are of the same era, every message passes byte for byte. Where not, it is translated, as
    far as that goes; what cannot be is answered with an error that says so. A client that uses both eras gets a
    conversation with `backend` for each, and one for each client that its modern requests say they come from.

    :param backend: whose servers are of either era, or both. It is stopped from here.
    :param clock: for timers.
    :param probe_timeout: seconds for a server to answer `server/discover`; one that does not is legacy. Clients ask the
        same, and many wait for 5 or 10: they should have an answer by then.
    :param initialize_timeout: seconds for a legacy server to answer `initialize` on behalf of a modern client.
    :param park_timeout: seconds for a modern client to come back with what it was asked.
    :param max_rounds: how often a modern server may require more input for one request of a legacy client.
    :param max_asks: things that a server may ask a client at once, or over one request.
    :param max_parked: calls that wait for what a client was asked.
    :param max_held: messages of a client that may wait for a server to be there.
    :param max_subscriptions: resources that one client may subscribe to where that has to be translated.
    :param max_servers: legacy servers at a time for one client that says it is several.
    :param max_starts: conversations with `backend` that one client may cause within a minute, besides the first.
    :param max_pending: requests that one conversation may have open, in either direction.
    :raises ConfigError: one of these is not above 0.
    """

    def __init__(
        self,
        backend: Backend,
        *,
        clock: IReactorTime,
        probe_timeout: float = 3,
        initialize_timeout: float = 60,
        park_timeout: float = 300,
        max_rounds: int = 10,
        max_asks: int = 16,
        max_parked: int = 64,
        max_held: int = 64,
        max_subscriptions: int = 256,
        max_servers: int = 4,
        max_starts: int = 20,
        max_pending: int = MAX_PENDING,
    ) -> None:
        limits = Limits(
            probe_timeout=probe_timeout,
            initialize_timeout=initialize_timeout,
            park_timeout=park_timeout,
            max_rounds=max_rounds,
            max_asks=max_asks,
            max_parked=max_parked,
            max_held=max_held,
            max_subscriptions=max_subscriptions,
            max_servers=max_servers,
            max_starts=max_starts,
            max_pending=max_pending,
        )
        self._backend = backend
        self._counters = Counters()
        self._shared = Shared(steady(clock), limits, self._counters, Known())
        self._conversations: set[Conversation] = set()

    @property
    def translated(self) -> int:
        """How many conversations with servers had to be translated."""
        return self._counters.translated

    @property
    def dropped(self) -> int:
        """How many messages belonged nowhere in the era of whom they were for."""
        return self._counters.dropped

    @property
    def refused(self) -> int:
        """How many requests of servers did not reach a client."""
        return self._counters.refused

    @property
    def expired(self) -> int:
        """How many calls were given up because the client did not come back with what it was asked."""
        return self._counters.expired

    def counted(self) -> dict[str, int]:
        """These, and what `backend` has counted."""
        own = {f"eras.{name}": count for name, count in asdict(self._counters).items()}
        return own | counted_by(self._backend)

    def described(self) -> Description:
        """As `backend` is."""
        return description_of(self._backend)

    def open(self, link: Link) -> Deferred[Channel]:
        """Begin a conversation, and one within; fails as that fails."""
        conversation = Conversation(self._backend, link, self._shared, self._conversations.discard)
        self._conversations.add(conversation)
        return conversation.open()

    def stop(self) -> Deferred[None]:
        """End all conversations with ShuttingDown; fires when `backend` has stopped."""
        for conversation in list(self._conversations):
            conversation.stop(ShuttingDown())
        return self._backend.stop()
