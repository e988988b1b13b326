"""The time that the requests of one conversation take, for the Timings of their server."""

from __future__ import annotations

from collections.abc import Mapping

from mcpws.jsonrpc.messages import Answer, Error, Request, RequestId
from mcpws.turns.timing import Started, Timing, Timings


class Stopwatch:
    """Adds each request of a client that its backend answers to the Timing of its method.

    Requests that are refused before the backend has them, and those that are cancelled, are not among them.

    :param open: the client's requests that have no answer.
    """

    __slots__ = ("_open", "_timings", "by_name", "failed", "started")

    def __init__(self, timings: Timings, open: Mapping[RequestId, object]) -> None:
        self._timings = timings
        self.by_name = timings.by_name
        self._open = open
        self.started: dict[RequestId, Started] = {}
        """Requests that have no answer yet. While there are none, it need not be told of results."""
        self.failed: list[RequestId] = []
        """Requests that were answered with an error, and of which `received` has yet to be told."""

    def received(self, request: Request) -> None:
        """The backend has been given a request, and may have answered it."""
        timing = self.by_name[request.method]
        if request.id in self._open:
            self._begin(request.id, timing)
        else:
            self._end_at_once(request.id, timing)

    def answered(self, answer: Answer) -> None:
        """The backend answers; told before anything else is done about it."""
        id = answer.id
        if id is None:
            return
        started = self.started.pop(id, None)
        if started is not None:
            started.timing.failed += type(answer) is Error
            self._timings.answered(started)
        elif type(answer) is Error and id in self._open:
            self.failed.append(id)

    def _begin(self, id: RequestId, timing: Timing) -> None:
        if len(self.started) >= len(self._open):
            # Others were cancelled.
            self.started = {id: one for id, one in self.started.items() if id in self._open}
        self.started[id] = self._timings.started(timing)

    def _end_at_once(self, id: RequestId, timing: Timing) -> None:
        timing.failed += id in self.failed
        self.failed.clear()
        if timing.pending:
            timing.pending += 1
        else:
            self._timings.answered_at_once(timing)
