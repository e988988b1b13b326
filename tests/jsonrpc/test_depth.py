"""How deep JSON nests, beside a naive recursion."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcpws.jsonrpc.depth import depth, is_deeper

CHUNK = 64 * 1024


def nested(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(nested, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(nested, value), default=0)
    return 0


tricky_text = st.text('[]{}"\\,:\n é', max_size=6)
values = st.recursive(
    tricky_text, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(tricky_text, inner, max_size=3)
)


@settings(deadline=None)
@given(values, st.booleans())
def test_the_depth_is_that_of_a_naive_recursion(value: Any, ascii: bool) -> None:
    assert depth(json.dumps(value, ensure_ascii=ascii).encode()) == nested(value)


@settings(deadline=None)
@given(st.lists(values, max_size=5), st.integers(CHUNK - 60, CHUNK), st.booleans())
def test_it_does_not_matter_where_long_json_is_cut(parts: list[Any], before: int, in_brackets: bool) -> None:
    text = json.dumps(parts)
    filled = f"[{'[],' * (before // 3)}{text}]" if in_brackets else f'["{"x" * before}",{text}]'
    assert depth(filled.encode()) == nested(json.loads(filled))


@given(values, st.integers(0, 5))
def test_it_is_deeper_or_not(value: Any, most: int) -> None:
    assert is_deeper(json.dumps(value).encode(), most) == (nested(value) > most)


@pytest.mark.parametrize("count", range(1, 20))
def test_towers_of_every_height_are_measured(count: int) -> None:
    tower = b"[" * count + b"]" * count
    assert depth(b"[" + b",".join([tower] * 10_000) + b"]") == count + 1


def test_what_is_deeper_is_found_without_looking_at_the_rest() -> None:
    assert depth(b"[" * 1000 + b"1" * CHUNK + b"[" * 1000, 128) == 1000
