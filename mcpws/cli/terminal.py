"""The terminal as a place to ask at, while the reactor goes on."""

from __future__ import annotations

import os
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from mcpws.cli.style import is_terminal, say

_CHUNK = 4096


def can_ask() -> bool:
    """Whether there is a person to ask: where questions go to and answers come from is a terminal."""
    return all(map(is_terminal, (sys.stdin, sys.stderr)))


@implementer(IReadDescriptor)
class Terminal:
    """Lines that a person types. The terminal itself lets them be edited; nothing about it is changed.

    :param fd: of the terminal.
    """

    def __init__(self, reactor: Any, fd: int = 0) -> None:
        self._reactor = reactor
        self._fd = fd
        self._typed = b""
        self._waiting: Deferred[str | None] | None = None

    def ask(self, prompt: str) -> Deferred[str | None]:
        """Show `prompt`; fires with the line that is typed then, or with None at its end, which is Ctrl-D.

        One at a time. Cancelling it stops the reading.
        """
        assert self._waiting is None
        say(prompt, newline=False)
        waiting = self._waiting = Deferred(self._withdrawn)
        self._reactor.addReader(self)
        # What was typed ahead, or pasted, is there already.
        self._next(False)
        return waiting

    def fileno(self) -> int:
        return self._fd

    def doRead(self) -> None:
        try:
            read = os.read(self._fd, _CHUNK)
        except OSError:
            # It hung up.
            read = b""
        self._typed += read
        self._next(not read)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops, or cannot read."""
        self._next(True)

    def logPrefix(self) -> str:
        return "terminal"

    def _next(self, ended: bool) -> None:
        line, newline, rest = self._typed.partition(b"\n")
        waiting = self._waiting
        if waiting is None or not (newline or ended):
            return
        self._typed = rest
        self._stop()
        if newline or line:
            waiting.callback(line.decode(errors="replace"))
        else:
            say("")
            waiting.callback(None)

    def _withdrawn(self, _: object) -> None:
        self._stop()
        # The cursor stands behind the prompt.
        say("")

    def _stop(self) -> None:
        self._waiting = None
        self._reactor.removeReader(self)
