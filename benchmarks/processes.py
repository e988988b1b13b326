"""Processes on cores of their own."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from benchmarks.competitors import ENVIRONMENT, ROOT

HOST = "127.0.0.1"
START_SECONDS = 30.0
STOP_SECONDS = 15.0


class Failed(Exception):
    """A competitor, or a window with it, did not do what it should."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Where what is measured runs, and where what drives it does."""

    measured: int
    load: int


def cores() -> Cores:
    """Two cores of this process, or one twice if it has no more."""
    allowed = os.sched_getaffinity(0)
    return Cores(min(allowed), max(allowed))


def raise_file_limit() -> int:
    """Let this process, and those that it starts, open as many files as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        port: int = unused.getsockname()[1]
        return port


class Serving:
    """A server process on `core`; what it prints goes to `log`. `stop` it."""

    def __init__(self, command: Sequence[str], port: int, core: int, log: Path) -> None:
        self.port = port
        self._log = log
        with log.open("wb") as output:
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    cwd=ROOT,
                    env=_environment(),
                    preexec_fn=lambda: os.sched_setaffinity(0, {core}),
                )
            except OSError as error:
                raise Failed(f"{Path(command[0]).name} cannot be started: {error.strerror}") from None
        self.pid = self._process.pid

    def wait(self) -> None:
        """Until it listens; raises Failed if it ends, or takes too long."""
        deadline = monotonic() + START_SECONDS
        while monotonic() < deadline:
            if self._process.poll() is not None:
                raise Failed(f"ended with status {self._process.returncode}: {self.last_words()}")
            try:
                socket.create_connection((HOST, self.port), timeout=1).close()
            except OSError:
                sleep(0.05)
            else:
                return
        raise Failed(f"does not listen after {START_SECONDS:.0f} s: {self.last_words()}")

    def last_words(self) -> str:
        """The last line that it printed."""
        lines = self._log.read_text(errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def run(command: Sequence[str], core: int, timeout: float) -> str:
    """Standard output of a command on `core`; raises Failed with its last words if it does not succeed in time."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=ROOT,
            env=_environment(),
            preexec_fn=lambda: os.sched_setaffinity(0, {core}),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"took more than {timeout:.0f} s") from None
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise Failed(lines[-1] if lines else f"ended with status {done.returncode}")
    return done.stdout


def _environment() -> Mapping[str, str]:
    return {**os.environ, **ENVIRONMENT}
