"""Many conversations over one channel, for a server that serves each request for itself (MCP 2026-07-28).

On the channel every request has a number of the mux's own, never used twice; ids, progress tokens and subscription ids
of the members are put in its place and back, with their type. So no two members can meet, whatever they call their
requests, and no late answer can be taken for another. What names no open request reaches nobody: nothing is guessed
from who happens to be busy, because what a server does for one that has gone may go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Hashable, Sequence
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, Struct

from mcpws.core.ledger import cancelled_id
from mcpws.errors import InvalidParams, InvalidRequest, TooManyRequests
from mcpws.jsonrpc.members import may_name, members_of
from mcpws.jsonrpc.messages import Answer, Error, Message, Notification, Request, RequestId, Result, alike, put_together
from mcpws.mcp.meta import PROGRESS_TOKEN, SUBSCRIPTION_ID
from mcpws.mcp.methods import CANCELLED, LISTEN, PROGRESS

M = TypeVar("M", bound=Hashable)

_LEFT = "the client is gone"

_decode_id = msgspec.json.Decoder(RequestId).decode


class _Open(Struct, Generic[M], frozen=True):
    """A request that waits for its answer: its number here, and how its member knows it."""

    number: int
    member: M
    id: RequestId
    token: RequestId | None
    listens: bool


class _Own(Struct):
    """Open requests of one member: ids to numbers, and the tokens."""

    numbers: dict[RequestId, int]
    tokens: set[RequestId]


class Mux(Generic[M]):
    """The tables of one channel. `M` is whatever the owner knows a conversation by.

    What a method returns is to be sent, in order; what it raises is to be answered to whoever sent the message. What
    one member has open takes nothing from another. `refused` counts requests over `max_open`. `dropped` counts by kind
    what was let through to nobody: `answer`, `progress`, `cancelled`, `subscription` and `notification` of the server's
    that name no open request, `request` of the server's, `client` for what clients send besides requests and their
    cancellation.

    :param max_open: requests of one member that may wait for an answer.
    :param broadcast: notifications of the server's that go to every member when they name no request, as
        `notifications/tools/list_changed` does in the legacy era. They must not hold what is one member's business.
    """

    __slots__ = ("_broadcast", "_last", "_max_open", "_members", "_open", "dropped", "refused")

    def __init__(self, max_open: int = 128, broadcast: Collection[str] = ()) -> None:
        self._max_open = max_open
        self._broadcast = frozenset(broadcast)
        self._last = 0
        self._open: dict[RequestId, _Open[M]] = {}
        self._members: dict[M, _Own] = {}
        self.dropped: Counter[str] = Counter()
        self.refused = 0

    @property
    def open(self) -> int:
        """Requests that wait for an answer."""
        return len(self._open)

    @property
    def members(self) -> int:
        """Conversations that have joined and not left."""
        return len(self._members)

    def join(self, member: M) -> None:
        """Begin a conversation."""
        self._members[member] = _Own({}, set())

    def leave(self, member: M, answered: Container[RequestId] = ()) -> list[Notification]:
        """End a conversation: what cancels its open requests, for the server. Nothing comes for it any more.

        :param answered: as for `lost`; these are not cancelled.
        """
        numbers = self._members.pop(member).numbers.values()
        for number in numbers:
            del self._open[number]
        return [
            Notification(CANCELLED, put_together({"requestId": number, "reason": _LEFT}))
            for number in numbers
            if number not in answered
        ]

    def lost(self, answered: Container[RequestId] = ()) -> list[tuple[M, RequestId]]:
        """The server is gone: who waits for an answer to which request, oldest first. These are forgotten.

        The members stay, and another server may take its place.

        :param answered: numbers of requests to which the answers are there, though `from_server` has not seen them.
        """
        waiting = [one for one in self._open.values() if one.number not in answered]
        for one in waiting:
            self._close(one)
        return [(one.member, one.id) for one in waiting]

    def from_client(self, member: M, message: Message) -> Message | None:
        """Message for the server in place of one of this member's, None for nothing.

        :raises InvalidRequest: the member has a request with this id, or with this progress token, already.
        :raises InvalidParams: a progress token that is none.
        :raises TooManyRequests: `max_open` of the member's are waiting.
        """
        if type(message) is Request:
            return self._request(member, message)
        if type(message) is Notification and message.method == CANCELLED:
            return self._cancel(member, message)
        # The server could not tell whose it is, and would take it as said for all.
        self.dropped["client"] += 1
        return None

    def owner(self, message: Message) -> M | None:
        """Member whose open request a message of the server's names; None if it names none."""
        if isinstance(message, (Result, Error)):
            one = self._answered_by(message)
        elif type(message) is Notification:
            members = members_of(message.params)
            if message.method == PROGRESS:
                one = self._named(members.get(PROGRESS_TOKEN))
            elif message.method == CANCELLED:
                one = self._named(members.get("requestId"))
            else:
                one = self._named(members_of(members.get("_meta")).get(SUBSCRIPTION_ID))
        else:
            one = None
        return None if one is None else one.member

    def from_server(self, message: Message) -> Sequence[tuple[M, Message]]:
        """Members that a message of the server's is for, and what each of them gets.

        :raises InvalidRequest: a request. Nothing tells for whose sake it is made, and a stateless server makes none.
        """
        if type(message) is Notification:
            return self._notification(message)
        if type(message) is Request:
            self.dropped["request"] += 1
            raise InvalidRequest("This channel is shared: requests to a client cannot be told apart", id=message.id)
        assert isinstance(message, (Result, Error))
        return self._answer(message)

    def _request(self, member: M, request: Request) -> Request:
        own = self._members[member]
        if request.id in own.numbers:
            raise InvalidRequest.in_use(request.id)
        if len(own.numbers) >= self._max_open:
            self.refused += 1
            raise TooManyRequests(self._max_open)
        number = self._last + 1
        params, token = request.params, None
        if params is not None and may_name(request, params, b'progressToken"'):
            params, token = _with_token(params, number)
            if token in own.tokens:
                path = {"path": "$.params._meta.progressToken"}
                raise InvalidRequest("Progress token in use", path, id=request.id)
        self._last = number
        self._open[number] = _Open(number, member, request.id, token, request.method == LISTEN)
        own.numbers[request.id] = number
        if token is not None:
            own.tokens.add(token)
        return Request(number, request.method, params)

    def _cancel(self, member: M, notification: Notification) -> Notification | None:
        id = cancelled_id(notification)
        number = None if id is None else self._members[member].numbers.get(id)
        if number is None:
            self.dropped["client"] += 1
            return None
        self._close(self._open[number])
        return Notification(CANCELLED, put_together({**members_of(notification.params), "requestId": number}))

    def _answer(self, answer: Answer) -> Sequence[tuple[M, Message]]:
        one = self._answered_by(answer)
        if one is None:
            return self._drop("answer")
        self._close(one)
        if type(answer) is Error:
            return ((one.member, Error(one.id, answer.error)),)
        assert type(answer) is Result
        result = answer.result
        if one.listens and may_name(answer, result, b'subscriptionId"'):
            result = put_together(_with_subscription(members_of(result), one.id))
        return ((one.member, Result(one.id, result)),)

    def _answered_by(self, answer: Answer) -> _Open[M] | None:
        """Open request that it answers; not every server keeps the type of an id."""
        return None if answer.id is None else self._open.get(answer.id) or self._open.get(alike(answer.id) or 0)

    def _notification(self, notification: Notification) -> Sequence[tuple[M, Message]]:
        method, params = notification.method, notification.params
        if method == PROGRESS:
            members = members_of(params)
            one = self._named(members.get(PROGRESS_TOKEN))
            if one is None or one.token is None:
                return self._drop("progress")
            members[PROGRESS_TOKEN] = one.token
        elif method == CANCELLED:
            members = members_of(params)
            one = self._named(members.get("requestId"))
            # A server ends subscriptions so, and nothing else (MCP 2026-07-28, cancellation).
            if one is None or not one.listens:
                return self._drop("cancelled")
            self._close(one)
            members["requestId"] = one.id
        else:
            named = params is not None and may_name(notification, params, b'subscriptionId"')
            members = members_of(params) if named else {}
            meta = members_of(members.get("_meta"))
            if SUBSCRIPTION_ID not in meta:
                return self._unowned(notification)
            one = self._named(meta[SUBSCRIPTION_ID])
            if one is None or not one.listens:
                return self._drop("subscription")
        return ((one.member, Notification(method, put_together(_with_subscription(members, one.id)))),)

    def _unowned(self, notification: Notification) -> Sequence[tuple[M, Message]]:
        if notification.method in self._broadcast:
            return [(member, notification) for member in self._members]
        return self._drop("notification")

    def _named(self, value: Raw | None) -> _Open[M] | None:
        """The open request whose number this is."""
        if value is None:
            return None
        try:
            return self._open.get(_decode_id(value))
        except ValueError:
            return None

    def _close(self, one: _Open[M]) -> None:
        del self._open[one.number]
        own = self._members[one.member]
        del own.numbers[one.id]
        if one.token is not None:
            own.tokens.remove(one.token)

    def _drop(self, kind: str) -> Sequence[tuple[M, Message]]:
        self.dropped[kind] += 1
        return ()


def _with_token(params: Raw, number: int) -> tuple[Raw, RequestId | None]:
    """`params` with `number` for a progress token, and the one that it had.

    What is returned has no member twice: of two tokens the server might heed the one that was not replaced.
    """
    members = members_of(params)
    if "_meta" not in members:
        return params, None
    meta = members_of(members["_meta"])
    token = None
    if PROGRESS_TOKEN in meta:
        try:
            token = _decode_id(meta[PROGRESS_TOKEN])
        except ValueError:
            reason = "must be a string or an integer"
            where = {"path": "$._meta.progressToken", "reason": reason}
            raise InvalidParams(f"Invalid params: {where['path']}: {reason}", where) from None
        members["_meta"] = {**meta, PROGRESS_TOKEN: number}
    return put_together(members), token


def _with_subscription(members: dict[str, Any], id: RequestId) -> dict[str, Any]:
    """`members` with the subscription id in their `_meta`, if there is one, replaced by `id`."""
    meta = members_of(members.get("_meta"))
    if SUBSCRIPTION_ID in meta:
        members["_meta"] = {**meta, SUBSCRIPTION_ID: id}
    return members
