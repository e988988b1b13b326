"""A request whose server may first want input of the client's (MCP 2026-07-28, multi round-trip requests)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct, UnsetType
from twisted.internet.defer import CancelledError, Deferred, FirstError, gatherResults, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.client.identity import RequestFunction
from mcpws.errors import InputRequired, MalformedResult, McpwsError, RequestTimeout
from mcpws.jsonrpc.messages import put_together
from mcpws.jsonrpc.surrogates import read_as, unmark
from mcpws.mcp.rounds import Fault, InputRounds, Round, Unusable
from mcpws.mcp.schema import InputRequest

log = Logger()

MAX_ROUNDS = 16
"""How often a server may want input for one request."""

MAX_INPUTS = 64
"""What it may want at once; every input runs a function."""

LONGEST_PAUSE = 2.0
"""Seconds before the request is repeated for a server that wants nothing but that."""

T = TypeVar("T")


class _Kind(Struct):
    """Results of legacy servers, and so of careless ones, have none."""

    name: str | None = msgspec.field(name="resultType", default=None)


_Asked: Any = dict[str, Any] | None


class Rounds:
    """Asks, answers what the server wants to know, asks again; `deferred` fires with the last result, as `type`.

    A timeout, cancelling `deferred`, or `lost` ends whatever goes on: the request, or the functions that answer.

    :param going_on: has this one, for as long as it does.
    :param ask: sends the request with these parameters; fires with the result.
    :param functions: what answers the server, by method.
    :param timeout: seconds for everything together.
    """

    def __init__(
        self,
        going_on: set[Rounds],
        method: str,
        params: dict[str, Any],
        ask: Callable[[dict[str, Any]], Deferred[Raw]],
        functions: Mapping[str, RequestFunction],
        clock: IReactorTime,
        timeout: float | None,
        type: Any,
    ) -> None:
        self._going_on = going_on
        self._method = method
        self._params = params
        self._ask = ask
        self._functions = functions
        self._clock = clock
        self._type = type
        self._timer: IDelayedCall | None = None
        self.deferred: Deferred[Any] = Deferred(self._cancelled)
        going_on.add(self)
        self._steps = Deferred.fromCoroutine(self._run())
        self._steps.addCallbacks(self._succeeded, self._failed)
        if timeout is not None and self in going_on:
            self._timer = clock.callLater(timeout, self._timed_out, timeout)

    def lost(self, reason: McpwsError) -> None:
        """The connection is gone, and with it whoever wants to know."""
        self._stop()
        self.deferred.errback(reason)

    async def _run(self) -> Any:
        params = self._params
        rounds = InputRounds(self._method, MAX_ROUNDS, LONGEST_PAUSE)
        while self in self._going_on:
            result = await self._ask(params)
            match rounds.next(self._decode(result, _Kind).name, result):
                case None:
                    return self._decode(result, self._type)
                case Unusable(fault, detail):
                    raise self._refusal(fault, detail)
                case Round() as round:
                    params = round.params(self._params, await self._responses(round))
        # A function went on after it was cancelled.
        raise CancelledError

    def _refusal(self, fault: Fault, detail: str) -> McpwsError:
        if fault is Fault.TOO_OFTEN:
            return InputRequired(self._method, f"still, after {detail} rounds of it")
        if fault is Fault.UNKNOWN_TYPE:
            detail = f"there is no resultType {detail!r}"
        elif fault is Fault.MAY_NOT_ASK:
            detail = "this method may not ask for input"
        return MalformedResult(self._method, detail)

    async def _responses(self, round: Round) -> Raw | None:
        """The answers to all questions of a round, by the names that the server has for them; None without a place."""
        if not round.questions:
            await deferLater(self._clock, round.pause)
        return None if round.questions is None else put_together(await self._answers(round.questions))

    async def _answers(self, questions: dict[str, InputRequest]) -> dict[str, Any]:
        asked = [(one.method, self._params_of(one)) for one in questions.values()]
        unanswerable = sorted({method for method, _ in asked}.difference(self._functions))
        if unanswerable:
            raise InputRequired(self._method, f"no function answers {', '.join(unanswerable)}")
        if len(asked) > MAX_INPUTS:
            raise InputRequired(self._method, f"{len(asked)} times at once, which is more than {MAX_INPUTS}")
        answering = [maybeDeferred(self._functions[method], params) for method, params in asked]
        try:
            answers = await gatherResults(answering, consumeErrors=True)
        except FirstError as first:
            first.subFailure.raiseException()
        finally:
            for one in answering:
                one.cancel()
        return dict(zip(questions, answers, strict=True))

    def _params_of(self, question: InputRequest) -> dict[str, Any]:
        params = question.params
        found: dict[str, Any] | None = None if isinstance(params, UnsetType) else self._decode(unmark(params), _Asked)
        return found or {}

    def _decode(self, result: Raw, type: type[T]) -> T:
        try:
            return read_as(type, result)
        except msgspec.DecodeError as error:
            raise MalformedResult(self._method, str(error)) from None

    # The exits.

    def _succeeded(self, result: Any) -> None:
        self._end()
        self.deferred.callback(result)

    def _failed(self, failure: Failure) -> None:
        if self in self._going_on:
            self._end()
            self.deferred.errback(failure)
        elif not failure.check(CancelledError):
            log.failure("what a server wanted to know could not be cancelled: {method}", failure, method=self._method)

    def _timed_out(self, seconds: float) -> None:
        self._timer = None
        self._stop()
        self.deferred.errback(RequestTimeout(self._method, seconds))

    def _cancelled(self, _: Deferred[Any]) -> None:
        self._stop()

    def _stop(self) -> None:
        self._end()
        self._steps.cancel()

    def _end(self) -> None:
        self._going_on.remove(self)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
