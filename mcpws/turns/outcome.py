"""Outcome of a function that may be plain or asynchronous: what it returned, or a Deferred of what it only began."""

from __future__ import annotations

from collections.abc import Callable
from inspect import iscoroutine
from typing import Any

from msgspec import Raw, Struct
from twisted.internet.defer import Deferred, FirstError
from twisted.logger import Logger
from twisted.python.failure import Failure

log = Logger()

# Deferred is an abstract class: to ask whether something is one takes longer than what most methods do.
PLAIN = frozenset({bool, bytes, dict, float, int, list, Raw, str, tuple, type(None)})
"""Types of what is returned at once: `as_deferred` has nothing to say of these."""


def as_deferred(outcome: object) -> Deferred[Any] | None:
    """The Deferred of what a function has only begun, be it a coroutine; None if `outcome` is what it returned."""
    if type(outcome) in PLAIN or isinstance(outcome, Struct):
        return None
    if isinstance(outcome, Deferred):
        return outcome
    return Deferred.fromCoroutine(outcome) if iscoroutine(outcome) else None


def cause_of(failure: Failure) -> BaseException | None:
    """Exception of what failed, be it one of several Deferreds that were waited for together."""
    while isinstance(failure.value, FirstError):
        failure = failure.value.subFailure
    return failure.value


def call_listener(listener: Callable[..., object], method: str, *arguments: object) -> None:
    """Call what listens to notifications of `method`; what goes wrong, now or later, is logged."""
    try:
        outcome = listener(*arguments)
    except BaseException:
        _not_taken(Failure(), method)
        return
    later = as_deferred(outcome)
    if later is not None:
        later.addErrback(_not_taken, method)


def _not_taken(failure: Failure, method: str) -> None:
    log.failure("a notification could not be taken: {method}", failure=failure, method=method)
