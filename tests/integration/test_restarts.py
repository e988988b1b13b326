"""Servers that end at once, behind `twistd mcpws`: how often they are started, and what clients are told."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import threads
from websockets.sync.client import connect as websockets_connect
from websockets.typing import Subprotocol

from mcpws.mcp.meta import PREFIX

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]

COMMAND = [sys.executable, "-m", "mcpws.cli"]

# Writes down that it was started; then what `how` says.
SERVER = """
import json, sys
open({starts!r}, "a").write("started\\n")
{how}
"""
AT_ONCE = "sys.exit(3)"
OVER_A_WORD = "sys.stdin.readline(); sys.exit(3)"
# As some of the legacy era do with what comes before `initialize`.
OVER_THE_QUESTION = """
for line in sys.stdin:
    asked = json.loads(line)
    if asked["method"] == "initialize":
        about = {"name": "s", "version": "1"}
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": about}
    elif asked["method"] == "tools/list":
        result = {"tools": []}
    elif asked["method"] == "server/discover":
        sys.exit(4)
    else:
        continue
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)
"""


class Served:
    """A service with such a server."""

    def __init__(self, serve: Serve, folder: Path, how: str, *arguments: str) -> None:
        self._starts = folder / "starts"
        program = folder / "server.py"
        program.write_text(SERVER.replace("{starts!r}", repr(str(self._starts))).replace("{how}", how))
        self._service = serve("--stdio", f"{sys.executable} -S {program}", *arguments)
        self.url: str = self._service.url

    @property
    def starts(self) -> int:
        return self._starts.read_text().count("started") if self._starts.exists() else 0

    async def run(self, command: str, *arguments: str) -> tuple[int, str]:
        """A command of ours; its status, and what it says of the failure."""
        whole = [*COMMAND, command, self.url, *arguments]
        done = await threads.deferToThread(subprocess.run, whole, capture_output=True, text=True, timeout=60)
        return done.returncode, done.stderr


@pytest.mark.proves("G-10")
@pytest.mark.parametrize("command", [("tools",), ("tool", "x"), ("call", "ping")], ids=lambda one: one[0])
@pytest.mark.parametrize("arguments", [(), ("--no-translate",), ("--stdio-mode", "shared")], ids=" ".join)
@ensureDeferred
async def test_one_command_starts_a_server_once_that_ends_at_once(
    serve: Serve, tmp_path: Path, command: tuple[str, ...], arguments: tuple[str, ...]
) -> None:
    served = Served(serve, tmp_path, AT_ONCE, *arguments)
    status, said = await served.run(*command)
    assert status == 3
    assert "The server process exited with status 3" in said
    assert said.count("\n") == 1
    assert served.starts == 1


@pytest.mark.parametrize("era", ["auto", "legacy", "modern"])
@ensureDeferred
async def test_a_server_that_ends_over_every_word_is_asked_in_both_ways_at_most(
    serve: Serve, tmp_path: Path, era: str
) -> None:
    served = Served(serve, tmp_path, OVER_A_WORD)
    status, said = await served.run("tools", "--era", era)
    assert status == 3
    assert "The server process exited with status 3" in said
    assert served.starts <= 2


@pytest.mark.parametrize("arguments", [(), ("--no-translate",)], ids=" ".join)
@ensureDeferred
async def test_a_server_that_ends_over_the_question_is_served_at_once(
    serve: Serve, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    served = Served(serve, tmp_path, OVER_THE_QUESTION, *arguments)
    assert await served.run("tools") == (0, "mcpws: the server has no tools\n")
    assert served.starts == 2


def ask_often(url: str, seconds: float) -> list[dict[str, Any]]:
    """One request after the other on one connection; the errors that answer them."""
    meta = {f"{PREFIX}protocolVersion": "2026-07-28", f"{PREFIX}clientCapabilities": {}}
    errors = []
    with websockets_connect(url, subprotocols=[Subprotocol("mcp")]) as client:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
            client.send(json.dumps(request))
            errors.append(json.loads(client.recv(60))["error"])
    return errors


@pytest.mark.proves("G-10")
@pytest.mark.parametrize("how", [AT_ONCE, OVER_A_WORD], ids=["at once", "over a word"])
@pytest.mark.parametrize("arguments", [(), ("--no-translate",)], ids=" ".join)
@ensureDeferred
async def test_a_client_that_asks_again_and_again_does_not_start_it_each_time(
    serve: Serve, tmp_path: Path, how: str, arguments: tuple[str, ...]
) -> None:
    served = Served(serve, tmp_path, how, *arguments)
    errors = await threads.deferToThread(ask_often, served.url, 5)
    assert {error["code"] for error in errors} <= {502, 429}
    assert len(errors) > 10
    assert any("retryAfterMs" in error.get("data", {}) for error in errors)
    # After 0, 0.5 to 1, 1 to 2, 2 to 4 seconds, the first time perhaps twice.
    assert served.starts <= 6
