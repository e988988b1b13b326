"""Health, metrics and status of a running service: the numbers are those of its clients, and others get nothing."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from mcpws.testing.raw import TEXT
from tests.integration.foreground import APP, PATIENCE, Foreground, Start, start
from tests.integration.live import BlockingClient
from tests.programs import needed

pytestmark = pytest.mark.integration

__all__ = ["start"]

DIES = "import sys; sys.exit('no configuration')"


def get(served: Foreground, path: str, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    asked = urllib.request.Request(f"http://127.0.0.1:{served.port}{path}", headers=named)
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def metrics(served: Foreground) -> dict[str, float]:
    """The samples, by name and labels as they are written."""
    lines = [line for line in get(served, "/metrics")[1].splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def status(served: Foreground) -> Any:
    return json.loads(get(served, "/status.json")[1])


def load(port: int, calls: int, counted: list[tuple[int, int]]) -> None:
    """A client that counts what it sends and gets, text by text, while it keeps sixteen calls in flight."""
    client = BlockingClient(port).begin()
    sent, received = 2, 1
    for first in range(1, calls, 16):
        ids = range(first, min(first + 16, calls + 1))
        for id in ids:
            client.send_message(
                {
                    "jsonrpc": "2.0",
                    "id": id,
                    "method": "tools/call",
                    "params": {"name": "add", "arguments": {"a": id, "b": 1 if id % 10 else "x"}},
                }
            )
            sent += 1
        for _ in ids:
            while client.next_frame().opcode != TEXT:
                pass
            received += 1
    client.close()
    counted.append((sent, received))


def test_the_numbers_are_those_of_the_clients_to_the_message(start: Start, tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(APP)
    served = start("tools.py")
    port = served.port
    counted: list[tuple[int, int]] = []
    clients = [threading.Thread(target=load, args=(port, 320, counted)) for _ in range(8)]
    for client in clients:
        client.start()
    while any(client.is_alive() for client in clients):
        # Whoever looks changes nothing.
        assert metrics(served)["mcpws_ready"] == 1
        assert status(served)["server"]["unready"] is None
        time.sleep(0.02)
    assert len(counted) == 8
    sent, received = (sum(one[which] for one in counted) for which in (0, 1))
    seen, told = metrics(served), status(served)
    assert seen["mcpws_messages_received_total"] == told["totals"]["messages_received"] == sent
    assert seen["mcpws_messages_sent_total"] == told["totals"]["messages_sent"] == received
    assert seen['mcpws_requests_total{method="tools/call",outcome="ok"}'] == 8 * 320
    assert (
        seen['mcpws_request_seconds_count{method="tools/call"}'] == told["requests"]["tools/call"]["count"] == 8 * 320
    )
    assert seen['mcpws_requests_total{method="initialize",outcome="ok"}'] == 8
    assert seen["mcpws_connections_total"] == told["totals"]["connections_total"] == 8
    assert seen["mcpws_open_connections"] == len(told["connections"]) == 0


def test_prometheus_finds_nothing_wrong_with_the_metrics(start: Start) -> None:
    promtool = needed("promtool", "prometheus")
    served = start()
    BlockingClient(served.port).begin().close()
    text = get(served, "/metrics")[1]
    # That of the original are kept as they were, and are no counters though they are called so.
    ours = "".join(line for line in text.splitlines(keepends=True) if "websocket_" not in line)
    checked = subprocess.run([promtool, "check", "metrics"], input=ours, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_a_stdio_server_that_ends_at_once_is_not_ready_and_that_is_told(start: Start) -> None:
    served = start("--", sys.executable, "-c", DIES)
    assert get(served, "/readyz") == (200, "ok\n")
    client = BlockingClient(served.port)
    client.send_message({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    deadline = time.monotonic() + PATIENCE
    while get(served, "/readyz")[0] == 200:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    code, text = get(served, "/readyz")
    assert code == 503
    assert "server process" in text
    assert get(served, "/healthz")[0] == 200
    client.close(None)


def test_children_are_told_of(start: Start) -> None:
    cat = "import sys\nfor line in sys.stdin: pass"
    served = start("--", sys.executable, "-c", cat)
    client = BlockingClient(served.port)
    client.send_message({"jsonrpc": "2.0", "id": 1, "method": "ping"})
    deadline = time.monotonic() + PATIENCE
    while not (children := status(served)["children"]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    [child] = children
    os.kill(child["pid"], 0)
    assert (child["connection"], child["memory"] > 0) == (1, True)
    assert metrics(served)["mcpws_children"] == 1
    client.close(None)


def test_a_proxy_and_another_origin_get_nothing_without_a_token(start: Start, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("sesame\n")
    served = start("--admin-token-file", "token")
    for path in "/metrics", "/status.json", "/playground", "/playground/paths.json":
        assert get(served, path)[0] == 200
        assert get(served, path, X_Forwarded_For="192.0.2.1")[0] == 401
        assert get(served, path, X_Forwarded_For="192.0.2.1", Authorization="Bearer sesame")[0] == 200
        assert get(served, path, Host="mcp.example.org")[0] == 401
        assert get(served, path, Host="mcp.example.org", Authorization="Bearer sesame")[0] == 200
        assert get(served, path, Origin="https://evil.example", Authorization="Bearer sesame")[0] == 403


def test_all_of_it_can_be_off(start: Start) -> None:
    served = start("--status", "off")
    for path in "/healthz", "/readyz", "/metrics", "/status.json", "/playground":
        assert get(served, path)[0] == 404
    assert get(served, "/")[0] == 426


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--admin-token-file", "nowhere"),
            "--admin-token-file: cannot be read: No such file or directory (got 'nowhere')",
        ),
        (("--status", "maybe"), "--status: must be on or off (got 'maybe')"),
        (
            ("--path", "/playground"),
            "--path: is where the server can be tried: --playground off frees it (got '/playground')",
        ),
        (("--path", "/status"), "--path: is where the status page is: --status off frees it (got '/status')"),
    ],
)
def test_what_cannot_be_is_named(start: Start, arguments: tuple[str, ...], said: str) -> None:
    served = start(*arguments)
    assert served.end() != 0
    assert said in served.said()


def test_a_drain_is_seen_in_readiness_while_the_last_call_ends(start: Start, tmp_path: Path) -> None:
    (tmp_path / "tools.py").write_text(APP)
    served = start("tools.py", "--drain-seconds", "20")
    client = BlockingClient(served.port).begin()
    client.send_message(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "slow", "arguments": {"seconds": 2}}}
    )
    deadline = time.monotonic() + PATIENCE
    while not status(served)["totals"]["in_flight"]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    admin = BlockingClient(served.port, "/status").begin()
    assert admin.ask(1, "tools/call", name="drain", arguments={})["result"]["content"][0]["text"] == "the server drains"
    assert get(served, "/readyz") == (503, "the service is shutting down\n")
    assert json.loads(client.next_frame().payload)["id"] == 1
    client.close(None)
    admin.close(None)
    os.kill(served.process.pid, signal.SIGTERM)
    assert served.end() == 0
