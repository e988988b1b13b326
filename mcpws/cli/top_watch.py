"""The watch that `mcpws top` keeps: reports as they come, keys, and the connection when it is lost."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater

from mcpws.cli.options import Remote
from mcpws.cli.report import line
from mcpws.cli.running import begin_session
from mcpws.cli.top_screen import Screen
from mcpws.cli.top_sorts import next_sort
from mcpws.cli.top_source import STATUS, report_of, without_page
from mcpws.cli.top_view import Picture
from mcpws.client.session import Session
from mcpws.errors import HandshakeRefused, McpwsError
from mcpws.policy.backoff import Backoff
from mcpws.turns.steady import steady

if TYPE_CHECKING:
    from mcpws.admin.status import StatusReport

WAITS = Backoff(first=1, most=10, spread=0)
"""Between two tries to connect again."""

REDRAWN = 1.0
"""Seconds between two pictures of a wait."""

OVERDUE = 4.0
"""Seconds without a report after which the picture says so; one comes each second."""

ASK = "d again: turn all clients away. Any other key: do not."


class Watch:
    """What is on the screen from the first report on, until `q`, after which it `has_quit`, or a signal.

    :param sort: the order of the connections at first.
    """

    def __init__(self, remote: Remote, sort: str) -> None:
        self._remote = remote
        self._sort = sort
        self._report: StatusReport | None = None
        self._before: StatusReport | None = None
        self._came = 0.0
        self._session: Session | None = None
        self._lost: str | None = None
        self._next_try: float | None = None
        self._asked = False
        self._told = ""
        self._running: Deferred[None] | None = None
        self.has_quit = False
        self._screen: Screen | None = None

    async def run(self, reactor: Any) -> None:
        """Watch; returns after `q`. Raises McpwsError if the first connection fails, later ones are tried again."""
        self._clock: IReactorTime = steady(reactor)
        self._screen = Screen(reactor, self._drawn, self._pressed)
        redrawing = LoopingCall(self._passed)
        redrawing.clock = reactor
        self._running = Deferred.fromCoroutine(self._follow(reactor, redrawing))
        try:
            await self._running
        except CancelledError:
            if not self.has_quit:
                raise
        finally:
            if redrawing.running:
                redrawing.stop()
            self.leave()
            if self._session is not None:
                await self._session.close()

    def leave(self) -> None:
        """Leave the terminal as it was, also where the process ends at once."""
        if self._screen is not None:
            self._screen.leave()

    async def _follow(self, reactor: Any, redrawing: LoopingCall) -> None:
        assert self._screen is not None
        try:
            session = await self._begin(reactor)
        except HandshakeRefused as error:
            raise without_page(self._remote, error) from error
        self._screen.enter()
        redrawing.start(REDRAWN, now=False)
        while True:
            try:
                reason = await self._follow_session(session)
            except McpwsError as error:
                reason = error
            session = await self._begin_again(reactor, reason)

    async def _begin(self, reactor: Any) -> Session:
        """A session, of which the first report is shown."""
        self._session = session = await begin_session(self._remote, reactor, "auto")
        report = await report_of(session, self._remote)
        self._lost, self._told = None, ""
        self._take(report)
        return session

    async def _begin_again(self, reactor: Any, reason: McpwsError | None) -> Session:
        for failures in count(1):
            self._give_up(reason)
            seconds = WAITS.wait(failures, 0)
            self._next_try = self._clock.seconds() + seconds
            self._refresh()
            await deferLater(reactor, seconds)
            self._next_try = None
            self._refresh()
            try:
                return await self._begin(reactor)
            except McpwsError as error:
                reason = error
        raise AssertionError("it counts for ever")

    async def _follow_session(self, session: Session) -> McpwsError | None:
        """Show each report until there are no more; why."""
        news: list[Deferred[None]] = []
        ending: list[McpwsError | None] = []

        def updated(_: str) -> None:
            # One that comes while a report is read is about what that has.
            if news:
                news.pop().callback(None)

        def over(reason: McpwsError | None) -> None:
            ending.append(reason)
            updated(STATUS)

        subscription = await session.subscribe(STATUS, updated, timeout=self._remote.timeout)
        subscription.when_ended().addCallback(over)
        while True:
            if not ending:
                next_one: Deferred[None] = Deferred()
                news.append(next_one)
                await next_one
            if ending:
                return ending[0]
            self._take(await report_of(session, self._remote))

    def _take(self, report: StatusReport) -> None:
        self._before, self._report = self._report, report
        self._came = self._clock.seconds()
        self._refresh()

    def _refresh(self) -> None:
        if self._screen is not None:
            self._screen.refresh()

    def _give_up(self, reason: McpwsError | None) -> None:
        """The connection is of no use any more."""
        session, self._session = self._session, None
        if session is not None:
            session.close()
        self._lost = "the server ended it" if reason is None else line(self._remote.target.shown, reason)
        # The next server there may be another one.
        self._asked = False

    # The picture.

    def _drawn(self, width: int, height: int) -> list[Any]:
        assert self._report is not None
        picture = Picture(self._report, self._before, self._sort, self._problem(), self._foot(), self._asked)
        return picture.lines(width, height)

    def _problem(self) -> str | None:
        now = self._clock.seconds()
        if self._lost is None:
            late = now - self._came
            return f"no news for {late:.0f} s" if late > OVERDUE else None
        when = "now" if self._next_try is None else f"in {max(0.0, self._next_try - now):.0f} s"
        return f"not connected, trying again {when}: {self._lost}"

    def _foot(self) -> str:
        assert self._screen is not None
        if self._asked:
            return ASK
        if not self._screen.has_keys:
            return f"Ctrl-C quit   sorted by {self._sort}"
        keys = f"q quit   s sort: {self._sort}   d drain"
        return f"{keys}   {self._told}" if self._told else keys

    def _passed(self) -> None:
        """Time has passed: of that only a wait tells."""
        if self._problem() is not None:
            self._refresh()

    # Keys.

    def _pressed(self, key: str) -> None:
        asked, self._asked = self._asked, False
        self._told = ""
        if key == "q":
            self.has_quit = True
            assert self._running is not None
            self._running.cancel()
            return
        if asked:
            if key == "d":
                self._drain()
        elif key == "s":
            self._sort = next_sort(self._sort)
        elif key == "d":
            if self._session is None or self._lost is not None:
                self._told = "not connected"
            else:
                self._asked = True
        self._refresh()

    def _drain(self) -> None:
        session = self._session
        if session is None:
            return
        self._told = "draining ..."

        async def drain() -> None:
            try:
                await session.call_tool("drain", timeout=self._remote.timeout)
                self._told = "the server drains"
            except McpwsError as error:
                self._told = line(self._remote.target.shown, error)
            self._refresh()

        Deferred.fromCoroutine(drain())
