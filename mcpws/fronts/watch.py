"""One client's conversation under watch: what stands between a transport and its Front to tell an Observer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IReactorTime

from mcpws.core.counters import Counters
from mcpws.core.ledger import cancelled_id
from mcpws.fronts.around import CarrierAround
from mcpws.jsonrpc.messages import Answer, Error, ErrorObject, Message, Notification, Request, RequestId, Result
from mcpws.mcp.meta import read_modern
from mcpws.mcp.methods import CANCELLED, DISCOVER, INITIALIZE, TOOLS_CALL
from mcpws.mcp.naming import IS_ERROR, client_of_initialize, client_of_meta, cut, has_failed
from mcpws.seam.interfaces import Carrier
from mcpws.seam.observer import (
    Call,
    ClientInfo,
    Closing,
    Ended,
    MessageObserver,
    Observer,
    Outcome,
    Party,
    raised,
    tell,
)

MAX_CALLS = 4096
"""Requests without an answer of which one Watch knows when they came; above it the oldest are forgotten."""


class Conversation(Protocol):
    """The part of a Front that its Watch asks."""

    @property
    def version(self) -> str | None: ...
    def receive(self, message: Message) -> None: ...
    def is_open(self, id: RequestId) -> bool: ...


class Watch:
    """Tells an Observer of one client's conversation, for which it does nothing once the client has introduced itself.

    The transport gives the client's messages to what `begin` returns, in place of `Front.receive`.
    """

    def __init__(self, observer: Observer, party: Party, clock: IReactorTime) -> None:
        self.party = party
        self._observer = observer
        self._clock = clock
        self._front: Conversation | None = None
        self._client: tuple[str, str] | None = None
        self._introduced: Callable[[], None] | None = None

    def carrier(self, real: Carrier) -> Carrier:
        """The carrier that the Front is to have: `real`, or one around it that tells of what goes to it."""
        return real

    def begin(self, front: Conversation, introduced: Callable[[], None]) -> Callable[[Message], None]:
        """The conversation begins.

        :param introduced: called once the client's messages may go to `Front.receive` itself.
        """
        self._front = front
        self._introduced = introduced
        tell(self._observer.opened, self.party)
        return self._receive

    def limit_hit(self, setting: str) -> None:
        """The client has come to a limit for the first time."""
        tell(self._observer.limited, self.party, setting)

    def dropped(self, message: Message) -> None:
        """The Front has dropped a message."""

    def closed(self, code: int | None, reason: str, by_us: bool, counters: Counters) -> None:
        """The conversation is over."""
        seconds = self._clock.seconds() - counters.opened
        closing = Closing(code, reason, "us" if by_us else "them", seconds, counters.counts())
        tell(self._observer.closed, self.party, closing)

    def _receive(self, message: Message) -> None:
        assert self._front is not None
        self._look(message)
        self._front.receive(message)
        self._look_again()

    def _look(self, message: Message) -> None:
        """See what `message`, which comes, says of the client."""
        if type(message) is Request:
            if message.method == INITIALIZE:
                self._client = client_of_initialize(message)
            elif message.method != DISCOVER and (meta := read_modern(message)) is not None:
                # Who only asks what there is may yet come back with an `initialize`.
                self._introduce(ClientInfo(*client_of_meta(meta)))

    def _look_again(self) -> None:
        """See, after a message, whether an `initialize` was answered."""
        assert self._front is not None
        version = self._front.version
        if self._client is not None and version is not None:
            self._introduce(ClientInfo(*self._client, cut(version)))

    def _introduce(self, client: ClientInfo) -> None:
        introduced, self._introduced = self._introduced, None
        self._client = None
        tell(self._observer.introduced, self.party, client)
        if introduced is not None:
            introduced()


class MessageWatch(CarrierAround, Watch):
    """A Watch for a MessageObserver: tells of all messages, and how each request ended.

    It is passed by everything that a client sends and gets, so it calls no more functions than it must.
    """

    def __init__(self, observer: MessageObserver, party: Party, clock: IReactorTime) -> None:
        super().__init__(observer, party, clock)
        # Those that an observer has not made its own do nothing.
        kind = type(observer)
        self._told_received = observer.received if kind.received is not MessageObserver.received else None
        self._told_sent = observer.sent if kind.sent is not MessageObserver.sent else None
        self._told_answered = observer.answered
        self._told_dropped = observer.dropped
        self._calls: dict[RequestId, Call] = {}
        self._again: Call | None = None

    def carrier(self, real: Carrier) -> Carrier:
        self.real = real
        return self

    def begin(self, front: Conversation, introduced: Callable[[], None]) -> Callable[[Message], None]:
        # Every message goes this way to the end.
        return super().begin(front, lambda: None)

    def dropped(self, message: Message) -> None:
        tell(self._told_dropped, self.party, message)

    def closed(self, code: int | None, reason: str, by_us: bool, counters: Counters) -> None:
        for call in self._calls.values():
            self._end(call, "abandoned", 0, None)
        self._calls.clear()
        super().closed(code, reason, by_us, counters)

    def _receive(self, message: Message) -> None:
        if self._told_received is not None:
            tell(self._told_received, self.party, message)
        calls = self._calls
        if type(message) is Request:
            call = Call.of(message, self._clock.seconds())
            if message.id not in calls:
                calls[message.id] = call
                if len(calls) > MAX_CALLS:
                    del calls[next(iter(calls))]
            else:
                # The front refuses it, at once, and goes on with the first.
                self._again = call
        introducing = self._introduced is not None
        if introducing:
            self._look(message)
        front = self._front
        assert front is not None
        front.receive(message)
        self._again = None
        if type(message) is Notification and message.method == CANCELLED:
            self._cancelled(cancelled_id(message))
        if introducing:
            self._look_again()

    def _cancelled(self, id: RequestId | None) -> None:
        assert self._front is not None
        if id is not None and id in self._calls and not self._front.is_open(id):
            self._end(self._calls.pop(id), "cancelled", 0, None)

    def _answered(self, answer: Answer, size: int, failed: bool) -> None:
        id = answer.id
        call: Call | None
        if self._again is not None and id == self._again.id:
            call, self._again = self._again, None
        else:
            call = None if id is None else self._calls.pop(id, None)
        if call is None:
            return
        if type(answer) is Error:
            self._end(call, "error", size, answer.error)
        else:
            self._end(call, "failed" if failed and call.method == TOOLS_CALL else "ok", size, None)

    def _end(self, call: Call, outcome: Outcome, size: int, error: ErrorObject | None) -> None:
        ended = Ended(outcome, self._clock.seconds() - call.began, size, error)
        try:
            self._told_answered(self.party, call, ended)
        except BaseException:
            raised(self._told_answered)

    # interfaces.Carrier

    def deliver(self, message: Message, data: bytes) -> None:
        if self._told_sent is not None:
            tell(self._told_sent, self.party, message)
        if type(message) is Result:
            self._answered(message, len(data), IS_ERROR in data and has_failed(message))
        elif type(message) is Error:
            self._answered(message, len(data), False)
        self.real.deliver(message, data)


def watch(observer: Observer | None, party: Party, clock: IReactorTime) -> Watch | None:
    """The Watch that tells `observer` of `party`; None for nobody."""
    if observer is None:
        return None
    if isinstance(observer, MessageObserver):
        return MessageWatch(observer, party, clock)
    return Watch(observer, party, clock)
