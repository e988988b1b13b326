"""A `subscriptions/listen` request: the way a modern server brings notifications (MCP 2026-07-28, subscriptions)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.client.subscription import Filter, OnNotification, Subscription
from mcpws.errors import MalformedResult, McpwsError
from mcpws.jsonrpc.messages import RequestId
from mcpws.mcp.methods import ACKNOWLEDGED, LISTEN

log = Logger()


class Stream:
    """One such request, from the acknowledgement to the answer, which is its end.

    `opened` fires with the Subscription; cancelling it withdraws the request.

    :param streams: of the session; this one is there, by the id of its request, for as long as that waits.
    :param ask: sends the request; calls what it is given with the id, and fires with the answer.
    """

    def __init__(
        self,
        streams: dict[RequestId, Stream],
        ask: Callable[[Callable[[RequestId], None]], Deferred[Raw]],
        on_notification: OnNotification,
    ) -> None:
        self._streams = streams
        self._subscription = Subscription(on_notification, self._withdraw)
        self._acknowledged = False
        self._id: RequestId | None = None
        self.opened: Deferred[Subscription] = Deferred(lambda _: self._withdraw())
        self._answer = ask(self._sent)
        self._answer.addCallbacks(self._answered, self._failed)

    def heard(self, method: str, params: dict[str, Any]) -> None:
        """A notification with the id of this request came."""
        if method == ACKNOWLEDGED:
            self._open(params.get("notifications"))
        elif self._acknowledged:
            self._subscription.bring(method, params)
        else:
            log.debug("dropped {method}: the subscription is not acknowledged yet", method=method)

    def _open(self, honoured: object) -> None:
        if self._acknowledged:
            return
        try:
            self._subscription.honoured = msgspec.convert(honoured, Filter)
        except msgspec.ValidationError as error:
            self._withdraw()
            self.opened.errback(MalformedResult(LISTEN, f"{ACKNOWLEDGED}: {error}"))
        else:
            self._acknowledged = True
            self.opened.callback(self._subscription)

    def _sent(self, id: RequestId) -> None:
        # A second time, if the server wants another protocol version.
        self._forget()
        self._id = id
        self._streams[id] = self

    def _withdraw(self) -> None:
        self._answer.cancel()

    def _answered(self, result: Raw) -> None:
        self._forget()
        if self._acknowledged:
            self._subscription.end(None)
        else:
            self.opened.errback(MalformedResult(LISTEN, f"it came before {ACKNOWLEDGED}"))

    def _failed(self, failure: Failure) -> None:
        self._forget()
        if failure.check(CancelledError):
            # By us, and whoever did it knows.
            return
        if self._acknowledged:
            assert isinstance(failure.value, McpwsError)
            self._subscription.end(failure.value)
        else:
            self.opened.errback(failure)

    def _forget(self) -> None:
        if self._id is not None:
            self._streams.pop(self._id, None)
