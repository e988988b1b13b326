"""MCP (the Model Context Protocol) over WebSocket, on Twisted and Autobahn.

Serve your functions with an App, any stdio MCP server with Stdio, another server with Upstream, each by `run`, or
through a ServerFactory; call a server with `connect` or a ClientFactory; or move messages yourself with a
WebSocketTransport.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mcpws.version import __version__ as __version__

if TYPE_CHECKING:
    from mcpws.api import *  # noqa: F403
    from mcpws.api import __all__ as __all__


# To import all that the names stand for takes a second, and most commands of `mcpws` need little of it.
def __getattr__(name: str) -> Any:
    names = vars(import_module("mcpws.api"))
    if name not in names and name in globals():
        # A part of the package, which has come along.
        return globals()[name]
    if name not in names:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, names[name])


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("mcpws.api").__all__})
