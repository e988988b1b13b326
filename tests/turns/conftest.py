"""Two ends of a conversation."""

from collections.abc import Iterator

import pytest
from twisted.internet.task import Clock

from tests.turns.ends import End


@pytest.fixture
def client(clock: Clock) -> End:
    return End(clock)


@pytest.fixture
def server(clock: Clock) -> End:
    return End(clock)


@pytest.fixture
def no_timer_left(clock: Clock) -> Iterator[None]:
    """Check that whatever waited for an answer has stopped its timer."""
    yield
    assert clock.getDelayedCalls() == []
