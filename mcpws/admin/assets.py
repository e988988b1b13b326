"""`/status` and its parts: the page in which those who run a server see it live, as files of this package."""

from __future__ import annotations

from importlib.resources import files

from twisted.web.server import Request

from mcpws.admin.answer import TEXT, ReadOnly

PAGE = "status.html"
PARTS = (
    "theme.css",
    "status.css",
    "plots.css",
    "tables.css",
    "columns.css",
    "status.js",
    "feed.js",
    "format.js",
    "history.js",
    "plot.js",
    "table.js",
)
"""What the page loads, each by this name below its path."""

KINDS = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
}

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""What a browser may load for the page (Content Security Policy): what is served here, and nothing that is written in
the page itself. A name that a client gave itself does nothing there, even if it became markup."""


class Assets(ReadOnly):
    """The page, and its PARTS below it; nothing else is there.

    All is read once, when this is made: a page fits the server that serves it, though its files are replaced meanwhile.
    """

    def __init__(self) -> None:
        super().__init__()
        folder = files("mcpws.admin") / "page"
        by_name = {name: (_kind(name), (folder / name).read_bytes()) for name in (PAGE, *PARTS)}
        self._by_path: dict[tuple[bytes, ...], tuple[str, bytes]] = {(name.encode(),): by_name[name] for name in PARTS}
        self._by_path[()] = self._by_path[(b"",)] = by_name[PAGE]

    def render_GET(self, request: Request) -> bytes:
        found = self._by_path.get(tuple(request.postpath or ()))
        if found is None:
            request.setResponseCode(404)
            return self.text(request, TEXT, b"404 Not Found: the page has no such part\n")
        return self.text(request, *found)

    def text(self, request: Request, kind: str, text: bytes) -> bytes:
        request.setHeader("content-security-policy", POLICY)
        request.setHeader("referrer-policy", "no-referrer")
        return super().text(request, kind, text)


def _kind(name: str) -> str:
    return KINDS[name.rpartition(".")[2]]
