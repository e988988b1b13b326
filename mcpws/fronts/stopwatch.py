"""The time that the requests of one conversation take, for the Timings of their server."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mcpws.jsonrpc.messages import Answer, Error, Request, RequestId, Result
from mcpws.mcp.methods import TOOLS_CALL
from mcpws.mcp.naming import IS_ERROR, has_failed, subject_of
from mcpws.turns.timing import Started, Timing, Timings


class Stopwatch:
    """Adds each request of a client that its backend answers to the Timing of its method, and of its tool.

    Requests that are refused before the backend has them, and those that are cancelled, are not among them.

    :param open: the client's requests that have no answer.
    """

    __slots__ = ("_open", "_timings", "_tools", "brief", "by_name", "failed", "started")

    def __init__(self, timings: Timings, open: Mapping[RequestId, object]) -> None:
        self.by_name = timings.by_name
        self._open = open
        self._timings = timings
        self._tools = timings.tools
        self.started: dict[RequestId, Started] = {}
        """Requests that have no answer yet. While there are none, it need not be told of results."""
        self.failed: list[RequestId] = []
        """Requests that were answered with an error, and of which `received` has yet to be told."""
        self.brief = timings.tools is None
        """Whether to count what was answered at once is all that `received` would do."""

    def received(self, request: Request) -> None:
        """The backend has been given a request, and may have answered it."""
        timing = self.by_name[request.method]
        if request.id in self._open:
            self._begin(request, timing)
        else:
            self._end_at_once(request, timing)

    def answered(self, answer: Answer) -> None:
        """The backend answers; told before anything else is done about it."""
        id = answer.id
        if id is None:
            return
        started = self.started.pop(id, None)
        if started is not None:
            started.ended(type(answer) is Error, started.tool is not None and says_is_error(answer))
        elif type(answer) is Error and id in self._open:
            self.failed.append(id)
            self.brief = False

    def _begin(self, request: Request, timing: Timing) -> None:
        if len(self.started) >= len(self._open):
            # Others were cancelled.
            self.started = {id: one for id, one in self.started.items() if id in self._open}
        self.started[request.id] = self._start(request, timing)

    def _end_at_once(self, request: Request, timing: Timing) -> None:
        failed = request.id in self.failed
        self.failed.clear()
        self.brief = self._tools is None
        if self._tools is None or request.method != TOOLS_CALL:
            timing.failed += failed
            timing.answered_at_once()
        else:
            self._start(request, timing).ended(failed)

    def _start(self, request: Request, timing: Timing) -> Started:
        tools, params = self._tools, request.params
        if tools is None or params is None or request.method != TOOLS_CALL:
            return timing.started()
        # As nearly everybody writes it; what is behind it may be long.
        begins = _begins_with_name(params)
        tool = None if begins is None else tools.by_encoded.get(begins[1])
        if tool is not None:
            return self._timings.started(timing, tool)
        name = subject_of(request.method, params) if begins is None else begins[1].decode()
        if name is None:
            return timing.started()
        tool = tools.by_name.get(name)
        return self._timings.started(timing, tool, name if tool is None else None)


def says_is_error(answer: Answer) -> bool:
    """Whether the result of a tool says that it has failed."""
    if type(answer) is not Result:
        return False
    data = answer.data or bytes(answer.result)
    return _SAYS_SO.search(data) is not None and has_failed(answer) if IS_ERROR in data else False


_begins_with_name = re.compile(rb'\{\s*"name"\s*:\s*"([A-Za-z0-9_.-]{1,128})"').match
_SAYS_SO = re.compile(rb'"isError"\s*:\s*true')
