"""The README's examples, run as they are printed; only the port is a free one."""

import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor, threads
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mcpws import ConnectionClosed, connect
from mcpws.cli.serve import serve
from mcpws.tap import Options

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent
SECONDS = 30

MORE_TOOLS = """
@app.tool
async def slow(seconds: float) -> str:
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    return await deferLater(reactor, seconds, str, "done")


@app.tool
def leave() -> str:
    raise SystemExit("leave")


if __name__"""


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


def block(language: str, containing: str, port: int) -> str:
    """The one block of the README in `language` that has `containing` in it."""
    blocks = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    (found,) = [one for one in blocks if containing in one]
    return str(found).replace("8082", str(port))


@contextmanager
def running(
    *command: object, stdout: int | None = None, stderr: int | None = None
) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < deadline, f"nothing listens on {port}"
            time.sleep(0.05)
        else:
            return


def run(*command: object) -> str:
    ended = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_the_server_is_called_by_the_client(port: int) -> None:
    with running(sys.executable, "-c", block("python", "app.run(", port)):
        wait_for(port)
        assert run(sys.executable, "-c", block("python", "session.call_tool", port)) == "{'result': 3}\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@ensureDeferred
async def test_the_server_ends_in_order(port: int, number: signal.Signals) -> None:
    code = block("python", "app.run(", port).replace("\nif __name__", MORE_TOOLS)
    with running(sys.executable, "-c", code + '    print("returned", flush=True)', stdout=subprocess.PIPE) as process:
        await threads.deferToThread(wait_for, port)
        session = await connect(f"ws://127.0.0.1:{port}")
        closed = session.when_lost()
        call = session.request("tools/call", {"name": "slow", "arguments": {"seconds": 1}})
        assert (await session.request("tools/call", {"name": "leave"}))["isError"]
        process.send_signal(number)
        assert (await call)["content"] == [{"type": "text", "text": "done"}]
        reason = await closed
        assert isinstance(reason, ConnectionClosed)
        assert (reason.code, reason.reason) == (1001, "the service is shutting down")
        said, _ = await threads.deferToThread(process.communicate, timeout=SECONDS)
    assert (process.returncode, said) == (0, b"returned\n")


@ensureDeferred
async def test_the_server_ends_at_once_when_it_is_told_so_twice(port: int) -> None:
    code = block("python", "app.run(", port).replace("\nif __name__", MORE_TOOLS)
    with running(sys.executable, "-c", code, stderr=subprocess.PIPE) as process:
        await threads.deferToThread(wait_for, port)
        session = await connect(f"ws://127.0.0.1:{port}")
        call = session.request("tools/call", {"name": "slow", "arguments": {"seconds": 60}})
        lost = session.when_lost()
        await session.request("tools/list")
        process.send_signal(signal.SIGINT)
        await deferLater(cast(IReactorTime, reactor), 0.5)
        process.send_signal(signal.SIGINT)
        _, said = await threads.deferToThread(process.communicate, timeout=SECONDS)
        with pytest.raises(ConnectionClosed):
            await call
        await lost
    assert process.returncode == -signal.SIGINT
    assert b"a second signal ends it at once" in said
    assert b"Traceback" not in said


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("", "cannot listen on tcp:{port}:interface=127.0.0.1: Address already in use"),
        (
            '"unix:/no/such/folder/socket"',
            "port: must be in a folder that exists: there is no /no/such/folder (got 'unix:/no/such/folder/socket')",
        ),
    ],
)
def test_the_server_says_where_it_cannot_listen_and_ends(where: str, problem: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code = block("python", "app.run(", port).replace(f"port={port}", f"port={where or port}")
        ended = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=False
        )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == f"mcpws: {problem.format(port=port)}"
    assert "Traceback" not in ended.stderr


def test_the_gateway_is_called_from_the_command_line(port: int, sdk1: Path) -> None:
    serve, tools, call = (
        shlex.split(line.removeprefix("$ ")) for line in block("console", "mcp-server-time", port).splitlines()
    )
    # The reader has the server installed beside mcpws; here it has an environment of its own.
    serve[serve.index("mcp-server-time")] = str(sdk1 / "mcp-server-time")
    with running(BIN / serve[0], *serve[1:]):
        wait_for(port)
        assert "get_current_time" in run(BIN / tools[0], *tools[1:])
        assert "Europe/Paris" in run(BIN / call[0], *call[1:])


def test_the_transport_starts_and_stops(port: int) -> None:
    assert run(sys.executable, "-c", block("python", "WebSocketTransport(", port)) == ""


def test_every_service_command_line_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    daemons = re.findall(r"^\$ twistd (?:-n )?(?:--pidfile= )?mcpws (.*?)(?:\s+#.*)?$", README, re.MULTILINE)
    assert len(daemons) >= 3
    for command in daemons:
        Options({}).parseOptions(shlex.split(command))
    foreground = re.findall(r"^\$ mcpws serve (.*?)(?:\s+#.*)?$", README, re.MULTILINE)
    assert len(foreground) >= 2
    for command in foreground:
        if "--help" not in command:
            serve.make_context("mcpws serve", shlex.split(command))
