"""What the log of a real service says: the lines of the operations page, which are those of this run."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest

from mcpws.testing.raw import CLOSE, TEXT
from tests.integration.conftest import LISTENING
from tests.integration.live import BlockingClient

if TYPE_CHECKING:
    from tests.integration.conftest import Service

    Serve: TypeAlias = Callable[..., Service]

pytestmark = [pytest.mark.integration, pytest.mark.not_mcp("clients say what must not be", made=True)]

BIN = Path(sys.executable).parent
PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
CHILD = Path(__file__).parent / "servers" / "broken.py"
SECONDS = 20.0

TOOLS = '''
"""Tools for the log to tell of."""

import time

from mcpws import App, ToolError

app = App("calculator", "1.0")


@app.tool()
def add(a: int, b: int) -> int:
    return a + b


@app.tool()
def divide(a: int, b: int) -> int:
    if b == 0:
        raise ToolError("b must not be 0")
    return a // b


@app.tool()
def lookup(key: str) -> str:
    return {}[key]


@app.tool()
def crunch() -> str:
    time.sleep(0.5)
    return "done"
'''

# What differs from run to run, and what the page has in its place.
VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+[+-]\d\d:\d\d"), "TIME"),
    (re.compile(r"tcp4:127\.0\.0\.1:\d+"), "PEER"),
    (re.compile(r"reference ([0-9a-f]{8})"), "reference REFERENCE"),
    (re.compile(r'"reference": "[0-9a-f]{8}"'), '"reference": "REFERENCE"'),
    (re.compile(r"child \d+"), "child PID"),
    (re.compile(r'"pid": \d+'), '"pid": PID'),
    (re.compile(r"started: \S+"), "started: PROGRAM"),
    (re.compile(r'"program": "[^"]+"'), '"program": "PROGRAM"'),
    (re.compile(r"(?<=[ (])\d+(\.\d+)?(e-\d+)? s\b"), "N s"),
    (re.compile(r"\d+ bytes"), "N bytes"),
    (re.compile(r'("(seconds|bytes|bytes_received|bytes_sent)": )[\d.e-]+'), r"\1N"),
    (re.compile(r"calculator\.py:\d+"), "calculator.py:LINE"),
    (re.compile(r"\"traceback\": \"(?:[^\"\\]|\\.)*\""), '"traceback": "..."'),
)


def wait_for(log: Callable[[], str], text: str, count: int = 1) -> None:
    deadline = time.monotonic() + SECONDS
    while log().count(text) < count:
        assert time.monotonic() < deadline, f"no {text!r} in:\n{log()}"
        time.sleep(0.02)


def what_happens(service: Service) -> None:
    """All that the page tells of a service with functions, in its order."""
    log = service.log
    client = BlockingClient(
        service.port, "/mcp", {"User-Agent": "inspector/2.1", "Sec-WebSocket-Protocol": "mcp"}
    ).begin()
    client.ask(1, "tools/call", name="add", arguments={"a": 1, "b": 2})
    client.ask(2, "tools/call", name="divide", arguments={"a": 1, "b": 0})
    client.ask(3, "resources/read", uri="file:///nowhere")
    client.ask(4, "tools/call", name="lookup", arguments={"key": "secret"})
    client.ask(5, "tools/call", name="crunch", arguments={})
    wait_for(log, "and with it every client")
    client.close(1000, b"that is all")
    wait_for(log, "that is all")
    for path, headers in (
        ("/", {"Origin": "https://app.example.com"}),
        ("/", {"Host": "mcp.example.com"}),
        ("/api", {}),
    ):
        BlockingClient(service.port, path, headers).close(None)
    rude = BlockingClient(service.port)
    for _ in range(2):
        rude.send_frame(TEXT, b"{")
    while rude.next_frame().opcode != CLOSE:
        pass
    rude.close(1008)
    wait_for(log, "too many bad messages")
    BlockingClient(service.port).close(None)
    wait_for(log, "dropped without")
    last = BlockingClient(service.port)
    wait_for(log, "connected", 4)
    service.terminate()
    assert last.next_frame().opcode == CLOSE
    last.close(1001)
    assert service.wait() == 0


def what_a_child_does(service: Service) -> None:
    """What the page tells of a service with children."""
    client = BlockingClient(service.port).begin()
    [child] = service.children()[:1]
    os.kill(child, signal.SIGKILL)
    while client.next_frame().opcode != CLOSE:
        pass
    client.close(1011)
    wait_for(service.log, "closed by")
    service.terminate()
    assert service.wait() == 0


@pytest.fixture(params=["text", "json"])
def form(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_service_with_functions_says_what_the_page_does(serve: Serve, form: str, tmp_path: Path) -> None:
    (tmp_path / "calculator.py").write_text(TOOLS)
    options = ("--app", "calculator:app", "--access-log", "--max-bad-messages", "1", "--log-format", form)
    service = serve(*options)
    what_happens(service)
    assert lines_of(service.log(), form) == shown(form, "functions")


def test_a_service_with_children_says_what_the_page_does(serve: Serve, form: str) -> None:
    service = serve("--stdio", f"{sys.executable} {CHILD}", "--no-translate", "--log-format", form)
    what_a_child_does(service)
    assert lines_of(service.log(), form) == shown(form, "children")


def lines_of(log: str, form: str) -> list[str]:
    """What the service says of its clients, without what differs from run to run."""
    names = "connection", "request", "function", "limit", "child"
    if form == "text":
        own = re.compile(rf"\S+ \[mcpws\.({'|'.join(names)})#")
        return [normal(line) for line in log.splitlines() if own.match(line)]
    own = re.compile(rf'"logger": "mcpws\.({"|".join(names)})"')
    return [normal(line) for line in log.splitlines() if own.search(line)]


def shown(form: str, part: str) -> list[str]:
    """The lines of the page."""
    block = re.search(rf"<!-- log: {part}, {form} -->\n```\w+\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert block is not None
    return [normal(line) for line in block[1].splitlines()]


def normal(line: str) -> str:
    for pattern, instead in VARYING:
        line = pattern.sub(instead, line)
    return line


@contextmanager
def a_daemon(folder: Path, *options: str) -> Iterator[tuple[Path, int, int]]:
    """Log, port and process id of a `twistd mcpws` in the background."""
    log, pidfile = folder / "mcpws.log", folder / "mcpws.pid"
    command = [str(BIN / "twistd"), f"--pidfile={pidfile}", f"--logfile={log}", "mcpws", "--port", "0", *options]
    subprocess.run(command, cwd=folder, check=True, timeout=SECONDS, stdin=subprocess.DEVNULL)
    pid = int(pidfile.read_text())
    try:
        port = LISTENING.search(log.read_text())
        assert port is not None
        yield log, int(port[1]), pid
    finally:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + SECONDS
        while pidfile.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1], ids=lambda number: number.name)
def test_a_daemon_goes_on_in_a_new_file_after_a_signal(tmp_path: Path, number: signal.Signals, form: str) -> None:
    with a_daemon(tmp_path, "--log-format", form) as (log, port, pid):
        BlockingClient(port).close()
        wait_for(log.read_text, "closed by client")
        rotated = log.rename(tmp_path / "mcpws.log.1")
        BlockingClient(port, "/elsewhere").close(None)
        wait_for(rotated.read_text, "/elsewhere")
        os.kill(pid, number)
        wait_for(lambda: log.read_text() if log.exists() else "", "opened again")
        before = rotated.read_text()
        BlockingClient(port, "/again").close(None)
        wait_for(log.read_text, "/again")
    assert rotated.read_text() == before
    for line in log.read_text().splitlines():
        assert form == "text" or json.loads(line)["message"]


def test_the_level_holds_for_all_that_is_logged(tmp_path: Path) -> None:
    with a_daemon(tmp_path) as (log, port, _):
        BlockingClient(port).close()
        wait_for(log.read_text, "closed by client")
    text = log.read_text()
    assert "#debug]" not in text
    (tmp_path / "quiet").mkdir()
    service = subprocess.run(
        [BIN / "twistd", "-n", "--pidfile=", "mcpws", "--port", "0", "--log-level", "verbose"],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert service.returncode == 1
    assert service.stderr.startswith("mcpws: --log-level: ")


LOGGER = """
from twisted.logger import textFileLogObserver

def logger():
    return textFileLogObserver(open("own.log", "w"))
"""


def test_whoever_gives_twistd_a_logger_gets_that(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(LOGGER)
    process = subprocess.Popen(
        [BIN / "twistd", "-n", "--pidfile=", "--logger=own.logger", "mcpws", "--port", "0", "--log-format", "json"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])},
    )
    try:
        own = tmp_path / "own.log"
        wait_for(lambda: own.read_text() if own.exists() else "", "listening on")
        assert "[mcpws.service.listen#info]" in own.read_text()
    finally:
        process.terminate()
        process.wait(SECONDS)
