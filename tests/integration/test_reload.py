"""`mcpws serve --reload`, with real files, processes and ports."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import trustme
from pytest_twisted import ensureDeferred
from twisted.internet import threads

from mcpws import ConnectionClosed, Session, connect
from tests.integration.foreground import APP, BIN, Foreground, Start, is_alive, start, wait_until_gone
from tests.integration.test_serve import ECHO

pytestmark = pytest.mark.integration

__all__ = ["start"]

LAST = len(APP.splitlines()) + 1
"""The line after the App."""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """The file that is served."""
    (tmp_path / "project").mkdir()
    file = tmp_path / "project" / "tools.py"
    file.write_text(APP)
    return file


async def begin(start: Start, tools: Path, *arguments: str) -> Foreground:
    served = start("--reload", "tools.py", *arguments, cwd=tools.parent)
    await threads.deferToThread(lambda: served.url)
    return served


async def names(url: str) -> list[str]:
    session = await connect(url)
    listed = await session.request("tools/list")
    await session.close()
    return [tool["name"] for tool in listed["tools"]]


async def reason_of(session: Session) -> ConnectionClosed:
    reason = await session.when_lost()
    assert isinstance(reason, ConnectionClosed)
    return reason


@ensureDeferred
async def test_a_change_is_served_on_the_same_port_and_clients_are_told(start: Start, tools: Path) -> None:
    served = await begin(start, tools)
    session = await connect(served.url)
    [old] = served.children()
    tools.write_text(APP.replace("def add", "def plus"))
    reason = await reason_of(session)
    assert (reason.code, reason.reason) == (1012, "the service restarts")
    assert await names(served.url) == ["plus", "slow"]
    assert "tools.py changed: loading the code again" in served.said()
    await threads.deferToThread(wait_until_gone, old)


@ensureDeferred
async def test_what_is_in_flight_is_not_waited_for(start: Start, tools: Path) -> None:
    served = await begin(start, tools)
    session = await connect(served.url)
    call = session.request("tools/call", {"name": "slow", "arguments": {"seconds": 60}})
    call.addErrback(lambda failure: None)
    began = time.monotonic()
    tools.write_text(APP.replace("def add", "def plus"))
    assert (await reason_of(session)).code == 1012
    assert await names(served.url) == ["plus", "slow"]
    assert time.monotonic() - began < 5


@ensureDeferred
async def test_a_mistake_is_shown_and_the_old_server_goes_on(start: Start, tools: Path) -> None:
    served = await begin(start, tools)
    session = await connect(served.url)
    tools.write_text(APP + "x = (\n")
    await threads.deferToThread(served.wait_for, "the server goes on with the code from before")
    said = served.said()
    assert f'File "{tools}", line {LAST}' in said
    assert f"SyntaxError: '(' was never closed (tools.py, line {LAST})" in said
    assert "mcpws/serving" not in said
    assert (await session.request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}))[
        "structuredContent"
    ] == {"result": 3}
    tools.write_text(APP.replace("def add", "def plus"))
    await reason_of(session)
    assert await names(served.url) == ["plus", "slow"]


@ensureDeferred
async def test_a_module_that_is_missing_may_come_later(start: Start, tools: Path) -> None:
    tools.write_text("import own_helper\n" + APP)
    served = start("--reload", "tools.py", cwd=tools.parent)
    await threads.deferToThread(served.wait_for, "nothing is served yet; the next change of the code is tried again")
    assert "import own_helper" in served.said()
    (tools.parent / "own_helper.py").write_text("")
    assert await names(await threads.deferToThread(lambda: served.url)) == ["add", "slow"]


@ensureDeferred
async def test_all_modules_of_the_users_are_watched_and_named_files_as_well(start: Start, tools: Path) -> None:
    helper, lazy = tools.parent / "own_helper.py", tools.parent / "own_lazy.py"
    page = tools.parent / "templates" / "page.html"
    page.parent.mkdir()
    page.write_text("a")
    helper.write_text("A = 1\n")
    lazy.write_text("A = 1\n")
    tools.write_text("import own_helper\n" + APP.replace("    return a + b", "    import own_lazy\n    return a + b"))
    served = await begin(start, tools, "--reload-include", "templates")
    for number, file in enumerate((helper, page, lazy), 1):
        session = await connect(served.url)
        await session.request("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
        # What is imported late is told once a second.
        await threads.deferToThread(time.sleep, 1.5)
        file.write_text("A = 1000\n")
        assert (await reason_of(session)).code == 1012
        await threads.deferToThread(served.wait_for, "loaded in", number)
    (tools.parent / "unrelated.py").write_text("")
    await threads.deferToThread(time.sleep, 1)
    assert served.said().count("changed: loading the code again") == 3


@ensureDeferred
async def test_nobody_is_refused_while_the_code_changes(start: Start, tools: Path) -> None:
    served = await begin(start, tools)
    done = False
    outcomes: list[str] = []

    async def knock() -> None:
        while not done:
            try:
                session = await connect(served.url)
                await session.request("tools/list")
                await session.close()
                outcomes.append("answered")
            except ConnectionClosed as closed:
                outcomes.append(f"closed with {closed.code}")

    async def change() -> None:
        nonlocal done
        for number in range(1, 5):
            tools.write_text(APP + f"# {number}\n")
            await threads.deferToThread(served.wait_for, "loaded in", number)
        done = True

    from twisted.internet.defer import Deferred, gatherResults

    await gatherResults([Deferred.fromCoroutine(one) for one in (knock(), knock(), change())], consumeErrors=True)
    assert outcomes.count("answered") > 10
    assert {*outcomes} <= {"answered", "closed with 1012"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@ensureDeferred
async def test_one_signal_ends_all_of_it_soon(start: Start, tools: Path, number: signal.Signals) -> None:
    served = await begin(start, tools)
    session = await connect(served.url)
    call = session.request("tools/call", {"name": "slow", "arguments": {"seconds": 60}})
    call.addErrback(lambda failure: None)
    await session.request("tools/list")
    children = served.children()
    began = time.monotonic()
    if number == signal.SIGINT:
        served.interrupt()
    else:
        served.process.send_signal(number)
    assert (await reason_of(session)).code == 1001
    status = await threads.deferToThread(served.end)
    assert time.monotonic() - began < 5
    assert status == (130 if number == signal.SIGINT else 0)
    assert not any(map(is_alive, children))
    assert "Traceback" not in served.said()


@ensureDeferred
async def test_whoever_writes_a_tool_is_shown_what_it_raises(start: Start, tools: Path) -> None:
    tools.write_text(APP + "\n\n@app.tool\ndef fail() -> None:\n    raise ValueError('of my own')\n")
    served = await begin(start, tools)
    session = await connect(served.url)
    result = await session.request("tools/call", {"name": "fail"})
    assert "ValueError: of my own" in result["content"][0]["text"]
    await session.close()


BLOCKING = APP + "\n\n@app.tool\ndef block() -> None:\n    import time\n    time.sleep(1000)\n"


@ensureDeferred
async def test_killing_what_keeps_the_port_ends_the_server_even_if_it_is_stuck(start: Start, tools: Path) -> None:
    tools.write_text(BLOCKING)
    served = await begin(start, tools)
    session = await connect(served.url)
    call = session.request("tools/call", {"name": "block"})
    call.addErrback(lambda failure: None)
    await threads.deferToThread(time.sleep, 0.5)
    children = served.children()
    assert children
    served.process.kill()
    await threads.deferToThread(wait_until_gone, *children)
    await session.when_lost()


@ensureDeferred
async def test_an_old_server_that_is_stuck_holds_up_nobody_and_is_killed(start: Start, tools: Path) -> None:
    tools.write_text(BLOCKING)
    served = await begin(start, tools)
    session = await connect(served.url)
    call = session.request("tools/call", {"name": "block"})
    call.addErrback(lambda failure: None)
    await threads.deferToThread(time.sleep, 0.5)
    [old] = served.children()
    tools.write_text(APP.replace("def add", "def plus"))
    await threads.deferToThread(served.wait_for, "loaded in")
    assert await names(served.url) == ["plus", "slow"]
    await threads.deferToThread(wait_until_gone, old)
    assert "the old server process does not end: it is killed" in served.said()
    await session.when_lost()


@ensureDeferred
async def test_a_server_that_ends_by_itself_comes_back_with_a_change(start: Start, tools: Path) -> None:
    tools.write_text(APP + "\n\n@app.tool\ndef leave() -> None:\n    import os\n    os._exit(3)\n")
    served = await begin(start, tools)
    session = await connect(served.url)
    call = session.request("tools/call", {"name": "leave"})
    call.addErrback(lambda failure: None)
    await session.when_lost()
    await threads.deferToThread(served.wait_for, "the server process ended with status 3; a change")
    # Who comes now waits for it.
    waiting = names(served.url)
    tools.write_text(APP)
    assert await waiting == ["add", "slow"]


@ensureDeferred
async def test_the_file_of_a_stdio_server_is_watched_and_its_processes_end(start: Start, tmp_path: Path) -> None:
    server = tmp_path / "server.py"
    server.write_text(ECHO)
    served = start("--reload", "--", sys.executable, "server.py", "x")
    session = await connect(await threads.deferToThread(lambda: served.url))
    await session.request("tools/list")
    children = served.children()
    assert len(children) == 2
    server.write_text(ECHO + "\n")
    assert (await reason_of(session)).code == 1012
    assert await names(served.url) == ["x"]
    await threads.deferToThread(wait_until_gone, *children)


def test_ctrl_c_while_the_code_is_loaded_is_the_end_and_nothing_to_tell(start: Start, tools: Path) -> None:
    tools.write_text("print('loading', flush=True)\nimport time\ntime.sleep(100)\n")
    served = start("--reload", "tools.py", cwd=tools.parent)
    served.wait_for("loading")
    children = served.children()
    served.interrupt()
    assert served.end() == 130
    assert served.said() == "loading\n"
    assert not any(map(is_alive, children))


def test_the_port_is_kept_when_the_first_load_fails(start: Start, tools: Path) -> None:
    tools.write_text("x = (\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = start("--reload", "tools.py", "--port", str(port), cwd=tools.parent)
    served.wait_for("nothing is served yet")
    with socket.create_connection(("127.0.0.1", port), 5):
        pass
    served.interrupt()
    assert served.end() == 130


def test_a_port_with_tls_is_kept_as_well(start: Start, tools: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    certificate.private_key_pem.write_to_path(str(tools.parent / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tools.parent / "certificate.pem"))
    authority.cert_pem.write_to_path(str(tools.parent / "authority.pem"))
    endpoint = "ssl:0:interface=127.0.0.1:privateKey=key.pem:certKey=certificate.pem"
    served = start("--reload", "tools.py", "--listen", endpoint, cwd=tools.parent)
    served.wait_for("Ctrl-C ends it.")
    [url, *_] = re.findall(r"wss://127\.0\.0\.1:[0-9]+", served.said())

    def listed() -> str:
        trusting = os.environ | {"SSL_CERT_FILE": str(tools.parent / "authority.pem")}
        command = [str(BIN / "mcpws"), "tools", url]
        return subprocess.run(command, env=trusting, capture_output=True, text=True, timeout=30, check=True).stdout

    assert listed().startswith("add(")
    tools.write_text(APP.replace("def add", "def plus"))
    served.wait_for("loaded in")
    assert listed().startswith("plus(")
