"""A minimal MCP server: what a user of a plain WebSocket library writes by hand.

It believes whatever it is told: no schema, no state of the conversation, no limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

VERSION = "2025-11-25"


def echo(text: str) -> str:
    """The tool."""
    return text


TOOLS: Mapping[str, Callable[..., str]] = {"echo": echo}


def answer(message: dict[str, Any]) -> dict[str, Any] | None:
    """The answer to a decoded message; None to a notification."""
    method = message["method"]
    if method == "tools/call":
        params = message["params"]
        text = TOOLS[params["name"]](**params["arguments"])
        return {
            "jsonrpc": "2.0",
            "id": message["id"],
            "result": {"content": [{"type": "text", "text": text}], "isError": False},
        }
    if "id" not in message:
        return None
    if method == "initialize":
        capabilities: dict[str, Any] = {"tools": {}}
        info = {"name": "echo", "version": "1"}
        result = {"protocolVersion": VERSION, "capabilities": capabilities, "serverInfo": info}
        return {"jsonrpc": "2.0", "id": message["id"], "result": result}
    error = {"code": -32601, "message": f"Method not found: {method}"}
    return {"jsonrpc": "2.0", "id": message["id"], "error": error}
