"""Observers: who is told what passes between mcpws and those that it talks to, as it passes.

The log, metrics, tracing and audit hang here. A front, a client factory and a Stdio each take one Observer or None;
with None nothing is called. One that is no MessageObserver costs nothing for each message either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from msgspec import Raw, Struct
from twisted.logger import Logger

from mcpws.core.counters import Counts
from mcpws.jsonrpc.messages import ErrorObject, Message, Request, RequestId
from mcpws.mcp.naming import subject_of
from mcpws.mcp.trace import TraceContext, trace_of
from mcpws.seam.interfaces import Identity

log = Logger()

MAX_KEPT = 4096
"""Bytes of a request whose parameters are kept, to tell later what it was about."""

Kind: TypeAlias = Literal["client", "server", "child"]


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Party:
    """One other end that mcpws talks to; the same object for as long as it is there, so it may be a key.

    :param kind: a client of a front of ours, a server that we are the client of, or a child process.
    :param id: number of the connection, which its front or client factory has given; of a child its process id.
    :param identity: as the handshake told; of a child that of the client it was started for.
    """

    kind: Kind
    id: int
    identity: Identity


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Name and version that a client gives. It may say anything, in up to `watch.MAX_TEXT` characters each.

    :param protocol: the version of MCP: settled by `initialize`, or named by its first modern request.
    """

    name: str
    version: str
    protocol: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A connection that was refused before it was a WebSocket.

    :param connection: its number; None if it was refused before it had one.
    :param peer: where it came from.
    :param status: of the HTTP answer; None without one.
    :param text: of that answer.
    :param value: what was refused, as the client sent it: an Origin, a Host, a path, or None.
    :param setting: the setting, by its name in WebSocketConfig, that would allow it; None if none would.
    """

    connection: int | None
    peer: str
    status: int | None
    text: str
    value: str | None = None
    setting: str | None = None


class Call(Struct, frozen=True, gc=False):
    """A request of a client.

    :param method: as the client sent it.
    :param began: when it came, in seconds of its front's clock.
    :param params: as the client sent them; None if they are long.
    :param named: the `subject`, if they are.
    :param traced: the `trace`, likewise.
    """

    id: RequestId
    method: str
    began: float
    params: Raw | None = None
    named: str | None = None
    traced: TraceContext | None = None

    @classmethod
    def of(cls, request: Request, now: float) -> Call:
        """A request that has come `now`."""
        data = request.data
        if data is not None and len(data) <= MAX_KEPT:
            return cls(request.id, request.method, now, request.params)
        # They may be long, and who else has them may be done with them soon.
        params = request.params
        traced = trace_of(params, data or b"")
        return cls(request.id, request.method, now, None, subject_of(request.method, params), traced)

    @property
    def subject(self) -> str | None:
        """The name of the tool or prompt, or the URI, that it names, cut; None of other methods."""
        return self.named or subject_of(self.method, self.params)

    @property
    def trace(self) -> TraceContext | None:
        """The trace that it belongs to, as its `_meta` says; None without one."""
        return self.traced or trace_of(self.params, bytes(self.params or b""))


Outcome: TypeAlias = Literal["ok", "failed", "error", "cancelled", "abandoned"]
"""How a request ended: with a result, with one of a tool that says `isError`, with an error, withdrawn by its client,
or not before its client was gone."""


class Ended(Struct, frozen=True, gc=False):
    """End of a Call.

    :param seconds: since it came.
    :param size: bytes of the answer, 0 without one.
    :param error: what it was answered with, if the outcome is `error`.
    """

    outcome: Outcome
    seconds: float
    size: int = 0
    error: ErrorObject | None = None


@dataclass(frozen=True, slots=True)
class Closing:
    """End of a conversation.

    :param code: of the WebSocket (RFC 6455, section 7.4), 1006 without a closing handshake; None of what is none.
    :param reason: as whoever began it gave it.
    :param by: who began it: `us` or `them`.
    :param seconds: since the connection was made.
    """

    code: int | None
    reason: str
    by: Literal["us", "them"]
    seconds: float
    counts: Counts


@dataclass(frozen=True, slots=True)
class Exit:
    """End of a child process: with a `status`, or by a `signal`, the other one is None.

    :param by_itself: without having been told to.
    :param seconds: since it was started.
    """

    status: int | None
    signal: int | None
    by_itself: bool
    seconds: float


class Observer:
    """Is told of connections, children and limits. Subclass it: what a subclass does not define does nothing.

    One instance may watch several fronts. What it raises is logged and disturbs nobody, but it is waited for: do not
    block. Texts that come from a client are as it sent them, of any length unless it says otherwise; they have to be
    escaped before a person sees them.
    """

    def refused(self, refused: Refused) -> None:
        """A connection was refused; nothing else is told of it."""

    def opened(self, party: Party) -> None:
        """A conversation begins; first of all that is told of `party`. Not of children."""

    def introduced(self, party: Party, client: ClientInfo) -> None:
        """A client has said who it is; once at most, and with messages in between."""

    def limited(self, party: Party, setting: str) -> None:
        """A limit was hit, for the first time of this party, by the setting's name in WebSocketConfig or of Stdio."""

    def closed(self, party: Party, closing: Closing) -> None:
        """A conversation is over; last of all that is told of `party`. Not of children."""

    def child_started(self, party: Party, program: str) -> None:
        """A child process was started for a client; first of all that is told of `party`."""

    def child_ended(self, party: Party, exit: Exit) -> None:
        """A child process is no more; last of all that is told of `party`."""


