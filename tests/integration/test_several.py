"""Several servers on one port, by the file of a desktop host: foreign servers and clients, and a file that changes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from urllib.request import urlopen

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mcpws import ConnectionClosed, Session, connect
from tests.integration.test_gateway import HERE, run

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]
CLOCK = cast(IReactorTime, reactor)


@pytest.fixture
def file(tmp_path: Path, sdk1: Path, node: Path) -> Path:
    """`mcpServers` as a desktop host has them: three servers that nobody here wrote, and one that crashes."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "a.txt").write_text("hello")
    file = tmp_path / "desktop.json"
    npx = {"command": "npx", "args": ["--prefix", str(node)]}
    write(
        file,
        time={"command": str(sdk1 / "mcp-server-time")},
        everything={**npx, "args": [*npx["args"], "mcp-server-everything"]},
        files={**npx, "args": [*npx["args"], "mcp-server-filesystem", str(tmp_path / "files")]},
        crash={"command": "false"},
    )
    return file


def write(file: Path, **servers: Any) -> None:
    file.write_text(json.dumps({"mcpServers": servers}))


def listed(port: int) -> dict[str, bool]:
    with urlopen(f"http://127.0.0.1:{port}/servers") as answer:
        return {one["name"]: one["ready"] for one in json.load(answer)["servers"]}


def test_each_works_at_its_path_with_the_official_client_and_the_one_that_crashes_costs_itself(
    serve: Serve, file: Path, sdk1: Path
) -> None:
    service = serve("--servers", str(file))
    python = sdk1 / "python"
    assert [*listed(service.port)] == ["time", "everything", "files", "crash"]
    assert run(python, HERE / "foreign" / "time_client.py", f"{service.url}/servers/time") == "Europe/Paris"
    everything = run(python, HERE / "foreign" / "everything_client.py", f"{service.url}/servers/everything")
    assert everything == "everything"


def test_all_together_answer_the_official_client_in_everything(serve: Serve, file: Path, sdk1: Path) -> None:
    service = serve("--servers", str(file))
    python = sdk1 / "python"
    assert run(python, HERE / "foreign" / "time_client.py", service.url, "time__") == "Europe/Paris"
    everything = run(python, HERE / "foreign" / "everything_client.py", service.url, "everything")
    assert everything == "everything"


@ensureDeferred
async def test_files_are_read_by_a_client_of_either_era(serve: Serve, file: Path) -> None:
    service = serve("--servers", str(file))
    for era in ("legacy", "modern"):
        session = await connect(service.url, era=cast(Any, era))
        path = str(file.parent / "files" / "a.txt")
        answer = await session.request("tools/call", {"name": "files__read_text_file", "arguments": {"path": path}})
        assert answer["content"][0]["text"] == "hello"
        await session.close()


class Load:
    """Clients that call without a pause until they are told to stop."""

    def __init__(self) -> None:
        self.answered = 0
        self.stopping = False

    async def call(self, session: Session, name: str) -> None:
        while not self.stopping:
            answer = await session.request("tools/call", {"name": name, "arguments": {"timezone": "Europe/Paris"}})
            assert "Europe/Paris" in answer["content"][0]["text"]
            self.answered += 1
        await session.close()


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(600):
        if condition():
            return
        await deferLater(CLOCK, 0.05)
    raise AssertionError("it did not come to that")


@ensureDeferred
async def test_a_file_that_changes_under_load_loses_nothing_of_what_stays(serve: Serve, file: Path, sdk1: Path) -> None:
    old = {"command": str(sdk1 / "mcp-server-time")}
    write(file, time=old, gone=old, other={**old, "args": ["--local-timezone", "UTC"]})
    service = serve("--servers", str(file))
    load = Load()
    paths = [("/servers/time", "get_current_time")] * 2 + [("/", "time__get_current_time")] * 2
    sessions = [await connect(service.url + path) for path, _ in paths]
    calls = [
        Deferred.fromCoroutine(load.call(session, name)) for session, (_, name) in zip(sessions, paths, strict=True)
    ]
    leaving = [await connect(f"{service.url}/servers/{name}") for name in ("gone", "other")]
    for session in leaving:
        await session.request("tools/list")
    await until(lambda: load.answered > 20)
    write(file, time=old, other={**old, "args": ["--local-timezone", "Europe/Paris"]}, new=old, odd={"command": 5})
    os.kill(service.pid, signal.SIGHUP)
    await until(lambda: "the settings were read again" in service.log())
    assert "gone is gone; other has changed; new is new" in service.log()
    assert listed(service.port) == {"time": True, "other": True, "new": True, "odd": False}
    codes = []
    for session in leaving:
        reason = await session.when_lost()
        assert isinstance(reason, ConnectionClosed)
        codes.append(reason.code)
    # Who was at the server that is no more, and who finds another one in its place.
    assert codes == [1001, 1012]
    done = load.answered
    await until(lambda: load.answered > done + 20)
    session = await connect(f"{service.url}/servers/new")
    assert (await session.request("tools/list"))["tools"]
    await session.close()
    load.stopping = True
    await gatherResults(calls)
