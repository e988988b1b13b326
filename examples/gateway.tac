"""A stdio MCP server on WebSocket, as an application of twistd.

Run it:   twistd -ny examples/gateway.tac
Call it:  mcpws tools 8082
"""

import os
import shlex

from twisted.application.service import Application
from twisted.internet import reactor

from mcpws import DualEra, ServerFactory, Stdio, WebSocketConfig, WebSocketService

command = shlex.split(os.environ.get("SERVER", "mcp-server-time"))
port = os.environ.get("PORT", "8082")

# A process for each client; DualEra serves clients of both eras of MCP, whichever the server is of.
backend = DualEra(Stdio(command, reactor=reactor, max_children=50), clock=reactor)
factory = ServerFactory(backend, WebSocketConfig(max_connections=40), reactor=reactor)

application = Application("gateway")
WebSocketService(factory, [port], reactor).setServiceParent(application)
