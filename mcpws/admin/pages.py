"""The pages at their paths, and who may see which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
from twisted.web.server import NOT_DONE_YET, Request

from mcpws.admin.access import only_admins
from mcpws.admin.answer import ReadOnly
from mcpws.admin.assets import STATUS, Assets
from mcpws.admin.health import Health
from mcpws.admin.playground import Playground
from mcpws.admin.status import status_of
from mcpws.admin.view import PLAYGROUND_PATH, STATUS_PATH, View
from mcpws.http.page import Page

ANY_HOST = ("*",)


def admin_pages(view: View, token: str | None = None, tried: Sequence[str] = ()) -> Mapping[str, Page]:
    """All pages, for `ServerFactory(pages=)`.

    `/healthz` and `/readyz` say next to nothing, and that to everybody, under whatever name they are called.

    :param token: with which the others may be asked for from elsewhere; None to serve them to this machine alone.
    :param tried: paths of WebSockets that a page lets people try; without any there is no such page.
    """
    only_us = [only_admins(token)]
    pages = {
        "/healthz": Page(Health(lambda: None), hosts=ANY_HOST),
        "/readyz": Page(Health(view.unready), hosts=ANY_HOST),
        "/metrics": Page(_Snapshot(view, "text/plain; version=0.0.4; charset=utf-8", _metrics), only_us, ANY_HOST),
        STATUS_PATH: Page(Assets(STATUS), only_us, ANY_HOST),
        "/status.json": Page(_Snapshot(view, "application/json", _status), only_us, ANY_HOST),
    }
    if tried:
        pages[PLAYGROUND_PATH] = Page(Playground(tried, view.parts), only_us, ANY_HOST)
    return pages


class _Snapshot(ReadOnly):
    """A text of the state now.

    :param make: makes it of the view, and of the lag of the event loop in seconds.
    """

    def __init__(self, view: View, kind: str, make: Callable[[View, float], bytes]) -> None:
        super().__init__()
        self._view = view
        self._kind = kind
        self._make = make

    def render_GET(self, request: Request) -> int:
        gone: list[object] = []
        request.notifyFinish().addErrback(gone.append)

        def answer(lag: float) -> None:
            if not gone:
                text = self.text(request, self._kind, self._make(self._view, lag))
                if request.method != b"HEAD":
                    request.write(text)
                request.finish()

        self._view.lag().addCallback(answer).addErrback(request.processingFailed)
        return NOT_DONE_YET


def _metrics(view: View, lag: float) -> bytes:
    # What takes longest to import is not needed before somebody asks.
    from mcpws.admin.metrics import exposition

    return exposition(view, lag)


def _status(view: View, lag: float) -> bytes:
    return msgspec.json.format(msgspec.json.encode(status_of(view, lag)), indent=2) + b"\n"
