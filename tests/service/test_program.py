"""The beginning and the end of a program, without one; tests/integration/test_program.py has real ones."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.application.service import Service
from twisted.internet.testing import MemoryReactorClock

from mcpws import App, McpwsError
from mcpws.errors import ListenFailed
from mcpws.service.program import Signals, Start, Whole, being_loaded, run


@pytest.fixture
def start() -> Iterator[Callable[..., Start]]:
    made: list[Start] = []

    def make(**twistd: Any) -> Start:
        made.append(Start(twistd))
        return made[-1]

    yield make
    for one in made:
        one.succeeded()


class Failing(Service):
    def __init__(self, error: Exception, early: bool) -> None:
        self._error = error
        self._early = early

    def privilegedStartService(self) -> None:
        if self._early:
            raise self._error

    def startService(self) -> None:
        raise self._error


@pytest.mark.parametrize("early", [True, False])
def test_a_service_that_cannot_begin_ends_the_program_in_one_line(start: Callable[..., Start], early: bool) -> None:
    whole = Whole(start())
    Failing(ListenFailed("tcp:1", "no"), early).setServiceParent(whole)
    begin = whole.privilegedStartService if early else whole.startService
    with pytest.raises(SystemExit, match=r"^mcpws: cannot listen on tcp:1: no$"):
        begin()


def test_what_nobody_foresaw_is_left_to_the_runner(start: Callable[..., Start]) -> None:
    whole = Whole(start())
    Failing(ZeroDivisionError("no"), True).setServiceParent(whole)
    with pytest.raises(ZeroDivisionError):
        whole.privilegedStartService()


@pytest.mark.parametrize(("content", "remains"), [(str(os.getpid()), False), ("1", True), ("", True), ("x", True)])
def test_only_our_own_pid_file_is_removed(
    start: Callable[..., Start], tmp_path: Path, content: str, remains: bool
) -> None:
    path = tmp_path / "pid"
    path.write_text(content)
    start(pidfile=str(path)).remove_pidfile()
    assert path.exists() is remains


@pytest.mark.parametrize("pidfile", ["", None, "/no/such/folder/pid"])
def test_without_a_pid_file_there_is_nothing_to_remove(start: Callable[..., Start], pidfile: str | None) -> None:
    start(pidfile=pidfile).remove_pidfile()


class Reactor(MemoryReactorClock):
    """Remembers how often it was told to stop."""

    def __init__(self) -> None:
        super().__init__()
        self.stops = 0

    def stop(self) -> None:
        self.stops += 1

    def callFromThread(self, function: Callable[..., object], *args: object) -> None:
        function(*args)


@pytest.fixture
def before() -> Iterator[None]:
    functions = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, function in functions.items():
        signal.signal(number, function)


def started(reactor: Reactor) -> Signals:
    signals = Signals(reactor, 15, lambda: None)
    signals.startService()
    for function, args, kwargs in reactor.whenRunningHooks:
        function(*args, **kwargs)
    return signals


@pytest.mark.usefixtures("before")
def test_sigterm_stops_the_reactor() -> None:
    reactor = Reactor()
    started(reactor)
    signal.raise_signal(signal.SIGTERM)
    assert reactor.stops == 1


@pytest.mark.usefixtures("before")
def test_sigint_is_left_to_what_the_reactor_set_for_it() -> None:
    reactor = Reactor()
    numbers: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: numbers.append(number))
    started(reactor)
    signal.raise_signal(signal.SIGINT)
    assert (numbers, reactor.stops) == ([signal.SIGINT], 0)


@pytest.mark.usefixtures("before")
def test_sigint_that_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    started(Reactor())
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def refusal(call: Callable[[], None]) -> str:
    with pytest.raises(McpwsError) as refused:
        call()
    return str(refused.value)


def test_a_program_does_not_begin_within_another_one() -> None:
    assert refusal(App("a", "1").run).endswith("the reactor runs already: start a WebSocketService there")


def test_a_program_does_not_begin_while_its_module_is_loaded_by_another() -> None:
    token = being_loaded.set(True)
    try:
        assert 'put it under `if __name__ == "__main__":`' in refusal(lambda: run(App("a", "1")))
    finally:
        being_loaded.reset(token)


def test_a_program_begins_in_the_main_thread() -> None:
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(refusal(App("a", "1").run)))
    thread.start()
    thread.join()
    assert said == ["run() belongs in the main thread, where signals arrive"]
