"""`/playground`: a page that is a client of this server, for whoever wants to try it by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
from twisted.web.server import Request

from mcpws.admin.assets import PLAYGROUND, Assets
from mcpws.admin.together import Part

PATHS = (b"paths.json",)
"""Below the page: where there is something to try, as JSON."""


class Playground(Assets):
    """The page and its parts, and the paths of the WebSockets of this port.

    The page connects to the first of them, and offers the others.

    :param paths: of the server itself.
    :param parts: the servers that are at further paths now.
    """

    def __init__(self, paths: Sequence[str], parts: Callable[[], Sequence[Part]]) -> None:
        super().__init__(PLAYGROUND)
        self._paths = tuple(paths)
        self._parts = parts

    def render_GET(self, request: Request) -> bytes:
        if tuple(request.postpath or ()) != PATHS:
            return super().render_GET(request)
        paths = [*self._paths, *(part.path for part in self._parts())]
        return self.text(request, "application/json", msgspec.json.encode({"paths": paths}) + b"\n")
