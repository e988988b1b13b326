"""MCP beside a web site of twisted.web, in one process: pages on one port, MCP on another.

Run it:   python examples/beside_web.py
Open:     http://127.0.0.1:8000
Call it:  mcpws tool 8082 visits
"""

import sys

from twisted.internet import endpoints
from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.web.resource import Resource
from twisted.web.server import Site

from mcpws import App, ServerFactory, WebSocketService

app = App("counter", "1.0")


class Page(Resource):
    isLeaf = True
    visits = 0

    def render_GET(self, request):
        self.visits += 1
        return f"This page was seen {self.visits} times.".encode()


page = Page()


@app.tool
def visits() -> int:
    "How often the page was seen."
    return page.visits


async def main(reactor, web="8000", mcp="8082"):
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    await endpoints.serverFromString(reactor, f"tcp:{web}:interface=127.0.0.1").listen(Site(page))
    service = WebSocketService(ServerFactory(app, reactor=reactor), [mcp], reactor)
    service.startService()
    # Requests in flight are answered before the reactor stops.
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    print(f"http://127.0.0.1:{web} {service.urls[0]}", flush=True)
    await Deferred()  # for ever: a signal ends it


if __name__ == "__main__":
    react(main, sys.argv[1:])
