"""Requests to the other end as Deferreds: decoded results, timeouts, progress, cancellation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Raw
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from mcpws.core.rpc import OnProgress, Progress, Rpc
from mcpws.errors import MalformedResult, McpwsError, RequestTimeout
from mcpws.jsonrpc.messages import Answer, RequestId, Result
from mcpws.jsonrpc.surrogates import read_as, shown

log = Logger()


class Caller:
    """Asking side of a conversation; its answering side is an Answerer of the same Rpc.

    The owner hands what comes to `rpc`, which settles the answers, and tells it of the loss.

    :param clock: for timeouts.
    """

    __slots__ = ("_clock", "_deadlines", "rpc")

    def __init__(self, rpc: Rpc, clock: IReactorTime) -> None:
        self.rpc = rpc
        self._clock = clock
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
        call = _Call(self.rpc, method, on_progress, type)
        if self.rpc.gone is not None:
            call.errback(self.rpc.gone)
            return call
        try:
            progressed = None if on_progress is None else call.progressed
            call.id = self.rpc.request(method, params, call.answered, progressed)
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
        if self.rpc.gone is None:
            self.rpc.notify(method, params)


class _Call(Deferred[Any]):
    """A request of ours that waits for its answer, and what its caller gets: one object, as there is one for each."""

    __slots__ = ("deadlines", "id", "method", "on_progress", "rpc", "type")

    def __init__(self, rpc: Rpc, method: str, on_progress: OnProgress | None, type: Any) -> None:
        super().__init__(_withdraw)
        self.rpc = rpc
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
        self.rpc.withdraw(self.id, f"no answer within {seconds:g} s")
        self.errback(RequestTimeout(self.method, seconds))


def _withdraw(call: Deferred[Any]) -> None:
    """The canceller of a call."""
    assert isinstance(call, _Call)
    if call.deadlines is not None:
        call.deadlines.remove(call)
    call.rpc.withdraw(call.id, "cancelled")


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
