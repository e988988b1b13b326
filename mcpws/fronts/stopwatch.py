"""The time that the requests of one conversation take, for the Timings of their server."""

from __future__ import annotations

import re
from collections.abc import Mapping

from mcpws.jsonrpc.messages import Answer, Error, Request, RequestId, Result
from mcpws.mcp.methods import TOOLS_CALL
from mcpws.mcp.naming import IS_ERROR, has_failed, subject_of
from mcpws.turns.burst import burst
from mcpws.turns.timing import OTHER, Started, Timing, Timings

SMALL = 2048
"""Bytes of a request up to which it is quicker to look at its beginning than to parse it."""


class Stopwatch:
    """Adds each request of a client that its backend answers to the Timing of its method, and of its tool.

    Requests that are refused before the backend has them, and those that are cancelled, are not among them. Every
    message passes here, so what is like the last one calls nothing further.

    :param open: the client's requests that have no answer.
    """

    __slots__ = (
        "_begins",
        "_last",
        "_method",
        "_open",
        "_timings",
        "_tools",
        "brief",
        "by_name",
        "failed",
        "other",
        "started",
    )

    def __init__(self, timings: Timings, open: Mapping[RequestId, object]) -> None:
        self._timings = timings
        self.by_name = timings.by_name
        self.other = timings.of(OTHER)
        self._open = open
        self._tools = timings.tools
        self._last: Started | None = None
        self._method = ""
        self._begins = b""
        self.started: dict[RequestId, Started] = {}
        """Requests that have no answer yet. While there are none, it need not be told of results."""
        self.failed: list[RequestId] = []
        """Requests that were answered with an error, and of which `received` has yet to be told."""
        self.brief = timings.tools is None
        """Whether to count what was answered at once is all that `received` would do."""

    def received(self, request: Request) -> None:
        """The backend has been given a request, and may have answered it."""
        id = request.id
        if id not in self._open:
            self._end_at_once(request)
            return
        last = self._last
        if (
            last is not None
            and last.began == burst.began
            and request.method == self._method
            and burst.is_on
            and len(self.started) < len(self._open)
        ):
            data = request.data
            if not self._begins or (
                data is not None and len(data) <= SMALL and bytes(request.params or b"").startswith(self._begins)
            ):
                self.started[id] = last
                return
        if len(self.started) >= len(self._open):
            # Others were cancelled.
            self.started = {id: one for id, one in self.started.items() if id in self._open}
        self.started[id] = self._start(request, self._timings.of(request.method))

    def answered(self, answer: Answer) -> None:
        """The backend answers; told before anything else is done about it."""
        id = answer.id
        if id is None:
            return
        started = self.started.pop(id, None)
        if started is None:
            if type(answer) is Error and id in self._open:
                self.failed.append(id)
                self.brief = False
        elif type(answer) is Error:
            started.ended(failed=True)
        elif started.tool is not None and says_is_error(answer):
            started.ended(failed=False, tool_failed=True)
        elif started.answered and started.new is None:
            started.answered += 1
        else:
            started.ended(failed=False)

    def _end_at_once(self, request: Request) -> None:
        timing = self._timings.of(request.method)
        failed = request.id in self.failed
        self.failed.clear()
        self.brief = self._tools is None
        if self._tools is None or request.method != TOOLS_CALL:
            timing.failed += failed
            timing.answered_at_once()
        else:
            self._start(request, timing).ended(failed)

    def _start(self, request: Request, timing: Timing) -> Started:
        """The beginning of a request, and what to know the next one by that is like it."""
        tools, params = self._tools, request.params
        self._last, self._method, self._begins = None, request.method, b""
        if tools is None or request.method != TOOLS_CALL or params is None:
            self._last = timing.started()
            return self._last
        # As nearly everybody writes it; what is behind it may be long.
        begins = _begins_with_name(params)
        name = subject_of(request.method, params) if begins is None else begins[1].decode()
        if name is None:
            return timing.started()
        tool = tools.by_name.get(name)
        if tool is None:
            return self._timings.started(timing, None, name)
        started = self._timings.started(timing, tool)
        if begins is not None:
            self._last, self._begins = started, begins[0]
        return started


def says_is_error(answer: Answer) -> bool:
    """Whether the result of a tool says that it has failed."""
    if type(answer) is not Result:
        return False
    data = answer.data or bytes(answer.result)
    if data.endswith(_NO_AT_END) or IS_ERROR not in data:
        # Nearly all: nearly everybody says last that nothing failed, or nowhere.
        return False
    return has_failed(answer)


_begins_with_name = re.compile(rb'\{\s*"name"\s*:\s*"([A-Za-z0-9_.-]{1,128})"').match
_NO_AT_END = IS_ERROR + b":false}}"
