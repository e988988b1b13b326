"""Requests over which a legacy server may ask its client, for a modern client, whom nobody can ask."""

from __future__ import annotations

from collections import deque
from functools import partial

from msgspec import Raw, Struct, UnsetType

from mcpws.backends.eras.for_modern.call import Ask, Call, State, Work
from mcpws.backends.eras.for_modern.seat import Post, Seat
from mcpws.backends.eras.shapes import (
    URL_ELICITATION_REQUIRED,
    Members,
    members,
    missing_capability,
    report,
    to_modern_ask,
    to_modern_error,
    to_modern_result,
)
from mcpws.core.rpc import Progress
from mcpws.errors import (
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    InvalidParams,
    McpwsError,
    MissingClientCapability,
    RpcError,
    TooManyRequests,
)
from mcpws.jsonrpc.messages import Answer, ErrorObject, Request, Result, put_together
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.meta import SERVER_INFO
from mcpws.mcp.methods import ELICIT, ROOTS_LIST
from mcpws.mcp.schema import INPUT_REQUIRED, REQUEST_STATE

GATHER = 0.01
"""Seconds in which what a server asks at once is put together for the client."""

CANCELLED_BY_CLIENT = "cancelled by the client"


class _Required(Struct, gc=False):
    elicitations: list[dict[str, Raw]]


_read_required = reader(_Required)


