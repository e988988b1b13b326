"""Conversation of one client, whichever eras its requests are of."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from mcpws.backends.eras.for_legacy.client import LegacyClient
from mcpws.backends.eras.for_legacy.half import Half
from mcpws.backends.eras.for_modern.client import ModernClient
from mcpws.backends.eras.servers import ServerConversations
from mcpws.backends.eras.shared import SharedState
from mcpws.errors import BackendLost, McpwsError, RpcError
from mcpws.jsonrpc.messages import Error, Message, Notification, Request, RequestId
from mcpws.mcp.meta import read_modern
from mcpws.mcp.methods import CANCELLED, INITIALIZE
from mcpws.seam.interfaces import Backend, Channel, Link


class EraRouter:
    """The Channel of a client: gives each message to the half that it is for.

    A request that names its protocol version is modern, every other one legacy (MCP 2026-07-28, versioning). What names
    no version belongs to the half whose request it is about, and else to the legacy one, if there is one.

    :param on_end: called once, when nothing is left of the conversation.
    """

    def __init__(self, backend: Backend, link: Link, shared: SharedState, on_end: Callable[[EraRouter], None]) -> None:
        self._link = link
        self._ended = False
        self._shared = shared
        self._on_end = on_end
        self._conversations = ServerConversations(backend, link, shared)
        self._legacy: LegacyClient | None = None
        self._modern: ModernClient | None = None
        self._opening: Deferred[Channel] | None = None

    def open(self) -> Deferred[Channel]:
        """Begin the first conversation within; fires with this one when that has begun, or fails as that fails."""
        opening = self._opening = Deferred(self._given_up)
        self._conversations.begin(self)
        return opening

    def stop(self, reason: McpwsError) -> None:
        """The conversation has to end."""
        if self._opening is not None:
            self._end(reason)
            self._opened_with(Failure(reason))
        else:
            self.server_lost(reason)

    def server_lost(self, reason: McpwsError) -> None:
        """The client needs the server that is gone: there is nothing to go on with."""
        self._end(reason)
        self._link.lost(reason)

    # interfaces.Channel

    def receive(self, message: Message) -> None:
        if self._ended:
            return
        if type(message) is Request:
            meta = read_modern(message)
            if meta is not None and message.method != INITIALIZE:
                if self._modern is not None:
                    self._modern.take(message, meta.progress_token)
                else:
                    self._begin_modern(message, meta.progress_token)
            elif self._legacy is not None:
                self._legacy.receive(message)
            else:
                self._begin_legacy(message)
            return
        if self._modern is not None and type(message) is Notification:
            if message.method == CANCELLED and self._modern.cancel(message):
                return
            if self._legacy is None:
                self._modern.tell(message)
                return
        if self._legacy is not None:
            self._legacy.receive(message)
        else:
            self._shared.counters.dropped += 1

    def close(self, reason: str) -> None:
        if self._modern is not None:
            # Else each would be answered with the reason.
            self._modern.requests.forget()
        self._end(BackendLost(reason))

    def pauseProducing(self) -> None:
        self._conversations.pause()

    def resumeProducing(self) -> None:
        self._conversations.resume()

    def stopProducing(self) -> None:
        self._conversations.pause()

    # servers.ServerReceiver, of the first conversation until it is needed.

    def opened(self) -> None:
        self._opened_with(self)

    def received(self, message: Message) -> None:
        self._link.send(message)

    def lost(self, reason: McpwsError) -> None:
        if self._opening is not None:
            self._end(reason)
            self._opened_with(Failure(reason))
        else:
            self.server_lost(reason)

    def _begin_modern(self, request: Request, token: RequestId | None) -> None:
        """Begin the modern half with its first request."""
        self._modern = ModernClient(self._link, self._conversations, self._shared)
        if self._legacy is not None:
            self._legacy.share(self._modern.requests)
        self._modern.take(request, token)

    def _begin_legacy(self, request: Request) -> None:
        """Begin the legacy half with its first request."""
        try:
            # A client that has found out that it cannot be modern here has no use for two servers.
            released = None if self._modern is None else self._modern.release()
            if released is not None:
                self._conversations.keep(released, self)
            half = Half(self._link, self._shared.counters)
            self._legacy = LegacyClient(half, self._conversations, self._shared, self.server_lost)
            if self._modern is not None:
                self._legacy.share(self._modern.requests)
            self._legacy.begin()
        except RpcError as error:
            self._link.send(Error.answering(request.id, error))
        else:
            self._legacy.receive(request)

    def _end(self, reason: McpwsError) -> None:
        """Free everything."""
        if self._ended:
            return
        self._ended = True
        if self._legacy is not None:
            self._legacy.close(reason)
        if self._modern is not None:
            self._modern.close(reason)
        self._conversations.close(str(reason))
        self._on_end(self)

    def _opened_with(self, outcome: Channel | Failure) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening.callback(outcome)

    def _given_up(self, _: Deferred[Channel]) -> None:
        self._opening = None
        self._end(BackendLost("Nobody waits for it any more"))
