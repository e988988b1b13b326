"""Where the time of one message goes in the server: `python -m benchmarks.stages`.

The same request is served again and again in memory, each time a stage further; what a stage adds is what it costs.
No socket and no reactor, everything in the processor's caches: the least that Python takes, not what a service takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from mcpws.errors import McpwsError
from mcpws.fronts.front import Front
from mcpws.jsonrpc.codec import decode
from mcpws.jsonrpc.messages import Message, Request
from mcpws.log.events import AccessLog, Level
from mcpws.log.output import Format, Lines
from mcpws.seam.interfaces import Identity
from mcpws.testing import Served
from mcpws.ws.fastlane import FastLane
from tests.cost import IN_FLIGHT, PassingBackend, app, call, initialised

BATCHES = 20
REPEATS = 200
LIMIT = 1 << 24

LOGS: tuple[tuple[str, Level | None, Format], ...] = (
    ("in addition: a log of requests that fail", None, "text"),
    ("in addition: a log of all requests, as text", "info", "text"),
    ("in addition: a log of all requests, as JSON", "info", "json"),
)


class Nobody:
    """A client of a Front that takes everything."""

    behind = False

    def deliver(self, message: Message, data: bytes) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...
    def backend_began(self) -> None: ...
    def backend_lost(self, reason: McpwsError) -> None: ...
    def limited(self, setting: str) -> None: ...
    def idle(self) -> None: ...


def of_the_lane() -> Callable[[bytes], object]:
    """Frames to payloads."""
    return FastLane(True, LIMIT, lambda payload, binary: True).take


def and_of_decoding() -> Callable[[bytes], object]:
    """Payloads to messages."""
    return FastLane(True, LIMIT, lambda payload, binary: decode(payload, utf_8=True)).take


def and_of_the_front() -> Callable[[bytes], object]:
    """The rules of the conversation, both ways, with an answer that is there already."""
    front = Front(Nobody(), Identity("stages"), Clock())
    front.open(PassingBackend())
    front.receive(Request("start", "initialize"))

    def receive(payload: bytes, binary: bool) -> bool:
        front.receive(decode(payload, utf_8=True))
        return True

    return FastLane(True, LIMIT, receive).take


def of_a_server(served: Served) -> Callable[[bytes], object]:
    """Everything, but for what takes the bytes."""
    wire = initialised(served).wire.other
    wire.writeSomeData = len  # type: ignore[method-assign, assignment]
    wire.SEND_LIMIT = LIMIT
    return wire.protocol.dataReceived


def nanoseconds(serve: Callable[[bytes], object]) -> float:
    """The least that one request takes."""
    read = call(7, 100) * IN_FLIGHT
    least = float("inf")
    for _ in range(REPEATS):
        began = perf_counter()
        for _ in range(BATCHES):
            serve(read)
        least = min(least, perf_counter() - began)
    return least / BATCHES / IN_FLIGHT * 1e9


@contextmanager
def logging(form: Format) -> Iterator[None]:
    """A log that goes nowhere."""
    with open(os.devnull, "w") as nowhere:
        lines = Lines(nowhere, form)
        globalLogPublisher.addObserver(lines)
        try:
            yield
        finally:
            globalLogPublisher.removeObserver(lines)


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
    for what, level, form in LOGS:
        with logging(form):
            taken = nanoseconds(of_a_server(Served(app, observer=AccessLog(level))))
        print(f"{what:50} {taken - before:6.0f} ns")


if __name__ == "__main__":
    main()
