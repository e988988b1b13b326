"""Quantities: few characters, and right at the edges of their units."""

from __future__ import annotations

import pytest

from mcpws.cli.quantities import count, duration, latency, per_second, size


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (99_999, "99999"),
        (100_000, "100k"),
        (999_499, "999k"),
        (999_600, "1.00M"),
        (1_234_567, "1.23M"),
        (99_960_000, "100M"),
        (10**30, ">999E"),
    ],
)
def test_a_count_has_three_digits_once_it_is_large(number: int, text: str) -> None:
    assert count(number) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "-"),
        (0, "0B"),
        (1023, "1023B"),
        (1024, "1.00K"),
        (1536, "1.50K"),
        (1024**2 - 1, "1.00M"),
        (2**31, "2.00G"),
    ],
)
def test_sizes_are_in_units_of_1024(number: int | None, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("number", "text"), [(None, "-"), (0, "0"), (0.01, "<0.1"), (0.1, "0.1"), (99.94, "99.9"), (99.96, "100")]
)
def test_a_rate_is_0_only_if_nothing_happens(number: float | None, text: str) -> None:
    assert per_second(number) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0s"),
        (59.9, "59s"),
        (60, "1m00s"),
        (3599, "59m59s"),
        (3600, "1h00m"),
        (86_399, "23h59m"),
        (86_400, "1d00h"),
        (100 * 86_400, "100d"),
    ],
)
def test_a_duration_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.00025, "0.25ms"), (0.0125, "12.5ms"), (0.9994, "999ms"), (0.9996, "1.00s"), (60.0, "60.0s")],
)
def test_a_latency_has_three_digits(seconds: float | None, text: str) -> None:
    assert latency(seconds) == text


def test_none_is_longer_than_seven_characters() -> None:
    for power in range(40):
        for number in (10**power - 1, 10**power, 10**power * 999 // 100):
            assert (
                max(map(len, (count(number), size(number), per_second(number), latency(number / 1e6)))) <= 7
                or power > 9
            )
