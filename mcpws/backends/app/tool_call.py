"""`tools/call`: which tool is called with what, and what the client is told of it (MCP 2025-11-25, tools)."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct
from twisted.python.failure import Failure

from mcpws.backends.app.arguments import invalid_params, unknown
from mcpws.backends.app.catalog import Catalog
from mcpws.backends.app.channel import Scope
from mcpws.backends.app.failures import FunctionFailed
from mcpws.backends.app.tools import Tool, failed
from mcpws.errors import InvalidParams, McpwsError
from mcpws.jsonrpc.messages import EMPTY, NULL, Request, to_raw
from mcpws.jsonrpc.surrogates import mark, shown, unmark
from mcpws.mcp.content import ToolResult
from mcpws.mcp.versions import ARGUMENTS_ARE_PARAMETERS
from mcpws.turns.outcome import as_deferred, cause_of
from mcpws.turns.timing import Started, Timing

T = TypeVar("T")

LARGE = 16 * 1024
"""Bytes of a request from which on it pays to look for the name first."""


class ArgumentsMisfit(InvalidParams):
    """The call is as MCP has it, but its arguments do not fit the schema of `tool`."""

    def __init__(self, tool: Tool, error: InvalidParams) -> None:
        super().__init__(error.message, error.data)
        self.tool = tool


class ArgumentsFailed(Exception):
    """Code of a type of the arguments of `tool` raised `error`, which says nothing of what was sent."""

    def __init__(self, tool: Tool, error: BaseException) -> None:
        super().__init__(tool.name, error)
        self.tool = tool
        self.error = error


class _Call(Struct):
    name: str
    arguments: Raw = EMPTY


_decode_call = msgspec.json.Decoder(_Call).decode
_begins_with_name = re.compile(rb'\s*\{\s*"name"\s*:\s*"([A-Za-z0-9_.-]{1,128})"').match


def tool_call(*told: type[McpwsError]) -> Callable[[Scope, Request], object]:
    """The method that answers `tools/call`.

    :param told: errors that are for the model to read, in a result. So is that the function failed otherwise, but not
        why.
    """

    def result_of(error: BaseException | None) -> ToolResult:
        if isinstance(error, FunctionFailed):
            return error.result()
        if isinstance(error, told):
            return failed(error)
        assert error is not None
        raise error

    def tell(failure: Failure) -> ToolResult | Failure:
        error = cause_of(failure)
        return result_of(error) if isinstance(error, (FunctionFailed, *told)) else failure

    def answer(scope: Scope, request: Request) -> object:
        try:
            tool, values = read_tool_call(scope.catalog, request)
        except ArgumentsMisfit as error:
            _count(error.tool.timing, failed=True)
            if scope.client.version in ARGUMENTS_ARE_PARAMETERS:
                raise
            return failed(error)
        except ArgumentsFailed as error:
            _count(error.tool.timing, failed=True)
            return result_of(scope.told(error.error, error.tool.signature))
        timing = tool.timing
        try:
            outcome = scope.run(tool.signature, values, request, tool.result)
        except FunctionFailed as error:
            _count(timing, failed=True)
            return error.result()
        except told as error:
            _count(timing, failed=True)
            return failed(error)
        if type(outcome) is ToolResult:
            if timing is not None:
                if outcome.is_error:
                    timing.failed += 1
                if timing.pending:
                    timing.pending += 1
                else:
                    timing.answered_at_once()
            return outcome
        later = as_deferred(outcome)
        if later is None:
            _count(timing)
            return outcome
        if timing is not None:
            later.addBoth(_ended, timing.started())
        return later.addErrback(tell)

    return answer


def _count(timing: Timing | None, failed: bool = False) -> None:
    if timing is not None:
        timing.failed += failed
        timing.answered_at_once()


def _ended(outcome: T, started: Started) -> T:
    """Callback that counts a call which was not answered at once, and passes its outcome on."""
    started.ended(isinstance(outcome, Failure) or (isinstance(outcome, ToolResult) and outcome.is_error))
    return outcome


def read_tool_call(catalog: Catalog, request: Request) -> tuple[Tool, tuple[Any, ...]]:
    """The tool, and what its function is to be called with.

    :raises ArgumentsMisfit: the arguments are an object, but do not fit.
    :raises ArgumentsFailed: it could not be found out whether they do.
    :raises InvalidParams: there is no such tool, or this is no call of one.
    """
    if request.data is not None and len(request.data) >= LARGE and request.params is not None:
        at_once = _read_at_once(catalog, request.params)
        if at_once is not None:
            return at_once
    # What a `reader` does, without its two calls: most requests come here.
    raw = EMPTY if request.params is None else request.params
    try:
        params = _decode_call(raw)
    except (ValueError, RecursionError) as error:
        read = _read_with_halves(raw)
        if read is None:
            raise invalid_params(error, "$") from None
        params = read
    tool = catalog.tools.get(params.name)
    if tool is None:
        raise unknown("tool", "$.name", params.name)
    try:
        return tool, tool.arguments.decode(params.arguments, "$.arguments")
    except InvalidParams as error:
        if params.arguments == NULL:
            # The same as none.
            return read_tool_call(catalog, Request(request.id, request.method, to_raw({"name": params.name})))
        if not bytes(params.arguments).startswith(b"{"):
            raise
        raise ArgumentsMisfit(tool, error) from None
    except BaseException as error:
        raise ArgumentsFailed(tool, error) from None


def _read_with_halves(raw: Raw) -> _Call | None:
    """The call, if halves of surrogate pairs are in its arguments, or in what is not looked at; None if it is none."""
    marked = mark(raw)
    try:
        call = None if marked is None else _decode_call(marked)
    except (ValueError, RecursionError):
        return None
    return None if call is None else _Call(shown(call.name), unmark(call.arguments))


def _read_at_once(catalog: Catalog, params: Raw) -> tuple[Tool, tuple[Any, ...]] | None:
    """Tool and values in one pass, by the type of the tool that is named first; None where that does not do.

    Otherwise the first pass has to go through the arguments only to see where they end, and a mebibyte takes 0.18 ms.
    """
    named = _begins_with_name(params)
    tool = None if named is None else catalog.tools.get(named[1].decode())
    if tool is None:
        return None
    try:
        read = tool.arguments.decode_call(params)
    except BaseException as error:
        raise ArgumentsFailed(tool, error) from None
    # Of a name that is there twice, the last one counts.
    return None if read is None or read[0] != tool.name else (tool, read[1])
