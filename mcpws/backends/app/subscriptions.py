"""Subscribers of each resource, for the whole of a service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from twisted.logger import Logger

from mcpws.backends.app.uri import canonical

log = Logger()

T = TypeVar("T")

Watcher = Callable[[bool], object]
"""Called with True when a resource gets its first subscriber, with False when the last one is gone."""


class Subscriber(Protocol):
    """A party that may subscribe."""

    def resource_updated(self, uri: str) -> None:
        """The resource has changed."""


class Subscriptions(Generic[T]):
    """Subscribers by URI, however it is spelled, in the order in which they came.

    How many there may be is for each subscriber's owner to bound.
    """

    def __init__(self) -> None:
        self._subscribers: dict[str, dict[T, None]] = {}
        self._watchers: dict[str, list[Watcher]] = {}

    def of(self, uri: str) -> list[T]:
        """Subscribers of `uri`."""
        return list(self._subscribers.get(canonical(uri), ()))

    def add(self, uri: str, subscriber: T) -> None:
        """Let `subscriber` hear of `uri`."""
        uri = canonical(uri)
        first = uri not in self._subscribers
        self._subscribers.setdefault(uri, {})[subscriber] = None
        if first:
            self._tell(uri, True)

    def remove(self, uri: str, subscriber: T) -> None:
        """Undo `add`."""
        uri = canonical(uri)
        subscribers = self._subscribers[uri]
        del subscribers[subscriber]
        if not subscribers:
            del self._subscribers[uri]
            self._tell(uri, False)

    def watch(self, uri: str, watcher: Watcher) -> None:
        """Tell `watcher` when the first subscriber of `uri` comes and when the last one goes, from now on."""
        self._watchers.setdefault(canonical(uri), []).append(watcher)

    def _tell(self, uri: str, anyone: bool) -> None:
        for watcher in self._watchers.get(uri, ()):
            try:
                watcher(anyone)
            except BaseException:
                log.failure("a watcher of {uri} failed", uri=uri)
