"""The half of a conversation whose requests stand for themselves."""

from __future__ import annotations

from functools import partial

from mcpws.backends.eras.for_modern.parking import Parking
from mcpws.backends.eras.for_modern.pool import LegacyServers
from mcpws.backends.eras.for_modern.seat import Seat
from mcpws.backends.eras.open_requests import OpenRequests
from mcpws.backends.eras.servers import ServerConversation, ServerConversations
from mcpws.backends.eras.shared import SharedState
from mcpws.core.ledger import cancelled_id, reported_token
from mcpws.errors import McpwsError, RpcError, TooManyRequests
from mcpws.jsonrpc.messages import Answer, Error, Message, Notification, Request, RequestId, Result
from mcpws.mcp.discovery import tells_modern
from mcpws.mcp.methods import CANCELLED, PROGRESS
from mcpws.seam.interfaces import Link


class ModernClient:
    """Passes everything through, byte for byte, to a modern server of its own; to a legacy one it is translated.

    Which of the two it is the server is asked once, before the first request; what comes meanwhile waits. One that
    ends over the question, as some legacy servers do, is legacy. When the server is lost, so is what was open, and the
    next request begins anew.
    """

    def __init__(self, link: Link, conversations: ServerConversations, shared: SharedState) -> None:
        self._link = link
        self._conversations = conversations
        self._shared = shared
        self.requests = OpenRequests(link)
        self._seat = Seat(link, self.requests, Parking(shared), shared)
        self._desk = self.requests.desk()
        self._held: dict[RequestId, Request] = {}
        self._conversation: ServerConversation | None = None
        self._passes = False
        self._servers: LegacyServers | None = None

    def take(self, request: Request, token: RequestId | None) -> None:
        """A request from the client, and its progress token."""
        conversation = self._conversation
        if conversation is not None and self._passes:
            self.requests.add(request, token, self._desk, conversation.to_server)
            conversation.to_server(request)
        else:
            self.requests.add(request, token, self._desk, lambda _: self._held.pop(request.id, None))
            self._take(request)

    def cancel(self, notification: Notification) -> bool:
        """A `notifications/cancelled` from the client; False if it is about nothing that is open here."""
        id = cancelled_id(notification)
        return id is not None and self.requests.cancel(id, notification)

    def tell(self, notification: Notification) -> None:
        """Another notification from the client; the core of the modern era has none."""
        if self._conversation is not None and self._passes:
            self._conversation.to_server(notification)
        else:
            self._shared.counters.dropped += 1

    def release(self) -> ServerConversation | None:
        """The conversation with a server that nothing was asked of but which era it is of, for somebody else to use."""
        if self._servers is not None:
            return self._servers.release()
        if self._passes or self._held:
            return None
        conversation, self._conversation = self._conversation, None
        return conversation

    def close(self, reason: McpwsError) -> None:
        """The conversation is over."""
        if self._servers is not None:
            self._servers.close(reason)

    # servers.ServerReceiver, of the one conversation with a server that is modern, or is asked whether it is.

    def opened(self) -> None:
        assert self._conversation is not None
        self._conversation.probe(partial(self._probed, self._conversation))

    def received(self, message: Message) -> None:
        if self._passes and isinstance(message, (Result, Error)):
            self.requests.pass_on(message)
        elif self._passes and type(message) is Notification and self._belongs(message):
            self._link.send(message)
        else:
            # No server may ask anything in the modern era, nor may it be answered.
            self._shared.counters.dropped += 1

    def lost(self, reason: McpwsError) -> None:
        conversation, self._conversation = self._conversation, None
        if self._passes or conversation is None or not conversation.probed:
            self._passes = False
            self._held.clear()
            self._desk.abandon(reason)
        else:
            self._translate(None)

    def _belongs(self, notification: Notification) -> bool:
        """Whether it is for this half of the client: the other one may know something else by the same name."""
        if notification.method == CANCELLED:
            # So a server ends a subscription, and nothing else (MCP 2026-07-28, cancellation).
            return self.requests.end_listening(cancelled_id(notification))
        if notification.method == PROGRESS:
            token = reported_token(notification)
            return token is not None and self.requests.reports(token)
        return True

    def _take(self, request: Request) -> None:
        """Find somebody for a request, if it is still open."""
        if request.id not in self.requests:
            return
        try:
            if self._conversation is not None and self._passes:
                self._desk.take(request.id, self._conversation.to_server)
                self._conversation.to_server(request)
            elif self._servers is not None:
                self._servers.take(request)
            else:
                conversation = self._conversations.get(self) if self._conversation is None else None
                self._hold(request)
                if conversation is not None:
                    self._begin(conversation)
        except RpcError as error:
            self.requests.fail(request.id, error)

    def _begin(self, conversation: ServerConversation) -> None:
        if self._shared.known.legacy:
            self._translate(conversation)
        else:
            self._conversation = conversation
            conversation.start()

    def _probed(self, conversation: ServerConversation, answer: Answer | None) -> None:
        # What comes late is no answer any more. But a server that is being initialised may yet refuse.
        conversation.found_modern = answer is not None and tells_modern(answer)
        if conversation is not self._conversation:
            return
        if conversation.found_modern:
            self._pass_through()
        else:
            self._conversation = None
            self._translate(conversation)

    def _reconsider(self, conversation: ServerConversation, held: list[Request]) -> None:
        self._servers = None
        self._conversation = conversation
        conversation.receiver = self
        for request in held:
            self._take(request)
        if conversation.found_modern:
            self._pass_through()
        else:
            conversation.probe(partial(self._probed, conversation))

    def _pass_through(self) -> None:
        self._passes = True
        self._release_held()

    def _translate(self, conversation: ServerConversation | None) -> None:
        self._servers = LegacyServers(self._seat, self._conversations, conversation, self._reconsider)
        self._release_held()

    def _hold(self, request: Request) -> None:
        if len(self._held) >= self._shared.limits.max_held:
            raise TooManyRequests(self._shared.limits.max_held)
        self._held[request.id] = request
        self._desk.take(request.id, lambda _: self._held.pop(request.id, None))

    def _release_held(self) -> None:
        held, self._held = self._held, {}
        for request in held.values():
            self._take(request)
