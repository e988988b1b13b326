"""Rounds of a request whose server may first require input (MCP 2026-07-28, multi round-trip requests).

Whoever sends the request asks after each answer what is next: the result is final, or it is to be sent again with the
input that was required, or the result is of no use. What is checked first is the same for all; they word their errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, NamedTuple

from msgspec import Raw, UnsetType

from mcpws.jsonrpc.messages import NULL
from mcpws.jsonrpc.surrogates import reader, unmark
from mcpws.mcp.methods import MAY_ASK
from mcpws.mcp.schema import (
    COMPLETE_RESULT,
    INPUT_REQUIRED,
    INPUT_RESPONSES,
    REQUEST_STATE,
    InputRequest,
    InputRequiredResult,
)

FIRST_PAUSE = 0.05
"""Seconds before a request is sent again for a server that asks nothing; each such pause is twice the last round's."""

_read_required = reader(InputRequiredResult[Raw])


class Fault(Enum):
    """Reason for which a result is of no use; the first that holds counts."""

    UNKNOWN_TYPE = auto()
    MAY_NOT_ASK = auto()
    TOO_OFTEN = auto()
    MALFORMED = auto()


class Unusable(NamedTuple):
    """Verdict on a result of no use: `detail` is its type, the method, the limit, or what is malformed."""

    fault: Fault
    detail: str


class Round(NamedTuple):
    """Input that a server requires: the answers to its `questions`, if it asks any, and its `state` as it was.

    `questions` is None where the result had no place for any. `pause` is the seconds to wait if there are none.
    Strings and Raws have marks, as a `surrogates.reader` makes them, but for `state`.
    """

    questions: dict[str, InputRequest] | None
    state: Raw | None
    pause: float

    def params(self, params: Mapping[str, Any], responses: object | None) -> dict[str, Any]:
        """`params` of the request with what the next try has besides; no responses where they are None."""
        added = {INPUT_RESPONSES: responses, REQUEST_STATE: self.state}
        return {**params, **{name: value for name, value in added.items() if value is not None}}


class InputRounds:
    """Count of the rounds of one request.

    :param most: how often its server may require input.
    :param longest_pause: seconds.
    """

    def __init__(self, method: str, most: int, longest_pause: float) -> None:
        self.taken = 0
        self._method = method
        self._most = most
        self._longest_pause = longest_pause

    def next(self, type: str | None, result: Raw) -> Round | Unusable | None:
        """Verdict on a result whose `resultType` is `type`, None where it has none; None if it is final."""
        if type is None or type == COMPLETE_RESULT:
            return None
        if type != INPUT_REQUIRED:
            return Unusable(Fault.UNKNOWN_TYPE, type)
        if self._method not in MAY_ASK:
            return Unusable(Fault.MAY_NOT_ASK, self._method)
        if self.taken == self._most:
            return Unusable(Fault.TOO_OFTEN, str(self._most))
        try:
            required = _read_required(result)
        except ValueError as error:
            return Unusable(Fault.MALFORMED, str(error))
        questions, given = required.input_requests, required.request_state
        state = None if isinstance(given, UnsetType) or given == NULL else unmark(given)
        if questions is None and state is None:
            return Unusable(Fault.MALFORMED, "it asks for input, but has neither inputRequests nor requestState")
        pause = min(FIRST_PAUSE * 2**self.taken, self._longest_pause)
        self.taken += 1
        return Round(questions, state, pause)
