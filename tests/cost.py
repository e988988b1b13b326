"""What one message costs, counted and not timed, so that it is the same on every machine: calls, writes, memory.

Run by itself it prints the counts as JSON. Counted is what happens in this process between the bytes that come in and
those that go out, at default settings.
"""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, succeed

from mcpws import App
from mcpws.jsonrpc.messages import EMPTY, Message, Request, Result
from mcpws.seam.interfaces import Channel, Link
from mcpws.testing import RawClient, RecordedConversation, RecordingBackend, Served, connected
from mcpws.ws.fastlane import frame

IN_FLIGHT = 16
ROUNDS = 25
LARGE = 1024 * 1024
RESULT = b'{"content":[{"type":"text","text":"%b"}],"isError":false}' % (b"x" * 100)

app = App("cost", "1")


@app.tool
def echo(text: str) -> str:
    """Say it again."""
    return text


class Passing(RecordedConversation):
    """Answers at once with bytes that are there already, as those of a child are in a gateway."""

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


def calls_of(work: Callable[[], object]) -> int:
    """How many functions are called in `work`, those written in C included."""
    count = 0

    def seen(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def decodes_of(work: Callable[[], object]) -> int:
    """How many times JSON is decoded in `work`."""
    count = 0

    def seen(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal count
        if event == "c_call" and arg.__name__ == "decode":
            count += arg is msgspec.json.decode or isinstance(arg.__self__, msgspec.json.Decoder)

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def call(id: int, size: int, meta: dict[str, Any] | None = None) -> bytes:
    """A masked frame that asks for the echo of a text."""
    params = {"name": "echo", "arguments": {"text": "x" * size}}
    request = {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params}
    if meta is not None:
        params["_meta"] = meta
    return frame(json.dumps(request).encode(), False, b"mask")


def initialised(service: Served) -> RawClient:
    """A client of the handshake's era."""
    client = service.upgraded()
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "cost", "version": "1"}}
    client.send_message({"jsonrpc": "2.0", "id": "start", "method": "initialize", "params": params})
    client.send_message({"jsonrpc": "2.0", "method": "notifications/initialized"})
    service.flush()
    client.take_messages()
    return client


def of_a_server(service: Served) -> dict[str, float]:
    """Calls and writes for each of the requests that come in one read."""
    client = initialised(service)
    serving = client.wire.other
    writes = 0
    write = serving.writeSomeData

    def counted(data: bytes) -> int | BaseException:
        nonlocal writes
        writes += 1
        return write(data)

    serving.writeSomeData = counted  # type: ignore[method-assign]
    reads = [b"".join(call(n * IN_FLIGHT + i, 100) for i in range(IN_FLIGHT)) for n in range(ROUNDS + 1)]
    calls = 0
    for number, read in enumerate(reads):
        if number == 1:
            # Whatever is done only once was done with the first.
            calls = writes = 0
        calls += calls_of(partial(serving.protocol.dataReceived, read))
        service.flush()
        assert len(client.take_messages()) == IN_FLIGHT
    return {"calls": calls / IN_FLIGHT / ROUNDS, "writes_a_read": writes / ROUNDS}


def decodes_of_a_call(meta: Callable[[int], dict[str, Any]]) -> float:
    """Times that JSON is decoded for one call of a function, the first aside, each with a `_meta` of its own."""
    service = Served(app)
    client = initialised(service)
    receive = client.wire.other.protocol.dataReceived
    receive(call(0, 100, meta(0)))
    decodes = decodes_of(lambda: [receive(call(id, 100, meta(id))) for id in range(1, ROUNDS + 1)])
    service.flush()
    answers = client.take_messages()
    assert len(answers) == ROUNDS + 1
    assert all(answer["result"]["content"] for answer in answers)
    return decodes / ROUNDS


def decodes() -> dict[str, float]:
    """Those of calls in either era, with the progress token that lets a legacy call have a `_meta` at all."""
    said = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "cost", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"roots": {}},
        "io.modelcontextprotocol/logLevel": "info",
    }
    return {
        "legacy": decodes_of_a_call(lambda id: {"progressToken": id}),
        "modern": decodes_of_a_call(lambda id: {"progressToken": id, **said}),
    }


def of_a_client() -> dict[str, float]:
    """Calls for each request of a session that is sent, and for each answer of those that come in one read."""
    pair = connected(PassingBackend())
    protocol: Any = pair.session._connection._protocol
    receive = protocol.dataReceived
    answered = 0

    def received(data: bytes) -> None:
        nonlocal answered
        answered += calls_of(lambda: receive(data))

    def ask() -> None:
        asked.extend(pair.session.request("tools/call") for _ in range(IN_FLIGHT))

    asked: list[Deferred[Any]] = []
    ask()
    pair.flush()
    protocol.dataReceived = received
    sent = 0
    for _ in range(ROUNDS):
        sent += calls_of(ask)
        pair.flush()
    assert all(deferred.called for deferred in asked)
    return {"sent": sent / IN_FLIGHT / ROUNDS, "answered": answered / IN_FLIGHT / ROUNDS}


def memory_of_a_large_message() -> float:
    """Bytes held at most while a large text is echoed, in sizes of the text; what came and what goes are in it."""
    service = Served(app)
    client = initialised(service)
    protocol = client.wire.other.protocol
    data = call(1, LARGE)
    parts = [data[start : start + 65_536] for start in range(0, len(data), 65_536)]
    del data
    tracemalloc.start()
    try:
        for part in parts:
            protocol.dataReceived(part)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return peak / LARGE


def main() -> None:
    """Print all counts."""
    counts = {
        "app": of_a_server(Served(app)),
        "passing": of_a_server(Served(PassingBackend())),
        "session": of_a_client(),
        "decodes": decodes(),
        "large": {"memory": memory_of_a_large_message()},
    }
    json.dump(counts, sys.stdout)


if __name__ == "__main__":
    main()
