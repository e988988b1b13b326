"""A modern client's requests at a server that was initialised in the legacy era."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from mcpws.backends.eras.for_modern.asking import CANCELLED_BY_CLIENT, Calls
from mcpws.backends.eras.for_modern.call import Call, Work
from mcpws.backends.eras.for_modern.open_requests import OpenRequests
from mcpws.backends.eras.for_modern.parking import Parking
from mcpws.backends.eras.for_modern.subscriptions import CHANGES, Listens
from mcpws.backends.eras.log_levels import LEVELS, LOG_MESSAGE, message_level
from mcpws.backends.eras.shapes import (
    ASKING,
    ASKS,
    Members,
    capabilities_for_other_era,
    report,
    to_modern_error,
    to_modern_result,
)
from mcpws.backends.eras.shared import Shared
from mcpws.core.peer import Peer
from mcpws.errors import McpwsError, MethodNotFound, RpcError
from mcpws.jsonrpc.messages import EMPTY, Answer, Error, Notification, Request, RequestId, Result, put_together
from mcpws.mcp.meta import DISCOVER, LISTEN, MODERN_VERSIONS
from mcpws.seam.interfaces import Link

_UNHEARD = ("notifications/elicitation/complete", "notifications/tasks/status")
"""What a server tells a client of, and the modern era does not know."""


class Welcome(Struct, frozen=True, gc=False):
    """What a server answers to `initialize`."""

    version: str = msgspec.field(name="protocolVersion")
    capabilities: dict[str, Raw] = msgspec.field(default_factory=dict)
    server_info: dict[str, Raw] | None = msgspec.field(name="serverInfo", default=None)
    instructions: str | UnsetType = UNSET


class ModernToLegacy:
    """What the client sends and gets is modern, what the server gets and sends legacy.

    :param worker: for whom the requests of the client are open.
    :param server: numbers what goes to the server, and knows what the server wants.
    :param capabilities: of the client.
    """

    def __init__(
        self,
        worker: object,
        server: Peer,
        link: Link,
        requests: OpenRequests,
        parking: Parking[Call],
        shared: Shared,
        capabilities: Members,
        welcome: Welcome,
    ) -> None:
        self._worker = worker
        self._server = server
        self._link = link
        self._requests = requests
        self._welcome = welcome
        self._server_info = None if welcome.server_info is None else put_together(welcome.server_info)
        self._level: int | None = None
        self._wanted_level: int | None = None
        self._levels_told = 0
        self._listens = Listens(worker, server, link, requests, shared, welcome.capabilities)
        self._calls = Calls(worker, server, link, requests, parking, shared, capabilities, self._server_info)

    @property
    def idle(self) -> bool:
        """Whether the client waits for nothing here, and could not come back to anything."""
        return self._calls.idle and not self._requests.of(self._worker)

    def take(self, work: Work) -> None:
        """Work on it; raises RpcError to have it answered with that."""
        request = work.request
        if work.level is not None:
            self._set_level(work.level)
        if request.method == DISCOVER:
            self._requests.answer(request.id, self._discovery())
        elif request.method == LISTEN:
            self._listens.begin(request)
        elif work.call is not None:
            self._calls.go_on(work.call, work)
        elif request.method in ASKING:
            self._calls.begin(work)
        else:
            self._forward(work)

    def asked(self, request: Request) -> None:
        """A request of the server's."""
        try:
            if request.method == "ping":
                self._server.answer(request.id, EMPTY)
            elif request.method in ASKS:
                self._calls.asked(request)
            else:
                raise MethodNotFound(request.method)
        except RpcError as error:
            self._server.fail(request.id, error)

    def told(self, notification: Notification) -> None:
        """A notification of the server's."""
        if notification.method in CHANGES:
            self._listens.changed(notification)
        elif notification.method == LOG_MESSAGE:
            level = message_level(notification)
            if level is not None and any(wanted <= level for wanted in self._requests.levels(self._worker)):
                self._link.send(notification)
        elif notification.method not in _UNHEARD:
            self._link.send(notification)

    def close(self) -> None:
        """The server is gone, or the client."""
        self._calls.close()
        self._listens.close()

    def _discovery(self) -> Raw:
        result: Members = {
            "supportedVersions": MODERN_VERSIONS,
            "capabilities": capabilities_for_other_era(self._welcome.capabilities),
        }
        if not isinstance(self._welcome.instructions, UnsetType):
            result["instructions"] = self._welcome.instructions
        return to_modern_result(DISCOVER, put_together(result), self._server_info)

    def _set_level(self, level: int) -> None:
        """Of all that is wanted now the lowest is what the server is to send; the rest is dropped here."""
        self._wanted_level = min([level, *self._requests.levels(self._worker)])
        if "logging" in self._welcome.capabilities:
            self._tell_level()

    def _tell_level(self) -> None:
        """A server that does not answer is not told over and over."""
        level = self._wanted_level
        if level is not None and level != self._level and self._levels_told < len(LEVELS):
            self._level = level
            self._levels_told += 1
            self._server.request("logging/setLevel", {"level": LEVELS[level]}, self._level_told)

    def _level_told(self, answer: Answer | McpwsError) -> None:
        self._levels_told -= 1
        if not isinstance(answer, McpwsError):
            self._tell_level()

    def _forward(self, work: Work) -> None:
        request, token = work.request, work.progress_token
        sent: RequestId | None = None

        def answered(answer: Answer | McpwsError) -> None:
            if isinstance(answer, Result):
                result = to_modern_result(request.method, answer.result, self._server_info)
                self._requests.answer(request.id, result)
            elif isinstance(answer, Error):
                self._requests.fail(request.id, to_modern_error(answer.error))

        def cancelled(_: Notification) -> None:
            if sent is not None:
                self._server.withdraw(sent, CANCELLED_BY_CLIENT)

        self._requests.hand(request.id, self._worker, cancelled, work.level)
        progressed = None if token is None else lambda progress: self._link.send(report(token, progress))
        sent = self._server.request(request.method, work.params, answered, progressed)
