import sys
import threading
from collections.abc import Callable, Generator
from types import FrameType
from typing import TYPE_CHECKING, Any

import pytest
from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import LogLevel, capturedLogs, formatEvent

from mcpws.backends.app import App
from mcpws.backends.app.holding import MAX_WARNED, QUIET, STILL, TOO_LONG, Holds, Watch
from mcpws.backends.app.in_flight import InFlight
from mcpws.backends.app.places import Places
from mcpws.backends.app.signature import Signature

if TYPE_CHECKING:
    from tests.backends.conftest import AppClient, TurningClock


class Looking:
    """Functions that are at work while somebody looks; `warnings` has what was said of them."""

    def __init__(self) -> None:
        self.holds = Holds()
        self.now = 1000.0
        self.signatures: list[Signature] = []
        self.warnings: list[str] = []
        self.events: list[dict[str, Any]] = []

    def look(self, frame: FrameType | None = None) -> None:
        with capturedLogs() as logs:
            self.holds.look(self.now, frame)
        self.events += logs
        self.warnings += [formatEvent(event) for event in logs]

    def work(self, seconds: float, step: float = 0.05) -> None:
        """What a function does that works so long."""
        end = self.now + seconds
        self.look(sys._getframe())
        while self.now < end - step / 2:
            self.now += step
            self.look(sys._getframe())

    def add(self, function: Callable[..., Any], kind: str = "tool") -> Callable[..., Any]:
        self.signatures.append(Signature(function, kind))
        self.holds.add(self.signatures[-1])
        return function


@pytest.fixture
def looking() -> Looking:
    return Looking()


def test_a_function_that_held_up_the_reactor_is_named_with_how_long(looking: Looking) -> None:
    def slow(seconds: float) -> None:
        looking.work(seconds)

    looking.add(slow)
    slow(0.5)
    assert looking.warnings == []
    looking.look(sys._getframe())
    [warning] = looking.warnings
    line = slow.__code__.co_firstlineno + 1
    assert warning == (
        f"tool slow held up the reactor for 0.50 s, and with it every client, in test_holding.py:{line}: "
        'let it run in a thread, with @app.tool(on="thread")'
    )
    [event] = looking.events
    assert event["log_level"] is LogLevel.warn
    assert (event["kind"], event["function"], round(event["seconds"], 3)) == ("tool", looking.signatures[0].label, 0.5)


@pytest.mark.parametrize("seconds", [0, 0.1, TOO_LONG])
def test_one_that_returns_soon_is_not(looking: Looking, seconds: float) -> None:
    def quick() -> None:
        looking.work(seconds)

    looking.add(quick)
    for _ in range(10):
        quick()
    looking.look()
    assert looking.warnings == []


def test_many_short_calls_in_a_row_are_no_long_one(looking: Looking) -> None:
    def quick() -> None:
        looking.look(sys._getframe())

    looking.add(quick)
    for _ in range(100):
        quick()
        looking.now += 0.05
    assert looking.warnings == []


def test_the_steps_of_a_coroutine_are_no_long_one(looking: Looking) -> None:
    async def steps() -> None:
        for _ in range(100):
            await next_step()

    @inlineCallbacks
    def steps_too() -> Generator[Deferred[None], None, None]:
        for _ in range(100):
            looking.look(sys._getframe())
            waiting.append(Deferred())
            yield waiting[-1]

    async def next_step() -> None:
        looking.look(sys._getframe())
        waiting.append(Deferred())
        await waiting[-1]

    waiting: list[Deferred[None]] = []
    for function in (steps, steps_too):
        looking.add(function)
        running = function() if function is steps_too else Deferred.fromCoroutine(steps())
        while not running.called:
            looking.now += 0.05
            waiting.pop().callback(None)
    assert looking.warnings == []


def test_a_long_step_of_a_coroutine_is_found(looking: Looking) -> None:
    async def slow() -> None:
        await Deferred.fromCoroutine(nothing())
        await waiting
        looking.work(1)

    async def nothing() -> None: ...

    looking.add(slow)
    waiting: Deferred[None] = Deferred()
    running = Deferred.fromCoroutine(slow())
    waiting.callback(None)
    looking.look()
    assert running.called
    [warning] = looking.warnings
    assert warning.startswith("tool slow held up the reactor for 1.00 s")
    assert 'it is to await what takes long, or to be no coroutine and @app.tool(on="thread")' in warning


