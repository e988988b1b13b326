"""The WebSocket front: a factory that tracks its connections, and the server's end of each."""

from __future__ import annotations

from typing import Any, cast

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime, ITransport
from twisted.internet.protocol import Protocol
from twisted.logger import Logger

from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError
from mcpws.fronts.roster import Roster
from mcpws.http import handshake
from mcpws.http.handshake import Refusal, UpgradeRequest
from mcpws.http.peername import address_name
from mcpws.jsonrpc.messages import Notification, to_raw
from mcpws.mcp.naming import cut
from mcpws.policy.stats import ServerStatistics
from mcpws.seam.interfaces import Backend, Identity, counted_by, is_backend
from mcpws.seam.observer import Observer, Refused, tell
from mcpws.turns.heartbeat import period
from mcpws.ws.autobahn import Forwarding
from mcpws.ws.compression import accept_offer
from mcpws.ws.options import set_server_options
from mcpws.ws.server_connection import ServerConnection
from mcpws.ws.tuning import expect_messages_of

log = Logger()


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
        who, status = self._mcpws, refusal.status.value
        self.factory.refused(Refused(who.id, who.peer, status, refusal.text, refusal.value, refusal.setting))
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
    :param roster: who is connected, if other fronts share it: its limits go before those of `config`, and what is said
        below of all connections is said of theirs, too.

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
        roster: Roster | None = None,
    ) -> None:
        if not is_backend(backend):
            raise ConfigError("backend", backend, "must be an App or another Backend, as in ServerFactory(app)")
        super().__init__(server="mcpws", reactor=reactor)
        self.backend = backend
        self.observer = observer
        self.config = config or WebSocketConfig()
        self.clock: IReactorTime = self.reactor
        self.roster = roster or Roster(
            self.clock,
            max_connections=self.config.max_connections,
            drain_seconds=self.config.drain_seconds,
            period=period(self.config),
        )
        set_server_options(self, self.config)
        expect_messages_of(self.config.max_message_size)
        self._checks = handshake.checks(self.config, self._admit)

    # For the embedding program.

    @property
    def connections(self) -> tuple[ServerConnection, ...]:
        """Those open now, handshakes included."""
        return tuple(one for one in self.roster.members if isinstance(one, ServerConnection))

    def statistics(self) -> ServerStatistics:
        """A snapshot of all connections, of the totals since the start, and of what the backend has counted."""
        return self.roster.statistics(counted_by(self.backend))

    def broadcast(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Send a notification to every initialised client; returns to how many."""
        return self.roster.broadcast(Notification(method, None if params is None else to_raw(params)))

    def drain(self, seconds: float | None = None) -> Deferred[None]:
        """Refuse new clients and requests, let those in flight finish, close everything with 1001.

        Requests that take longer than `seconds` (the config's `drain_seconds` by default) are answered with an error.
        Fires when no connection is left.
        """
        return self.roster.drain(seconds)

    def restart(self) -> Deferred[None]:
        """Close everything with 1012 (service restart): another process serves at this place from now on.

        Requests in flight are answered with an error. Handshakes that have begun are completed before, so that their
        clients are told as well. Fires when no connection is left. Stop listening before this, and call `stop` after.
        """
        return self.roster.restart()

    def stop(self, seconds: float | None = None) -> Deferred[None]:
        """Drain, then stop the backend. Fires when nothing is left."""
        return self.drain(seconds).addCallback(lambda _: self.backend.stop())

    # For the protocols.

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        roster = self.roster
        if not roster.may_enter:
            text = "as many connections as may be have yet to finish their handshake"
            self.refused(Refused(None, address_name(addr), None, text, setting="max_connections"))
            return _Unwanted()
        protocol: ServerProtocol = self.protocol()
        protocol.factory = self
        connection = ServerConnection(protocol, self.config, roster, self.backend, self.observer)
        protocol._mcpws = connection
        roster.enter(connection)
        return protocol

    def check(self, request: UpgradeRequest) -> Refusal | None:
        """The first check's refusal, None if the request passes all."""
        for check in self._checks:
            refusal = check(request)
            if refusal is not None:
                return refusal
        return None

    def refused(self, refused: Refused) -> None:
        """Count, log and tell of one that is not let in."""
        self.roster.refused(refused)
        if self.observer is not None:
            tell(self.observer.refused, refused)

    def _admit(self) -> Refusal | None:
        if self.roster.is_leaving:
            return handshake.DRAINING
        if self.roster.is_full:
            return handshake.BUSY
        return None
