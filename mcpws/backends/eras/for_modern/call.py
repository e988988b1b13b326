"""Call of a modern client at a legacy server."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum, auto
from hashlib import sha256
from typing import NamedTuple

from msgspec import Raw
from twisted.internet.interfaces import IDelayedCall

from mcpws.backends.eras.shapes import Members
from mcpws.jsonrpc.messages import Answer, Request, RequestId


class State(Enum):
    """Where a call is."""

    WAITING = auto()
    """It may not go to the server, or go on there, before another one."""
    RUNNING = auto()
    """The server works on it, and the client waits."""
    PARKED = auto()
    """The client was asked, and has its answer so far. The server waits, or works on."""


class Ask:
    """A request of the server's, over which `call` the client is to hear of it; None while there is no call.

    `key` is what the client knows it by, None before it does; `response` what it said, None before it did.
    """

    __slots__ = ("call", "id", "key", "request", "response")

    def __init__(self, id: RequestId, request: Members) -> None:
        self.id = id
        self.request = request
        self.call: Call | None = None
        self.key: str | None = None
        self.response: Raw | None = None


class Call:
    """A piece of work at the server, over all the requests of the client that carry it on.

    `client_id` is of the latest of these, `server_id` what the server knows it by, None before it has heard of it.
    `resume` takes what carries it on. `asks` have not been answered to the server. `outcome` is the server's answer if
    it came while the call was parked.
    """

    __slots__ = (
        "asks",
        "client_id",
        "digest",
        "method",
        "outcome",
        "params",
        "progress_token",
        "resume",
        "server_id",
        "state",
        "timer",
    )

    def __init__(self, resume: Callable[[Work], None], work: Work) -> None:
        self.resume = resume
        self.method = work.request.method
        self.carry_on(work)
        self.server_id: RequestId | None = None
        self.state = State.WAITING
        self.asks: list[Ask] = []
        self.outcome: Answer | None = None
        self.timer: IDelayedCall | None = None
        self.digest = b""

    def carry_on(self, work: Work) -> None:
        """The client waits for it with this request."""
        self.client_id = work.request.id
        self.params = work.params
        self.progress_token = work.progress_token

    def park(self) -> Members:
        """The client is asked: returns the `inputRequests`. What it must send again is not kept."""
        self.state = State.PARKED
        self.digest = digest(self.method, self.params)
        self.params = {}
        for number, ask in enumerate(self.asks):
            ask.key = str(number)
        return {str(ask.key): ask.request for ask in self.asks}

    def stop_timer(self) -> None:
        """Gather no more asks."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Work(NamedTuple):
    """A modern client's request, looked into.

    `params` are its members as a legacy server gets them, `level` is that of the log messages that are wanted with it.
    `call` is what the client comes back to, with its `responses` to what it was asked; None for anything new.
    """

    request: Request
    params: Members
    progress_token: RequestId | None
    level: int | None
    call: Call | None
    responses: dict[str, Raw]


def canonical(value: Raw) -> object:
    """JSON as something to compare: the order of members and the white space do not count, and any number can be."""
    decoded: object = json.loads(bytes(value), parse_int=str, parse_float=str)
    return decoded


def digest(method: str, params: Members) -> bytes:
    """Digest of what a request is about, to know another about the same; `params` as a legacy server gets them."""
    salient = {name: canonical(value) for name, value in params.items() if name != "_meta"}
    return sha256(json.dumps([method, salient], sort_keys=True).encode()).digest()
