"""Two ends of a conversation, each a Caller and an Answerer that share a Rpc."""

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mcpws.core.rpc import Rpc
from mcpws.errors import (
    ConnectionClosed,
    InvalidParams,
    MethodNotFound,
)
from mcpws.jsonrpc.messages import Message, Notification, Request
from mcpws.turns.answerer import Answerer
from mcpws.turns.caller import Caller

GONE = ConnectionClosed(1006, "")


class End:
    """A conversation whose messages wait in `out`, and whose methods are a dictionary."""

    def __init__(self, clock: Clock, max_pending: int = 1024, send: Callable[[Message], None] | None = None) -> None:
        self.out: deque[Message] = deque()
        self.methods: dict[str, Callable[[Request], object]] = {}
        self.notifications: list[Notification] = []
        self.rpc = Rpc(send or self.out.append, max_pending)
        self.caller = Caller(self.rpc, clock)
        self.answerer = Answerer(self.rpc, send or self.out.append)

    def receive(self, message: Message) -> None:
        ours = self.rpc.receive(message)
        if type(ours) is Request:
            self.answerer.answer(ours, self._dispatch, ours)
        elif type(ours) is Notification:
            self.notifications.append(ours)

    def _dispatch(self, request: Request) -> object:
        if request.method not in self.methods:
            raise MethodNotFound(request.method)
        return self.methods[request.method](request)


def deliver(sender: End, receiver: End) -> None:
    while sender.out:
        receiver.receive(sender.out.popleft())


def run(*ends: End) -> None:
    """Until both ends have nothing more to say."""
    one, other = ends
    while one.out or other.out:
        deliver(one, other)
        deliver(other, one)


def failure_of(deferred: Deferred[Any], *types: type[BaseException]) -> Any:
    """The exception that a Deferred has failed with."""
    found: list[Failure] = []
    deferred.addErrback(found.append)
    assert found, "has not failed"
    assert found[0].check(*types), found[0]
    return found[0].value


def result_of(deferred: Deferred[Any]) -> Any:
    found: list[Any] = []
    deferred.addCallback(found.append)
    assert found, "has not fired"
    return found[0]


def waits(deferred: Deferred[Any]) -> bool:
    return not deferred.called


def raising(request: Request) -> object:
    raise InvalidParams("too small")
