"""The beginning and the end of a program that serves: all of it, or as far as twistd and twist leave it to do."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from types import FrameType
from typing import Any

from twisted.application.service import MultiService, Service
from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger

from mcpws.config import WebSocketConfig
from mcpws.errors import ConfigError, McpwsError
from mcpws.log.events import service_log
from mcpws.log.output import begin as begin_log
from mcpws.seam.interfaces import Backend, description_of
from mcpws.service.listen import WebSocketService
from mcpws.ws.server import ServerFactory

log = Logger()

_BEGUN = b"\0"
_MAX_WORDS = 4096
"""Bytes that a pipe takes in one piece (POSIX, PIPE_BUF, on Linux)."""


being_loaded: ContextVar[bool] = ContextVar("mcpws_being_loaded", default=False)
"""Whether the code that runs is being imported to be served by somebody else, as by `mcpws serve`."""


def run(backend: Backend, port: int | str = 8082, *, config: WebSocketConfig | None = None, log: bool = True) -> None:
    """Serve `backend`, an App for example, until Ctrl-C or SIGTERM; then let what is in flight finish, and return.

    It is all that a program does from then on, as it runs the reactor. Others begin a WebSocketService, or give a
    ServerFactory to an endpoint, and stop it.

    :param port: a number, on 127.0.0.1, or any Twisted endpoint string. SystemExit with one line, and status 1, when
        it cannot be had.
    :param config: limits and policies.
    :param log: to standard error, with the URL first; False where the program has begun to log somewhere already.
    :raises McpwsError: it cannot run here: within another one, in a thread, or while the module is only imported.
    """
    _check_that_it_may_run()
    from twisted.internet import reactor as installed

    reactor: Any = installed
    if log:
        begin_log()
    factory = ServerFactory(backend, config, reactor=reactor, observer=service_log(access_log=None, level="info"))
    try:
        serving = WebSocketService(factory, [str(port)], reactor)
    except ConfigError as error:
        raise SystemExit(f"mcpws: {error}") from None

    def began() -> None:
        if log:
            say(f"{description_of(backend).summary} on {' '.join(serving.urls)} (Ctrl-C ends it)")

    run_service(serving, reactor, began=began)


def run_service(
    serving: WebSocketService,
    reactor: Any,
    *,
    began: Callable[[], None],
    stop_seconds: float = 0,
    abandon: Callable[[], None] = lambda: None,
    interruptible: bool = True,
    more: Sequence[Service] = (),
) -> Signals:
    """Run `reactor` with `serving` until a signal, and let it end in order; what has received the signals.

    SystemExit with one line, and status 1, if it cannot listen.

    :param began: called once it does, and `reactor` runs.
    :param stop_seconds: that the backend may take to stop, for whoever waits.
    :param abandon: called before the program ends at once.
    :param interruptible: whether SIGINT is heeded.
    :param more: services that begin and end with it.
    """
    whole = Whole(Start({}))
    serving.setServiceParent(whole)
    config = serving.factory.config
    signals = Signals(reactor, config.drain_seconds + config.close_timeout + stop_seconds, abandon, interruptible)
    for one in (signals, *more):
        one.setServiceParent(whole)
    whole.startService()
    # After the signals are heeded: who reads that it has begun may end it at once.
    reactor.callWhenRunning(began)
    reactor.addSystemEventTrigger("before", "shutdown", whole.stopService)
    reactor.run()
    return signals


def say(text: str) -> None:
    """Tell a person something, in a line on standard error."""
    with suppress(OSError):
        print(f"mcpws: {text}", file=sys.stderr, flush=True)


def _check_that_it_may_run() -> None:
    if being_loaded.get():
        raise McpwsError('run() is called as the module is imported: put it under `if __name__ == "__main__":`')
    if threading.current_thread() is not threading.main_thread():
        raise McpwsError("run() belongs in the main thread, where signals arrive")
    installed: Any = sys.modules.get("twisted.internet.reactor")
    if installed is not None and installed.running:
        raise McpwsError("run() begins a program, and the reactor runs already: start a WebSocketService there")


class Start:
    """Whether a program has begun to serve, for the terminal that waits for it, and for the pid file.

    twistd lets the terminal go when its daemon says so, or has met an Exception. It waits for ever for one that ends
    in another way, by SystemExit or by a signal, and such a one leaves its pid file behind. Here the end of the
    process is a word, too.

    :param twistd: the options of twistd, `nodaemon` and `pidfile` among them; none of them for other runners.
    """

    def __init__(self, twistd: Mapping[str, Any]) -> None:
        self._pidfile: str | None = twistd.get("pidfile")
        self._problem: str | None = None
        self._terminal = os.getpid()
        self._pipe: tuple[int, int] | None = None
        if not twistd.get("nodaemon", True):
            self._pipe = os.pipe()
            os.register_at_fork(after_in_parent=self._wait)
        atexit.register(self._ended)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A part of the beginning: an McpwsError in it ends the program in one line, with status 1."""
        try:
            yield
        except McpwsError as error:
            self._problem = str(error)
            raise SystemExit(f"mcpws: {error}") from None

    def succeeded(self) -> None:
        """The program serves."""
        atexit.unregister(self._ended)
        self._tell(_BEGUN)

    def remove_pidfile(self) -> None:
        """Remove it, if it is this process's; twistd does so only at an end that it has foreseen."""
        with suppress(OSError, ValueError):
            if self._pidfile:
                with open(self._pidfile) as file:
                    own = int(file.read()) == os.getpid()
                if own:
                    os.unlink(self._pidfile)

    def _ended(self) -> None:
        """The process ends, and has not begun to serve."""
        self.remove_pidfile()
        error = getattr(sys, "last_value", None)
        if self._problem is None and error is not None:
            self._problem = "".join(traceback.format_exception_only(error)).strip()
        self._tell((self._problem or "").encode(errors="backslashreplace")[:_MAX_WORDS])

    def _tell(self, words: bytes) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            # Whoever waited may have been interrupted.
            with suppress(BrokenPipeError):
                os.write(pipe[1], words)
            for descriptor in pipe:
                os.close(descriptor)

    def _wait(self) -> None:
        """In the process that has the terminal, once it has forked off what becomes the daemon."""
        if self._pipe is None or os.getpid() != self._terminal:
            return
        (reading, writing), self._pipe = self._pipe, None
        os.close(writing)
        words = os.read(reading, _MAX_WORDS)
        os.close(reading)
        if words != _BEGUN:
            problem = words.decode() or "the service did not start: its log says why"
            with suppress(OSError):
                # Not sys.stderr, which goes to the log by now.
                print(f"mcpws: {problem}", file=sys.__stderr__, flush=True)
            os._exit(1)


