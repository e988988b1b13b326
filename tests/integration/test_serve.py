"""`mcpws serve`, as somebody uses it who has just installed it."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import threads

from mcpws import ConnectionClosed, connect
from tests.integration.foreground import APP, BIN, PATIENCE, Start, is_alive, start, wait_until_gone

pytestmark = pytest.mark.integration

__all__ = ["start"]

ECHO = """\
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("method") == "initialize":
        result = {"protocolVersion": asked["params"]["protocolVersion"], "capabilities": {"tools": {}},
                  "serverInfo": {"name": "echo", "version": "1"}}
    elif asked.get("method") == "tools/list":
        result = {"tools": [{"name": sys.argv[1], "inputSchema": {"type": "object"}}]}
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tools.py").write_text(APP)
    (tmp_path / "server.py").write_text(ECHO)
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("")
    (tmp_path / "package" / "tools.py").write_text(APP.replace("calculator", "packaged"))
    return tmp_path


def run(*command: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "first"),
    [
        ((), "mcpws-demo"),
        (("tools.py",), "calculator 1.0: 2 tools (tools.py)"),
        (("tools.py:app",), "calculator 1.0: 2 tools (tools.py:app)"),
        (("package.tools",), "packaged 1.0: 2 tools (package.tools)"),
        (("package/tools.py",), "packaged 1.0: 2 tools (package/tools.py)"),
        (("--", sys.executable, "server.py", "--loud"), f"{sys.executable} server.py --loud"),
        (("--stdio", f"{sys.executable} server.py x"), f"{sys.executable} server.py x"),
    ],
)
def test_what_is_served_is_told_on_one_screen(
    start: Start, folder: Path, arguments: tuple[str, ...], first: str
) -> None:
    served = start(*arguments)
    url = served.url
    text = served.said()
    screen = text[text.index(first) : text.index("Ctrl-C ends it.")].splitlines()
    assert len(screen) < 24
    for path in ("/", "/mcp", "/ws", "/message"):
        assert f"{url}{path}" in " ".join(screen).split()
    os.kill(served.process.pid, signal.SIGTERM)
    assert served.end() == 0
    assert "Traceback" not in served.said()


def test_the_commands_of_the_text_work_as_they_are_printed(start: Start, folder: Path) -> None:
    served = start("tools.py")
    served.wait_for("Ctrl-C ends it.")
    text = served.said()
    command = re.search(r"^ +(.*mcpws tools ws://.*)$", text, re.MULTILINE)
    assert command is not None
    assert "add(" in run(*shlex.split(command[1]), cwd=folder).stdout
    block = json.loads(text[text.index("    {") : text.index("Ctrl-C ends it.")])
    [(name, server)] = block["mcpServers"].items()
    assert name == "calculator"
    asked = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    bridged = subprocess.run(
        [server["command"], *server["args"]],
        input=json.dumps(asked).encode() + b"\n",
        capture_output=True,
        timeout=PATIENCE,
        cwd="/",
        check=False,
    )
    assert json.loads(bridged.stdout) == {"jsonrpc": "2.0", "id": 1, "result": {}}


@ensureDeferred
async def test_all_after_two_dashes_is_the_command(start: Start, folder: Path) -> None:
    served = start("--", sys.executable, "server.py", "it's --port 1")
    session = await connect(await threads.deferToThread(lambda: served.url))
    assert [tool["name"] for tool in (await session.request("tools/list"))["tools"]] == ["it's --port 1"]
    await session.close()


@ensureDeferred
async def test_settings_may_be_in_a_file(start: Start, folder: Path) -> None:
    (folder / "mcpws.toml").write_text('[server]\nlisten = ["0"]\napp = "tools.py"\n')
    served = start("--config", "mcpws.toml")
    session = await connect(await threads.deferToThread(lambda: served.url))
    assert len((await session.request("tools/list"))["tools"]) == 2
    await session.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@ensureDeferred
async def test_it_ends_well(start: Start, folder: Path, number: signal.Signals) -> None:
    served = start("tools.py")
    session = await connect(await threads.deferToThread(lambda: served.url))
    closed = session.when_lost()
    call = session.request("tools/call", {"name": "slow", "arguments": {"seconds": 1}})
    await session.request("tools/list")
    os.kill(served.process.pid, number)
    assert (await call)["content"] == [{"type": "text", "text": "done"}]
    reason = await closed
    assert isinstance(reason, ConnectionClosed)
    assert reason.code == 1001
    status = await threads.deferToThread(served.end)
    assert status == (0 if number == signal.SIGTERM else 128 + signal.SIGINT)


@ensureDeferred
async def test_its_processes_end_with_it(start: Start, folder: Path) -> None:
    served = start("--", sys.executable, "server.py", "x")
    session = await connect(await threads.deferToThread(lambda: served.url))
    await session.request("tools/list")
    children = served.children()
    assert children
    served.interrupt()
    await session.when_lost()
    assert await threads.deferToThread(served.end) == 130
    assert not any(map(is_alive, children))


def test_a_port_in_use_ends_it_in_one_line(folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for more in ((), ("--reload",)):
            done = run(BIN / "mcpws", "serve", "tools.py", "--port", str(port), *more, cwd=folder)
            assert done.returncode == 1
            [line] = done.stderr.splitlines()
            assert f"cannot listen on tcp:{port}:interface=127.0.0.1: Address already in use" in line


def test_ctrl_c_while_the_code_is_loaded_is_the_end_and_nothing_to_tell(start: Start, folder: Path) -> None:
    (folder / "slow.py").write_text("print('loading', flush=True)\nimport time\ntime.sleep(100)\n")
    served = start("slow.py")
    served.wait_for("loading")
    served.interrupt()
    assert served.end() == 130
    assert served.said() == "loading\n"


def test_code_that_fails_ends_it_in_one_line(folder: Path) -> None:
    (folder / "failing.py").write_text("\n1 / 0\n")
    done = run(BIN / "mcpws", "serve", "failing.py", cwd=folder)
    assert done.returncode == 1
    said = "failing.py cannot be loaded: ZeroDivisionError: division by zero (failing.py, line 2)"
    assert done.stderr == f"mcpws: {said}\n"


def test_a_log_for_programs_has_nothing_else_in_it(start: Start, folder: Path) -> None:
    served = start("tools.py", "--log-format", "json")
    served.wait_for("listening on")
    served.interrupt()
    assert served.end() == 130
    assert all(isinstance(json.loads(line), dict) for line in served.said().splitlines())


def test_python_m_mcpws_is_the_command(start: Start, folder: Path) -> None:
    served = start("tools.py", command=(sys.executable, "-m", "mcpws"))
    url = served.url
    assert run(sys.executable, "-m", "mcpws", "tools", url, cwd=folder).stdout.startswith("add(")


def test_a_second_ctrl_c_ends_it_at_once(start: Start, folder: Path) -> None:
    served = start("tools.py")
    url = served.url
    call = subprocess.Popen(
        [BIN / "mcpws", "tool", url, "slow", '{"seconds": 60}'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        served.wait_for("Ctrl-C ends it.")
        while not served.said().count("slow"):
            if subprocess.run([BIN / "mcpws", "tools", url], capture_output=True, check=False).returncode == 0:
                break
        served.interrupt()
        served.wait_for("a second signal ends it at once")
        served.interrupt()
        assert served.end() == -signal.SIGINT
    finally:
        call.kill()
        call.wait()
    wait_until_gone(served.process.pid)
