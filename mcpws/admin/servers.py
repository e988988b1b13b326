"""`/servers`: the servers of a port, for whoever looks for one, as JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct
from twisted.web.server import Request

from mcpws.admin.answer import TEXT, ReadOnly
from mcpws.admin.together import Part
from mcpws.seam.interfaces import unready_reason

SERVERS_PATH = "/servers"
"""Of the list; below it each server has its name."""


def path_of(name: str) -> str:
    """The path of the server with this name."""
    return f"{SERVERS_PATH}/{name}"


class Listed(Struct, frozen=True):
    """One server: where its WebSockets are, and whether it can be served now.

    Why it cannot be is for those who run it: the reason may name what is on their machine.
    """

    name: str
    path: str
    ready: bool


class Servers(ReadOnly):
    """The list; below it nothing is a page.

    :param parts: the servers that there are now.
    """

    def __init__(self, parts: Callable[[], Sequence[Part]]) -> None:
        super().__init__()
        self._parts = parts

    def render_GET(self, request: Request) -> bytes:
        below = b"/".join(request.postpath or ()).decode(errors="replace")
        if not below:
            listed = [Listed(one.name, one.path, unready_reason(one.backend) is None) for one in self._parts()]
            text = msgspec.json.format(msgspec.json.encode({"servers": listed}), indent=2) + b"\n"
            return self.text(request, "application/json", text)
        if any(below == one.name for one in self._parts()):
            request.setResponseCode(426, b"Upgrade Required")
            request.setHeader("upgrade", "websocket")
            return self.text(request, TEXT, b"426 Upgrade Required: connect with a WebSocket client\n")
        request.setResponseCode(404)
        return self.text(request, TEXT, f"404 Not Found: {SERVERS_PATH} lists the servers that there are\n".encode())
