"""A front of its own: one JSON-RPC message a line over TCP, with the limits, statistics and shutdown of mcpws.

Run it:   python examples/tcp_lines.py 8099
Talk:     (echo '{"jsonrpc":"2.0","id":1,"method":"ping"}'; sleep 1) | nc 127.0.0.1 8099
"""

import sys

from calculator import app  # the one beside this
from twisted.internet import endpoints
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.task import react
from twisted.protocols.basic import LineReceiver

from mcpws import Roster, StreamCarrier


class Line(LineReceiver):
    "One client: lines in, and what its StreamCarrier writes out."

    delimiter = b"\n"

    def connectionMade(self):
        self.MAX_LENGTH = self.factory.max_line  # whoever sends a longer one is hung up on
        # Lines that were read already wait here, so this is the reader that is to be paused.
        self.client = StreamCarrier(self.transport, to_line, reader=self, **self.factory.settings)

    def lineReceived(self, line):
        self.client.receive(line)

    def connectionLost(self, reason):
        self.client.gone()


def to_line(data):
    "JSON may have line breaks between its values, and nowhere else."
    return data.replace(b"\n", b" ") + b"\n"


class LineFactory(Factory):
    "The clients of one server; `roster.drain` lets all of them leave."

    protocol = Line

    def __init__(self, backend, clock, *, max_connections=100, max_line=1024 * 1024, observer=None, **limits):
        self.max_line = max_line
        self.roster = Roster(clock, max_connections=max_connections, drain_seconds=30)
        self.settings = {"backend": backend, "roster": self.roster, "observer": observer, **limits}


async def main(reactor, port="8099"):
    factory = LineFactory(app, reactor)
    listening = await endpoints.serverFromString(reactor, f"tcp:{port}:interface=127.0.0.1").listen(factory)

    async def stop():
        await listening.stopListening()
        await factory.roster.drain()
        await app.stop()

    # What is in flight is answered before the reactor stops.
    reactor.addSystemEventTrigger("before", "shutdown", lambda: Deferred.fromCoroutine(stop()))
    print(f"listening on 127.0.0.1:{port}", flush=True)
    await Deferred()  # for ever: a signal ends it


if __name__ == "__main__":
    react(main, sys.argv[1:])
