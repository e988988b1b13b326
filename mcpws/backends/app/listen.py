"""`subscriptions/listen`: requests that stay open, for a client to hear of changes (MCP 2026-07-28, subscriptions)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from msgspec import Meta
from twisted.internet.defer import Deferred

from mcpws.backends.app.catalog import Catalog
from mcpws.backends.app.subscriptions import Subscriber, Subscriptions
from mcpws.backends.app.uri import canonical
from mcpws.errors import TooManyRequests
from mcpws.jsonrpc.messages import RequestId
from mcpws.mcp.meta import SUBSCRIPTION_ID
from mcpws.mcp.methods import ACKNOWLEDGED, LIST_CHANGED, RESOURCE_UPDATED
from mcpws.mcp.schema import SubscriptionFilter, Uri

MAX_LISTENS = 64
"""Open at a time, of one conversation."""

MAX_URIS = 1000
"""Of one of them."""

Notify: TypeAlias = Callable[[str, dict[str, Any]], None]


Filter: TypeAlias = SubscriptionFilter[Annotated[tuple[Uri, ...], Meta(max_length=MAX_URIS)]]


def available(wanted: Filter, catalog: Catalog) -> Filter:
    """As much of it as can be had: of lists that there are, and of resources that there are."""
    features = catalog.capabilities()
    uris = {canonical(uri): uri for uri in wanted.uris}
    return Filter(
        wanted.tools and "tools" in features,
        wanted.prompts and "prompts" in features,
        wanted.resources and "resources" in features,
        tuple(uri for uri in uris.values() if catalog.find_resource(uri) is not None),
    )


class Listen:
    """One such request, open: tells its client what `filter` lets through, under the request's id."""

    __slots__ = ("_meta", "_notify", "_uris", "closed", "filter")

    def __init__(self, id: RequestId, filter: Filter, notify: Notify, cancelled: Callable[[Any], None]) -> None:
        self.filter = filter
        self.closed: Deferred[dict[str, Any]] = Deferred(cancelled)
        self._meta = {SUBSCRIPTION_ID: id}
        self._notify = notify
        self._uris = {canonical(uri): uri for uri in filter.uris}

    def tell(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self._notify(method, {"_meta": self._meta, **params})

    def resource_updated(self, uri: str) -> None:
        """A Subscriber."""
        self.tell(RESOURCE_UPDATED, uri=self._uris[canonical(uri)])

    def close(self) -> None:
        """Answer the request: no more is coming."""
        self.closed.callback({"_meta": self._meta})


class Listens:
    """Open `subscriptions/listen` requests of one conversation.

    :param notify: sends a notification to the client.
    :param subscriptions: where who wants to hear of which resource is kept.
    """

    __slots__ = ("_notify", "_open", "_subscriptions")

    def __init__(self, notify: Notify, subscriptions: Subscriptions[Subscriber]) -> None:
        self._notify = notify
        self._subscriptions = subscriptions
        self._open: dict[RequestId, Listen] = {}

    def open(self, id: RequestId, filter: Filter) -> Deferred[dict[str, Any]]:
        """Begin; fires with the result once the server ends it. Cancel it when the client does.

        :raises TooManyRequests: MAX_LISTENS are open.
        """
        if len(self._open) >= MAX_LISTENS:
            raise TooManyRequests(MAX_LISTENS)
        listen = self._open[id] = Listen(id, filter, self._notify, lambda _: self._cancelled(id))
        # Whoever watches for the first subscriber may have something to tell at once: this has to be before it.
        listen.tell(ACKNOWLEDGED, notifications=filter)
        for uri in filter.uris:
            self._subscriptions.add(uri, listen)
        return listen.closed

    def list_changed(self, feature: str) -> None:
        """Tell those who want to hear of the list of `feature`."""
        for listen in list(self._open.values()):
            if listen.filter.has_list(feature):
                listen.tell(LIST_CHANGED[feature])

    def close(self) -> None:
        """End all of them, with an answer."""
        for id in list(self._open):
            self._forget(id).close()

    def _cancelled(self, id: RequestId) -> None:
        self._forget(id)

    def _forget(self, id: RequestId) -> Listen:
        listen = self._open.pop(id)
        for uri in listen.filter.uris:
            self._subscriptions.remove(uri, listen)
        return listen
