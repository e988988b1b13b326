"""Where the time of one message goes in the server: `python -m benchmarks.stages`.

The same request is served again and again in memory, each time a stage further; what a stage adds is what it costs.
No socket and no reactor, everything in the processor's caches: the least that Python takes, not what a service takes.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from mcpws import App
from mcpws.core.codec import decode
from mcpws.core.messages import EMPTY, Message, Request, Result
from mcpws.errors import McpwsError
from mcpws.front import Front
from mcpws.interfaces import Channel, Identity, Link
from mcpws.testing import RecordedConversation, RecordingBackend, Served
from mcpws.ws.fastlane import FastLane, frame

IN_FLIGHT = 16
BATCHES = 20
REPEATS = 200
LIMIT = 1 << 24
INITIALIZE = b'{"jsonrpc":"2.0","id":"start","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"stages","version":"1"}}}'  # noqa: E501
RESULT = b'{"content":[{"type":"text","text":"%b"}],"isError":false}' % (b"x" * 100)

app = App("stages", "1")


@app.tool
def echo(text: str) -> str:
    """Say it again."""
    return text


class Passing(RecordedConversation):
    """Answers with bytes that are there already."""

    def receive(self, message: Message) -> None:
        if type(message) is Request and message.method == "tools/call":
            data = f'{{"jsonrpc":"2.0","id":{message.id},"result":'.encode() + RESULT + b"}"
            self.link.send(Result(message.id, EMPTY, data))
        else:
            super().receive(message)


class PassingBackend(RecordingBackend):
    """Opens such conversations."""

    def open(self, link: Link) -> Deferred[Channel]:
        return succeed(Passing(link, initialize=True))


class Nobody:
    """A client of a Front that takes everything."""

    behind = False

    def deliver(self, message: Message, data: bytes) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def backend_lost(self, reason: McpwsError) -> None: ...
    def idle(self) -> None: ...


def request() -> bytes:
    """A call of the tool with 100 bytes."""
    text = b"x" * 100
    params = b'{"name":"echo","arguments":{"text":"%b"}}' % text
    return b'{"jsonrpc":"2.0","id":7,"method":"tools/call","params":' + params + b"}"


def of_the_lane() -> Callable[[bytes], object]:
    """Frames to payloads."""
    lane = FastLane(True, LIMIT)
    return lambda read: lane.take(read, lambda payload, binary: None, lambda: True)


def and_of_decoding() -> Callable[[bytes], object]:
    """Payloads to messages."""
    lane = FastLane(True, LIMIT)
    return lambda read: lane.take(read, lambda payload, binary: decode(payload), lambda: True)


def and_of_the_front() -> Callable[[bytes], object]:
    """The rules of the conversation, both ways, with an answer that is there already."""
    front = Front(Nobody(), Identity("stages"), Clock())
    front.open(PassingBackend())
    front.receive(decode(INITIALIZE))
    lane = FastLane(True, LIMIT)
    return lambda read: lane.take(read, lambda payload, binary: front.receive(decode(payload)), lambda: True)


def of_a_server(served: Served) -> Callable[[bytes], object]:
    """Everything, but for what takes the bytes."""
    client = served.upgraded()
    client.send(frame(INITIALIZE, False, b"mask"))
    served.flush()
    wire = client.wire.other
    wire.writeSomeData = len  # type: ignore[method-assign, assignment]
    wire.SEND_LIMIT = LIMIT
    return wire.protocol.dataReceived


def nanoseconds(serve: Callable[[bytes], object]) -> float:
    """The least that one request takes."""
    read = frame(request(), False, b"mask") * IN_FLIGHT
    least = float("inf")
    for _ in range(REPEATS):
        began = perf_counter()
        for _ in range(BATCHES):
            serve(read)
        least = min(least, perf_counter() - began)
    return least / BATCHES / IN_FLIGHT * 1e9


def main() -> None:
    """Print a line for each stage."""
    stages = [
        ("lane: frames to payloads, unmasked, valid UTF-8", of_the_lane()),
        ("codec: payload to message", and_of_decoding()),
        ("front and ledger, both ways", and_of_the_front()),
        ("connection, both ways: counters, frame, cork", of_a_server(Served(PassingBackend()))),
        ("App: arguments, call, result", of_a_server(Served(app))),
    ]
    before = 0.0
    for name, serve in stages:
        taken = nanoseconds(serve)
        print(f"{name:50} {taken - before:6.0f} ns")
        before = taken
    print(f"{'in all':50} {before:6.0f} ns")


if __name__ == "__main__":
    main()
