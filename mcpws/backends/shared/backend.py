"""A server of which one conversation serves all clients: protocol version 2026-07-28, where no request rests on
another, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from math import ceil
from random import Random

import msgspec
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mcpws.backends.shared.run import Run
from mcpws.core.backlog import Backlog
from mcpws.core.mux import Mux
from mcpws.errors import (
    BackendLost,
    ConfigError,
    InvalidRequest,
    McpwsError,
    RpcError,
    ShuttingDown,
    UnsupportedProtocol,
)
from mcpws.jsonrpc.messages import Error, Message, Request, RequestId, Result
from mcpws.mcp.meta import read_meta
from mcpws.mcp.methods import INITIALIZE
from mcpws.mcp.schema import ProtocolVersion
from mcpws.mcp.versions import MODERN_VERSIONS
from mcpws.policy.backoff import Backoff, Failures
from mcpws.seam.interfaces import Backend, Channel, Description, Link, counted_by, description_of, unready_reason
from mcpws.turns.steady import steady

log = Logger()

MIB = 1024 * 1024


class Shared:
    """A backend that all clients share: they talk to one conversation of `backend`, which is opened when needed.

    Requests of another protocol version, `initialize` among them, are refused: a handshake belongs to one client. What
    the server sends reaches the client whose request it names, and nobody else. Log messages, which name none,
    therefore reach nobody. The server has one client, of which it knows nothing but what each request says.

    A server that is lost fails what was open, and the next request begins anew; one that did not last is given time
    before that. The clients stay.

    What a client leaves unread or unanswered costs itself alone: the server is read whatever its clients do, and they
    take turns when it reads slowly.

    :param backend: opens the conversation; from now on it is stopped from here.
    :param clock: for timeouts.
    :param backoff: for a server that was lost within `backoff.most` seconds of its beginning.
    :param random: gives a number from 0 to 1, for the backoff.
    :param max_open: requests of one client that may wait for an answer, subscriptions included; more are refused.
    :param max_queued_bytes: for one client that reads slowly; one that would need more loses its conversation.
    :param max_queued_total: for all of them together; over it the one for which most waits loses its conversation.
    :param probe_timeout: seconds for the server to show that it serves the protocol version, once it is reached.
    :raises ConfigError: a limit is not above 0.
    """

    # What is shared, as people are told of it.
    _server, _one = "server", "one server"

    def __init__(
        self,
        backend: Backend,
        *,
        clock: IReactorTime,
        backoff: Backoff | None = None,
        random: Callable[[], float] | None = None,
        max_open: int = 128,
        max_queued_bytes: int = 4 * MIB,
        max_queued_total: int = 64 * MIB,
        probe_timeout: float = 60,
    ) -> None:
        for key, value in (
            ("max_open", max_open),
            ("max_queued_bytes", max_queued_bytes),
            ("max_queued_total", max_queued_total),
            ("probe_timeout", probe_timeout),
        ):
            if not value > 0:
                raise ConfigError(key, value, "must be above 0")
        self._backend = backend
        self._clock = steady(clock)
        self._backoff = backoff or Backoff()
        self._random = random or Random().random
        self._max_queued_bytes = max_queued_bytes
        self._max_queued_total = max_queued_total
        self._probe_timeout = probe_timeout
        self._mux: Mux[_Member] = Mux(max_open)
        self._run: Run | None = None
        self._failures = Failures(self._backoff)
        self._reason: RpcError = BackendLost(f"The {self._server} does not run")
        self._opening: dict[_Member, Deferred[Channel]] = {}
        self._members: dict[_Member, None] = {}
        self._reading = True
        self._slow: dict[_Member, None] = {}
        self._queued = 0
        self._stopping = False
        self._too_slow = 0
        log.info(
            "one {server} is shared by all clients: only requests of protocol version {version} are served",
            server=self._server,
            version=MODERN_VERSIONS[-1],
        )

    @property
    def conversations(self) -> int:
        """Number of conversations that are open now."""
        return len(self._members)

    @property
    def dropped(self) -> dict[str, int]:
        """Numbers of messages that reached nobody, by kind, as Mux explains."""
        return dict(self._mux.dropped)

    @property
    def too_slow(self) -> int:
        """Number of conversations that ended because the client did not read."""
        return self._too_slow

    @property
    def refused(self) -> int:
        """Number of requests that were refused, as their client had too many open."""
        return self._mux.refused

    def counted(self) -> dict[str, int]:
        """The numbers of what is shared, and those that `backend` has counted."""
        dropped = {f"shared.dropped.{kind}": count for kind, count in self._mux.dropped.items()}
        own = {
            "shared.conversations": self.conversations,
            "shared.too_slow": self._too_slow,
            "shared.refused": self.refused,
        }
        return own | dropped | counted_by(self._backend)

    def described(self) -> Description:
        """Description of `backend`, and that there is one for all clients."""
        inner = description_of(self._backend)
        return Description(inner.name, f"{inner.summary}, {self._one} for all clients")

    def unready(self) -> str | None:
        """The end of the last server, while it is not to be started again; else what keeps `backend` from serving."""
        if self._run is None and self._failures.left(self._clock.seconds()) > 0:
            return self._reason.message
        return unready_reason(self._backend)

    def open(self, link: Link) -> Deferred[Channel]:
        """Join; the first begins with the server. Fails as that does, and with BackendLost when it cannot be shared."""
        if self._stopping:
            return fail(ShuttingDown())
        error = self._missing()
        if error is not None:
            return fail(error)
        member = _Member(self, link, self._max_queued_bytes)
        self._mux.join(member)
        if self._run is not None and self._run.ready:
            self._admit(member)
            return succeed(member)
        opened: Deferred[Channel] = Deferred(lambda _: self._leave(member))
        self._opening[member] = opened
        return opened

    def stop(self) -> Deferred[None]:
        """End all conversations with ShuttingDown; fires when `backend` has stopped."""
        self._stopping = True
        run, self._run = self._run, None
        opening, self._opening = self._opening, {}
        members, self._members = self._members, {}
        for member in members:
            self._mux.leave(member)
            member.lost(ShuttingDown())
        for member, opened in opening.items():
            self._mux.leave(member)
            opened.errback(ShuttingDown())
        if run is not None:
            run.end("the service is shutting down")
        return self._backend.stop()

    # What the members see.

    def _receive(self, member: _Member, message: Message) -> None:
        """From the client of `member`."""
        try:
            if type(message) is Request:
                _check_modern(message, self._one)
                error = self._missing()
                if error is not None:
                    raise error
            passes = self._mux.from_client(member, message)
        except RpcError as error:
            assert type(message) is Request
            member.link.send(Error.answering(message.id, error))
            return
        if passes is not None:
            self._send(passes)
            if not self._reading and member in self._members:
                # It has had its turn, and is read last when there is room again: who comes first fills the pipe.
                del self._members[member]
                self._members[member] = None

    def _leave(self, member: _Member) -> None:
        """Forget `member`; what it has open is cancelled."""
        self._members.pop(member, None)
        self._opening.pop(member, None)
        self._slow.pop(member, None)
        for cancelled in self._mux.leave(member, member.answered):
            self._send(cancelled)

    def _count(self, change: int) -> None:
        """So many bytes more wait for slow clients, or fewer."""
        self._queued += change
        if self._queued > self._max_queued_total:
            slowest = max(self._slow, key=lambda member: member.queued)
            self._give_up(slowest, f"More than {self._max_queued_total} bytes wait for slow clients, most of them here")

    def _give_up(self, member: _Member, problem: str) -> None:
        """The client of `member` does not read: the others shall not wait for it."""
        self._too_slow += 1
        reason = BackendLost(f"{problem}: this client reads too slowly")
        log.warn("{peer} is given up: it reads too slowly", peer=member.link.identity.peer)
        self._leave(member)
        member.lost(reason)

    # What the server says.

    def _from_server(self, message: Message) -> None:
        if self._slow:
            member = self._mux.owner(message)
            if member is not None and member.is_behind:
                member.keep(message)
                return
        try:
            deliveries = self._mux.from_server(message)
        except InvalidRequest as refusal:
            self._send(Error.answering(refusal.id, refusal))
            return
        for member, passed in deliveries:
            member.link.send(passed)

    def _deliver(self, message: Message) -> None:
        """Deliver what was kept for a slow client. If it has cancelled the request meanwhile, it reaches nobody."""
        for member, passed in self._mux.from_server(message):
            member.link.send(passed)

    def _send(self, message: Message) -> None:
        # It belongs to an open request, or answers the server: without one, nothing is open.
        assert self._run is not None
        self._run.receive(message)

    def _missing(self) -> RpcError | None:
        """Begin with the server if there is none; why it cannot be."""
        if self._run is None:
            left = self._failures.left(self._clock.seconds())
            if left > 0:
                again = f"{self._reason.message}; it is started again in {left:.1f} s"
                return BackendLost(again, {"retryAfterMs": ceil(left * 1000)})
            self._run = Run(
                self._clock,
                self._probe_timeout,
                self._from_server,
                self._changed,
                self._lost,
                self._mux.dropped,
                self._server,
            )
            self._run.start(self._backend)
            self._flow()
        return self._reason if self._run is None else None

    def _changed(self) -> None:
        """The server has become ready, or takes more, or less."""
        self._flow()
        if self._run is not None and self._run.ready:
            opening, self._opening = self._opening, {}
            for member, opened in opening.items():
                self._admit(member)
                opened.callback(member)

    def _admit(self, member: _Member) -> None:
        self._members[member] = None
        if not self._reading:
            member.link.pauseProducing()

    def _lost(self, reason: McpwsError) -> None:
        """The server is gone."""
        run, self._run = self._run, None
        assert run is not None
        error = reason if isinstance(reason, RpcError) else BackendLost(f"The {self._server} is gone")
        now = self._clock.seconds()
        if run.ready and now - run.started >= self._backoff.most:
            self._failures.over()
        else:
            self._failures.add(now, self._random())
        self._reason = error
        opening, self._opening = self._opening, {}
        kept = {number for member in self._slow for number in member.answered}
        for member, id in self._mux.lost(kept):
            member.link.send(Error.answering(id, error))
        for member, opened in opening.items():
            self._mux.leave(member)
            opened.errback(error)
        self._flow()

    def _flow(self) -> None:
        """Read the clients, or not: the server may not take more, or not yet."""
        reading = self._run is None or self._run.takes_more
        if reading is not self._reading:
            self._reading = reading
            for member in list(self._members):
                if self._reading is not reading:
                    # What the first had to say was all that the server takes.
                    break
                if reading:
                    member.link.resumeProducing()
                else:
                    member.link.pauseProducing()


class SharedStdio(Shared):
    """A Shared of a Stdio: one child process for all clients, started when needed. People are told of a process.

    On stdio a process has no other way to tell whose a log message is: these reach nobody.
    """

    _server, _one = "server process", "one process"


class _Member:
    """One client's conversation: the Channel that its front has, and what waits for it as the server has sent it."""

    def __init__(self, shared: Shared, link: Link, max_queued_bytes: int) -> None:
        self.link = link
        self._shared = shared
        self._max_queued_bytes = max_queued_bytes
        self._backlog = Backlog()
        self._paused = False
        self._ended = False
        self.answered: dict[RequestId, None] = {}
        """Numbers of the requests whose answers wait."""

    @property
    def is_behind(self) -> bool:
        """Whether what comes for it has to wait."""
        return self._paused or bool(self._backlog)

    @property
    def queued(self) -> int:
        """Bytes that wait for the client to read."""
        return self._backlog.size

    def receive(self, message: Message) -> None:
        if not self._ended:
            self._shared._receive(self, message)

    def close(self, reason: str) -> None:
        if not self._ended:
            self._end()
            self._shared._leave(self)

    def pauseProducing(self) -> None:
        self._paused = True
        if not self._ended:
            self._shared._slow[self] = None

    def resumeProducing(self) -> None:
        self._paused = False
        while self._backlog and not self._paused:
            before = self._backlog.size
            message = self._backlog.take()
            if isinstance(message, (Result, Error)) and message.id is not None:
                self.answered.pop(message.id, None)
            self._shared._count(self._backlog.size - before)
            self._shared._deliver(message)
        if not self.is_behind:
            self._shared._slow.pop(self, None)

    def stopProducing(self) -> None:
        self.pauseProducing()

    def keep(self, message: Message) -> None:
        """Until the client reads."""
        if isinstance(message, (Result, Error)) and message.id is not None:
            self.answered[message.id] = None
        before = self._backlog.size
        if before > self._max_queued_bytes:
            self._shared._give_up(self, f"More than {self._max_queued_bytes} bytes wait")
            return
        self._backlog.add(message)
        self._shared._count(self._backlog.size - before)

    def lost(self, reason: McpwsError) -> None:
        """The conversation cannot go on."""
        self._end()
        self.link.lost(reason)

    def _end(self) -> None:
        self._ended = True
        waiting = self._backlog.size
        self._backlog.clear()
        self._shared._slow.pop(self, None)
        self._shared._count(-waiting)


_read_version = msgspec.json.Decoder(ProtocolVersion).decode


def _check_modern(request: Request, one: str) -> None:
    """Raise the RpcError that answers a request which does not stand for itself; `one` is what is shared."""
    if request.method != INITIALIZE and read_meta(request).is_modern:
        return
    supported = list(MODERN_VERSIONS)
    data: dict[str, object] = {"supported": supported}
    with suppress(ValueError):
        # Else it asked for none.
        data["requested"] = _read_version(request.params or b"{}").protocol_version
    raise RpcError(
        f"This service shares {one} among its clients and serves only requests of protocol version"
        f" {', '.join(supported)}, which say so in their _meta: a handshake would belong to one client",
        data,
        code=UnsupportedProtocol.code,
    )
