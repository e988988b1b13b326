"""Several servers as one backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from random import Random
from typing import ClassVar

from twisted.internet.defer import Deferred, fail, gatherResults, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.backends.aggregate.conversation import AggregateConversation
from mcpws.backends.aggregate.counters import AggregateCounters
from mcpws.backends.aggregate.names import check_name
from mcpws.errors import ShuttingDown
from mcpws.mcp.schema import OURSELVES
from mcpws.seam.interfaces import Backend, Channel, Description, Link, counted_by, unready_reason
from mcpws.turns.steady import steady

log = Logger()

MAX_NAMED = 5
"""Servers that a description names."""


@dataclass(frozen=True, slots=True)
class AggregateLimits:
    """Limits of one conversation.

    :param timeout: seconds for what is asked of all servers; one that needs longer is left out.
    :param max_questions: requests of all servers together that the client has not answered.
    """

    timeout: float = 30
    max_questions: int = 128


class Aggregate:
    """Serves each client from several servers, with which it has a conversation each.

    A server is begun when the client wants something of it, or of all. One that cannot begin, ends or does not answer
    costs what is its own: it is named by the error, and the others go on. When it is wanted again it is begun again.
    Tasks, and methods that MCP does not know, are nobody's here.

    :param servers: backends by their names. Each has to serve both eras of MCP if clients of both are to come.
    :param clock: for timers.
    :raises ConfigError: a name that cannot be told from what it stands before.
    """

    limits: ClassVar[AggregateLimits] = AggregateLimits()

    def __init__(self, servers: Mapping[str, Backend], *, clock: IReactorTime) -> None:
        for name in servers:
            check_name(name)
        self._servers = dict(servers)
        self._clock = steady(clock)
        self._counters = AggregateCounters()
        self._conversations: set[AggregateConversation] = set()
        self._stopping = False
        self._random = Random().random

    def open(self, link: Link) -> Deferred[Channel]:
        """Begin a conversation; no server is begun yet. It fails with ShuttingDown after `stop`."""
        if self._stopping:
            return fail(ShuttingDown())
        conversation = AggregateConversation(
            link,
            self._servers,
            info=OURSELVES,
            clock=self._clock,
            timeout=self.limits.timeout,
            max_questions=self.limits.max_questions,
            counters=self._counters,
            on_end=self._conversations.discard,
            random=self._random,
        )
        self._conversations.add(conversation)
        channel: Channel = conversation
        return succeed(channel)

    def stop(self) -> Deferred[None]:
        """End all conversations with ShuttingDown; fires when every server has stopped."""
        self._stopping = True
        for conversation in list(self._conversations):
            conversation.end(ShuttingDown())
        stopping = [one.stop().addErrback(_not_stopped, name) for name, one in self._servers.items()]
        return gatherResults(stopping).addCallback(lambda _: None)

    def put(self, name: str, server: Backend) -> None:
        """Serve this one as well, or in the place of the one with this name, which is for the caller to stop.

        :raises ConfigError: the name cannot be told from what it stands before.
        """
        check_name(name)
        self._servers[name] = server
        for conversation in list(self._conversations):
            conversation.put(name, server)

    def remove(self, name: str) -> None:
        """Serve this one no more; it is for the caller to stop."""
        if self._servers.pop(name, None) is not None:
            for conversation in list(self._conversations):
                conversation.remove(name)

    def counted(self) -> dict[str, int]:
        """The numbers of AggregateCounters, and the sums of those that the servers have counted."""
        counted = {f"aggregate.{name}": number for name, number in asdict(self._counters).items()}
        for server in self._servers.values():
            for name, number in counted_by(server).items():
                counted[name] = counted.get(name, 0) + number
        return counted

    def described(self) -> Description:
        """How many servers there are, and their names."""
        names = list(self._servers)
        more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
        servers = "1 server" if len(names) == 1 else f"{len(names)} servers"
        return Description(OURSELVES["name"], f"{servers}: {', '.join(names[:MAX_NAMED])}{more}")

    def unready(self) -> str | None:
        """What keeps the first of the servers from serving, if none of them can; one that can is enough."""
        reasons = [(name, unready_reason(server)) for name, server in self._servers.items()]
        if not reasons:
            return "there is no server"
        name, reason = reasons[0]
        return None if any(one is None for _, one in reasons) else f"{name}: {reason}"


def _not_stopped(failure: Failure, name: str) -> None:
    log.failure("{name} did not stop in order", failure, name=name)
