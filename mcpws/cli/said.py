"""Text of a tool's, a resource's or a prompt's result, for people and pipes."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import click
from msgspec import UNSET, Raw, Struct, UnsetType, field

from mcpws.cli.options import decoded, formatted, show
from mcpws.cli.report import printable
from mcpws.cli.style import say


class Block(Struct):
    """Members of a content block that are read (MCP 2025-11-25, tools, content)."""

    type: str = "text"
    text: str | None = None
    uri: str | None = None
    resource: dict[str, Any] | None = None
    mime_type: str | None = field(name="mimeType", default=None)
    data: str = ""


class _Said(Struct):
    content: list[Block] = []
    structured: Raw | UnsetType = field(name="structuredContent", default=UNSET)


def show_said(result: Raw, failed: bool) -> None:
    """Print the text of a tool's result, on standard error if it says that it failed.

    Structured content is printed where there is no text. What is neither is told of on standard error.
    """
    said = decoded(result, _Said)
    texts, others = parted(said.content)
    if not texts and not isinstance(said.structured, UnsetType):
        texts = [bytes(formatted(said.structured, 2)).decode()]
    for text in texts:
        if failed:
            click.echo(safe(text, sys.stderr), err=True)
        else:
            show(safe(text, sys.stdout))
    for other in others:
        say(other)


def parted(blocks: Iterable[Block]) -> tuple[list[str], list[str]]:
    """The texts among them, and a word on each of the others."""
    texts: list[str] = []
    others: list[str] = []
    for block in blocks:
        embedded = (block.resource or {}).get("text")
        if block.type == "text":
            texts.append(block.text or "")
        elif block.type == "resource_link" and block.uri is not None:
            texts.append(block.uri)
        elif isinstance(embedded, str):
            texts.append(embedded)
        else:
            kind = block.mime_type or (block.resource or {}).get("mimeType") or "of an unknown kind"
            others.append(printable(f"[{block.type}, {kind}: see it with --json]"))
    return texts, others


def safe(text: str, stream: Any) -> bytes:
    """`text` as it may go to `stream`: to a terminal in lines that do nothing to it, elsewhere as it is.

    In bytes, of which click leaves nothing out.
    """
    if stream.isatty():
        text = "\n".join(printable(line.replace("\t", "    ")) for line in text.split("\n"))
    return text.encode()
