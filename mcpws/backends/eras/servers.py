"""The conversations with servers that stand behind one client's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from mcpws.backends.eras.discovery import Probe
from mcpws.backends.eras.shared import Shared
from mcpws.errors import McpwsError, RpcError
from mcpws.jsonrpc.messages import Answer, Message
from mcpws.seam.interfaces import Backend, Channel, Link
from mcpws.seam.opening import Opening


class Owner(Protocol):
    """Whom an inner conversation serves."""

    def opened(self) -> None:
        """Messages may go to the server."""

    def received(self, message: Message) -> None:
        """From the server."""

    def lost(self, reason: McpwsError) -> None:
        """The server is gone, or never came; called once, and nothing after it."""


class Inner:
    """One conversation with the backend within; the Link that it holds.

    `probed` says whether the server was asked which era it is of, `found_modern` whether its answer came, but late.
    """

    def __init__(self, inners: Inners, owner: Owner) -> None:
        self.identity = inners.link.identity
        self.owner: Owner | None = owner
        self.probed = False
        self.found_modern = False
        self._inners = inners
        self._probe: Probe | None = None
        self._opening: Opening | None = None
        self._channel: Channel | None = None

    def start(self) -> None:
        """Begin, if it has not begun; `Owner.opened` is called at once if it has."""
        if self._channel is not None:
            self._tell_opened()
            return
        if self._opening is None:
            self._opening = Opening(self._opened, self.lost)
            self._opening.begin(self._inners.backend, self)

    def probe(self, done: Callable[[Answer | None], None]) -> None:
        """Ask the server which era it is of; `done` as for Probe. The owner sees nothing of it."""
        self.probed = True
        if self._probe is not None:
            # Whoever has asked already does not need the server any more.
            self._probe.stop()
        shared = self._inners.shared
        self._probe = Probe(self.to_server, shared.clock, shared.limits.probe_timeout, done)
        self._probe.begin()

    def to_server(self, message: Message) -> None:
        """Send; nothing before `opened` and after the end."""
        if self._channel is not None:
            self._channel.receive(message)

    def pass_through(self) -> Callable[[Message], None] | None:
        """Let the server talk to the client itself: all that the owner still hears is `lost`, and the client with it.

        Returns what takes messages for the server until then; None if there is none, or a probe has no answer yet.
        """
        if self._channel is None or self._probe is not None:
            return None
        self.send = self._inners.link.send  # type: ignore[method-assign]  # not one call more for each answer
        return self._channel.receive

    def intercept(self) -> bool:
        """Have the owner hear everything again; whether it did not."""
        return self.__dict__.pop("send", None) is not None

    def close(self, reason: str) -> None:
        """Nobody needs it any more."""
        self.owner = None
        opening, channel, self._opening, self._channel = self._opening, self._channel, None, None
        self._end()
        if opening is not None:
            opening.give_up(reason)
        if channel is not None:
            channel.close(reason)
        self._inners.emptied(self)

    def pause(self) -> None:
        """The client reads too slowly."""
        if self._channel is not None:
            self._channel.pauseProducing()

    def resume(self) -> None:
        """Read on: the other end has caught up."""
        if self._channel is not None:
            self._channel.resumeProducing()

    # interfaces.Link

    def send(self, message: Message) -> None:
        if self.owner is None:
            return
        probe = self._probe
        if probe is None or not probe.take(message):
            self.owner.received(message)
        elif probe is self._probe:
            self._probe = None

    def lost(self, reason: McpwsError) -> None:
        owner, self.owner = self.owner, None
        opening, self._opening, self._channel = self._opening, None, None
        self._end()
        if opening is not None:
            opening.forget("the backend is gone")
        if owner is not None:
            owner.lost(reason)
        # What the client gets to say now is not for this one any more.
        self._inners.emptied(self)

    def pauseProducing(self) -> None:
        self._inners.filled(self)

    def resumeProducing(self) -> None:
        self._inners.emptied(self)

    def stopProducing(self) -> None:
        self.pauseProducing()

    def _opened(self, channel: Channel) -> None:
        self._opening = None
        self._channel = channel
        if self._inners.client_is_slow:
            channel.pauseProducing()
        self._tell_opened()

    def _tell_opened(self) -> None:
        if self.owner is not None:
            self.owner.opened()

    def _end(self) -> None:
        if self._probe is not None:
            self._probe.stop()
        self._inners.ended(self)


class Inners:
    """All of one client's: what pauses one of them pauses the client, and a slow client pauses them all.

    The first is begun with the conversation, before anybody knows what for: a client that says at once what it wants
    then need not wait for a process to start.
    """

    def __init__(self, backend: Backend, link: Link, shared: Shared) -> None:
        self.backend = backend
        self.link = link
        self.shared = shared
        self.client_is_slow = False
        self._all: set[Inner] = set()
        self._full: set[Inner] = set()
        self._spare: Inner | None = None
        self._starts: deque[float] = deque(maxlen=shared.limits.max_starts)

    def begin(self, owner: Owner) -> None:
        """Make the first one, which `owner` looks after until it is wanted."""
        self._spare = Inner(self, owner)
        self._all.add(self._spare)
        self._spare.start()

    def get(self, owner: Owner) -> Inner:
        """One for `owner`, who calls its `start` next.

        Raises RpcError when too many had to be made within a minute: what ends as soon as it begins is not begun over
        and over.
        """
        inner, self._spare = self._spare, None
        if inner is not None:
            inner.owner = owner
            return inner
        now = self.shared.clock.seconds()
        if len(self._starts) == self._starts.maxlen and now - self._starts[0] < 60:
            limit = self.shared.limits.max_starts
            raise RpcError(f"The server was started {limit} times within a minute", {"limit": limit}, code=429)
        self._starts.append(now)
        inner = Inner(self, owner)
        self._all.add(inner)
        return inner

    def keep(self, inner: Inner, owner: Owner) -> None:
        """For whoever needs one next."""
        inner.owner = owner
        self._spare = inner

    def pause(self) -> None:
        """The client reads too slowly."""
        self.client_is_slow = True
        for inner in list(self._all):
            inner.pause()

    def resume(self) -> None:
        """Read on: the other end has caught up."""
        self.client_is_slow = False
        for inner in list(self._all):
            inner.resume()

    def close(self, reason: str) -> None:
        """The client is gone."""
        self._spare = None
        for inner in list(self._all):
            inner.close(reason)

    def filled(self, inner: Inner) -> None:
        """This server reads too slowly."""
        if inner in self._all:
            if not self._full:
                self.link.pauseProducing()
            self._full.add(inner)

    def emptied(self, inner: Inner) -> None:
        """It has caught up, or is gone and the client has been told."""
        if inner in self._full:
            self._full.remove(inner)
            if not self._full:
                self.link.resumeProducing()

    def ended(self, inner: Inner) -> None:
        """It is no more."""
        self._all.discard(inner)
        if inner is self._spare:
            self._spare = None
