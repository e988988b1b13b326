"""The legacy servers that work for one modern client."""

from __future__ import annotations

import json
from collections.abc import Callable

from msgspec import Raw, Struct, UnsetType

from mcpws.backends.eras.for_modern.call import Call, Work, canonical, digest
from mcpws.backends.eras.for_modern.seat import Seat
from mcpws.backends.eras.for_modern.server import LegacyServer
from mcpws.backends.eras.servers import ServerConversation, ServerConversations
from mcpws.backends.eras.shapes import Members, members, text, to_legacy_params
from mcpws.errors import BackendLost, InvalidParams, McpwsError, MethodNotFound, RpcError, UnsupportedProtocol
from mcpws.jsonrpc.messages import NULL, Message, Request, put_together
from mcpws.jsonrpc.nulls import null_as_none
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.levels import severity_of
from mcpws.mcp.meta import CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION, read_meta
from mcpws.mcp.methods import MAY_ASK, ONLY_LEGACY
from mcpws.mcp.schema import INPUT_RESPONSES, OURSELVES, REQUEST_STATE
from mcpws.mcp.versions import MODERN_VERSIONS


class _Implementation(Struct, gc=False):
    name: str
    version: str


class _Response(Struct, gc=False):
    action: str = "accept"


_read_object = reader(dict[str, Raw])
_read_implementation = reader(_Implementation)
_read_responses = null_as_none(dict[str, dict[str, Raw]])
_read_actions = null_as_none(dict[str, _Response])


class LegacyServers:
    """Legacy servers, one for each that the client says it is: each learns once who its client is and what it can do.

    When there are too many, the one that was not needed for longest makes room.

    :param first: a conversation that is begun already, for the first of them; None without one.
    :param reconsider: called with a conversation whose server did not want to be initialised, and may be modern, and
        with the requests that wait. The LegacyServers are of no use then.
    """

    def __init__(
        self,
        seat: Seat,
        conversations: ServerConversations,
        first: ServerConversation | None,
        reconsider: Callable[[ServerConversation, list[Request]], None],
    ) -> None:
        self._seat = seat
        self._shared = seat.shared
        self._conversations = conversations
        self._first = first
        self._reconsider = reconsider
        self._servers: dict[str, LegacyServer] = {}
        if first is not None:
            first.receiver = self

    @property
    def proven(self) -> bool:
        """Whether one of them was initialised."""
        return any(server.ready for server in self._servers.values())

    def take(self, request: Request) -> None:
        """Have it worked on; raises RpcError to have it answered with that."""
        client_info, capabilities = _client_of(request)
        if request.method in ONLY_LEGACY:
            raise MethodNotFound(request.method)
        work = self._look_into(request)
        if work.call is not None:
            work.call.resume(work)
        else:
            self._employ(client_info, capabilities, work)

    def release(self) -> ServerConversation | None:
        """The first conversation, if no server was needed yet."""
        first, self._first = self._first, None
        return first

    def close(self, reason: McpwsError) -> None:
        """The conversation is over."""
        servers, self._servers = list(self._servers.values()), {}
        for server in servers:
            server.close(reason)

    # servers.ServerReceiver, of the first conversation while nobody needs it.

    def opened(self) -> None:
        """It is open already."""

    def received(self, message: Message) -> None:
        self._shared.counters.dropped += 1

    def lost(self, reason: McpwsError) -> None:
        self._first = None

    def _refused(self, server: LegacyServer, reason: RpcError) -> None:
        if self.proven or (server.conversation.probed and not server.conversation.found_modern):
            self._dismiss(server)
            server.close(reason)
        else:
            self._shared.known.legacy = False
            servers, self._servers = list(self._servers.values()), {}
            self._reconsider(server.conversation, [request for one in servers for request in one.surrender()])
            for other in servers:
                if other is not server:
                    other.conversation.close("not needed any more")

    def _look_into(self, request: Request) -> Work:
        try:
            params = members(request.params)
            legacy = to_legacy_params(params)
            meta = members(params.get("_meta"))
            state = params.get(REQUEST_STATE, NULL)
            level = severity_of(text(meta[LOG_LEVEL])) if meta.get(LOG_LEVEL, NULL) != NULL else None
            given = put_together(members(params.get(INPUT_RESPONSES)))
            responses, actions = _read_responses(given), _read_actions(given)
        except ValueError as error:
            raise InvalidParams("Invalid params", {"reason": str(error)}) from None
        call = None
        if request.method in MAY_ASK:
            if state != NULL:
                call = self._call(text(state), digest(request.method, legacy))
            else:
                _check_visited(actions)
        answers = {key: put_together(response) for key, response in responses.items()}
        return Work(request, legacy, read_meta(request).progress_token, level, call, answers)

    def _call(self, token: str | None, about: bytes) -> Call:
        """The call that was parked under this token; it is not any more."""
        call = None if token is None else self._seat.parking.find(token)
        if token is None or call is None:
            problem = "not given here, used before, or expired"
        elif call.digest != about:
            problem = "given for another request"
        else:
            self._seat.parking.take(token)
            return call
        raise InvalidParams("Invalid requestState", {"path": "$.params.requestState", "reason": problem})

    def _employ(self, client_info: Members, capabilities: Members, work: Work) -> None:
        """Give the work to the server that is for this client."""
        key = json.dumps([canonical(put_together(client_info)), canonical(put_together(capabilities))], sort_keys=True)
        known = self._servers.pop(key, None)
        if known is not None:
            # The one that was needed last stands last.
            self._servers[key] = known
            known.take(work)
            return
        displaced = self._displaced()
        server = self._servers[key] = self._new_server(client_info, capabilities)
        server.take(work)
        if displaced is not None:
            # Only now: who was not read for it may have its say at once.
            self._dismiss(displaced)
            displaced.close(BackendLost("Another client needs a server"))
        # It may be gone at once, and then what it has to do has its answer.
        server.conversation.start()

    def _new_server(self, client_info: Members, capabilities: Members) -> LegacyServer:
        server = LegacyServer(self._seat, client_info, capabilities, self._refused, self._dismiss)
        first, self._first = self._first, None
        if first is None:
            server.conversation = self._conversations.get(server)
        else:
            server.conversation = first
            first.receiver = server
        return server

    def _displaced(self) -> LegacyServer | None:
        """Which server has to go for another one to come; None if there is room."""
        limit = self._shared.limits.max_servers
        if len(self._servers) < limit:
            return None
        server = next((server for server in self._servers.values() if server.idle), None)
        if server is None:
            raise RpcError(f"More than {limit} different clients at once", {"limit": limit}, code=429)
        return server

    def _dismiss(self, server: LegacyServer) -> None:
        self._servers = {key: other for key, other in self._servers.items() if other is not server}


