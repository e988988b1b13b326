import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.errors import ConfigError
from mcpws.policy.backoff import Backoff, Failures


def test_waits_double_from_one_second_to_thirty() -> None:
    waits = [Backoff().wait(failures, 0) for failures in range(1, 8)]
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_chance_takes_away_half_at_most() -> None:
    assert Backoff().wait(3, 1) == 2
    assert Backoff().wait(3, 0.5) == 3
    assert Backoff(spread=0).wait(3, 1) == 4
    assert Backoff(spread=1).wait(3, 1) == 0


def test_any_number_of_failures_has_a_wait() -> None:
    assert Backoff().wait(10**9, 0) == 30
    assert Backoff(factor=1).wait(10**9, 0) == 1


@given(
    st.floats(0.01, 100), st.floats(1, 10), st.floats(0, 1000), st.floats(0, 1), st.integers(1, 5000), st.floats(0, 1)
)
def test_a_wait_never_leaves_its_bounds(
    first: float, factor: float, more: float, spread: float, failures: int, chance: float
) -> None:
    backoff = Backoff(first=first, factor=factor, most=first + more, spread=spread)
    assert first * (1 - spread) - 1e-9 <= backoff.wait(failures, chance) <= first + more
    assert backoff.wait(failures, chance) <= backoff.wait(failures + 1, chance)


@pytest.mark.parametrize(
    ("key", "value"), [("first", 0), ("most", 0.5), ("factor", 0.9), ("spread", -0.1), ("spread", 1.1)]
)
def test_what_cannot_be_is_refused_by_name(key: str, value: float) -> None:
    with pytest.raises(ConfigError) as caught:
        Backoff(**{key: value})
    assert (caught.value.key, caught.value.value) == (key, value)


def test_what_failed_is_not_tried_again_for_longer_each_time() -> None:
    failures = Failures(Backoff())
    assert failures.left(0) <= 0
    for wait in (1, 2, 4):
        failures.add(10, 0)
        assert failures.left(10) == wait
        assert failures.left(10 + wait) == 0
    failures.over()
    assert failures.left(10) <= 0
    failures.add(10, 0)
    assert failures.left(10) == 1


def test_some_failures_may_be_no_reason_to_wait() -> None:
    failures = Failures(Backoff(), free=2)
    for _ in range(2):
        failures.add(10, 0)
        assert failures.left(10) <= 0
    failures.add(10, 0)
    assert failures.left(10) == 1
