"""A function as a tool (MCP 2025-11-25, tools)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from types import NoneType, UnionType
from typing import Annotated, Any, Never, NoReturn, Union, get_args, get_origin

import msgspec
from msgspec import Raw, Struct

from mcpws.backends.app.arguments import Arguments, schema_of
from mcpws.backends.app.content import Block, Text, ToolAnnotations, ToolResult, as_content
from mcpws.backends.app.signature import MISSING, Function, Signature
from mcpws.core.messages import to_raw
from mcpws.errors import ConfigError, McpwsError

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,128}")
_UNTOLD = (MISSING, Any, object, str, None, NoneType, NoReturn, Never)


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
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        annotations: ToolAnnotations | None = None,
    ) -> None:
        self.signature = Signature(function)
        self.name = self.signature.name if name is None else name
        if not _NAME.fullmatch(self.name):
            raise ConfigError("tool", self.name, "a name has 1 to 128 letters, digits, dots, dashes and underscores")
        self.arguments = Arguments(self.signature)
        self.result, output_schema = _results(self.signature)
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
    """What the model is to read of `error`."""
    return ToolResult([Text(str(error))], is_error=True)


def _results(signature: Signature) -> tuple[Callable[[Any], ToolResult], dict[str, Any] | None]:
    """How to make a result of what the function returns, and the schema of its structured part."""
    returns = signature.returns
    if _speaks_for_itself(returns):
        return _as_it_is, None
    try:
        schema = schema_of(returns)
        if schema.get("type") == "object":
            return _structured, schema
        schema = schema_of(msgspec.defstruct("Result", [("result", returns)]))
    except Exception as error:
        # The type's own code runs here too.
        raise signature.refusal("return", returns, f"JSON cannot stand for it: {error}") from None
    del schema["title"]
    return _wrapped, schema


def _speaks_for_itself(annotation: Any) -> bool:
    """Whether its values are text or content, or are not known before they are there."""
    members = _members(annotation)
    return all(member in _UNTOLD for member in members) or any(map(_is_content, members))


def _members(annotation: Any) -> Iterable[Any]:
    if get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, UnionType):
        return get_args(annotation)
    return (annotation,)


def _is_content(annotation: Any) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, Block | ToolResult)
    return any(_is_content(member) for argument in get_args(annotation) for member in _members(argument))


def _as_it_is(value: Any) -> ToolResult:
    if type(value) is str:
        return ToolResult([Text(value)])
    if isinstance(value, ToolResult):
        return value
    content = as_content(value)
    if content is not None:
        return ToolResult(content)
    encoded = to_raw(value)
    text = bytes(encoded).decode()
    return ToolResult([Text(text)], encoded if text.startswith("{") else None)


def _structured(value: Any) -> ToolResult:
    if isinstance(value, ToolResult):
        return value
    encoded = to_raw(value)
    return ToolResult([Text(bytes(encoded).decode())], encoded)


def _wrapped(value: Any) -> ToolResult:
    if isinstance(value, ToolResult):
        return value
    encoded = to_raw(value)
    text = value if isinstance(value, str) else bytes(encoded).decode()
    return ToolResult([Text(text)], Raw(b'{"result":%b}' % encoded))
