"""The requests of a modern client that wait for an answer, whoever works on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec import Raw

from mcpws.errors import BackendLost, McpwsError, RpcError
from mcpws.jsonrpc.messages import Answer, Error, Notification, Request, RequestId, Result, alike, with_id
from mcpws.mcp.methods import LISTEN
from mcpws.seam.interfaces import Link


class _Open(NamedTuple):
    desk: Desk
    cancel: Callable[[Notification], object]
    level: int | None
    token: RequestId | None
    listens: bool


class OpenRequests:
    """Open requests by their ids. Each is answered once; what comes for one that is not open goes nowhere."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._open: dict[RequestId, _Open] = {}
        self._id_type: type | None = None

    def desk(self) -> Desk:
        """A new share of them, for one server."""
        return Desk(self, self._open)

    def __contains__(self, id: RequestId | None) -> bool:
        return id in self._open

    def add(
        self, request: Request, token: RequestId | None, desk: Desk, cancel: Callable[[Notification], object]
    ) -> None:
        """Have another request, which has just come, on `desk`.

        :param token: for its progress, None for none.
        :param cancel: called with the `notifications/cancelled` if the client takes it back; no answer may follow.
        """
        kind = type(request.id)
        if kind is not self._id_type:
            self._id_type = kind if self._id_type is None else object
        self._open[request.id] = _Open(desk, cancel, None, token, request.method == LISTEN)

    def cancel(self, id: RequestId, notification: Notification) -> bool:
        """The client takes it back. False if it is not open here."""
        entry = self._open.pop(id, None)
        if entry is None:
            return False
        entry.cancel(notification)
        return True

    def pass_on(self, answer: Answer) -> None:
        """Answer it with what came from a server, as it came."""
        id = answer.id
        if id is not None and id not in self._open:
            # Not every server keeps the type of an id. It is understood where the client keeps to one.
            id = alike(id)
            if id is None or id not in self._open or type(id) is not self._id_type:
                return
            answer = with_id(answer, id)
        if id is not None:
            del self._open[id]
        self._link.send(answer)

    def answer(self, id: RequestId, result: Raw) -> None:
        """Answer it with success."""
        self.pass_on(Result(id, result))

    def fail(self, id: RequestId, error: RpcError) -> None:
        """Answer it with failure."""
        self.pass_on(Error.answering(id, error))

    def end_listening(self, id: RequestId | None) -> bool:
        """The server ends this subscription, which gets no answer. False if it is none that is open."""
        if id is None or not self.listens(id):
            return False
        del self._open[id]
        return True

    def listens(self, id: RequestId) -> bool:
        """Whether this is a subscription that is open."""
        entry = self._open.get(id)
        return entry is not None and entry.listens

    def reports(self, token: RequestId) -> bool:
        """Whether one of them gave this progress token."""
        return any(entry.token == token for entry in self._open.values())

    def forget(self) -> None:
        """The client is gone: none is answered any more."""
        self._open.clear()


class Desk:
    """Share of the open requests of a client that one server works on."""

    def __init__(self, requests: OpenRequests, open: dict[RequestId, _Open]) -> None:
        self._requests = requests
        self._open = open

    def __len__(self) -> int:
        return sum(entry.desk is self for entry in self._open.values())

    def take(self, id: RequestId, cancel: Callable[[Notification], object], level: int | None = None) -> None:
        """Have a request that is open, wherever it was until now.

        :param cancel: as for `OpenRequests.add`.
        :param level: of the log messages that the client wants to have with it, None for none.
        """
        self._open[id] = self._open[id]._replace(desk=self, cancel=cancel, level=level)

    def levels(self) -> list[int]:
        """Levels of the log messages that are wanted with these requests."""
        return [entry.level for entry in self._open.values() if entry.desk is self and entry.level is not None]

    def abandon(self, reason: McpwsError) -> None:
        """Answer them all with an error: nobody works on them any more."""
        error = reason if isinstance(reason, RpcError) else BackendLost("The server is gone")
        for id in [id for id, entry in self._open.items() if entry.desk is self]:
            self._requests.fail(id, error)
