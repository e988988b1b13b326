"""Which version both speak."""

from mcpws.mcp.versions import newest


def test_the_newest_version_of_both_is_spoken() -> None:
    assert newest(("1", "2", "3"), ["2", "1", "4"]) == "2"
    assert newest(("1",), ["2"]) is None
