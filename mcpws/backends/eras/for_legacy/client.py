"""The half of a conversation that begins with `initialize`."""

from __future__ import annotations

from collections.abc import Callable

from mcpws.backends.eras.for_legacy.half import Half
from mcpws.backends.eras.for_legacy.translation import LegacyToModern
from mcpws.backends.eras.open_requests import OpenRequests
from mcpws.backends.eras.servers import ServerConversations
from mcpws.backends.eras.shared import SharedState
from mcpws.errors import McpwsError, RpcError, TooManyRequests
from mcpws.jsonrpc.messages import EMPTY, Answer, Error, Message, Request, RequestId, Result, alike
from mcpws.mcp.discovery import read_discovery
from mcpws.mcp.methods import INITIALIZE, PING
from mcpws.mcp.versions import MODERN_VERSIONS, newest


class LegacyClient:
    """Passes everything through, byte for byte, to a server of its own.

    Only when the server refuses `initialize` it is asked which era it is of. A modern one is translated for; otherwise
    its refusal is the answer. When it accepts, there is nothing left to do here: server and client have each other.
    Until then a `ping` is answered here, as a modern server knows of none.

    :param lost: called when the server is gone.
    :raises RpcError: no further server can be had now.
    """

    def __init__(
        self, link: Half, conversations: ServerConversations, shared: SharedState, lost: Callable[[McpwsError], None]
    ) -> None:
        self._link = link
        self._shared = shared
        self._lost = lost
        self._unsent: list[Message] | None = []
        self._initialize: Request | None = None
        self._refusal: Error | None = None
        self._accepted = False
        self._translation: LegacyToModern | None = None
        self._conversation = conversations.get(self)
        self.receive: Callable[[Message], None] = self._receive
        """Function that takes what the client sends."""

    def begin(self) -> None:
        """Have the server there."""
        self._conversation.start()

    def share(self, other: OpenRequests) -> None:
        """The client has another half, which has these open: this one steps aside no more."""
        self._link.share(other, self._conversation.intercept())
        self.receive = self._receive

    def _receive(self, message: Message) -> None:
        if isinstance(message, (Result, Error)):
            self._link.answered(message.id)
        elif type(message) is Request:
            self._link.requested(message.id)
        if self._translation is not None:
            self._translation.receive(message)
        elif type(message) is Request and message.method == PING and not self._accepted:
            self._link.send(Result(message.id, EMPTY))
        elif self._unsent is not None:
            self._hold(message)
        else:
            if type(message) is Request and message.method == INITIALIZE:
                self._initialize = message
            self._conversation.to_server(message)

    def close(self, reason: McpwsError) -> None:
        """The conversation is over."""
        if self._translation is not None:
            self._translation.close(reason)

    # servers.ServerReceiver

    def opened(self) -> None:
        unsent, self._unsent = self._unsent, None
        for message in unsent or ():
            self.receive(message)

    def received(self, message: Message) -> None:
        if self._translation is not None:
            self._translation.received(message)
            return
        if self._initialize is not None and isinstance(message, (Result, Error)) and self._is_for(message.id):
            if self._refusal is not None:
                # It answers twice, and the first answer counts.
                self._shared.counters.dropped += 1
                return
            if type(message) is Error:
                self._refusal = message
                self._conversation.probe(self._probed)
                return
            self._initialize = None
            self._accepted = True
            if self._conversation.probed and not self._conversation.found_modern:
                self._shared.known.legacy = True
            if not self._link.shared:
                self.receive = self._conversation.pass_through() or self.receive
        self._link.send(message)

    def _is_for(self, id: RequestId | None) -> bool:
        """Whether that is the id of `initialize`, whatever the server makes of its type."""
        assert self._initialize is not None
        return id is not None and self._initialize.id in (id, alike(id))

    def lost(self, reason: McpwsError) -> None:
        if self._refusal is not None:
            self._link.send(self._refusal)
        self._lost(reason)

    def _probed(self, answer: Answer | None) -> None:
        initialize, refusal = self._initialize, self._refusal
        self._initialize = self._refusal = None
        if initialize is None or refusal is None:
            # Too late: the client has been told.
            return
        discovery = None if answer is None else read_discovery(answer)
        if discovery is None or newest(MODERN_VERSIONS, discovery.supported_versions) is None:
            self._link.send(refusal)
            return
        # What it asked already it would not ask in the era that it turns out to be of.
        self._link.take_back()
        try:
            self._translation = LegacyToModern(initialize, discovery, self._conversation, self._link, self._shared)
        except RpcError as error:
            self._link.send(Error.answering(initialize.id, error))
        else:
            self._translation.begin()

    def _hold(self, message: Message) -> None:
        """Keep it until the server is there; who waits for the answer to `initialize` has little more to say."""
        assert self._unsent is not None
        if len(self._unsent) < self._shared.limits.max_held:
            self._unsent.append(message)
        elif type(message) is Request:
            self._link.send(Error.answering(message.id, TooManyRequests(self._shared.limits.max_held)))
        else:
            self._shared.counters.dropped += 1
