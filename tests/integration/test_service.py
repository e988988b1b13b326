"""`twistd mcpws` as a user meets it: options, mistakes, the end."""

import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any, cast

import pytest
from pytest_twisted import ensureDeferred
from twisted.internet import reactor, threads
from twisted.internet.defer import gatherResults
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from mcpws import ConnectFailed, ConnectionClosed, connect
from tests.integration.conftest import LISTENING

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]
Twistd = Callable[..., "subprocess.CompletedProcess[str]"]
BIN = Path(sys.executable).parent
CLOCK = cast(IReactorTime, reactor)

SLOW_APP = """
from twisted.internet import reactor
from twisted.internet.task import deferLater
from mcpws import App

app = App("slow", "1")

@app.tool
def slow(seconds: float) -> str:
    return deferLater(reactor, seconds, lambda: "done")
"""

LEAVING = """
import sys

@app.tool
def leave() -> str:
    sys.exit("leave")

@app.notification("leave")
def left() -> None:
    sys.exit("leave")
"""


@ensureDeferred
async def test_without_options_it_serves_the_demo(serve: Serve) -> None:
    service = serve()
    session = await connect(service.url)
    tools = await session.request("tools/list")
    answer = await session.request("tools/call", {"name": "add", "arguments": {"a": 2, "b": 40}})
    await session.close()
    assert {"echo", "add"} <= {tool["name"] for tool in tools["tools"]}
    assert answer["structuredContent"] == {"result": 42}


@ensureDeferred
async def test_twist_serves_as_well_as_twistd(serve: Serve) -> None:
    service = serve(program="twist")
    session = await connect(service.url)
    await session.close()
    service.terminate()
    assert await threads.deferToThread(service.wait) == 0


@ensureDeferred
async def test_an_app_of_the_users_own_is_served_from_the_working_directory(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SLOW_APP)
    service = serve("--app", "own:app")
    session = await connect(service.url)
    answer = await session.request("tools/call", {"name": "slow", "arguments": {"seconds": 0}})
    await session.close()
    assert answer["content"] == [{"type": "text", "text": "done"}]


@ensureDeferred
async def test_a_tool_that_exits_is_one_failed_call(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SLOW_APP + LEAVING)
    service = serve("--app", "own:app")
    session = await connect(service.url)
    call = session.request("tools/call", {"name": "slow", "arguments": {"seconds": 0.5}})
    session.notify("leave")
    result = await session.request("tools/call", {"name": "leave"})
    assert (await call)["content"][0]["text"] == "done"
    await session.close()
    assert result["isError"]
    reference = result["content"][0]["text"].rpartition(" ")[2].rstrip(".")
    assert f"reference {reference}\n" in service.log()
    assert service.log().count("SystemExit: leave") == 2
    service.terminate()
    assert await threads.deferToThread(service.wait) == 0


@pytest.mark.proves("K-2")
@ensureDeferred
async def test_sigterm_lets_ten_slow_calls_finish_and_refuses_new_clients(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SLOW_APP)
    service = serve("--app", "own:app")
    sessions = [await connect(service.url) for _ in range(10)]
    calls = gatherResults(
        [one.request("tools/call", {"name": "slow", "arguments": {"seconds": 2}}) for one in sessions]
    )
    closed = gatherResults([one.when_lost() for one in sessions])
    await deferLater(CLOCK, 0.5)
    service.terminate()
    await deferLater(CLOCK, 0.5)
    with pytest.raises(ConnectFailed, match="refused"):
        await connect(service.url)
    assert [answer["content"][0]["text"] for answer in await calls] == ["done"] * 10
    assert [str(reason) for reason in await closed] == [
        "connection closed with 1001: the service is shutting down"
    ] * 10
    assert await threads.deferToThread(service.wait) == 0


