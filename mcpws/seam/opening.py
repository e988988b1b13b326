"""The time between `Backend.open` and its outcome, in which whoever asked may cease to want it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.errors import BackendLost, McpwsError
from mcpws.seam.interfaces import Backend, Channel, Link

log = Logger()


class Opening:
    """A channel that is on its way.

    One of `opened` and `failed` is called, once, perhaps from within `begin`; neither after `forget` or `give_up`.

    :param opened: takes the channel.
    :param failed: takes why there is none. What a backend raises that is no McpwsError is logged, and here a
        BackendLost.
    :param unforeseen: its text then.
    """

    __slots__ = ("_attempt", "_failed", "_given_up", "_opened", "_over", "_unforeseen", "_unwanted")

    def __init__(
        self,
        opened: Callable[[Channel], None],
        failed: Callable[[McpwsError], None],
        unforeseen: str = "The backend could not begin the conversation",
    ) -> None:
        self._opened = opened
        self._failed = failed
        self._unforeseen = unforeseen
        self._attempt: Deferred[None] | None = None
        self._unwanted: str | None = None
        self._given_up = False
        self._over = False

    def begin(self, backend: Backend, link: Link) -> None:
        """Ask `backend` for a channel; once."""
        attempt = maybeDeferred(backend.open, link).addCallbacks(self._came, self._came_not)
        if not self._over:
            self._attempt = attempt
            if self._given_up:
                attempt.cancel()

    def forget(self, reason: str) -> None:
        """Want it no more, as its backend says that it is lost: a channel that comes after that is closed."""
        if self._unwanted is None:
            self._unwanted = reason

    def give_up(self, reason: str) -> None:
        """Want it no more, and cancel the attempt; a channel that comes none the less is closed for `reason`."""
        self.forget(reason)
        self._given_up = True
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.cancel()

    def _came(self, channel: Channel) -> None:
        self._over, self._attempt = True, None
        if self._unwanted is None:
            self._opened(channel)
        else:
            channel.close(self._unwanted)

    def _came_not(self, failure: Failure) -> None:
        self._over, self._attempt = True, None
        reason = failure.value
        if self._unwanted is not None and isinstance(reason, CancelledError):
            return
        if not isinstance(reason, McpwsError):
            log.failure("a backend could not open a conversation", failure=failure)
            reason = BackendLost(self._unforeseen)
        if self._unwanted is None:
            self._failed(reason)
