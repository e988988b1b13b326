"""Percentiles, quotients and their spread."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.figures import Reservoir, Sample, Spread, number, percentile, ratios, spread, summary


def test_a_spread_is_median_least_and_greatest() -> None:
    assert Spread.of([3, 1, 10, 2]) == Spread(2.5, 1, 10)


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0, 1), (0.001, 1), (0.5, 50), (0.501, 51), (0.99, 99), (0.999, 100), (1, 100)],
)
def test_a_percentile_is_the_value_of_the_nearest_rank(fraction: float, expected: float) -> None:
    assert percentile(range(1, 101), fraction) == expected


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_ratios_are_taken_within_a_round() -> None:
    ours: list[Sample] = [{"cpu_us": 1}, {"cpu_us": 30}, {"cpu_us": 2}]
    peers: list[Sample] = [{"cpu_us": 2}, {"cpu_us": 60}, {"cpu_us": 2}]
    assert ratios(ours, peers, "cpu_us") == Spread(0.5, 0.5, 1)


def test_a_round_in_which_one_of_two_failed_has_no_ratio() -> None:
    ours: list[Sample | None] = [None, {"cpu_us": 1}, {"cpu_us": 1}]
    peers: list[Sample | None] = [{"cpu_us": 1}, {"cpu_us": 4}, None]
    assert ratios(ours, peers, "cpu_us") == Spread(0.25, 0.25, 0.25)


def test_without_any_whole_round_there_is_no_ratio() -> None:
    assert ratios([None], [{"cpu_us": 1}], "cpu_us") is None
    assert ratios([{"cpu_us": 1}], [{"cpu_us": 0}], "cpu_us") is None
    assert ratios([], [], "cpu_us") is None


def test_failed_rounds_do_not_count_in_a_spread() -> None:
    assert spread([{"kib": 9}, None, {"kib": 11}, {"other": 1}], "kib") == Spread(10, 9, 11)
    assert spread([None], "kib") is None


@given(st.integers(0, 5_000))
def test_a_reservoir_stays_below_its_limit_and_spreads_evenly(count: int) -> None:
    reservoir = Reservoir(limit=64)
    for value in range(count):
        reservoir.add(value)
    kept = list(reservoir)
    assert len(kept) < 64
    assert kept[:1] == [0.0][:count]
    stride = 1
    while count > stride * 63:
        stride *= 2
    assert kept == [float(value) for value in range(0, count, stride)]


def test_a_reservoir_has_percentiles_once_it_has_values() -> None:
    reservoir = Reservoir()
    assert reservoir.percentiles() == {}
    for value in range(1, 1001):
        reservoir.add(value)
    assert reservoir.percentiles() == {"p50": 500, "p99": 990, "p99.9": 999}


def test_a_summary_is_per_request() -> None:
    latencies = Reservoir()
    latencies.add(0.002)
    assert summary(1_000, 2, 15_000_000, 5_000_000, latencies) == {
        "cpu_us": 15,
        "children_us": 5,
        "per_second": 500,
        "p50": 2_000,
        "p99": 2_000,
        "p99.9": 2_000,
    }


def test_a_window_without_answers_is_no_measurement() -> None:
    with pytest.raises(TimeoutError, match=r"nothing was answered in 2.0 s"):
        summary(0, 2, 0, 0, Reservoir())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.01234, "0.0123"),
        (0.9, "0.900"),
        (1.234, "1.23"),
        (12.34, "12.3"),
        (99.96, "100"),
        (123.4, "123"),
        (12_345.6, "12,346"),
    ],
)
def test_numbers_have_three_digits_that_count(value: float, text: str) -> None:
    assert number(value) == text
