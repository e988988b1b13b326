"""A bounded number of random worlds; `python -m tests.backends.eras.worlds` lives through as many as are wanted."""

from __future__ import annotations

from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backends.eras.worlds import KINDS, run


class LoggedErrors(Protocol):
    def flush(self, *types: type[BaseException]) -> list[Any]: ...


@given(kind=st.sampled_from(KINDS), seed=st.integers(0, 2**32))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.not_mcp("anything is said, by both sides", made=True)
def test_whatever_is_said_in_whatever_order_each_request_is_answered_once_and_nothing_is_left(
    logged_errors: LoggedErrors, kind: str, seed: int
) -> None:
    run(kind, seed)
    # A process that cannot be shared is an error in the log; what escapes is one in `run`.
    logged_errors.flush()
