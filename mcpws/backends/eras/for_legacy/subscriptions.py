"""A legacy client's subscriptions at a modern server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from twisted.internet.interfaces import IDelayedCall

from mcpws.backends.eras.for_legacy.half import Half
from mcpws.backends.eras.shapes import as_it_is, subscription_of, without_subscription
from mcpws.backends.eras.shared import Shared
from mcpws.core.peer import Peer
from mcpws.errors import InvalidParams, McpwsError, RpcError
from mcpws.jsonrpc.messages import Answer, Error, Notification, RequestId, put_together
from mcpws.jsonrpc.nulls import null_as_none
from mcpws.mcp.methods import ACKNOWLEDGED, LIST_CHANGED, LISTEN, RESOURCE_UPDATED
from mcpws.mcp.schema import ListenParams, SubscriptionFilter

LISTEN_AGAIN = 1.0
"""Seconds until a subscription that the server ended is asked for again; twice as many after each vain attempt."""

LISTEN_AGAIN_MOST = 60.0

OnReady = Callable[[RpcError | None], None]


Filter: TypeAlias = SubscriptionFilter[tuple[str, ...]]

_read_acknowledged = null_as_none(ListenParams[Filter])


class _Watch:
    """One `subscriptions/listen`, again and again. `ready` once it was acknowledged for the first time."""

    __slots__ = ("filter", "id", "listening", "ready", "timer", "wait", "waiting")

    def __init__(self, filter: Filter) -> None:
        self.filter = filter
        self.id: RequestId | None = None
        self.listening = False
        self.ready = False
        self.wait = LISTEN_AGAIN
        self.waiting: list[OnReady] = []
        self.timer: IDelayedCall | None = None


class Watches:
    """One subscription for each resource, and one for all lists.

    So none has to be replaced when another resource is to be watched, and no change falls between two of them.

    :param meta: what goes with every request.
    """

    def __init__(self, server: Peer, link: Half, shared: Shared, meta: Callable[[], dict[str, Any]]) -> None:
        self._server = server
        self._link = link
        self._shared = shared
        self._meta = meta
        self._lists: _Watch | None = None
        self._resources: dict[str, _Watch] = {}
        self._by_id: dict[RequestId, _Watch] = {}
        self._opening: _Watch | None = None

    def watch_lists(self, filter: Filter) -> None:
        """Tell the client when these change; once."""
        if filter.features and self._lists is None:
            self._lists = _Watch(filter)
            self._listen(self._lists)

    def subscribe(self, uri: str, done: OnReady) -> Callable[[], None]:
        """Tell the client when this changes; `done` is called once that is sure, or with why it cannot be.

        Call what it returns when nobody waits for `done` any more.
        """
        watch = self._resources.get(uri)
        if watch is not None and watch.ready:
            done(None)
            return lambda: None
        if watch is None:
            limit = self._shared.limits.max_subscriptions
            if len(self._resources) >= limit:
                raise RpcError(f"More than {limit} subscriptions", {"limit": limit}, code=429)
            watch = self._resources[uri] = _Watch(Filter(uris=(uri,)))
            watch.waiting.append(done)
            self._listen(watch)
        else:
            watch.waiting.append(done)
        return lambda: self._leave(uri, done)

    def unsubscribe(self, uri: str) -> None:
        """Tell the client of it no more."""
        watch = self._resources.pop(uri, None)
        if watch is not None:
            self._stop(watch)
            self._tell(watch, None)

    def take(self, notification: Notification) -> None:
        """What belongs to a subscription, from the server."""
        id = subscription_of(notification)
        watch = None if id is None else self._by_id.get(id, self._opening)
        if watch is None:
            self._shared.counters.dropped += 1
        elif notification.method == ACKNOWLEDGED:
            self._acknowledged(watch, notification)
        else:
            self._link.send(without_subscription(notification))

    def cancelled(self, id: RequestId | None) -> None:
        """The server has ended this one, without an answer."""
        watch = None if id is None else self._by_id.get(id)
        if watch is None or id is None:
            self._shared.counters.dropped += 1
        else:
            del self._by_id[id]
            self._server.withdraw(id, "ended by the server")
            self._ended(watch, None)

    def close(self) -> None:
        """Neither client nor server is there any more."""
        for watch in (*self._resources.values(), *([self._lists] if self._lists else [])):
            if watch.timer is not None:
                watch.timer.cancel()
                watch.timer = None

    def _listen(self, watch: _Watch) -> None:
        watch.timer = None
        watch.listening = True
        # A server in this very process answers before its id is known here.
        self._opening = watch
        params = {"notifications": watch.filter, "_meta": self._meta()}
        watch.id = self._server.request(LISTEN, params, lambda answer: self._answered(watch, answer))
        self._opening = None
        if watch.listening:
            self._by_id[watch.id] = watch

    def _acknowledged(self, watch: _Watch, notification: Notification) -> None:
        watch.wait = LISTEN_AGAIN
        if watch.ready:
            self._catch_up(watch)
            return
        try:
            uris = _read_acknowledged(notification.params or b"{}").notifications.uris
        except ValueError:
            uris = ()
        wanted = watch.filter.uris
        if not set(wanted) <= set(uris):
            error = InvalidParams("The server does not tell of changes of this resource", {"uri": wanted[0]})
            self._forget(watch, error)
            return
        watch.ready = True
        self._tell(watch, None)

    def _catch_up(self, watch: _Watch) -> None:
        """What changed while nobody listened, nobody knows: so all of it may have."""
        for uri in watch.filter.uris:
            self._link.send(Notification(RESOURCE_UPDATED, put_together({"uri": uri})))
        for feature in watch.filter.features:
            self._link.send(Notification(LIST_CHANGED[feature]))

    def _answered(self, watch: _Watch, answer: Answer | McpwsError) -> None:
        if watch.id is not None:
            self._by_id.pop(watch.id, None)
        if not isinstance(answer, McpwsError):
            self._ended(watch, answer)

    def _ended(self, watch: _Watch, answer: Answer | None) -> None:
        watch.listening = False
        if watch.ready:
            # The client has not been told, and need not be.
            watch.timer = self._shared.clock.callLater(watch.wait, self._listen, watch)
            watch.wait = min(2 * watch.wait, LISTEN_AGAIN_MOST)
        elif isinstance(answer, Error):
            self._forget(watch, as_it_is(answer.error, answer.error.code))
        else:
            self._forget(watch, RpcError("The server has ended the subscription"))

    def _forget(self, watch: _Watch, error: RpcError) -> None:
        """It has come to nothing."""
        if watch is self._lists:
            self._lists = None
        for uri in watch.filter.uris:
            self._resources.pop(uri, None)
        self._stop(watch)
        self._tell(watch, error)

    def _leave(self, uri: str, done: OnReady) -> None:
        watch = self._resources.get(uri)
        if watch is not None and done in watch.waiting:
            watch.waiting.remove(done)
            if not watch.waiting:
                self.unsubscribe(uri)

    def _stop(self, watch: _Watch) -> None:
        if watch.timer is not None:
            watch.timer.cancel()
            watch.timer = None
        if watch.listening and watch.id is not None:
            watch.listening = False
            self._by_id.pop(watch.id, None)
            self._server.withdraw(watch.id, "nobody listens any more")

    def _tell(self, watch: _Watch, error: RpcError | None) -> None:
        waiting, watch.waiting = watch.waiting, []
        for done in waiting:
            done(error)
