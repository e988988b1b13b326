"""The list of tools, from a real server in memory."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import Raw
from msgspec.json import encode
from twisted.internet.defer import Deferred

from mcpws.cli import listing
from mcpws.cli.listing import decoded, described, list_tools
from mcpws.errors import McpwsError, RequestTimeout
from mcpws.testing import Connected, RecordingBackend, connected, result_of


def listed(*pages: dict[str, Any]) -> tuple[Deferred[list[Raw]], list[Any]]:
    """The list of tools of a server that answers with these pages, and the parameters that it was asked with."""
    pair = connected(backend := RecordingBackend())
    listing = Deferred.fromCoroutine(list_tools(pair.session, timeout=5))
    [conversation] = backend.conversations
    asked = []
    for page in pages:
        pair.flush()
        request = conversation.requests[-1]
        asked.append(decoded(request.params or Raw(b"{}"), dict))
        conversation.answer(request, page)
    pair.flush()
    close(pair)
    return listing, asked


def close(pair: Connected) -> None:
    pair.session.close()
    stopped = pair.server.stop(0)
    pair.flush()
    result_of(stopped)


def test_all_pages_are_asked_for() -> None:
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in "abc"]
    found, asked = listed({"tools": tools[:2], "nextCursor": "2"}, {"tools": tools[2:]})
    assert [bytes(one) for one in result_of(found)] == [encode(tool) for tool in tools]
    assert asked == [{}, {"cursor": "2"}]


def test_an_empty_cursor_is_one() -> None:
    found, asked = listed(
        {"tools": [], "nextCursor": ""}, {"tools": [{"name": "a", "inputSchema": {"type": "object"}}]}
    )
    assert len(result_of(found)) == 1
    assert asked == [{}, {"cursor": ""}]


@pytest.mark.parametrize("cursors", [["x", "x"], ["", ""], ["a", "b", "a"], ["a", "b", "c", "b"]])
def test_a_list_that_goes_round_in_a_circle_ends(cursors: list[str]) -> None:
    tool = {"name": "a", "inputSchema": {"type": "object"}}
    found, asked = listed(*[{"tools": [tool], "nextCursor": cursor} for cursor in cursors])
    assert [bytes(one) for one in result_of(found)] == [encode(tool)]
    assert asked == [{}, *({"cursor": cursor} for cursor in cursors[:-1])]


def test_a_list_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_PAGES", 3)
    found, asked = listed(*[{"tools": [], "nextCursor": str(page)} for page in range(3)])
    with pytest.raises(McpwsError, match="more than 3 pages"):
        result_of(found)
    assert len(asked) == 3


@pytest.mark.not_mcp("the list is none")
def test_a_list_that_is_none_is_told() -> None:
    found, _ = listed({"tools": 1})
    with pytest.raises(McpwsError, match=r"malformed: .*\$\.tools"):
        result_of(found)


def test_every_page_has_its_timeout() -> None:
    pair = connected(RecordingBackend())
    found = Deferred.fromCoroutine(list_tools(pair.session, timeout=5))
    pair.advance(6)
    with pytest.raises(RequestTimeout):
        result_of(found)
    close(pair)


@pytest.mark.parametrize(
    ("tool", "text"),
    [
        ({"name": "now"}, "now()"),
        ({"name": "now", "description": None, "inputSchema": None}, "now()"),
        ({"name": "now", "description": ""}, "now()"),
        ({"name": "now", "description": "\n  Tell the time.\nIn UTC."}, "now()\n    Tell the time."),
        (
            {
                "name": "add",
                "inputSchema": {
                    "type": "object",
                    "properties": {"a": {"type": "integer"}, "b": {"type": ["integer", "null"]}, "c": True},
                    "required": ["a"],
                },
            },
            "add(a: integer, b?, c?)",
        ),
        ({"name": "add", "inputSchema": {"properties": [], "required": 1}}, "add()"),
        ({"name": "a\x1bb", "description": "c\x07d"}, "a?b()\n    c?d"),
    ],
)
def test_a_tool_is_described_by_what_a_caller_needs(tool: dict[str, Any], text: str) -> None:
    assert described(Raw(encode(tool))) == text


def test_a_tool_without_a_name_is_told() -> None:
    with pytest.raises(McpwsError, match="malformed"):
        described(Raw(b"{}"))
