"""How `twistd mcpws` and `twist mcpws` begin and end as processes: daemons, signals, process 1 of a container."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import threads

from mcpws import ConnectionClosed, connect

pytestmark = pytest.mark.integration

BIN = Path(sys.executable).parent
PATIENCE = 30.0

Serve = Callable[..., Any]

APP = """
import subprocess, time
from twisted.internet import reactor
from twisted.internet.task import deferLater
from mcpws import App

app = App("own", "1")

@app.tool
def slow(seconds: float) -> str:
    return deferLater(reactor, seconds, lambda: "done")

@app.tool
def block(seconds: float) -> str:
    time.sleep(seconds)
    return "done"

@app.tool
def status() -> int:
    return subprocess.run(["sh", "-c", "exit 7"]).returncode

def make():
    raise RuntimeError("no database")
"""

# Heeds neither the end of its input nor SIGTERM, has a child like it, and leaves an orphan with every list of tools.
STUBBORN = """
import json, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sh", "-c", "trap '' TERM; while :; do sleep 100; done"])
for line in sys.stdin:
    asked = json.loads(line)
    if asked["method"] == "server/discover":
        result = {"resultType": "complete", "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
                  "ttlMs": 0, "cacheScope": "private"}
    elif asked["method"] == "tools/list":
        subprocess.Popen(["sh", "-c", "true & setsid true & exit 0"]).wait()
        result = {"resultType": "complete", "tools": [], "ttlMs": 0, "cacheScope": "private"}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
time.sleep(1000)
"""


class Daemon:
    """`twistd mcpws` without -n, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.pidfile = folder / "twistd.pid"

    def run(self, *arguments: str, twistd: tuple[str, ...] = (), wrapper: tuple[str, ...] = ()) -> tuple[int, str]:
        """Start it; its status and all that came to the terminal."""
        # In files: a daemon that lives on keeps pipes open.
        with (self._folder / "terminal").open("w+") as terminal:
            status = subprocess.run(
                [*wrapper, BIN / "twistd", *twistd, "mcpws", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=terminal,
                timeout=PATIENCE,
                cwd=self._folder,
                check=False,
            ).returncode
            terminal.seek(0)
            return status, terminal.read()

    def log(self) -> str:
        return (self._folder / "twistd.log").read_text()

    def kill(self) -> None:
        with suppress(FileNotFoundError, ProcessLookupError, ValueError):
            os.kill(int(self.pidfile.read_text()), signal.SIGKILL)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path)
    yield daemon
    daemon.kill()


def gone(*pids: int) -> None:
    """Wait until none of them is left, but for zombies."""
    deadline = time.monotonic() + PATIENCE
    while any(state(pid) not in ("", "Z") for pid in pids):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def state(pid: int) -> str:
    """As one letter of proc(5); nothing without such a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


# The beginning


def test_a_daemon_that_listens_lets_the_terminal_go_without_a_word(daemon: Daemon) -> None:
    assert daemon.run("--port", "0") == (0, "")
    pid = int(daemon.pidfile.read_text())
    os.kill(pid, signal.SIGTERM)
    gone(pid)
    assert not daemon.pidfile.exists()


@pytest.mark.parametrize(
    ("port", "problem"),
    [
        ("unix:" + "x" * 200, "AF_UNIX path too long"),
        ("tcp:0:interface=192.0.2.1", "Cannot assign requested address"),
        ("tcp:0:interface=no-such-host.invalid", ""),
        ("{taken}", "Address already in use"),
        ("tcp6:{taken}:interface=\\:\\:ffff\\:127.0.0.1", "Address already in use"),
    ],
)
def test_a_daemon_that_cannot_listen_says_so_in_one_line(daemon: Daemon, port: str, problem: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, said = daemon.run("--port", "0", "--port", port.format(taken=taken.getsockname()[1]))
    assert status == 1
    assert said.startswith("mcpws: cannot listen on "), said
    assert said.endswith(f"{problem}\n")
    assert said.count("\n") == 1
    assert said in daemon.log()
    assert not daemon.pidfile.exists()


def test_a_daemon_that_ends_before_it_has_begun_says_so(daemon: Daemon, tmp_path: Path) -> None:
    status, said = daemon.run("--port", "0", twistd=("--pidfile", f"{tmp_path}/missing/pid"))
    assert status == 1
    assert said == f"mcpws: FileNotFoundError: [Errno 2] No such file or directory: '{tmp_path}/missing/pid'\n"


def test_a_daemon_that_may_not_change_its_user_says_so(daemon: Daemon) -> None:
    wrapper: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may, and there is no setpriv to take that away")
        wrapper = ("setpriv", "--bounding-set", "-all", "--inh-caps", "-all")
    status, said = daemon.run("--port", "0", twistd=("--uid", str(os.geteuid() + 1), "--gid", "1"), wrapper=wrapper)
    assert (status, said) == (1, "mcpws: the service did not start: its log says why\n")
    assert "failed to set uid/gid" in daemon.log()
    assert not daemon.pidfile.exists()


def test_a_daemon_that_is_killed_before_it_has_begun_is_not_waited_for() -> None:
    code = """
