"""The requests of a modern client that wait for an answer, whoever works on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Raw

from mcpws.core.messages import Answer, Error, Notification, RequestId, Result
from mcpws.errors import BackendLost, McpwsError, RpcError
from mcpws.interfaces import Link


class _Open(NamedTuple):
    worker: object
    cancel: Callable[[Notification], None]
    level: int | None


class OpenRequests:
    """By their ids. Each is answered once; what comes for one that is not open goes nowhere."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._open: dict[RequestId, _Open] = {}

    def add(
        self, id: RequestId, worker: object, cancel: Callable[[Notification], None], level: int | None = None
    ) -> None:
        """Or hand it to another worker.

        :param cancel: called with the `notifications/cancelled` if the client takes it back; no answer may follow.
        :param level: of the log messages that the client wants to have with it, None for none.
        """
        self._open[id] = _Open(worker, cancel, level)

    def cancel(self, id: RequestId, notification: Notification) -> bool:
        """The client takes it back. False if it is not open here."""
        entry = self._open.pop(id, None)
        if entry is None:
            return False
        entry.cancel(notification)
        return True

    def pass_on(self, answer: Answer) -> None:
        """Answer it with what came from a server, as it came."""
        if answer.id is None or self._open.pop(answer.id, None) is not None:
            self._link.send(answer)

    def answer(self, id: RequestId, result: Raw) -> None:
        """Answer it with success."""
        self.pass_on(Result(id, result))

    def fail(self, id: RequestId, error: RpcError) -> None:
        """Answer it with failure."""
        self.pass_on(Error.answering(id, error))

    def refuse(self, id: RequestId, error: RpcError) -> None:
        """Answer a request with failure whether anybody has taken it on or not."""
        self._open.pop(id, None)
        self._link.send(Error.answering(id, error))

    def forget(self, id: RequestId | None) -> None:
        """It gets no answer."""
        if id is not None:
            self._open.pop(id, None)

    def abandon(self, worker: object, reason: McpwsError) -> None:
        """Nobody works any more on what this worker did."""
        error = reason if isinstance(reason, RpcError) else BackendLost("The server is gone")
        for id in [id for id, entry in self._open.items() if entry.worker is worker]:
            self.fail(id, error)

    def of(self, worker: object) -> int:
        """How many it works on."""
        return sum(entry.worker is worker for entry in self._open.values())

    def levels(self, worker: object) -> list[int]:
        """Of the log messages that are wanted with what it works on."""
        return [entry.level for entry in self._open.values() if entry.worker is worker and entry.level is not None]
