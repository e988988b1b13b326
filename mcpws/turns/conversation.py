"""A conversation as Twisted code uses it: requests are Deferreds, methods plain or asynchronous."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from inspect import iscoroutine
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct
from twisted.internet.defer import CancelledError, Deferred, FirstError
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.core.peer import OnProgress, Peer, Progress
from mcpws.errors import (
    CapabilityMissing,
    InternalError,
    MalformedResult,
    McpwsError,
    RequestTimeout,
    ResultTooLarge,
    RpcError,
    TooManyRequests,
)
from mcpws.jsonrpc.messages import Answer, Message, Notification, Request, RequestId, Result
from mcpws.jsonrpc.surrogates import read_as, shown

log = Logger()


# Deferred is an abstract class: to ask whether something is one takes longer than what most methods do.
RETURNED = frozenset({bool, bytes, dict, float, int, list, Raw, str, tuple, type(None)})
"""Types of what is returned at once: whose type is in here need not be asked about with `to_come`."""


def to_come(outcome: object) -> Deferred[Any] | None:
    """The Deferred of what a function has only begun, be it a coroutine; None if `outcome` is what it returned."""
    if type(outcome) in RETURNED or isinstance(outcome, Struct):
        return None
    if isinstance(outcome, Deferred):
        return outcome
    return Deferred.fromCoroutine(outcome) if iscoroutine(outcome) else None


def cause_of(failure: Failure) -> BaseException | None:
    """What failed, be it one of several Deferreds that were waited for together."""
    while isinstance(failure.value, FirstError):
        failure = failure.value.subFailure
    return failure.value


def to_rpc_error(failure: Failure) -> RpcError:
    """The one door from exception to wire.

    An RpcError goes as it is, also when it is one of several things that were waited for together.
    CapabilityMissing is the peer's own lack, and says so. Anything else was not meant for the peer:
    it is logged with its traceback, and the peer gets a reference to that log entry.
    """
    error = cause_of(failure)
    if isinstance(error, RpcError):
        return error
    if isinstance(error, CapabilityMissing):
        return RpcError(f"Cannot be answered: {error}", {"requiredCapabilities": error.required})
    reference = secrets.token_hex(4)
    log.failure("a method failed, reference {reference}", failure=failure, reference=reference)
    return InternalError(reference)


def _fail(peer: Peer, id: RequestId, failure: Failure) -> None:
    try:
        peer.fail(id, to_rpc_error(failure))
    except (TypeError, ResultTooLarge):
        # An RpcError whose `data` is no JSON, a defect like any other, or more than may be sent.
        peer.fail(id, to_rpc_error(Failure()))


def hear(listener: Callable[..., object], method: str, *arguments: object) -> None:
    """Call what listens to notifications of `method`; what goes wrong, now or later, is logged."""
    try:
        outcome = listener(*arguments)
    except BaseException:
        _not_taken(Failure(), method)
        return
    later = to_come(outcome)
    if later is not None:
        later.addErrback(_not_taken, method)


def _not_taken(failure: Failure, method: str) -> None:
    log.failure("a notification could not be taken: {method}", failure=failure, method=method)


class Conversation:
    """One end of a JSON-RPC conversation.

    :param send: takes each message that is to go out.
    :param clock: for timeouts.
    :param dispatch: called with each request; returns its result (anything JSON, or Raw), a Deferred
        or a coroutine of it, or raises. RpcError answers the request as it says.
    :param notified: called with each notification that is not about a request of either side; may
        return a Deferred or a coroutine.
    :param max_pending: requests of ours that may wait for an answer.
    :param max_working: requests of theirs that may wait for one; more are refused. None where somebody
        else sees to that.
    """

    __slots__ = ("_clock", "_deadlines", "_dispatch", "_lost", "_max_working", "_notified", "_send", "peer")

    def __init__(
        self,
        send: Callable[[Message], None],
        clock: IReactorTime,
        dispatch: Callable[[Request], object],
        notified: Callable[[Notification], object],
        max_pending: int = 1024,
        max_working: int | None = None,
    ) -> None:
        self.peer = Peer(send, max_pending)
        self._send = send
        self._clock = clock
        self._dispatch = dispatch
        self._notified = notified
        self._max_working = max_working
        self._lost: McpwsError | None = None
        self._deadlines: dict[float, _Deadlines] | None = None

    def request(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
        type: Any = Any,
        on_sent: Callable[[RequestId], None] | None = None,
    ) -> Deferred[Any]:
        """Ask the other end; fires with the result, decoded as `type`.

        Fails with RemoteError (its error object), RequestTimeout after `timeout` seconds, the reason
        of the loss once the connection is gone, QueueFull when too many wait already, TypeError for
        parameters that are no JSON, MalformedResult for a result that is no `type`.
        Cancelling it tells the other end; so does the timeout. `on_sent` is called with the id of the
        request, before this returns, unless nothing was sent.
        """
        call = _Call(self.peer, method, on_progress, type)
        if self._lost is not None:
            call.errback(self._lost)
            return call
        try:
            progressed = None if on_progress is None else call.progressed
            call.id = self.peer.request(method, params, call.answered, progressed)
        except (McpwsError, TypeError):
            call.errback()
            return call
        if on_sent is not None:
            on_sent(call.id)
        if timeout is not None and not call.called:
            if self._deadlines is None:
                self._deadlines = {}
            deadlines = self._deadlines.get(timeout)
            if deadlines is None:
                deadlines = _Deadlines(self._deadlines, self._clock, timeout)
            deadlines.add(call)
        return call

    def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Tell the other end; after the loss it does nothing."""
        if self._lost is None:
            self.peer.notify(method, params)

    def receive(self, message: Message) -> None:
        """Take in a message from the other end."""
        peer = self.peer
        # Past the peer with what it has nothing to say to, which is most of what comes.
        ours = message if type(message) is Request and message.id not in peer.at_work else peer.receive(message)
        if type(ours) is Request:
            if self._max_working is not None and peer.working >= self._max_working:
                peer.fail(ours.id, TooManyRequests(self._max_working))
                return
            try:
                outcome = self._dispatch(ours)
                later = None if isinstance(outcome, Struct) else to_come(outcome)
                if later is None:
                    answer = Result.answering(ours.id, outcome)
                    # It may be large, and is not needed while the answer is written.
                    del outcome
                    self._send(answer)
                else:
                    _Work(peer, ours.id, later)
            except BaseException:
                # As for a Deferred: a method that calls sys.exit() fails, and ends neither program nor connection.
                _fail(peer, ours.id, Failure())
        elif type(ours) is Notification:
            hear(self._notified, ours.method, ours)

    def lost(self, reason: McpwsError) -> None:
        """No more can come or go: what is pending fails with `reason`, what is worked on is cancelled.

        Later calls do nothing.
        """
        if self._lost is None:
            self._lost = reason
            self.peer.lost(reason)