def _client_of(request: Request) -> tuple[Members, Members]:
    """Implementation and capabilities of the client that sends a request, as the request says.

    Raises UnsupportedProtocol, and InvalidParams where something is missing that has to be there.
    """
    meta = read_meta(request)
    version = None if isinstance(meta.protocol_version, UnsetType) else text(meta.protocol_version)
    if version is None:
        raise _bad_meta(PROTOCOL_VERSION, "must be a string")
    if version not in MODERN_VERSIONS:
        raise UnsupportedProtocol(version, list(MODERN_VERSIONS))
    if isinstance(meta.client_capabilities, UnsetType):
        raise _bad_meta(CLIENT_CAPABILITIES, "missing")
    try:
        capabilities: Members = dict(_read_object(meta.client_capabilities))
    except ValueError:
        raise _bad_meta(CLIENT_CAPABILITIES, "must be an object") from None
    if isinstance(meta.client_info, UnsetType) or meta.client_info == NULL:
        # It need not say; but nobody can initialise a server without a name.
        return dict(OURSELVES), capabilities
    try:
        _read_implementation(meta.client_info)
    except ValueError as error:
        raise _bad_meta(CLIENT_INFO, str(error)) from None
    return members(meta.client_info), capabilities


def _bad_meta(name: str, reason: str) -> InvalidParams:
    return InvalidParams("Invalid params", {"path": f"$.params._meta.{name}", "reason": reason})


def _check_visited(actions: dict[str, _Response]) -> None:
    """Raise RpcError if the user did not want to visit a URL: in the legacy era the request is then not tried again."""
    for response in actions.values():
        if response.action != "accept":
            raise RpcError("The elicitation was not accepted", {"action": response.action})
