"""Makes ``twistd mcpws`` known; the service itself is imported only when it is asked for."""

from twisted.application.service import ServiceMaker

mcpws = ServiceMaker("MCP over WebSocket", "mcpws.tap", "MCP JSON-RPC over WebSocket: server and gateway.", "mcpws")
