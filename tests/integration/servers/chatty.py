"""A stdio MCP server for telling conversations apart: whatever it sends says to whom it belongs.

`tools/call` with a `name` NAME answers after it has reported progress, asked the client `who` with a number and with a
string for an id, and sent a log message; the answer holds the process id, NAME, and what the client said.
"""

import json
import os
import sys

waiting: dict[object, tuple[object, str]] = {}
said: dict[object, list[object]] = {}


def send(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def call(id: object, params: dict[str, object]) -> None:
    name = str(params["name"])
    meta = params.get("_meta")
    token = meta.get("progressToken") if isinstance(meta, dict) else None
    if token is not None:
        send(
            {
                "method": "notifications/progress",
                "params": {"progressToken": token, "progress": 1, "message": name},
            }
        )
    send({"method": "notifications/message", "params": {"level": "info", "data": name}})
    said[id] = []
    number = len(waiting)
    for asked in (number, str(number)):
        while asked in waiting:
            asked = f"{asked}'" if isinstance(asked, str) else asked + 1
        waiting[asked] = (id, name)
        send({"id": asked, "method": "who", "params": {"name": name}})


def answered(message: dict[str, object]) -> None:
    id, name = waiting.pop(message["id"])
    said[id].append(message.get("result"))
    if len(said[id]) == 2:
        result = {"content": [], "name": name, "said": said.pop(id), "pid": os.getpid()}
        send({"id": id, "result": result})


for line in sys.stdin:
    message = json.loads(line)
    method = message.get("method")
    if method == "initialize":
        about = {"name": "chatty", "version": "1"}
        send(
            {"id": message["id"], "result": {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": about}}
        )
    elif method == "tools/call":
        call(message["id"], message["params"])
    elif method is None:
        answered(message)
