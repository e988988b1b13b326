"""One run of a server that many clients share: from its start, over the proof that it can be shared, to its end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from mcpws.core.ledger import cancelled_id
from mcpws.errors import BackendLost, McpwsError
from mcpws.jsonrpc.messages import Answer, Error, Message, Notification, Request, RequestId, Result, alike
from mcpws.mcp.discovery import PROBE_PARAMS, unfit
from mcpws.mcp.methods import CANCELLED, DISCOVER
from mcpws.mcp.versions import MODERN_VERSIONS
from mcpws.seam.interfaces import Backend, Channel, Identity
from mcpws.seam.opening import Opening
from mcpws.turns.timer import Timer

log = Logger()

PROBE = Request(0, DISCOVER, PROBE_PARAMS)
"""Request that a server is sent first (MCP 2026-07-28, stdio, backward compatibility). No Mux gives the number 0."""


class Run:
    """The Link of a server that is shared. Requests wait until it has answered the probe, if nobody cancels them.

    :param probe_timeout: seconds for that.
    :param on_message: takes what comes from the server.
    :param on_change: called when `takes_more` may have changed, and when the server has become `ready`.
    :param on_lost: called once, when it is gone or turns out not to be fit; not after `end`.
    :param dropped: counts, as Mux does, what comes before the server has got any request.
    :param server: what people are told that it is.
    """

    def __init__(
        self,
        clock: IReactorTime,
        probe_timeout: float,
        on_message: Callable[[Message], None],
        on_change: Callable[[], None],
        on_lost: Callable[[McpwsError], None],
        dropped: Counter[str],
        server: str = "server",
    ) -> None:
        self._server = server
        self.identity = Identity("all clients")
        self.started = clock.seconds()
        self.ready = False
        self._probe_timeout = probe_timeout
        self._on_message = on_message
        self._on_change = on_change
        self._on_lost = on_lost
        self._dropped = dropped
        self._opening = Opening(self._opened, self.lost, f"The {server} could not be started")
        self._channel: Channel | None = None
        self._waiting: dict[RequestId, Request] = {}
        self._timer = Timer(clock)
        self._full = False
        self._asks = False
        self._ended = False

    @property
    def takes_more(self) -> bool:
        """Whether clients may be read for it."""
        return self.ready and not self._full

    def start(self, backend: Backend) -> None:
        """Open the one conversation; it may fail at once."""
        self._opening.begin(backend, self)

    def receive(self, message: Message) -> None:
        """To the server."""
        if not self.ready:
            if type(message) is Request:
                self._waiting[message.id] = message
                return
            if type(message) is Notification and message.method == CANCELLED:
                id = cancelled_id(message)
                if id is not None and self._waiting.pop(id, None) is not None:
                    return
        if self._channel is not None:
            self._channel.receive(message)

    def end(self, reason: str) -> None:
        """Nobody wants it any more."""
        self._ended = True
        self._waiting.clear()
        channel, self._channel = self._channel, None
        self._timer.stop()
        self._opening.give_up(reason)
        if channel is not None:
            channel.close(reason)

    # What the server's backend sees: Link.

    def send(self, message: Message) -> None:
        if not self._asks and isinstance(message, (Result, Error)) and message.id in (PROBE.id, alike(PROBE.id)):
            self._probed(message)
        elif self._ended:
            return
        elif self._asks or type(message) is Request:
            self._on_message(message)
        else:
            # It has no request yet that this could be about.
            self._dropped["notification" if type(message) is Notification else "answer"] += 1

    def lost(self, reason: McpwsError) -> None:
        if not self._ended:
            self._channel = None
            self.end(str(reason))
            self._on_lost(reason)

    def pauseProducing(self) -> None:
        self._full = True
        self._on_change()

    def resumeProducing(self) -> None:
        self._full = False
        self._on_change()

    def stopProducing(self) -> None:
        self.pauseProducing()

    def _opened(self, channel: Channel) -> None:
        self._channel = channel
        self._timer.set(self._probe_timeout, self._unanswered)
        channel.receive(PROBE)

    def _unanswered(self) -> None:
        self._refuse(f"did not answer {DISCOVER} within {self._probe_timeout:g} s")

    def _probed(self, answer: Answer) -> None:
        if self._ended or self._channel is None:
            return
        problem = unfit(answer)
        if problem is not None:
            self._refuse(problem)
            return
        self._timer.stop()
        self._asks = True
        # One by one: what comes meanwhile has its place behind.
        while self._waiting:
            self._channel.receive(self._waiting.pop(next(iter(self._waiting))))
        if not self._ended:
            self.ready = True
            self._on_change()

    def _refuse(self, problem: str) -> None:
        needed = f"only a server of protocol version {MODERN_VERSIONS[-1]} can be shared by several clients"
        log.error("the {server} {problem}; {needed}", server=self._server, problem=problem, needed=needed)
        self.end(needed)
        # What is needed comes first: the reason of a Close has room for little more.
        self._on_lost(BackendLost(f"{needed.capitalize()}; this one {problem}"))
