"""A function as a resource, or as a template for many (MCP 2025-11-25, resources)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from mcpws.backends.app.content import UNCACHED, CacheHint
from mcpws.backends.app.modelled import arguments_of
from mcpws.backends.app.places import ON_REACTOR, Where
from mcpws.backends.app.registering import check_uri
from mcpws.backends.app.signature import Function, Signature
from mcpws.backends.app.uri import UriTemplate, canonical
from mcpws.errors import ConfigError
from mcpws.jsonrpc.messages import Finite, encode_value, to_raw
from mcpws.mcp.content import Audio, Image, ResourceContents


class _Definition(Struct, frozen=True, omit_defaults=True, rename="camel"):
    name: str
    uri: str | None = None
    uri_template: str | None = None
    title: str | None = None
    description: str | None = None
    mime_type: str | None = None


class ReadResourceResult(Finite, frozen=True):
    """Answers `resources/read`."""

    contents: list[ResourceContents]


class Resource:
    """`function` at a URI or, if `uri` has variables, at all URIs that match; each variable is a parameter.

    `uri` is told to clients in the spelling that a URI may have; `confined` is for UriTemplate.

    :raises ConfigError: no URI, no template, or not the function for it.
    """

    def __init__(
        self,
        uri: str,
        function: Function,
        where: Where = ON_REACTOR,
        *,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        mime_type: str | None = None,
        cache: CacheHint = UNCACHED,
        confined: bool = True,
    ) -> None:
        check_uri(uri)
        self.template = UriTemplate(uri, confined)
        self.uri = canonical(uri)
        self.cache = cache
        self.mime_type = mime_type
        self.signature = Signature(function, "resource", where)
        self.signature.role = f"resource {self.uri}"
        self.arguments = arguments_of(self.signature)
        taken = {parameter.name for parameter in self.signature.parameters}
        for variable in self.template.variables:
            if variable not in taken:
                raise ConfigError(self.signature.label, uri, f"does not take {variable}, which the URI template has")
        for parameter in self.signature.parameters:
            if parameter.required and parameter.name not in self.template.variables:
                raise self.signature.refusal(parameter.name, uri, "must have a default or be in the URI template")
        self.definition = to_raw(
            _Definition(
                name=self.signature.name if name is None else name,
                uri=None if self.is_template else self.uri,
                uri_template=self.uri if self.is_template else None,
                title=title,
                description=self.signature.description if description is None else description,
                mime_type=mime_type,
            )
        )

    @property
    def is_template(self) -> bool:
        """Whether it stands for many URIs."""
        return bool(self.template.variables)

    def result(self, uri: str, value: Any) -> ReadResourceResult:
        """Contents of `uri`, made of what the function returned.

        Text and bytes as they are, ResourceContents and lists of them too, pictures and sounds as bytes of their MIME
        type; anything else is written as JSON.

        :raises TypeError: it cannot be; names the function.
        """
        if isinstance(value, ResourceContents):
            return ReadResourceResult([value])
        if isinstance(value, list) and value and all(isinstance(part, ResourceContents) for part in value):
            return ReadResourceResult(value)
        if isinstance(value, Image | Audio):
            contents = ResourceContents(uri, blob=value.data, mime_type=value.mime_type)
        elif isinstance(value, str):
            contents = ResourceContents(uri, text=value, mime_type=self.mime_type or "text/plain")
        elif isinstance(value, bytes):
            contents = ResourceContents(uri, blob=value, mime_type=self.mime_type or "application/octet-stream")
        else:
            try:
                text = encode_value(value).decode()
            except TypeError as error:
                raise self.signature.fault(error) from None
            contents = ResourceContents(uri, text=text, mime_type=self.mime_type or "application/json")
        return ReadResourceResult([contents])
