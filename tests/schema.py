"""Whether a message is what the schema of its protocol version says, by the official types."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import pytest
from mcp_types.jsonrpc import JSONRPCError, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse
from mcp_types.methods import (
    MONOLITH_NOTIFICATIONS,
    MONOLITH_REQUESTS,
    parse_client_notification,
    parse_client_request,
    parse_client_result,
    parse_server_notification,
    parse_server_request,
    parse_server_result,
)
from pydantic import BaseModel

from tests.emitted import About, Emission, Sender

Json = dict[str, Any]

REQUESTS = {"client": parse_client_request, "server": parse_server_request}
NOTIFICATIONS = {"client": parse_client_notification, "server": parse_server_notification}
RESULTS = {"client": parse_client_result, "server": parse_server_result}

MAX_COMPLAINTS = 10
"""Of one test."""

SHOWN = 600
"""Characters of a message in a complaint."""


@lru_cache(2048)
def complaint(emission: Emission, bodies: bool = True) -> str | None:
    """What is wrong with a message, in words; None if nothing is.

    Of methods that MCP does not have there is nothing to check but the envelope; without `bodies` of none.
    """
    message: Json = json.loads(emission.message)
    problem = _problem(message, emission, bodies)
    if problem is None:
        return None
    about = " or ".join(f"{one.method} of {one.version}" for one in emission.about) or "nothing that was asked"
    text = emission.message.decode("utf-8", "replace")
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
    return f"the {emission.sender} sent what is not valid, about {about}: {problem}\n{shown}"


def complaints_about(emissions: Iterable[Emission], exempt: pytest.Mark | None) -> list[str]:
    """What is wrong with these messages; of messages that a test's `not_mcp` exempts, only with their envelopes.

    It exempts what is only passed on, and with `made=True` also what is made here, of what the test gave.
    """
    found = [
        complaint(one, exempt is None or not (one.passed_on or exempt.kwargs.get("made", False))) for one in emissions
    ]
    complaints = list(dict.fromkeys(one for one in found if one is not None))
    more = len(complaints) - MAX_COMPLAINTS
    return complaints if more <= 0 else [*complaints[:MAX_COMPLAINTS], f"and {more} more"]


def _problem(message: Json, emission: Emission, bodies: bool) -> str | None:
    sender = emission.sender
    if "error" in message:
        # The types want the id there and null where the schema, in all versions, lets it be left out.
        return _refusal(JSONRPCError.model_validate, {"id": None, **message})
    if "method" in message:
        [about] = emission.about
        envelope: type[BaseModel] = JSONRPCRequest if "id" in message else JSONRPCNotification
        if not bodies:
            return _refusal(envelope.model_validate, {**message, "params": {}})
        if about.method not in (_REQUESTS if "id" in message else _NOTIFICATIONS):
            # JSON-RPC lets parameters be named or in order.
            params = message.get("params", {})
            return _refusal(envelope.model_validate, {**message, "params": {} if isinstance(params, list) else params})
        parse = (REQUESTS if "id" in message else NOTIFICATIONS)[sender]
        envelope_problem = _refusal(envelope.model_validate, message)
        return envelope_problem or _refusal(parse, about.method, about.version, message.get("params"))
    if not bodies:
        return _refusal(JSONRPCResponse.model_validate, {**message, "result": {}})
    if not emission.about:
        return "it answers no request"
    problems = [_result_problem(message, sender, about) for about in emission.about]
    return None if None in problems else problems[-1]


def _result_problem(message: Json, sender: Sender, about: About) -> str | None:
    if about.method not in _REQUESTS:
        # JSON-RPC lets the result of such a method be anything.
        return _refusal(JSONRPCResponse.model_validate, {**message, "result": {}})
    envelope = _refusal(JSONRPCResponse.model_validate, message)
    return envelope or _refusal(RESULTS[sender], about.method, about.version, message["result"])


_REQUESTS = MONOLITH_REQUESTS.keys()
_NOTIFICATIONS = MONOLITH_NOTIFICATIONS.keys()


def _refusal(check: Callable[..., object], *arguments: Any) -> str | None:
    try:
        check(*arguments)
    except KeyError:
        return f"there is no {arguments[0]} from this side in {arguments[1]}"
    except ValueError as error:
        return str(error)
    return None
