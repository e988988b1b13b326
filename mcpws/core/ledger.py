"""The ledger of a conversation that passes through: what is open, and so what may pass.

Between a client and whatever answers it stands one ledger. It knows which requests are open in either
direction and lets through only what belongs: no answer to a request that is not open, no second
answer, no progress after the answer, no request before `initialize`. It needs no trust in either
side, and it reads parameters only where the rules depend on them.
"""

from __future__ import annotations

import msgspec
from msgspec import UNSET, Raw, Struct

from mcpws.core.counters import Counters
from mcpws.core.lifecycle import Phase
from mcpws.errors import InvalidRequest
from mcpws.jsonrpc.messages import Answer, Error, Message, Notification, Request, RequestId, Result, alike, with_id
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.meta import NO_META, PROGRESS_TOKEN, RequestMeta, read_meta
from mcpws.mcp.methods import (
    BY_URI,
    CANCELLED,
    COMPLETE,
    INITIALIZE,
    LISTEN,
    ONLY_MODERN,
    PROGRESS,
    PROMPTS_GET,
    TOOLS_CALL,
)
from mcpws.mcp.schema import ProtocolVersion

MAX_NAME_SIZE = 64 * 1024
"""Bytes of the id, the progress token, the URI and the name in a request together, which are kept or repeated."""

# Of tools the names are not kept, and what else is in their calls may be long.
_NAMING = BY_URI | {COMPLETE, PROMPTS_GET}

_COMMON = TOOLS_CALL
"""The method of most requests. It is compared: to look up a string that has just been decoded takes its hash first."""

_UNCOMMON = _NAMING | ONLY_MODERN | {INITIALIZE}
"""Methods of which more is to be asked than of others."""

# To look a member up takes CPython 3.11 longer than to compare it.
_READY = Phase.READY


class _Cancelled(Struct, gc=False):
    request_id: RequestId = msgspec.field(name="requestId")


class _Progress(Struct, gc=False):
    progress_token: RequestId = msgspec.field(name=PROGRESS_TOKEN)


class _Named(Struct, gc=False):
    name: Raw = Raw(b"")
    uri: Raw = Raw(b"")


_read_named = reader(_Named)
_read_cancelled = reader(_Cancelled)
_read_version = reader(ProtocolVersion)
_read_progress = reader(_Progress)


def _size_of_names(params: Raw) -> int:
    """Bytes of the members of parameters that name something, as they are written."""
    try:
        named = _read_named(params)
    except ValueError:
        return 0
    return memoryview(named.name).nbytes + memoryview(named.uri).nbytes


def cancelled_id(notification: Notification) -> RequestId | None:
    """Id of the request that a `notifications/cancelled` is about; None if it does not say."""
    try:
        return _read_cancelled(notification.params or b"{}").request_id
    except ValueError:
        return None


def reported_token(notification: Notification) -> RequestId | None:
    """Token that a `notifications/progress` is about; None if it does not say."""
    try:
        return _read_progress(notification.params or b"{}").progress_token
    except ValueError:
        return None


