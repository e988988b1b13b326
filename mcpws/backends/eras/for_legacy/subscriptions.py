"""A legacy client's subscriptions at a modern server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.internet.interfaces import IReactorTime

from mcpws.backends.eras.for_legacy.half import Half
from mcpws.backends.eras.shapes import as_it_is, subscription_of, without_subscription
from mcpws.backends.eras.shared import SharedState
from mcpws.core.rpc import Rpc
from mcpws.errors import InvalidParams, McpwsError, RpcError
from mcpws.jsonrpc.messages import Answer, Error, Notification, RequestId, put_together
from mcpws.jsonrpc.nulls import null_as_none
from mcpws.mcp.methods import ACKNOWLEDGED, LIST_CHANGED, LISTEN, RESOURCE_UPDATED
from mcpws.mcp.schema import ListenParams, SubscriptionFilter
from mcpws.turns.timer import Timer

LISTEN_AGAIN = 1.0
"""Seconds until a subscription that the server ended is asked for again; twice as many after each vain attempt."""

LISTEN_AGAIN_MOST = 60.0

OnReady = Callable[[RpcError | None], None]


Filter: TypeAlias = SubscriptionFilter[tuple[str, ...]]

_read_acknowledged = null_as_none(ListenParams[Filter])


class _Subscription:
    """A `subscriptions/listen`, again and again. `ready` once it was acknowledged for the first time."""

    __slots__ = ("filter", "id", "listening", "ready", "timer", "wait", "waiting")

    def __init__(self, filter: Filter, clock: IReactorTime) -> None:
        self.filter = filter
        self.id: RequestId | None = None
        self.listening = False
        self.ready = False
        self.wait = LISTEN_AGAIN
        self.waiting: list[OnReady] = []
        self.timer = Timer(clock)


class LegacySubscriptions:
    """Subscriptions of one client: one for each resource, and one for all lists.

    So none has to be replaced when another resource is to be watched, and no change falls between two of them.

    :param meta: what goes with every request.
    """

    def __init__(self, server: Rpc, link: Half, shared: SharedState, meta: Callable[[], dict[str, Any]]) -> None:
        self._server = server
        self._link = link
        self._shared = shared
        self._meta = meta
        self._lists: _Subscription | None = None
        self._resources: dict[str, _Subscription] = {}
        self._by_id: dict[RequestId, _Subscription] = {}
        self._opening: _Subscription | None = None

    def watch_lists(self, filter: Filter) -> None:
        """Tell the client when these change; once."""
        if filter.features and self._lists is None:
            self._lists = _Subscription(filter, self._shared.clock)
            self._listen(self._lists)

    def subscribe(self, uri: str, done: OnReady) -> Callable[[], None]:
        """Tell the client when this changes; `done` is called once that is sure, or with why it cannot be.

        Call what it returns when nobody waits for `done` any more.
        """
        subscription = self._resources.get(uri)
        if subscription is not None and subscription.ready:
            done(None)
            return lambda: None
        if subscription is None:
            limit = self._shared.limits.max_subscriptions
            if len(self._resources) >= limit:
                raise RpcError(f"More than {limit} subscriptions", {"limit": limit}, code=429)
            subscription = self._resources[uri] = _Subscription(Filter(uris=(uri,)), self._shared.clock)
            subscription.waiting.append(done)
            self._listen(subscription)
        else:
            subscription.waiting.append(done)
        return lambda: self._leave(uri, done)

    def unsubscribe(self, uri: str) -> None:
        """Tell the client of it no more."""
        subscription = self._resources.pop(uri, None)
        if subscription is not None:
            self._stop(subscription)
            self._tell(subscription, None)

    def take(self, notification: Notification) -> None:
        """Take in what belongs to a subscription, from the server."""
        id = subscription_of(notification)
        subscription = None if id is None else self._by_id.get(id, self._opening)
        if subscription is None:
            self._shared.counters.dropped += 1
        elif notification.method == ACKNOWLEDGED:
            self._acknowledged(subscription, notification)
        else:
            self._link.send(without_subscription(notification))

    def cancelled(self, id: RequestId | None) -> None:
        """The server has ended this one, without an answer."""
        subscription = None if id is None else self._by_id.get(id)
        if subscription is None or id is None:
            self._shared.counters.dropped += 1
        else:
            del self._by_id[id]
            self._server.withdraw(id, "ended by the server")
            self._ended(subscription, None)

    def close(self) -> None:
        """Stop all timers: neither client nor server is there any more."""
        for subscription in (*self._resources.values(), *([self._lists] if self._lists else [])):
            subscription.timer.stop()

    def _listen(self, subscription: _Subscription) -> None:
        subscription.listening = True
        # A server in this very process answers before its id is known here.
        self._opening = subscription
        params = {"notifications": subscription.filter, "_meta": self._meta()}
        subscription.id = self._server.request(LISTEN, params, lambda answer: self._answered(subscription, answer))
        self._opening = None
        if subscription.listening:
            self._by_id[subscription.id] = subscription

    def _acknowledged(self, subscription: _Subscription, notification: Notification) -> None:
        subscription.wait = LISTEN_AGAIN
        if subscription.ready:
            self._catch_up(subscription)
            return
        try:
            uris = _read_acknowledged(notification.params or b"{}").notifications.uris
        except ValueError:
            uris = ()
        wanted = subscription.filter.uris
        if not set(wanted) <= set(uris):
            error = InvalidParams("The server does not tell of changes of this resource", {"uri": wanted[0]})
            self._forget(subscription, error)
            return
        subscription.ready = True
        self._tell(subscription, None)

    def _catch_up(self, subscription: _Subscription) -> None:
        """Tell the client that all of it may have changed: while nobody listened, nobody knows."""
        for uri in subscription.filter.uris:
            self._link.send(Notification(RESOURCE_UPDATED, put_together({"uri": uri})))
        for feature in subscription.filter.features:
            self._link.send(Notification(LIST_CHANGED[feature]))

    def _answered(self, subscription: _Subscription, answer: Answer | McpwsError) -> None:
        if subscription.id is not None:
            self._by_id.pop(subscription.id, None)
        if not isinstance(answer, McpwsError):
            self._ended(subscription, answer)

    def _ended(self, subscription: _Subscription, answer: Answer | None) -> None:
        subscription.listening = False
        if subscription.ready:
            # The client has not been told, and need not be.
            subscription.timer.set(subscription.wait, self._listen, subscription)
            subscription.wait = min(2 * subscription.wait, LISTEN_AGAIN_MOST)
        elif isinstance(answer, Error):
            self._forget(subscription, as_it_is(answer.error, answer.error.code))
        else:
            self._forget(subscription, RpcError("The server has ended the subscription"))

    def _forget(self, subscription: _Subscription, error: RpcError) -> None:
        """Drop a subscription that has come to nothing."""
        if subscription is self._lists:
            self._lists = None
        for uri in subscription.filter.uris:
            self._resources.pop(uri, None)
        self._stop(subscription)
        self._tell(subscription, error)

    def _leave(self, uri: str, done: OnReady) -> None:
        subscription = self._resources.get(uri)
        if subscription is not None and done in subscription.waiting:
            subscription.waiting.remove(done)
            if not subscription.waiting:
                self.unsubscribe(uri)

    def _stop(self, subscription: _Subscription) -> None:
        subscription.timer.stop()
        if subscription.listening and subscription.id is not None:
            subscription.listening = False
            self._by_id.pop(subscription.id, None)
            self._server.withdraw(subscription.id, "nobody listens any more")

    def _tell(self, subscription: _Subscription, error: RpcError | None) -> None:
        waiting, subscription.waiting = subscription.waiting, []
        for done in waiting:
            done(error)
