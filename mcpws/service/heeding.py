"""Signals on which a program does something, and goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

from twisted.application.service import Service


class Heeding(Service):
    """Calls what belongs to each signal, in the reactor, for as long as it runs.

    What is ignored stays so, as SIGHUP does with nohup. A SIGHUP that says that the terminal of the program is gone
    ends it, as it would without this.

    :param calls: by the number of the signal; asked for once the reactor runs. A signal without any is left alone.
    """

    def __init__(self, reactor: Any, calls: Callable[[], Mapping[int, Sequence[Callable[[], None]]]]) -> None:
        self._reactor = reactor
        self._calls = calls
        self._before: dict[int, Any] = {}
        self._had_terminal = has_terminal()

    def startService(self) -> None:
        super().startService()
        # The reactor sets its own signal functions when it begins to run: this has to come after.
        self._reactor.callWhenRunning(self._install)

    def stopService(self) -> None:
        super().stopService()
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before.clear()

    def _install(self) -> None:
        self._had_terminal = has_terminal()
        for number, calls in self._calls().items():
            if calls and signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._received(calls))

    def _received(self, calls: Sequence[Callable[[], None]]) -> Callable[[int, FrameType | None], None]:
        def received(number: int, frame: FrameType | None) -> None:
            if number == signal.SIGHUP and self._had_terminal and not has_terminal():
                signal.signal(number, signal.SIG_DFL)
                signal.raise_signal(number)
            for call in calls:
                self._reactor.callFromThread(call)

        return received


def has_terminal() -> bool:
    """Whether this process has a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
