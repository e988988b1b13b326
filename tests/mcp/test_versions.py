"""Which version both speak."""

import pytest

from mcpws.errors import RemoteError
from mcpws.mcp.versions import newest, spoken_instead


def test_the_newest_version_of_both_is_spoken() -> None:
    assert newest(("1", "2", "3"), ["2", "1", "4"]) == "2"
    assert newest(("1",), ["2"]) is None


def test_a_refused_version_comes_with_those_that_are_spoken() -> None:
    assert spoken_instead(RemoteError(-32022, "no", {"supported": ["1", "2"], "requested": "3"})) == ("1", "2")


@pytest.mark.parametrize(
    "error",
    [
        RemoteError(-32601, "no", {"supported": ["1"]}),
        RemoteError(-32022, "no"),
        RemoteError(-32022, "no", ["1"]),
        RemoteError(-32022, "no", {"supported": []}),
        RemoteError(-32022, "no", {"supported": [1]}),
    ],
)
def test_other_errors_say_nothing_of_versions(error: RemoteError) -> None:
    assert spoken_instead(error) is None
