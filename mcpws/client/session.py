"""A session: a conversation with a server, each request a Deferred, the same in both eras of MCP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

from msgspec import UNSET, Raw
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IReactorTime

from mcpws.client.identity import NotificationFunction, RequestFunction
from mcpws.client.legacy import LegacyDialect
from mcpws.client.methods import Methods, Timeout
from mcpws.client.modern import ModernDialect
from mcpws.client.opening import Opening, Terms
from mcpws.client.subscription import Filter, OnNotification, Subscription
from mcpws.core.lifecycle import ConnectionState
from mcpws.core.rpc import OnProgress, Progress, Rpc
from mcpws.errors import ConfigError, InvalidParams, McpwsError, MethodNotFound, QueueFull
from mcpws.jsonrpc.messages import EMPTY, Message, Notification, Request, Result
from mcpws.jsonrpc.surrogates import read_as
from mcpws.mcp.methods import PING
from mcpws.mcp.versions import WITH_BATCHES
from mcpws.policy.stats import ConnectionStatistics
from mcpws.turns.answerer import Answerer
from mcpws.turns.caller import Caller
from mcpws.turns.hearing import Hearing
from mcpws.turns.once import Once
from mcpws.turns.outcome import call_listener
from mcpws.turns.steady import steady
from mcpws.ws.client import ClientConnection


class Session(Methods):
    """A conversation with one server. `connect` and ClientFactory make it, ready for requests; `async with` closes it.

    `server_info`, `server_capabilities` and `instructions` are what the server said of itself. `timeout` is how many
    seconds each answer may take where the call does not say otherwise, None without a limit. `log_level` is the
    least severe kind of log message that a modern server is to send while it works on a request, None for none; legacy
    servers are told by the request `logging/setLevel`.
    """

    def __init__(
        self,
        connection: ClientConnection,
        clock: IReactorTime,
        requests: Mapping[str, RequestFunction],
        notifications: Mapping[str, NotificationFunction],
        timeout: float | None = None,
    ) -> None:
        self.timeout = timeout
        self.server_info: dict[str, Any] = {}
        self.server_capabilities: dict[str, Any] = {}
        self.instructions: str | None = None
        self.log_level: str | None = None
        self._connection = connection
        self._clock = clock
        self._requests = dict(requests)
        self._notifications = dict(notifications)
        self._rpc = Rpc(connection.send_message)
        self._caller = Caller(self._rpc, steady(clock))
        self._answerer = Answerer(self._rpc, connection.send_message, connection.max_in_flight)
        self._settle = self._rpc.settle
        self._hearing = Hearing(connection.peer, *connection.notification_limits)
        # Bytes of the notification that is being heard.
        self._size = 0
        self._era: LegacyDialect | ModernDialect = LegacyDialect(self._caller, "", {})
        # Whether the server fell behind and has not caught up yet; only then has `_is_stalled` to look how far.
        self._behind = False
        self._lost: Once[McpwsError] = Once()

    async def __aenter__(self) -> Session:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def protocol_version(self) -> str:
        """Of MCP, as `2025-11-25`: what both sides settled on."""
        return self._era.version

    def request(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        on_progress: OnProgress | None = None,
        log_level: str | None = None,
        type: Any = Any,
    ) -> Deferred[Any]:
        """Ask the server; fires with the result, decoded as `type`.

        Fails with RemoteError when the server answers with an error, RequestTimeout after `timeout` seconds, without
        it after the session's, ConnectionClosed when the connection is gone, QueueFull when the server reads too slowly
        or owes too many answers, MessageTooLarge for one longer than `max_outbound_size`, MalformedResult for a result
        that is no `type`, TypeError for parameters that are no JSON, which says where. Cancelling the Deferred cancels
        the request.
        `on_progress` gets a Progress for each report; `log_level` is that of this request instead of the session's.

        A modern server may want input before it answers `tools/call`, `prompts/get` or `resources/read`: the functions
        that answer the server give it, all within `timeout`. It fails with what they fail with, with InputRequired
        if there is no such function or no end; and with UnsupportedVersion once the server speaks no version of ours.
        """
        if self._behind and self._is_stalled:
            return fail(self._queue_full())
        if timeout is UNSET:
            timeout = self.timeout
        elif timeout is not None and not timeout >= 0:
            return fail(_no_time(timeout))
        return self._era.request(method, params, timeout, on_progress, log_level or self.log_level, type)

    def batch(
        self,
        requests: Sequence[tuple[str, dict[str, Any] | None]],
        *,
        timeout: Timeout = UNSET,
        on_progress: Callable[[int, Progress], None] | None = None,
        type: Any = Any,
    ) -> list[Deferred[Any]]:
        """Ask several things, each a method and its parameters; returns a Deferred for each, as `request` does.

        In a session of MCP 2025-03-26, the one version with batches, they travel together, in arrays of at most
        `max_in_flight`; in any other one by one. `on_progress` gets the position in `requests`, and a Progress.
        """
        asked: list[Deferred[Any]] = []
        limit = self._connection.max_in_flight
        numbered = [(position, method, params) for position, (method, params) in enumerate(requests)]
        for start in range(0, len(numbered), limit):
            with self._connection.together() if self.protocol_version == WITH_BATCHES else nullcontext():
                for position, method, params in numbered[start : start + limit]:
                    progressed = None if on_progress is None else partial(on_progress, position)
                    asked.append(self.request(method, params, timeout=timeout, on_progress=progressed, type=type))
        return asked

    def listen(
        self,
        *,
        tools: bool = False,
        prompts: bool = False,
        resources: bool = False,
        uris: Sequence[str] = (),
        on_notification: OnNotification,
        timeout: Timeout = UNSET,
    ) -> Deferred[Subscription]:
        """Ask for notifications; fires with the Subscription once the server has agreed, to all of it or to a part.

        :param tools: when the list of tools changes.
        :param prompts: when the list of prompts changes.
        :param resources: when the list of resources changes.
        :param uris: of the resources whose updates are wanted.
        :param on_notification: called with method and parameters of each.
        :param timeout: seconds for the server to agree.

        The same in both eras. Fails as `request` does; cancelling it withdraws what was asked.
        """
        if isinstance(uris, str):
            raise ConfigError("uris", uris, "must be a sequence, even for one")
        if self._behind and self._is_stalled:
            return fail(self._queue_full())

        def heard(method: str, params: dict[str, Any]) -> None:
            self._hearing.hear(on_notification, method, self._size, method, params)

        wanted = Filter(tools, prompts, resources, tuple(dict.fromkeys(uris)))
        if timeout is UNSET:
            timeout = self.timeout
        elif timeout is not None and not timeout >= 0:
            return fail(_no_time(timeout))
        return self._era.listen(wanted, heard, timeout)

    def notify(self, method: str, params: dict[str, Any] | None = None) -> None:
        """Tell the server; does nothing once the connection is gone. Raises MessageTooLarge."""
        self._caller.notify(method, params)

    def close(self) -> Deferred[None]:
        """Close with 1000; fires when the connection is gone. What is pending fails with ConnectionClosed."""
        closed = self.when_lost().addCallback(lambda reason: None)
        self._connection.close()
        return closed

    def when_lost(self) -> Deferred[McpwsError]:
        """Fires, with the reason, when the connection is gone; each call gives a Deferred of its own."""
        return self._lost.when()

    @property
    def state(self) -> ConnectionState:
        """The connection's."""
        return self._connection.state

    @property
    def in_flight(self) -> int:
        """Requests that wait for an answer of the server; subscriptions are none."""
        return self._rpc.pending - self._era.streams

    def statistics(self) -> ConnectionStatistics:
        """A snapshot of the connection's counters.

        `in_flight` are the requests that wait for an answer, `dropped` counts what belonged nowhere, and notifications
        that functions were not to hear of as well.
        """
        dropped = self._rpc.dropped + self._hearing.dropped
        return replace(self._connection.statistics(self.seconds()), dropped=dropped)

    def seconds(self) -> float:
        """The time, by a clock that only goes forward."""
        return steady(self._clock).seconds()

    def begin(self, terms: Terms) -> Deferred[Session]:
        """The exchange that begins a conversation; fires with this session. If it fails, the connection is closed."""
        return Deferred.fromCoroutine(self._begin(terms))

    async def _begin(self, terms: Terms) -> Session:
        try:
            greeting = await Opening(self._caller, steady(self._clock), self._requests, terms).greet()
        except Exception:
            self._connection.close()
            raise
        self._era = greeting.era
        self.server_info = greeting.server_info
        self.server_capabilities = greeting.capabilities
        self.instructions = greeting.instructions
        return self

    @property
    def _is_stalled(self) -> bool:
        return self.state is ConnectionState.CONNECTED and not self._connection.can_send

    def _queue_full(self) -> QueueFull:
        return QueueFull("the queue to the server", self._connection.max_queued_bytes)

    def _answer(self, request: Request) -> object:
        if request.method == PING:
            return EMPTY
        function = self._requests.get(request.method)
        if function is None:
            raise MethodNotFound(request.method)
        return function(_decoded(request.params))

    def _notified(self, notification: Notification) -> None:
        method = notification.method
        function = self._notifications.get(method)
        if function is None and not self._era.listening:
            return
        params = _decoded(notification.params)
        self._size = 0 if notification.params is None else len(notification.params)
        self._era.heard(method, params)
        if function is not None:
            self._hearing.hear(function, method, self._size, params)

    # ws.client.Receiver

    def receive(self, message: Message) -> None:
        if type(message) is Result:
            # The same in both eras, and most of what comes.
            self._settle(message)
            return
        ours = self._era.receive(message)
        if type(ours) is Request:
            self._answerer.answer(ours, self._answer, ours)
        elif type(ours) is Notification:
            call_listener(self._notified, ours.method, ours)

    def pause_sending(self) -> None:
        self._behind = True

    def resume_sending(self) -> None:
        self._behind = False

    def lost(self, reason: McpwsError) -> None:
        self._rpc.lost(reason)
        self._era.lost(reason)
        self._lost.fire(reason)


def _no_time(timeout: float) -> ConfigError:
    return ConfigError("timeout", timeout, "must be a number of seconds, or None to wait for ever")


def _decoded(params: Raw | None) -> dict[str, Any]:
    try:
        decoded = read_as(Any, params or EMPTY)
    except ValueError as error:
        # JSON that Python has no value for, a number with a huge exponent for one.
        raise InvalidParams("Invalid params", {"path": "$.params", "reason": str(error)}) from None
    if not isinstance(decoded, dict):
        raise InvalidParams("Invalid params", {"path": "$.params", "reason": "must be an object"})
    return decoded
