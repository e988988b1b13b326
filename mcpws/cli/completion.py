"""Completions for the shell that only the server knows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import click
from click.shell_completion import CompletionItem

from mcpws.cli.options import Remote
from mcpws.cli.running import with_session
from mcpws.client.session import Session
from mcpws.config import MIB
from mcpws.errors import McpwsError
from mcpws.ws.target import Target

SECONDS = 2.0
"""For the server to be reached and to answer: somebody has pressed Tab and waits."""

Found = Iterable[tuple[str, str | None]]


def _from_server(
    ask: Callable[[Session], Awaitable[Found]],
) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    def complete(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
        # Without the defaults, as the line is not whole yet.
        given = context.params
        if not isinstance(given.get("url"), str):
            return []
        try:
            target = Target(
                given["url"],
                headers=given.get("headers") or (),
                origin=given.get("origin"),
                subprotocols=given.get("subprotocols") or ("mcp",),
            )
            remote = Remote(target, SECONDS, given.get("max_message_size") or 16 * MIB)
            found = with_session(remote, ask, given.get("era") or "auto")
        except McpwsError:
            # There is no place to say so: the line that is being typed is all there is.
            return []
        return [CompletionItem(name, help=about) for name, about in found if name.startswith(incomplete)]

    return complete


async def _tools(session: Session) -> Found:
    return [(tool.name, tool.description) for tool in await session.list_tools(timeout=SECONDS)]


async def _prompts(session: Session) -> Found:
    return [(prompt.name, prompt.description) for prompt in await session.list_prompts(timeout=SECONDS)]


async def _resources(session: Session) -> Found:
    return [(resource.uri, resource.description) for resource in await session.list_resources(timeout=SECONDS)]


complete_tool = _from_server(_tools)
complete_prompt = _from_server(_prompts)
complete_resource = _from_server(_resources)
