"""Lists in pages, from a server that is the test."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import Raw
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import LogLevel, capturedLogs

from mcpws.client import pages
from mcpws.client.pages import all_pages
from mcpws.errors import ConnectionClosed, MalformedResult
from mcpws.mcp.features import Tool
from mcpws.testing import result_of

A, B, C = ({"name": name, "inputSchema": {"type": "object"}} for name in "abc")


class Book:
    """The pages, and the parameters that they were asked for with."""

    def __init__(self, *pages: dict[str, Any]) -> None:
        self.asked: list[dict[str, Any]] = []
        self._pages = iter(pages)

    def ask(self, params: dict[str, Any], type: Any) -> Deferred[Any]:
        self.asked.append(params)
        return succeed(msgspec.json.decode(msgspec.json.encode(next(self._pages)), type=type))

    def read(self, type: type[Any] = Tool) -> list[Any]:
        return result_of(Deferred.fromCoroutine(all_pages("tools/list", "tools", type, self.ask)))


def test_all_pages_are_asked_for() -> None:
    book = Book({"tools": [A, B], "nextCursor": "2"}, {"tools": [C], "nextCursor": None})
    assert [tool.name for tool in book.read()] == ["a", "b", "c"]
    assert book.asked == [{}, {"cursor": "2"}]


def test_an_empty_cursor_is_one() -> None:
    book = Book({"tools": [], "nextCursor": ""}, {"tools": [A]})
    assert len(book.read()) == 1
    assert book.asked == [{}, {"cursor": ""}]


@pytest.mark.parametrize("cursors", [["x", "x"], ["", ""], ["a", "b", "a"], ["a", "b", "c", "b"]])
@pytest.mark.parametrize("type", [Tool, Raw])
def test_a_list_that_goes_round_in_a_circle_ends_with_a_warning(type: type[Any], cursors: list[str]) -> None:
    book = Book(*({"tools": [A], "nextCursor": cursor} for cursor in cursors))
    with capturedLogs() as logs:
        assert len(book.read(type)) == 1
    assert [event["log_level"] for event in logs] == [LogLevel.warn]
    assert book.asked == [{}, *({"cursor": cursor} for cursor in cursors[:-1])]


def test_a_list_without_an_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MAX_PAGES", 3)
    book = Book(*({"tools": [A], "nextCursor": str(page)} for page in range(3)))
    with pytest.raises(MalformedResult, match=r"tools/list: .* the list has more than 3 pages"):
        book.read()
    assert len(book.asked) == 3


def test_a_page_that_cannot_be_had_ends_it() -> None:
    def ask(params: dict[str, Any], type: Any) -> Deferred[Any]:
        return fail(ConnectionClosed(1006, ""))

    with pytest.raises(ConnectionClosed):
        result_of(Deferred.fromCoroutine(all_pages("tools/list", "tools", Tool, ask)))
