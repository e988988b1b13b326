"""Threads for functions that block, of one App: so many and no more, and so many calls that wait for one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextvars import Context as ContextVariables
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure

from mcpws.backends.app.away import AwayCall, Begin, On, Reach, ThreadContext
from mcpws.backends.app.context import Context
from mcpws.backends.app.in_flight import InFlight
from mcpws.errors import TooManyRequests


def here(function: Callable[..., object], *arguments: object) -> None:
    """The way to the reactor's thread from that thread."""
    function(*arguments)


class Home:
    """The reactor of an App, as far as results can be brought to it from threads."""

    def __init__(self) -> None:
        self._reactor: Any = None

    def use(self, reactor: object) -> None:
        """Take `reactor`. Of one that takes nothing from threads, as a Clock, it is as if it did not run."""
        self._reactor = reactor if IReactorFromThreads.providedBy(reactor) else None

    def reach(self) -> Reach | None:
        """The way to the reactor's thread; None while no reactor runs there."""
        reactor = self._reactor
        return reactor.callFromThread if reactor is not None and reactor.running else None


@dataclass(frozen=True, slots=True, eq=False)
class _Job:
    call: AwayCall
    work: Callable[[], Any]
    variables: ContextVariables


class Threads:
    """Runs functions in threads of its own. They are daemons: none keeps the process from ending.

    Not those of the reactor, of which there are ten: who blocks these holds up name resolution too, and the process
    waits for each of them at its end. All methods are for the reactor's thread.

    :param max_threads: functions that run at the same time.
    :param max_waiting: calls that wait for one of these to end; over that they are refused with 429.
    :param home: where results are brought.
    :param in_flight: is told of each function until it has really ended.
    """

    word: On = "thread"

    def __init__(self, max_threads: int, max_waiting: int, home: Home, in_flight: InFlight) -> None:
        self.refused = 0
        self._max_threads = max_threads
        self._max_waiting = max_waiting
        self._in_flight = in_flight
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._waiting: deque[_Job] = deque()
        self._threads = 0
        self._busy = 0
        self._home = home

    def run(self, begin: Begin, label: str, context: Context | None) -> Deferred[Any]:
        """Call a function in a thread, now or when one is free; `label` names it in the log.

        Where no reactor runs it is called in place.

        :raises TooManyRequests: as many wait as may.
        """
        reach = self._home.reach()
        if reach is None:
            return self._run_here(begin, label, context)
        if self._busy >= self._max_threads and len(self._waiting) >= self._max_waiting:
            self.refused += 1
            raise TooManyRequests(self._max_threads + self._max_waiting, "calls at work in threads")
        call = AwayCall(label, reach)
        job = _Job(call, partial(begin, None if context is None else ThreadContext(context, call)), copy_context())
        self._in_flight.add(call.ended, label)
        if self._busy < self._max_threads:
            self._start(job)
        else:
            self._waiting.append(job)
            call.stop = partial(self._withdraw, job)
        return call.answer

    def end(self) -> None:
        """Let each thread end as soon as it is idle. Nothing may be run any more."""
        for _ in range(self._threads):
            self._jobs.put(None)
        self._threads = 0

    def _run_here(self, begin: Begin, label: str, context: Context | None) -> Deferred[Any]:
        call = AwayCall(label, here, in_place=True)
        call.finish(_outcome(partial(begin, None if context is None else ThreadContext(context, call))))
        return call.answer

    def _start(self, job: _Job) -> None:
        self._busy += 1
        if self._busy > self._threads:
            self._threads += 1
            name = f"mcpws-tool-{self._threads}"
            Thread(target=_work, args=(self._jobs, self._ended), name=name, daemon=True).start()
        self._jobs.put(job)

    def _ended(self, job: _Job, outcome: object) -> None:
        self._busy -= 1
        if self._waiting:
            self._start(self._waiting.popleft())
        job.call.finish(outcome)

    def _withdraw(self, job: _Job) -> None:
        """A thread cannot be stopped, but one need not begin."""
        if job in self._waiting:
            self._waiting.remove(job)
            job.call.ended.callback(None)


def _work(jobs: SimpleQueue[_Job | None], ended: Callable[[_Job, object], None]) -> None:
    """Work of each thread."""
    while True:
        job = jobs.get()
        if job is None:
            return
        outcome = job.variables.run(_outcome, job.work)
        reach = job.call.reach
        reach(ended, job, outcome)
        # Idle, it is not to hold what it has worked on.
        del job, outcome, reach


def _outcome(work: Callable[[], Any]) -> object:
    """Value that a function returned, or the Failure; whatever it raises ends nothing else."""
    try:
        outcome = work()
        if isinstance(outcome, Deferred):
            outcome.addErrback(lambda _: None)
            raise TypeError("it returned a Deferred, which only the reactor's thread may have")
        return outcome
    except BaseException:
        return Failure()
