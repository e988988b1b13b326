"""A function as a tool (MCP 2025-11-25, tools)."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from mcpws.backends.app.modelled import arguments_of
from mcpws.backends.app.places import ON_REACTOR, Where
from mcpws.backends.app.results import results_of
from mcpws.backends.app.signature import Function, Signature
from mcpws.errors import ConfigError, McpwsError
from mcpws.jsonrpc.messages import to_raw
from mcpws.mcp.content import Text, ToolAnnotations, ToolResult
from mcpws.turns.timing import Timing

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")


class _Definition(Struct, frozen=True, omit_defaults=True, rename="camel"):
    name: str
    input_schema: dict[str, Any]
    title: str | None = None
    description: str | None = None
    output_schema: dict[str, Any] | None = None
    annotations: ToolAnnotations | None = None


class Tool:
    """`function` with its schemas.

    :raises ConfigError: a name that MCP does not have, or a type that JSON cannot stand for.
    """

    def __init__(
        self,
        function: Function,
        where: Where = ON_REACTOR,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        annotations: ToolAnnotations | None = None,
    ) -> None:
        self.signature = Signature(function, "tool", where)
        self.name = self.signature.name if name is None else name
        self.signature.role = f"tool {self.name}"
        if not _NAME.fullmatch(self.name):
            raise ConfigError("tool", self.name, "a name has 1 to 128 letters, digits, dots, dashes and underscores")
        self.arguments = arguments_of(self.signature)
        self.result, output_schema = results_of(self.signature)
        self.timing: Timing | None = None
        """Where its calls are counted, if somebody wants to know."""
        self.definition = to_raw(
            _Definition(
                name=self.name,
                input_schema=self.arguments.schema,
                title=title,
                description=self.signature.description if description is None else description,
                output_schema=output_schema,
                annotations=annotations,
            )
        )


def failed(error: McpwsError) -> ToolResult:
    """Result that has the model read `error`."""
    # File names, often part of it, may hold what UTF-8 cannot.
    return ToolResult([Text(str(error).encode(errors="backslashreplace").decode())], is_error=True)