class InteractiveCalls:
    """Calls of one client at one server, over which it may be asked.

    A server that asks does not say over which call. So as soon as one is seen to ask, its calls run one at a time: one
    waits until the one before is answered, or has nothing to do but to wait for the client. What several calls at work
    may have asked is refused. The roots of a client are the same in every call: any will do to ask for them, and where
    there is none, the next.

    :param server_info: the server's Implementation, None if it is nobody.
    """

    def __init__(self, seat: Seat, post: Post, server_info: Raw | None) -> None:
        self._seat = seat
        self._post = post
        self._server = post.rpc
        self._shared = seat.shared
        self._server_info = server_info
        self._interactive = not post.capabilities.keys().isdisjoint(("sampling", "elicitation"))
        self._calls: list[Call] = []
        self._waiting: deque[Call] = deque()
        self._unattended: list[Ask] = []

    @property
    def idle(self) -> bool:
        """Whether nothing is going on, at the client either."""
        return not self._calls

    def begin(self, work: Work) -> None:
        """Take on a request of the client's."""
        call = Call(self._post.resume, work)
        self._calls.append(call)
        self._open(call, work)
        if self._unattended:
            for ask in self._unattended:
                ask.call = call
            call.asks, self._unattended = self._unattended, []
            self._park(call)
        else:
            self._wait(call)

    def go_on(self, call: Call, work: Work) -> None:
        """Take on the request with which the client comes back to this call, which is parked no more."""
        call.carry_on(work)
        self._open(call, work)
        for ask in call.asks:
            ask.response = None if ask.key is None else work.responses.get(ask.key)
        if call.outcome is not None:
            self._finish(call, call.outcome)
        else:
            self._wait(call)

    def asked(self, request: Request) -> None:
        """Take on a request of the server's; raises RpcError if it cannot be brought to the client."""
        try:
            params = members(request.params)
            missing = missing_capability(request.method, params, self._post.capabilities)
            ask = Ask(request.id, to_modern_ask(request.method, params))
        except ValueError as error:
            raise InvalidParams("Invalid params", {"reason": str(error)}) from None
        if missing is not None:
            self._shared.counters.refused += 1
            raise RpcError(f"The client does not offer {request.method}", missing, code=METHOD_NOT_FOUND)
        call = self._carrier(request.method)
        asks = self._unattended if call is None else call.asks
        if len(asks) >= self._shared.limits.max_asks:
            self._shared.counters.refused += 1
            raise TooManyRequests(self._shared.limits.max_asks)
        ask.call = call
        asks.append(ask)
        self._server.work(ask.id, partial(self._withdrawn, ask))
        if call is not None and call.state is State.RUNNING:
            self._gather(call)

    def close(self) -> None:
        """The server is gone, or the client."""
        for call in self._calls:
            call.stop_timer()
        self._seat.parking.drop(lambda call: call in self._calls)
        self._calls.clear()
        self._waiting.clear()
        self._unattended.clear()

    def _open(self, call: Call, work: Work) -> None:
        self._post.desk.take(work.request.id, lambda _: self._drop(call, CANCELLED_BY_CLIENT), work.level)

    def _wait(self, call: Call) -> None:
        call.state = State.WAITING
        self._waiting.append(call)
        self._advance()

    def _advance(self) -> None:
        """Let run what may."""
        one_at_a_time = self._interactive and self._shared.known.asks
        while self._waiting and not (one_at_a_time and self._running()):
            self._run(self._waiting.popleft())

    def _running(self) -> list[Call]:
        return [call for call in self._calls if call.state is State.RUNNING]

    def _run(self, call: Call) -> None:
        call.state = State.RUNNING
        answered = [ask for ask in call.asks if ask.response is not None]
        call.asks = [ask for ask in call.asks if ask.response is None]
        for ask in answered:
            assert ask.response is not None
            self._server.answer(ask.id, ask.response)
        if call.server_id is None:
            progressed = None if call.progress_token is None else partial(self._progressed, call)
            answer = partial(self._answered, call)
            call.server_id = self._server.request(call.method, dict(call.params), answer, progressed)
        if call.asks and call.state is State.RUNNING:
            self._gather(call)

    def _carrier(self, method: str) -> Call | None:
        """The call over which the client can be asked; None if a next one will do."""
        running = self._running()
        pending = [call for call in self._calls if call.outcome is None]
        if method == ROOTS_LIST:
            return next(reversed(running or pending), None)
        self._shared.known.asks = True
        # A call that waits for the client may have asked for more than one thing.
        candidates = running or [call for call in pending if call.state is State.PARKED]
        if len(candidates) == 1:
            return candidates[0]
        self._shared.counters.refused += 1
        reason = "several requests of the client are in progress" if candidates else "no request is in progress"
        raise RpcError(f"The client cannot be asked for {method}: {reason}", code=INVALID_REQUEST)

    def _gather(self, call: Call) -> None:
        if call.timer is None:
            call.timer = self._shared.clock.callLater(GATHER, self._park, call)

    def _park(self, call: Call) -> None:
        """Ask the client all that the server has asked."""
        call.timer = None
        token = self._seat.parking.park(call, self._expired)
        if token is None:
            asks, call.asks = call.asks, []
            for ask in asks:
                self._refuse(ask, TooManyRequests(self._shared.limits.max_parked))
            if call.server_id is None:
                self._wait(call)
            return
        self._answer(call, {"resultType": INPUT_REQUIRED, "inputRequests": call.park(), REQUEST_STATE: token})
        self._advance()

    def _answered(self, call: Call, answer: Answer | McpwsError) -> None:
        if isinstance(answer, McpwsError):
            return
        self._dismiss(call)
        if call.state is State.PARKED:
            call.outcome = answer
        else:
            self._finish(call, answer)
        self._advance()

    def _finish(self, call: Call, answer: Answer) -> None:
        self._forget(call)
        if isinstance(answer, Result):
            self._seat.requests.answer(call.client_id, to_modern_result(call.method, answer.result, self._server_info))
        elif answer.error.code == URL_ELICITATION_REQUIRED:
            self._require_urls(call, answer.error)
        else:
            self._seat.requests.fail(call.client_id, to_modern_error(answer.error))

    def _require_urls(self, call: Call, error: ErrorObject) -> None:
        """Have them visited, and the request sent again: nothing of it has to be kept here."""
        try:
            required = _read_required(b"{}" if isinstance(error.data, UnsetType) else error.data).elicitations
            asked = {str(key): to_modern_ask(ELICIT, one) for key, one in enumerate(required)}
            missing = filter(None, [missing_capability(ELICIT, one, self._post.capabilities) for one in required])
        except ValueError:
            self._seat.requests.fail(call.client_id, RpcError(error.message))
            return
        lacking = next(missing, None)
        if lacking is not None:
            self._seat.requests.fail(call.client_id, MissingClientCapability(lacking))
        else:
            self._answer(call, {"resultType": INPUT_REQUIRED, "inputRequests": asked})

    def _answer(self, call: Call, result: Members) -> None:
        meta = {} if self._server_info is None else {"_meta": {SERVER_INFO: self._server_info}}
        self._seat.requests.answer(call.client_id, put_together({**result, **meta}))

    def _progressed(self, call: Call, progress: Progress) -> None:
        if call.progress_token is not None and call.state is not State.PARKED:
            self._seat.link.send(report(call.progress_token, progress))

    def _expired(self, call: Call) -> None:
        self._drop(call, "the client was asked, and did not come back")

    def _drop(self, call: Call, reason: str) -> None:
        self._forget(call)
        if call.server_id is not None:
            self._server.withdraw(call.server_id, reason)
        self._dismiss(call)
        self._advance()

    def _forget(self, call: Call) -> None:
        self._calls.remove(call)
        if call in self._waiting:
            self._waiting.remove(call)

    def _dismiss(self, call: Call) -> None:
        """Have its questions wait for another call, or refuse them: over this one nothing can be asked any more."""
        call.stop_timer()
        asks, call.asks = call.asks, []
        for ask in asks:
            if ask.request["method"] == ROOTS_LIST and len(self._unattended) < self._shared.limits.max_asks:
                ask.call = None
                self._unattended.append(ask)
            else:
                self._refuse(ask, RpcError("The request over which the client was asked is over", code=INVALID_REQUEST))

    def _refuse(self, ask: Ask, error: RpcError) -> None:
        self._shared.counters.refused += 1
        self._server.fail(ask.id, error)

    def _withdrawn(self, ask: Ask) -> None:
        """The server does not want to know any more."""
        asks = self._unattended if ask.call is None else ask.call.asks
        if ask in asks:
            asks.remove(ask)
        if ask.call is not None and not asks:
            ask.call.stop_timer()
