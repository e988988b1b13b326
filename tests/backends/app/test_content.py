import pytest

from mcpws.backends.app.content import CacheHint, as_content
from mcpws.errors import ConfigError
from mcpws.mcp.content import Content, Image, PromptMessage, Text


@pytest.mark.parametrize(
    ("value", "content"),
    [
        ("a", [Text("a")]),
        (None, []),
        (Text("a"), [Text("a")]),
        ([Text("a"), Image(b"", "image/png")], [Text("a"), Image(b"", "image/png")]),
        ((Text("a"),), [Text("a")]),
        ([], []),
        (["a"], None),
        (1, None),
        ({"type": "text", "text": "a"}, None),
        (PromptMessage("user", Text("a")), None),
    ],
)
def test_what_is_content_becomes_a_list_of_blocks(value: object, content: list[Content] | None) -> None:
    assert as_content(value) == content


@pytest.mark.parametrize(
    ("hint", "members"),
    [
        (CacheHint(), {"ttlMs": 0, "cacheScope": "private"}),
        (CacheHint(1.5), {"ttlMs": 1500, "cacheScope": "private"}),
        (CacheHint(3600, public=True), {"ttlMs": 3_600_000, "cacheScope": "public"}),
    ],
)
def test_a_cache_hint_is_in_seconds_for_us_and_in_milliseconds_for_clients(
    hint: CacheHint, members: dict[str, object]
) -> None:
    assert hint.members() == members


@pytest.mark.parametrize("ttl", [-1, float("inf"), float("nan")])
def test_nothing_is_fresh_for_less_than_no_time_or_for_ever(ttl: float) -> None:
    with pytest.raises(ConfigError, match="ttl: must be 0 or more"):
        CacheHint(ttl)
