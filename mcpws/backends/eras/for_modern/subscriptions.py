"""A modern client's subscriptions at a legacy server."""

from __future__ import annotations

from enum import Enum, auto
from functools import partial

from msgspec import Raw

from mcpws.backends.eras.for_modern.seat import Post, Seat
from mcpws.backends.eras.shapes import members, offers, text
from mcpws.errors import InvalidParams, McpwsError, RpcError
from mcpws.jsonrpc.messages import Answer, Notification, Request, RequestId, Result, put_together
from mcpws.jsonrpc.nulls import null_as_none
from mcpws.mcp.meta import SUBSCRIPTION_ID
from mcpws.mcp.methods import ACKNOWLEDGED, LIST_CHANGED, RESOURCE_UPDATED, RESOURCES_SUBSCRIBE, RESOURCES_UNSUBSCRIBE
from mcpws.mcp.schema import ListenParams, SubscriptionFilter, Uri

CHANGES = (RESOURCE_UPDATED, *LIST_CHANGED.values())

_Filter = SubscriptionFilter[tuple[Uri, ...]]

_read_params = null_as_none(ListenParams[_Filter])


class _State(Enum):
    """State of a resource at the server, which has one request about it at a time: one that is silent gets no more."""

    SUBSCRIBING = auto()
    SUBSCRIBED = auto()
    UNSUBSCRIBING = auto()


class _Subscription:
    """A `subscriptions/listen`. `missing` are resources of which the server has not said yet whether it will tell."""

    __slots__ = ("early", "id", "lists", "missing", "uris")

    def __init__(self, id: RequestId, lists: set[str], uris: set[str]) -> None:
        self.id = id
        self.lists = lists
        self.uris = uris
        self.missing = set(uris)
        self.early: dict[tuple[str, str], Notification] = {}


class ModernSubscriptions:
    """Subscriptions of one client at one server.

    :param capabilities: of the server.
    """

    def __init__(self, seat: Seat, post: Post, capabilities: dict[str, Raw]) -> None:
        self._seat = seat
        self._post = post
        self._limit = seat.shared.limits.max_subscriptions
        self._capabilities = capabilities
        self._subscriptions: dict[RequestId, _Subscription] = {}
        self._resources: dict[str, _State] = {}

    def begin(self, request: Request) -> None:
        """Take on a `subscriptions/listen`; raises InvalidParams, or RpcError when there are too many."""
        try:
            wanted = _read_params(request.params or b"{}").notifications
        except ValueError as error:
            raise InvalidParams("Invalid params", {"path": "$.params", "reason": str(error)}) from None
        lists = {
            LIST_CHANGED[feature] for feature in wanted.features if offers(self._capabilities, feature, "listChanged")
        }
        uris = set(wanted.uris) if offers(self._capabilities, "resources", "subscribe") else set()
        new = uris - self._resources.keys()
        if len(self._subscriptions) >= self._limit or len(self._resources) + len(new) > self._limit:
            raise RpcError(f"More than {self._limit} subscriptions", {"limit": self._limit}, code=429)
        subscription = self._subscriptions[request.id] = _Subscription(request.id, lists, uris)
        subscription.missing = {uri for uri in uris if self._resources.get(uri) is not _State.SUBSCRIBED}
        self._post.desk.take(request.id, lambda _: self._cancelled(subscription))
        if not subscription.missing:
            self._acknowledge(subscription)
        for uri in sorted(new):
            self._subscribe(uri)

    def changed(self, notification: Notification) -> None:
        """Tell whoever wants to know."""
        try:
            params = members(notification.params)
            meta = members(params.get("_meta"))
            uri = text(params.get("uri")) or ""
        except ValueError:
            self._seat.shared.counters.dropped += 1
            return
        subscriptions = self._subscriptions.values()
        if notification.method != RESOURCE_UPDATED:
            told = [subscription for subscription in subscriptions if notification.method in subscription.lists]
        else:
            # What changed may be a part of what is subscribed to (MCP 2025-11-25, resources).
            told = [one for one in subscriptions if uri in one.uris]
            told = told or [one for one in subscriptions if any(map(uri.startswith, one.uris))]
        for subscription in told:
            params["_meta"] = {**meta, SUBSCRIPTION_ID: subscription.id}
            notified = Notification(notification.method, put_together(params))
            if not subscription.missing:
                self._seat.link.send(notified)
            elif len(subscription.early) < self._limit:
                subscription.early[notification.method, uri] = notified
            else:
                self._seat.shared.counters.dropped += 1

    def close(self) -> None:
        """The server is gone, or the client."""
        self._subscriptions.clear()
        self._resources.clear()

    def _subscribe(self, uri: str) -> None:
        self._resources[uri] = _State.SUBSCRIBING
        self._post.rpc.request(RESOURCES_SUBSCRIBE, {"uri": uri}, partial(self._answered, uri))

    def _unsubscribe(self, uri: str) -> None:
        self._resources[uri] = _State.UNSUBSCRIBING
        self._post.rpc.request(RESOURCES_UNSUBSCRIBE, {"uri": uri}, partial(self._left, uri))

    def _is_wanted(self, uri: str) -> bool:
        return any(uri in subscription.uris for subscription in self._subscriptions.values())

    def _left(self, uri: str, answer: Answer | McpwsError) -> None:
        """The server does not tell of this resource any more, so far as it can be made not to."""
        if isinstance(answer, McpwsError):
            return
        if self._is_wanted(uri):
            self._subscribe(uri)
        else:
            del self._resources[uri]

    def _answered(self, uri: str, answer: Answer | McpwsError) -> None:
        """Whether the server will tell of this resource."""
        if isinstance(answer, McpwsError):
            return
        agreed = isinstance(answer, Result)
        if not agreed:
            del self._resources[uri]
        elif self._is_wanted(uri):
            self._resources[uri] = _State.SUBSCRIBED
        else:
            self._unsubscribe(uri)
        for subscription in list(self._subscriptions.values()):
            if uri in subscription.missing:
                subscription.missing.remove(uri)
                if not agreed:
                    subscription.uris.remove(uri)
                if not subscription.missing:
                    self._acknowledge(subscription)

    def _acknowledge(self, subscription: _Subscription) -> None:
        """Say what it will hear of, and then what it would have heard of already."""
        lists = {feature: True for feature, method in LIST_CHANGED.items() if method in subscription.lists}
        honoured = _Filter(**lists, uris=tuple(sorted(subscription.uris)))
        params = {"_meta": {SUBSCRIPTION_ID: subscription.id}, "notifications": honoured}
        self._seat.link.send(Notification(ACKNOWLEDGED, put_together(params)))
        early, subscription.early = subscription.early, {}
        for notification in early.values():
            self._seat.link.send(notification)

    def _cancelled(self, subscription: _Subscription) -> None:
        self._subscriptions.pop(subscription.id, None)
        for uri in sorted(subscription.uris):
            if self._resources.get(uri) is _State.SUBSCRIBED and not self._is_wanted(uri):
                self._unsubscribe(uri)
