"""Requests of servers to their client, which may have the same ids: here each has a number of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import Raw

from mcpws.backends.aggregate.member import Member
from mcpws.core.ledger import cancelled_id, reported_token
from mcpws.jsonrpc.members import may_name, members_of
from mcpws.jsonrpc.messages import Answer, Notification, Request, RequestId, alike, put_together, with_id
from mcpws.mcp.meta import PROGRESS_TOKEN
from mcpws.mcp.methods import CANCELLED


@dataclass(frozen=True, slots=True)
class _Question:
    member: Member
    id: RequestId
    token: RequestId | None


class Questions:
    """Those that the client has not answered.

    :param limit: of all servers together; more are refused.
    """

    __slots__ = ("_last", "_open", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._last = 0
        self._open: dict[RequestId, _Question] = {}

    def asked(self, member: Member, request: Request) -> Request | None:
        """The request as the client gets it; None if there is no room for it."""
        if len(self._open) >= self.limit:
            return None
        self._last += 1
        params, token = request.params, None
        if params is not None and may_name(request, params, b'progressToken"'):
            params, token = _with_token(params, self._last)
        self._open[self._last] = _Question(member, request.id, token)
        return Request(self._last, request.method, params)

    def answered(self, answer: Answer) -> tuple[Member, Answer] | None:
        """Who asked, and the answer as that server knows it; None if nobody did."""
        id = answer.id
        if id is not None and id not in self._open:
            id = alike(id)
        question = None if id is None else self._open.pop(id, None)
        return None if question is None else (question.member, with_id(answer, question.id))

    def progressed(self, notification: Notification) -> tuple[Member, Notification] | None:
        """Who waits for what the client has got on with; None if nobody does."""
        token = reported_token(notification)
        question = None if token is None else self._open.get(token)
        if question is None or question.token is None:
            return None
        params = {**members_of(notification.params), PROGRESS_TOKEN: question.token}
        return question.member, Notification(notification.method, put_together(params))

    def withdrawn(self, member: Member, notification: Notification) -> Notification | None:
        """A cancellation of a server's, as the client gets it; None if that server has asked no such thing."""
        id = cancelled_id(notification)
        for number, question in self._open.items():
            if question.member is member and question.id == id:
                del self._open[number]
                params = {**members_of(notification.params), "requestId": number}
                return Notification(CANCELLED, put_together(params))
        return None

    def forget(self, member: Member) -> list[Notification]:
        """A server is gone: what the client need not answer any more."""
        numbers = [number for number, question in self._open.items() if question.member is member]
        for number in numbers:
            del self._open[number]
        reason = f"the server {member.name} is gone"
        return [Notification(CANCELLED, put_together({"requestId": one, "reason": reason})) for one in numbers]


def _with_token(params: Raw, number: int) -> tuple[Raw, RequestId | None]:
    """`params` with `number` for their progress token, and the one that they had."""
    members = members_of(params)
    meta: dict[str, Any] = members_of(members.get("_meta"))
    if PROGRESS_TOKEN not in meta:
        return params, None
    try:
        token: RequestId = msgspec.json.decode(meta[PROGRESS_TOKEN], type=RequestId)
    except ValueError:
        return params, None
    members["_meta"] = {**meta, PROGRESS_TOKEN: number}
    return put_together(members), token
