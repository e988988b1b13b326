"""A stdio MCP server that answers each `tools/call` after `seconds`, in threads; `name` "flood" sends 1 GB first."""

import json
import sys
import threading

writing = threading.Lock()


def send(message: dict[str, object]) -> None:
    with writing:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def call(id: object, params: dict[str, object]) -> None:
    if params.get("name") == "flood":
        chunk = "x" * 1_000_000
        for _ in range(1000):
            send({"method": "notifications/message", "params": {"level": "error", "data": chunk}})
    send({"id": id, "result": {"content": []}})


for line in sys.stdin:
    message = json.loads(line)
    if message.get("method") == "initialize":
        about = {"name": "sleeper", "version": "1"}
        send(
            {"id": message["id"], "result": {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": about}}
        )
    elif message.get("method") == "tools/call":
        timer = threading.Timer(message["params"]["seconds"], call, (message["id"], message["params"]))
        timer.daemon = True
        timer.start()
