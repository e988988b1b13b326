"""A request that stands for itself, while a function answers it (MCP 2026-07-28)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.backends.app.arguments import decode
from mcpws.backends.app.channel import AppChannel
from mcpws.backends.app.content import CacheHint
from mcpws.backends.app.context import ClientState, Context
from mcpws.backends.app.failures import MalformedAnswer
from mcpws.backends.app.input_required import Replay, Safe, is_retry
from mcpws.backends.app.signature import Signature
from mcpws.errors import CannotAsk, CapabilityMissing, InvalidParams
from mcpws.jsonrpc.messages import Request, RequestId, to_raw
from mcpws.mcp.methods import CAPABILITY_OF, MAY_ASK
from mcpws.turns.outcome import as_deferred, cause_of

log = Logger()


class ModernCall:
    """A modern request in the place of the channel, for the method that answers it: it rests on nothing said before.

    :param client: as the request tells of it.
    :param token: under which the request wants to hear of its progress.
    :param safe: for what the client carries until it calls again.
    :param cache: what to say of the result, if it is one that may be kept; for the method to change.
    """

    __slots__ = (
        "_answer",
        "_context",
        "_ending",
        "_outcome",
        "_questions",
        "_replay",
        "_safe",
        "_token",
        "cache",
        "catalog",
        "channel",
        "client",
        "request",
    )

    def __init__(
        self,
        channel: AppChannel,
        request: Request,
        client: ClientState,
        token: RequestId | None,
        safe: Safe,
        cache: CacheHint,
    ) -> None:
        self.catalog = channel.catalog
        self.channel = channel
        self.client = client
        self.request = request
        self.cache = cache
        self._token = token
        self._safe = safe
        self._replay: Replay | None = None
        self._context: StatelessContext | None = None
        self._questions: list[Deferred[Any]] = []
        self._ending: IDelayedCall | None = None
        self._outcome: Deferred[Any] | None = None
        self._answer: Deferred[Any] | None = None

    def run(
        self,
        signature: Signature,
        values: tuple[Any, ...],
        request: Request,
        convert: Callable[[Any], object],
    ) -> object:
        """As AppChannel.run; but what comes is InputRequiredResult if the function asked what is not answered yet."""
        if request.method in MAY_ASK and is_retry(request):
            # Now, and not when the first question comes: the function may do much before it.
            self._replay = self._new_replay()
        if not signature.takes_context:
            return self.channel.run(signature, values, request, convert)
        self._context = StatelessContext(self, self._token)
        try:
            outcome = signature.call(values, self._context)
            later = as_deferred(outcome)
            if later is None:
                self._settle()
                return convert(outcome)
        except BaseException as error:
            self._settle()
            raise self.channel.told(error, signature) from None
        self.channel.in_flight.add(later, signature.label)
        self._outcome = later
        answer: Deferred[Any] = Deferred(self._cancelled)
        self._answer = answer
        later.addCallbacks(self._returned, self._failed, (convert, signature), errbackArgs=(signature,))
        return answer

    def told(self, error: BaseException | None, signature: Signature) -> BaseException:
        """As AppChannel.told."""
        return self.channel.told(error, signature)

    def ask(self, method: str, params: dict[str, Any] | None, type: Any) -> Deferred[Any]:
        """The client's answer, decoded as `type`, if the request brought it; else the call ends soon, to ask for it."""
        problem = self._no_question(method, params)
        if problem is not None:
            return fail(problem)
        if self._replay is None:
            self._replay = self._new_replay()
        try:
            key, answer = self._replay.ask(method, None if params is None else to_raw(params))
            if answer is not None:
                return succeed(decode(msgspec.json.Decoder(type), answer, f"$.inputResponses.{key}"))
        except InvalidParams as refusal:
            return fail(MalformedAnswer(method, refusal))
        except BaseException:
            # No JSON, or what the caller's `type` raises.
            return fail()
        if self._ending is None:
            # Not before the function waits: it may ask more than one question at once.
            self._ending = self.channel.clock.callLater(0, self._end)
        question: Deferred[Any] = Deferred()
        self._questions.append(question)
        return question

    def _no_question(self, method: str, params: dict[str, Any] | None) -> CannotAsk | CapabilityMissing | None:
        capability = CAPABILITY_OF.get(method)
        if capability is None:
            return CannotAsk(method, "a server of MCP 2026-07-28 sends no requests")
        if self.request.method not in MAY_ASK:
            return CannotAsk(method, f"{self.request.method} is answered without questions (MCP 2026-07-28)")
        mode = "form" if params is None else params.get("mode", "form")
        if self.client.can(capability, mode):
            return None
        # An empty declaration of elicitation is one of forms.
        return CapabilityMissing(method, capability, None if mode == "form" else mode)

    def _new_replay(self) -> Replay:
        return Replay(self._safe, self.channel.identity.principal, self.request)

    def _end(self) -> None:
        """There are questions: they are the answer, and the function is stopped."""
        self._ending = None
        answer, replay = self._settle(), self._replay
        assert answer is not None
        assert replay is not None
        try:
            required = replay.required()
        except BaseException:
            answer.errback()
        else:
            answer.callback(required)
        self._stop()

    def _cancelled(self, _: Deferred[Any]) -> None:
        self._settle()
        self._stop()

    def _stop(self) -> None:
        assert self._outcome is not None
        assert self._context is not None
        self._context.withdrawn()
        try:
            self._outcome.cancel()
        except BaseException:
            log.failure("a function could not be cancelled")
        for question in self._questions:
            # gatherResults, for one, looks after the first failure only.
            question.addErrback(_expected)

    def _returned(self, value: Any, convert: Callable[[Any], object], signature: Signature) -> None:
        answer = self._settle()
        if answer is None:
            return
        try:
            result = convert(value)
        except BaseException as error:
            answer.errback(self.channel.told(error, signature))
        else:
            answer.callback(result)

    def _failed(self, failure: Failure, signature: Signature) -> None:
        answer = self._settle()
        if answer is not None:
            answer.errback(self.channel.told(cause_of(failure), signature))
        elif not isinstance(cause_of(failure), CancelledError):
            log.failure("a function failed after its call had ended", failure=failure)

    def _settle(self) -> Deferred[Any] | None:
        """The call is over, for the function at least; returns what is to be fired, None if it has been."""
        assert self._context is not None
        self._context.settled()
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        answer, self._answer = self._answer, None
        return answer


class StatelessContext(Context):
    """A Context that can do no more than one call allows; it is of no use after it."""

    __slots__ = ("_call",)

    def __init__(self, call: ModernCall, token: RequestId | None) -> None:
        channel = call.channel
        super().__init__(channel.caller, call.client, channel.identity, channel.gate, None)
        self.request_id = call.request.id
        self._token = token
        self._call: ModernCall | None = call

    def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        if self._call is not None:
            super().notify(method, params)

    def request(
        self, method: str, params: dict[str, Any] | None = None, *, timeout: float | None = None, type: Any = Any
    ) -> Deferred[Any]:
        if self._call is None:
            return fail(CannotAsk(method, "the call is over"))
        return self._call.ask(method, params, type)

    def settled(self) -> None:
        super().settled()
        self._call = None


def _expected(failure: Failure) -> None:
    failure.trap(CancelledError)
