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

    __slots__ = ("_open", "_tools", "brief", "by_name", "failed", "started")

    def __init__(self, timings: Timings, open: Mapping[RequestId, object]) -> None:
        self.by_name = timings.by_name
        self._open = open
        self._tools = timings.tools
        self.started: dict[RequestId, tuple[Started, ...]] = {}
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
            failed = type(answer) is Error
            started[0].ended(failed)
            if len(started) > 1:
                started[1].ended(failed or says_is_error(answer))
        elif type(answer) is Error and id in self._open:
            self.failed.append(id)
            self.brief = False

    def _begin(self, request: Request, timing: Timing) -> None:
        if len(self.started) >= len(self._open):
            # Others were cancelled.
            self.started = {id: one for id, one in self.started.items() if id in self._open}
        tool = None if self._tools is None else tool_of(request)
        if tool is None or self._tools is None:
            self.started[request.id] = (timing.started(),)
        else:
            self.started[request.id] = (timing.started(), self._tools.started_as(tool))

    def _end_at_once(self, request: Request, timing: Timing) -> None:
        failed = request.id in self.failed
        self.failed.clear()
        self.brief = self._tools is None
        timing.failed += failed
        timing.answered_at_once()
        tool = None if self._tools is None else tool_of(request)
        if tool is not None and self._tools is not None:
            self._tools.started_as(tool).ended(failed)


def says_is_error(answer: Answer) -> bool:
    """Whether the result of a tool says that it has failed."""
    return type(answer) is Result and IS_ERROR in (answer.data or bytes(answer.result)) and has_failed(answer)


def tool_of(request: Request) -> str | None:
    """The name of the tool that is called; None of other requests, and of calls that name none."""
    if request.method != TOOLS_CALL or request.params is None:
        return None
    # As nearly everybody writes it; what is behind it may be long.
    begins = _begins_with_name(request.params)
    return subject_of(request.method, request.params) if begins is None else begins[1].decode()


_begins_with_name = re.compile(rb'\{\s*"name"\s*:\s*"([A-Za-z0-9_.-]{1,128})"').match
