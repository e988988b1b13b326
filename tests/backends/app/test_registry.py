import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.backends.app.registry import Registry
from mcpws.errors import ConfigError, InvalidParams


def filled(count: int, page_size: int = 3) -> Registry[int]:
    registry: Registry[int] = Registry("tool", page_size)
    for number in range(count):
        registry.add(str(number), number)
    return registry


def all_pages(registry: Registry[int]) -> list[list[int]]:
    pages = []
    cursor: str | None = None
    while True:
        page, cursor = registry.page(cursor)
        pages.append(page)
        if cursor is None:
            return pages


def test_entries_are_found_by_key() -> None:
    registry = filled(2)
    assert registry.get("1") == 1
    assert registry.get("2") is None
    assert list(registry) == [0, 1]
    assert len(registry) == 2


def test_a_key_is_taken_once() -> None:
    registry = filled(1)
    with pytest.raises(ConfigError, match=r"tool: is registered already \(got '0'\)"):
        registry.add("0", 5)
    assert list(registry) == [0]


def test_what_is_not_there_cannot_be_removed() -> None:
    registry = filled(1)
    registry.remove("0")
    with pytest.raises(ConfigError, match=r"tool: is not registered \(got '0'\)"):
        registry.remove("0")


def test_a_page_has_at_least_one_entry() -> None:
    with pytest.raises(ConfigError, match="page_size: must be 1 or more"):
        Registry("tool", 0)


@given(st.integers(0, 20), st.integers(1, 7))
def test_pages_have_every_entry_once_and_in_order(count: int, page_size: int) -> None:
    pages = all_pages(filled(count, page_size))
    assert [entry for page in pages for entry in page] == list(range(count))
    assert all(len(page) == page_size for page in pages[:-1])
    assert len(pages) == max(1, -(-count // page_size))


@given(st.integers(4, 12), st.data())
def test_entries_that_come_or_go_between_pages_shift_nothing(count: int, data: st.DataObject) -> None:
    registry = filled(count)
    seen, cursor = registry.page(None)
    gone = data.draw(st.sets(st.integers(0, count - 1)))
    for number in gone:
        registry.remove(str(number))
    registry.add("new", count)
    while cursor is not None:
        page, cursor = registry.page(cursor)
        seen += page
    assert seen == [number for number in range(count + 1) if number < 3 or number not in gone]


@pytest.mark.proves("mcp/2025-11-25/server/utilities/pagination#cursors")
@given(st.text())
def test_what_was_not_given_out_is_no_cursor(cursor: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        filled(10).page(cursor)
    assert caught.value.data == {"path": "$.cursor", "reason": "not a cursor of this list"}


def test_a_cursor_of_another_list_is_refused() -> None:
    other: Registry[int] = Registry("prompt", 1)
    other.add("a", 1)
    other.add("b", 2)
    _, cursor = other.page(None)
    assert cursor is not None
    with pytest.raises(InvalidParams):
        filled(10).page(cursor)


@given(st.data())
def test_a_cursor_that_was_changed_is_refused(data: st.DataObject) -> None:
    registry = filled(5)
    _, cursor = registry.page(None)
    assert cursor is not None
    at = data.draw(st.integers(0, len(cursor)))
    changed = cursor[:at] + data.draw(st.characters()) + cursor[at + data.draw(st.integers(0, 1)) :]
    if changed != cursor:
        # A few changes make the cursor of another entry, which is as good as any.
        numbers = {registry._write(number) for number in range(1, 6)}
        if changed not in numbers:
            with pytest.raises(InvalidParams):
                registry.page(changed)
