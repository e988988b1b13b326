"""A legacy client's conversation with a server that knows only the modern era."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Raw, Struct
from twisted.logger import Logger

from mcpws.backends.eras.for_legacy.half import Half
from mcpws.backends.eras.for_legacy.request import Ends, LegacyRequest
from mcpws.backends.eras.for_legacy.subscriptions import Filter, LegacySubscriptions
from mcpws.backends.eras.servers import ServerConversation
from mcpws.backends.eras.shapes import capabilities_for_other_era, offers, subscription_of
from mcpws.backends.eras.shared import SharedState
from mcpws.core.ledger import cancelled_id
from mcpws.core.rpc import Rpc
from mcpws.errors import InvalidParams, McpwsError, MethodNotFound, RpcError, TooManyRequests
from mcpws.jsonrpc.messages import EMPTY, Message, Notification, Request, Result, put_together
from mcpws.jsonrpc.nulls import null_as_none
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.discovery import Discovery
from mcpws.mcp.levels import severity_of
from mcpws.mcp.meta import CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION
from mcpws.mcp.methods import (
    CANCELLED,
    INITIALIZED,
    LIST_CHANGED,
    PING,
    RESOURCES_SUBSCRIBE,
    RESOURCES_UNSUBSCRIBE,
    ROOTS_CHANGED,
    SET_LEVEL,
    TASK_STATUS,
)
from mcpws.mcp.schema import MAX_URI, OURSELVES, InitializeParams, InitializeResult
from mcpws.mcp.versions import LEGACY_VERSIONS, MODERN_VERSIONS, WITHOUT_ELICITATION, newest

log = Logger()


MANY = 2**31
"""More requests than one conversation comes to."""

_UNHEARD = (ROOTS_CHANGED, TASK_STATUS)
"""Notifications of a client that the modern era does not know."""


class _Level(Struct, gc=False):
    level: str


class _Resource(Struct, gc=False):
    uri: str


_read_initialize = null_as_none(InitializeParams[Raw, dict[str, Raw]])
_read_level = reader(_Level)
_read_resource = reader(_Resource)


class LegacyToModern:
    """Translation between a client that sends and gets what is legacy and a server for which all is modern.

    :param initialize: the client's, which `begin` answers.
    :param discovery: of the server.
    :raises InvalidParams: `initialize` is not as it has to be.
    """

    def __init__(
        self,
        initialize: Request,
        discovery: Discovery,
        conversation: ServerConversation,
        link: Half,
        shared: SharedState,
    ) -> None:
        try:
            hello = _read_initialize(initialize.params or b"{}")
        except ValueError as error:
            raise InvalidParams("Invalid params", {"reason": str(error)}) from None
        self._conversation = conversation
        self._link = link
        self._shared = shared
        self._discovery = discovery
        self._initialize = initialize
        self._asked_version = hello.protocol_version
        self._capabilities = capabilities_for_other_era(hello.capabilities or {})
        if hello.protocol_version in WITHOUT_ELICITATION:
            self._capabilities.pop("elicitation", None)
        self._level: str | None = None
        self._client_info = hello.client_info
        limits = shared.limits
        self._client = Rpc(link.send, limits.max_pending, to_raw=put_together)
        # A second answer to the client's own `initialize` answers none of these.
        first_id = initialize.id + 1 if type(initialize.id) is int and 0 <= initialize.id < MANY else 0
        self._server = Rpc(
            conversation.to_server, limits.max_pending + limits.max_subscriptions + 1, first_id, put_together
        )
        self._ends = Ends(self._server, self._client, shared, self._meta, self._capabilities)
        self._subscriptions = LegacySubscriptions(self._server, link, shared, self._meta)

    def begin(self) -> None:
        """Answer `initialize`."""
        self._shared.counters.translated += 1
        log.info("{peer} is legacy, its server modern: translating", peer=self._link.identity.peer)
        asked, discovery = self._asked_version, self._discovery
        result = InitializeResult(
            asked if asked in LEGACY_VERSIONS else LEGACY_VERSIONS[-1],
            capabilities_for_other_era(discovery.capabilities or {}),
            # The modern era lets a server be nobody.
            discovery.server_info or OURSELVES,
            discovery.instructions,
        )
        self._link.send(Result(self._initialize.id, put_together(result)))

    def receive(self, message: Message) -> None:
        """Take in what the client sends."""
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
                self._conversation.to_server(ours)

    def received(self, message: Message) -> None:
        """Take in what the server sends."""
        if type(message) is Notification:
            if message.method == CANCELLED:
                self._subscriptions.cancelled(cancelled_id(message))
            elif subscription_of(message) is not None:
                self._subscriptions.take(message)
            else:
                self._link.send(message)
        elif type(message) is Request:
            # It may not (MCP 2026-07-28, stdio), nor may it be answered.
            self._shared.counters.dropped += 1
        else:
            self._server.receive(message)

    def close(self, reason: McpwsError) -> None:
        """Client or server is gone."""
        self._subscriptions.close()
        self._server.lost(reason)
        self._client.lost(reason)

    def _meta(self) -> dict[str, Any]:
        meta: dict[str, Any] = {
            PROTOCOL_VERSION: newest(MODERN_VERSIONS, self._discovery.supported_versions),
            CLIENT_CAPABILITIES: self._capabilities,
        }
        if self._client_info is not None:
            meta[CLIENT_INFO] = self._client_info
        if self._level is not None:
            meta[LOG_LEVEL] = self._level
        return meta

    def _request(self, request: Request) -> None:
        method = request.method
        if self._client.working >= self._shared.limits.max_pending:
            raise TooManyRequests(self._shared.limits.max_pending)
        try:
            if method == PING:
                self._client.answer(request.id, EMPTY)
            elif method == SET_LEVEL:
                self._set_level(request)
            elif method == RESOURCES_SUBSCRIBE:
                self._subscribe(request)
            elif method == RESOURCES_UNSUBSCRIBE:
                self._unsubscribe(request)
            else:
                LegacyRequest(request, self._ends).begin()
        except ValueError as error:
            raise InvalidParams("Invalid params", {"reason": str(error)}) from None

    def _set_level(self, request: Request) -> None:
        # Some servers log without declaring it; those that do not, take no notice.
        level = _read_level(request.params or b"{}").level
        severity_of(level)
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
        leave = self._subscriptions.subscribe(uri, done)

    def _unsubscribe(self, request: Request) -> None:
        self._subscriptions.unsubscribe(self._resource(request))
        self._client.answer(request.id, EMPTY)

    def _resource(self, request: Request) -> str:
        if not offers(self._discovery.capabilities or {}, "resources", "subscribe"):
            raise MethodNotFound(request.method)
        return _read_resource(request.params or b"{}").uri

    def _watch_lists(self) -> None:
        capabilities = self._discovery.capabilities or {}
        tools, prompts, resources = (offers(capabilities, feature, "listChanged") for feature in LIST_CHANGED)
        self._subscriptions.watch_lists(Filter(tools, prompts, resources))
