"""The question of which era a server is of (MCP 2026-07-28, stdio, backward compatibility)."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from mcpws.jsonrpc.messages import Answer, Error, Message, Request, Result
from mcpws.mcp.discovery import PROBE_PARAMS
from mcpws.mcp.methods import DISCOVER
from mcpws.turns.timer import Timer


class Probe:
    """Asks a server `server/discover`; `begin` does, once whoever gets the answer can give it to `take`.

    :param send: takes the request. No client can know its id, so it is in nobody's way.
    :param timeout: seconds for the answer.
    :param done: called with the answer, or with None when the time is up; then once more if it comes after all.
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        clock: IReactorTime,
        timeout: float,
        done: Callable[[Answer | None], None],
    ) -> None:
        self._id = f"mcpws-{secrets.token_hex(8)}"
        self._send = send
        self._done = done
        self._timer = Timer(clock)
        self._timer.set(timeout, done, None)

    def begin(self) -> None:
        """Ask."""
        self._send(Request(self._id, DISCOVER, PROBE_PARAMS))

    def take(self, message: Message) -> bool:
        """Whether this is the answer, and nobody else's business."""
        if not isinstance(message, (Result, Error)) or message.id != self._id:
            return False
        self.stop()
        self._done(message)
        return True

    def stop(self) -> None:
        """Wait no more."""
        self._timer.stop()
