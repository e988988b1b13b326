from dataclasses import FrozenInstanceError, dataclass, fields

import pytest

from mcpws.core.counters import COUNTED, Counters, Counts, counter, counters_of
from mcpws.policy.stats import ConnectionStatistics, ServerStatistics


def test_every_counter_begins_at_nothing_and_counts() -> None:
    counters = Counters(5.0)
    assert counters.counts() == Counts()
    for number, name in enumerate(COUNTED, 1):
        setattr(counters, name, getattr(counters, name) + number)
    assert list(counters.by_name().values()) == list(range(1, len(COUNTED) + 1))


def test_there_are_no_other_counters_than_those_that_are_declared() -> None:
    counters = Counters(5.0)
    with pytest.raises(AttributeError):
        counters.messages_recieved = 1
    with pytest.raises(AttributeError):
        counters.messages_recieved += 1


def test_a_snapshot_stays_as_it_was() -> None:
    counters = Counters()
    counts = counters.counts()
    counters.errors += 1
    assert (counts.errors, counters.counts().errors) == (0, 1)
    with pytest.raises(FrozenInstanceError):
        counts.errors = 2  # type: ignore[misc]


def test_times_begin_with_the_connection() -> None:
    counters = Counters(5.0)
    assert (counters.opened, counters.last_activity, counters.round_trip) == (5.0, 5.0, None)


def test_statistics_have_every_counter_and_each_says_what_it_counts() -> None:
    for statistics in (ConnectionStatistics, ServerStatistics):
        assert set(COUNTED) <= {field.name for field in fields(statistics)}
    assert all(help.endswith(".") and help[0].isupper() for help in COUNTED.values())


def test_a_field_that_is_no_counter_is_named() -> None:
    @dataclass
    class Wrong:
        right: int = counter("It is one.")
        pings: int = 0

    with pytest.raises(TypeError, match=r"Wrong\.pings is no counter: write pings: int = counter"):
        counters_of(Wrong)
