"""A request whose server may first want input of the client's (MCP 2026-07-28, multi round-trip requests)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from twisted.internet.defer import CancelledError, Deferred, FirstError, gatherResults, maybeDeferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.client.identity import RequestFunction
from mcpws.errors import InputRequired, MalformedResult, McpwsError, RequestTimeout
from mcpws.jsonrpc.messages import NULL
from mcpws.jsonrpc.surrogates import read_as, reader, unmark
from mcpws.mcp.methods import MAY_ASK
from mcpws.mcp.schema import COMPLETE_RESULT, INPUT_REQUIRED, INPUT_RESPONSES, REQUEST_STATE

log = Logger()

MAX_ROUNDS = 16
"""How often a server may want input for one request."""

MAX_INPUTS = 64
"""What it may want at once; every input runs a function."""

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds before the request is repeated for a server that wants nothing but that; each pause is twice the last."""

T = TypeVar("T")


class _Kind(Struct):
    """Results of legacy servers, and so of careless ones, have none."""

    name: str | None = msgspec.field(name="resultType", default=None)


class _InputRequest(Struct):
    method: str
    params: dict[str, Any] | None = None


class _InputRequired(Struct):
    requests: dict[str, _InputRequest] | None = msgspec.field(name="inputRequests", default=None)


class _State(Struct):
    # Nobody's affair but the server's: it goes back byte by byte.
    value: Raw | UnsetType = msgspec.field(name=REQUEST_STATE, default=UNSET)


_read_state = reader(_State)


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
        for taken in count():
            if self not in self._going_on:
                # A function went on after it was cancelled.
                raise CancelledError
            result = await self._ask(params)
            kind = self._decode(result, _Kind).name or COMPLETE_RESULT
            if kind == COMPLETE_RESULT:
                return self._decode(result, self._type)
            if kind != INPUT_REQUIRED:
                raise MalformedResult(self._method, f"there is no resultType {kind!r}")
            if self._method not in MAY_ASK:
                raise MalformedResult(self._method, "this method may not ask for input")
            if taken == MAX_ROUNDS:
                raise InputRequired(self._method, f"still, after {MAX_ROUNDS} rounds of it")
            wanted = self._decode(result, _InputRequired)
            params = {**self._params, **await self._input(wanted, _read_state(result).value, taken)}

    async def _input(self, wanted: _InputRequired, given: Raw | UnsetType, taken: int) -> dict[str, Any]:
        """What the next round has besides the parameters of the first."""
        state = {} if isinstance(given, UnsetType) or given == NULL else {REQUEST_STATE: unmark(given)}
        if wanted.requests is not None:
            return {**state, INPUT_RESPONSES: await self._answers(wanted.requests)}
        if not state:
            raise MalformedResult(self._method, "it asks for input, but has neither inputRequests nor requestState")
        await deferLater(self._clock, min(FIRST_PAUSE * 2**taken, LONGEST_PAUSE))
        return state

    async def _answers(self, requests: dict[str, _InputRequest]) -> dict[str, Any]:
        methods = {request.method for request in requests.values()}
        unanswerable = sorted(methods.difference(self._functions))
        if unanswerable:
            raise InputRequired(self._method, f"no function answers {', '.join(unanswerable)}")
        if len(requests) > MAX_INPUTS:
            raise InputRequired(self._method, f"{len(requests)} times at once, which is more than {MAX_INPUTS}")
        answering = [maybeDeferred(self._functions[one.method], one.params or {}) for one in requests.values()]
        try:
            answers = await gatherResults(answering, consumeErrors=True)
        except FirstError as first:
            first.subFailure.raiseException()
        finally:
            for one in answering:
                one.cancel()
        return dict(zip(requests, answers, strict=True))

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
