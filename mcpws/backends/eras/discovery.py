"""Which era a server is of, as `server/discover` tells it (MCP 2026-07-28, stdio, backward compatibility)."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import TypeAlias

from msgspec import Raw, Struct, UnsetType
from twisted.internet.interfaces import IDelayedCall, IReactorTime

from mcpws.errors import UnsupportedProtocol
from mcpws.jsonrpc.messages import Answer, Error, Message, Request, Result, to_raw
from mcpws.jsonrpc.nulls import null_as_none
from mcpws.jsonrpc.surrogates import reader
from mcpws.mcp.meta import CLIENT_CAPABILITIES, CLIENT_INFO, PROTOCOL_VERSION
from mcpws.mcp.methods import DISCOVER
from mcpws.mcp.schema import OURSELVES, DiscoverResult
from mcpws.mcp.versions import LEGACY_VERSIONS, MODERN_VERSIONS

Discovery: TypeAlias = DiscoverResult[Raw, dict[str, Raw]]
"""Result of `server/discover`, of which nothing is decoded that is only passed on."""


class _Unsupported(Struct, gc=False):
    supported: tuple[str, ...] = ()


_read_discovery = null_as_none(Discovery)
_read_unsupported = reader(_Unsupported)


def read_discovery(answer: Answer) -> Discovery | None:
    """The DiscoverResult that answers `server/discover`; None if it is none, or names no modern version."""
    if not isinstance(answer, Result):
        return None
    try:
        discovery = _read_discovery(answer.result)
    except ValueError:
        return None
    return discovery if _is_modern(discovery.supported_versions) else None


def tells_modern(answer: Answer) -> bool:
    """Whether the answer to `server/discover` can only be a modern server's."""
    if not isinstance(answer, Error):
        return read_discovery(answer) is not None
    if answer.error.code != UnsupportedProtocol.code:
        return False
    data = answer.error.data
    try:
        supported = () if isinstance(data, UnsetType) else _read_unsupported(data).supported
    except ValueError:
        supported = ()
    return not supported or _is_modern(supported)


def _is_modern(supported: Sequence[str]) -> bool:
    """Some servers answer `server/discover`, and then name only versions that begin with `initialize`."""
    return any(version not in LEGACY_VERSIONS for version in supported)


class Probe:
    """Asks a server `server/discover`; `begin` does, once whoever gets the answer can give it to `take`.

    :param send: takes the request. No client can know its id, so it is in nobody's way.
    :param timeout: seconds for the answer.
    :param done: called with the answer, or with None when the time is up; then once more if it comes after all.
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        clock: IReactorTime,
        timeout: float,
        done: Callable[[Answer | None], None],
    ) -> None:
        self._id = f"mcpws-{secrets.token_hex(8)}"
        self._send = send
        self._done = done
        self._timer: IDelayedCall | None = clock.callLater(timeout, self._time_is_up)

    def begin(self) -> None:
        """Ask."""
        meta = {PROTOCOL_VERSION: MODERN_VERSIONS[-1], CLIENT_INFO: OURSELVES, CLIENT_CAPABILITIES: {}}
        self._send(Request(self._id, DISCOVER, to_raw({"_meta": meta})))

    def take(self, message: Message) -> bool:
        """Whether this is the answer, and nobody else's business."""
        if not isinstance(message, (Result, Error)) or message.id != self._id:
            return False
        self.stop()
        self._done(message)
        return True

    def stop(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _time_is_up(self) -> None:
        self._timer = None
        self._done(None)
