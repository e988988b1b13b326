"""The conversations with servers that stand behind one client's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol

from mcpws.backends.eras.probe import Probe
from mcpws.backends.eras.shared import SharedState
from mcpws.errors import McpwsError, RpcError
from mcpws.jsonrpc.messages import Answer, Message
from mcpws.seam.interfaces import Backend, Channel, Link
from mcpws.seam.opening import Opening


class ServerReceiver(Protocol):
    """Receiver of what a conversation with a server brings."""

    def opened(self) -> None:
        """Messages may go to the server."""

    def received(self, message: Message) -> None:
        """Take in what the server sends."""

    def lost(self, reason: McpwsError) -> None:
        """The server is gone, or never came; called once, and nothing after it."""


class ServerConversation:
    """Conversation with the backend within: the Link that this holds.

    `probed` says whether the server was asked which era it is of, `found_modern` whether its answer came, but late.
    """

    def __init__(self, conversations: ServerConversations, receiver: ServerReceiver) -> None:
        self.identity = conversations.link.identity
        self.receiver: ServerReceiver | None = receiver
        self.probed = False
        self.found_modern = False
        self._conversations = conversations
        self._probe: Probe | None = None
        self._opening: Opening | None = None
        self._channel: Channel | None = None
        # An attribute, since what passes as it is must cost not one call more.
        self.send: Callable[[Message], None] = self._hear

    def start(self) -> None:
        """Begin, if it has not begun; `ServerReceiver.opened` is called at once if it has."""
        if self._channel is not None:
            self._tell_opened()
            return
        if self._opening is None:
            self._opening = Opening(self._opened, self.lost)
            self._opening.begin(self._conversations.backend, self)

    def probe(self, done: Callable[[Answer | None], None]) -> None:
        """Ask the server which era it is of; `done` as for Probe. The receiver sees nothing of it."""
        self.probed = True
        if self._probe is not None:
            # Whoever has asked already does not need the server any more.
            self._probe.stop()
        shared = self._conversations.shared
        self._probe = Probe(self.to_server, shared.clock, shared.limits.probe_timeout, done)
        self._probe.begin()

    def to_server(self, message: Message) -> None:
        """Send; nothing before `opened` and after the end."""
        if self._channel is not None:
            self._channel.receive(message)

    def pass_through(self) -> Callable[[Message], None] | None:
        """Let the server talk to the client itself: the receiver hears `lost` alone, as does the client.

        Returns what takes messages for the server until then; None if there is none, or a probe has no answer yet.
        """
        if self._channel is None or self._probe is not None:
            return None
        self.send = self._conversations.link.send
        return self._channel.receive

    def intercept(self) -> bool:
        """Have the receiver hear everything again; whether it did not."""
        passed = self.send != self._hear
        self.send = self._hear
        return passed

    def close(self, reason: str) -> None:
        """End it: nobody needs it any more."""
        self.receiver = None
        opening, channel, self._opening, self._channel = self._opening, self._channel, None, None
        self._end()
        if opening is not None:
            opening.give_up(reason)
        if channel is not None:
            channel.close(reason)
        self._conversations.emptied(self)

    def pause(self) -> None:
        """The client reads too slowly."""
        if self._channel is not None:
            self._channel.pauseProducing()

    def resume(self) -> None:
        """Read on: the other end has caught up."""
        if self._channel is not None:
            self._channel.resumeProducing()

    # interfaces.Link

    def _hear(self, message: Message) -> None:
        """Give the receiver what the server sends."""
        if self.receiver is None:
            return
        probe = self._probe
        if probe is None or not probe.take(message):
            self.receiver.received(message)
        elif probe is self._probe:
            self._probe = None

    def lost(self, reason: McpwsError) -> None:
        receiver, self.receiver = self.receiver, None
        opening, self._opening, self._channel = self._opening, None, None
        self._end()
        if opening is not None:
            opening.forget("the backend is gone")
        if receiver is not None:
            receiver.lost(reason)
        # What the client gets to say now is not for this one any more.
        self._conversations.emptied(self)

    def pauseProducing(self) -> None:
        self._conversations.filled(self)

    def resumeProducing(self) -> None:
        self._conversations.emptied(self)

    def stopProducing(self) -> None:
        self.pauseProducing()

    def _opened(self, channel: Channel) -> None:
        self._opening = None
        self._channel = channel
        if self._conversations.client_is_slow:
            channel.pauseProducing()
        self._tell_opened()

    def _tell_opened(self) -> None:
        if self.receiver is not None:
            self.receiver.opened()

    def _end(self) -> None:
        if self._probe is not None:
            self._probe.stop()
        self.send = _unheard
        self._conversations.ended(self)


def _unheard(_: Message) -> None:
    """A `send` when all is over."""


class ServerConversations:
    """Conversations behind one client: what pauses one of them pauses the client, and a slow client pauses them all.

    The first is begun with the conversation, before anybody knows what for: a client that says at once what it wants
    then need not wait for a process to start.
    """

    def __init__(self, backend: Backend, link: Link, shared: SharedState) -> None:
        self.backend = backend
        self.link = link
        self.shared = shared
        self.client_is_slow = False
        self._all: set[ServerConversation] = set()
        self._full: set[ServerConversation] = set()
        self._spare: ServerConversation | None = None
        self._starts: deque[float] = deque(maxlen=shared.limits.max_starts)

    def begin(self, receiver: ServerReceiver) -> None:
        """Make the first one, which `receiver` looks after until it is wanted."""
        self._spare = ServerConversation(self, receiver)
        self._all.add(self._spare)
        self._spare.start()

    def get(self, receiver: ServerReceiver) -> ServerConversation:
        """A conversation for `receiver`, who calls its `start` next.

        Raises RpcError when too many had to be made within a minute: what ends as soon as it begins is not begun over
        and over.
        """
        conversation, self._spare = self._spare, None
        if conversation is not None:
            conversation.receiver = receiver
            return conversation
        now = self.shared.clock.seconds()
        if len(self._starts) == self._starts.maxlen and now - self._starts[0] < 60:
            limit = self.shared.limits.max_starts
            raise RpcError(f"The server was started {limit} times within a minute", {"limit": limit}, code=429)
        self._starts.append(now)
        conversation = ServerConversation(self, receiver)
        self._all.add(conversation)
        return conversation

    def keep(self, conversation: ServerConversation, receiver: ServerReceiver) -> None:
        """Keep one for whoever needs it next."""
        conversation.receiver = receiver
        self._spare = conversation

    def pause(self) -> None:
        """The client reads too slowly."""
        self.client_is_slow = True
        for conversation in list(self._all):
            conversation.pause()

    def resume(self) -> None:
        """Read on: the other end has caught up."""
        self.client_is_slow = False
        for conversation in list(self._all):
            conversation.resume()

    def close(self, reason: str) -> None:
        """The client is gone."""
        self._spare = None
        for conversation in list(self._all):
            conversation.close(reason)

    def filled(self, conversation: ServerConversation) -> None:
        """This server reads too slowly."""
        if conversation in self._all:
            if not self._full:
                self.link.pauseProducing()
            self._full.add(conversation)

    def emptied(self, conversation: ServerConversation) -> None:
        """This server has caught up, or is gone and the client has been told."""
        if conversation in self._full:
            self._full.remove(conversation)
            if not self._full:
                self.link.resumeProducing()

    def ended(self, conversation: ServerConversation) -> None:
        """Forget a conversation that is no more."""
        self._all.discard(conversation)
        if conversation is self._spare:
            self._spare = None
