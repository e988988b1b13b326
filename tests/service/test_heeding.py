"""Signals on which a program does something, and goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from mcpws.log.output import LogFile
from mcpws.service import heeding
from mcpws.service.heeding import Heeding


class Running:
    """A reactor that runs: whatever it is to call it calls at once."""

    def callWhenRunning(self, call: Any) -> None:
        call()

    def callFromThread(self, call: Any) -> None:
        call()


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGUSR1)}
    yield
    for number, function in before.items():
        signal.signal(number, function)


def heeding_of(calls: Mapping[int, Sequence[Any]]) -> Heeding:
    service = Heeding(Running(), lambda: calls)
    service.startService()
    return service


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_each_signal_calls_what_belongs_to_it_in_order(number: int) -> None:
    before = signal.getsignal(number)
    called: list[str] = []
    service = heeding_of({number: [lambda: called.append("first"), lambda: called.append("second")]})
    os.kill(os.getpid(), number)
    assert called == ["first", "second"]
    service.stopService()
    assert signal.getsignal(number) is before


def test_a_log_file_is_opened_anew_after_somebody_has_renamed_it(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "log"))
    service = heeding_of({signal.SIGHUP: [log.reopen]})
    os.rename(tmp_path / "log", tmp_path / "log.1")
    os.kill(os.getpid(), signal.SIGHUP)
    log.write("it rains\n")
    log.flush()
    assert (tmp_path / "log.1").read_text() == ""
    assert (tmp_path / "log").read_text() == "it rains\n"
    service.stopService()
    log.close()


def test_a_signal_that_is_ignored_stays_so() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    service = heeding_of({signal.SIGHUP: [list], signal.SIGUSR1: [list]})
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    assert callable(signal.getsignal(signal.SIGUSR1))
    service.stopService()


def test_a_signal_that_calls_nothing_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGHUP)
    service = heeding_of({signal.SIGHUP: []})
    assert signal.getsignal(signal.SIGHUP) is before
    service.stopService()


@pytest.mark.parametrize(("had", "has", "ends"), [(True, False, True), (True, True, False), (False, False, False)])
def test_a_hangup_of_the_terminal_ends_the_program_and_no_other_one_does(
    had: bool, has: bool, ends: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heeding, "has_terminal", lambda: had)
    called: list[str] = []
    raised: list[int] = []
    service = heeding_of({signal.SIGHUP: [lambda: called.append("read")]})
    monkeypatch.setattr(heeding, "has_terminal", lambda: has)
    monkeypatch.setattr(signal, "raise_signal", raised.append)
    function: Any = signal.getsignal(signal.SIGHUP)
    function(signal.SIGHUP, None)
    assert (raised == [signal.SIGHUP]) is ends
    service.stopService()
