"""A modern client's requests at a server that was initialised in the legacy era."""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Raw

from mcpws.backends.eras.for_modern.asking import CANCELLED_BY_CLIENT, InteractiveCalls
from mcpws.backends.eras.for_modern.call import Work
from mcpws.backends.eras.for_modern.seat import Post, Seat
from mcpws.backends.eras.for_modern.subscriptions import CHANGES, ModernSubscriptions
from mcpws.backends.eras.shapes import capabilities_for_other_era, report, to_modern_error, to_modern_result
from mcpws.errors import McpwsError, MethodNotFound, RpcError
from mcpws.jsonrpc.messages import EMPTY, Answer, Error, Notification, Request, RequestId, Result, put_together
from mcpws.mcp.levels import LEVELS, severity_in
from mcpws.mcp.methods import (
    CAPABILITY_OF,
    DISCOVER,
    ELICITATION_COMPLETE,
    LISTEN,
    LOG_MESSAGE,
    MAY_ASK,
    PING,
    SET_LEVEL,
    TASK_STATUS,
)
from mcpws.mcp.schema import DiscoverResult, InitializeResult
from mcpws.mcp.versions import MODERN_VERSIONS

_UNHEARD = (ELICITATION_COMPLETE, TASK_STATUS)
"""Notifications of a server that the modern era does not know."""


Welcome: TypeAlias = InitializeResult[Raw, dict[str, Raw]]
"""Result of `initialize`, of which nothing is decoded that is only passed on."""


class ModernToLegacy:
    """Translation between a client that sends and gets what is modern and a server for which all is legacy.

    :param welcome: of the server.
    """

    def __init__(self, seat: Seat, post: Post, welcome: Welcome) -> None:
        self._link = seat.link
        self._requests = seat.requests
        self._desk = post.desk
        self._server = post.rpc
        self._welcome = welcome
        self._capabilities = welcome.capabilities or {}
        self._server_info = None if welcome.server_info is None else put_together(welcome.server_info)
        self._level: int | None = None
        self._wanted_level: int | None = None
        self._levels_told = 0
        self._subscriptions = ModernSubscriptions(seat, post, self._capabilities)
        self._calls = InteractiveCalls(seat, post, self._server_info)

    @property
    def idle(self) -> bool:
        """Whether the client waits for nothing here, and could not come back to anything."""
        return self._calls.idle and not self._desk

    def take(self, work: Work) -> None:
        """Work on it; raises RpcError to have it answered with that."""
        request = work.request
        if work.level is not None:
            self._set_level(work.level)
        if request.method == DISCOVER:
            self._requests.answer(request.id, self._discovery())
        elif request.method == LISTEN:
            self._subscriptions.begin(request)
        elif work.call is not None:
            self._calls.go_on(work.call, work)
        elif request.method in MAY_ASK:
            self._calls.begin(work)
        else:
            self._forward(work)

    def asked(self, request: Request) -> None:
        """A request of the server's."""
        try:
            if request.method == PING:
                self._server.answer(request.id, EMPTY)
            elif request.method in CAPABILITY_OF:
                self._calls.asked(request)
            else:
                raise MethodNotFound(request.method)
        except RpcError as error:
            self._server.fail(request.id, error)

    def told(self, notification: Notification) -> None:
        """A notification of the server's."""
        if notification.method in CHANGES:
            self._subscriptions.changed(notification)
        elif notification.method == LOG_MESSAGE:
            level = severity_in(notification)
            if level is not None and any(wanted <= level for wanted in self._desk.levels()):
                self._link.send(notification)
        elif notification.method not in _UNHEARD:
            self._link.send(notification)

    def close(self) -> None:
        """The server is gone, or the client."""
        self._calls.close()
        self._subscriptions.close()

    def _discovery(self) -> Raw:
        capabilities = capabilities_for_other_era(self._capabilities)
        result = DiscoverResult[object, object](MODERN_VERSIONS, capabilities, self._welcome.instructions)
        return to_modern_result(DISCOVER, put_together(result), self._server_info)

    def _set_level(self, level: int) -> None:
        """Have the server send from the lowest level that is wanted now; the rest is dropped here."""
        self._wanted_level = min([level, *self._desk.levels()])
        if "logging" in self._capabilities:
            self._tell_level()

    def _tell_level(self) -> None:
        """A server that does not answer is not told over and over."""
        level = self._wanted_level
        if level is not None and level != self._level and self._levels_told < len(LEVELS):
            self._level = level
            self._levels_told += 1
            self._server.request(SET_LEVEL, {"level": LEVELS[level]}, self._level_told)

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

        self._desk.take(request.id, cancelled, work.level)
        progressed = None if token is None else lambda progress: self._link.send(report(token, progress))
        sent = self._server.request(request.method, work.params, answered, progressed)
