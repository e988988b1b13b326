"""A server process that is one of several in turn, as it looks from within."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress

SERVE, SERVE_FIRST, RESTART, STOP = b"v", b"f", b"r", b"s"
"""Orders. The end of the pipe that they come through is the end of the process that gives them."""


class Turn:
    """Dealings of a server process with the one that keeps its port.

    :param orders: file descriptor to read them from.
    :param reports: file descriptor to write to what happens here, as lines of JSON.
    """

    def __init__(self, orders: int, reports: int) -> None:
        self.first = False
        """Whether nobody has served before; known once it is this process's turn."""
        self._orders = orders
        self._reports = reports
        self._told: set[str] = set()

    def failed(self, files: Iterable[str]) -> None:
        """The code cannot be loaded; `files` are those of which a change may help. The process is to end now."""
        self._report("failed", files)

    def loaded(self, files: Iterable[str]) -> None:
        """The code is loaded, from `files`. Returns when it is this process's turn to serve; SystemExit if never."""
        self._report("loaded", files)
        order = os.read(self._orders, 1)
        if order not in (SERVE, SERVE_FIRST):
            raise SystemExit(0)
        self.first = order == SERVE_FIRST

    def more(self, files: Iterable[str]) -> None:
        """Files of modules that were imported meanwhile."""
        if set(files) - self._told:
            self._report("more", files)

    def obey(self, restart: Callable[[], None], stop: Callable[[], None], gone: Callable[[], None]) -> threading.Thread:
        """From now on call `restart` or `stop` when told to, in a thread of its own, which it returns.

        `gone` is called last, when the other process is gone, however that came: nobody is left then who could end this
        one, even if something holds its reactor.
        """
        thread = threading.Thread(target=self._obey, args=(restart, stop, gone), name="mcpws turn", daemon=True)
        thread.start()
        return thread

    def _obey(self, restart: Callable[[], None], stop: Callable[[], None], gone: Callable[[], None]) -> None:
        while order := os.read(self._orders, 1):
            if order == RESTART:
                restart()
            elif order == STOP:
                stop()
        gone()

    def _report(self, what: str, files: Iterable[str]) -> None:
        new = sorted(set(files) - self._told)
        self._told.update(new)
        line = memoryview(json.dumps({"what": what, "files": new}).encode() + b"\n")
        # Whoever read them may be gone: the orders tell.
        with suppress(BrokenPipeError):
            while line:
                line = line[os.write(self._reports, line) :]
