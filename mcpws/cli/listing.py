"""The tools of a server, as a list for people."""

from __future__ import annotations

from typing import Any, TypeVar

from msgspec import Raw, Struct
from twisted.logger import Logger

from mcpws.cli.report import printable
from mcpws.client.session import Session
from mcpws.core.surrogates import read_as
from mcpws.errors import McpwsError

log = Logger()

MAX_PAGES = 1000
"""Of the list. A server that always has one more does not keep us for ever."""

T = TypeVar("T")


class _Page(Struct):
    tools: list[Raw]
    nextCursor: str | None = None


class _Tool(Struct):
    name: str
    description: str | None = None
    inputSchema: dict[str, Any] | None = None


async def list_tools(session: Session, timeout: float | None) -> list[Raw]:
    """All tools, whatever number of pages they come in. A list that goes round in a circle ends with a warning.

    :param timeout: seconds for each page.
    :raises McpwsError: as `Session.request` does, or because what comes is no list or has no end.
    """
    found: list[Raw] = []
    cursor: str | None = None
    cursors: set[str] = set()
    for _ in range(MAX_PAGES):
        params = {} if cursor is None else {"cursor": cursor}
        page = decoded(await session.request("tools/list", params, timeout=timeout, type=Raw), _Page)
        found += page.tools
        cursor = page.nextCursor
        if cursor is None:
            return found
        if cursor in cursors:
            log.warn("the list of tools goes round in a circle: the server has given a cursor twice")
            return list({bytes(tool): tool for tool in found}.values())
        cursors.add(cursor)
    raise McpwsError(f"the list of tools has more than {MAX_PAGES} pages")


def described(raw: Raw) -> str:
    """`name(a: integer, b?)`, and below it the first line of what it does; raises McpwsError if `raw` is no tool."""
    tool = decoded(raw, _Tool)
    accepted = tool.inputSchema or {}
    properties = accepted.get("properties")
    required = accepted.get("required")
    arguments = ", ".join(
        name + ("" if isinstance(required, list) and name in required else "?") + _type_of(schema)
        for name, schema in (properties.items() if isinstance(properties, dict) else ())
    )
    summary = next((line.strip() for line in (tool.description or "").splitlines() if line.strip()), "")
    return printable(f"{tool.name}({arguments})") + (f"\n    {printable(summary)}" if summary else "")


def decoded(raw: Raw, type: type[T]) -> T:
    """What the server sent as a `type`; raises McpwsError if it is none."""
    try:
        return read_as(type, raw)
    except (ValueError, RecursionError) as error:
        raise McpwsError(f"the server's answer is malformed: {error}") from error


def _type_of(schema: Any) -> str:
    type = schema.get("type") if isinstance(schema, dict) else None
    return f": {type}" if isinstance(type, str) else ""
