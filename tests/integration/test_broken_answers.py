"""What becomes of the answers of a real child that writes all kinds of them, in every mode of the gateway."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.sync.client import connect

from tests.integration.servers.broken import ANSWERS

if TYPE_CHECKING:
    from tests.integration.conftest import Service

pytestmark = [pytest.mark.integration, pytest.mark.not_mcp("the child does what none should", made=True)]

CHILD = Path(__file__).parent / "servers" / "broken.py"
BIN = Path(sys.executable).parent
MODERN = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "tester", "version": "1"},
}
SECONDS = 20.0
LIMIT = 1_000_000
GOOD = ("fine", "cut", "error null", "string id", "among logs")
LONG = ("large", "large, id last", "huge")

Serve = Callable[..., "Service"]
Exchange = Callable[[str], str]


def message(id: int, method: str, params: dict[str, Any]) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": id, "method": method, "params": params})


def ask_everything(exchange: Exchange, modern: bool) -> None:
    """Each answer in turn, and after each that the next is served."""
    if not modern:
        assert "result" in json.loads(exchange(message(0, "initialize", INITIALIZE)))
    for id, name in enumerate(ANSWERS, 1):
        meta = {"_meta": MODERN} if modern else {}
        text = exchange(message(id, "tools/call", {"name": name, "arguments": {}} | meta))
        answer = json.loads(text)
        assert (name, answer["id"]) == (name, id)
        if name in GOOD:
            said = answer["result"]["content"][0]["text"]
            assert said == ("ab\ud83d" if name == "cut" else "fine")
            assert "error" not in answer
        elif name == "cut error":
            assert answer["error"] == {"code": 7, "message": "ab\ud83d", "data": "ab\ud83d"}
            assert text.count("\\ud83d") == 2
        elif name in LONG:
            assert answer["error"]["code"] == 413
            assert answer["error"]["data"]["size"] > answer["error"]["data"]["limit"] == LIMIT
        else:
            assert (name, answer["error"]["code"]) == (name, 502)


@pytest.mark.proves("M-14", "M-15")
@pytest.mark.parametrize(
    ("child", "client", "options"),
    [
        ("legacy", "legacy", ()),
        ("legacy", "modern", ()),
        ("modern", "legacy", ()),
        ("modern", "modern", ()),
        ("modern", "modern", ("--stdio-mode", "shared")),
        ("legacy", "legacy", ("--no-translate",)),
    ],
    ids=lambda value: " ".join(value) or "plain" if isinstance(value, tuple) else value,
)
def test_each_answer_reaches_its_client_or_fails_its_request_at_once(
    serve: Serve, child: str, client: str, options: tuple[str, ...]
) -> None:
    command = f"{sys.executable} {CHILD} {child}"
    service = serve("--stdio", command, "--max-outbound-size", str(LIMIT), *options)
    with connect(service.url, max_size=None, compression=None) as socket:

        def exchange(text: str) -> str:
            socket.send(text)
            received = socket.recv(SECONDS)
            assert isinstance(received, str)
            return received

        ask_everything(exchange, client == "modern")


def test_it_is_the_same_over_the_bridge(serve: Serve) -> None:
    command = f"{sys.executable} {CHILD} legacy"
    service = serve("--stdio", command, "--max-outbound-size", str(LIMIT))
    with subprocess.Popen(
        [BIN / "mcpws", "connect", service.url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as bridge:
        assert bridge.stdin is not None
        assert bridge.stdout is not None
        bridge.stdin.write("\ufeff")

        def exchange(text: str) -> str:
            assert bridge.stdin is not None
            assert bridge.stdout is not None
            bridge.stdin.write(text + "\n")
            bridge.stdin.flush()
            return bridge.stdout.readline()

        ask_everything(exchange, False)
        bridge.stdin.close()
        assert bridge.wait(SECONDS) == 0
