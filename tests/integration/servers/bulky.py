"""A modern stdio MCP server that a test can make hard to share.

The tool `big` answers with `size` bytes, `never` does not answer, and any other at once. With an argument it reads at
most 64 KiB at a time, and waits that many seconds after each.
"""

import json
import os
import sys
import time

PAUSE = float(sys.argv[1]) if sys.argv[1:] else 0.0
ABOUT = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {"listChanged": True}}}
FRESH = {"ttlMs": 0, "cacheScope": "private", "resultType": "complete"}


def say(**message: object) -> None:
    rest = json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"
    while rest:
        rest = rest[os.write(1, rest) :]


def take(line: bytes) -> None:
    request = json.loads(line)
    if "id" not in request:
        return
    id, method, params = request["id"], request["method"], request["params"]
    if method == "server/discover":
        say(id=id, result=ABOUT | FRESH)
    elif method == "subscriptions/listen":
        about = {"io.modelcontextprotocol/subscriptionId": id}
        told = {"_meta": about, "notifications": params["notifications"]}
        say(method="notifications/subscriptions/acknowledged", params=told)
    elif params["name"] != "never":
        text = "x" * params["arguments"].get("size", 0)
        say(id=id, result={"content": [{"type": "text", "text": text}], "resultType": "complete"})


unfinished = b""
while data := os.read(0, 64 * 1024):
    time.sleep(PAUSE)
    *lines, unfinished = (unfinished + data).split(b"\n")
    for line in lines:
        take(line)
