"""One transport object as server or as client.

Terminal 1:  python examples/websocket_transport_demo.py server
Terminal 2:  python examples/websocket_transport_demo.py client
"""

import sys

from msgspec import Raw
from msgspec.json import encode
from twisted.internet.task import react

from mcpws import Request, Result, WebSocketConfig, WebSocketTransport

DEMO = {"name": "demo", "version": "1"}
OFFER = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": DEMO}
ANSWER = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": DEMO}
URL = sys.argv[2] if len(sys.argv) > 2 else "ws://127.0.0.1:8082"


async def server(reactor):
    config = WebSocketConfig(url=URL, server_mode=True)
    transport = WebSocketTransport(config, reactor=reactor)
    await transport.start()
    print("serving", URL, flush=True)
    incoming = await transport.receive()
    print("got", incoming.message.method)
    transport.send(Result(incoming.message.id, Raw(encode(ANSWER))), incoming.connection)
    await transport.stop()


async def client(reactor):
    config = WebSocketConfig(url=URL, server_mode=False)
    transport = WebSocketTransport(config, reactor=reactor)
    await transport.start()
    transport.send(Request(1, "initialize", Raw(encode(OFFER))))
    incoming = await transport.receive()
    print("got", bytes(incoming.message.result).decode())
    await transport.stop()


if __name__ == "__main__":
    roles = {"server": server, "client": client}
    if len(sys.argv) < 2 or sys.argv[1] not in roles:
        sys.exit(__doc__)
    react(roles[sys.argv[1]])
