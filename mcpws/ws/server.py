"""The WebSocket front: a factory that tracks its connections, and the server's end of each."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any, cast

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime, ITransport
from twisted.internet.protocol import Protocol
from twisted.logger import Logger

from mcpws.config import WebSocketConfig
from mcpws.core.lifecycle import ConnectionState, Phase
from mcpws.errors import ConfigError
from mcpws.http import handshake
from mcpws.http.handshake import Refusal, UpgradeRequest
from mcpws.http.peername import address_name
from mcpws.jsonrpc.messages import Notification, to_raw
from mcpws.log.events import REFUSED_PER_SECOND, log_more_refused, log_refused
from mcpws.mcp.naming import cut
from mcpws.policy.pace import Pace
from mcpws.policy.stats import ServerStatistics, Totals
from mcpws.seam.interfaces import Backend, Identity, counted_by, is_backend
from mcpws.seam.observer import Observer, Refused, tell
from mcpws.turns.steady import steady
from mcpws.ws.autobahn import Forwarding
from mcpws.ws.compression import accept_offer
from mcpws.ws.connection import GOING_AWAY, SERVICE_RESTART
from mcpws.ws.heartbeat import Heartbeat, period
from mcpws.ws.options import set_server_options
from mcpws.ws.server_connection import ServerConnection
from mcpws.ws.tuning import expect_messages_of

log = Logger()

RESTART_SECONDS = 1.0
"""For handshakes that have begun when the server restarts."""

_STOPS = GOING_AWAY, "the service is shutting down"
_RESTARTS = SERVICE_RESTART, "the service restarts"


class ServerProtocol(Forwarding, WebSocketServerProtocol):  # type: ignore[misc]
    """Autobahn's server protocol with our handshake. Subclass it and set `factory.protocol` to plug in more."""

    __slots__ = tuple(WebSocketServerProtocol.CONFIG_ATTRS_SERVER)

    _mcpws: ServerConnection

    def processHandshake(self) -> None:
        head, end, rest = self.data.removeprefix(handshake.EMPTY_LINE).partition(handshake.END_OF_HEAD)
        if len(head) > handshake.MAX_HEAD:
            self._refuse(handshake.HEAD_TOO_LARGE)
        elif not handshake.could_be_http(head):
            self._refuse(handshake.NOT_HTTP)
        elif end:
            try:
                request = handshake.parse(head + end)
                refusal = self.factory.check(request)
                if refusal is None:
                    self._accept(request, rest)
                else:
                    self._refuse(refusal)
            except handshake.Refused as refused:
                self._refuse(refused.refusal)
            except Exception:
                if self.state != self.STATE_CONNECTING:
                    # The handshake is complete: what raised is a backend, at the first message.
                    raise
                log.failure("the handshake with {peer} failed", peer=self.peer)
                self._refuse(handshake.FAILED)

    def _accept(self, request: UpgradeRequest, rest: bytes) -> None:
        headers = request.headers
        offered = request.tokens("sec-websocket-protocol")
        subprotocol = handshake.select_subprotocol(offered)
        connection = self._mcpws
        connection.accept(Identity(connection.peer, None, request.path, headers, subprotocol, connection=connection.id))
        # What Autobahn's own parser would have left behind, for succeedHandshake and for subclasses.
        self.http_headers = dict(headers)
        self.http_request_host = headers["host"]
        self.http_request_path = request.path
        self.websocket_origin = headers.get("origin", "")
        self.websocket_version = 13
        self.websocket_protocols = offered
        deflate = accept_offer(request.offered_extensions()) if self.factory.config.compression else None
        self.websocket_extensions = []
        if deflate is not None:
            # Nothing is left for Autobahn to weigh, which would refuse what is to be declined.
            self.websocket_extensions = [(deflate.EXTENSION_NAME, {})]
            self.perMessageCompressionAccept = lambda offers: deflate
        self._wskey = headers["sec-websocket-key"]
        self.data = rest
        self.succeedHandshake(subprotocol)
        # Kept for the tests of Autobahn.
        self.http_response_data = ""

    def _refuse(self, refusal: Refusal) -> None:
        self.factory.handshake_refused(self._mcpws, refusal)
        self.sendData(refusal.encode())
        self.failedByMe = True
        # Nothing for Autobahn to warn of.
        self.wasClean = True
        self.dropConnection()

    def failHandshake(self, reason: str, code: int = 400, responseHeaders: object = None) -> None:
        # Autobahn's would put the reason, with what the client sent in it, into the status line.
        log.warn("handshake with {peer} failed: {reason!r}", peer=self.peer, reason=cut(reason))
        self._refuse(handshake.FAILED)


class _Unwanted(Protocol):
    """Hangs up. With None in its place TLS and other wrappers would keep the connection, and fail with every byte."""

    def connectionMade(self) -> None:
        cast(ITransport, self.transport).loseConnection()


