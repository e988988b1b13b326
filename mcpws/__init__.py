"""MCP (the Model Context Protocol) over WebSocket, on Twisted and Autobahn."""

from mcpws.version import __version__

__all__ = ["__version__"]
