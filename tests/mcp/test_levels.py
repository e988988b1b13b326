"""Levels of log messages: which there are, and who hears which."""

import pytest

from mcpws.errors import InvalidParams
from mcpws.jsonrpc.messages import Notification, to_raw
from mcpws.mcp.levels import LEVELS, Level, hears, severity_in, severity_of
from mcpws.mcp.methods import LOG_MESSAGE


def test_the_levels_go_from_the_lowest_up() -> None:
    assert [severity_of(level) for level in LEVELS] == list(range(8))
    assert (LEVELS[0], LEVELS[-1]) == ("debug", "emergency")


@pytest.mark.parametrize("name", ["", "Debug", "warn", "trace", None])
def test_a_level_that_is_none_is_refused_with_those_that_there_are(name: str | None) -> None:
    with pytest.raises(InvalidParams) as refused:
        severity_of(name)
    assert refused.value.data == {"level": name, "reason": f"must be one of {', '.join(LEVELS)}"}


@pytest.mark.parametrize(
    ("wanted", "heard"), [("debug", LEVELS), ("warning", LEVELS[3:]), ("emergency", LEVELS[-1:]), (None, ())]
)
def test_a_client_hears_what_is_as_high_as_it_wants_or_higher(wanted: Level | None, heard: tuple[Level, ...]) -> None:
    assert tuple(level for level in LEVELS if hears(wanted, level)) == heard


@pytest.mark.parametrize(
    ("params", "severity"),
    [({"level": "info", "data": 1}, 1), ({"level": "trace"}, None), ({"level": 3}, None), ({}, None), (None, None)],
)
def test_a_log_message_tells_its_level_if_it_has_one(params: object, severity: int | None) -> None:
    message = Notification(LOG_MESSAGE, None if params is None else to_raw(params))
    assert severity_in(message) == severity
