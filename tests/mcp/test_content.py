import msgspec
import pytest

from mcpws.mcp.content import (
    Annotations,
    Audio,
    Content,
    CreateMessageResult,
    ElicitResult,
    EmbeddedResource,
    Image,
    Implementation,
    ResourceContents,
    ResourceLink,
    Text,
    ToolAnnotations,
    ToolResult,
)

BLOCKS: list[tuple[Content, dict[str, object]]] = [
    (Text("hello"), {"type": "text", "text": "hello"}),
    (Image(b"\x00\xff", "image/png"), {"type": "image", "data": "AP8=", "mimeType": "image/png"}),
    (Audio(b"a", "audio/wav"), {"type": "audio", "data": "YQ==", "mimeType": "audio/wav"}),
    (
        ResourceLink("file:///a", "a", mime_type="text/plain", size=3),
        {"type": "resource_link", "uri": "file:///a", "name": "a", "mimeType": "text/plain", "size": 3},
    ),
    (
        EmbeddedResource(ResourceContents("file:///a", text="")),
        {"type": "resource", "resource": {"uri": "file:///a", "text": ""}},
    ),
    (
        EmbeddedResource(ResourceContents("file:///a", blob=b"a", mime_type="image/png")),
        {"type": "resource", "resource": {"uri": "file:///a", "blob": "YQ==", "mimeType": "image/png"}},
    ),
    (
        Text("hello", annotations=Annotations(audience=("user",), priority=0.5, last_modified="2026-01-01")),
        {
            "type": "text",
            "text": "hello",
            "annotations": {"audience": ["user"], "priority": 0.5, "lastModified": "2026-01-01"},
        },
    ),
    (Text("hello", meta={"a": 1}), {"type": "text", "text": "hello", "_meta": {"a": 1}}),
]


@pytest.mark.parametrize(("block", "json"), BLOCKS)
def test_a_block_is_written_as_the_schema_wants_it(block: Content, json: dict[str, object]) -> None:
    assert msgspec.json.decode(msgspec.json.encode(block)) == json


@pytest.mark.parametrize("block", [block for block, _ in BLOCKS])
def test_a_block_can_be_read_back(block: Content) -> None:
    read: object = msgspec.json.decode(msgspec.json.encode(block), type=Content)
    assert read == block


@pytest.mark.parametrize("given", [{}, {"text": "", "blob": b""}])
def test_a_resource_has_either_a_text_or_a_blob(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="file:///a: a resource has either a text or a blob"):
        ResourceContents("file:///a", **given)  # type: ignore[arg-type]


def test_a_tool_result_says_no_more_than_it_has_to() -> None:
    assert msgspec.json.encode(ToolResult([])) == b'{"content":[]}'
    full = ToolResult([Text("a")], structured={"a": 1}, is_error=True, meta={"b": 2})
    assert msgspec.json.decode(msgspec.json.encode(full)) == {
        "content": [{"type": "text", "text": "a"}],
        "structuredContent": {"a": 1},
        "isError": True,
        "_meta": {"b": 2},
    }


def test_hints_that_are_not_given_are_not_written() -> None:
    hints = ToolAnnotations(title="T", read_only_hint=False, destructive_hint=True)
    assert msgspec.json.decode(msgspec.json.encode(hints)) == {
        "title": "T",
        "readOnlyHint": False,
        "destructiveHint": True,
    }
    assert msgspec.json.encode(Implementation("a", "1")) == b'{"name":"a","version":"1"}'


def test_what_a_model_answered_is_read_with_all_its_text() -> None:
    one = b'{"role":"assistant","content":{"type":"text","text":"hi"},"model":"m","stopReason":"endTurn"}'
    answer = msgspec.json.decode(one, type=CreateMessageResult)
    assert (answer.text, answer.model, answer.stop_reason) == ("hi", "m", "endTurn")
    image = b'{"type":"image","data":"AP8=","mimeType":"image/png"}'
    many = b'{"role":"assistant","content":[{"type":"text","text":"a"},%b,{"type":"text","text":"b"}],"model":"m"}'
    assert msgspec.json.decode(many % image, type=CreateMessageResult).text == "ab"


def test_the_values_of_a_form_keep_their_types() -> None:
    result = msgspec.json.decode(b'{"action":"accept","content":{"a":1,"b":1.5,"c":true,"d":["x"]}}', type=ElicitResult)
    assert result.content == {"a": 1, "b": 1.5, "c": True, "d": ["x"]}
    assert msgspec.json.decode(b'{"action":"cancel"}', type=ElicitResult).content is None
