"""Each file in examples/, run as it says at its head; only the ports are free ones."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.docs.snippets import BIN, ROOT, accepts, free_ports, killed
from tests.programs import needed

pytestmark = pytest.mark.integration

EXAMPLES = ROOT / "examples"
SECONDS = 60

Serve = Callable[..., "subprocess.Popen[bytes]"]


@contextmanager
def server(port: str, *command: object, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **environment},
            cwd=ROOT,
        )
        with killed(process):
            deadline = time.monotonic() + SECONDS
            while not accepts(port):
                said = log.seek(0) or log.read().decode()
                assert process.poll() is None, said
                assert time.monotonic() < deadline, f"nothing listens on {port}: {said}"
                time.sleep(0.05)
            yield process


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda port, *command, **environment: stack.enter_context(server(port, *command, **environment))


@pytest.fixture
def port() -> str:
    return free_ports(1)[0]


def run(*command: object) -> str:
    ended = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=SECONDS, check=False, cwd=ROOT
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_every_example_is_tested_here() -> None:
    source = Path(__file__).read_text()
    assert [one.name for one in EXAMPLES.iterdir() if one.is_file() and f'"{one.name}"' not in source] == []


def test_the_calculator_adds_and_says_why_it_does_not_divide(serve: Serve, port: str) -> None:
    serve(port, BIN / "mcpws", "serve", EXAMPLES / "calculator.py", "--port", port)
    assert run(BIN / "mcpws", "tool", "--text", port, "add", "a=1", "b=2") == "3\n"
    assert "3.14159" in run(BIN / "mcpws", "read", port, "constants://pi")
    assert "in two sentences" in run(BIN / "mcpws", "prompt", port, "explain", '{"subject": "MCP"}')
    failed = subprocess.run([BIN / "mcpws", "tool", port, "divide", "a=1", "b=0"], capture_output=True, check=False)
    assert failed.returncode == 1
    assert b"b must not be 0" in failed.stdout + failed.stderr


def test_the_tests_of_the_calculator_pass() -> None:
    assert "2 passed" in run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull,
                             "--rootdir", EXAMPLES, EXAMPLES / "test_calculator.py")  # fmt: skip


def test_tools_that_wait_hold_up_nobody(serve: Serve, port: str) -> None:
    serve(port, BIN / "mcpws", "serve", EXAMPLES / "waiting_tools.py", "--port", port)
    says = {"blocking": "slept in a thread", "task": "slept as a task", "deferred": "slept on the reactor"}
    with ExitStack() as stack:
        calls = {
            tool: stack.enter_context(
                subprocess.Popen([BIN / "mcpws", "tool", "--text", port, tool, "seconds=4"], stdout=subprocess.PIPE)
            )
            for tool in says
        }
        assert run(BIN / "mcpws", "tool", "--text", port, "deferred", "seconds=0") == "slept on the reactor\n"
        assert [tool for tool, call in calls.items() if call.poll() is not None] == []
        for tool, call in calls.items():
            assert call.communicate(timeout=SECONDS)[0] == f"{says[tool]}\n".encode()


def test_the_client_shows_progress_and_gives_up(serve: Serve, port: str) -> None:
    serve(port, BIN / "mcpws", "serve", EXAMPLES / "waiting_tools.py", "--port", port)
    assert run(sys.executable, EXAMPLES / "progress_client.py", f"ws://127.0.0.1:{port}").splitlines() == [
        "blocking - Sleep as plain Python does; a thread of the App's waits.",
        "task - Sleep as asyncio does; any library made for asyncio works here.",
        "deferred - Sleep as Twisted does, with a Deferred.",
        "1 of 2",
        "2 of 2",
        "slept in a thread",
        "tools/call: no answer within 0.5 s",
    ]


def test_the_gateway_is_an_application_of_twistd(serve: Serve, port: str) -> None:
    command = f"{sys.executable} {ROOT / 'tests' / 'docs' / 'stdio_server.py'}"
    process = serve(port, BIN / "twistd", "-n", "--pidfile=", "-y", EXAMPLES / "gateway.tac", PORT=port, SERVER=command)
    assert "echo" in run(BIN / "mcpws", "tools", port)
    process.send_signal(signal.SIGTERM)
    process.wait(SECONDS)


def test_pages_and_mcp_live_in_one_process(serve: Serve, port: str) -> None:
    (web,) = free_ports(1)
    serve(port, sys.executable, EXAMPLES / "beside_web.py", web, port)
    for _ in range(2):
        urllib.request.urlopen(f"http://127.0.0.1:{web}/", timeout=SECONDS).close()
    assert '"result": 2' in run(BIN / "mcpws", "tool", port, "visits")


def test_a_front_of_its_own_is_talked_to_in_lines_and_lets_what_is_in_flight_finish(serve: Serve, port: str) -> None:
    process = serve(port, sys.executable, EXAMPLES / "tcp_lines.py", port)
    client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "me", "version": "1"}}
    add = {"name": "add", "arguments": {"a": 1, "b": 2}}
    with socket.create_connection(("127.0.0.1", int(port)), SECONDS) as connection:
        lines = connection.makefile("rw")
        for id, (method, params) in enumerate([("initialize", client), ("tools/call", add)]):
            print(json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params}), file=lines, flush=True)
            answer = json.loads(lines.readline())
        assert answer["result"]["structuredContent"] == {"result": 3}
        process.send_signal(signal.SIGTERM)
        assert lines.readline() == ""
    assert process.wait(SECONDS) == 0


def test_each_path_is_a_server_of_its_own(serve: Serve, port: str) -> None:
    serve(port, sys.executable, EXAMPLES / "by_path.py", port)
    assert run(BIN / "mcpws", "tool", "--text", f"ws://127.0.0.1:{port}/sums", "add", "a=1", "b=2") == "3\n"
    assert run(BIN / "mcpws", "tool", "--text", f"ws://127.0.0.1:{port}/words", "shout", "text=no") == "NO\n"
    elsewhere = subprocess.run(
        [BIN / "mcpws", "tools", f"ws://127.0.0.1:{port}/none"], capture_output=True, check=False
    )
    assert elsewhere.returncode == 3
    assert b"404" in elsewhere.stderr


def test_the_doorkeeper_lets_in_who_has_a_token_and_shows_its_page_to_all(serve: Serve, port: str) -> None:
    serve(port, sys.executable, EXAMPLES / "doorkeeper.py", port)
    token = ["--header", "Authorization: Bearer sesame"]
    assert run(BIN / "mcpws", "tool", "--text", *token, port, "who") == "ali\n"
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/about", timeout=SECONDS) as page:
        assert page.read() == b"Tools for those who have a token.\n"
    without = subprocess.run([BIN / "mcpws", "tool", port, "who"], capture_output=True, check=False)
    assert without.returncode == 3
    assert b"401 Unauthorized: a token is needed" in without.stderr


def test_the_transport_demo_talks_to_itself(serve: Serve, port: str) -> None:
    demo = EXAMPLES / "websocket_transport_demo.py"
    process = serve(port, sys.executable, demo, "server", f"ws://127.0.0.1:{port}")
    assert "2025-11-25" in run(sys.executable, demo, "client", f"ws://127.0.0.1:{port}")
    assert process.wait(SECONDS) == 0


@pytest.mark.parametrize("arguments", [[], ["bogus"]])
def test_the_transport_demo_says_how_it_is_started(arguments: list[str]) -> None:
    demo = EXAMPLES / "websocket_transport_demo.py"
    ended = subprocess.run([sys.executable, demo, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "websocket_transport_demo.py server" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("browser", ["chromium", "node"])
def test_the_page_calls_a_tool_from_a_browser(serve: Serve, port: str, browser: str, tmp_path: Path) -> None:
    program = needed(browser)
    serve(port, BIN / "mcpws", "serve", EXAMPLES / "calculator.py", "--port", port)
    (web,) = free_ports(1)
    serve(web, sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", EXAMPLES, web)
    page = f"http://127.0.0.1:{web}/browser.html?url=ws://127.0.0.1:{port}"
    shown = run_in_chromium(serve, program, page, tmp_path) if browser == "chromium" else run_in_node(program, port)
    assert "= 3" in shown
    assert "connected to calculator" in shown
    assert "tools: add, divide" in shown


def run_in_chromium(serve: Serve, program: str, page: str, folder: Path) -> str:
    """What a page shows in the end. Chromium is asked by its DevTools, over a WebSocket as well."""
    (port,) = free_ports(1)
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder}"]
    serve(port, program, *options, f"--remote-debugging-port={port}", page)
    question = {"id": 1, "method": "Runtime.evaluate", "params": {"expression": "document.body.innerText"}}
    deadline = time.monotonic() + SECONDS
    shown = ""
    while "= 3" not in shown:
        assert time.monotonic() < deadline, shown
        time.sleep(0.1)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=SECONDS) as answer:
            pages = [one for one in json.load(answer) if one["url"] == page]
        if pages:
            with connect(pages[0]["webSocketDebuggerUrl"]) as devtools:
                devtools.send(json.dumps(question))
                shown = json.loads(devtools.recv(SECONDS))["result"]["result"].get("value", "")
    return shown


def run_in_node(program: str, port: str) -> str:
    """The script of the page with what little of a document it needs; the WebSocket is that of a library."""
    sockets = ROOT / ".foreign" / "node" / "node_modules" / "ws"
    if not sockets.exists():
        pytest.skip("the library ws is not installed for node: make test does so")
    script = (EXAMPLES / "browser.html").read_text().partition("<script>")[2].partition("</script>")[0]
    document = f"""
        const shown = {{ form: {{ a: {{ value: "1" }}, b: {{ value: "2" }} }} }};
        const location = {{ search: "?url=ws://127.0.0.1:{port}" }};
        const document = {{ querySelector: (name) => shown[name] ??= {{
          append: (text) => console.log(text),
          set textContent(text) {{ console.log(text); process.exit(0); }},
        }} }};
        const WebSocket = require({str(sockets)!r}).WebSocket;
    """
    return run(program, "-e", document + script)
