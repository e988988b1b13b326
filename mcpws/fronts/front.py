"""The side of a conversation that faces a client: the rules that are the same whatever carries the messages.

A front gives each client's messages to `Front.receive`; what is to go back comes to its `Carrier`. Between the two
stands a Ledger, so neither a hostile client nor a broken backend disturbs more than its own conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from twisted.internet.interfaces import IReactorTime

from mcpws.core.admission import Admission
from mcpws.core.counters import Counters
from mcpws.core.ledger import MAX_NAME_SIZE, Ledger, cancelled_id
from mcpws.core.lifecycle import ConnectionState, Phase
from mcpws.errors import BackendLost, InvalidRequest, McpwsError, RpcError, TooManyRequests
from mcpws.fronts.away import Away
from mcpws.fronts.outgoing import Outgoing
from mcpws.fronts.stopwatch import Stopwatch
from mcpws.fronts.watch import Watch
from mcpws.jsonrpc.messages import Error, Message, Notification, Request, RequestId, Result, to_raw
from mcpws.mcp.meta import SUBSCRIPTION_ID
from mcpws.mcp.methods import CANCELLED
from mcpws.mcp.schema import COMPLETE_RESULT
from mcpws.policy.stats import ConnectionStatistics, snapshot
from mcpws.seam.interfaces import Backend, Carrier, Channel, Identity
from mcpws.seam.opening import Opening
from mcpws.turns.timing import Timings


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
    :param timings: where the client's requests are counted by their methods; None for nowhere.
    """

    __slots__ = (
        "_admission",
        "_admitting",
        "_backend",
        "_carrier",
        "_channel",
        "_closed",
        "_ledger",
        "_max_in_flight",
        "_max_outbound_size",
        "_opening",
        "_outgoing",
        "_reading",
        "_stopwatch",
        "_watch",
        "counters",
        "identity",
    )

    def __init__(
        self,
        carrier: Carrier,
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
        timings: Timings | None = None,
    ) -> None:
        self.identity = identity
        self.counters = counters or Counters(clock.seconds())
        self._ledger = Ledger(max_name_size, self.counters)
        self._watch = watch
        self._stopwatch = None if timings is None else Stopwatch(timings, self._ledger.inbound)
        self._carrier = carrier if watch is None else watch.carrier(carrier)
        self._max_in_flight = max_in_flight
        self._max_outbound_size = max_outbound_size
        self._backend: Backend | None = None
        self._channel: Channel | None = None
        self._admission = Admission(self._ledger, max_in_flight, max_waiting, max_waiting_bytes)
        self._admitting = False
        self._outgoing = Outgoing(
            self._carrier,
            self._ledger,
            clock,
            max_size=max_outbound_size,
            progress_gap=progress_gap,
            owner=self,
            watch=watch,
            timings=timings,
        )
        self._opening: Opening | None = None
        self._reading = True
        self._closed = False

    def open(self, backend: Backend) -> None:
        """Begin the conversation; what the client sends before the backend is ready waits."""
        self._backend = backend
        self._opening = Opening(self._opened, self._not_opened)
        self._opening.begin(backend, self)
        self._flow()

    # What may be asked of it.

    @property
    def draining(self) -> bool:
        """Whether new requests are refused."""
        return self._admission.draining

    @property
    def unanswered(self) -> Collection[RequestId]:
        """The ids of the client's requests that have no answer, whether the backend has them yet or not."""
        return self._admission.unanswered

    @property
    def reading(self) -> bool:
        """Whether its carrier is to give it messages; `Carrier.pause_reading` and `resume_reading` tell of a change."""
        return self._reading

    def is_open(self, id: RequestId) -> bool:
        """Whether the client's request `id` has no answer."""
        return id in self._admission.unanswered

    @property
    def in_flight(self) -> int:
        """Requests of the client that the backend has, and has not answered."""
        return len(self._ledger.inbound)

    @property
    def phase(self) -> Phase:
        """Progress of the client's `initialize`, which modern requests do without."""
        return self._ledger.phase

    @property
    def version(self) -> str | None:
        """The protocol version that the answer to `initialize` named; None before, and if it named none."""
        return self._ledger.version

    @property
    def has_begun(self) -> bool:
        """Whether the client has said what it speaks: `initialize` was answered, or a modern request came."""
        return self._ledger.modern or self._ledger.phase is Phase.READY

    def statistics(
        self, now: float, state: ConnectionState = ConnectionState.CONNECTED, queued_bytes: int = 0
    ) -> ConnectionStatistics:
        """A snapshot, for a Roster.

        :param now: in seconds of its clock.
        :param queued_bytes: that wait for a slow reader.
        """
        return snapshot(
            self.counters,
            id=self.identity.connection or 0,
            peer=self.identity.peer,
            state=state,
            in_flight=self.in_flight,
            queued_bytes=queued_bytes,
            now=now,
        )

    # Carriers, which come and go.

    def go_by(self, carrier: Carrier) -> None:
        """Give what is for the client to `carrier` from now on, which the last one knows of: it may stand around it."""
        self._carry(carrier if self._watch is None else self._watch.carrier(carrier))

    def detach(self, max_bytes: int, on_end: Callable[[str], None]) -> None:
        """The carrier is gone, and its client may come back with another: what is for it is kept until `attach`.

        The backend goes on meanwhile; with more than `max_bytes` for the client it is paused, and nothing more is
        lost. What it sends all the same is kept, up to the size of one more message.

        :param on_end: takes why there is no use in waiting on: too much came none the less, and all was dropped, or a
            drain is over. Call `close` then, and do so when the client does not come back.
        """
        assert not isinstance(self._carrier, Away), "it is detached already"
        away = Away(max_bytes, self._max_outbound_size, self.counters, self.pause_sending, on_end)
        self._carry(away)
        # What the last carrier had to wait for is gone with it.
        self.resume_sending()

    def attach(self, carrier: Carrier) -> None:
        """Go on with `carrier` after a `detach`: it gets at once what was kept, and is told how things stand."""
        away = self._carrier
        assert isinstance(away, Away), "detach comes first"
        carrier = carrier if self._watch is None else self._watch.carrier(carrier)
        # So that `carrier`, too, can pause what is paused now.
        self._admission.sending = True
        away.hand_over(carrier)
        self._carry(carrier)
        if self._admission.begun:
            carrier.backend_began()
        if not self._reading:
            carrier.pause_reading()
        if away.full and self._admission.sending:
            self._admission.sending = False
            self.resume_sending()
        if not carrier.behind:
            self.caught_up()
        if away.lost is not None:
            carrier.backend_lost(away.lost)
        else:
            self.settle()

    def _carry(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._outgoing.go_to(carrier)

    # What the carrier calls.

    def receive(self, message: Message) -> None:
        """A message from the client."""
        ledger, admission = self._ledger, self._admission
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
                if type(message) is Notification and message.method == CANCELLED and self._outgoing.holds_back:
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
            stopwatch = self._stopwatch
            if stopwatch is not None and type(message) is Request:
                try:
                    timing = stopwatch.by_name[message.method]
                except KeyError:
                    timing = stopwatch.other
                if stopwatch.brief and message.id not in ledger.inbound:
                    # What `received` comes to, for most.
                    if timing.pending:
                        timing.pending += 1
                    else:
                        timing.answered_at_once()
                else:
                    stopwatch.received(message)
        elif not passes:
            self._tell_dropped(message)
        if not free:
            self.settle()

    def refuse(self, error: RpcError, id: str | int | None) -> None:
        """Answer what the backend is not to see."""
        self._outgoing.refuse(error, id)

    def notify(self, notification: Notification) -> bool:
        """Send what is no backend's to a client that is initialised, by `initialize`; returns whether it is."""
        if self._closed or self._ledger.phase is not Phase.READY:
            return False
        self.send(notification)
        return True

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
            self.settle()

    def caught_up(self) -> None:
        """Nothing waits for the client any more."""
        self._outgoing.caught_up()

    def drain(self) -> None:
        """Refuse new requests; `Carrier.idle` is called once those that are there are answered."""
        self._admission.draining = True
        for id in list(self._ledger.listening):
            self._end_subscription(id)
        self.settle()

    def abandon(self, error: RpcError) -> None:
        """Answer all that has no answer with `error`, without waiting for the backend any longer."""
        self._outgoing.let_go()
        for id in [*self._ledger.abandon(), *self._admission.forget()]:
            self.refuse(error, id)

    def close(self, reason: str) -> None:
        """The client is gone."""
        if self._closed:
            return
        self._closed = True
        self._admission.begun = False
        self._admission.forget()
        self._outgoing.forget()
        self._ledger.abandon()
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
            stopwatch = self._stopwatch
            if stopwatch is not None and (stopwatch.started or type(message) is Error):
                stopwatch.answered(message)
            if self._outgoing.answer(message) and not self._admission.free:
                self.settle()
        elif type(message) is Notification:
            if self._outgoing.notify(message):
                self.settle()
        else:
            assert type(message) is Request
            self._ask(message)

    def _ask(self, request: Request) -> None:
        refusal = self._refusal(request)
        if refusal is not None:
            self._outgoing.drop(request)
        else:
            refusal = self._outgoing.ask(request)
        if refusal is not None:
            self._to_backend(Error.answering(request.id, refusal))
        self.settle()

    def lost(self, reason: McpwsError) -> None:
        if self._closed:
            return
        opening, self._opening, self._channel = self._opening, None, None
        if opening is not None:
            opening.forget("the backend is gone")
        self._admission.begun = False
        error = reason if isinstance(reason, RpcError) else BackendLost("The backend is gone")
        # Nothing that a modern client does rests on what came before: its next request gets another backend.
        stays = self._ledger.modern and self._ledger.phase is Phase.NEW and not self.draining
        self._closed = not stays
        self.abandon(error)
        if stays:
            self._admission.taking = True
            self._flow()
        else:
            self._carrier.backend_lost(reason)

    def pauseProducing(self) -> None:
        self._admission.taking = False
        self._flow()

    def resumeProducing(self) -> None:
        self._admission.taking = True
        self.settle()

    def stopProducing(self) -> None:
        self.pauseProducing()

    def _opened(self, channel: Channel) -> None:
        self._opening = None
        self._channel = channel
        self._admission.begun = True
        if not self._admission.sending:
            channel.pauseProducing()
        self._carrier.backend_began()
        self.settle()

    def _not_opened(self, reason: McpwsError) -> None:
        self._opening = None
        self.lost(reason)

    def _kept(self) -> None:
        """A message waits, or what waited was withdrawn."""
        if self._channel is None and self._opening is None and self._backend is not None:
            self.open(self._backend)
        self.settle()

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
                    if self._ledger.from_client(message):
                        self._to_backend(message)
                        if self._stopwatch is not None and type(message) is Request:
                            self._stopwatch.received(message)
                    else:
                        self._tell_dropped(message)
                except RpcError as error:
                    self.refuse(error, message.id if type(message) is Request else None)
        finally:
            self._admitting = False

    def _refusal(self, request: Request) -> RpcError | None:
        """Why this request of the backend's does not go to the client; None if it does."""
        if self._ledger.phase is Phase.NEW:
            return InvalidRequest("Not initialized", {"reason": "this client takes no requests"})
        if len(self._ledger.outbound) >= self._max_in_flight:
            return TooManyRequests(self._max_in_flight)
        try:
            self._ledger.check_size(request)
        except InvalidRequest as error:
            return error
        return None

    def _end_subscription(self, id: RequestId) -> None:
        """An answer to open subscriptions, as of a server that goes down (MCP 2026-07-28, subscriptions)."""
        cancelled = Notification(CANCELLED, to_raw({"requestId": id}))
        self._to_backend(cancelled)
        ended = Result.answering(id, {"resultType": COMPLETE_RESULT, "_meta": {SUBSCRIPTION_ID: id}})
        self._outgoing.answer(ended, at_once=True)
        self._outgoing.deliver(cancelled)

    def _to_backend(self, message: Message) -> None:
        if self._channel is not None:
            self._channel.receive(message)

    def settle(self) -> None:
        """A change of what is in flight may have come."""
        admission = self._admission
        if admission.waits:
            self._admit()
        self._flow()
        if admission.draining and not (self._ledger.busy or admission.waits or self._closed):
            self._carrier.idle()

    def _flow(self) -> None:
        """Read the client, or not."""
        if self._closed:
            return
        self._admission.update()
        reading = self._admission.reads
        if reading is not self._reading:
            self._reading = reading
            if reading:
                self._carrier.resume_reading()
            else:
                self._carrier.pause_reading()

    def _cancel(self, notification: Notification) -> bool:
        """Whether it goes on, to a backend that has not answered."""
        id = cancelled_id(notification)
        token = None if id is None else self._ledger.inbound.get(id)
        return self._ledger.from_client(notification) and self._outgoing.cancelled(id, token)

    def _tell_dropped(self, message: Message) -> None:
        if self._watch is not None:
            self._watch.dropped(message)
