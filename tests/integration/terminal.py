"""A pseudo-terminal, and a command that runs on it as a person would run it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

from twisted.internet.threads import deferToThread

COMMAND = (sys.executable, "-m", "mcpws.cli")
SECONDS = 60


class OnTerminal:
    """A command whose terminal is the test: in colour, with 80 columns and 24 rows unless `size` has others."""

    def __init__(self, *arguments: str, size: tuple[int, int] = (80, 24), **environment: str) -> None:
        self._screen, terminal = pty.openpty()
        self._screen_size(terminal, *size)
        self._before = termios.tcgetattr(terminal)
        self._terminal = terminal
        self.shown = b""
        self.process = subprocess.Popen(
            [*COMMAND, *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            # So that Ctrl-C is a signal.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
            env={**os.environ, "TERM": "xterm-256color", **environment},
        )

    def resize(self, columns: int, rows: int) -> None:
        """As if its window was pulled larger or smaller."""
        self._screen_size(self._terminal, columns, rows)

    def shows_what_is_typed(self) -> bool:
        """Whether it does so by itself, and waits for whole lines, as a shell has it."""
        mode: int = termios.tcgetattr(self._terminal)[3]
        return mode & (termios.ECHO | termios.ICANON) == termios.ECHO | termios.ICANON

    def types(self, text: str) -> None:
        os.write(self._screen, text.encode())

    async def shows(self, text: str) -> None:
        """Wait until it has shown this, since it last did."""
        await deferToThread(self._read, text.encode())

    async def ends(self) -> tuple[int, str]:
        """Its status, and all that it has shown, without what makes it colourful."""
        try:
            await deferToThread(self._read, None)
            status = await deferToThread(self.process.wait, SECONDS)
            assert termios.tcgetattr(self._terminal) == self._before
        finally:
            self.process.kill()
            os.close(self._screen)
            os.close(self._terminal)
        return status, plain(self.shown)

    @staticmethod
    def _screen_size(terminal: int, columns: int, rows: int) -> None:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self, until: bytes | None) -> None:
        deadline = time.monotonic() + SECONDS
        start = len(self.shown)
        while until is None or until not in self.shown[start:]:
            assert time.monotonic() < deadline, self.shown
            readable, _, _ = select.select([self._screen], [], [], 0.05)
            if readable:
                self.shown += os.read(self._screen, 65536)
            elif self.process.poll() is not None:
                assert until is None, self.shown
                return


def plain(shown: bytes) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode()).replace("\r\n", "\n")


async def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    """Status, standard output and standard error of a command that has no terminal."""
    done: subprocess.CompletedProcess[bytes] = await deferToThread(
        subprocess.run,
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()
