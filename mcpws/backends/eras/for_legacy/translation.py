"""A legacy client's conversation with a server that knows only the modern era."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType
from twisted.logger import Logger

from mcpws.backends.eras.discovery import OURSELVES, Discovery
from mcpws.backends.eras.for_legacy.half import Half
from mcpws.backends.eras.for_legacy.request import Exchange
from mcpws.backends.eras.for_legacy.subscriptions import LISTS, Watches
from mcpws.backends.eras.log_levels import level_of
from mcpws.backends.eras.servers import Inner
from mcpws.backends.eras.shapes import capabilities_for_other_era, offers, subscription_of
from mcpws.backends.eras.shared import MAX_URI, Shared
from mcpws.core.ledger import CANCELLED, cancelled_id
from mcpws.core.lifecycle import LEGACY_VERSIONS, WITHOUT_ELICITATION
from mcpws.core.peer import Peer
from mcpws.errors import InvalidParams, McpwsError, MethodNotFound, RpcError, TooManyRequests
from mcpws.jsonrpc.messages import EMPTY, NULL, Message, Notification, Request, Result, put_together
from mcpws.jsonrpc.nulls import null_as_none
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.meta import CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION

log = Logger()

INITIALIZED = "notifications/initialized"

MANY = 2**31
"""More requests than one conversation comes to."""

_UNHEARD = ("notifications/roots/list_changed", "notifications/tasks/status")
"""What a client tells a server of, and the modern era does not know."""


class _Hello(Struct, gc=False):
    version: str = msgspec.field(name="protocolVersion")
    capabilities: dict[str, Raw] = msgspec.field(default_factory=dict)
    client_info: dict[str, Raw] | UnsetType = msgspec.field(name="clientInfo", default=UNSET)


class _Level(Struct, gc=False):
    level: str


class _Resource(Struct, gc=False):
    uri: str


_read_hello = null_as_none(_Hello)
_read_level = reader(_Level)
_read_resource = reader(_Resource)


class LegacyToModern:
    """What the client sends and gets is legacy, what the server gets and sends modern.

    :param initialize: the client's, which `begin` answers.
    :param discovery: of the server.
    :raises InvalidParams: `initialize` is not as it has to be.
    """

    def __init__(self, initialize: Request, discovery: Discovery, inner: Inner, link: Half, shared: Shared) -> None:
        try:
            hello = _read_hello(initialize.params or b"{}")
        except ValueError as error:
            raise InvalidParams("Invalid params", {"reason": str(error)}) from None
        self._inner = inner
        self._link = link
        self._shared = shared
        self._discovery = discovery
        self._initialize = initialize
        self._asked_version = hello.version
        self._capabilities = capabilities_for_other_era(hello.capabilities)
        if hello.version in WITHOUT_ELICITATION:
            self._capabilities.pop("elicitation", None)
        self._level: str | None = None
        self._client_info = hello.client_info
        limits = shared.limits
        self._client = Peer(link.send, limits.max_pending, to_raw=put_together)
        # A second answer to the client's own `initialize` answers none of these.
        first_id = initialize.id + 1 if type(initialize.id) is int and 0 <= initialize.id < MANY else 0
        self._server = Peer(inner.to_server, limits.max_pending + limits.max_subscriptions + 1, first_id, put_together)
        self._watches = Watches(self._server, link, shared, self._meta)

    def begin(self) -> None:
        """Answer `initialize`."""
        self._shared.counters.translated += 1
        log.info("{peer} is legacy, its server modern: translating", peer=self._link.identity.peer)
        asked, discovery = self._asked_version, self._discovery
        info = discovery.meta.server_info
        result = {
            "protocolVersion": asked if asked in LEGACY_VERSIONS else LEGACY_VERSIONS[-1],
            "capabilities": capabilities_for_other_era(discovery.capabilities),
            # The modern era lets a server be nobody.
            "serverInfo": OURSELVES if isinstance(info, UnsetType) or info == NULL else info,
        }
        if not isinstance(discovery.instructions, UnsetType):
            result["instructions"] = discovery.instructions
        self._link.send(Result(self._initialize.id, put_together(result)))

    def receive(self, message: Message) -> None:
        """From the client."""
        ours = self._client.receive(message)
        if type(ours) is Request:
            try:
                self._request(ours)
            except RpcError as error:
                self._client.fail(ours.id, error)
        elif type(ours) is Notification:
            if ours.method == INITIALIZED:
                self._watch_lists()
            elif ours.method not in _UNHEARD:
                self._inner.to_server(ours)

    def received(self, message: Message) -> None:
        """From the server."""
        if type(message) is Notification:
            if message.method == CANCELLED:
                self._watches.cancelled(cancelled_id(message))
            elif subscription_of(message) is not None:
                self._watches.take(message)
            else:
                self._link.send(message)
        elif type(message) is Request:
            # It may not (MCP 2026-07-28, stdio), nor may it be answered.
            self._shared.counters.dropped += 1
        else:
            self._server.receive(message)

    def close(self, reason: McpwsError) -> None:
        """Client or server is gone."""
        self._watches.close()
        self._server.lost(reason)
        self._client.lost(reason)

    def _meta(self) -> dict[str, Any]:
        meta: dict[str, Any] = {PROTOCOL_VERSION: self._discovery.version, CLIENT_CAPABILITIES: self._capabilities}
        if not isinstance(self._client_info, UnsetType):
            meta[CLIENT_INFO] = self._client_info
        if self._level is not None:
            meta[LOG_LEVEL] = self._level
        return meta

    def _request(self, request: Request) -> None:
        method = request.method
        if self._client.working >= self._shared.limits.max_pending:
            raise TooManyRequests(self._shared.limits.max_pending)
        try:
            if method == "ping":
                self._client.answer(request.id, EMPTY)
            elif method == "logging/setLevel":
                self._set_level(request)
            elif method == "resources/subscribe":
                self._subscribe(request)
            elif method == "resources/unsubscribe":
                self._unsubscribe(request)
            else:
                exchange = Exchange(request, self._server, self._client, self._shared, self._meta, self._capabilities)
                exchange.begin()
        except ValueError as error:
            raise InvalidParams("Invalid params", {"reason": str(error)}) from None

    def _set_level(self, request: Request) -> None:
        # Some servers log without declaring it; those that do not, take no notice.
        level = _read_level(request.params or b"{}").level
        level_of(level)
        self._level = level
        self._client.answer(request.id, EMPTY)

    def _subscribe(self, request: Request) -> None:
        uri = self._resource(request)
        if len(uri) > MAX_URI:
            reason = f"Expected `str` of length <= {MAX_URI}"
            raise InvalidParams(f"Invalid params: $.uri: {reason}", {"path": "$.uri", "reason": reason})
        leave: Callable[[], None] | None = None

        def done(error: RpcError | None) -> None:
            if error is None:
                self._client.answer(request.id, EMPTY)
            else:
                self._client.fail(request.id, error)

        def cancelled() -> None:
            if leave is not None:
                leave()

        self._client.work(request.id, cancelled)
        leave = self._watches.subscribe(uri, done)

    def _unsubscribe(self, request: Request) -> None:
        self._watches.unsubscribe(self._resource(request))
        self._client.answer(request.id, EMPTY)

    def _resource(self, request: Request) -> str:
        if not offers(self._discovery.capabilities, "resources", "subscribe"):
            raise MethodNotFound(request.method)
        return _read_resource(request.params or b"{}").uri

    def _watch_lists(self) -> None:
        capabilities = self._discovery.capabilities
        changing = {asked: True for name, asked in LISTS.items() if offers(capabilities, name, "listChanged")}
        self._watches.watch_lists(changing)
