"""The commands that list what a server offers: tools, resources, prompts."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from typing import Any

import click
import msgspec
from msgspec import Raw, Struct, field
from twisted.internet.defer import Deferred

from mcpws.cli.options import Remote, connecting, decoded, era_option, formatted, show
from mcpws.cli.report import printable
from mcpws.cli.running import with_session
from mcpws.cli.schema import Reader
from mcpws.cli.style import bold, is_terminal, say
from mcpws.client.opening import Era
from mcpws.client.pages import all_pages
from mcpws.client.session import Session
from mcpws.errors import MethodNotFound, RemoteError
from mcpws.mcp.methods import PROMPTS_LIST, RESOURCES_LIST, TEMPLATES_LIST, TOOLS_LIST

whole_option = click.option(
    "--json", "as_json", is_flag=True, help="Print the whole descriptions, as a JSON array in one line."
)


class _Tool(Struct):
    """Members of a description that are read; servers need not be as strict as MCP is."""

    name: str
    description: str | None = None
    inputSchema: Any = None


class _Argument(Struct):
    name: str
    required: bool = False


class _Prompt(Struct):
    name: str
    description: str | None = None
    arguments: list[_Argument] | None = None


class _Resource(Struct):
    uri: str = ""
    template: str = field(name="uriTemplate", default="")
    description: str | None = None
    mime_type: str | None = field(name="mimeType", default=None)


@click.command(short_help="List the tools of a server.")
@connecting
@whole_option
@era_option
def tools(remote: Remote, as_json: bool, era: Era) -> None:
    """List the tools of the server at URL: name, arguments with their types, and the first line of the description.

    Optional arguments have a question mark, or a default.
    """
    found = with_session(remote, lambda session: _all(session, TOOLS_LIST, "tools", remote.timeout), era)
    _show(found, as_json, tool_entry, "tools")


@click.command(short_help="List the resources of a server.")
@connecting
@whole_option
@era_option
def resources(remote: Remote, as_json: bool, era: Era) -> None:
    """List the resources of the server at URL, and its templates for more: URI, MIME type, and what is there."""

    async def both(session: Session) -> list[Raw]:
        found = await _all(session, RESOURCES_LIST, "resources", remote.timeout)
        try:
            return found + await _all(session, TEMPLATES_LIST, "resourceTemplates", remote.timeout)
        except RemoteError as error:
            if error.code != MethodNotFound.code:
                raise
            return found

    _show(with_session(remote, both, era), as_json, resource_entry, "resources")


@click.command(short_help="List the prompts of a server.")
@connecting
@whole_option
@era_option
def prompts(remote: Remote, as_json: bool, era: Era) -> None:
    """List the prompts of the server at URL: name, arguments, and the first line of the description."""
    found = with_session(remote, lambda session: _all(session, PROMPTS_LIST, "prompts", remote.timeout), era)
    _show(found, as_json, prompt_entry, "prompts")


async def schema_of(session: Session, tool: str, timeout: float | None) -> Any:
    """The schema of the arguments of a tool; None of one that is not listed, about which the server has the word."""
    for raw in await _all(session, TOOLS_LIST, "tools", timeout):
        found = decoded(raw, _Tool)
        if found.name == tool:
            return found.inputSchema
    return None


class Entry(Struct, frozen=True):
    """Something that is listed: what it is called, the arguments that it takes, what there is to know of it."""

    name: str
    arguments: list[str] | None = None
    kind: str | None = None
    about: str | None = None

    def written(self, width: int | None = None) -> str:
        """`name(a: integer, b?)`, and below it the first line of what it does; on several lines if `width` asks so."""
        name = printable(self.name)
        arguments = [printable(one) for one in self.arguments or ()]
        head = name if self.arguments is None else f"{name}({', '.join(arguments)})"
        if width is not None and len(head) > width and arguments:
            head = "".join([f"{name}(\n", *(f"    {one},\n" for one in arguments), ")"])
        head = bold(name) + head.removeprefix(name) + (f"  {printable(self.kind)}" if self.kind else "")
        lines = (line.strip() for line in (self.about or "").splitlines())
        summary = next(filter(None, lines), "")
        return f"{head}\n    {printable(summary)}" if summary else head


def tool_entry(raw: Raw) -> Entry:
    """Raises McpwsError if `raw` is no tool."""
    tool = decoded(raw, _Tool)
    reader = Reader(tool.inputSchema)
    return Entry(tool.name, [reader.argument(*one) for one in reader.members()], about=tool.description)


def prompt_entry(raw: Raw) -> Entry:
    """Raises McpwsError if `raw` is no prompt."""
    prompt = decoded(raw, _Prompt)
    arguments = [one.name + ("" if one.required else "?") for one in prompt.arguments or ()]
    return Entry(prompt.name, arguments, about=prompt.description)


def resource_entry(raw: Raw) -> Entry:
    """Raises McpwsError if `raw` is neither a resource nor a template."""
    resource = decoded(raw, _Resource)
    return Entry(resource.uri or resource.template, kind=resource.mime_type, about=resource.description)


def _all(session: Session, method: str, key: str, timeout: float | None) -> Deferred[list[Raw]]:
    """A whole list, as it is written."""

    def ask(params: dict[str, Any], page: Any) -> Deferred[Any]:
        return session.request(method, params, timeout=timeout, type=page)

    return Deferred.fromCoroutine(all_pages(method, key, Raw, ask))


def _show(found: list[Raw], as_json: bool, entry: Callable[[Raw], Entry], what: str) -> None:
    if as_json:
        show(formatted(msgspec.json.encode(found), -1))
        return
    width = shutil.get_terminal_size().columns if is_terminal(sys.stdout) else None
    for one in found:
        show(entry(one).written(width))
    if not found:
        say(f"mcpws: the server has no {what}")