def test_the_function_that_was_called_is_named_and_not_those_that_it_calls(looking: Looking) -> None:
    def inner() -> None:
        looking.work(0.5)

    def outer() -> None:
        inner()

    looking.add(inner)
    looking.add(outer, "resource")
    outer()
    looking.look()
    [warning] = looking.warnings
    assert warning.startswith("resource outer held up")
    assert '@app.resource(..., on="thread")' in warning


def test_one_that_goes_on_and_on_is_told_of_meanwhile_and_only_once(looking: Looking) -> None:
    def endless() -> None:
        looking.work(STILL + 3)
        assert len(looking.warnings) == 1

    looking.add(endless)
    endless()
    looking.look()
    [warning] = looking.warnings
    assert warning.startswith(f"tool endless holds up the reactor, so far for {STILL:.1f}")


def test_each_is_warned_of_once_a_minute_at_most(looking: Looking) -> None:
    def one() -> None:
        looking.work(0.5)

    def other() -> None:
        looking.work(0.5)

    looking.add(one)
    looking.add(other)
    for _ in range(10):
        one()
        other()
        looking.look()
    assert len(looking.warnings) == 2
    looking.now += QUIET
    one()
    looking.look()
    assert len(looking.warnings) == 3


def test_what_is_remembered_of_warnings_is_bounded(looking: Looking) -> None:
    for number in range(MAX_WARNED + 10):

        def slow() -> None:
            looking.work(0.5)

        slow.__qualname__ = f"slow{number}"
        # Each has a code of its own, as each function of a program has.
        slow.__code__ = slow.__code__.replace(co_name=f"slow{number}")
        looking.add(slow)
        slow()
        looking.look()
    assert len(looking.warnings) == MAX_WARNED + 10
    assert len(looking.holds._warned) == MAX_WARNED


def test_what_is_registered_no_more_is_forgotten(looking: Looking) -> None:
    def gone() -> None:
        looking.work(0.5)

    looking.add(gone)
    looking.signatures.clear()
    gone()
    looking.look()
    assert looking.warnings == []
    assert looking.holds._signatures == {}


def test_only_functions_in_the_turns_of_the_reactor_are_looked_for() -> None:
    def here() -> None: ...
    def there() -> None: ...

    places = Places("reactor", InFlight(), 1, 1)
    kept = [Signature(here, "tool", places.where(None)), Signature(there, "tool", places.where("thread"))]
    assert [of() for of in places.holds._signatures.values()] == kept[:1]
    assert len(kept) == 2


class Recording(Holds):
    """Keeps the names of the functions that it was shown, and says when it has looked."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.looks = threading.Semaphore(0)

    def look(self, now: float, frame: FrameType | None) -> None:
        super().look(now, frame)
        while frame is not None:
            self.names.add(frame.f_code.co_name)
            frame = frame.f_back
        self.looks.release()


def test_a_watch_looks_at_the_thread_that_began_it_until_it_ends() -> None:
    holds = Recording()
    watch = Watch(holds)
    watch.begin()
    assert holds.looks.acquire(timeout=60)
    assert test_a_watch_looks_at_the_thread_that_began_it_until_it_ends.__name__ in holds.names
    watch.rest()
    watch.begin()
    assert holds.looks.acquire(timeout=60)
    assert watch._thread is not None
    assert watch._thread.daemon
    watch.end()
    watch._thread.join(60)
    assert not watch._thread.is_alive()


def test_a_watch_does_not_rest_before_what_is_at_work_has_ended() -> None:
    def work() -> None:
        while not holds.has_any:
            assert holds.looks.acquire(timeout=60)
        watch.rest()
        for _ in range(3):
            assert holds.looks.acquire(timeout=60)

    holds = Recording()
    signature = Signature(work, "tool")
    holds.add(signature)
    watch = Watch(holds)
    watch.begin()
    work()
    while holds.has_any:
        assert holds.looks.acquire(timeout=60)
    watch.end()
    assert watch._thread is not None
    watch._thread.join(60)


def test_it_watches_while_there_are_clients(new_client: Callable[..., "AppClient"], turning: "TurningClock") -> None:
    app = App("a", "1", clock=turning)

    def watching() -> bool:
        return any(thread.name == "mcpws-watch" for thread in threading.enumerate())

    before = watching()
    one, other = new_client(app), new_client(app)
    assert watching()
    one.channel.close("gone")
    assert app._places._watch._awake.is_set()
    other.channel.close("gone")
    assert not app._places._watch._awake.is_set()
    app.stop()
    thread = app._places._watch._thread
    assert thread is not None
    thread.join(60)
    assert watching() is before


def test_it_does_not_where_no_reactor_runs(app: App, client: "AppClient") -> None:
    assert app._places._watch._thread is None