class _Call(Deferred[Any]):
    """A request of ours that waits for its answer, and what its caller gets: one object, as there is one for each."""

    __slots__ = ("deadlines", "id", "method", "on_progress", "peer", "type")

    def __init__(self, peer: Peer, method: str, on_progress: OnProgress | None, type: Any) -> None:
        super().__init__(_withdraw)
        self.peer = peer
        self.method = method
        self.on_progress = on_progress
        self.type = type
        self.id: RequestId = -1
        self.deadlines: _Deadlines | None = None

    def answered(self, answer: Answer | McpwsError) -> None:
        if self.deadlines is not None:
            self.deadlines.remove(self)
        try:
            if not isinstance(answer, Result):
                raise answer if isinstance(answer, McpwsError) else answer.exception()
            # There mostly is one, and then not to ask for the result is one call less.
            raw = answer.raw
            result = msgspec.json.decode(answer.result if raw is UNSET else raw, type=self.type)
        except msgspec.DecodeError:
            assert isinstance(answer, Result)
            self._read_again(answer.result)
        except BaseException:
            # Decoding runs the code of the caller's `type` too, and the Deferred has to fire.
            self.errback()
        else:
            self.callback(result)

    def _read_again(self, result: Raw) -> None:
        """Find out whether lone surrogates were all that was wrong with the result."""
        try:
            value = read_as(self.type, result)
        except msgspec.DecodeError as error:
            self.errback(MalformedResult(self.method, str(error)))
        except BaseException:
            self.errback()
        else:
            self.callback(value)

    def progressed(self, progress: Progress) -> None:
        assert self.on_progress is not None
        if progress.message is not None:
            progress = Progress(progress.progress, progress.total, shown(progress.message))
        try:
            self.on_progress(progress)
        except BaseException:
            log.failure("progress could not be taken: {method}", method=self.method)

    def timed_out(self, seconds: float) -> None:
        self.peer.withdraw(self.id, f"no answer within {seconds:g} s")
        self.errback(RequestTimeout(self.method, seconds))


