"""Keys that a person presses, one by one, while the reactor goes on."""

from __future__ import annotations

import os
import termios
import tty
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

_CHUNK = 4096


@implementer(IReadDescriptor)
class Keys:
    """Reads keys as they are pressed, from `begin` to `end`, and shows none of them.

    The signals of the keyboard stay, but for that of Ctrl-\\, which would leave the terminal as it is then. Ctrl-C is
    for whoever has its signal.

    :param pressed: called with each character. A key that sends several, as an arrow does, is left out.
    :param fd: of the terminal.
    """

    def __init__(self, reactor: Any, pressed: Callable[[str], object], fd: int = 0) -> None:
        self._reactor = reactor
        self._pressed = pressed
        self._fd = fd
        self._before: list[Any] | None = None

    def begin(self) -> None:
        """Take each key from now on; once more does nothing."""
        if self._before is not None:
            return
        self._before = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd, termios.TCSANOW)
        mode = termios.tcgetattr(self._fd)
        mode[6][termios.VQUIT] = os.fpathconf(self._fd, "PC_VDISABLE").to_bytes(1, "big")
        termios.tcsetattr(self._fd, termios.TCSANOW, mode)
        self._reactor.addReader(self)

    def end(self) -> None:
        """Leave the terminal as it was; once more does nothing. It may be called where the process ends at once."""
        before, self._before = self._before, None
        if before is None:
            return
        self._reactor.removeReader(self)
        # It may have been hung up.
        with suppress(termios.error):
            termios.tcsetattr(self._fd, termios.TCSADRAIN, before)

    def fileno(self) -> int:
        return self._fd

    def doRead(self) -> None:
        try:
            read = os.read(self._fd, _CHUNK)
        except OSError:
            read = b""
        if not read:
            # It hung up: there are no more keys.
            self._reactor.removeReader(self)
        elif not read.startswith(b"\x1b"):
            for character in read.decode(errors="replace"):
                if self._before is not None:
                    self._pressed(character)

    def connectionLost(self, reason: Failure) -> None:
        """The reactor stops, or cannot read."""
        self.end()

    def logPrefix(self) -> str:
        return "keys"
