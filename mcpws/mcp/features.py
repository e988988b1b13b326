"""Descriptions of what servers offer (MCP 2025-11-25, schema)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct, field

from mcpws.mcp.content import Annotations, PromptMessage, ToolAnnotations


class _Described(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """Base of descriptions: `name` is for programs, `title` and `description` are for people and models."""

    name: str
    title: str | None = None
    description: str | None = None
    meta: dict[str, Any] | None = field(name="_meta", default=None)


class Tool(_Described, frozen=True, kw_only=True):
    """A tool. The schemas are JSON Schemas of its arguments and of its structured result, the latter if it has one."""

    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None = None
    annotations: ToolAnnotations | None = None


class Resource(_Described, frozen=True, kw_only=True):
    """A resource, which its `uri` reads; `size` is in bytes."""

    uri: str
    mime_type: str | None = None
    size: int | None = None
    annotations: Annotations | None = None


class ResourceTemplate(_Described, frozen=True, kw_only=True):
    """A kind of resources: whoever fills the template in (RFC 6570) has the URI of one."""

    uri_template: str
    mime_type: str | None = None
    annotations: Annotations | None = None


class PromptArgument(_Described, frozen=True, kw_only=True):
    """An argument of a prompt: a string."""

    required: bool = False


class Prompt(_Described, frozen=True, kw_only=True):
    """A prompt, and the arguments that it takes."""

    arguments: tuple[PromptArgument, ...] = ()


class PromptResult(Struct, frozen=True):
    """A prompt with its arguments filled in: messages to begin a conversation with."""

    messages: list[PromptMessage]
    description: str | None = None


class Completion(Struct, frozen=True, rename="camel"):
    """Values that something typed can become: at most 100, of `total` if the server told how many there are."""

    values: list[str]
    total: int | None = None
    has_more: bool = False
