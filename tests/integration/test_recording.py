"""A service that records, and what it recorded played back to it and to others, as processes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet.threads import deferToThread

from mcpws import Session, connect
from tests.integration.foreground import Foreground, Start, start
from tests.integration.terminal import COMMAND, SECONDS, run

pytestmark = pytest.mark.integration

__all__ = ["start"]

SECRET = "hunter22-4711"
WHO = {"clientInfo": {"name": "host", "version": "1"}}
SHOP = """\
from mcpws import App, Context

app = App("shop", "1")


@app.tool
def add(a: int, b: int) -> int:
    return a + b + PLUS


@app.tool
def count(context: Context, to: int) -> str:
    for step in range(to):
        context.progress(step + 1, to)
    return "done"


@app.tool
async def empty(context: Context) -> str:
    answer = await context.elicit("Really?", {"type": "object", "properties": {"sure": {"type": "boolean"}}})
    return f"{answer.action}: {answer.content}"


@app.tool
def log_in(user: str, password: str) -> dict[str, str]:
    return {"token": "tok-" + password, "text": f"hello {password}"}
"""


def shop(start: Start, folder: Path, *arguments: str, plus: int = 0) -> Foreground:
    file = folder / f"shop{plus}.py"
    file.write_text(SHOP.replace("PLUS", str(plus)))
    return start(str(file), *arguments)


async def talk(session: Session) -> None:
    async with session:
        await session.list_tools()
        await session.call_tool("add", a=1, b=2)
        await session.call_tool("count", to=3, on_progress=lambda progress: None)
        await session.call_tool("empty")
        await session.call_tool("log_in", user="ann", password=SECRET)


@pytest.mark.parametrize("era", ["legacy", "modern"])
@ensureDeferred
async def test_a_conversation_is_the_same_again_and_a_change_is_all_that_is_told(
    start: Start, tmp_path: Path, era: Any
) -> None:
    file = tmp_path / "shop.jsonl"
    served = shop(start, tmp_path, "--record", str(file))
    yes = {"elicitation/create": lambda params: {"action": "accept", "content": {"sure": True}}}
    headers = {"Authorization": f"Bearer {SECRET}"}
    await talk(await connect(served.url, era=era, requests=yes, headers=headers))
    served.interrupt()
    await deferToThread(served.end)
    assert SECRET not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600

    same, changed = shop(start, tmp_path), shop(start, tmp_path, plus=1)
    status, out, err = await run("replay", str(file), same.url)
    assert (status, out) == (2, "")
    assert "/params/arguments/password in line" in err

    status, out, err = await run("replay", str(file), same.url, "--secret", "password", PASSWORD="other-pass")
    assert (status, err) == (0, "")
    assert "conversations: 1, " in out
    assert ": same\n" in out

    status, out, err = await run("replay", str(file), changed.url, "--secret", "password=x", "--json")
    told = json.loads(out)
    assert (status, err) == (1, "")
    assert (told["different"], told["missing"], told["extra"], told["not_sent"]) == (1, 0, 0, 0)
    [difference] = told["differences"]
    assert difference["about"] == "answer to tools/call add"
    assert [(one["path"], one["expected"], one["got"]) for one in difference["differences"]] == [
        ("/result/content/0/text", "3", "4"),
        ("/result/structuredContent/result", 3, 4),
    ]
    status, out, err = await run("replay", str(file), changed.url, "--secret", "password=x")
    assert status == 1
    assert "    /result/structuredContent/result: expected 3, got 4\n" in out

    ignoring = ("--ignore", "/result/content/*/text", "--ignore", "structuredContent")
    status, out, err = await run("replay", str(file), changed.url, "--secret", "password=x", *ignoring)
    assert (status, err) == (0, "")


@ensureDeferred
async def test_what_the_official_sdk_said_is_the_same_again(start: Start, tmp_path: Path, sdk2: Path) -> None:
    file = tmp_path / "demo.jsonl"
    served = start("--record", str(file))
    client = Path(__file__).parent / "foreign" / "features_client.py"
    command = [str(sdk2 / "python"), str(client), "demo", "auto", *COMMAND, "connect", served.url]
    await deferToThread(subprocess.run, command, capture_output=True, timeout=SECONDS, check=False)
    served.interrupt()
    await deferToThread(served.end)
    again = start()
    status, out, err = await run("replay", str(file), again.url, "--ignore", "/result/contents/0/text", "--json")
    assert err == ""
    told = json.loads(out)
    assert told["same"] > 20
    assert [one for one in told["differences"] if one["verdict"] == "different"] == [], out
    assert status in (0, 1)


@ensureDeferred
async def test_a_file_that_is_full_is_left_as_it_is_and_the_service_goes_on(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "full.jsonl"
    served = shop(start, tmp_path, "--record", str(file), "--record-size", "3000", "--record-without", "user")
    for _ in range(3):
        async with await connect(served.url) as session:
            await session.call_tool("log_in", user="ann-of-cleves", password="x")
    served.interrupt()
    await deferToThread(served.end)
    assert file.stat().st_size <= 3000
    assert "ann-of-cleves" not in file.read_text()
    assert json.loads(file.read_text().splitlines()[-1])["event"] == "full"
    assert f"no more is recorded: {file} is full" in served.said()


@ensureDeferred
async def test_what_a_host_says_through_connect_is_recorded_there(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "host.jsonl"
    served = shop(start, tmp_path)
    url = served.url

    def host() -> None:
        said: list[dict[str, Any]] = [
            {"id": 0, "method": "initialize", "params": {"protocolVersion": "2025-11-25", "capabilities": {}} | WHO},
            {"method": "notifications/initialized"},
            {"id": 1, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1, "b": 2}}},
        ]
        lines = "".join(json.dumps({"jsonrpc": "2.0", **one}) + "\n" for one in said)
        command = [*COMMAND, "connect", url, "--record", str(file)]
        subprocess.run(command, input=lines.encode(), capture_output=True, timeout=SECONDS, check=True)

    await deferToThread(host)
    status, out, err = await run("replay", str(file), url)
    assert (status, err) == (0, ""), out
    assert "messages sent: 3, expected: 2 (2 same" in out


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        ("", 2, "there is no conversation in it"),
        ("nonsense\n", 2, "line 1 is no line of a recording"),
        (None, 2, "cannot be read: No such file"),
    ],
)
@ensureDeferred
async def test_a_file_that_is_no_recording_is_named(tmp_path: Path, content: Any, status: int, said: str) -> None:
    file = tmp_path / "x.jsonl"
    if content is not None:
        file.write_text(content)
    code, out, err = await run("replay", str(file), "1")
    assert (code, out) == (status, "")
    assert said in err


@ensureDeferred
async def test_who_cannot_be_reached_is_told(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "r.jsonl"
    served = shop(start, tmp_path, "--record", str(file))
    async with await connect(served.url) as session:
        await session.call_tool("add", a=1, b=2)
    url = served.url
    served.interrupt()
    await deferToThread(served.end)
    code, out, err = await run("replay", str(file), url)
    assert (code, out) == (3, "")
    assert "is the server running there?" in err
    code, _, err = await run("replay", str(file), url, "--connection", "9")
    assert code == 2
    assert "there is no connection 9 in the recording" in err
