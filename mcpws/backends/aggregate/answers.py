"""Answers of an aggregate: those that are made of several, and those that it gives by itself."""

from __future__ import annotations

import msgspec
from msgspec import Raw, Struct

from mcpws.backends.aggregate.merging import Answered, merged_list
from mcpws.backends.aggregate.rewriting import decoded
from mcpws.errors import BackendLost, InvalidParams, MethodNotFound, ResourceNotFound, RpcError
from mcpws.jsonrpc.members import members_of
from mcpws.jsonrpc.messages import EMPTY, Error, ErrorObject, Message, Request, RequestId, Result, put_together
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.levels import Level
from mcpws.mcp.meta import read_modern
from mcpws.mcp.methods import BY_NAME, PROMPTS_GET
from mcpws.mcp.schema import ProtocolVersion
from mcpws.mcp.versions import LEGACY_VERSIONS


class _SetLevel(Struct):
    level: Level


_read_level = reader(_SetLevel)


def listed(method: str, goes_on: bool, id: RequestId, answered: Answered, errors: list[ErrorObject]) -> Message:
    """The answer to a request for a list; what one server does not have is no reason to tell nothing of the others.

    :param goes_on: whether it has begun with another answer: then it is not to end as if that were all.
    """
    failed = [error for error in errors if error.code != MethodNotFound.code]
    if answered and not (goes_on and failed):
        return Result(id, merged_list(method, answered, not failed))
    return refusal(id, errors) if errors else Error.answering(id, MethodNotFound(method))


def nothing_to_say(id: RequestId, answered: Answered, errors: list[ErrorObject]) -> Message:
    """The answer to what is only done."""
    return Result(id, EMPTY) if answered or not errors else refusal(id, errors)


def refusal(id: RequestId, errors: list[ErrorObject]) -> Message:
    """The answer where no server has given one that is of use."""
    if errors:
        return Error(id, errors[0])
    return Error.answering(id, BackendLost("None of the servers can be reached"))


def not_found(request: Request) -> RpcError:
    """What a client is told that names no server."""
    members = members_of(request.params)
    if request.method in BY_NAME:
        kind = "prompt" if request.method == PROMPTS_GET else "tool"
        name = decoded(members["name"]) if "name" in members else None
        reason = f"no such {kind}: {name}"
        return InvalidParams(f"Invalid params: $.name: {reason}", {"path": "$.name", "reason": reason})
    if "uri" in members:
        missing = ResourceNotFound(str(decoded(members["uri"])))
        # By MCP 2026-07-28 it has no code of its own.
        return missing if read_modern(request) is None else InvalidParams(missing.message, missing.data)
    reason = "names none of the servers"
    return InvalidParams(f"Invalid params: $.ref: {reason}", {"path": "$.ref", "reason": reason})


def uri_in(request: Request) -> str:
    """The URI that a request names."""
    return str(decoded(members_of(request.params)["uri"]))


def logged_by(server: str, params: Raw | None) -> Raw:
    """Parameters of a log message, with the name of the server before that of its logger."""
    members = members_of(params)
    logger = decoded(members["logger"]) if "logger" in members else None
    members["logger"] = f"{server}.{logger}" if isinstance(logger, str) else server
    return put_together(members)


def version_for(params: Raw | None) -> str:
    """The protocol version of a conversation: the one that the client asks for, if there is such a one."""
    try:
        asked = msgspec.json.decode(params or b"{}", type=ProtocolVersion).protocol_version
    except ValueError:
        asked = ""
    return asked if asked in LEGACY_VERSIONS else LEGACY_VERSIONS[-1]


def check_level(request: Request) -> None:
    """Raise InvalidParams unless a `logging/setLevel` names a level that there is."""
    try:
        _read_level(request.params or b"{}")
    except ValueError as error:
        raise InvalidParams(f"Invalid params: $.level: {error}", {"path": "$.level", "reason": str(error)}) from None
