"""The screen of `mcpws top`: a terminal that shows lines, and nothing else, until it is left as it was."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from mcpws.cli.keys import Keys
from mcpws.cli.style import is_terminal


class Screen:
    """The whole terminal on standard output, with the keys of standard input if that is one. It needs rich.

    From `enter` to `leave` it shows what `draw` gives; both do nothing the second time. Ctrl-Z leaves it meanwhile.

    :param draw: given columns and rows, has the lines, as Texts of rich.
    :param pressed: called with each key.
    """

    def __init__(
        self, reactor: Any, draw: Callable[[int, int], Sequence[Any]], pressed: Callable[[str], object]
    ) -> None:
        from rich.console import Console
        from rich.live import Live

        self._reactor = reactor
        self._draw = draw
        self._console = Console(highlight=False, markup=False, emoji=False)
        # No thread of its own, and nothing that is printed elsewhere is its business.
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._keys = Keys(reactor, pressed) if is_terminal(sys.stdin) else None
        self._signals: dict[int, Any] = {}

    @property
    def has_keys(self) -> bool:
        """Whether there is somebody who may press one."""
        return self._keys is not None

    def enter(self) -> None:
        """Take the terminal."""
        if self._live.is_started:
            return
        if self._keys is not None:
            self._keys.begin()
        self._live.start()
        self._heed(signal.SIGWINCH, lambda number, frame: self._reactor.callFromThread(self.refresh))
        if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
            self._heed(signal.SIGTSTP, lambda number, frame: self._reactor.callFromThread(self._suspend))
        self.refresh()

    def refresh(self) -> None:
        """Show what there is to show now."""
        if self._live.is_started:
            from rich.console import Group

            width, height = self._console.size
            self._live.update(Group(*self._draw(width, height)), refresh=True)

    def leave(self) -> None:
        """Leave the terminal as it was."""
        for number, before in self._signals.items():
            signal.signal(number, before)
        self._signals = {}
        try:
            self._live.stop()
        finally:
            if self._keys is not None:
                self._keys.end()

    def _heed(self, number: int, function: Callable[[int, FrameType | None], object]) -> None:
        self._signals[number] = signal.signal(number, function)

    def _suspend(self) -> None:
        """Ctrl-Z: the shell is to have its terminal as it was, and this one what it shows once it goes on."""
        self.leave()
        os.kill(os.getpid(), signal.SIGSTOP)
        self.enter()
