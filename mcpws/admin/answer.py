"""Answers that these pages have in common: texts that nobody keeps, for those who only read."""

from __future__ import annotations

from twisted.web.resource import Resource
from twisted.web.server import Request

TEXT = "text/plain; charset=utf-8"
READS = (b"GET", b"HEAD")


class ReadOnly(Resource):
    """A page that has one text, which `render_GET` gives."""

    isLeaf = True

    def render(self, request: Request) -> bytes | int:
        # Not Twisted's own refusal of other methods, which is a page of HTML.
        if request.method not in READS:
            request.setResponseCode(405)
            request.setHeader("allow", "GET, HEAD")
            return self.text(request, TEXT, b"405 Method Not Allowed: use GET\n")
        answer: bytes | int = super().render(request)
        return answer

    def text(self, request: Request, kind: str, text: bytes) -> bytes:
        """The whole of an answer, with its headers set."""
        request.setHeader("content-type", kind)
        request.setHeader("content-length", str(len(text)))
        request.setHeader("cache-control", "no-store")
        request.setHeader("x-content-type-options", "nosniff")
        return text
