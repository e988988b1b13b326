"""The client as the half of a conversation that begins with `initialize` has it; there may be another half."""

from __future__ import annotations

from mcpws.backends.eras.open_requests import OpenRequests
from mcpws.backends.eras.shared import TranslationCounters
from mcpws.core.ledger import cancelled_id, reported_token
from mcpws.jsonrpc.messages import Error, Message, Notification, Request, RequestId, Result, alike, to_raw
from mcpws.mcp.methods import CANCELLED, PROGRESS
from mcpws.seam.interfaces import Link


class Half:
    """Sends to the client, but nothing that is about a request of the other half's: neither server disturbs the other.

    It knows what the client was asked through it and has not answered. Only this half may ask.
    """

    def __init__(self, link: Link, counters: TranslationCounters) -> None:
        self.identity = link.identity
        self._link = link
        self._other: OpenRequests | None = None
        self._unheard = False
        self._types: set[type] = set()
        self._counters = counters
        # The front refuses what is too many, and then it is answered.
        self._asked: dict[RequestId, None] = {}

    @property
    def shared(self) -> bool:
        """Whether there is another half."""
        return self._other is not None

    def share(self, other: OpenRequests, unheard: bool) -> None:
        """There is another half, which has these open; `unheard`: what was asked until now is not known here."""
        self._other = other
        self._unheard = unheard
        if unheard:
            self._asked.clear()

    def send(self, message: Message) -> None:
        """Send to the client."""
        if type(message) is Request:
            self._asked[message.id] = None
        elif not self._is_ours(message):
            self._counters.dropped += 1
            return
        self._link.send(message)

    def requested(self, id: RequestId) -> None:
        """The client has asked its server something under this id."""
        self._types.add(type(id))

    def answered(self, id: RequestId | None) -> None:
        """The client has answered what it was asked."""
        if id is not None:
            self._asked.pop(id, None)

    def take_back(self) -> None:
        """Withdraw what the client was asked: nobody waits for the answers."""
        asked, self._asked = self._asked, {}
        for id in asked:
            self._link.send(Notification(CANCELLED, to_raw({"requestId": id})))

    def _is_ours(self, message: Message) -> bool:
        other = self._other
        if isinstance(message, (Result, Error)):
            id = message.id
            if other is None or id is None:
                return True
            # A front understands a server that does not keep the type of ids, where its client keeps to one.
            kept = self._unheard or type(id) in self._types
            return id not in other and (kept or alike(id) not in other)
        assert type(message) is Notification
        if message.method == CANCELLED:
            id = cancelled_id(message)
            if id is not None and id in self._asked:
                del self._asked[id]
                return True
            if other is None or id is None or id not in other:
                return True
            # A front takes it for the end of a question, if there is one, and else of nothing but a subscription.
            return self._unheard and not other.listens(id)
        if message.method == PROGRESS and other is not None:
            token = reported_token(message)
            return token is None or not other.reports(token)
        return True