class ServerFactory(WebSocketServerFactory):
    """Serves a backend on WebSocket; listen with it on any stream endpoint.

    :param backend: answers the clients, an App for example.
    :param config: limits and policies; the `url` in it is not used here.
    :param reactor: for time; the global one by default.
    :param observer: is told what happens; None, and then costs nothing, by default.

    :raises ConfigError: `backend` is none.

    Call `stop` before you give it up, and wait for its Deferred.
    """

    protocol = ServerProtocol
    noisy = False

    def __init__(
        self,
        backend: Backend,
        config: WebSocketConfig | None = None,
        *,
        reactor: IReactorTime | None = None,
        observer: Observer | None = None,
    ) -> None:
        if not is_backend(backend):
            raise ConfigError("backend", backend, "must be an App or another Backend, as in ServerFactory(app)")
        super().__init__(server="mcpws", reactor=reactor)
        self.backend = backend
        self.observer = observer
        self.config = config or WebSocketConfig()
        self.clock: IReactorTime = self.reactor
        self.time = steady(self.clock)
        set_server_options(self, self.config)
        expect_messages_of(self.config.max_message_size)
        self._checks = handshake.checks(self.config, self._admit)
        self._ids = count(1)
        self._connections: dict[int, ServerConnection] = {}
        self._open = 0
        self._totals = Totals(self.time.seconds())
        self._refusals = Pace(REFUSED_PER_SECOND)
        self._heartbeat = Heartbeat(self.time, period(self.config), self._connections.values)
        self._draining = False
        self.restarting = False
        self._waiting: list[Deferred[None]] = []
        self._deadline: IDelayedCall | None = None

    # For the embedding program.

    @property
    def connections(self) -> tuple[ServerConnection, ...]:
        """Those open now, handshakes included."""
        return tuple(self._connections.values())

    def statistics(self) -> ServerStatistics:
        """A snapshot of all connections, of the totals since the start, and of what the backend has counted."""
        now = self.time.seconds()
        open = tuple(one.statistics(now) for one in self._connections.values())
        return self._totals.snapshot(open, now, counted_by(self.backend))

    def broadcast(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Send a notification to every initialised client; returns to how many."""
        notification = Notification(method, None if params is None else to_raw(params))
        ready = [one for one in self._connected() if one.front.phase is Phase.READY]
        for one in ready:
            one.front.send(notification)
        return len(ready)

    def drain(self, seconds: float | None = None) -> Deferred[None]:
        """Refuse new clients and requests, let those in flight finish, close everything with 1001.

        Requests that take longer than `seconds` (the config's `drain_seconds` by default) are answered with an error.
        Fires when no connection is left.
        """
        if not self._draining:
            self._draining = True
            if self._connections:
                limit = self.config.drain_seconds if seconds is None else seconds
                # Not by the time for which this process runs: whoever stops it has set a term.
                self._deadline = self.clock.callLater(limit, self._give_up)
            for one in self.connections:
                one.drain()
        drained: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(drained)
        self._tell_drained()
        return drained

    def restart(self) -> Deferred[None]:
        """Close everything with 1012 (service restart): another process serves at this place from now on.

        Requests in flight are answered with an error. Handshakes that have begun are completed before, so that their
        clients are told as well. Fires when no connection is left. Stop listening before this, and call `stop` after.
        """
        self.restarting = True
        drained = self.drain(RESTART_SECONDS)
        for one in list(self._connected()):
            one.give_up()
        return drained

    def stop(self, seconds: float | None = None) -> Deferred[None]:
        """Drain, then stop the backend. Fires when nothing is left."""
        return self.drain(seconds).addCallback(lambda _: self.backend.stop())

    # For the protocols.

    @property
    def farewell(self) -> tuple[int, str]:
        """Code and reason with which clients are closed at the end."""
        return _RESTARTS if self.restarting else _STOPS

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        if len(self._connections) - self._open >= self.config.max_connections:
            # As many have yet to finish their handshake: somebody only opens sockets.
            text = "as many connections as may be have yet to finish their handshake"
            self._refused(Refused(None, address_name(addr), None, text, setting="max_connections"))
            return _Unwanted()
        protocol: ServerProtocol = self.protocol()
        protocol.factory = self
        connection = ServerConnection(protocol, next(self._ids), self)
        protocol._mcpws = connection
        self._connections[connection.id] = connection
        self._heartbeat.start()
        return protocol

    def check(self, request: UpgradeRequest) -> Refusal | None:
        """The first check's refusal, None if the request passes all."""
        for check in self._checks:
            refusal = check(request)
            if refusal is not None:
                return refusal
        return None

    def handshake_refused(self, connection: ServerConnection, refusal: Refusal) -> None:
        """Count and log it."""
        status, text = refusal.status.value, refusal.text
        self._refused(Refused(connection.id, connection.peer, status, text, refusal.value, refusal.setting))

    def connection_opened(self, connection: ServerConnection) -> None:
        """A handshake is complete."""
        self._open += 1
        self._totals.connections += 1

    def connection_aborted(self) -> None:
        """A client is not waited for any longer; `connection_gone` follows, unless it came before."""
        self._totals.aborted += 1

    def connection_gone(self, connection: ServerConnection) -> None:
        """A connection is no more, whether its handshake was complete or not."""
        del self._connections[connection.id]
        if hasattr(connection, "front"):
            self._open -= 1
        self._totals.closed(connection.counters)
        if not self._connections:
            self._heartbeat.stop()
            self._tell_drained()

    def _connected(self) -> Iterable[ServerConnection]:
        return (one for one in self.connections if one.state is ConnectionState.CONNECTED)

    def _refused(self, refused: Refused) -> None:
        self._totals.refused += 1
        if self._refusals.passes(self.time.seconds()):
            if hidden := self._refusals.hidden():
                log_more_refused(hidden)
            log_refused(refused)
        if self.observer is not None:
            tell(self.observer.refused, refused)

    def _admit(self) -> Refusal | None:
        if self._draining and not self.restarting:
            return handshake.DRAINING
        if self._open >= self.config.max_connections:
            return handshake.BUSY
        return None

    def _give_up(self) -> None:
        self._deadline = None
        for one in self.connections:
            one.give_up()

    def _tell_drained(self) -> None:
        if not self._draining or self._connections:
            return
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        waiting, self._waiting = self._waiting, []
        for drained in waiting:
            drained.callback(None)
