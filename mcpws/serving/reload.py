"""Rules of which process serves while the code changes, without processes.

::

    loading ──loaded──> serving ──a newer one is loaded──> leaving ──> gone
       │
       └──failed, or a newer change──> gone
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

LEAVE_SECONDS = 5.0
"""For a server process to end, once it was told to; then it is killed."""


class Worker(Protocol):
    """A process that loads the code, and then serves when it is told to."""

    def serve(self, first: bool) -> None:
        """Accept clients from now on, as the `first` to do so or in another one's place."""

    def restart(self) -> None:
        """Close all clients, who will find the next one, and end."""

    def stop(self) -> None:
        """End in order."""

    def kill(self) -> None:
        """End at once."""


class Watch(Protocol):
    """The files that matter, as Watched has them."""

    def add(self, files: Iterable[str]) -> None: ...
    def expect_more(self, expected: bool) -> None: ...


class Reload:
    """At most one process that loads, one that serves, and those that leave.

    :param start: begins a process that loads the code.
    :param watched: gets the files that each of them has loaded.
    :param say: tells a person something, in a line.
    """

    def __init__(self, start: Callable[[], Worker], watched: Watch, say: Callable[[str], None]) -> None:
        self._start = start
        self._watched = watched
        self._say = say
        self._loading: Worker | None = None
        self._serving: Worker | None = None
        self._leaving: dict[Worker, float] = {}
        self._served = False
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether all is to end."""
        return self._stopping

    @property
    def over(self) -> bool:
        """Whether no process is left, and none will come."""
        return self._stopping and not self._workers()

    def begin(self) -> None:
        """Start the first one, or one with the code as it is now."""
        if self._stopping:
            return
        if self._loading is not None:
            # What it loads is old already.
            self._loading.kill()
            self._leaving[self._loading] = float("inf")
        self._loading = self._start()

    def loaded(self, worker: Worker, now: float) -> None:
        """`worker` has the code, and can serve."""
        if worker is not self._loading:
            return
        self._loading, before, self._serving = None, self._serving, worker
        if before is not None:
            self._leaving[before] = now + LEAVE_SECONDS
            before.restart()
        worker.serve(first=not self._served)
        self._served = True
        self._watched.expect_more(False)

    def failed(self, worker: Worker) -> None:
        """`worker` could not load the code, has said why, and ends."""
        if worker is not self._loading:
            return
        self._loading = None
        self._leaving[worker] = float("inf")
        # First: who reads what is told may act upon it at once.
        self._watched.expect_more(True)
        self._tell_what_goes_on()

    def ended(self, worker: Worker, how: str) -> None:
        """The process of `worker` is gone: `how` says with which status or signal."""
        if worker is self._loading:
            self._loading = None
            if not self._stopping:
                self._say(f"the server process ended with {how} while it was loading the code")
                self._tell_what_goes_on()
        elif worker is self._serving:
            self._serving = None
            if not self._stopping:
                self._say(f"the server process ended with {how}; a change of the code starts it again")
        else:
            del self._leaving[worker]

    def stop(self, now: float, seconds: float = 0) -> None:
        """Let all end; what serves has `seconds` more than it has when another one takes its place."""
        self._stopping = True
        if self._loading is not None:
            self._loading.kill()
        if self._serving is not None:
            self._serving.stop()
            self._leaving[self._serving] = now + seconds + LEAVE_SECONDS
            self._serving = None

    def kill(self) -> None:
        """End all at once."""
        self._stopping = True
        for worker in self._workers():
            worker.kill()

    def kill_late(self, now: float) -> None:
        """End those that should be gone by now."""
        for worker, end in list(self._leaving.items()):
            if now >= end:
                self._say("the old server process does not end: it is killed")
                self._leaving[worker] = float("inf")
                worker.kill()

    def _workers(self) -> list[Worker]:
        return [worker for worker in (self._loading, self._serving, *self._leaving) if worker is not None]

    def _tell_what_goes_on(self) -> None:
        goes_on = "the server goes on with the code from before" if self._serving else "nothing is served yet"
        self._say(f"{goes_on}; the next change of the code is tried again")
