"""`mcpws serve` as somebody has it in a terminal."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

BIN = Path(sys.executable).parent
PATIENCE = 30.0

APP = """\
from mcpws import App
from twisted.internet import reactor
from twisted.internet.task import deferLater

app = App("calculator", "1.0")


@app.tool
def add(a: int, b: int) -> int:
    return a + b


@app.tool
async def slow(seconds: float) -> str:
    return await deferLater(reactor, seconds, str, "done")
"""


class Foreground:
    """A running `mcpws serve`."""

    def __init__(self, process: "subprocess.Popen[bytes]", said: Path) -> None:
        self.process = process
        self._said = said

    def said(self) -> str:
        """All that it has printed so far."""
        return self._said.read_text(errors="replace")

    def wait_for(self, text: str, times: int = 1) -> None:
        """Until it has printed `text` so many times."""
        deadline = time.monotonic() + PATIENCE
        while self.said().count(text) < times:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.02)

    @property
    def url(self) -> str:
        self.wait_for("Ctrl-C ends it.")
        found = re.search(r"ws://127\.0\.0\.1:[0-9]+", self.said())
        assert found is not None, self.said()
        return found[0]

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def children(self) -> list[int]:
        """The process ids of all descendants."""
        return descendants(self.process.pid)

    def interrupt(self) -> None:
        """Ctrl-C: the signal goes to the whole group that the terminal has in front."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """The exit status."""
        return self.process.wait(PATIENCE)


Start = Callable[..., Foreground]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start `mcpws serve` with these arguments, in a folder of its own, on a free port unless they name one."""
    running: list[Foreground] = []
    numbers = count()

    def start(
        *arguments: str, cwd: Path | None = None, command: tuple[str | Path, ...] = (BIN / "mcpws",)
    ) -> Foreground:
        said = tmp_path / f"said-{next(numbers)}"
        port = () if {"--port", "--listen", "--config"} & set(arguments) else ("--port", "0")
        with said.open("wb") as output:
            process = subprocess.Popen(
                [*command, "serve", *port, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=cwd or tmp_path,
                start_new_session=True,
            )
        running.append(Foreground(process, said))
        return running[-1]

    yield start
    for one in running:
        left = one.children()
        one.process.kill()
        one.process.wait()
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *descendants(int(child))]
    return found


def is_alive(pid: int) -> bool:
    """Whether the process runs: one that has ended may be there until it is reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(*pids: int, seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while alive := [pid for pid in pids if is_alive(pid)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.02)
