"""What one run of the load generator is to do, and what it asks of a server."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass
from typing import Literal

WORDS = ("socket", "message", "request", "server", "client", "answer", "frame", "buffer", "window", "thread", "kernel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run against the server with process id `pid`.

    :param mode: `calls` for requests, `deflate` for compressed ones, `idle` for connections that do nothing, `growth`
        for requests while ever more connections do nothing.
    :param connections: how many ask; in `idle`, how many are open.
    :param in_flight: requests of each.
    :param size: bytes of the string to be echoed.
    :param open: in `growth`, how many connections are open in all, step by step.
    :param authority: file with the certificate that a TLS server's one is signed with.
    :param timeout: seconds for everything besides `warm_up` and `seconds`.
    """

    mode: Literal["calls", "deflate", "idle", "growth"]
    url: str
    pid: int
    connections: int
    in_flight: int = 1
    size: int = 0
    open: tuple[int, ...] = ()
    warm_up: float = 0.4
    seconds: float = 2
    authority: str | None = None
    timeout: float = 60

    def encode(self) -> str:
        """As an argument of the load generator's command line."""
        return json.dumps(asdict(self))

    @classmethod
    def decode(cls, argument: str) -> Job:
        """What `encode` made."""
        values = json.loads(argument)
        return cls(**{**values, "open": tuple(values["open"])})


def text(size: int) -> str:
    """`size` characters of words, the same ones every time: JSON need not escape them, and they can be compressed."""
    chosen = random.Random(size)
    words = " ".join(chosen.choices(WORDS, k=size // 5 + 1))
    return words[:size]


INITIALIZE = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "load", "version": "1"},
        },
    }
).encode()
INITIALIZED = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'


def call_after_id(size: int) -> bytes:
    """A `tools/call` that echoes `text(size)`, without its beginning: `{"jsonrpc":"2.0","id":N` has to precede it."""
    arguments = json.dumps({"text": text(size)}, separators=(",", ":"))
    return b',"method":"tools/call","params":{"name":"echo","arguments":%b}}' % arguments.encode()


def check_answer(payload: bytes, id: int, expected: str) -> None:
    """Whether `payload` answers call `id` as it should; raises ValueError if not."""
    answer = json.loads(payload)
    if "error" in answer or answer.get("id") != id:
        raise ValueError(f"call {id} was answered with {payload[:300]!r}")
    if answer["result"]["content"] != [{"type": "text", "text": expected}]:
        raise ValueError(f"call {id} got something else than what it sent: {payload[:300]!r}")
