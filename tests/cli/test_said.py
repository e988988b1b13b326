"""What a tool says, as text."""

from __future__ import annotations

import io
from typing import Any

import pytest
from msgspec import Raw
from msgspec.json import encode

from mcpws.cli.said import Block, parted, safe, show_said
from mcpws.errors import McpwsError


def said(capsys: pytest.CaptureFixture[str], failed: bool = False, **result: Any) -> tuple[str, str]:
    """On standard output, and on standard error."""
    show_said(Raw(encode(result)), failed)
    return capsys.readouterr()


def test_text_is_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    content = [{"type": "text", "text": "a\tb\n\x1b[1mc"}, {"type": "text", "text": ""}]
    assert said(capsys, content=content, structuredContent={"a": 1}) == ("a\tb\n\x1b[1mc\n\n", "")


def test_structured_content_is_printed_where_there_is_no_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, content=[], structuredContent={"a": 1}) == ('{\n  "a": 1\n}\n', "")
    assert said(capsys, structuredContent=None) == ("null\n", "")
    assert said(capsys, content=[]) == ("", "")


def test_what_is_no_text_is_told_of_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    content = [
        {"type": "image", "data": "AAAA", "mimeType": "image/png\x1b"},
        {"type": "resource", "resource": {"uri": "a", "blob": "AAAA", "mimeType": "audio/wav"}},
        {"type": "new"},
        {"type": "resource", "resource": {"uri": "a", "text": "in a file"}},
        {"type": "resource_link", "uri": "file:///a", "name": "a"},
    ]
    assert said(capsys, content=content) == (
        "in a file\nfile:///a\n",
        "[image, image/png?: see it with --json]\n"
        "[resource, audio/wav: see it with --json]\n"
        "[new, of an unknown kind: see it with --json]\n",
    )


def test_what_a_tool_says_of_its_failure_is_no_output(capsys: pytest.CaptureFixture[str]) -> None:
    content = [{"type": "text", "text": "it does not work"}]
    assert said(capsys, failed=True, content=content, isError=True) == ("", "it does not work\n")


def test_a_result_that_is_none_is_told() -> None:
    with pytest.raises(McpwsError, match="malformed"):
        show_said(Raw(b'{"content": 1}'), False)


def test_a_block_may_lack_what_it_should_have() -> None:
    assert parted([Block(), Block(type="resource_link")]) == (
        [""],
        ["[resource_link, of an unknown kind: see it with --json]"],
    )


def test_text_does_nothing_to_a_terminal() -> None:
    terminal = io.StringIO()
    assert safe("a\x1b[2Jb", terminal) == b"a\x1b[2Jb"
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    assert safe("a\x1b[2Jb\r\n\tc", terminal) == b"a?[2Jb \n    c"
