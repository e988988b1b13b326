"""Requests of a client that wait for an answer: of one server, or of several, which come to one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from msgspec import Raw
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mcpws.backends.aggregate.member import Member
from mcpws.backends.aggregate.merging import Answered
from mcpws.backends.aggregate.rewriting import shown_result
from mcpws.errors import BackendLost, RpcError
from mcpws.jsonrpc.messages import (
    Answer,
    Error,
    ErrorObject,
    Message,
    Notification,
    Request,
    RequestId,
    Result,
    put_together,
    with_id,
)
from mcpws.mcp.meta import read_meta
from mcpws.mcp.methods import CANCELLED, INITIALIZE

Send = Callable[[Message], None]


class Pending(Protocol):
    """One such request."""

    @property
    def token(self) -> RequestId | None:
        """Under which its client wants to hear of its progress."""

    @property
    def members(self) -> Collection[Member]:
        """Those of which something may still come."""

    def answered(self, member: Member, answer: Answer) -> bool:
        """One of them has answered; whether the request is over with that."""

    def gone(self, member: Member, reason: RpcError) -> bool:
        """One of them is gone; whether the request is over with that."""

    def stop(self) -> None:
        """It is over: the client does not wait any more, or is gone."""


class Routed:
    """A request that one server answers."""

    __slots__ = ("_id", "_member", "_method", "_send", "token")

    def __init__(self, request: Request, member: Member, send: Send) -> None:
        self.token = read_meta(request).progress_token
        self._id = request.id
        self._method = request.method
        self._member = member
        self._send = send

    @property
    def members(self) -> Collection[Member]:
        return (self._member,)

    def answered(self, member: Member, answer: Answer) -> bool:
        if type(answer) is Result:
            shown = shown_result(self._method, answer, answer.result, member.name)
            if shown is not None:
                answer = Result(self._id, shown)
        self._send(answer if answer.id == self._id else with_id(answer, self._id))
        return True

    def gone(self, member: Member, reason: RpcError) -> bool:
        self._send(Error.answering(self._id, reason))
        return True

    def stop(self) -> None:
        """Nothing is left of it."""


class Gathered:
    """A request that goes to several servers, and is answered once all have answered, or are gone, or are too slow.

    :param finish: makes one answer of theirs; of the errors where there are only those.
    :param late: is told of one whose answer was waited for in vain.
    :param over: called once the request is over because they are too slow.
    """

    def __init__(
        self,
        request: Request,
        members: Collection[Member],
        finish: Callable[[RequestId, Answered, list[ErrorObject]], Message],
        *,
        send: Send,
        clock: IReactorTime,
        timeout: float,
        late: Callable[[Member], None],
        over: Callable[[RequestId], None],
    ) -> None:
        self.token = read_meta(request).progress_token
        self._id = request.id
        self._method = request.method
        self._order = [member.name for member in members]
        self._waiting = dict.fromkeys(members)
        self._results: dict[str, Raw] = {}
        self._errors: list[ErrorObject] = []
        self._finish = finish
        self._send = send
        self._late = late
        self._over = over
        self._timeout: IDelayedCall | None = clock.callLater(timeout, self._too_slow)

    @property
    def members(self) -> Collection[Member]:
        return tuple(self._waiting)

    def answered(self, member: Member, answer: Answer) -> bool:
        if type(answer) is Result:
            self._results[member.name] = answer.result
        else:
            assert type(answer) is Error
            self._errors.append(answer.error)
        return self._came(member)

    def gone(self, member: Member, reason: RpcError) -> bool:
        self._errors.append(Error.answering(self._id, reason).error)
        return self._came(member)

    def stop(self) -> None:
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None

    def _came(self, member: Member) -> bool:
        del self._waiting[member]
        if self._waiting:
            return False
        self._end()
        return True

    def _too_slow(self) -> None:
        self._timeout = None
        self._over(self._id)
        for member in self._waiting:
            self._late(member)
            if self._method != INITIALIZE:
                params = {"requestId": self._id, "reason": "it takes too long"}
                member.tell(Notification(CANCELLED, put_together(params)))
            late = BackendLost(f"The server {member.name} did not answer in time", {"server": member.name})
            self._errors.append(Error.answering(self._id, late).error)
        self._end()

    def _end(self) -> None:
        self.stop()
        answered = [(name, self._results[name]) for name in self._order if name in self._results]
        self._send(self._finish(self._id, answered, self._errors))
