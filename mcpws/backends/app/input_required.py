"""Questions of a call to its client, without a request to it (MCP 2026-07-28, multi round-trip requests).

The call ends with its questions for a result, and the client makes it again with the answers. What was answered before
comes with it too, in a `requestState` that only this App, or one with the same key, can have written. So any replica
can go on, and none of them keeps anything.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct

from mcpws.backends.app.arguments import decode
from mcpws.errors import InvalidParams, ResultTooLarge, RpcError
from mcpws.jsonrpc.messages import EMPTY, NULL, Request
from mcpws.mcp.methods import CAPABILITY_OF
from mcpws.mcp.schema import (
    INPUT_RESPONSES,
    OF_ONE_TRY,
    REQUEST_STATE,
    InputRequest,
    InputRequiredResult,
)
from mcpws.policy.seal import Seal

MAX_STATE = 64 * 1024
"""Characters of a `requestState`."""

_STATE_PATH = "$.requestState"

_STATE, _RESPONSES = REQUEST_STATE.encode(), INPUT_RESPONSES.encode()

Required: TypeAlias = InputRequiredResult[str]


class _Retry(Struct, rename="camel"):
    request_state: str | None = None
    input_responses: dict[str, Raw] | None = None


class _State(Struct, array_like=True):
    """`answers` of before, and the keys of the questions that were `asked` last."""

    answers: dict[str, Raw]
    asked: list[str]


_read_retry = msgspec.json.Decoder(_Retry)
_read_params = msgspec.json.Decoder(dict[str, Any])
_read_state = msgspec.json.Decoder(_State).decode
_write = msgspec.json.Encoder(order="deterministic").encode


@dataclass(frozen=True, slots=True)
class Safe:
    """Seal for the state of calls, bound to one server.

    :param name: of the server: another, even one that has the same key, is to open nothing of ours.
    :param now: seconds since an epoch that all replicas share.
    """

    seal: Seal
    name: str
    now: Callable[[], float]


class Replay:
    """The questions and answers of one call, which may be made several times.

    A question is known again by what it asks, and by how often the same was asked before it in the run: an answer is
    given to no other question.

    :param principal: who makes the call, as far as credentials prove it.
    :raises InvalidParams: the request carries state that is not for it.
    """

    def __init__(self, safe: Safe, principal: str | None, request: Request) -> None:
        self._safe = safe
        self._principal = principal
        self._request = request
        self._seen: Counter[bytes] = Counter()
        self._answers = self._resumed()
        self.open: dict[str, InputRequest] = {}

    def ask(self, method: str, params: Raw | None) -> tuple[str, Raw | None]:
        """The key of a question, and its answer; None if there is none yet, and then it is among the `open` ones."""
        what = _write([method, params])
        key = f"{CAPABILITY_OF[method]}-{_digest(what, self._seen[what])}"
        self._seen[what] += 1
        answer = self._answers.get(key)
        if answer is None:
            self.open[key] = InputRequest(method, UNSET if params is None else params)
        return key, answer

    def required(self) -> Required:
        """The result that asks the open questions; RpcError if what is answered already is too much to carry."""
        state = _write(_State(self._answers, list(self.open)))
        sealed = self._safe.seal.close(state, self._bound_to(), self._safe.now())
        if len(sealed) > MAX_STATE:
            problem = f"The answers so far take {len(sealed)} bytes of requestState, more than the limit of {MAX_STATE}"
            raise RpcError(problem, {"size": len(sealed), "limit": MAX_STATE}, code=ResultTooLarge.code)
        return InputRequiredResult(self.open, sealed)

    def _resumed(self) -> dict[str, Raw]:
        """The answers that the request brings. What was not asked for is not looked at."""
        retry = _retry(self._request)
        sealed, given = retry.request_state, retry.input_responses or {}
        if sealed is None:
            return {}
        if len(sealed) > MAX_STATE:
            raise _refused(f"is longer than {MAX_STATE} bytes")
        try:
            opened = self._safe.seal.open(sealed, self._bound_to(), self._safe.now())
        except ValueError as error:
            raise _refused(str(error)) from None
        state = _read_state(opened)
        return state.answers | {key: given[key] for key in state.asked if given.get(key, NULL) != NULL}

    def _bound_to(self) -> bytes:
        """Everything that must be the same when the call is made again."""
        params = decode(_read_params, self._request.params or EMPTY, "$")
        kept = {name: value for name, value in params.items() if value is not None and name not in OF_ONE_TRY}
        return _write([self._safe.name, self._principal, self._request.method, kept])


def is_retry(request: Request) -> bool:
    """Whether a call brings answers; InvalidParams if it tries and fails."""
    data = request.data
    # Most calls are none, and have no more to read: no other escape is a character of these names.
    if data is not None and _STATE not in data and _RESPONSES not in data and rb"\u" not in data:
        return False
    return _retry(request).request_state is not None


def _retry(request: Request) -> _Retry:
    return decode(_read_retry, request.params or EMPTY, "$")


def _digest(what: bytes, number: int) -> str:
    return urlsafe_b64encode(sha256(b"%d %b" % (number, what)).digest()[:18]).decode()


def _refused(reason: str) -> InvalidParams:
    return InvalidParams(f"Invalid params: {_STATE_PATH}: {reason}", {"path": _STATE_PATH, "reason": reason})
