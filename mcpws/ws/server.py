"""The WebSocket front: a factory that tracks its connections, and the server's end of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from twisted.internet.defer import CancelledError, Deferred, gatherResults, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IAddress, IReactorTime, ITransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError
from mcpws.fronts.roster import Roster
from mcpws.http.checks import (
    BUSY,
    DRAINING,
    OVERDUE,
    Check,
    Principal,
    Verdict,
    are_checks,
    examine,
    handshake_checks,
    is_upgrade,
    path_is_served,
    select_subprotocol,
)
from mcpws.http.handover import hand_over
from mcpws.http.peername import address_name, peer_certificate
from mcpws.http.request import (
    EMPTY_LINE,
    END_OF_HEAD,
    FAILED,
    HEAD_TOO_LARGE,
    MAX_HEAD,
    NOT_HTTP,
    HttpRequest,
    Malformed,
    Refusal,
    could_be_http,
    parse,
)
from mcpws.jsonrpc.messages import Notification, to_raw
from mcpws.mcp.naming import cut
from mcpws.policy.stats import ServerStatistics
from mcpws.seam.interfaces import Backend, Identity, counted_by, is_backend
from mcpws.seam.observer import Observer, Refused, tell
from mcpws.turns.heartbeat import period
from mcpws.turns.timing import Timings
from mcpws.ws.autobahn import AutobahnEnd
from mcpws.ws.compression import accept_offer
from mcpws.ws.options import set_server_options
from mcpws.ws.server_connection import ServerConnection
from mcpws.ws.tuning import expect_messages_of

if TYPE_CHECKING:
    from twisted.web.resource import IResource

    from mcpws.http.page import Page
    from mcpws.http.pages import Pages

log = Logger()


class ServerProtocol(AutobahnEnd, WebSocketServerProtocol):  # type: ignore[misc]
    """Autobahn's server protocol with our handshake. Subclass it and set `factory.protocol` to plug in more."""

    __slots__ = (*WebSocketServerProtocol.CONFIG_ATTRS_SERVER, "_verdict")

    _mcpws: ServerConnection
    _verdict: Deferred[Any] | None
    """What the checks will say, while one of them takes its time."""

    def connectionMade(self) -> None:
        self._verdict = None
        super().connectionMade()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        super().connectionLost(reason)
        if self._verdict is not None:
            self._verdict.cancel()

    def processHandshake(self) -> None:
        if self._verdict is not None:
            # What comes before the door is open waits, and no more of it is read than there may be of a head.
            if len(self.data) > MAX_HEAD:
                cast(Any, self.transport).pauseProducing()
            return
        head, end, rest = self.data.removeprefix(EMPTY_LINE).partition(END_OF_HEAD)
        if len(head) > MAX_HEAD:
            self._refuse(HEAD_TOO_LARGE)
        elif not could_be_http(head):
            self._refuse(NOT_HTTP)
        elif end:
            try:
                request = parse(head + end, self.peer, peer_certificate(self.transport))
                if self.factory.is_page(request):
                    self._become_page()
                    return
                server = self.factory.servers.get(request.path)
                if server is not None:
                    self._leave_to(server)
                    return
                self.data = rest
                verdict = self.factory.admit() or examine(request, self.factory.checks)
                if isinstance(verdict, Deferred):
                    self._verdict = verdict.addErrback(self._not_examined)
                    verdict.addCallback(self._examined, request)
                else:
                    self._decide(verdict, request)
            except Malformed as refused:
                self._refuse(refused.refusal)
            except Exception:
                if self.state != self.STATE_CONNECTING:
                    # The handshake is complete: what raised is a backend, at the first message.
                    raise
                self._refuse(self._failed())

    def _examined(self, verdict: Verdict, request: HttpRequest) -> None:
        self._verdict = None
        if self.state != self.STATE_CONNECTING:
            return
        try:
            # Others may have come in meanwhile.
            self._decide(self.factory.admit() or verdict, request)
        except Exception:
            if self.state == self.STATE_CONNECTING:
                self._refuse(self._failed())
            else:
                # A backend, as above; here no transport is there to be raised to, which would log it and hang up.
                log.failure("a backend failed at the first message of {peer}", peer=self.peer)
                self.dropConnection(abort=True)
        if self._mcpws.reading:
            cast(Any, self.transport).resumeProducing()

    def refuse_overdue(self) -> bool:
        """Refuse a client whose checks take too long; whether it was that which it waited for."""
        # Where TLS cannot begin, there was no transport to be connected with.
        verdict = None if self.transport is None else self._verdict
        if verdict is None:
            return False
        self._verdict = None
        self._refuse(OVERDUE)
        verdict.cancel()
        return True

    def _not_examined(self, failure: Failure) -> Refusal:
        if self.state == self.STATE_CONNECTING or not failure.check(CancelledError):
            return self._failed(failure)
        return FAILED

    def _failed(self, failure: Failure | None = None) -> Refusal:
        log.failure("the handshake with {peer} failed", failure, peer=self.peer)
        return FAILED

    def _decide(self, verdict: Verdict, request: HttpRequest) -> None:
        if isinstance(verdict, Refusal):
            self._refuse(verdict)
        else:
            self._accept(request, verdict)

    def _become_page(self) -> None:
        """Leave the connection to the pages, unless as many are theirs as may be."""
        pages: Pages = self.factory.pages
        if not pages.free:
            self._refuse(BUSY)
            return
        transport, data = self.transport, self.data
        # To the roster, and to Autobahn, it is gone.
        self.connectionLost(Failure(ConnectionDone()))
        pages.take(transport, data)

    def _leave_to(self, server: ServerFactory) -> None:
        """Leave the connection to another server of this port."""
        transport, data = cast(ITransport, self.transport), self.data
        # As for a page.
        self.connectionLost(Failure(ConnectionDone()))
        hand_over(transport, server.buildProtocol(transport.getPeer()), data)

    def _accept(self, request: HttpRequest, principal: Principal | None) -> None:
        headers = request.headers
        offered = request.tokens("sec-websocket-protocol")
        subprotocol = select_subprotocol(offered)
        connection = self._mcpws
        name = None if principal is None else principal.name
        connection.accept(Identity(connection.peer, name, request.path, headers, subprotocol, connection=connection.id))
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
        self._refuse(FAILED)


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
    :param checks: that a handshake has to pass, in order, once it has passed those of the standard and of `config`.
        They have the `timeout_seconds` of a handshake.
    :param pages: of `twisted.web` beside the WebSockets, by path: each a resource, or a Page with checks of its own.
        They have as many connections of their own as `max_connections`.
    :param servers: further ones on the same port, by the paths of their WebSockets. Each has a backend, checks, limits
        and counts of its own, and none of its connections is one of this server. They stop with this one.
    :param roster: who is connected, if other fronts share it: its limits go before those of `config`, and what is said
        below of all connections is said of theirs, too.
    :param timings: where requests are counted and timed by their methods; nowhere by default.

    :raises ConfigError: `backend` is none, or one of `checks` or `pages`.

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
        checks: Sequence[Check] = (),
        pages: Mapping[str, Page | IResource] | None = None,
        servers: Mapping[str, ServerFactory] | None = None,
        roster: Roster | None = None,
        timings: Timings | None = None,
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
        if not are_checks(checks):
            raise ConfigError("checks", checks, "must be a list of functions, as in checks=[has_token]")
        self.checks = (*handshake_checks(self.config), *checks)
        self.pages = self._with_pages(pages) if pages else None
        self.servers = dict(servers or {})
        self._leaving: list[ServerFactory] = []
        self.timings = timings

    # For the embedding program.

    @property
    def connections(self) -> tuple[ServerConnection, ...]:
        """The connections that are open now, handshakes included."""
        return tuple(one for one in self.roster.members if isinstance(one, ServerConnection))

    def statistics(self) -> ServerStatistics:
        """A snapshot of all connections, of the totals since the start, and of what the backend has counted."""
        return self.roster.statistics(counted_by(self.backend))

    def broadcast(self, method: str, params: dict[str, Any] | None = None) -> int:
        """Send a notification to every initialised client; returns to how many."""
        return self.roster.broadcast(Notification(method, None if params is None else to_raw(params)))

    def serve_at(self, path: str, server: ServerFactory | None) -> Deferred[None]:
        """Let `server` have the WebSockets at `path` from now on, or nobody; who had them stops.

        Its clients are closed once what is in flight is answered: with 1012 if they find another one there. Fires when
        nothing of it is left. Nobody has to wait for that; `stop` does.
        """
        before = self.servers.pop(path, None)
        if server is not None:
            self.servers[path] = server
        if before is None:
            return succeed(None)
        self._leaving.append(before)
        if server is not None:
            before.roster.make_way()
        return before.stop().addErrback(_not_stopped, path).addCallback(lambda _: self._leaving.remove(before))

    def drain(self, seconds: float | None = None) -> Deferred[None]:
        """Refuse new clients and requests, let those in flight finish, close everything with 1001.

        Requests that take longer than `seconds` (the config's `drain_seconds` by default) are answered with an error.
        Fires when no connection is left.
        """
        return self.roster.drain(seconds)

    def restart(self) -> Deferred[None]:
        """Close everything with 1012 (service restart): another process serves at this place from now on.

        Requests in flight are answered with an error. Handshakes that have begun are completed before, so that their
        clients are told as well. Pages that are asked for are answered. Fires when no connection is left. Stop
        listening before this, and call `stop` after.
        """
        servers = (*self.servers.values(), *self._leaving)
        gone = [self.roster.restart(), *(server.restart() for server in servers)]
        if self.pages is not None:
            gone.append(self.pages.close(self.config.drain_seconds))
        return gatherResults(gone).addCallback(lambda _: None)

    def stop(self, seconds: float | None = None) -> Deferred[None]:
        """Drain, then stop the backend, and all the others. Fires when nothing is left."""
        return self.drain(seconds).addCallback(self._drained, seconds)

    # For the protocols.

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        roster = self.roster
        if not roster.may_enter(0 if self.pages is None else self.pages.free):
            text = "as many connections as may be have yet to finish their handshake"
            self.refused(Refused(None, address_name(addr), None, text, setting="max_connections"))
            return _Unwanted()
        protocol: ServerProtocol = self.protocol()
        protocol.factory = self
        connection = ServerConnection(protocol, self.config, roster, self.backend, self.observer, self.timings)
        protocol._mcpws = connection
        roster.enter(connection)
        return protocol

    def is_page(self, request: HttpRequest) -> bool:
        """Whether a page answers it."""
        pages = self.pages
        return (
            pages is not None
            and not request.is_upgrade
            and request.version in ("1.0", "1.1")
            and pages.find(request.path) is not None
        )

    def refused(self, refused: Refused) -> None:
        """Count, log and tell of one that is not let in."""
        self.roster.refused(refused)
        if self.observer is not None:
            tell(self.observer.refused, refused)

    def admit(self) -> Refusal | None:
        """Why no WebSocket is let in now; None if one is."""
        if self.roster.is_leaving:
            return DRAINING
        if self.roster.is_full:
            return BUSY
        return None

    def _with_pages(self, pages: Mapping[str, Page | IResource]) -> Pages:
        # Who serves none need not wait for twisted.web to be imported.
        from mcpws.http.pages import Pages

        config = self.config
        elsewhere = path_is_served(config.paths), is_upgrade
        return Pages(pages, config.hosts, elsewhere, config.max_connections, config.timeout_seconds, self.clock)

    def _drained(self, _: None, seconds: float | None) -> Deferred[None]:
        # These were there for whoever wanted to see that.
        left = [server.stop(seconds) for server in (*self.servers.values(), *self._leaving)]
        if self.pages is not None:
            left.append(self.pages.close(self.config.drain_seconds if seconds is None else seconds))
        if not left:
            return self.backend.stop()
        return gatherResults(left).addCallback(lambda _: self.backend.stop())


def _not_stopped(failure: Failure, path: str) -> None:
    log.failure("what was served at {path} did not stop in order", failure, path=path)
