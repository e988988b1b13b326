"""A session that began with `initialize` (MCP 2024-11-05 to 2025-11-25)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.client.subscription import Filter, OnNotification, Subscription
from mcpws.core.rpc import OnProgress
from mcpws.errors import McpwsError, RemoteError
from mcpws.jsonrpc.messages import Message, Notification, Request
from mcpws.mcp.methods import RESOURCES_SUBSCRIBE, RESOURCES_UNSUBSCRIBE
from mcpws.turns.caller import Caller

log = Logger()

UNSUBSCRIBE_TIMEOUT = 30.0
"""Seconds. Nobody waits for the answer, but it must not be waited for without end."""


@dataclass(slots=True)
class _Wish:
    """`filter` is what was asked for; the server was asked for the `uris`, and did not refuse them."""

    filter: Filter
    uris: set[str]


class LegacyDialect:
    """The legacy way in which a session asks and listens.

    :param version: that both settled on.
    :param capabilities: the server's.
    """

    def __init__(self, caller: Caller, version: str, capabilities: dict[str, Any]) -> None:
        self.version = version
        self._caller = caller
        self._capabilities = capabilities
        self._listening: dict[Subscription, _Wish] = {}

    @property
    def listening(self) -> bool:
        """Whether anybody does."""
        return bool(self._listening)

    @property
    def streams(self) -> int:
        """Requests that stay open by nature: there are none in this era."""
        return 0

    def request(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
        log_level: str | None = None,
        type: Any = Any,
    ) -> Deferred[Any]:
        """As `Session.request`; the log level is the affair of `logging/setLevel`."""
        return self._caller.request(method, params, timeout, on_progress, type)

    def listen(self, wanted: Filter, on_notification: OnNotification, timeout: float | None) -> Deferred[Subscription]:
        """As `Session.listen`: by `resources/subscribe`. Changes of lists are told to everybody anyway."""
        return Deferred.fromCoroutine(self._listen(wanted, on_notification, timeout))

    def receive(self, message: Message) -> Request | Notification | None:
        """Take in what the server sent; returns what the session must look after, as `Rpc.receive` does."""
        return self._caller.rpc.receive(message)

    def heard(self, method: str, params: dict[str, Any]) -> None:
        """The server sent a notification."""
        for subscription, wish in list(self._listening.items()):
            if wish.filter.passes(method, params):
                subscription.bring(method, params)

    def lost(self, reason: McpwsError) -> None:
        """The connection is gone."""
        while self._listening:
            subscription, _ = self._listening.popitem()
            subscription.end(reason)

    async def _listen(self, wanted: Filter, on_notification: OnNotification, timeout: float | None) -> Subscription:
        uris = wanted.uris if self._offers("resources", "subscribe") else ()
        wish = _Wish(wanted, set(uris))
        subscription = Subscription(on_notification, lambda: self._stop(subscription))
        self._listening[subscription] = wish
        asked = [self._caller.request(RESOURCES_SUBSCRIBE, {"uri": uri}, timeout=timeout) for uri in uris]
        for uri, (done, outcome) in zip(uris, await DeferredList(asked, consumeErrors=True), strict=True):
            if not done and outcome.check(RemoteError):
                wish.uris.remove(uri)
            elif not done:
                subscription.close()
                outcome.raiseException()
        subscription.honoured = Filter(
            wanted.tools and self._offers("tools", "listChanged"),
            wanted.prompts and self._offers("prompts", "listChanged"),
            wanted.resources and self._offers("resources", "listChanged"),
            tuple(uri for uri in uris if uri in wish.uris),
        )
        return subscription

    def _stop(self, subscription: Subscription) -> None:
        uris = self._listening.pop(subscription).uris
        for uri in sorted(uris.difference(*(wish.uris for wish in self._listening.values()))):
            asked = self._caller.request(RESOURCES_UNSUBSCRIBE, {"uri": uri}, timeout=UNSUBSCRIBE_TIMEOUT)
            asked.addErrback(_not_unsubscribed, uri)

    def _offers(self, feature: str, option: str) -> bool:
        options = self._capabilities.get(feature)
        return isinstance(options, dict) and options.get(option) is True


def _not_unsubscribed(failure: Failure, uri: str) -> None:
    log.debug("{uri} could not be unsubscribed: {error}", uri=uri, error=failure.value)
