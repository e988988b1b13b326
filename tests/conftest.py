"""Fixtures for every test: a test fails on whatever it leaves behind.

Three things go wrong in Twisted code without any assertion noticing: a Deferred fails with nobody
listening, an error is only logged, a timer, socket or child process outlives its owner. One autouse
fixture here turns each into an error of the test that caused it; the other does so with every message
that leaves mcpws meanwhile and is not what the schema of MCP says.
"""

import asyncio
import gc
import importlib.metadata
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

import pytest
import pytest_twisted
from hypothesis import settings
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import (
    IDelayedCall,
    IProcessTransport,
    IReactorFDSet,
    IReactorTime,
)
from twisted.internet.process import reapProcessHandlers
from twisted.internet.task import Clock, deferLater
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from twisted.python.log import callWithLogger
from zope.interface import implementer

from tests.emitted import Emission, forget, install
from tests.schema import complaints_about

# A closed TCP connection learns of it in the next turn of the reactor, its peer one turn later, and
# what these close in turn needs as many again. No number of turns helps a real leak.
SETTLING_TURNS = 10

# Twisted logs this line and then the failure itself, as two events: the second says it all.
LOST_FAILURE_HEADING = "Unhandled error in Deferred:"


# For `make check`: what is drawn at random is drawn again, and more of it, by `make test`.
settings.register_profile("check", max_examples=20)

# pytest asks for that of Twisted with each test, which takes a millisecond or two.
importlib.metadata.version = cache(importlib.metadata.version)


class _Reactor(IReactorTime, IReactorFDSet):
    """The reactor as far as it is searched for leaks."""


@implementer(ILogObserver)
class LoggedErrors:
    """What one test logged as an error or worse and has not claimed yet."""

    def __init__(self) -> None:
        self._events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        if event["log_level"] < LogLevel.error or event.get("log_format") == LOST_FAILURE_HEADING:
            return
        self._events.append(event)

    def flush(self, *types: type[BaseException]) -> list[LogEvent]:
        """Claim logged errors and return their events, oldest first.

        With `types` only events whose ``log_failure`` is one of these, without any every event.
        Errors of Deferreds that nobody listens to are logged, and so can be claimed, as soon as the
        last reference to the Deferred is gone.
        """
        gc.collect()
        # What is left is pytest's and the modules': a later collection need not look at it again, test after test.
        gc.freeze()
        claimed = [event for event in self._events if not types or _failed_with(event, types)]
        self._events = [event for event in self._events if event not in claimed]
        return claimed


_emitted: list[Emission] = []


def pytest_configure() -> None:
    """From now on every message that leaves mcpws is seen."""
    install(lambda said: _emitted.append(said.emission()))


@pytest.fixture(autouse=True)
def emitted(request: pytest.FixtureRequest) -> Iterator[list[Emission]]:
    """What left mcpws since the test began; the test fails on what is not valid, unless it takes that out."""
    _emitted.clear()
    forget()
    yield _emitted
    complaints = complaints_about(_emitted, request.node.get_closest_marker("not_mcp"))
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


def pytest_collection_finish() -> None:
    """Exempt what the imports made: a collection then takes under a millisecond, not 20."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until the test calls ``advance``."""
    return Clock()


@pytest.fixture(params=[LookupError, SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def raised(request: pytest.FixtureRequest) -> type[BaseException]:
    """What a function of a user's may raise: also what `except Exception` does not catch, as `sys.exit()` does."""
    return cast(type[BaseException], request.param)


@pytest.fixture
def logged_errors() -> Iterator[LoggedErrors]:
    """The errors logged since the test began; the test fails on those it does not ``flush``."""
    errors = LoggedErrors()
    globalLogPublisher.addObserver(errors)
    yield errors
    globalLogPublisher.removeObserver(errors)


@pytest.fixture
def log() -> Iterator[list[str]]:
    """The lines that backends and their children have logged since the test began."""
    lines: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        if event["log_namespace"].startswith(("mcpws.backends", "mcpws.child")):
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)


@pytest.fixture(scope="session")
def _reactor() -> _Reactor:
    # Imported here because pytest-twisted installs the reactor, and run for a turn because
    # starting adds descriptors of its own.
    from twisted.internet import reactor

    running = cast(_Reactor, reactor)
    _turn(running)
    return running


@pytest.fixture(autouse=True)
def _nothing_left_behind(_reactor: _Reactor, logged_errors: LoggedErrors, emitted: list[Emission]) -> Iterator[None]:
    before = _belongings(_reactor)
    yield
    complaints = _remove_leaks(_reactor, before)
    complaints += [_describe(event) for event in logged_errors.flush()]
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


def _remove_leaks(reactor: _Reactor, before: dict[int, Any]) -> list[str]:
    """Name what the reactor holds besides `before`, and take it away for the tests that follow."""
    for _ in range(SETTLING_TURNS):
        now = _belongings(reactor)
        leaks = [now[key] for key in now.keys() - before.keys()]
        if not leaks:
            return []
        _turn(reactor)
    complaints = [f"left in the reactor: {leak!r}" for leak in leaks]
    for leak in leaks:
        if IDelayedCall.providedBy(leak):
            if leak.active():
                leak.cancel()
        elif IProcessTransport.providedBy(leak):
            leak.signalProcess("KILL")
        else:
            reactor.removeReader(leak)
            reactor.removeWriter(leak)
            # As the reactor itself calls it: what the protocol raises is logged, and told below.
            callWithLogger(leak, leak.connectionLost, Failure(ConnectionAborted()))
    return complaints


def _turn(reactor: _Reactor) -> None:
    pytest_twisted.blockon(deferLater(reactor, 0))


def _belongings(reactor: _Reactor) -> dict[int, Any]:
    """By identity, and once: a connection may be reader and writer."""
    belongings = [
        *reactor.getDelayedCalls(),
        *reactor.getReaders(),
        *reactor.getWriters(),
        *reapProcessHandlers.values(),
    ]
    return {id(belonging): belonging for belonging in belongings}


def _failed_with(event: LogEvent, types: tuple[type[BaseException], ...]) -> bool:
    failure = event.get("log_failure")
    return failure is not None and failure.check(*types) is not None


def _describe(event: LogEvent) -> str:
    failure = event.get("log_failure")
    trace = "" if failure is None else f"\n{failure.getTraceback()}"
    return f"logged by {event['log_namespace']}: {formatEvent(event)}{trace}"