import os, signal
from mcpws.service.program import Start
start = Start({"nodaemon": 0, "pidfile": ""})
if os.fork():
    os._exit(0)  # not reached
if os.fork():
    os._exit(0)
os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ended.returncode, ended.stderr) == (1, "mcpws: the service did not start: its log says why\n")


def test_the_pid_file_goes_without_a_daemon_too(daemon: Daemon) -> None:
    status, said = daemon.run("--port", "tcp:0:interface=192.0.2.1", twistd=("-n",))
    assert status == 1
    assert said.count("mcpws: cannot listen on ") == 1
    assert not daemon.pidfile.exists()


@pytest.mark.parametrize(
    ("own", "name", "problem"),
    [
        (APP, "own:make", "RuntimeError: no database (own.py, line "),
        ("app = ", "own:app", "SyntaxError: invalid syntax (own.py, line 1)"),
        ("1 / 0", "own:app", "ZeroDivisionError: division by zero (own.py, line 1)"),
        ("raise SystemExit(0)", "own:app", "SystemExit: 0 (own.py, line 1)"),
        ("import no_such_module", "own:app", "ModuleNotFoundError: No module named 'no_such_module' (own.py, line 1"),
    ],
)
def test_an_app_that_cannot_be_had_is_told_in_one_line(
    daemon: Daemon, tmp_path: Path, own: str, name: str, problem: str
) -> None:
    (tmp_path / "own.py").write_text(own)
    status, said = daemon.run("--port", "0", "--app", name)
    assert status == 1
    assert said.startswith(f"mcpws: {name} cannot be loaded: {problem}")
    assert said.count("\n") == 1
    assert not daemon.pidfile.exists()


# The end


@pytest.mark.proves("D-5")
@pytest.mark.parametrize(
    ("program", "tool", "first", "second"),
    [
        ("twistd", "slow", signal.SIGTERM, signal.SIGTERM),
        ("twistd", "block", signal.SIGINT, signal.SIGINT),
        ("twist", "slow", signal.SIGTERM, signal.SIGINT),
        ("twist", "block", signal.SIGINT, signal.SIGTERM),
    ],
)
@ensureDeferred
async def test_a_second_signal_ends_it_at_once(
    serve: Serve, tmp_path: Path, program: str, tool: str, first: signal.Signals, second: signal.Signals
) -> None:
    (tmp_path / "own.py").write_text(APP)
    service = serve("--app", "own:app", "--drain-seconds", "25", program=program)
    session = await connect(service.url)
    call = session.request("tools/call", {"name": tool, "arguments": {"seconds": 60}})
    call.addErrback(lambda failure: failure.trap(ConnectionClosed))
    await pause(0.3)
    service.process.send_signal(first)
    await logged(service, f"{first.name}: draining, which may take 30 s; a second signal ends it at once")
    service.process.send_signal(second)
    # As ended by the signal: a shell makes 128 and its number of that.
    assert await threads.deferToThread(service.wait) == -second
    await call
    assert "Traceback" not in service.log()


@pytest.mark.proves("D-5")
@pytest.mark.parametrize("mode", ["per-client", "shared"])
@ensureDeferred
async def test_an_end_at_once_leaves_no_child_and_no_child_of_one(serve: Serve, tmp_path: Path, mode: str) -> None:
    service = serve("--stdio", stubborn(tmp_path), "--stdio-mode", mode)
    session = await connect(service.url)
    await session.request("tools/list")
    closed = session.when_lost()
    children = service.children()
    assert len(children) >= 2
    service.terminate()
    await logged(service, "SIGTERM: draining, which may take 26 s")
    service.terminate()
    assert await threads.deferToThread(service.wait) == -signal.SIGTERM
    await closed
    gone(*children)