def _withdraw(call: Deferred[Any]) -> None:
    """The canceller of a call."""
    assert isinstance(call, _Call)
    if call.deadlines is not None:
        call.deadlines.remove(call)
    call.peer.withdraw(call.id, "cancelled")


class _Deadlines:
    """The calls of a conversation with one and the same timeout: their times are over in the order of the calls.

    So one timer does for all. It is set for the first of them, and again only when it has fired or all were answered:
    to set one for each call, and to cancel it, costs a third of what the whole call does.

    :param all: has this one under its `seconds`, for as long as there are calls.
    """

    __slots__ = ("_all", "_calls", "_clock", "_due", "_latest", "_seconds", "_timer")

    def __init__(self, all: dict[float, _Deadlines], clock: IReactorTime, seconds: float) -> None:
        self._all = all
        self._clock = clock
        self._seconds = seconds
        self._calls: dict[_Call, float] = {}
        self._due = 0.0
        self._latest = 0.0
        self._timer: IDelayedCall | None = None
        all[seconds] = self

    def add(self, call: _Call) -> None:
        call.deadlines = self
        due = self._clock.seconds() + self._seconds
        if due < self._latest:
            # The clock was set back, and nobody has more time left than the last call.
            self._calls = dict.fromkeys(self._calls, due)
            self._stop_timer()
        self._calls[call] = self._latest = due
        if self._timer is None:
            self._set(due, self._seconds)

    def remove(self, call: _Call) -> None:
        call.deadlines = None
        del self._calls[call]
        if not self._calls:
            del self._all[self._seconds]
            self._stop_timer()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set(self, due: float, delay: float) -> None:
        self._due = due
        self._timer = self._clock.callLater(delay, self._passed)

    def _passed(self) -> None:
        self._timer = None
        call, due = next(iter(self._calls.items()))
        # It was set for a call that may have been answered since.
        over = due <= self._due
        if over:
            self.remove(call)
        if self._calls:
            following = next(iter(self._calls.values()))
            self._set(following, max(0.0, following - self._clock.seconds()))
        if over:
            call.timed_out(self._seconds)


class _Work:
    """A request of theirs that a Deferred will answer, unless it is cancelled first."""

    __slots__ = ("cancelled", "deferred", "id", "peer")

    def __init__(self, peer: Peer, id: RequestId, deferred: Deferred[Any]) -> None:
        self.peer = peer
        self.id = id
        self.deferred = deferred
        self.cancelled = False
        peer.work(id, self.cancel)
        deferred.addCallback(self._done)
        deferred.addErrback(self._failed)

    def cancel(self) -> None:
        self.cancelled = True
        try:
            self.deferred.cancel()
        except BaseException:
            log.failure("a method could not be cancelled")

    def _done(self, result: object) -> None:
        if not self.cancelled:
            self.peer.answer(self.id, result)

    def _failed(self, failure: Failure) -> None:
        if not self.cancelled:
            _fail(self.peer, self.id, failure)
        elif not failure.check(CancelledError):
            log.failure("a cancelled method failed", failure=failure)
