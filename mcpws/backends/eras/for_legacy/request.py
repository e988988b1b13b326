"""A legacy client's request at a modern server, over as many rounds as that needs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from msgspec import Raw, UnsetType
from twisted.internet.interfaces import IDelayedCall

from mcpws.backends.eras.shapes import (
    Members,
    as_it_is,
    members,
    missing_capability,
    to_legacy_ask,
    to_legacy_error,
    to_legacy_result,
    to_modern_params,
    type_of,
)
from mcpws.backends.eras.shared import SharedState
from mcpws.core.rpc import Rpc
from mcpws.errors import McpwsError, QueueFull, RpcError, TooManyRequests
from mcpws.jsonrpc.messages import Answer, Error, Request, RequestId, Result
from mcpws.mcp.methods import CAPABILITY_OF
from mcpws.mcp.rounds import Fault, InputRounds, Round, Unusable
from mcpws.mcp.schema import InputRequest

LONGEST_PAUSE = 1.0
"""Seconds before a request that the server only wants to see again is sent again."""

_WORDS = {
    Fault.UNKNOWN_TYPE: "The server answered with a result of type {}, which the client does not know",
    Fault.MAY_NOT_ASK: "The server requires input for {}, which it may not",
    Fault.TOO_OFTEN: "The server required input more than {} times",
    Fault.MALFORMED: "The server requires input in a way that is not understood: {}",
}


class Ends(NamedTuple):
    """Both ends of a translation, and what all its requests have.

    `server` numbers what goes to the server, `client` what the client is asked, and takes the answers to the client;
    `meta` goes with every request, `capabilities` are the client's.
    """

    server: Rpc
    client: Rpc
    shared: SharedState
    meta: Callable[[], dict[str, Any]]
    capabilities: Members


class LegacyRequest:
    """Request of a legacy client at a modern server, from its arrival to its answer.

    When the server requires input (MCP 2026-07-28, multi round-trip requests), the client is asked for it in requests
    of the legacy era, and the request is sent again with what it says. What goes wrong on the way fails the request.

    :raises ValueError: the parameters are no object.
    """

    def __init__(self, request: Request, ends: Ends) -> None:
        self._request = request
        self._params = members(request.params)
        # Checks `_meta`, too.
        to_modern_params(self._params, {})
        self._server, self._client, self._shared, self._meta, self._capabilities = ends
        self._sent: RequestId | None = None
        self._rounds = InputRounds(request.method, ends.shared.limits.max_rounds, LONGEST_PAUSE)
        self._round: Round | None = None
        self._asked: list[RequestId] = []
        self._unanswered = 0
        self._responses: dict[str, Raw] = {}
        self._timer: IDelayedCall | None = None
        self._over = False

    def begin(self) -> None:
        """Send it."""
        self._client.work(self._request.id, self._cancelled)
        self._send()

    def _send(self) -> None:
        self._timer = None
        params = to_modern_params(self._params, self._meta())
        if self._round is not None:
            params = self._round.params(params, self._responses or None)
        self._responses, self._asked = {}, []
        taken = self._rounds.taken
        id = self._server.request(self._request.method, params, self._answered)
        if taken == self._rounds.taken:
            self._sent = id

    def _answered(self, answer: Answer | McpwsError) -> None:
        self._sent = None
        if isinstance(answer, McpwsError):
            # The server is gone, and with it the conversation: the client hears of it from elsewhere.
            return
        if isinstance(answer, Error):
            self._fail(to_legacy_error(self._request.method, self._params, answer.error))
            return
        try:
            result = members(answer.result)
        except ValueError:
            self._done(answer.result)
            return
        next = self._rounds.next(type_of(result), answer.result)
        if isinstance(next, Unusable) and next.fault is Fault.UNKNOWN_TYPE and "extensions" in self._capabilities:
            # It may know the type from one of these.
            next = None
        if next is None:
            self._done(to_legacy_result(self._request.method, result))
            return
        try:
            if isinstance(next, Unusable):
                raise RpcError(_WORDS[next.fault].format(next.detail))
            self._ask(next)
        except RpcError as error:
            self._fail(error)
        except QueueFull as error:
            self._fail(TooManyRequests(error.limit))

    def _ask(self, round: Round) -> None:
        limits = self._shared.limits
        try:
            to_ask = {key: self._to_ask(ask) for key, ask in (round.questions or {}).items()}
        except ValueError as error:
            raise RpcError(_WORDS[Fault.MALFORMED].format(error)) from None
        if len(to_ask) > limits.max_asks:
            raise RpcError(f"The server asked more than {limits.max_asks} things at once")
        self._round = round
        if not to_ask:
            self._timer = self._shared.clock.callLater(round.pause, self._send)
        self._unanswered = len(to_ask)
        for key, (method, params) in to_ask.items():
            # One that is refused at once is the end of it.
            if not self._over:
                self._asked.append(self._client.request(method, params, partial(self._responded, key)))

    def _to_ask(self, ask: InputRequest) -> tuple[str, Members | None]:
        if ask.method not in CAPABILITY_OF:
            raise RpcError(f"The server asked the client for {ask.method}, which is not to be had")
        params = members(None if isinstance(ask.params, UnsetType) else ask.params)
        if missing_capability(ask.method, params, self._capabilities) is not None:
            raise RpcError(f"The server asked the client for {ask.method}, which the client does not offer")
        return ask.method, to_legacy_ask(ask.method, params, secrets.token_urlsafe(16))

    def _responded(self, key: str, answer: Answer | McpwsError) -> None:
        """The client's answer to one of the things that it was asked."""
        if isinstance(answer, Error):
            # A modern client would not send the request again either, and its user would see this error.
            self._fail(as_it_is(answer.error, answer.error.code))
        elif isinstance(answer, Result):
            self._responses[key] = answer.result
            self._unanswered -= 1
            if not self._unanswered:
                self._send()

    def _done(self, result: Raw) -> None:
        self._over = True
        self._client.answer(self._request.id, result)

    def _fail(self, error: RpcError) -> None:
        self._take_back("the request that needed it has failed")
        self._client.fail(self._request.id, error)

    def _cancelled(self) -> None:
        self._take_back("the request was cancelled")

    def _take_back(self, reason: str) -> None:
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sent is not None:
            self._server.withdraw(self._sent, reason)
        for id in self._asked:
            self._client.withdraw(id, reason)
