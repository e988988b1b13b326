"""What servers offer, read as they write it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from mcpws.mcp.content import Annotations, PromptMessage, Text, ToolAnnotations
from mcpws.mcp.features import Completion, Prompt, PromptArgument, PromptResult, Resource, ResourceTemplate, Tool

SCHEMA: dict[str, Any] = {"type": "object"}


@pytest.mark.parametrize(
    ("json", "value"),
    [
        ('{"name": "a", "inputSchema": {"type": "object"}}', Tool(name="a", input_schema=SCHEMA)),
        (
            """{"name": "a", "title": "A", "description": "It does.", "inputSchema": {"type": "object"}, "icons": [],
            "outputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}, "_meta": {"b": 1}}""",
            Tool(
                name="a",
                title="A",
                description="It does.",
                input_schema=SCHEMA,
                output_schema=SCHEMA,
                annotations=ToolAnnotations(read_only_hint=True),
                meta={"b": 1},
            ),
        ),
        (
            '{"uri": "file:///a", "name": "a", "mimeType": "text/plain", "size": 3, "annotations": {"priority": 1}}',
            Resource(uri="file:///a", name="a", mime_type="text/plain", size=3, annotations=Annotations(priority=1)),
        ),
        (
            '{"uriTemplate": "file:///{name}", "name": "a", "title": null}',
            ResourceTemplate(uri_template="file:///{name}", name="a"),
        ),
        (
            '{"name": "a", "arguments": [{"name": "b", "required": true}, {"name": "c", "description": "C"}]}',
            Prompt(
                name="a",
                arguments=(PromptArgument(name="b", required=True), PromptArgument(name="c", description="C")),
            ),
        ),
        (
            '{"messages": [{"role": "user", "content": {"type": "text", "text": "a"}}], "description": "b"}',
            PromptResult([PromptMessage("user", Text("a"))], "b"),
        ),
        ('{"values": ["a"], "total": 3, "hasMore": true}', Completion(["a"], 3, True)),
        ('{"values": []}', Completion([])),
    ],
)
def test_a_description_is_read_as_the_schema_has_it(json: str, value: object) -> None:
    assert msgspec.json.decode(json, type=type(value)) == value


@pytest.mark.parametrize(
    ("json", "type", "problem"),
    [
        ('{"name": "a"}', Tool, "inputSchema"),
        ('{"inputSchema": {}}', Tool, "name"),
        ('{"name": "a"}', Resource, "uri"),
        ('{"name": "a"}', ResourceTemplate, "uriTemplate"),
        ('{"name": "a", "arguments": {}}', Prompt, "arguments"),
    ],
)
def test_what_is_missing_is_named(json: str, type: type[Any], problem: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=problem):
        msgspec.json.decode(json, type=type)
