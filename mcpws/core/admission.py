"""Admission of a client's messages: which go to its backend now, which wait, and whether to read more of them.

Only requests wait for a place: what is no request costs no work, and may be what ends some. Requests wait while as
many are open as may be, while the backend takes no more, and while the client reads none of its answers; all messages
wait while there is no backend yet.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection

from mcpws.core.backlog import held_bytes
from mcpws.core.ledger import Ledger, cancelled_id
from mcpws.errors import InvalidRequest, ShuttingDown, TooManyRequests
from mcpws.jsonrpc.messages import Message, Notification, Request, RequestId
from mcpws.mcp.methods import CANCELLED, INITIALIZE, LISTEN, PING

PASSES_OTHERS = frozenset({PING, LISTEN})
"""Methods that ask for no work: they wait for none. All open requests together are at most twice `max_in_flight`."""


class Admission:
    """The order of one client's messages on their way in.

    The owner says what has changed by setting `begun` (there is a backend), `taking` (it takes messages), `sending`
    (the client reads) and `draining` (no new requests), and calls `update` after each.

    :param max_in_flight: open requests of the client; over it further ones wait.
    :param max_waiting: requests that wait; further ones are refused.
    :param max_waiting_bytes: of what waits, about; over it further requests are refused.
    """

    __slots__ = (
        "_max_in_flight",
        "_max_waiting",
        "_max_waiting_bytes",
        "_numbers",
        "_passing",
        "_pressed",
        "_requests",
        "_size",
        "_waiting",
        "begun",
        "draining",
        "free",
        "ledger",
        "sending",
        "taking",
    )

    def __init__(self, ledger: Ledger, max_in_flight: int, max_waiting: int, max_waiting_bytes: int) -> None:
        self.ledger = ledger
        self.begun = False
        self.taking = True
        self.sending = True
        self.draining = False
        self.free = False
        """Whether all but a request over `max_in_flight` goes on, without `offer` being asked."""
        self._max_in_flight = max_in_flight
        self._max_waiting = max_waiting
        self._max_waiting_bytes = max_waiting_bytes
        # Only while something waits, which is rare: a request under its id, anything else under a number.
        self._waiting: OrderedDict[tuple[bool, RequestId], Message] | None = None
        self._numbers = 0
        self._passing = 0
        self._requests = 0
        self._size = 0
        self._pressed = 0

    @property
    def waits(self) -> bool:
        """Whether something waits."""
        return self._waiting is not None

    @property
    def unanswered(self) -> Collection[RequestId]:
        """The ids of the client's requests that have no answer, those that wait among them."""
        waiting = self._waiting_ids()
        return [*self.ledger.inbound, *waiting] if waiting else self.ledger.inbound

    def offer(self, message: Message) -> bool:
        """Whether `message` goes on now; else it waits, or has withdrawn what did.

        :raises RpcError: for a request that may not even wait.
        """
        if type(message) is Request:
            if self._waiting is not None and (True, message.id) in self._waiting:
                raise InvalidRequest.in_use(message.id)
            if self._may_go(message):
                self._press(message)
                return True
            if message.id in self.ledger.inbound:
                raise InvalidRequest.in_use(message.id)
        elif self._withdraws(message):
            return False
        elif self.begun:
            self._press(message)
            return True
        self._add(message)
        return False

    def take(self) -> Message | None:
        """The message that has waited longest of those that may go on now."""
        waiting, busy = self._waiting, self.ledger.busy
        if waiting is None or not (self.begun and self.sending and self.taking):
            return None
        if busy < self._max_in_flight:
            key = next(iter(waiting))
        else:
            # What passes others when it comes does so, too, when it had to wait first.
            may_pass = busy < 2 * self._max_in_flight
            passing = (key for key, message in waiting.items() if _passes(message, may_pass))
            first = next(passing, None) if self._passing else None
            if first is None:
                return None
            key = first
        message = waiting.pop(key)
        self._removed(key[0], message)
        return message

    def check(self, message: Message) -> None:
        """Whether there may be one more subscription, if `message` asks for one; again when it has waited.

        :raises TooManyRequests: `max_in_flight` are open.
        """
        listens = type(message) is Request and message.method == LISTEN
        if listens and len(self.ledger.listening) >= self._max_in_flight:
            raise self._one_too_many("max_in_flight")

    def forget(self) -> list[RequestId]:
        """Drop all that waits; returns the ids of the requests, which now need an error each."""
        ids = self._waiting_ids()
        self._waiting = None
        self._requests = self._passing = self._size = self._pressed = 0
        self.update()
        return ids

    def update(self) -> None:
        """Take in what the owner has set."""
        if self.taking:
            self._pressed = 0
        self.free = self.begun and self.taking and self.sending and not self.draining and self._waiting is None

    @property
    def reads(self) -> bool:
        """Whether to read more of the client.

        It is read in any case for what is no request, its end included, with two exceptions, in which somebody is
        waited for and as much is kept as may be: the backend does not take what there is, or the client does not read
        its answers. But a backend that waits for an answer of the client gets it: not to read would be a deadlock.
        """
        heavy = self._size + self._pressed > self._max_waiting_bytes
        if not self.begun:
            return not heavy
        if not self.taking:
            return not (heavy or self._is_full)
        return self.sending or not self._is_full or bool(self.ledger.outbound)

    @property
    def _is_full(self) -> bool:
        """Whether no further request may wait."""
        return self._requests >= self._max_waiting or self._size > self._max_waiting_bytes

    def _may_go(self, request: Request) -> bool:
        ledger = self.ledger
        if self.draining:
            raise ShuttingDown
        self.check(request)
        if not (self.begun and self.sending):
            return False
        if request.method in PASSES_OTHERS:
            return ledger.busy < 2 * self._max_in_flight
        return self.taking and self._waiting is None and ledger.busy < self._max_in_flight

    def _add(self, message: Message) -> None:
        if type(message) is Request:
            key: tuple[bool, RequestId] = True, message.id
            if self._is_full:
                raise self._one_too_many("max_waiting" if self._requests >= self._max_waiting else "max_queued_bytes")
            self._requests += 1
        else:
            self._numbers += 1
            key = False, self._numbers
        if self._waiting is None:
            self._waiting = OrderedDict()
        self._waiting[key] = message
        self._passing += _passes(message)
        self._size += held_bytes(message)
        self.free = False

    def _withdraws(self, message: Message) -> bool:
        """Whether `message` is about a request that waits, which is forgotten with that if it can be cancelled."""
        if self._waiting is None or type(message) is not Notification or message.method != CANCELLED:
            return False
        id = cancelled_id(message)
        found = None if id is None else self._waiting.get((True, id))
        if id is None or type(found) is not Request:
            return False
        if found.method == INITIALIZE:
            self.ledger.counters.dropped += 1
        else:
            del self._waiting[True, id]
            self._removed(True, found)
        return True

    def _removed(self, is_request: bool, message: Message) -> None:
        self._requests -= is_request
        self._passing -= _passes(message)
        self._size -= held_bytes(message)
        if not self._waiting:
            self._waiting = None
            self.update()

    def _press(self, message: Message) -> None:
        """Count what goes to a backend that takes no more."""
        if not self.taking:
            self._pressed += held_bytes(message)

    def _one_too_many(self, setting: str) -> TooManyRequests:
        self.ledger.counters.too_many += 1
        error = TooManyRequests(self._max_in_flight)
        error.setting = setting
        return error

    def _waiting_ids(self) -> list[RequestId]:
        return [id for is_request, id in self._waiting or () if is_request]


def _passes(message: Message, may_pass: bool = True) -> bool:
    """Whether `message` needs no place among the requests for work."""
    return type(message) is not Request or (may_pass and message.method in PASSES_OTHERS)