class Ledger:
    """The open requests of one conversation.

    `inbound` holds the client's requests that wait for an answer: id to progress token, or None.
    `listening` are those among them that stay open by nature, `subscriptions/listen`. `outbound`
    holds the ids of the server's. `phase` and `version` tell of the handshake, `modern` whether a
    request came that needs none.

    :param max_name_size: bytes of the id, the progress token, the URI and the name in a request together; with more it
        is refused.
    :param counters: where to count what is not let through, as `dropped` (late, unknown or unattributable), and as
        `too_long` the requests whose ids or names are; one of its own by default.
    """

    __slots__ = (
        "_common_id",
        "_id_type",
        "_initialize",
        "_max_name_size",
        "_tokens",
        "counters",
        "inbound",
        "listening",
        "modern",
        "outbound",
        "phase",
        "version",
    )

    def __init__(self, max_name_size: int = MAX_NAME_SIZE, counters: Counters | None = None) -> None:
        self.counters = counters or Counters()
        self.phase = Phase.NEW
        self.version: str | None = None
        self.modern = False
        # Dicts for sets: while nothing is open, as mostly, they take a third of the memory.
        self.listening: dict[RequestId, None] = {}
        self.inbound: dict[RequestId, RequestId | None] = {}
        self.outbound: dict[RequestId, None] = {}
        self._max_name_size = max_name_size
        self._id_type: type | None = None
        # The type of ids that have no size to be checked, once all is initialised and there was one.
        self._common_id: type | None = None
        self._tokens: dict[RequestId, RequestId] = {}
        self._initialize: RequestId | None = None

    def from_client(self, message: Message) -> bool:
        """Whether what the client sent goes on to the server.

        :raises InvalidRequest: for a request that may not come now, or whose id or progress token is
            in use. What is in use is not disturbed.
        :raises InvalidParams: for one that does not name its protocol version and would have to.
        """
        if type(message) is Request:
            return self.requested(message)
        if type(message) is Notification:
            if message.method == CANCELLED:
                return self._count_drop(self._cancel(cancelled_id(message)))
            return True
        assert isinstance(message, (Result, Error))
        id = message.id
        if id not in self.outbound and id is not None:
            # Whoever asked sees to it that the type is as it has to be.
            id = alike(id)
        if id not in self.outbound:
            return self._count_drop(False)
        del self.outbound[id]
        return True

    def to_client(self, message: Message) -> bool:
        """Whether what the server sent goes on to the client."""
        if isinstance(message, (Result, Error)):
            return self.answered(message) is not None
        if type(message) is Notification:
            if message.method == PROGRESS:
                return self._count_drop(reported_token(message) in self._tokens)
            if message.method == CANCELLED:
                id = cancelled_id(message)
                if id in self.outbound:
                    del self.outbound[id]
                elif id in self.listening:
                    # A modern server ends a subscription so (MCP 2026-07-28, cancellation).
                    self._close(id)
                else:
                    return self._count_drop(False)
            return True
        assert type(message) is Request
        if message.id in self.outbound:
            return self._count_drop(False)
        self.outbound[message.id] = None
        return True

    def reported_by(self, token: RequestId | None) -> RequestId | None:
        """Id of the client's open request that gave this progress token; None for none."""
        return None if token is None else self._tokens.get(token)

    @property
    def busy(self) -> int:
        """Number of the client's requests that are to be answered soon: all but those that listen."""
        return len(self.inbound) - len(self.listening)

    def abandon(self) -> list[RequestId]:
        """Forget all that is open; returns the client's ids, which now need an error each."""
        left = list(self.inbound)
        if self._initialize is not None:
            self.phase = self.phase.initialize_answered(False)
        self.inbound.clear()
        self.listening.clear()
        self.outbound.clear()
        self._tokens.clear()
        self._initialize = None
        return left

    def requested(self, request: Request) -> bool:
        """`from_client` for a request."""
        id = request.id
        if id in self.inbound:
            raise InvalidRequest.in_use(id)
        meta = read_meta(request)
        method = request.method
        if meta is NO_META and type(id) is self._common_id and (method == _COMMON or method not in _UNCOMMON):
            self.inbound[id] = None
            return True
        token = meta.progress_token
        self._examine(request, meta)
        self.inbound[id] = token
        if token is not None:
            self._tokens[token] = id
        return True

    def _examine(self, request: Request, meta: RequestMeta) -> None:
        """All that may be wrong with, and changed by, a request that is not quite like the one before."""
        id, token, method, kind = request.id, meta.progress_token, request.method, type(request.id)
        self.check_size(request, token)
        if token is not None and token in self._tokens:
            raise InvalidRequest("Progress token in use", {"path": "$.params._meta.progressToken"}, id=id)
        if meta.protocol_version is not UNSET:
            self.modern = True
            if method == LISTEN:
                self.listening[id] = None
        else:
            self.phase = self.phase.permit(method, id)
            if method == INITIALIZE:
                self._initialize = id
        if kind is not self._id_type:
            # None before the first, and for ever `object` after one of another type.
            self._id_type = kind if self._id_type is None else object
        if kind is int and self.phase is _READY:
            self._common_id = int

    def check_size(self, request: Request, token: RequestId | None = None) -> None:
        """Raises InvalidRequest, and counts, if what a request is known by, and names, is too long."""
        limit = self._max_name_size
        id = request.id
        size = len(id.encode()) if isinstance(id, str) else 0
        if isinstance(token, str):
            size += len(token.encode())
        if request.method in _NAMING and request.params is not None:
            longest = memoryview(request.params).nbytes
            size += _size_of_names(request.params) if size + longest > limit else 0
        if size > limit:
            self.counters.too_long += 1
            reason = f"id, progress token, URI and name have more than {limit} bytes together"
            error = InvalidRequest("Invalid Request", {"reason": reason}, id=request.id)
            error.setting = "max_name_size"
            raise error

    def _cancel(self, id: RequestId | None) -> bool:
        # MCP: `initialize` must not be cancelled.
        if id is None or id not in self.inbound or id == self._initialize:
            return False
        self._close(id)
        return True

    def answered(self, answer: Answer) -> Answer | None:
        """`to_client` for an answer: the one that goes on, None if it belongs to no request.

        A server that does not keep the type of ids is understood, as long as the client has used only ids of one type.
        """
        id = answer.id
        if id is None:
            return answer
        token = self.inbound.pop(id, UNSET)
        if token is UNSET:
            other = alike(id)
            if other in self.inbound and type(other) is self._id_type:
                assert other is not None
                return self.answered(with_id(answer, other))
            self.counters.dropped += 1
            return None
        if token is not None or self.listening:
            self._closed(id, token)
        if self._initialize is not None and id == self._initialize:
            self._initialize = None
            self.phase = self.phase.initialize_answered(type(answer) is Result)
            self.version = _version(answer)
        return answer

    def _close(self, id: RequestId) -> None:
        self._closed(id, self.inbound.pop(id))

    def _closed(self, id: RequestId, token: RequestId | None) -> None:
        self.listening.pop(id, None)
        if token is not None:
            del self._tokens[token]

    def _count_drop(self, passes: bool) -> bool:
        if not passes:
            self.counters.dropped += 1
        return passes


def _version(answer: Answer) -> str | None:
    """The protocol version that an answer to `initialize` settles on."""
    try:
        return _read_version(answer.result).protocol_version if isinstance(answer, Result) else None
    except ValueError:
        return None
