"""A stdio server that answers as its request says, mostly wrongly: the name of the tool says how.

With the argument `modern` it is one of MCP 2026-07-28.
"""

import json
import sys
from typing import Any

INITIALIZED: dict[str, Any] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "broken", "version": "1"},
}
DISCOVERED: dict[str, Any] = {
    "resultType": "complete",
    "supportedVersions": ["2026-07-28"],
    "capabilities": {"tools": {}},
    "ttlMs": 0,
    "cacheScope": "private",
    "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "broken", "version": "1"}},
}
CONTENT = b'{"resultType":"complete","content":[{"type":"text","text":"%b"}]}'
FINE = CONTENT % b"fine"
LARGE = CONTENT % (b"x" * 2_000_000)

ANSWERS = {
    "fine": b'{"jsonrpc":"2.0","id":ID,"result":%b}' % FINE,
    "cut": b'{"jsonrpc":"2.0","id":ID,"result":%b}' % (CONTENT % rb"ab\ud83d"),
    "cut error": rb'{"jsonrpc":"2.0","id":ID,"error":{"code":7,"message":"ab\ud83d","data":"ab\ud83d"}}',
    "error null": b'{"jsonrpc":"2.0","id":ID,"result":%b,"error":null}' % FINE,
    "string id": b'{"jsonrpc":"2.0","id":"ID","result":%b}' % FINE,
    "among logs": b"starting ...\n" * 2000 + b'{"jsonrpc":"2.0","id":ID,"result":%b}\n[done]' % FINE,
    "nan": b'{"jsonrpc":"2.0","id":ID,"result":{"v":NaN}}',
    "nan, id last": b'{"result":{"v":NaN},"jsonrpc":"2.0","id":ID}',
    "error a string": b'{"jsonrpc":"2.0","id":ID,"error":"boom"}',
    "no jsonrpc": b'{"id":ID,"result":%b}' % FINE,
    "not utf-8": b'{"jsonrpc":"2.0","id":ID,"result":%b}' % (CONTENT % b"\xff"),
    "id a float": b'{"jsonrpc":"2.0","id":ID.0,"result":%b}' % FINE,
    "nothing": b'{"jsonrpc":"2.0","id":ID}',
    "broken off": b'{"jsonrpc":"2.0","id":ID,"result":{"content":[',
    "large": b'{"jsonrpc":"2.0","id":ID,"result":%b}' % LARGE,
    "large, id last": b'{"result":%b,"jsonrpc":"2.0","id":ID}' % LARGE,
    "huge": b'{"jsonrpc":"2.0","id":ID,"result":%b}' % (CONTENT % (b"x" * 50_000_000)),
}


def write(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")
    sys.stdout.buffer.flush()


def answer(id: Any, **outcome: Any) -> None:
    write(json.dumps({"jsonrpc": "2.0", "id": id, **outcome}).encode())


def main(modern: bool) -> None:
    sys.stdout.buffer.write(b"\xef\xbb\xbf")
    for line in sys.stdin:
        message = json.loads(line)
        if "id" not in message or "method" not in message:
            continue
        id, method = message["id"], message["method"]
        if method == "server/discover" and modern:
            answer(id, result=DISCOVERED)
        elif method == "initialize" and not modern:
            answer(id, result=INITIALIZED)
        elif method == "tools/call":
            write(ANSWERS[message["params"]["name"]].replace(b"ID", json.dumps(id).encode(), 1))
        else:
            answer(id, error={"code": -32601, "message": "Method not found"})


if __name__ == "__main__":
    main("modern" in sys.argv[1:])
