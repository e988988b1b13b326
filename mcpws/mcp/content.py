"""Content that MCP carries for models and people, as frozen values (MCP 2025-11-25, schema).

They are written as the schema wants them, and can be read back with `msgspec.json.decode(..., type=...)`.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from msgspec import Struct, field

from mcpws.jsonrpc.messages import Finite

Role: TypeAlias = Literal["user", "assistant"]
Action: TypeAlias = Literal["accept", "decline", "cancel"]
FormValue: TypeAlias = str | int | float | bool | list[str]


class Implementation(Struct, frozen=True, omit_defaults=True):
    """Name and version of a client or a server."""

    name: str
    version: str
    title: str | None = None


class Annotations(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Hints for the client: for whom, how important (0 to 1), last changed when (ISO 8601)."""

    audience: tuple[Role, ...] | None = None
    priority: float | None = None
    last_modified: str | None = None


class ToolAnnotations(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Hints on what a tool does; None leaves the client to the schema's default."""

    title: str | None = None
    read_only_hint: bool | None = None
    destructive_hint: bool | None = None
    idempotent_hint: bool | None = None
    open_world_hint: bool | None = None


class Block(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel", tag_field="type"):
    """Base of all content."""

    annotations: Annotations | None = None
    meta: dict[str, Any] | None = field(name="_meta", default=None)


class Text(Block, frozen=True, tag="text"):
    """Plain text."""

    text: str


class Image(Block, frozen=True, tag="image"):
    """A picture: its bytes, which travel as base64, and a MIME type like `image/png`."""

    data: bytes
    mime_type: str


class Audio(Block, frozen=True, tag="audio"):
    """A sound: its bytes, which travel as base64, and a MIME type like `audio/wav`."""

    data: bytes
    mime_type: str


class ResourceLink(Block, frozen=True, tag="resource_link"):
    """Points to a resource that the client may read; it need not be listed. `size` is in bytes."""

    uri: str
    name: str
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None
    size: int | None = None


class ResourceContents(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """Contents of the resource `uri`: either `text`, or bytes as `blob`.

    :raises ValueError: neither or both are given.
    """

    uri: str
    text: str | None = None
    blob: bytes | None = None
    mime_type: str | None = None

    def __post_init__(self) -> None:
        if (self.text is None) is (self.blob is None):
            raise ValueError(f"{self.uri}: a resource has either a text or a blob")


class EmbeddedResource(Block, frozen=True, tag="resource"):
    """A resource with its contents."""

    resource: ResourceContents


Content: TypeAlias = Text | Image | Audio | ResourceLink | EmbeddedResource


class PromptMessage(Struct, frozen=True):
    """A message of a prompt, or for a model to answer."""

    role: Role
    content: Content


class ToolResult(Finite, frozen=True, omit_defaults=True):
    """All that a tool can answer: content for the model, a JSON object as `structured`, and whether it failed."""

    content: list[Content]
    structured: Any = field(name="structuredContent", default=None)
    is_error: bool = field(name="isError", default=False)
    meta: dict[str, Any] | None = field(name="_meta", default=None)


class CreateMessageResult(Struct, frozen=True, rename="camel"):
    """Answer of the client's model. `stop_reason` is mostly endTurn, stopSequence or maxTokens."""

    role: Role
    content: Text | Image | Audio | list[Text | Image | Audio]
    model: str
    stop_reason: str | None = None

    @property
    def text(self) -> str:
        """All text of the answer."""
        blocks = self.content if isinstance(self.content, list) else [self.content]
        return "".join(block.text for block in blocks if isinstance(block, Text))


class ElicitResult(Struct, frozen=True):
    """Answer of the user; with `accept`, `content` has the values of the form."""

    action: Action
    content: dict[str, FormValue] | None = None


class Root(Struct, frozen=True):
    """A directory or file, as `file://` URI, that the user opened to the server."""

    uri: str
    name: str | None = None
