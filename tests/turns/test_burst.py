import pytest

from mcpws.turns.burst import Burst


def test_what_waits_goes_out_once_at_the_end() -> None:
    burst, out = Burst(), list[str]()

    def event(first: str, second: str) -> None:
        assert burst.is_on
        burst.at_end(lambda: out.append(first))
        burst.at_end(lambda: out.append(second))
        assert out == []

    burst.during(event, "a", "b")
    assert sorted(out) == ["a", "b"]
    assert not burst.is_on
    burst.during(lambda: None)
    assert len(out) == 2


def test_of_bursts_within_each_other_the_outermost_counts() -> None:
    burst, out = Burst(), list[str]()

    def event() -> None:
        burst.during(burst.at_end, lambda: out.append("a"))
        assert out == []
        assert burst.is_on

    burst.during(event)
    assert out == ["a"]


def test_what_is_asked_for_at_the_end_is_done_as_well() -> None:
    burst, out = Burst(), list[str]()
    burst.during(burst.at_end, lambda: burst.at_end(lambda: out.append("a")))
    assert out == ["a"]


def test_a_burst_that_fails_goes_out_too() -> None:
    burst, out = Burst(), list[str]()

    def event() -> None:
        burst.at_end(lambda: out.append("a"))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        burst.during(event)
    assert out == ["a"]
    assert not burst.is_on


def test_one_that_raises_takes_nothing_from_the_others() -> None:
    burst, out = Burst(), list[str]()

    def fail() -> None:
        raise ZeroDivisionError

    def event() -> None:
        burst.at_end(lambda: out.append("a"))
        burst.at_end(fail)

    with pytest.raises(ZeroDivisionError):
        burst.during(event)
    assert not burst.is_on
    burst.during(lambda: None)
    assert out == ["a"]
