"""A child process under watch: an Observer is told of it."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from mcpws.backends.stdio.child import Child, ChildCounters, ChildLimits
from mcpws.errors import McpwsError
from mcpws.jsonrpc.messages import Message
from mcpws.seam.interfaces import Identity, Link
from mcpws.seam.observer import Exit, MessageObserver, Observer, Party, tell


class WatchedChild(Child):
    """A Child of which `observer` is told; the rest as there."""

    _party: Party

    def __init__(
        self,
        link: Link,
        limits: ChildLimits,
        clock: IReactorTime,
        counters: ChildCounters,
        on_end: Callable[[Child], None],
        observer: Observer,
    ) -> None:
        super().__init__(link, limits, clock, counters, on_end)
        self._observer = observer

    def begun(self, program: str) -> None:
        super().begun(program)
        self._party = Party("child", self.pid, self.client.identity)
        tell(self._observer.child_started, self._party, program)

    def over(self, exit: Exit) -> None:
        super().over(exit)
        tell(self._observer.child_ended, self._party, exit)


class ChildWatchedClosely(WatchedChild):
    """One of whose messages `observer` is told, too, which takes time with each."""

    def __init__(
        self,
        link: Link,
        limits: ChildLimits,
        clock: IReactorTime,
        counters: ChildCounters,
        on_end: Callable[[Child], None],
        observer: MessageObserver,
    ) -> None:
        self._of_messages = observer
        super().__init__(_ToldLink(link, self._received), limits, clock, counters, on_end, observer)

    def receive(self, message: Message) -> None:
        if self.serving:
            tell(self._of_messages.sent, self._party, message)
        super().receive(message)

    def _received(self, message: Message) -> None:
        tell(self._of_messages.received, self._party, message)


class _ToldLink:
    """A Link that tells of what is sent through it."""

    def __init__(self, link: Link, told: Callable[[Message], None]) -> None:
        self._link = link
        self._told = told

    @property
    def identity(self) -> Identity:
        return self._link.identity

    def send(self, message: Message) -> None:
        self._told(message)
        self._link.send(message)

    def lost(self, reason: McpwsError) -> None:
        self._link.lost(reason)

    def pauseProducing(self) -> None:
        self._link.pauseProducing()

    def resumeProducing(self) -> None:
        self._link.resumeProducing()

    def stopProducing(self) -> None:
        self._link.stopProducing()
