"""A session whose requests stand for themselves (MCP 2026-07-28): each says version, client and capabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from msgspec import Raw
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mcpws.client.identity import ClientIdentity, RequestFunction
from mcpws.client.rounds import Rounds
from mcpws.client.stream import Stream
from mcpws.client.subscription import Filter, OnNotification, Subscription
from mcpws.core.ledger import cancelled_id
from mcpws.core.rpc import OnProgress
from mcpws.errors import McpwsError, RemoteError, RequestTimeout, UnsupportedVersion
from mcpws.jsonrpc.messages import EMPTY, Message, Notification, Request, RequestId, Result, to_raw
from mcpws.mcp.discovery import spoken_instead
from mcpws.mcp.meta import CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION, SUBSCRIPTION_ID
from mcpws.mcp.methods import CANCELLED, LISTEN
from mcpws.mcp.versions import newest
from mcpws.turns.caller import Caller


class ModernDialect:
    """The modern way in which a session asks and listens.

    :param functions: what answers the server when it wants input, by method.
    :param versions: that may be spoken, oldest first; the last one is, until the server wants another.
    """

    def __init__(
        self,
        caller: Caller,
        clock: IReactorTime,
        functions: Mapping[str, RequestFunction],
        identity: ClientIdentity,
        versions: Sequence[str],
    ) -> None:
        self.version = versions[-1]
        self._versions = tuple(versions)
        self._caller = caller
        self._clock = clock
        self._functions = functions
        self._about = {
            CLIENT_INFO: to_raw(identity.info),
            CLIENT_CAPABILITIES: to_raw(identity.declared(functions)),
        }
        self._streams: dict[RequestId, Stream] = {}
        self._going_on: set[Rounds] = set()

    @property
    def listening(self) -> bool:
        """Whether anybody does."""
        return bool(self._streams)

    @property
    def streams(self) -> int:
        """Requests that stay open by nature."""
        return len(self._streams)

    def request(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        timeout: float | None = None,
        on_progress: OnProgress | None = None,
        log_level: str | None = None,
        type: Any = Any,
    ) -> Deferred[Any]:
        """As `Session.request`."""

        def ask(params: dict[str, Any]) -> Deferred[Raw]:
            return self._ask(method, params, log_level, on_progress=on_progress)

        rounds = Rounds(self._going_on, method, params or {}, ask, self._functions, self._clock, timeout, type)
        return rounds.deferred

    def listen(self, wanted: Filter, on_notification: OnNotification, timeout: float | None) -> Deferred[Subscription]:
        """As `Session.listen`: by `subscriptions/listen` (MCP 2026-07-28, subscriptions)."""

        def ask(on_sent: Callable[[RequestId], None]) -> Deferred[Raw]:
            return self._ask(LISTEN, {"notifications": wanted}, on_sent=on_sent)

        opened = Stream(self._streams, ask, on_notification).opened
        return opened if timeout is None else opened.addTimeout(timeout, self._clock, _not_acknowledged)

    def receive(self, message: Message) -> Request | Notification | None:
        """Take in what the server sent; returns what the session must look after, as `Rpc.receive` does."""
        if type(message) is Request:
            # Neither may a server of this era ask, nor its client answer.
            self._caller.rpc.dropped += 1
            return None
        if type(message) is Notification and message.method == CANCELLED:
            id = cancelled_id(message)
            if id in self._streams:
                # Of a server that ends a subscription the answer may come first, or not at all.
                message = Result(id, EMPTY)
        return self._caller.rpc.receive(message)

    def heard(self, method: str, params: dict[str, Any]) -> None:
        """The server sent a notification."""
        meta = params.get("_meta")
        id = meta.get(SUBSCRIPTION_ID) if isinstance(meta, dict) else None
        # True is 1 to a dict.
        stream = self._streams.get(id) if type(id) is int else None
        if stream is not None:
            stream.heard(method, params)

    def lost(self, reason: McpwsError) -> None:
        """The connection is gone, as the requests that wait for an answer have been told."""
        while self._going_on:
            next(iter(self._going_on)).lost(reason)

    def _ask(self, method: str, params: dict[str, Any], log_level: str | None = None, **options: Any) -> Deferred[Raw]:
        """Send a request; once more, if the server wants another version that may be spoken."""

        def send() -> Deferred[Raw]:
            return self._caller.request(method, self._with_meta(params, log_level), type=Raw, **options)

        return Deferred.fromCoroutine(self._in_a_version(send))

    async def _in_a_version(self, send: Callable[[], Deferred[Raw]]) -> Raw:
        version = self.version
        try:
            return await send()
        except RemoteError as error:
            spoken = spoken_instead(error)
            if spoken is None:
                raise
            instead = newest(self._versions, spoken)
            if instead is None:
                raise UnsupportedVersion(spoken, self._versions) from error
            if instead == version:
                raise
            self.version = instead
        return await send()

    def _with_meta(self, params: dict[str, Any], log_level: str | None) -> dict[str, Any]:
        theirs = params.get("_meta", {})
        if not isinstance(theirs, dict):
            raise TypeError(f"_meta must be an object (got {theirs!r})")
        level = {} if log_level is None else {LOG_LEVEL: log_level}
        return {**params, "_meta": {PROTOCOL_VERSION: self.version, **self._about, **level, **theirs}}


def _not_acknowledged(_: object, seconds: float) -> NoReturn:
    raise RequestTimeout(LISTEN, seconds)
