"""Lists that come in pages (MCP 2025-11-25, pagination)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from mcpws.errors import MalformedResult
from mcpws.jsonrpc.messages import to_raw

log = Logger()

MAX_PAGES = 1000
"""Of a list. A server that always has one more does not keep a client for ever."""

T = TypeVar("T")

Ask = Callable[[dict[str, Any], Any], Deferred[Any]]
"""Asks for a page: takes the parameters of the request, and the type to decode its result as."""


async def all_pages(method: str, key: str, type: type[T], ask: Ask) -> list[T]:
    """The whole list, whatever number of pages it comes in.

    A list that goes round in a circle ends where it has come round, with a warning, and has nothing twice.

    :param method: what is asked, for error messages.
    :param key: the member of each page that has a part of the list.
    :param type: of what is in the list.
    :raises McpwsError: as `ask` fails; MalformedResult for a list without an end.
    """
    found: list[T] = []
    cursors: set[str] = set()
    params: dict[str, Any] = {}
    as_page = _page(key, type)
    for _ in range(MAX_PAGES):
        page = await ask(params, as_page)
        found += page.items
        if page.cursor is None:
            return found
        if page.cursor in cursors:
            log.warn("{method}: the list goes round in a circle, a cursor came twice", method=method)
            return list({bytes(to_raw(item)): item for item in found}.values())
        cursors.add(page.cursor)
        params = {"cursor": page.cursor}
    raise MalformedResult(method, f"the list has more than {MAX_PAGES} pages")


def _page(key: str, type: Any) -> Any:
    items = msgspec.field(name=key)
    cursor = msgspec.field(name="nextCursor", default=None)
    return msgspec.defstruct("Page", [("items", list[type], items), ("cursor", str | None, cursor)])
