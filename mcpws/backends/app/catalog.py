"""All that an App offers to its clients."""

from __future__ import annotations

from typing import Any

from mcpws.backends.app.prompts import Completion, Prompt
from mcpws.backends.app.registry import Registry
from mcpws.backends.app.resources import Resource
from mcpws.backends.app.tools import Tool
from mcpws.backends.app.uri import canonical
from mcpws.mcp.content import Implementation


class Catalog:
    """All registered functions, by kind; the same for all clients.

    Completions are kept by the prompt's name or the template, in its canonical form, and the argument.
    """

    def __init__(self, info: Implementation, instructions: str | None, page_size: int) -> None:
        self.info = info
        self.instructions = instructions
        self.tools: Registry[Tool] = Registry("tool", page_size)
        self.resources: Registry[Resource] = Registry("resource", page_size)
        self.templates: Registry[Resource] = Registry("resource template", page_size)
        self.prompts: Registry[Prompt] = Registry("prompt", page_size)
        self.completions: dict[tuple[str, str], Completion] = {}

    def summary(self) -> str:
        """Summary in a line for people: `calculator 1.0: 3 tools, 1 prompt`."""
        kinds = (
            (self.tools, "tool"),
            (self.resources, "resource"),
            (self.templates, "template"),
            (self.prompts, "prompt"),
        )
        counted = [(len(registry), kind) for registry, kind in kinds]
        told = [f"{count} {kind}{'' if count == 1 else 's'}" for count, kind in counted if count]
        return f"{self.info.name} {self.info.version}: {', '.join(told) or 'nothing yet'}"

    def capabilities(self) -> dict[str, Any]:
        """Capabilities to tell a client now (MCP 2025-11-25, ServerCapabilities)."""
        capabilities: dict[str, Any] = {"logging": {}}
        if self.tools:
            capabilities["tools"] = {"listChanged": True}
        if self.resources or self.templates:
            capabilities["resources"] = {"listChanged": True, "subscribe": True}
        if self.prompts:
            capabilities["prompts"] = {"listChanged": True}
        if self.completions:
            capabilities["completions"] = {}
        return capabilities

    def add_resource(self, resource: Resource) -> None:
        """Add it where it belongs; ConfigError if its URI is taken."""
        (self.templates if resource.is_template else self.resources).add(resource.uri, resource)

    def remove_resource(self, uri: str) -> None:
        """Take away what has exactly this URI or template; ConfigError if nothing has."""
        uri = canonical(uri)
        templates = self.templates.get(uri) is not None
        (self.templates if templates else self.resources).remove(uri)

    def has_reference(self, uri: str) -> bool:
        """Whether a template is, or a resource has, exactly `uri`."""
        uri = canonical(uri)
        return self.templates.get(uri) is not None or self.resources.get(uri) is not None

    def find_resource(self, uri: str) -> tuple[Resource, dict[str, str]] | None:
        """The resource that `uri` leads to, else the first template that matches, with the values of its variables."""
        uri = canonical(uri)
        resource = self.resources.get(uri)
        if resource is not None:
            return resource, {}
        for template in self.templates:
            values = template.template.match_canonical(uri)
            if values is not None:
                return template, values
        return None
