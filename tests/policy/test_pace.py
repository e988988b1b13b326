from hypothesis import given
from hypothesis import strategies as st

from mcpws.policy.pace import Pace


def test_so_many_pass_in_a_second_and_the_others_are_counted() -> None:
    pace = Pace(2)
    assert [pace.passes(now) for now in (5.0, 5.1, 5.2, 5.9, 6.0, 6.1, 6.2)] == [
        True,
        True,
        False,
        False,
        True,
        True,
        False,
    ]
    assert (pace.hidden(), pace.hidden()) == (3, 0)


@given(st.integers(1, 5), st.lists(st.floats(0, 3), max_size=50).map(sorted))
def test_none_is_lost_and_no_second_has_more_than_twice_as_many(per_second: int, times: list[float]) -> None:
    pace = Pace(per_second)
    passed = [now for now in times if pace.passes(now)]
    assert len(passed) + pace.hidden() == len(times)
    assert all(sum(start <= now < start + 1 for now in passed) <= 2 * per_second for start in times)
