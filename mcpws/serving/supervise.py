"""The process that keeps the port while others serve on it, one after another."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

from mcpws.serving.blame import shown_path
from mcpws.serving.reload import Reload
from mcpws.serving.turn import RESTART, SERVE, SERVE_FIRST, STOP, Turn
from mcpws.serving.watched import Watched

LOOK = 0.2
"""Seconds between two looks at the files, at least."""

SETTLE = 0.1
"""Seconds without a further change, before one is acted upon: several files are saved at once."""

MAX_SETTLE = 1.0
"""Seconds, whatever else changes."""

SHARE = 0.1
"""Of the time that may go into looking at files, however many they are."""

MAX_NAMED = 3
"""Changed files that are named."""


class _Forked(BaseException):
    """Signal that this is the new process now."""

    def __init__(self, turn: Turn) -> None:
        super().__init__(turn)
        self.turn = turn


class _Forker:
    """One server process, as it looks from the one that has forked it."""

    def __init__(self, pid: int, orders: int, reports: int) -> None:
        self.pid = pid
        self.reports = reports
        self._orders = orders
        self._begun = b""

    def serve(self, first: bool) -> None:
        self._order(SERVE_FIRST if first else SERVE)

    def restart(self) -> None:
        self._order(RESTART)

    def stop(self) -> None:
        self._order(STOP)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def take_reports(self) -> list[tuple[str, list[str]]]:
        """Reports of what has happened, and with which files; nothing any more once the process is gone."""
        self._begun += os.read(self.reports, 65536)
        *lines, self._begun = self._begun.split(b"\n")
        told = [json.loads(line) for line in lines]
        return [(one["what"], one["files"]) for one in told]

    def close(self) -> None:
        """Let go of it, in whichever process."""
        for descriptor in (self._orders, self.reports):
            os.close(descriptor)

    def _order(self, order: bytes) -> None:
        # One that is gone is noticed otherwise.
        with suppress(BrokenPipeError):
            os.write(self._orders, order)


class Supervision:
    """Forks server processes, watches files, and ends with the first signal.

    It uses no reactor: each of the others begins one.

    :param watched: the files.
    :param say: tells a person something, in a line.
    :param drain_seconds: for what is in flight when all is to end.
    """

    def __init__(self, watched: Watched, say: Callable[[str], None], drain_seconds: float) -> None:
        self._watched = watched
        self._say = say
        self._drain_seconds = drain_seconds
        self._reload = Reload(self._fork, watched, say)
        self._workers: dict[int, _Forker] = {}
        self._changed: dict[str, None] = {}
        self._changed_at = 0.0
        self._received: list[int] = []
        self._wake, self._woken = socket.socketpair()
        self._before: dict[int, object] = {}

    def run(self) -> Turn | int:
        """In each server process its Turn; in this one, at the end, the signal that ended it.

        The server processes are forked from here, so whatever calls it goes on in all of them.
        """
        self._set_signals()
        try:
            self._reload.begin()
            self._loop()
        except _Forked as forked:
            return forked.turn
        finally:
            self._restore_signals()
        return self._received[0]

    def _loop(self) -> None:
        woken = self._woken.fileno()
        look_at = time.monotonic() + LOOK
        while not self._reload.over:
            readable = {worker.reports: worker for worker in self._workers.values()}
            timeout = max(0.0, look_at - time.monotonic())
            ready, _, _ = select.select([woken, *readable], [], [], timeout)
            if woken in ready:
                self._woken.recv(4096)
            for descriptor in ready:
                if descriptor in readable:
                    self._hear(readable[descriptor])
            self._reap()
            now = time.monotonic()
            self._reload.kill_late(now)
            self._heed(now)
            if now >= look_at:
                look_at = self._look(now)

    def _look(self, now: float) -> float:
        """Act upon what has changed, if there are no more changes by now; when to look again."""
        changed = self._watched.changed()
        after = time.monotonic()
        if changed and not self._changed:
            self._changed_at = now
        self._changed.update(dict.fromkeys(changed))
        if changed and now < self._changed_at + MAX_SETTLE:
            return after + SETTLE
        if self._changed and not self._received:
            names = [shown_path(file) for file in self._changed]
            more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
            self._say(f"{', '.join(names[:MAX_NAMED])}{more} changed: loading the code again")
            self._changed.clear()
            self._reload.begin()
        return after + max(LOOK, (after - now) / SHARE)

    def _hear(self, worker: _Forker) -> None:
        try:
            reports = worker.take_reports()
        except BlockingIOError:
            return
        for what, files in reports:
            self._watched.add(files)
            if what == "loaded":
                self._reload.loaded(worker, time.monotonic())
            elif what == "failed":
                self._reload.failed(worker)

    def _reap(self) -> None:
        for worker in list(self._workers.values()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                # What it said last, before that it is gone.
                self._hear(worker)
                del self._workers[pid]
                worker.close()
                self._reload.ended(worker, _how(os.waitstatus_to_exitcode(status)))

    def _heed(self, now: float) -> None:
        if len(self._received) == 1 and not self._reload.stopping:
            self._reload.stop(now, self._drain_seconds)
        elif len(self._received) > 1:
            self._reload.kill()

    def _fork(self) -> _Forker:
        orders, give = os.pipe()
        hear, reports = os.pipe()
        # A process that it has forked itself may hold the other end, and never write.
        os.set_blocking(hear, False)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            os.close(give)
            os.close(hear)
            for other in self._workers.values():
                # With a copy of what orders come through nobody would see its end.
                other.close()
            raise _Forked(Turn(orders, reports))
        os.close(orders)
        os.close(reports)
        worker = self._workers[pid] = _Forker(pid, give, hear)
        return worker

    def _set_signals(self) -> None:
        self._wake.setblocking(False)
        self._woken.setblocking(False)
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGINT, signal.SIGTERM):
            # What is ignored stays so, as for a job in the background.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._signalled)
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda number, frame: None)

    def _restore_signals(self) -> None:
        signal.set_wakeup_fd(-1)
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]
        self._wake.close()
        self._woken.close()

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self._received.append(number)


def _how(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"status {code}"
