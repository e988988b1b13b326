"""The seams: what stands between fronts, which face clients, and backends, which answer them.

A front never knows what answers; a backend never knows what carried the message. For every conversation the front
makes a Link and gives it to the backend, which returns a Channel. Both are push producers: whoever cannot take more
pauses the other side, so a slow client slows the child or method that feeds it, and a slow child its client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType, ModuleType
from typing import Protocol, runtime_checkable

from twisted.internet.defer import Deferred

from mcpws.errors import McpwsError
from mcpws.jsonrpc.messages import Message


@dataclass(frozen=True, slots=True)
class Identity:
    """The client at the other end, as far as the handshake told.

    :param peer: network address, as `host:port` or a description; for logs.
    :param principal: whom the credentials prove, None without any.
    :param path: of the request target, without the query.
    :param headers: of the handshake, names in lower case.
    :param subprotocol: what was selected, None if none was offered.
    :param connection: its number, by which the log calls it; None where it has none.
    """

    peer: str
    principal: str | None = None
    path: str = "/"
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    subprotocol: str | None = None
    connection: int | None = None


class Producer(Protocol):
    """Twisted's IPushProducer, for messages; pausing is advisory: a few more may come."""

    def pauseProducing(self) -> None: ...
    def resumeProducing(self) -> None: ...
    def stopProducing(self) -> None: ...


class Link(Producer, Protocol):
    """The backend's end of one client. It produces the client's messages: pause it to read less of them."""

    @property
    def identity(self) -> Identity: ...

    def send(self, message: Message, /) -> None:
        """To the client. Never raises and never blocks; after the end it does nothing.

        What does not belong (an answer to no open request) is dropped and counted.
        """

    def lost(self, reason: McpwsError) -> None:
        """The backend has ended: what is open is answered with an error, then the conversation is closed."""


class Channel(Producer, Protocol):
    """The front's end of one conversation with a backend. It produces messages for the client."""

    def receive(self, message: Message) -> None:
        """From the client. Must not raise: what cannot be done is answered through the link."""

    def close(self, reason: str) -> None:
        """The client is gone: cancel what is in flight and free everything. Called once; nothing is sent after it."""


class Carrier(Protocol):
    """The way of messages from a Front to its client; `Front.receive` takes those of the client."""

    @property
    def behind(self) -> bool:
        """Whether messages wait for the client to read; `Front.caught_up` is called once none does."""

    def deliver(self, message: Message, data: bytes) -> None:
        """Send `message`, which is `data` when encoded."""

    def pause_reading(self) -> None:
        """Give no more messages until `resume_reading`; a few may be under way."""

    def resume_reading(self) -> None: ...

    def backend_began(self) -> None:
        """The backend has begun the conversation, or begun it anew."""

    def backend_lost(self, reason: McpwsError) -> None:
        """The backend is gone and what was open has its answer: end the conversation."""

    def limited(self, setting: str) -> None:
        """A limit was met by what the client did; `setting` is its name. Told every time."""

    def idle(self) -> None:
        """Nothing is in flight any more; called after `drain` only."""


class Backend(Protocol):
    """Answers conversations. One instance serves a whole service. It may be Counting too, and Described."""

    def open(self, link: Link) -> Deferred[Channel]:
        """Begin a conversation. Messages come only after the Deferred has fired.

        It fails with an McpwsError when the conversation cannot begin; cancelling it gives the attempt up.
        """

    def stop(self) -> Deferred[None]:
        """Fires when nothing of this backend is left: no child, no connection, no timer."""


@runtime_checkable
class Counting(Protocol):
    """A Backend whose numbers are among the statistics of the server."""

    def counted(self) -> Mapping[str, int]:
        """The numbers that it has counted, now. Must not raise.

        Names begin with whose they are, as in `stdio.started`. Around another backend it tells of both.
        """


def counted_by(backend: object) -> dict[str, int]:
    """The numbers that `backend` has counted; empty if it does not count."""
    return dict(backend.counted()) if isinstance(backend, Counting) else {}


@runtime_checkable
class Readiness(Protocol):
    """A Backend that may be there and yet of no use, as one whose processes do not start."""

    def unready(self) -> str | None:
        """Why new conversations would fail now, in a line; None if they would not. Must not raise.

        Around another backend it tells of that one.
        """


def unready_reason(backend: object) -> str | None:
    """Why new conversations with `backend` would fail now; None if they would not, or if it does not tell."""
    return backend.unready() if isinstance(backend, Readiness) else None


@dataclass(frozen=True, slots=True)
class Description:
    """A description of a backend, for people. Either text is one line: where there are more, they are joined.

    :param name: a word, for a host's list of servers.
    :param summary: a line, as `calculator 1.0: 3 tools`.
    """

    name: str
    summary: str

    def __post_init__(self) -> None:
        for field_name in ("name", "summary"):
            text = getattr(self, field_name)
            if len(text.splitlines()) > 1 or text != text.strip():
                object.__setattr__(self, field_name, " ".join(text.split()))


@runtime_checkable
class Described(Protocol):
    """A Backend that tells people what is served."""

    def described(self) -> Description:
        """Its description, now. Must not raise."""


def description_of(backend: object) -> Description:
    """The description of `backend`, if it tells; else its class."""
    name = type(backend).__name__
    return backend.described() if isinstance(backend, Described) else Description(name, name)


def is_backend(value: object) -> bool:
    """Whether `value` has what a Backend has: an instance, of whatever class, with `open` and `stop`."""
    return not isinstance(value, type | ModuleType) and all(
        callable(getattr(value, name, None)) for name in ("open", "stop")
    )
