"""The carrier of a client that has none: what is for it waits until it is there again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from mcpws.core.backlog import OVERHEAD
from mcpws.core.counters import Counters
from mcpws.errors import McpwsError
from mcpws.jsonrpc.messages import Message
from mcpws.seam.interfaces import Carrier


class Away:
    """Keeps, in order, what a client gets when it comes back, and what its next carrier has to be told.

    :param max_bytes: of what is kept, about; over it `on_full` is called, once: nothing more should come.
    :param max_more: bytes over that; when they come all the same, all is dropped, counted, and nothing kept any more.
    :param on_end: takes why there is no use in waiting on; called once, after what was dropped, or when `idle`.
    """

    behind = True
    """Always: what a later message makes worthless is overtaken, as for a client that does not read."""

    def __init__(
        self,
        max_bytes: int,
        max_more: int,
        counters: Counters,
        on_full: Callable[[], None],
        on_end: Callable[[str], None],
    ) -> None:
        self.full = False
        """Whether `on_full` was called."""
        self.lost: McpwsError | None = None
        """Why the backend is gone, if it is."""
        self._max_bytes = max_bytes
        self._max_more = max_more
        self._counters = counters
        self._on_full = on_full
        self._on_end: Callable[[str], None] | None = on_end
        self._kept: deque[tuple[Message, bytes]] = deque()
        self._size = 0
        self._limits: dict[str, None] = {}
        self._overflowed = False

    def hand_over(self, carrier: Carrier) -> None:
        """Give `carrier` all that was kept, and what comes while it takes that."""
        while self._kept:
            message, data = self._kept.popleft()
            self._size -= len(data) + OVERHEAD
            carrier.deliver(message, data)
        for setting in self._limits:
            carrier.limited(setting)

    # interfaces.Carrier

    def deliver(self, message: Message, data: bytes) -> None:
        if self._overflowed:
            self._counters.dropped += 1
            return
        self._kept.append((message, data))
        self._size += len(data) + OVERHEAD
        if self._size > self._max_bytes + self._max_more:
            self._overflowed = True
            self._counters.dropped += len(self._kept)
            self._kept.clear()
            self._end("too much waits for a client that is away")
        elif self._size > self._max_bytes and not self.full:
            self.full = True
            self._on_full()

    def limited(self, setting: str) -> None:
        self._limits[setting] = None

    def pause_reading(self) -> None:
        """Nothing comes from who is away; the front tells the next carrier."""

    def resume_reading(self) -> None:
        """As for `pause_reading`."""

    def backend_began(self) -> None:
        """As for `pause_reading`."""

    def backend_lost(self, reason: McpwsError) -> None:
        self.lost = reason

    def idle(self) -> None:
        self._end("all is answered, and no more requests are taken")

    def _end(self, reason: str) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(reason)