@pytest.mark.proves("D-3")
@ensureDeferred
async def test_a_call_longer_than_the_drain_is_answered_with_an_error(serve: Serve, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SLOW_APP)
    service = serve("--app", "own:app", "--drain-seconds", "0.5")
    session = await connect(service.url)
    call = session.request("tools/call", {"name": "slow", "arguments": {"seconds": 60}})
    closed = session.when_lost()
    await deferLater(CLOCK, 0.3)
    service.terminate()
    with pytest.raises(Exception, match="shutting down"):
        await call
    reason = await closed
    assert isinstance(reason, ConnectionClosed)
    assert reason.code == 1001
    assert await threads.deferToThread(service.wait) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--port", "99999"], "--port: must be 0 to 65535, or a Twisted endpoint string (got '99999')"),
        (["--stdio", "no-such-program-anywhere"], "--stdio: there is no such program (got 'no-such-program-anywhere')"),
        (["--max-connections", "0"], "--max-connections: must be a whole number, 1 or more (got '0')"),
        (["--config", "none.toml"], "--config: cannot be read: No such file or directory (got 'none.toml')"),
        (["--max-conections", "5"], "--max-conections: no such setting: did you mean --max-connections?"),
        (["argument"], "takes options alone, as --listen 8082 (got 'argument')"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_told_in_one_line(twistd: Twistd, arguments: list[str], told: str) -> None:
    ended = twistd(*arguments)
    said = [line for line in (ended.stdout + ended.stderr).splitlines() if not line.startswith("20")]
    assert (ended.returncode, said) == (1, [f"mcpws: {told}"])


def test_a_mistake_in_the_environment_is_told_in_one_line(twistd: Twistd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPWS_MAX_CONNECTIONS", "many")
    ended = twistd()
    assert ended.returncode == 1
    assert "mcpws: MCPWS_MAX_CONNECTIONS: must be a whole number, 1 or more (got 'many')\n" in ended.stderr


def test_settings_are_checked_by_a_program_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "mcpws.toml").write_text("[limits]\nmax_connections = 5\nmax_depth = 'deep'\n")
    ended = subprocess.run(
        [BIN / "mcpws", "config", "check", "mcpws.toml", "--binary", "perhaps"],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=tmp_path,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "mcpws: --binary: must be accept or refuse (got 'perhaps')\n"
        "mcpws: mcpws.toml: limits.max_depth: must be a whole number, 1 or more (got 'deep')\n"
    )


def test_an_address_in_use_is_told_in_one_line(twistd: Twistd) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = twistd("--port", str(port))
    # Logging has begun by then: the line is in the log.
    said = [line for line in ended.stdout.splitlines() if "#error" in line]
    assert ended.returncode == 1
    assert len(said) == 1, said
    assert said[0].endswith(f"mcpws: cannot listen on tcp:{port}:interface=127.0.0.1: Address already in use")


@ensureDeferred
async def test_several_ports_are_served(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    service = serve("--port", f"unix:{path}")
    session = await connect(service.url)
    await session.close()
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = await threads.deferToThread(client.recv, 4096)
    assert answer.startswith(b"HTTP/1.1 426 Upgrade Required\r\n")


PROXIED = {
    "version 1": (b"PROXY TCP4 203.0.113.7 10.0.0.1 56789 8082\r\n", "tcp4:203.0.113.7:56789"),
    "version 2": (
        b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24" + IPv6Address("2001:db8::7").packed * 2 + b"\xdd\xd5\x1f\x92",
        "tcp6:2001:db8::7:56789",
    ),
}


@pytest.mark.parametrize(("header", "peer"), PROXIED.values(), ids=PROXIED)
def test_the_log_names_the_client_of_a_proxy(serve: Serve, header: bytes, peer: str) -> None:
    service = serve("--port", "haproxy:tcp:0:interface=127.0.0.1")
    while service.log().count("listening on") < 2:
        time.sleep(0.02)
    port = int(LISTENING.findall(service.log())[1])
    for sent, answered in [(header, True), (b"PROXY TCP4 a b c d\r\n", False)]:
        with socket.create_connection(("127.0.0.1", port), 10) as client:
            client.sendall(sent + b"GET /other HTTP/1.1\r\n\r\n")
            with suppress(ConnectionResetError):
                assert client.recv(4096).startswith(b"HTTP/1.1 404 Not Found" if answered else b"")
    assert f"{peer} refused with 404" in service.log()
    assert "Traceback" not in service.log()


@pytest.mark.proves("mcp/2025-11-25/basic/transports#localhost")
def test_it_binds_loopback_unless_told_otherwise(serve: Serve) -> None:
    assert "listening on tcp4:127.0.0.1:" in serve().log()
