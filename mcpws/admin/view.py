"""View: all that there is to see of a running server, as every page asks for it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mcpws.admin.activity import Activity
from mcpws.admin.together import Part
from mcpws.policy.stats import ServerStatistics
from mcpws.seam.interfaces import Backend, unready_reason
from mcpws.turns.timing import Counted

STATUS_PATH = "/status"
"""Of the page, and of the WebSocket that feeds it."""

PLAYGROUND_PATH = "/playground"
"""Of the page in which the server is tried."""

DRAINING = "the service is shutting down"


@dataclass(frozen=True, slots=True)
class View:
    """What the pages look at.

    :param statistics: of the server, now.
    :param timings: of requests by their methods; `tools` of calls by the names of their tools.
    :param parts: the servers that it is made of; nothing where it is one.
    :param is_leaving: whether it lets nobody in any more.
    :param clock: of the server.
    """

    statistics: Callable[[], ServerStatistics]
    is_leaving: Callable[[], bool]
    backend: Backend
    activity: Activity
    timings: Counted
    tools: Counted
    clock: IReactorTime
    parts: Callable[[], Sequence[Part]] = tuple

    def unready(self) -> str | None:
        """Why new clients cannot be served now; None if they can."""
        return DRAINING if self.is_leaving() else unready_reason(self.backend)

    def lag(self) -> Deferred[float]:
        """Seconds that what is due at once has to wait now, since the reactor has other things to do."""
        began = time.perf_counter()
        waited: Deferred[float] = Deferred()
        self.clock.callLater(0, lambda: waited.callback(time.perf_counter() - began))
        return waited
