"""A server whose status page is live: an App that offers its own state as the resource, and the tools of the page."""

import sys

import msgspec
from twisted.internet import reactor
from twisted.internet.task import LoopingCall

from mcpws import App, ServerFactory, WebSocketConfig, WebSocketService
from mcpws.admin.activity import Activity
from mcpws.admin.pages import admin_pages
from mcpws.admin.status import status_of
from mcpws.admin.view import View
from mcpws.mcp.methods import OF_CLIENTS
from mcpws.turns.steady import steady
from mcpws.turns.timing import Timings

URI = "mcpws://status"

app = App("live", "1.0")
clock = steady(reactor)
activity, timings = Activity(clock), Timings(OF_CLIENTS, clock)
view = View(lambda: factory.statistics(), lambda: factory.roster.is_leaving, app, activity, timings, clock)
factory: ServerFactory = ServerFactory(
    app,
    WebSocketConfig(paths=("/", "/status")),
    reactor=reactor,
    observer=activity,
    pages=admin_pages(view),
    timings=timings,
)


@app.resource(URI, mime_type="application/json")
def status() -> str:
    "The state now."
    return msgspec.json.encode(status_of(view, 0.0)).decode()


@app.tool
def drain() -> str:
    "Let nobody in any more."
    factory.drain()
    return "draining"


@app.tool
def close_connection(id: int) -> str:
    "End one connection."
    for connection in factory.connections:
        if connection.id == id:
            connection.close(reason="an admin closed it")
            return "closed"
    raise ValueError("there is no such connection")


if __name__ == "__main__":
    service = WebSocketService(factory, [f"tcp:{sys.argv[1]}:interface=127.0.0.1"], reactor)
    service.startService()
    LoopingCall(app.resource_updated, URI).start(1.0)
    print("serving", flush=True)
    reactor.run()
