"""The way out of a conversation: what the backend sends, until a carrier has it."""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mcpws.core.backlog import Backlog, kind_of
from mcpws.core.ledger import Ledger
from mcpws.errors import ResultTooLarge, RpcError
from mcpws.fronts.distance import Distance
from mcpws.fronts.watch import Watch
from mcpws.jsonrpc.codec import encode
from mcpws.jsonrpc.messages import Answer, Error, Message, Notification, Request, RequestId
from mcpws.mcp.methods import PROGRESS
from mcpws.mcp.naming import cut
from mcpws.seam.interfaces import Carrier
from mcpws.turns.timing import Timings

log = Logger()

MAX_OVERTAKEN = 64 * 1024
"""Bytes of notifications that wait to be overtaken, about; more go out as they are."""


class Settling(Protocol):
    """The Front whose way out this is."""

    def settle(self) -> None:
        """A change of what is in flight may have come."""


class Outgoing:
    """Messages for one client, in order: those that belong go out, the others are dropped and counted.

    Two kinds wait. For a client that is behind: notifications that a later one makes worthless, until `caught_up`. For
    one that has just got progress: answers, which `Distance` holds for `progress_gap` seconds.

    Everything goes out by `Carrier.deliver`: what is to see all of it, to number it for example, is put around the
    carrier, as a MessageWatch is.

    :param ledger: says what belongs, and has the counters.
    :param max_size: bytes of a message; a longer answer becomes an error.
    :param owner: is told when an answer has gone out that had waited.
    :param watch: is told of what is dropped.
    :param timings: where error answers are counted by their codes, too; None for nowhere.
    """

    __slots__ = (
        "_backlog",
        "_carrier",
        "_clock",
        "_distance",
        "_ledger",
        "_max_size",
        "_owner",
        "_progress_gap",
        "_timings",
        "_watch",
    )

    def __init__(
        self,
        carrier: Carrier,
        ledger: Ledger,
        clock: IReactorTime,
        *,
        max_size: int,
        progress_gap: float,
        owner: Settling,
        watch: Watch | None,
        timings: Timings | None = None,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._max_size = max_size
        self._progress_gap = progress_gap
        self._owner = owner
        self._watch = watch
        self._timings = timings
        self._backlog: Backlog | None = None
        self._distance: Distance | None = None
        self._carrier = carrier

    def go_to(self, carrier: Carrier) -> None:
        """Give all that goes out from now on to `carrier`."""
        self._carrier = carrier

    def answer(self, answer: Answer, at_once: bool = False) -> bool:
        """Send the answer to a request of the client's; whether it has gone out. `at_once` spares it the distance."""
        if self._distance is not None and not at_once and self._distance.holds(answer):
            return False
        if self._backlog is not None:
            # What came before goes before.
            self.caught_up()
        passed = self._ledger.answered(answer)
        if passed is None:
            self._tell_dropped(answer)
            return False
        data = passed.data or encode(passed)
        if len(data) > self._max_size:
            self.refuse(ResultTooLarge(len(data), self._max_size), passed.id)
            return True
        if type(passed) is Error:
            self._count_error(passed.error.code)
        self._carrier.deliver(passed, data)
        return True

    def notify(self, notification: Notification) -> bool:
        """Send a notification; whether it has gone out."""
        if notification.method == PROGRESS:
            if self._distance is None:
                self._distance = Distance(self._ledger, self._clock, self._progress_gap, self._let_out)
            if not self._distance.reports(notification):
                self.drop(notification)
                return False
        overtakable = self._carrier.behind and kind_of(notification) is not None
        if self._backlog is not None and not overtakable:
            self.caught_up()
        if not self._ledger.to_client(notification):
            self._tell_dropped(notification)
            return False
        if overtakable:
            self._wait(notification)
        else:
            self.deliver(notification)
        return not overtakable

    def ask(self, request: Request) -> RpcError | None:
        """Send a request of the backend's; returns the error with which it has to be answered, None if it is out."""
        if self._backlog is not None:
            self.caught_up()
        if not self._ledger.to_client(request):
            self._tell_dropped(request)
            return None
        data = request.data or encode(request)
        if len(data) > self._max_size:
            error = ResultTooLarge(len(data), self._max_size)
            self._carrier.limited(error.setting)
            self._ledger.outbound.pop(request.id, None)
            return error
        self._carrier.deliver(request, data)
        return None

    def refuse(self, error: RpcError, id: RequestId | None) -> None:
        """Answer what the backend has not seen, or answers no more.

        The answer is about as long as the id, which the client chose: the limit for messages does not apply.
        """
        self._count_error(error.code)
        if error.setting is not None:
            self._carrier.limited(error.setting)
        message = Error.answering(id, error)
        self._carrier.deliver(message, encode(message))

    def deliver(self, notification: Notification) -> None:
        """Send a notification that belongs; one that is too large is dropped."""
        data = notification.data or encode(notification)
        size = len(data)
        if size <= self._max_size:
            self._carrier.deliver(notification, data)
            return
        self._carrier.limited(ResultTooLarge.setting)
        self.drop(notification)
        log.warn("dropped a notification of {size} bytes: {method!r}", size=size, method=cut(notification.method))

    def drop(self, message: Message) -> None:
        """Count what does not go out."""
        self._ledger.counters.dropped += 1
        self._tell_dropped(message)

    @property
    def holds_back(self) -> bool:
        """Whether something waits here."""
        return self._backlog is not None or bool(self._distance)

    def cancelled(self, id: RequestId | None, token: RequestId | None) -> bool:
        """Drop what waits for a request that was cancelled; whether its answer is not among that.

        The id and the token may name something else next.
        """
        if self._backlog is not None and id is not None:
            self._ledger.counters.dropped += self._backlog.drop(token, id)
        taken = [] if self._distance is None else self._distance.withdraw(id)
        for answer in taken:
            self.drop(answer)
        return not taken

    def caught_up(self) -> None:
        """Nothing waits for the client any more: what waited to be overtaken goes out, so far as it still belongs."""
        backlog, self._backlog = self._backlog, None
        if backlog is not None:
            self._ledger.counters.coalesced += backlog.coalesced
            while backlog:
                message = backlog.take()
                assert isinstance(message, Notification), "see `_wait`"
                if self._ledger.to_client(message):
                    self.deliver(message)
                else:
                    self._tell_dropped(message)

    def let_go(self) -> None:
        """Send all that waits, now."""
        if self._distance is not None:
            self._distance.let_go()
        self.caught_up()

    def forget(self) -> None:
        """Drop all that waits: the client is gone."""
        self._backlog = None
        if self._distance is not None:
            self._distance.forget()

    def _let_out(self, answer: Answer) -> None:
        if self.answer(answer, at_once=True):
            self._owner.settle()

    def _wait(self, notification: Notification) -> None:
        """Keep back what may be worthless before the client gets to read it."""
        if self._backlog is not None and self._backlog.size > MAX_OVERTAKEN:
            self.caught_up()
        if self._backlog is None:
            self._backlog = Backlog()
        self._backlog.add(notification)

    def _count_error(self, code: int) -> None:
        self._ledger.counters.errors += 1
        if self._timings is not None:
            self._timings.failed_with(code)

    def _tell_dropped(self, message: Message) -> None:
        if self._watch is not None:
            self._watch.dropped(message)