@ensureDeferred
async def test_a_first_signal_is_an_orderly_end(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(APP)
    service = serve("--app", "own:app")
    session = await connect(service.url)
    call = session.request("tools/call", {"name": "slow", "arguments": {"seconds": 1}})
    await pause(0.3)
    service.process.send_signal(signal.SIGINT)
    assert (await call)["content"][0]["text"] == "done"
    await session.when_lost()
    # Shells want to see that it was a Ctrl-C.
    assert await threads.deferToThread(service.wait) == -signal.SIGINT
    assert "Traceback" not in service.log()


# Process 1

SUBREAPER = "import ctypes, os, sys; ctypes.CDLL(None).prctl(36, 1); os.execvp(sys.argv[1], sys.argv[1:])"


def of_a_namespace() -> tuple[str, ...] | None:
    """What makes a program process 1; None where that may not be."""
    for unshare in (("unshare", "--pid", "--fork"), ("unshare", "--user", "--map-root-user", "--pid", "--fork")):
        with suppress(FileNotFoundError):
            if subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode == 0:
                return unshare
    return None


@pytest.fixture(params=["namespace", "subreaper"])
def first(request: pytest.FixtureRequest) -> tuple[str, ...]:
    if request.param == "subreaper":
        return (sys.executable, "-c", SUBREAPER)
    unshare = of_a_namespace()
    if unshare is None:
        pytest.skip("this machine allows no PID namespace")
    return unshare


def zombies(pids: list[int]) -> list[int]:
    return [pid for pid in pids if state(pid) == "Z"]


@ensureDeferred
async def test_process_1_reaps_orphans_and_takes_nobodys_child(
    serve: Serve, tmp_path: Path, first: tuple[str, ...]
) -> None:
    service = serve("--stdio", stubborn(tmp_path), wrapper=first)
    session = await connect(service.url)
    for _ in range(5):
        await session.request("tools/list")
    deadline = time.monotonic() + PATIENCE
    while zombies(service.children()):
        assert time.monotonic() < deadline
        await pause(0.05)
    await session.close()
    # All of them: unshare itself passes nothing on.
    one = service.children()[0] if "unshare" in first else service.pid
    os.kill(one, signal.SIGTERM)
    assert await threads.deferToThread(service.wait) == 0


@ensureDeferred
async def test_in_process_1_a_tool_gets_the_status_of_its_own_children(
    serve: Serve, tmp_path: Path, first: tuple[str, ...]
) -> None:
    (tmp_path / "own.py").write_text(APP)
    service = serve("--app", "own:app", wrapper=first)
    session = await connect(service.url)
    for _ in range(5):
        answer = await session.request("tools/call", {"name": "status"})
        assert answer["structuredContent"] == {"result": 7}
    await session.close()


@ensureDeferred
async def test_process_1_passes_both_signals_on_and_ends_as_the_service_does(
    serve: Serve, tmp_path: Path, first: tuple[str, ...]
) -> None:
    (tmp_path / "own.py").write_text(APP)
    service = serve("--app", "own:app", wrapper=first)
    session = await connect(service.url)
    call = session.request("tools/call", {"name": "slow", "arguments": {"seconds": 60}})
    call.addErrback(lambda failure: failure.trap(ConnectionClosed))
    await pause(0.3)
    one = service.children()[0] if "unshare" in first else service.pid
    os.kill(one, signal.SIGINT)
    await logged(service, "SIGINT: draining")
    os.kill(one, signal.SIGTERM)
    assert await threads.deferToThread(service.wait) == 128 + signal.SIGTERM
    await call


def stubborn(folder: Path) -> str:
    path = folder / "stubborn.py"
    path.write_text(STUBBORN)
    return f"{sys.executable} -S {path}"


async def pause(seconds: float) -> None:
    await threads.deferToThread(time.sleep, seconds)


async def logged(service: Any, text: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while text not in service.log():
        assert time.monotonic() < deadline, service.log()
        await pause(0.02)
