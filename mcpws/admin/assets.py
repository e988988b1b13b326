"""Assets: `/status`, in which those who run a server see it live, and `/playground`, in which they try it, as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from twisted.web.server import Request

from mcpws.admin.answer import TEXT, ReadOnly

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
"""What a browser may load for a page (Content Security Policy): what is served here, and nothing that is written in
the page itself. A name that a client gave itself does nothing there, even if it became markup."""

SOUNDS = "media-src data:"
"""What a page may load besides that plays what tools answer with."""


@dataclass(frozen=True, slots=True)
class Site:
    """A page, and what it loads, each by the name of its file below its path.

    :param policy: the Content Security Policy that all of it is served with.
    """

    page: str
    parts: Sequence[str]
    policy: str = POLICY


STATUS = Site(
    "status.html",
    (
        "theme.css",
        "base.css",
        "status.css",
        "plots.css",
        "tables.css",
        "columns.css",
        "status.js",
        "codes.js",
        "feed.js",
        "rpc.js",
        "format.js",
        "history.js",
        "plot.js",
        "table.js",
    ),
)

PLAYGROUND = Site(
    "playground.html",
    (
        "theme.css",
        "base.css",
        "playground.css",
        "form.css",
        "result.css",
        "messages.css",
        "playground.js",
        "answer.js",
        "asking.js",
        "catalog.js",
        "check.js",
        "codes.js",
        "command.js",
        "completion.js",
        "content.js",
        "dom.js",
        "fields.js",
        "form.js",
        "groups.js",
        "item.js",
        "log.js",
        "messages.js",
        "rpc.js",
        "run.js",
        "schema.js",
        "session.js",
        "template.js",
        "tree.js",
    ),
    f"{POLICY}; {SOUNDS}",
)


class Assets(ReadOnly):
    """The files of a Site; nothing else is there.

    All is read once, when this is made: a page fits the server that serves it, though its files are replaced meanwhile.
    """

    def __init__(self, site: Site) -> None:
        super().__init__()
        folder = files("mcpws.admin") / "page"
        by_name = {name: (_kind(name), (folder / name).read_bytes()) for name in (site.page, *site.parts)}
        self._policy = site.policy
        self._by_path: dict[tuple[bytes, ...], tuple[str, bytes]] = {
            (name.encode(),): by_name[name] for name in site.parts
        }
        self._by_path[()] = self._by_path[(b"",)] = by_name[site.page]

    def render_GET(self, request: Request) -> bytes:
        found = self._by_path.get(tuple(request.postpath or ()))
        if found is None:
            request.setResponseCode(404)
            return self.text(request, TEXT, b"404 Not Found: the page has no such part\n")
        return self.text(request, *found)

    def text(self, request: Request, kind: str, text: bytes) -> bytes:
        request.setHeader("content-security-policy", self._policy)
        request.setHeader("referrer-policy", "no-referrer")
        return super().text(request, kind, text)


def _kind(name: str) -> str:
    return KINDS[name.rpartition(".")[2]]
