"""One legacy server that works for a modern client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mcpws.backends.eras.for_modern.call import Call, Work
from mcpws.backends.eras.for_modern.parking import Parking
from mcpws.backends.eras.for_modern.translation import ModernToLegacy, Welcome
from mcpws.backends.eras.open_requests import OpenRequests
from mcpws.backends.eras.servers import ServerConversation
from mcpws.backends.eras.shapes import Members, capabilities_for_other_era
from mcpws.backends.eras.shared import Shared
from mcpws.core.peer import Peer
from mcpws.errors import BackendLost, McpwsError, MethodNotFound, RpcError, TooManyRequests
from mcpws.jsonrpc.messages import EMPTY, Answer, Error, Message, Notification, Request, RequestId, put_together
from mcpws.jsonrpc.nulls import null_as_none
from mcpws.mcp.levels import LEVELS
from mcpws.mcp.methods import INITIALIZE, INITIALIZED, PING
from mcpws.mcp.schema import InitializeParams
from mcpws.mcp.versions import LEGACY_VERSIONS
from mcpws.seam.interfaces import Link

log = Logger()

_read_welcome = null_as_none(Welcome)


class Employer(Protocol):
    """Whom a LegacyServer tells how it goes."""

    def refused(self, server: LegacyServer, reason: RpcError) -> None:
        """It does not want to be initialised. What it holds has no answer yet."""

    def ended(self, server: LegacyServer) -> None:
        """It is gone, and takes nothing more; what it had to do is answered next."""


class LegacyServer:
    """A server that is initialised on behalf of one client, and holds what it is to do until that is done.

    :param client_info: who the client is, and its `capabilities`, as it says.
    """

    conversation: ServerConversation
    """Set before `start`."""

    def __init__(
        self,
        employer: Employer,
        link: Link,
        requests: OpenRequests,
        parking: Parking[Call],
        shared: Shared,
        client_info: Mapping[str, Any],
        capabilities: Members,
    ) -> None:
        self._employer = employer
        self._link = link
        self._requests = requests
        self._parking = parking
        self._shared = shared
        self._client_info = client_info
        self._capabilities = capabilities_for_other_era(capabilities)
        self._held: dict[RequestId, Work] = {}
        self._timer: IDelayedCall | None = None
        self._translation: ModernToLegacy | None = None
        limits = shared.limits
        # The last is for `initialize`.
        room = limits.max_pending + limits.max_parked + limits.max_subscriptions + len(LEVELS) + 1
        self._server = Peer(self._send, room, to_raw=put_together)

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
        if work.call is None and self._requests.of(self) >= limit:
            raise TooManyRequests(limit)
        self._requests.hand(id, self, lambda _: self._held.pop(id, None))
        if self._translation is not None:
            self._translation.take(work)
        elif len(self._held) >= self._shared.limits.max_held:
            raise TooManyRequests(self._shared.limits.max_held)
        else:
            self._held[id] = work

    def surrender(self) -> list[Request]:
        """What it holds, for somebody else to do, who also looks after the conversation now."""
        self._stop_timer()
        held, self._held = self._held, {}
        return [work.request for work in held.values()]

    def close(self, reason: McpwsError) -> None:
        """Nobody needs it any more; what is open is answered with `reason`."""
        self._end(reason)
        self.conversation.close(str(reason))

    # servers.ServerReceiver

    def opened(self) -> None:
        self._timer = self._shared.clock.callLater(self._shared.limits.initialize_timeout, self._time_is_up)
        params = InitializeParams(LEGACY_VERSIONS[-1], self._capabilities, self._client_info)
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
        self._employer.ended(self)
        self._end(reason)

    def _send(self, message: Message) -> None:
        self.conversation.to_server(message)

    def _initialized(self, answer: Answer | McpwsError) -> None:
        if isinstance(answer, McpwsError):
            return
        self._stop_timer()
        if isinstance(answer, Error):
            told = {"code": answer.error.code, "message": answer.error.message}
            self._employer.refused(self, BackendLost("The server refused to be initialised", told))
            return
        try:
            welcome = _read_welcome(answer.result)
        except ValueError as error:
            self._employer.refused(self, BackendLost("The server answered initialize wrongly", {"reason": str(error)}))
            return
        if welcome.protocol_version not in LEGACY_VERSIONS:
            self._employer.refused(self, BackendLost(f"The server speaks MCP {welcome.protocol_version}"))
            return
        self._shared.counters.translated += 1
        log.info("{peer} is modern, its server legacy: translating", peer=self._link.identity.peer)
        if not self.conversation.found_modern:
            self._shared.known.legacy = True
        self._translation = ModernToLegacy(
            self,
            self._server,
            self._link,
            self._requests,
            self._parking,
            self._shared,
            self._capabilities,
            welcome,
        )
        self._server.notify(INITIALIZED)
        held, self._held = self._held, {}
        for id, work in held.items():
            try:
                if id in self._requests:
                    self.take(work)
            except RpcError as error:
                self._requests.fail(work.request.id, error)

    def _time_is_up(self) -> None:
        self._timer = None
        seconds = self._shared.limits.initialize_timeout
        self.lost(BackendLost(f"The server was not initialised within {seconds:g} s"))
        self.conversation.close("it was not initialised in time")

    def _end(self, reason: McpwsError) -> None:
        self._stop_timer()
        self._held.clear()
        if self._translation is not None:
            self._translation.close()
        self._server.lost(reason)
        self._requests.abandon(self, reason)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
