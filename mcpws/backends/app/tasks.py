"""Tasks of asyncio for coroutine functions, of one App, whatever the reactor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from inspect import isawaitable
from threading import Thread
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.python.failure import Failure

from mcpws.backends.app.away import AsyncioContext, AwayCall, Begin, On, Reach
from mcpws.backends.app.context import Context
from mcpws.backends.app.in_flight import InFlight
from mcpws.backends.app.threads import Home, here


class Tasks:
    """Runs coroutine functions as tasks of a loop. All methods are for the reactor's thread.

    The loop is that which runs in the reactor's thread, if there is one: that of an AsyncioSelectorReactor. Else it is
    one in a daemon thread, which begins with the first call.

    :param home: where results are brought.
    :param in_flight: is told of each task until it has ended.
    """

    word: On = "asyncio"

    def __init__(self, home: Home, in_flight: InFlight) -> None:
        self._in_flight = in_flight
        self._home = home
        self._own: asyncio.AbstractEventLoop | None = None
        self._closed: Deferred[None] = succeed(None)

    def run(self, begin: Begin, label: str, context: Context | None) -> Deferred[Any]:
        """Begin a task that awaits what `begin` returns; `label` names it in the log.

        Where no reactor runs it is waited for in place.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            reach = self._home.reach()
            if reach is None:
                return _run_here(begin, label, context)
            call = AwayCall(label, reach)
            loop = self._own or self._start(reach)
            enter: Callable[..., object] = loop.call_soon_threadsafe
        else:
            call, enter = AwayCall(label, here), here
        task = _Task(loop, call, _work(begin, call, context))
        self._in_flight.add(call.ended, label)
        call.stop = partial(enter, task.cancel)
        enter(task.begin)
        return call.answer

    def end(self) -> Deferred[None]:
        """Close a loop that was begun; fires when that is done. Nothing may be run any more."""
        if self._own is not None:
            self._own.call_soon_threadsafe(self._own.stop)
            self._own = None
        return self._closed

    def _start(self, reach: Reach) -> asyncio.AbstractEventLoop:
        self._own = loop = asyncio.new_event_loop()
        self._closed = Deferred()
        closed = partial(reach, self._closed.callback, None)
        Thread(target=_serve, args=(loop, closed), name="mcpws-asyncio", daemon=True).start()
        return loop


class _Task:
    """A task for a call. Its methods are for the loop's thread."""

    __slots__ = ("_call", "_loop", "_task", "_variables", "_work")

    def __init__(self, loop: asyncio.AbstractEventLoop, call: AwayCall, work: Callable[[], Any]) -> None:
        self._loop = loop
        self._call = call
        self._work = work
        self._variables = copy_context()
        self._task: asyncio.Task[object] | None = None

    def begin(self) -> None:
        self._task = self._loop.create_task(_outcome(self._work), context=self._variables)
        self._task.add_done_callback(self._done)

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _done(self, task: asyncio.Task[object]) -> None:
        # It is cancelled here only if that was before it began; else it has returned what became of it, or has ended
        # as only a coroutine can that is thrown away.
        error = CancelledError() if task.cancelled() else task.exception()
        self._call.reach(self._call.finish, task.result() if error is None else Failure(error))


def _work(begin: Begin, call: AwayCall, context: Context | None) -> Callable[[], Any]:
    return partial(begin, None if context is None else AsyncioContext(context, call))


async def _outcome(work: Callable[[], Any]) -> object:
    """Value that a function returned in the end, or the Failure: `sys.exit()` in it would end the loop."""
    try:
        outcome = work()
        return await outcome if isawaitable(outcome) else outcome
    except GeneratorExit:
        # Nobody goes on with this task.
        raise
    except BaseException:
        return Failure()


def _run_here(begin: Begin, label: str, context: Context | None) -> Deferred[Any]:
    call = AwayCall(label, here, in_place=True)
    with asyncio.Runner() as runner:
        call.finish(runner.run(_outcome(_work(begin, call, context)), context=copy_context()))
    return call.answer


def _serve(loop: asyncio.AbstractEventLoop, closed: Callable[[], object]) -> None:
    """Work of the thread of a loop."""
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
        closed()
