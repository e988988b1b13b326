"""The commands that read a resource, and fill in a prompt."""

from __future__ import annotations

import sys
from binascii import Error, a2b_base64
from typing import Any

import click
from msgspec import Struct

from mcpws.cli.arguments import Arguments
from mcpws.cli.calling import ask, json_option, quiet_option
from mcpws.cli.completion import complete_prompt, complete_resource
from mcpws.cli.options import Remote, connecting, decoded, era_option, formatted, show
from mcpws.cli.report import printable
from mcpws.cli.said import Block, parted, safe
from mcpws.cli.style import bold, say
from mcpws.client.opening import Era
from mcpws.client.session import Session
from mcpws.errors import McpwsError
from mcpws.mcp.methods import PROMPTS_GET, RESOURCES_READ


class _Part(Struct):
    text: str | None = None
    blob: str | None = None


class _Contents(Struct):
    contents: list[_Part]


class _Message(Struct):
    role: str
    content: Block


class _Messages(Struct):
    messages: list[_Message]


@click.command(short_help="Read a resource.")
@connecting
@click.argument("uri", shell_complete=complete_resource)
@json_option
@quiet_option
@era_option
def read(remote: Remote, uri: str, as_json: bool, quiet: bool, era: Era) -> None:
    """Read the resource URI of the server at URL, and print what is in it: text, or bytes as they are.

    \b
    mcpws read 8082 mcpws://statistics
    """

    async def given(session: Session) -> dict[str, Any]:
        return {"uri": uri}

    result = ask(remote, RESOURCES_READ, given, quiet, era)
    if as_json:
        show(formatted(result, -1))
        return
    for part in decoded(result, _Contents).contents:
        if part.text is not None:
            show(safe(part.text, sys.stdout))
        elif part.blob is not None:
            _show_bytes(part.blob)


@click.command(short_help="Fill in a prompt and print its messages.")
@connecting
@click.argument("name", shell_complete=complete_prompt)
@click.argument("arguments", metavar="[JSON] [NAME=VALUE]...", nargs=-1)
@json_option
@quiet_option
@era_option
def prompt(remote: Remote, name: str, arguments: tuple[str, ...], as_json: bool, quiet: bool, era: Era) -> None:
    """Fill in the prompt NAME of the server at URL with these arguments, and print its messages.

    \b
    mcpws prompt 8082 greet name=Ann
    """
    typed = Arguments(arguments).as_text()

    async def given(session: Session) -> dict[str, Any]:
        return {"name": name, "arguments": typed}

    result = ask(remote, PROMPTS_GET, given, quiet, era)
    if as_json:
        show(formatted(result, -1))
        return
    for message in decoded(result, _Messages).messages:
        texts, others = parted([message.content])
        for text in texts:
            show(bold(f"{printable(message.role)}: "), newline=False)
            show(safe(text, sys.stdout))
        for other in others:
            say(f"{printable(message.role)}: {other}")


def _show_bytes(blob: str) -> None:
    """Raises McpwsError on a terminal, which bytes would put out of order."""
    try:
        data = a2b_base64(blob, strict_mode=True)
    except Error as error:
        raise McpwsError(f"the server's answer is malformed: $.contents[...].blob: {error}") from error
    if sys.stdout.isatty():
        raise McpwsError(f"{len(data)} bytes are not for a terminal: redirect them to a file, or use --json")
    show(data, newline=False)
