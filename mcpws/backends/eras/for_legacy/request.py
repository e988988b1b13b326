"""A legacy client's request at a modern server, over as many rounds as that needs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec import Raw, UnsetType
from twisted.internet.interfaces import IDelayedCall

from mcpws.backends.eras.shapes import (
    Members,
    as_it_is,
    members,
    missing_capability,
    text,
    to_legacy_ask,
    to_legacy_error,
    to_legacy_result,
    to_modern_params,
)
from mcpws.backends.eras.shared import Shared
from mcpws.core.peer import Peer
from mcpws.errors import McpwsError, QueueFull, RpcError, TooManyRequests
from mcpws.jsonrpc.messages import Answer, Error, Request, RequestId, Result
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.methods import CAPABILITY_OF, MAY_ASK
from mcpws.mcp.schema import INPUT_REQUIRED, INPUT_RESPONSES, REQUEST_STATE, InputRequest

TRY_AGAIN = 0.05
"""Seconds before a request that the server only wants to see again is sent again; twice as many in each round."""

TRY_AGAIN_MOST = 1.0


_read_asks = reader(dict[str, InputRequest])


class LegacyRequest:
    """Request of a legacy client at a modern server, from its arrival to its answer.

    When the server requires input (MCP 2026-07-28, multi round-trip requests), the client is asked for it in requests
    of the legacy era, and the request is sent again with what it says. What goes wrong on the way fails the request.

    :param server: numbers what goes to the server.
    :param client: numbers what the client is asked, and takes the answer.
    :param meta: what goes with every request.
    :param capabilities: of the client.
    :raises ValueError: the parameters are no object.
    """

    def __init__(
        self,
        request: Request,
        server: Peer,
        client: Peer,
        shared: Shared,
        meta: Callable[[], dict[str, Any]],
        capabilities: Members,
    ) -> None:
        self._request = request
        self._params = members(request.params)
        # Checks `_meta`, too.
        to_modern_params(self._params, {})
        self._server = server
        self._client = client
        self._shared = shared
        self._meta = meta
        self._capabilities = capabilities
        self._sent: RequestId | None = None
        self._rounds = 0
        self._state: Raw | None = None
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
        if self._responses:
            params[INPUT_RESPONSES] = self._responses
        if self._state is not None:
            params[REQUEST_STATE] = self._state
        self._responses, self._state, self._asked = {}, None, []
        rounds = self._rounds
        id = self._server.request(self._request.method, params, self._answered)
        if rounds == self._rounds:
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
        if text(result.get("resultType")) == INPUT_REQUIRED:
            try:
                self._next_round(result)
            except RpcError as error:
                self._fail(error)
            except QueueFull as error:
                self._fail(TooManyRequests(error.limit))
        else:
            self._done(to_legacy_result(self._request.method, result))

    def _next_round(self, result: Members) -> None:
        self._rounds += 1
        limits = self._shared.limits
        if self._request.method not in MAY_ASK:
            raise RpcError(f"The server requires input for {self._request.method}, which it may not")
        if self._rounds > limits.max_rounds:
            raise RpcError(f"The server required input more than {limits.max_rounds} times")
        try:
            asks = _read_asks(result.get("inputRequests", b"{}"))
            to_ask = {key: self._to_ask(ask) for key, ask in asks.items()}
        except ValueError as error:
            raise RpcError(f"The server requires input in a way that is not understood: {error}") from None
        if len(to_ask) > limits.max_asks:
            raise RpcError(f"The server asked more than {limits.max_asks} things at once")
        self._state = result.get(REQUEST_STATE)
        if not to_ask:
            wait = min(TRY_AGAIN * 2 ** (self._rounds - 1), TRY_AGAIN_MOST)
            self._timer = self._shared.clock.callLater(wait, self._send)
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
