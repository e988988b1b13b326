"""A check at the door, and a page beside MCP on the same port.

Run it:   python examples/doorkeeper.py 8082
Open:     http://127.0.0.1:8082/about
Call it:  mcpws tool 8082 who --header "Authorization: Bearer sesame"
"""

import sys
from http import HTTPStatus

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater, react
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.web.resource import Resource

from mcpws import App, Context, Page, Principal, Refusal, ServerFactory, WebSocketService

app = App("guarded", "1.0")

TOKENS = {"sesame": "ali", "swordfish": "groucho"}


@app.tool
def who(context: Context) -> str:
    "Who you are."
    return context.identity.principal or "nobody"


class Doorkeeper:
    "A check: looks the token of a request up, which takes its time, and says whom it comes from."

    def __init__(self, clock, tokens):
        self.clock = clock
        self.tokens = tokens

    async def __call__(self, request):
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return Refusal(HTTPStatus.UNAUTHORIZED, "a token is needed", (("WWW-Authenticate", "Bearer"),))
        # Where a program would ask its database.
        name = await deferLater(self.clock, 0.01, self.tokens.get, token.strip())
        return Principal(name) if name else Refusal(HTTPStatus.FORBIDDEN, "this token is none of ours")


class About(Resource):
    isLeaf = True

    def render_GET(self, request):
        request.setHeader("content-type", "text/plain; charset=utf-8")
        return b"Tools for those who have a token.\n"


def factory(reactor):
    "Everybody may read the page, also while the server is full."
    pages = {"/about": Page(About())}
    return ServerFactory(app, reactor=reactor, checks=[Doorkeeper(reactor, TOKENS)], pages=pages)


async def main(reactor, port="8082"):
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    service = WebSocketService(factory(reactor), [port], reactor)
    service.startService()
    reactor.addSystemEventTrigger("before", "shutdown", service.stopService)
    print(service.urls[0], flush=True)
    await Deferred()  # for ever: a signal ends it


if __name__ == "__main__":
    react(main, sys.argv[1:])
