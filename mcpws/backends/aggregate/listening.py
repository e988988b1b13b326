"""`subscriptions/listen` at several servers at once (MCP 2026-07-28, subscriptions)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import msgspec
from twisted.internet.interfaces import IReactorTime

from mcpws.backends.aggregate.counters import AggregateCounters
from mcpws.backends.aggregate.member import Member
from mcpws.backends.aggregate.names import uri_with_server, uri_without_server
from mcpws.backends.aggregate.pending import Send
from mcpws.backends.aggregate.rewriting import shown_params
from mcpws.errors import RpcError
from mcpws.jsonrpc.members import members_of
from mcpws.jsonrpc.messages import (
    Answer,
    Error,
    Notification,
    Request,
    RequestId,
    Result,
    put_together,
    to_raw,
    with_id,
)
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.meta import SUBSCRIPTION_ID, read_meta
from mcpws.mcp.methods import ACKNOWLEDGED, LIST_CHANGED, RESOURCE_UPDATED
from mcpws.mcp.schema import ListenParams, SubscriptionFilter
from mcpws.turns.timer import Timer

Filter = SubscriptionFilter[tuple[str, ...]]

MAX_EARLY = 100
"""Notifications that wait for all servers to have acknowledged; more are dropped, and counted."""

_decode_id = msgspec.json.Decoder(RequestId).decode
_read_listen = reader(ListenParams[Filter])


class Listening:
    """One such request. The servers know it by the client's id, so what they tell of need not be changed for that.

    It is acknowledged once every server has done so, or is gone, or too slow; it ends when the last of them ends it.
    One that is begun again is asked for its part again.

    :param timeout: seconds for the acknowledgements.
    :param counters: whose `dropped` counts what does not fit.
    """

    def __init__(
        self, request: Request, send: Send, clock: IReactorTime, timeout: float, counters: AggregateCounters
    ) -> None:
        self.token = read_meta(request).progress_token
        self._id = request.id
        self._send = send
        self._counters = counters
        self._parts: Mapping[Member, Request] = {}
        self._term = Timer(clock)
        self._timeout = timeout
        self._waiting: dict[Member, bool] = {}
        self._granted: dict[Member, Filter] = {}
        self._early: list[Notification] = []
        self._acknowledged = False
        self._last: Answer | None = None

    def begin(self, parts: Mapping[Member, Request]) -> None:
        """Ask each server for its part."""
        self._parts = parts
        self._waiting = dict.fromkeys(parts, False)
        self._term.set(self._timeout, self._acknowledge, True)
        for member, request in parts.items():
            member.take(request)

    @property
    def members(self) -> Collection[Member]:
        return tuple(self._waiting)

    def answered(self, member: Member, answer: Answer) -> bool:
        if type(answer) is Result or self._last is None:
            self._last = with_id(answer, self._id)
        return self._ended(member)

    def gone(self, member: Member, reason: RpcError) -> bool:
        if self._last is None:
            self._last = Error.answering(self._id, reason)
        granted = self._granted.get(member)
        is_last = self._ended(member)
        if granted is not None and not is_last:
            # Of what it had, nothing is there any more.
            self._changed(granted)
        return is_last

    def begun(self, member: Member) -> None:
        """One of the servers has begun again."""
        if self._acknowledged and member in self._parts and member not in self._waiting:
            self._waiting[member] = False
            member.take(self._parts[member])

    def stop(self) -> None:
        self._term.stop()
        self._waiting.clear()

    def told(self, member: Member, notification: Notification) -> bool:
        """A notification of a server's about this request, or one about no other; whether the request is over."""
        if notification.method == ACKNOWLEDGED:
            try:
                self._granted[member] = _read_listen(notification.params or b"{}").notifications
            except ValueError:
                self._granted[member] = Filter()
            self._waiting[member] = True
            if self._acknowledged:
                # It is back, with all that it has.
                self._changed(self._granted[member])
            self._acknowledge()
        elif notification.method == RESOURCE_UPDATED:
            params = shown_params(notification.params, "uri", lambda uri: uri_with_server(member.name, uri))
            self._pass(Notification(notification.method, params))
        else:
            self._pass(notification)
        return False

    def _changed(self, granted: Filter) -> None:
        for feature in granted.features:
            self._pass(Notification(LIST_CHANGED[feature], to_raw({"_meta": {SUBSCRIPTION_ID: self._id}})))

    def _pass(self, notification: Notification) -> None:
        if self._acknowledged:
            self._send(notification)
        elif len(self._early) < MAX_EARLY:
            self._early.append(notification)
        else:
            self._counters.dropped += 1

    def _acknowledge(self, late: bool = False) -> None:
        if self._acknowledged or not (late or (self._granted and all(self._waiting.values()))):
            return
        self._acknowledged = True
        self._term.stop()
        meta = {SUBSCRIPTION_ID: self._id}
        self._send(Notification(ACKNOWLEDGED, put_together({"_meta": meta, "notifications": _together(self._granted)})))
        early, self._early = self._early, []
        for notification in early:
            self._send(notification)

    def _ended(self, member: Member) -> bool:
        self._waiting.pop(member, None)
        self._granted.pop(member, None)
        if self._waiting:
            self._acknowledge()
            return False
        self._term.stop()
        assert self._last is not None
        self._send(self._last)
        return True


def parts_of(request: Request, members: Iterable[Member]) -> dict[Member, Request]:
    """The request as each server is to get it: lists of all, and of resources those that are its own.

    Nobody is asked for nothing.

    :raises ValueError: the parameters are none of such a request.
    """
    wanted = _read_listen(request.params or b"{}").notifications
    uris: dict[str, list[str]] = {}
    for uri in wanted.uris:
        server, own = uri_without_server(uri)
        uris.setdefault(server, []).append(own)
    parts: dict[Member, Request] = {}
    for member in members:
        own_uris = uris.get(member.name, [])
        if wanted.features or own_uris:
            part = Filter(wanted.tools, wanted.prompts, wanted.resources, tuple(own_uris))
            params = {**members_of(request.params), "notifications": part}
            parts[member] = Request(request.id, request.method, put_together(params))
    return parts


def subscription_of(notification: Notification) -> RequestId | None:
    """The id of the `subscriptions/listen` that a notification is about; None if it is about none."""
    meta = members_of(members_of(notification.params).get("_meta"))
    if SUBSCRIPTION_ID not in meta:
        return None
    try:
        id: RequestId = _decode_id(meta[SUBSCRIPTION_ID])
    except ValueError:
        return None
    return id


def acknowledgement_of_nothing(id: RequestId) -> Notification:
    """What a client is told that asked for nothing that there is."""
    return Notification(ACKNOWLEDGED, put_together({"_meta": {SUBSCRIPTION_ID: id}, "notifications": {}}))


def _together(granted: Mapping[Member, Filter]) -> Filter:
    filters = list(granted.values())
    tools, prompts, resources = (any(one.has_list(feature) for one in filters) for feature in LIST_CHANGED)
    uris = tuple(uri_with_server(member.name, uri) for member, one in granted.items() for uri in one.uris)
    return Filter(tools, prompts, resources, uris)
