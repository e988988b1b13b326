"""Answers to the other end's requests: by methods, plain or asynchronous, and withdrawn when the other end wants."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.core.rpc import Rpc
from mcpws.errors import CapabilityMissing, InternalError, ResultTooLarge, RpcError, TooManyRequests
from mcpws.jsonrpc.messages import Message, Request, RequestId, Result
from mcpws.turns.outcome import PLAIN, as_deferred, cause_of

log = Logger()


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


class Answerer:
    """Answering side of a conversation; its asking side is a Caller of the same Rpc.

    :param send: takes each message that is to go out, as that of `rpc` does.
    :param max_working: requests that may wait for an answer; more are refused. None where somebody else sees to that.
    """

    __slots__ = ("_max_working", "_rpc", "_send")

    def __init__(self, rpc: Rpc, send: Callable[[Message], None], max_working: int | None = None) -> None:
        self._rpc = rpc
        self._send = send
        self._max_working = max_working

    def answer(self, request: Request, method: Callable[..., object], *arguments: object) -> None:
        """Answer `request`, one that `Rpc.receive` leaves to its owner, with the result of `method(*arguments)`.

        It returns its result (anything JSON, or Raw), a Deferred or a coroutine of it, or raises. RpcError answers the
        request as it says. Once the other end withdraws the request, the Deferred is cancelled and nothing answered.
        """
        if self._max_working is not None and self._rpc.working >= self._max_working:
            self._rpc.fail(request.id, TooManyRequests(self._max_working))
            return
        try:
            outcome = method(*arguments)
            later = None if isinstance(outcome, Struct) or type(outcome) in PLAIN else as_deferred(outcome)
            if later is None:
                answer = Result.answering(request.id, outcome)
                # It may be large, and is not needed while the answer is written.
                del outcome
                self._send(answer)
            else:
                _Work(self._rpc, request.id, later)
        except BaseException:
            # As for a Deferred: a method that calls sys.exit() fails, and ends neither program nor connection.
            _fail(self._rpc, request.id, Failure())


class _Work:
    """A request of theirs that a Deferred will answer, unless it is cancelled first."""

    __slots__ = ("cancelled", "deferred", "id", "rpc")

    def __init__(self, rpc: Rpc, id: RequestId, deferred: Deferred[Any]) -> None:
        self.rpc = rpc
        self.id = id
        self.deferred = deferred
        self.cancelled = False
        rpc.work(id, self.cancel)
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
            self.rpc.answer(self.id, result)

    def _failed(self, failure: Failure) -> None:
        if not self.cancelled:
            _fail(self.rpc, self.id, failure)
        elif not failure.check(CancelledError):
            log.failure("a cancelled method failed", failure=failure)


def _fail(rpc: Rpc, id: RequestId, failure: Failure) -> None:
    try:
        rpc.fail(id, to_rpc_error(failure))
    except (TypeError, ResultTooLarge):
        # An RpcError whose `data` is no JSON, a defect like any other, or more than may be sent.
        rpc.fail(id, to_rpc_error(Failure()))
