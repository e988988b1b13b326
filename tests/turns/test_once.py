"""What happens once: everybody who asks hears of it."""

import pytest
from twisted.internet.defer import CancelledError

from mcpws.testing import result_of
from mcpws.turns.once import Once


def test_everybody_hears_of_it_before_and_after() -> None:
    once: Once[int] = Once()
    early = [once.when(), once.when()]
    fired = [once.fired]
    once.fire(1)
    assert [*fired, once.fired] == [False, True]
    assert [result_of(one) for one in [*early, once.when()]] == [1, 1, 1]


def test_it_happens_only_once() -> None:
    once: Once[int | None] = Once()
    once.fire(None)
    once.fire(2)
    assert result_of(once.when()) is None


def test_who_does_not_want_to_hear_is_not_told() -> None:
    once: Once[int] = Once()
    other, given_up = once.when(), once.when()
    given_up.cancel()
    once.fire(1)
    assert result_of(other) == 1
    with pytest.raises(CancelledError):
        result_of(given_up)
