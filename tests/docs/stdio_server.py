"""A stdio MCP server with one tool, on nothing but the standard library, for the examples that put one on WebSocket."""

import json
import sys
from typing import Any

TOOL = {"name": "echo", "description": "Say it again.", "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}}  # fmt: skip  # noqa: E501
INFO = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}, "serverInfo": {"name": "echo", "version": "1"}}


def answer(method: str, params: Any) -> Any:
    if method == "tools/call":
        return {"content": [{"type": "text", "text": params["arguments"]["text"]}]}
    return {"initialize": INFO, "tools/list": {"tools": [TOOL]}, "ping": {}}.get(method)


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        result = answer(message["method"], message.get("params", {}))
        error = {"code": -32601, "message": f"Method not found: {message['method']}"}
        reply = {"error": error} if result is None else {"result": result}
        print(json.dumps({"jsonrpc": "2.0", "id": message["id"], **reply}), flush=True)
