"""Legacy server that works for a modern client."""

from __future__ import annotations

from collections.abc import Callable

from twisted.logger import Logger

from mcpws.backends.eras.for_modern.call import Work
from mcpws.backends.eras.for_modern.seat import Post, Seat
from mcpws.backends.eras.for_modern.translation import ModernToLegacy, Welcome
from mcpws.backends.eras.servers import ServerConversation
from mcpws.backends.eras.shapes import Members, capabilities_for_other_era
from mcpws.core.rpc import Rpc
from mcpws.errors import BackendLost, McpwsError, MethodNotFound, RpcError, TooManyRequests
from mcpws.jsonrpc.messages import EMPTY, Answer, Error, Message, Notification, Request, RequestId, put_together
from mcpws.jsonrpc.nulls import null_as_none
from mcpws.mcp.levels import LEVELS
from mcpws.mcp.methods import INITIALIZE, INITIALIZED, PING
from mcpws.mcp.schema import InitializeParams
from mcpws.mcp.versions import LEGACY_VERSIONS
from mcpws.turns.timer import Timer

log = Logger()

_read_welcome = null_as_none(Welcome)


class LegacyServer:
    """A server that is initialised on behalf of one client, and holds what it is to do until that is done.

    :param client_info: who the client is, and its `capabilities`, as it says.
    :param on_refused: called if it does not want to be initialised; what it holds has no answer yet.
    :param on_ended: called when it is gone, and takes nothing more; what it had to do is answered next.
    """

    conversation: ServerConversation
    """Set before `start`."""

    def __init__(
        self,
        seat: Seat,
        client_info: Members,
        capabilities: Members,
        on_refused: Callable[[LegacyServer, RpcError], None],
        on_ended: Callable[[LegacyServer], None],
    ) -> None:
        self._seat = seat
        self._shared = seat.shared
        self._client_info = client_info
        self._on_refused = on_refused
        self._on_ended = on_ended
        self._held: dict[RequestId, Work] = {}
        self._timer = Timer(seat.shared.clock)
        self._translation: ModernToLegacy | None = None
        limits = seat.shared.limits
        # The last is for `initialize`.
        room = limits.max_pending + limits.max_parked + limits.max_subscriptions + len(LEVELS) + 1
        self._server = Rpc(self._send, room, to_raw=put_together)
        self._desk = seat.requests.desk()
        self._post = Post(self._desk, self._server, capabilities_for_other_era(capabilities), self.take)

    @property
    def ready(self) -> bool:
        """Whether it is initialised."""
        return self._translation is not None

    @property
    def idle(self) -> bool:
        """Whether nobody would miss it."""
        return self._translation is not None and self._translation.idle

    def take(self, work: Work) -> None:
        """Work on it, as soon as may be; raises RpcError to have it answered with that."""
        id = work.request.id
        limit = self._shared.limits.max_pending
        if work.call is None and len(self._desk) >= limit:
            raise TooManyRequests(limit)
        self._desk.take(id, lambda _: self._held.pop(id, None))
        if self._translation is not None:
            self._translation.take(work)
        elif len(self._held) >= self._shared.limits.max_held:
            raise TooManyRequests(self._shared.limits.max_held)
        else:
            self._held[id] = work

    def surrender(self) -> list[Request]:
        """The requests that it holds, for somebody else to do, who also looks after the conversation now."""
        self._timer.stop()
        held, self._held = self._held, {}
        return [work.request for work in held.values()]

    def close(self, reason: McpwsError) -> None:
        """End it: nobody needs it, and what is open is answered with `reason`."""
        self._end(reason)
        self.conversation.close(str(reason))

    # servers.ServerReceiver

    def opened(self) -> None:
        self._timer.set(self._shared.limits.initialize_timeout, self._time_is_up)
        params = InitializeParams(LEGACY_VERSIONS[-1], self._post.capabilities, self._client_info)
        self._server.request(INITIALIZE, params, self._initialized)

    def received(self, message: Message) -> None:
        ours = self._server.receive(message)
        if type(ours) is Request:
            if self._translation is not None:
                self._translation.asked(ours)
            elif ours.method == PING:
                self._server.answer(ours.id, EMPTY)
            else:
                self._server.fail(ours.id, MethodNotFound(ours.method))
        elif type(ours) is Notification:
            if self._translation is not None:
                self._translation.told(ours)
            else:
                self._shared.counters.dropped += 1

    def lost(self, reason: McpwsError) -> None:
        # First: what the client gets to say as soon as it has answers is for another one.
        self._on_ended(self)
        self._end(reason)

    def _send(self, message: Message) -> None:
        self.conversation.to_server(message)

    def _initialized(self, answer: Answer | McpwsError) -> None:
        if isinstance(answer, McpwsError):
            return
        self._timer.stop()
        if isinstance(answer, Error):
            told = {"code": answer.error.code, "message": answer.error.message}
            self._on_refused(self, BackendLost("The server refused to be initialised", told))
            return
        try:
            welcome = _read_welcome(answer.result)
        except ValueError as error:
            self._on_refused(self, BackendLost("The server answered initialize wrongly", {"reason": str(error)}))
            return
        if welcome.protocol_version not in LEGACY_VERSIONS:
            self._on_refused(self, BackendLost(f"The server speaks MCP {welcome.protocol_version}"))
            return
        self._shared.counters.translated += 1
        log.info("{peer} is modern, its server legacy: translating", peer=self._seat.link.identity.peer)
        if not self.conversation.found_modern:
            self._shared.known.legacy = True
        self._translation = ModernToLegacy(self._seat, self._post, welcome)
        self._server.notify(INITIALIZED)
        held, self._held = self._held, {}
        for id, work in held.items():
            try:
                if id in self._seat.requests:
                    self.take(work)
            except RpcError as error:
                self._seat.requests.fail(work.request.id, error)

    def _time_is_up(self) -> None:
        seconds = self._shared.limits.initialize_timeout
        self.lost(BackendLost(f"The server was not initialised within {seconds:g} s"))
        self.conversation.close("it was not initialised in time")

    def _end(self, reason: McpwsError) -> None:
        self._timer.stop()
        self._held.clear()
        if self._translation is not None:
            self._translation.close()
        self._server.lost(reason)
        self._desk.abandon(reason)