class MessageObserver(Observer):
    """An Observer that is told of every message besides, which takes time with each."""

    def received(self, party: Party, message: Message) -> None:
        """`party` has sent `message`; before anything comes of it."""

    def sent(self, party: Party, message: Message) -> None:
        """`message` goes out to `party`."""

    def answered(self, party: Party, call: Call, ended: Ended) -> None:
        """A client's request has ended, `sent` was told before if it was with an answer. Of each request once."""

    def dropped(self, party: Party, message: Message) -> None:
        """`message`, which `party` or what answers it has sent, belonged nowhere and went no further."""


def tell(method: Callable[..., None], *arguments: object) -> None:
    """Call a method of an Observer; what it raises is logged."""
    try:
        method(*arguments)
    except BaseException:
        raised(method)


def raised(method: object) -> None:
    """Log that this method of an Observer has raised what is being handled."""
    log.failure("an observer failed: {method}", method=method)


class Observers(Observer):
    """Several Observers as one. What one of them raises does not keep it from the others."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def refused(self, refused: Refused) -> None:
        for one in self._observers:
            tell(one.refused, refused)

    def opened(self, party: Party) -> None:
        for one in self._observers:
            tell(one.opened, party)

    def introduced(self, party: Party, client: ClientInfo) -> None:
        for one in self._observers:
            tell(one.introduced, party, client)

    def limited(self, party: Party, setting: str) -> None:
        for one in self._observers:
            tell(one.limited, party, setting)

    def closed(self, party: Party, closing: Closing) -> None:
        for one in self._observers:
            tell(one.closed, party, closing)

    def child_started(self, party: Party, program: str) -> None:
        for one in self._observers:
            tell(one.child_started, party, program)

    def child_ended(self, party: Party, exit: Exit) -> None:
        for one in self._observers:
            tell(one.child_ended, party, exit)


class MessageObservers(Observers, MessageObserver):
    """Several Observers as one, those of messages among them."""

    def __init__(self, *observers: Observer) -> None:
        super().__init__(*observers)
        self._of_messages = [one for one in observers if isinstance(one, MessageObserver)]

    def received(self, party: Party, message: Message) -> None:
        for one in self._of_messages:
            tell(one.received, party, message)

    def sent(self, party: Party, message: Message) -> None:
        for one in self._of_messages:
            tell(one.sent, party, message)

    def answered(self, party: Party, call: Call, ended: Ended) -> None:
        for one in self._of_messages:
            tell(one.answered, party, call, ended)

    def dropped(self, party: Party, message: Message) -> None:
        for one in self._of_messages:
            tell(one.dropped, party, message)


def together(*observers: Observer | None) -> Observer | None:
    """One Observer for all of these; None if there is none."""
    given = [one for one in observers if one is not None]
    if len(given) < 2:
        return given[0] if given else None
    of_messages = any(isinstance(one, MessageObserver) for one in given)
    return MessageObservers(*given) if of_messages else Observers(*given)
