"""Backpressure for methods: wait until the client can take more."""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed

from mcpws.errors import McpwsError


class Gate:
    """Open at first. While it is shut, whoever asks waits."""

    __slots__ = ("_ended", "_open", "_waiting")

    def __init__(self) -> None:
        self._open = True
        self._ended: McpwsError | None = None
        self._waiting: list[Deferred[None]] = []

    def wait(self) -> Deferred[None]:
        """Fires when the gate is open, at once if it is; fails once the gate has ended. May be cancelled."""
        if self._ended is not None:
            return fail(self._ended)
        if self._open:
            return succeed(None)
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def shut(self) -> None:
        """Let nobody through until `open`."""
        self._open = False

    def open(self) -> None:
        """Let through who waits, in order, as long as none of them makes somebody shut the gate again."""
        self._open = True
        while self._open and self._waiting:
            self._waiting.pop(0).callback(None)

    def end(self, reason: McpwsError) -> None:
        """Fail who waits, and whoever comes later."""
        self._ended = reason
        while self._waiting:
            self._waiting.pop(0).errback(reason)
