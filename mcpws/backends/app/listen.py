"""`subscriptions/listen`: requests that stay open, for a client to hear of changes (MCP 2026-07-28, subscriptions)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct
from twisted.internet.defer import Deferred

from mcpws.backends.app.catalog import Catalog
from mcpws.backends.app.subscriptions import Subscriber, Subscriptions
from mcpws.backends.app.uri import canonical
from mcpws.errors import TooManyRequests
from mcpws.jsonrpc.messages import RequestId
from mcpws.mcp.meta import SUBSCRIPTION_ID

MAX_LISTENS = 64
"""Open at a time, of one conversation."""

MAX_URIS = 1000
"""Of one of them."""

MAX_URI = 8000
"""Characters of each, and of what is subscribed to in the era of the handshake: what every HTTP server should take
(RFC 9110, section 4.1)."""

Notify: TypeAlias = Callable[[str, dict[str, Any]], None]


class Filter(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What a client wants to hear of, or does hear of."""

    tools_list_changed: bool = False
    prompts_list_changed: bool = False
    resources_list_changed: bool = False
    resource_subscriptions: Annotated[list[Annotated[str, Meta(max_length=MAX_URI)]], Meta(max_length=MAX_URIS)] = []

    def within(self, catalog: Catalog) -> Filter:
        """As much of it as can be had: of lists that there are, and of resources that there are."""
        features = catalog.capabilities()
        uris = {canonical(uri): uri for uri in self.resource_subscriptions}
        return Filter(
            self.tools_list_changed and "tools" in features,
            self.prompts_list_changed and "prompts" in features,
            self.resources_list_changed and "resources" in features,
            [uri for uri in uris.values() if catalog.find_resource(uri) is not None],
        )

    def has_list(self, feature: str) -> bool:
        """Whether changes of the list of `feature`, as in `tools`, are among it."""
        return bool(getattr(self, f"{feature}_list_changed"))


class Listen:
    """One such request, open: tells its client what `filter` lets through, under the request's id."""

    __slots__ = ("_meta", "_notify", "_uris", "closed", "filter")

    def __init__(self, id: RequestId, filter: Filter, notify: Notify, cancelled: Callable[[Any], None]) -> None:
        self.filter = filter
        self.closed: Deferred[dict[str, Any]] = Deferred(cancelled)
        self._meta = {SUBSCRIPTION_ID: id}
        self._notify = notify
        self._uris = {canonical(uri): uri for uri in filter.resource_subscriptions}

    def tell(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self._notify(method, {"_meta": self._meta, **params})

    def resource_updated(self, uri: str) -> None:
        """A Subscriber."""
        self.tell("notifications/resources/updated", uri=self._uris[canonical(uri)])

    def close(self) -> None:
        """Answer the request: no more is coming."""
        self.closed.callback({"_meta": self._meta})


class Listens:
    """Those of one conversation.

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
        listen.tell("notifications/subscriptions/acknowledged", notifications=filter)
        for uri in filter.resource_subscriptions:
            self._subscriptions.add(uri, listen)
        return listen.closed

    def list_changed(self, feature: str) -> None:
        """Tell those who want to hear of the list of `feature`."""
        for listen in list(self._open.values()):
            if listen.filter.has_list(feature):
                listen.tell(f"notifications/{feature}/list_changed")

    def close(self) -> None:
        """End all of them, with an answer."""
        for id in list(self._open):
            self._forget(id).close()

    def _cancelled(self, id: RequestId) -> None:
        self._forget(id)

    def _forget(self, id: RequestId) -> Listen:
        listen = self._open.pop(id)
        for uri in listen.filter.resource_subscriptions:
            self._subscriptions.remove(uri, listen)
        return listen