class Whole(MultiService):
    """The plugin's services, which begin together or not at all."""

    def __init__(self, start: Start) -> None:
        super().__init__()
        self._start = start

    def privilegedStartService(self) -> None:
        with self._start.attempt():
            super().privilegedStartService()

    def startService(self) -> None:
        with self._start.attempt():
            super().startService()
        self._start.succeeded()


class Signals(Service):
    """SIGINT and SIGTERM: the first begins an orderly stop, and a further one ends the program at once.

    After SIGTERM the status is 0; Twisted's runners would end by that very signal after the stop. SIGINT ends the
    program by itself in any case, as shells want it.

    :param seconds: that an orderly stop may take.
    :param abandon: called before the program ends at once: nothing is waited for after it.
    :param interruptible: whether SIGINT is heeded; if not, whatever was set for it stays.
    """

    def __init__(self, reactor: Any, seconds: float, abandon: Callable[[], None], interruptible: bool = True) -> None:
        self._interruptible = interruptible
        self._reactor = reactor
        self._seconds = seconds
        self._abandon = abandon
        self._interrupt: Callable[[int, FrameType | None], object] | None = None
        self._stopping = False
        self.received: int | None = None
        """The first of them; None for none."""

    def startService(self) -> None:
        super().startService()
        # The reactor sets its own signal functions when it begins to run: this has to come after.
        self._reactor.callWhenRunning(self._install)

    def stopService(self) -> None:
        # Whatever began the stop: with the first signal it is to end.
        self._stopping = True
        super().stopService()

    def _install(self) -> None:
        signal.signal(signal.SIGTERM, self._received)
        interrupt = signal.getsignal(signal.SIGINT)
        # What is ignored stays so, as for a job in the background.
        if self._interruptible and callable(interrupt):
            self._interrupt = interrupt
            signal.signal(signal.SIGINT, self._received)

    def _received(self, number: int, frame: FrameType | None) -> None:
        name = signal.Signals(number).name
        if self._stopping:
            # Nothing here rests on the reactor, which may be what is stuck. The log may be, too.
            with suppress(Exception):
                log.warn("{name} again: the end, at once", name=name)
            self._abandon()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            # Process 1 is spared by its own signals.
            os._exit(128 + number)
        self._stopping = True
        self.received = number
        log.info(
            "{name}: draining, which may take {seconds:g} s; a second signal ends it at once",
            name=name,
            seconds=self._seconds,
        )
        if number == signal.SIGINT and self._interrupt is not None:
            self._interrupt(number, frame)
        else:
            self._reactor.callFromThread(self._stop)

    def _stop(self) -> None:
        # Somebody else may have stopped it meanwhile.
        with suppress(ReactorNotRunning):
            self._reactor.stop()
