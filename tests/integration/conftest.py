"""The installed programs, run as a user runs them: each fixture leaves no process behind."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from tests.emitted import About, Emission, Sender
from tests.schema import complaints_about

ROOT = Path(__file__).parents[2]
VALIDATING = Path(__file__).parent / "validating"
BIN = Path(sys.executable).parent
FOREIGN = ROOT / ".foreign"

LISTENING = re.compile(r"listening on tcp[46]:\S*:(\d+)")
START_SECONDS = 30.0
STOP_SECONDS = 30.0


class Service:
    """A running `twistd mcpws`."""

    def __init__(self, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.process = process
        self._log = log
        self.port = self._wait_for_port()
        self.url = f"ws://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def children(self) -> list[int]:
        """The process ids of all descendants."""
        return _descendants(self.pid)

    def resident_kib(self) -> int:
        """Memory in use now."""
        return _status(self.pid, "VmRSS")

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.process.kill()

    def wait(self, seconds: float = STOP_SECONDS) -> int:
        """The exit status. Blocks, so the test's own reactor stands still meanwhile."""
        return self.process.wait(seconds)

    def _wait_for_port(self) -> int:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            match = LISTENING.search(self.log())
            if match:
                return int(match[1])
            if self.process.poll() is not None:
                raise AssertionError(f"twistd ended with {self.process.returncode}:\n{self.log()}")
            time.sleep(0.02)
        raise AssertionError(f"twistd does not listen:\n{self.log()}")


class Elsewhere:
    """What left mcpws in the processes that a test started."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def take(self) -> tuple[list[Emission], list[str]]:
        """The messages, and why there may be some missing."""
        if not self._path.exists():
            return [], []
        lines = []
        for line in self._path.read_bytes().splitlines():
            with suppress(ValueError):
                lines.append(json.loads(line))
        self._path.unlink()
        failures = [line["failure"] for line in lines if "failure" in line]
        return [_emission(**line) for line in lines if "failure" not in line], failures


def _emission(sender: Sender, about: list[list[str]], message: str, passed_on: bool) -> Emission:
    return Emission(sender, tuple(About(*one) for one in about), message.encode(), passed_on)


@pytest.fixture(autouse=True)
def elsewhere(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Elsewhere]:
    """As `emitted`, for other processes."""
    path = tmp_path_factory.mktemp("emitted") / "emitted"
    monkeypatch.setenv("TESTS_OF_MCPWS_EMITTED", str(path))
    monkeypatch.setenv("TESTS_OF_MCPWS_PREFIX", sys.prefix)
    monkeypatch.setenv("PYTHONPATH", str(VALIDATING), prepend=os.pathsep)
    elsewhere = Elsewhere(path)
    yield elsewhere
    emissions, failures = elsewhere.take()
    complaints = failures + complaints_about(emissions, request.node.get_closest_marker("not_mcp"))
    if complaints:
        pytest.fail("\n".join(complaints), pytrace=False)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Start `twistd mcpws` on a free port with further arguments; stopped after the test."""
    with _serving(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def serve_the_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Service]]:
    """The same; stopped after all tests of the module."""
    with _serving(tmp_path_factory.mktemp("served")) as start:
        yield start


@contextmanager
def _serving(folder: Path) -> Iterator[Callable[..., Service]]:
    running: list[Service] = []
    numbers = count()

    def start(
        *arguments: str,
        program: str = "twistd",
        cwd: Path | None = None,
        wrapper: tuple[str, ...] = (),
        reactor: str | None = None,
    ) -> Service:
        log = folder / f"service-{next(numbers)}.log"
        # twist logs JSON when nobody watches.
        options = ["-n", "--pidfile="] if program == "twistd" else ["--log-format=text"]
        if reactor is not None:
            options.append(f"--reactor={reactor}")
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*wrapper, BIN / program, *options, "mcpws", "--port", "0", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=cwd or folder,
            )
        try:
            service = Service(process, log)
        except BaseException:
            process.kill()
            process.wait()
            raise
        running.append(service)
        return service

    try:
        yield start
    finally:
        for service in running:
            if service.process.poll() is None:
                children = service.children()
                service.kill()
                service.wait()
                # Not all end with it, and not all when their input does.
                for child in children:
                    with suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)


@pytest.fixture
def twistd(tmp_path: Path) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Run `twistd mcpws` with arguments that make it end by itself."""

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [BIN / "twistd", "-n", "--pidfile=", "mcpws", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
            cwd=tmp_path,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def sdk1() -> Path:
    """The programs of a virtual environment with the official Python SDK 1.x."""
    return FOREIGN / "sdk1" / "bin"


@pytest.fixture(scope="session")
def sdk2() -> Path:
    """The programs of a virtual environment with the official Python SDK 2.x."""
    return FOREIGN / "sdk2" / "bin"


@pytest.fixture(scope="session")
def node() -> Path:
    """A folder with the npm packages under `node_modules`; without npm these tests cannot be."""
    if not (FOREIGN / "node").exists() and "CI" not in os.environ:
        pytest.skip("npm is not installed")
    return FOREIGN / "node"


def _status(pid: int, key: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1])
    raise AssertionError(f"no {key} of process {pid}")


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        direct = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return found
    for child in direct:
        found += [child, *_descendants(child)]
    return found
