"""The state of a server as its status page tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from msgspec import Raw

from mcpws.cli.options import Remote, decoded
from mcpws.client.session import Session
from mcpws.errors import ConnectFailed, HandshakeRefused, McpwsError, RemoteError

if TYPE_CHECKING:
    from mcpws.admin.status import StatusReport

STATUS_PATH = "/status"
STATUS = "mcpws://status"

_NOT_FOUND = 404


def status_url(url: str) -> str:
    """`url`, with the path of the status page if it has none."""
    parts = urlsplit(url)
    return url if parts.path not in ("", "/") else parts._replace(path=STATUS_PATH).geturl()


async def read_status(session: Session, remote: Remote) -> Raw:
    """The state now, as JSON; raises McpwsError."""
    try:
        contents = await session.read_resource(STATUS, timeout=remote.timeout)
    except RemoteError as error:
        raise McpwsError(
            f"{remote.target.shown} is no status page of mcpws, which is at {STATUS_PATH}: {error}"
        ) from error
    return Raw("".join(one.text or "" for one in contents).encode(errors="replace"))


async def report_of(session: Session, remote: Remote) -> StatusReport:
    """The state now; raises McpwsError."""
    # Not earlier: no other command needs it, nor the help of this one.
    from mcpws.admin.status import StatusReport

    return decoded(await read_status(session, remote), StatusReport)


def without_page(remote: Remote, error: HandshakeRefused) -> McpwsError:
    """What to say of a server that refuses: of one that has nothing at this path, why that may be."""
    if error.status != _NOT_FOUND:
        return error
    problem = f"nothing is served at this path: HTTP {error.status} (it is no mcpws, or one with --status off)"
    return ConnectFailed(remote.target.shown, problem)
