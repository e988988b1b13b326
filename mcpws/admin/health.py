"""`/healthz` and `/readyz`, for whoever starts servers and sends clients to them, as Kubernetes does."""

from __future__ import annotations

from collections.abc import Callable

from twisted.web.server import Request

from mcpws.admin.answer import TEXT, ReadOnly

OK = "ok"


class Health(ReadOnly):
    """200 and `ok`, or 503 and why not.

    :param problem: says what is wrong now, in a line; None for nothing.
    """

    def __init__(self, problem: Callable[[], str | None]) -> None:
        super().__init__()
        self._problem = problem

    def render_GET(self, request: Request) -> bytes:
        problem = self._problem()
        if problem is not None:
            request.setResponseCode(503)
        return self.text(request, TEXT, f"{problem or OK}\n".encode())
