"""`mcpws top` against servers that run, as a program reads it and as a person sees it."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor as installed
from twisted.internet.task import deferLater

from mcpws import ClientIdentity, RemoteError, connect
from tests.integration.foreground import APP, Foreground, Start, start
from tests.integration.terminal import OnTerminal, run

pytestmark = pytest.mark.integration

__all__ = ["start"]

reactor: Any = installed
ALTERNATE, MAIN = b"\x1b[?1049h", b"\x1b[?1049l"
NO_CURSOR, CURSOR = b"\x1b[?25l", b"\x1b[?25h"


def serve(start: Start, folder: Path, *arguments: str) -> Foreground:
    file = folder / "calculator.py"
    file.write_text(APP)
    return start(str(file), *arguments)


@ensureDeferred
async def test_a_snapshot_has_what_clients_did(start: Start, tmp_path: Path) -> None:
    served = serve(start, tmp_path)
    evil = connect(served.url, identity=ClientIdentity("evil\x1b[2J[red]", "6.6"), era="legacy")
    async with evil as first, connect(served.url, identity=ClientIdentity("desk", "1.2")) as second:
        for number in range(5):
            await first.call_tool("add", a=number, b=1)
        with pytest.raises(RemoteError):
            await second.request("tools/call", {"name": "none"})
        pending = second.call_tool("slow", seconds=20).addErrback(lambda failure: None)
        status, out, err = await run("top", served.url, "--once")
        plain = await run("top", served.url, COLUMNS="60")
        code, text, _ = await run("top", served.url, "--json")
        pending.cancel()
    assert (status, err) == (0, "")
    assert out.startswith("calculator 1.0: 2 tools")
    assert "\nready " in out
    assert re.search(r"^ +\d+ 127\.0\.0\.1:\d+ +evil\\x1b\[2J\[red\] +6\.6 +2025-11-25 +\d+s +0 +7 +6 ", out, re.M), out
    assert re.search(r"^ +\d+ 127\.0\.0\.1:\d+ +desk +1\.2 +2026-07-28 +\d+s +1 ", out, re.M), out
    assert re.search(r"^tools/call +6 +\S+ +1 +\d", out, re.M), out
    assert "open 2  made 2  refused 0  aborted 0" in out
    assert "\x1b" not in out
    # Where there is no terminal it is the same without being asked.
    assert plain[0] == 0
    assert "evil" in plain[1]
    assert max(map(len, plain[1].splitlines())) <= 60
    assert code == 0
    assert text.count("\n") == 1
    found = json.loads(text)
    assert found["totals"]["connections"] == 2
    assert sorted(one["client"] for one in found["connections"]) == ["desk", "evil\x1b[2J[red]"]


@ensureDeferred
async def test_it_says_in_one_line_why_there_is_nothing_to_see(start: Start, tmp_path: Path) -> None:
    off = serve(start, tmp_path, "--status", "off")
    on = start()
    for arguments, status, said in [
        (
            (off.url,),
            3,
            f"cannot connect to {off.url}/status: nothing is served at this path: HTTP 404 \\(.*--status off\\)",
        ),
        (
            (f"{on.url}/nowhere",),
            3,
            f"cannot connect to {on.url}/nowhere: nothing is served at this path: HTTP 404 \\(.*\\)",
        ),
        ((f"{on.url}/mcp",), 1, f"{on.url}/mcp is no status page of mcpws, which is at /status: .*"),
        ((on.url, "-H", "X-Forwarded-For: 1.2.3.4"), 3, f"{on.url}: .*403.*"),
        (("127.0.0.1:1",), 3, "cannot connect to ws://127.0.0.1:1/status: .*refused.*"),
        (("http://a",), 2, ".*'URL'.*"),
        ((on.url, "--sort", "size"), 2, ".*--sort.*"),
    ]:
        code, out, err = await run("top", *arguments)
        assert (code, out) == (status, ""), err
        assert re.fullmatch(f"mcpws: {said}\n", err), err
        assert err.count("\n") == 1
    code, out, err = await run("top", off.url, "--json")
    assert (code, list(json.loads(out))) == (3, ["error"])
    # On a terminal, too, it is a line and no screen.
    for url in (off.url, "ws://127.0.0.1:1"):
        shown = OnTerminal("top", url)
        code, text = await shown.ends()
        assert (code, text.count("\n")) == (3, 1), text
        assert ALTERNATE not in shown.shown


@ensureDeferred
async def test_a_token_lets_in(start: Start, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    served = serve(start, tmp_path, "--admin-token-file", str(token))
    through = ("-H", "X-Forwarded-For: 1.2.3.4")
    status, _, err = await run("top", served.url, *through)
    assert status == 3
    assert "Authorization: Bearer TOKEN" in err
    status, out, _ = await run("top", served.url, *through, "-H", "Authorization: Bearer secret")
    assert (status, "calculator" in out) == (0, True)


@ensureDeferred
async def test_it_shows_sorts_and_fits_the_window(start: Start, tmp_path: Path) -> None:
    served = serve(start, tmp_path)
    top = OnTerminal("top", served.url, size=(100, 30))
    await top.shows("no client is connected")
    assert not top.shows_what_is_typed()
    async with connect(served.url, identity=ClientIdentity("desk", "1.2")) as session:
        await session.call_tool("add", a=1, b=2)
        await top.shows("desk")
        await top.shows("tools/call")
        await top.shows("per s")
        assert "s sort: rate" in last_screen(top)
        top.types("s")
        await top.shows("s sort: in-flight")
        # Other keys do nothing.
        top.types("xQ\x1b[A\x04\n ")
        top.resize(60, 11)
        await top.shows("not shown:")
        assert "msg/s" not in last_screen(top)
    await top.shows("no client is connected")
    top.types("q")
    status, _ = await top.ends()
    assert status == 0
    assert_left_as_it_was(top)


@pytest.mark.parametrize(
    ("end", "code"), [("q", 0), ("\x03", 130), (signal.SIGTERM, 143)], ids=["q", "Ctrl-C", "SIGTERM"]
)
@ensureDeferred
async def test_however_it_ends_the_terminal_is_as_it_was(
    start: Start, tmp_path: Path, end: str | signal.Signals, code: int
) -> None:
    served = serve(start, tmp_path)
    top = OnTerminal("top", served.url)
    await top.shows("q quit")
    if isinstance(end, str):
        top.types(end)
    else:
        top.process.send_signal(end)
    status, shown = await top.ends()
    assert status == code
    assert "Traceback" not in shown
    assert_left_as_it_was(top)


@ensureDeferred
async def test_a_second_ctrl_c_waits_for_no_server(start: Start, tmp_path: Path) -> None:
    served = serve(start, tmp_path)
    top = OnTerminal("top", served.url)
    await top.shows("q quit")
    served.process.send_signal(signal.SIGSTOP)
    top.types("\x03")
    await top.shows("SIGINT: ending, which may take")
    top.types("\x03")
    status, _ = await top.ends()
    assert status == 130
    assert_left_as_it_was(top)


@ensureDeferred
async def test_the_shell_has_its_terminal_while_it_is_stopped(start: Start, tmp_path: Path) -> None:
    served = serve(start, tmp_path)
    top = OnTerminal("top", served.url)
    await top.shows("q quit")
    top.process.send_signal(signal.SIGTSTP)
    await top.shows(MAIN.decode())
    while not top.shows_what_is_typed():
        await deferLater(reactor, 0.02)
    top.process.send_signal(signal.SIGCONT)
    await top.shows("q quit")
    assert not top.shows_what_is_typed()
    top.types("q")
    assert (await top.ends())[0] == 0


@ensureDeferred
async def test_it_comes_back_to_a_server_that_comes_back(start: Start, tmp_path: Path) -> None:
    first = serve(start, tmp_path)
    url, port = first.url, first.port
    top = OnTerminal("top", url, size=(100, 30))
    await top.shows("no client is connected")
    first.interrupt()
    assert first.end() == 130
    await top.shows("not connected, trying again in")
    top.types("d")
    await top.shows("d drain   not connected")
    second = start("--port", str(port))
    await top.shows("mcpws-demo")
    await top.shows("per s")
    assert "not connected" not in last_screen(top)
    assert "calculator" not in last_screen(top)
    # Nor does a server that hangs keep it from its end.
    second.process.send_signal(signal.SIGSTOP)
    await top.shows("no news for")
    top.types("q")
    status, _ = await top.ends()
    second.process.send_signal(signal.SIGCONT)
    assert status == 0
    assert_left_as_it_was(top)


@ensureDeferred
async def test_it_drains_once_it_is_asked_twice(start: Start, tmp_path: Path) -> None:
    served = serve(start, tmp_path)
    top = OnTerminal("top", served.url)
    session = await connect(served.url)
    gone = session.when_lost()
    await top.shows("  in   out")
    top.types("d")
    await top.shows("d again")
    top.types("x")
    await top.shows("q quit")
    top.types("d")
    await top.shows("d again")
    assert not gone.called
    top.types("d")
    await top.shows("the server drains")
    await top.shows("not ready: the service is shutting down")
    assert "1001" in str(await gone)
    top.types("q")
    assert (await top.ends())[0] == 0


@ensureDeferred
async def test_its_log_goes_elsewhere_or_nowhere(start: Start, tmp_path: Path) -> None:
    served = serve(start, tmp_path)
    status, shown = await OnTerminal("top", served.url, "-v").ends()
    assert status == 2
    assert "2>FILE" in shown


@ensureDeferred
async def test_a_terminal_on_which_the_cursor_cannot_move_gets_plain_text(start: Start, tmp_path: Path) -> None:
    served = serve(start, tmp_path)
    top = OnTerminal("top", served.url, TERM="dumb")
    status, shown = await top.ends()
    assert status == 0
    assert shown.startswith("calculator 1.0: 2 tools")
    assert b"\x1b" not in top.shown


def last_screen(top: OnTerminal) -> str:
    """What is shown now: all since the cursor went home."""
    screens = top.shown.decode(errors="replace").split("\x1b[H")
    whole = screens[-2] if "quit" not in screens[-1] and len(screens) > 2 else screens[-1]
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", whole)


def assert_left_as_it_was(top: OnTerminal) -> None:
    """The screen and the cursor; its mode `ends` looks at."""
    assert top.shown.count(ALTERNATE) == top.shown.count(MAIN) == 1
    assert top.shown.rindex(CURSOR) > top.shown.rindex(NO_CURSOR)
