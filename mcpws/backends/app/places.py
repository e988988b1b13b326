"""Places where the functions of an App run: the reactor's turns, threads, tasks of asyncio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, get_args

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from mcpws.backends.app.away import Begin, On
from mcpws.backends.app.context import Context
from mcpws.backends.app.holding import Holds, Registered, Watch
from mcpws.backends.app.in_flight import InFlight
from mcpws.backends.app.tasks import Tasks
from mcpws.backends.app.threads import Home, Threads
from mcpws.errors import ConfigError

log = Logger()

CLOSING = 1.0
"""Seconds that a loop of asyncio may take to close."""

_WORDS = ", ".join(f'"{word}"' for word in get_args(On))


class Place(Protocol):
    """A place where functions run that is not the reactor's turns."""

    word: On

    def run(self, begin: Begin, label: str, context: Context | None) -> Deferred[Any]:
        """Call a function, which `label` names in the log; fires with what it returns in the end."""


class Places:
    """The places of one App.

    :param default: for functions of which nothing else is said, where it suits them; the others run on the reactor.
    :raises ConfigError: `default` is no such word, or there is to be less than one thread.
    """

    def __init__(self, default: On, in_flight: InFlight, max_threads: int, max_waiting: int) -> None:
        check_word("on", default)
        self.default = default
        self._home = Home()
        self.threads = Threads(max_threads, max_waiting, self._home, in_flight)
        self.tasks = Tasks(self._home, in_flight)
        self.holds = Holds()
        self._watch = Watch(self.holds)

    def where(self, on: On | None) -> Where:
        """Place for a function that is registered with `on`."""
        return Where(self, on)

    def use(self, reactor: object) -> None:
        """Take `reactor` for that whose turns they are."""
        self._home.use(reactor)

    def watch(self, clients: bool) -> None:
        """Look for functions that hold up the reactor, where one runs, while there are `clients`."""
        if clients and self._home.reach() is not None:
            self._watch.begin()
        elif not clients:
            self._watch.rest()

    def end(self, clock: IReactorTime) -> Deferred[None]:
        """Let threads and loop end; fires when the loop has, if it does soon. Nothing may be run any more."""
        self._watch.end()
        self.threads.end()
        return self.tasks.end().addTimeout(CLOSING, clock).addErrback(_not_closed)


@dataclass(frozen=True, slots=True)
class Where:
    """The word that one function is registered with, None without any; and the places, None if there is but one."""

    places: Places | None
    on: On | None

    def place_of(self, label: str, *, coroutine: bool, deferred: bool) -> Place | None:
        """The place of the function; None for the reactor's turns.

        :param label: names it.
        :param coroutine: whether it is a coroutine function.
        :param deferred: whether it is known to return a Deferred.
        :raises ConfigError: it cannot run there.
        """
        key, on, places = f"{label}, on", self.on, self.places
        if on is not None:
            check_word(key, on)
        if places is None:
            return None
        word = on or places.default
        if word == "asyncio":
            if coroutine:
                return places.tasks
            if on is not None:
                raise ConfigError(key, on, 'is for coroutine functions: write async def, or on="thread" if it blocks')
        if word == "thread":
            if not coroutine and not deferred:
                return places.threads
            if on is not None:
                what = 'a coroutine function does not block: write on="asyncio", or def' if coroutine else _DEFERRED
                raise ConfigError(key, on, what)
        return None

    def watch(self, signature: Registered) -> None:
        """Look whether the function, which runs in the reactor's turns, holds them up."""
        if self.places is not None:
            self.places.holds.add(signature)


ON_REACTOR = Where(None, None)

_DEFERRED = 'what returns a Deferred belongs to the reactor: write on="reactor", or return what is there'


def check_word(key: str, on: object) -> None:
    """Raise ConfigError, about `key`, for what is no word for a place."""
    if on not in get_args(On):
        raise ConfigError(key, on, f"must be one of {_WORDS}")


def _not_closed(failure: Failure) -> None:
    failure.trap(TimeoutError)
    log.warn("the loop of asyncio is not waited for any longer: something blocks it")
