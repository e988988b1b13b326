"""Functions as prompts, and functions that complete what a user types (MCP 2025-11-25, prompts and completion)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from mcpws.backends.app.arguments import schema_of
from mcpws.backends.app.content import as_content, check_content
from mcpws.backends.app.modelled import Model, arguments_of, is_modelled
from mcpws.backends.app.places import ON_REACTOR, Where
from mcpws.backends.app.signature import MISSING, Function, Parameter, Signature
from mcpws.errors import ConfigError
from mcpws.jsonrpc.messages import Finite, encode_value, to_raw
from mcpws.mcp.content import PromptMessage

MAX_COMPLETIONS = 100
"""Values in one answer (MCP 2025-11-25, completion)."""


class _Argument(Struct, frozen=True, omit_defaults=True):
    name: str
    description: str | None = None
    required: bool = False


class _Definition(Struct, frozen=True, omit_defaults=True):
    name: str
    title: str | None = None
    description: str | None = None
    arguments: list[_Argument] | None = None


class GetPromptResult(Finite, frozen=True, omit_defaults=True):
    """Answers `prompts/get`."""

    messages: list[PromptMessage]
    description: str | None = None


class Prompt:
    """`function` as a prompt. Arguments come as strings and are converted to what its parameters are annotated with;
    lists and objects are JSON in a string.

    :raises ConfigError: an empty name, or parameters that strings cannot stand for.
    """

    def __init__(
        self,
        function: Function,
        where: Where = ON_REACTOR,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
    ) -> None:
        self.signature = Signature(function, "prompt", where)
        self.name = self.signature.name if name is None else name
        self.signature.role = f"prompt {self.name}"
        self.arguments = arguments_of(self.signature)
        self._description = self.signature.description if description is None else description
        arguments = [
            _Argument(parameter.name, self._told(parameter), parameter.required)
            for parameter in self.signature.parameters
        ]
        self.definition = to_raw(_Definition(self.name, title, self._description, arguments or None))

    def _told(self, parameter: Parameter) -> str | None:
        """Description of a parameter for clients, with its type, for which MCP has no place."""
        if not self.arguments.is_json(parameter.name):
            return parameter.description
        type = parameter.type
        told = Model(self.signature, parameter.name, type).schema if is_modelled(type) else schema_of(type)
        schema = encode_value(told).decode()
        return " ".join(filter(None, (parameter.description, f"(JSON: {schema})")))

    def result(self, value: Any) -> GetPromptResult:
        """Messages of a prompt, made of what the function returned: strings and content are the user's.

        :raises TypeError: it returned something else; names the function.
        """
        parts = value if isinstance(value, list | tuple) else [value]
        messages: list[PromptMessage] = []
        for part in parts:
            if isinstance(part, PromptMessage):
                messages.append(part)
                continue
            content = as_content(part)
            if not content:
                raise TypeError(f"prompt {self.name} returned {type(part).__name__}, which is no message")
            messages.extend(PromptMessage("user", block) for block in content)
        try:
            check_content(message.content for message in messages)
        except TypeError as error:
            raise self.signature.fault(error) from None
        return GetPromptResult(messages, self._description)


class _Completed(Struct, frozen=True, rename="camel"):
    values: list[str]
    total: int
    has_more: bool


class CompleteResult(Finite, frozen=True):
    """Answers `completion/complete`."""

    completion: _Completed


class Completion:
    """`function` takes what was typed so far and returns all values that it can become.

    :raises ConfigError: it does not take one string.
    """

    def __init__(self, function: Function, where: Where = ON_REACTOR) -> None:
        self.signature = Signature(function, "completion", where)
        parameters = self.signature.parameters
        if len(parameters) != 1 or not _takes_text(parameters[0].type):
            raise ConfigError("completion", self.signature.label, "must take what was typed, and may take a Context")

    def result(self, values: Any) -> CompleteResult:
        """As many of the `values` that the function returned as may be sent.

        :raises TypeError: it returned something else than strings; names the function.
        """
        if not isinstance(values, list | tuple) or not all(isinstance(value, str) for value in values):
            raise self.signature.fault(TypeError("a completion is a list of strings"))
        return completed(values)


def _takes_text(annotation: Any) -> bool:
    if annotation in (MISSING, Any, object):
        return True
    try:
        msgspec.convert("", annotation)
    except Exception:
        return False
    return True


def completed(values: Sequence[str]) -> CompleteResult:
    """As many of `values` as may be sent."""
    total = len(values)
    return CompleteResult(_Completed(list(values[:MAX_COMPLETIONS]), total, total > MAX_COMPLETIONS))
