"""Several servers on one port: each at a path of its own, and all of them together at the usual ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from twisted.logger import Logger

from mcpws.admin.servers import path_of
from mcpws.admin.together import Part
from mcpws.backends.aggregate import Aggregate
from mcpws.backends.stdio import Stdio
from mcpws.backends.unavailable import Unavailable
from mcpws.backends.upstream import Upstream
from mcpws.errors import ConfigError
from mcpws.fronts.roster import Roster
from mcpws.mcp.methods import OF_CLIENTS
from mcpws.seam.interfaces import Backend
from mcpws.seam.observer import Observer
from mcpws.serving.backend import backend_of
from mcpws.serving.config import Entry
from mcpws.turns.heartbeat import period
from mcpws.turns.steady import steady
from mcpws.turns.timing import MAX_TOOLS, Timings
from mcpws.ws.server import ServerFactory

log = Logger()


@dataclass(frozen=True, slots=True)
class _One:
    """One server, put together.

    :param stdio: whose processes answer, None where there are none.
    """

    entry: Entry
    backend: Backend
    stdio: Stdio | None
    factory: ServerFactory
    part: Part


class Several:
    """The servers, by their names.

    :param entries: their settings.
    :param whole: who is connected to any of them, and to all together.
    :param observer: is told of their clients, `children` of their processes; None for nobody.
    :param counting: whether requests are counted and timed.
    """

    def __init__(
        self,
        entries: Mapping[str, Entry],
        reactor: Any,
        whole: Roster,
        observer: Observer | None,
        children: Observer | None,
        counting: bool = True,
    ) -> None:
        self._reactor = reactor
        self._whole = whole
        self._observer = observer
        self._children = children
        self._counting = counting
        self._ones: dict[str, _One] = {}
        self._leaving: list[_One] = []
        for name, entry in entries.items():
            self._ones[name] = self._made(name, entry)
        self.together = Aggregate({name: one.backend for name, one in self._ones.items()}, clock=reactor)
        """Backend of all of them as one."""

    @property
    def factories(self) -> Mapping[str, ServerFactory]:
        """The servers by their paths."""
        return {one.part.path: one.factory for one in self._ones.values()}

    def parts(self) -> Sequence[Part]:
        """The servers that there are, for the pages."""
        return [one.part for one in self._ones.values()]

    def stdios(self) -> Sequence[Stdio]:
        """Whose processes there may be, those of servers that are leaving included."""
        return [one.stdio for one in (*self._ones.values(), *self._leaving) if one.stdio is not None]

    def change(self, entries: Mapping[str, Entry], factory: ServerFactory) -> list[str]:
        """Serve `entries` from now on; what is the same in both keeps its connections. Returns what has changed.

        :param factory: serves all of them.
        """
        done = []
        for name in [name for name in self._ones if name not in entries]:
            self._replace(name, None, factory)
            done.append(f"{name} is gone")
        for name, entry in entries.items():
            before = self._ones.get(name)
            if before is not None and before.entry == entry:
                continue
            if problem := self._unchangeable(before, entry):
                log.error("{name} stays as it was: {problem}", name=name, problem=problem)
                continue
            self._replace(name, self._made(name, entry), factory)
            done.append(f"{name} is new" if before is None else f"{name} has changed")
        # As they stand in the file now.
        self._ones = {name: self._ones[name] for name in entries if name in self._ones}
        return done

    def _unchangeable(self, before: _One | None, entry: Entry) -> str | None:
        """Why a server cannot become what its entry says; None if it can."""
        if before is None or before.entry.problem is not None:
            return None
        if entry.problem is not None:
            return entry.problem
        if before.entry.config.app is not None or entry.config.app is not None:
            return "an App, and what it is served with, takes a restart"
        return None

    def _replace(self, name: str, one: _One | None, factory: ServerFactory) -> None:
        before = self._ones.pop(name, None)
        if one is not None:
            self._ones[name] = one
            self.together.put(name, one.backend)
        else:
            self.together.remove(name)
        if before is None:
            assert one is not None
            factory.serve_at(one.part.path, one.factory)
            return
        if factory.timings is not None:
            # What was counted stays counted.
            factory.timings.include(before.part.timings)
        self._leaving.append(before)
        gone = factory.serve_at(before.part.path, None if one is None else one.factory)
        gone.addCallback(lambda _: self._leaving.remove(before))

    def _made(self, name: str, entry: Entry) -> _One:
        path = path_of(name)
        config = replace(entry.config, paths=(path,))
        problem, stdio = entry.problem, None
        if problem is None:
            try:
                backend, stdio = self._backend(entry)
            except ConfigError as error:
                problem = str(error)
        if problem is not None:
            log.error("{name} cannot be served: {problem}", name=name, problem=problem)
            backend = Unavailable(name, problem)
        clock = steady(self._reactor)
        timings, tools = Timings(OF_CLIENTS, clock), Timings((), clock, MAX_TOOLS)
        timings.tools = tools
        roster = Roster(
            self._reactor,
            max_connections=config.max_connections,
            drain_seconds=config.drain_seconds,
            period=period(config),
            within=self._whole,
        )
        factory = ServerFactory(
            backend,
            config,
            reactor=self._reactor,
            observer=self._observer,
            roster=roster,
            timings=timings if self._counting else None,
        )
        return _One(entry, backend, stdio, factory, Part(name, path, backend, factory.statistics, timings, tools))

    def _backend(self, entry: Entry) -> tuple[Backend, Stdio | None]:
        if entry.url is not None:
            return Upstream(entry.url, reactor=self._reactor, config=entry.config), None
        app = entry.config.app
        if app is not None and any(app == one.entry.config.app for one in self._ones.values()):
            raise ConfigError("app", app, "is served already, and there is one of each App")
        return backend_of(entry.config, self._reactor, self._children)
