"""The side of a conversation that faces a client: the rules that are the same whatever carries the messages.

A front gives each client's messages to `Front.receive`; what is to go back comes to its `Carrier`. Between the two
stands a Ledger, so neither a hostile client nor a broken backend disturbs more than its own conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mcpws.core.admission import Admission
from mcpws.core.backlog import Backlog, kind_of
from mcpws.core.counters import Counters
from mcpws.core.ledger import MAX_NAME_SIZE, Ledger, cancelled_id
from mcpws.core.lifecycle import Phase
from mcpws.errors import BackendLost, InvalidRequest, McpwsError, ResultTooLarge, RpcError, TooManyRequests
from mcpws.fronts.distance import Distance
from mcpws.fronts.watch import Watch
from mcpws.jsonrpc.codec import encode
from mcpws.jsonrpc.messages import Answer, Error, Message, Notification, Request, RequestId, Result, to_raw
from mcpws.mcp.meta import SUBSCRIPTION_ID
from mcpws.mcp.methods import CANCELLED, PROGRESS
from mcpws.mcp.naming import cut
from mcpws.seam.interfaces import Backend, Carrier, Channel, Identity
from mcpws.seam.opening import Opening

log = Logger()

MAX_OVERTAKEN = 64 * 1024
"""Bytes of notifications that wait to be overtaken, about; more go out as they are."""


class Front:
    """One client's conversation with a backend; the Link that the backend holds.

    :param max_in_flight: open requests of the client, and of the backend; of the client's, further ones wait.
    :param max_waiting: requests that wait; further ones are refused.
    :param max_waiting_bytes: of what waits; see `Admission.reads` for when the client is not read over it.
    :param max_outbound_size: bytes of a message to the client; a longer answer becomes an error.
    :param max_name_size: bytes of the id, the progress token, the URI and the name in a request together; with more it
        is refused.
    :param progress_gap: seconds at least between the last progress and the answer; `distance` says why.
    :param counters: where to count; some of its own by default.
    :param watch: is told of what is dropped, and of what goes to the client.
    """

    __slots__ = (
        "_admission",
        "_admitting",
        "_backend",
        "_backlog",
        "_channel",
        "_client",
        "_clock",
        "_closed",
        "_distance",
        "_max_in_flight",
        "_max_outbound_size",
        "_opening",
        "_progress_gap",
        "_reading",
        "_watch",
        "counters",
        "identity",
        "ledger",
        "text_sender",
    )

    text_sender: Callable[[bytes], None] | None
    """Takes what goes out, encoded, in place of `Carrier.deliver`, which is one call less; None for nobody."""

    def __init__(
        self,
        client: Carrier,
        identity: Identity,
        clock: IReactorTime,
        *,
        max_in_flight: int = 64,
        max_waiting: int = 64,
        max_waiting_bytes: int = 4 * 1024 * 1024,
        max_outbound_size: int = 16 * 1024 * 1024,
        max_name_size: int = MAX_NAME_SIZE,
        progress_gap: float = 0.05,
        counters: Counters | None = None,
        watch: Watch | None = None,
    ) -> None:
        self.identity = identity
        self.counters = counters or Counters()
        self.ledger = Ledger(max_name_size, self.counters)
        self.text_sender = None
        self._client = client if watch is None else watch.client(client)
        self._watch = watch
        self._clock = clock
        self._progress_gap = progress_gap
        self._distance: Distance | None = None
        self._max_in_flight = max_in_flight
        self._max_outbound_size = max_outbound_size
        self._backend: Backend | None = None
        self._channel: Channel | None = None
        self._admission = Admission(self.ledger, max_in_flight, max_waiting, max_waiting_bytes)
        self._admitting = False
        self._backlog: Backlog | None = None
        self._opening: Opening | None = None
        self._reading = True
        self._closed = False

    def open(self, backend: Backend) -> None:
        """Begin the conversation; what the client sends before the backend is ready waits."""
        self._backend = backend
        self._opening = Opening(self._opened, self._not_opened)
        self._opening.begin(backend, self)
        self._flow()

    @property
    def draining(self) -> bool:
        """Whether new requests are refused."""
        return self._admission.draining

    @property
    def unanswered(self) -> Collection[RequestId]:
        """The ids of the client's requests that have no answer, whether the backend has them yet or not."""
        return self._admission.unanswered

    def receive(self, message: Message) -> None:
        """A message from the client."""
        ledger, admission = self.ledger, self._admission
        free = admission.free
        if not free and self._closed:
            return
        try:
            if type(message) is Request:
                if (not free or len(ledger.inbound) >= self._max_in_flight) and not admission.offer(message):
                    self._kept()
                    return
                passes = ledger.requested(message)
            elif free or admission.offer(message):
                kept_back = self._distance or self._backlog is not None
                if kept_back and type(message) is Notification and message.method == CANCELLED:
                    passes = self._cancel(message)
                else:
                    passes = ledger.from_client(message)
            else:
                self._kept()
                return
        except RpcError as error:
            self.refuse(error, message.id if type(message) is Request else None)
            return
        if passes and self._channel is not None:
            self._channel.receive(message)
        elif not passes:
            self._tell_dropped(message)
        if not free:
            self._settle()

    def refuse(self, error: RpcError, id: str | int | None) -> None:
        """Answer what the backend is not to see.

        The answer is about as long as the id, which the client chose: the limit for outbound messages does not apply.
        """
        self.counters.errors += 1
        if error.setting is not None:
            self._client.limited(error.setting)
        message = Error.answering(id, error)
        self._client.deliver(message, encode(message))

    def pause_sending(self) -> None:
        """The client reads too slowly: slow the backend down, and take no more requests."""
        if self._admission.sending:
            self._admission.sending = False
            if self._channel is not None:
                self._channel.pauseProducing()
            self._flow()

    def resume_sending(self) -> None:
        """The client has caught up."""
        if not self._admission.sending:
            self._admission.sending = True
            if self._channel is not None:
                self._channel.resumeProducing()
            self._settle()

    def caught_up(self) -> None:
        """Nothing waits for the client any more: what waited to be overtaken goes out, so far as it still belongs."""
        backlog, self._backlog = self._backlog, None
        if backlog is not None:
            self.counters.coalesced += backlog.coalesced
            while backlog:
                message = backlog.take()
                if self.ledger.to_client(message):
                    self._deliver(message)
                else:
                    self._tell_dropped(message)

    def drain(self) -> None:
        """Refuse new requests; `Carrier.idle` is called once those that are there are answered."""
        self._admission.draining = True
        for id in list(self.ledger.listening):
            self._end_subscription(id)
        self._settle()

    def abandon(self, error: RpcError) -> None:
        """Answer all that has no answer with `error`, without waiting for the backend any longer."""
        if self._distance is not None:
            self._distance.let_go()
        self.caught_up()
        for id in [*self.ledger.abandon(), *self._admission.forget()]:
            self.refuse(error, id)

    def close(self, reason: str) -> None:
        """The client is gone."""
        if self._closed:
            return
        self._closed = True
        self._admission.begun = False
        self._admission.forget()
        self._backlog = None
        if self._distance is not None:
            self._distance.forget()
        self.ledger.abandon()
        channel, self._channel = self._channel, None
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.give_up("the client is gone")
        if channel is not None:
            channel.close(reason)

    # What the backend sees: Link.

    def send(self, message: Message) -> None:
        if self._closed:
            return
        if type(message) is Result or type(message) is Error:
            if self._distance is None or not self._distance.holds(message):
                self._answer(message)
        elif type(message) is Notification:
            self._notify(message)
        else:
            assert type(message) is Request
            self._ask(message)

    def _answer(self, answer: Answer) -> None:
        if self._backlog is not None:
            # What came before goes before.
            self.caught_up()
        passed = self.ledger.answered(answer)
        if passed is not None:
            self._deliver(passed)
            if not self._admission.free:
                self._settle()
        else:
            self._tell_dropped(answer)

    def _notify(self, notification: Notification) -> None:
        if notification.method == PROGRESS:
            if self._distance is None:
                self._distance = Distance(self.ledger, self._clock, self._progress_gap, self._answer)
            if not self._distance.reports(notification):
                self._drop(notification)
                return
        overtakable = self._client.behind and kind_of(notification) is not None
        if self._backlog is not None and not overtakable:
            self.caught_up()
        if self.ledger.to_client(notification):
            if overtakable:
                self._wait(notification)
            else:
                self._deliver(notification)
                self._settle()
        else:
            self._tell_dropped(notification)

    def _ask(self, request: Request) -> None:
        refusal = self._refusal(request)
        if refusal is not None:
            self._drop(request)
            self._to_backend(Error.answering(request.id, refusal))
            return
        if self._backlog is not None:
            self.caught_up()
        if self.ledger.to_client(request):
            self._deliver(request)
            self._settle()
        else:
            self._tell_dropped(request)

    def _wait(self, message: Message) -> None:
        """Keep back what may be worthless before the client gets to read it."""
        if self._backlog is not None and self._backlog.size > MAX_OVERTAKEN:
            self.caught_up()
        if self._backlog is None:
            self._backlog = Backlog()
        self._backlog.add(message)

    def lost(self, reason: McpwsError) -> None:
        if self._closed:
            return
        opening, self._opening, self._channel = self._opening, None, None
        if opening is not None:
            opening.forget("the backend is gone")
        self._admission.begun = False
        error = reason if isinstance(reason, RpcError) else BackendLost("The backend is gone")
        # Nothing that a stateless client does rests on what came before: its next request gets another backend.
        stays = self.ledger.stateless and self.ledger.phase is Phase.NEW and not self.draining
        self._closed = not stays
        self.abandon(error)
        if stays:
            self._admission.taking = True
            self._flow()
        else:
            self._client.backend_lost(reason)

    def pauseProducing(self) -> None:
        self._admission.taking = False
        self._flow()

    def resumeProducing(self) -> None:
        self._admission.taking = True
        self._settle()

    def stopProducing(self) -> None:
        self.pauseProducing()

    def _opened(self, channel: Channel) -> None:
        self._opening = None
        self._channel = channel
        self._admission.begun = True
        if not self._admission.sending:
            channel.pauseProducing()
        self._client.backend_began()
        self._settle()

    def _not_opened(self, reason: McpwsError) -> None:
        self._opening = None
        self.lost(reason)

    def _kept(self) -> None:
        """A message waits, or what waited was withdrawn."""
        if self._channel is None and self._opening is None and self._backend is not None:
            self.open(self._backend)
        self._settle()

    def _admit(self) -> None:
        """Let what waits go on, as far as there is a place for it."""
        if self._admitting:
            # From within the answer to what was let in just now.
            return
        self._admitting = True
        try:
            while (message := self._admission.take()) is not None:
                try:
                    self._admission.check(message)
                    if self.ledger.from_client(message):
                        self._to_backend(message)
                    else:
                        self._tell_dropped(message)
                except RpcError as error:
                    self.refuse(error, message.id if type(message) is Request else None)
        finally:
            self._admitting = False

    def _refusal(self, request: Request) -> RpcError | None:
        """Why this request of the backend's does not go to the client; None if it does."""
        if self.ledger.phase is Phase.NEW:
            return InvalidRequest("Not initialized", {"reason": "this client takes no requests"})
        if len(self.ledger.outbound) >= self._max_in_flight:
            return TooManyRequests(self._max_in_flight)
        try:
            self.ledger.check_size(request)
        except InvalidRequest as error:
            return error
        return None

    def _end_subscription(self, id: RequestId) -> None:
        """What a server does that goes down (MCP 2026-07-28, subscriptions)."""
        cancelled = Notification(CANCELLED, to_raw({"requestId": id}))
        self._to_backend(cancelled)
        self._answer(Result.answering(id, {"resultType": "complete", "_meta": {SUBSCRIPTION_ID: id}}))
        self._deliver(cancelled)

    def _to_backend(self, message: Message) -> None:
        if self._channel is not None:
            self._channel.receive(message)

    def _settle(self) -> None:
        """What is in flight may have changed."""
        admission = self._admission
        if admission.waits:
            self._admit()
        self._flow()
        if admission.draining and not (self.ledger.busy or admission.waits or self._closed):
            self._client.idle()

    def _flow(self) -> None:
        """Read the client, or not."""
        if self._closed:
            return
        self._admission.update()
        reading = self._admission.reads
        if reading is not self._reading:
            self._reading = reading
            if reading:
                self._client.resume_reading()
            else:
                self._client.pause_reading()

    def _cancel(self, notification: Notification) -> bool:
        """Whether it goes on to a backend that has not answered; the id and the token may name something else next."""
        id = cancelled_id(notification)
        token = None if id is None else self.ledger.inbound.get(id)
        if not self.ledger.from_client(notification):
            return False
        if self._backlog is not None and id is not None:
            self.counters.dropped += self._backlog.drop(token, id)
        taken = [] if self._distance is None else self._distance.withdraw(id)
        for answer in taken:
            self._drop(answer)
        return not taken

    def _deliver(self, message: Message) -> None:
        data = message.data or encode(message)
        if len(data) > self._max_outbound_size:
            self._too_large(message, len(data))
            return
        if type(message) is Error:
            self.counters.errors += 1
        send = self.text_sender
        if send is None:
            self._client.deliver(message, data)
        else:
            send(data)

    def _drop(self, message: Message) -> None:
        self.counters.dropped += 1
        self._tell_dropped(message)

    def _tell_dropped(self, message: Message) -> None:
        if self._watch is not None:
            self._watch.dropped(message)

    def _too_large(self, message: Message, size: int) -> None:
        """Somebody waits for this message: tell them that it does not come."""
        error = ResultTooLarge(size, self._max_outbound_size)
        if type(message) is Request:
            self._client.limited(error.setting)
            self.ledger.outbound.pop(message.id, None)
            self._to_backend(Error.answering(message.id, error))
        elif type(message) is Notification:
            self._client.limited(error.setting)
            self._drop(message)
            log.warn("dropped a notification of {size} bytes: {method!r}", size=size, method=cut(message.method))
        else:
            assert isinstance(message, (Result, Error))
            self.refuse(error, message.id)
