"""What `twistd mcpws` takes, and the service that it makes of it.

A mistake in the options is told in one line that names it, and ends with a status other than zero.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn, cast

from twisted.application.service import IService
from twisted.python import usage

from mcpws.backends.demo import demo_app
from mcpws.backends.eras import DualEra
from mcpws.backends.stdio import SharedStdio, Stdio
from mcpws.errors import ConfigError, McpwsError
from mcpws.eventlog import service_log
from mcpws.interfaces import Backend
from mcpws.orphans import look_after_orphans
from mcpws.policy.backoff import Backoff
from mcpws.policy.stats import ServerStatistics
from mcpws.program import Signals, Start
from mcpws.service import WebSocketService
from mcpws.serving.config import SHARED
from mcpws.serving.twistd import SettingsOptions
from mcpws.serving.twistd_log import Logged, Reopening, RunnerLog
from mcpws.ws.server import ServerFactory


class Options(SettingsOptions):
    """Options of the `mcpws` plugin: the settings of the service. `config` and `backend` are made of them."""

    synopsis = "[options]"
    longdesc = (
        "Serves MCP (the Model Context Protocol) over WebSocket: an embedded demo server, an App of your own (--app),"
        " or any stdio MCP server (--stdio), with a process of its own for every client or one for all (--stdio-mode)."
    )

    stdio: Stdio | None = None

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        # twistd would print the whole help in front of the one line that matters.
        try:
            super().parseOptions(options)
        except McpwsError as error:
            fail(error)

    def parseArgs(self, *arguments: str) -> None:
        if arguments:
            raise usage.UsageError(f"takes options alone, as --listen 8082 (got {arguments[0]!r})")

    def postOptions(self) -> None:
        self.reading = self.read()
        self.config = self.reading.config()
        runner = cast(MutableMapping[str, Any], {} if self.parent is None else self.parent)
        self.log = RunnerLog(runner, self.config.log_format, self.config.log_level)

    def backend(self, statistics: Callable[[], ServerStatistics], reactor: Any) -> Backend:
        """What is to be served."""
        if self.config.stdio is not None:
            return self._stdio(self.config.stdio, reactor)
        if self.config.app is not None:
            return load_backend(self.config.app)
        return demo_app(statistics, reactor)

    def _stdio(self, command: Sequence[str], reactor: Any) -> Backend:
        config = self.config
        shared = config.stdio_mode == SHARED
        stdio = self.stdio = Stdio(
            command,
            reactor=reactor,
            env=dict(config.env),
            inherit_env=not config.clean_env,
            cwd=config.cwd,
            max_line=config.max_outbound_size,
            max_depth=config.max_depth,
            stall_timeout=config.stall_timeout,
            max_children=config.child_limit,
            # What is shared has a backoff of its own.
            backoff=None if shared else Backoff(),
        )
        if not shared:
            return DualEra(stdio, clock=reactor, settings=config) if config.translate else stdio
        return SharedStdio(
            stdio,
            clock=reactor,
            # As many calls as a connection may have in flight, and as many subscriptions.
            max_open=2 * config.max_in_flight,
            max_queued_bytes=config.max_queued_bytes,
        )


def load_backend(name: str) -> Backend:
    """The App or Backend that `package.module:name` names; a callable without arguments is called for it.

    :raises ConfigError: it cannot be had.
    """
    module_name, colon, attribute = name.partition(":")
    if not colon or not module_name or not attribute:
        raise ConfigError("app", name, "must be package.module:name")
    if os.getcwd() not in sys.path:
        # The console script's path begins with its own folder, where nobody has their module.
        sys.path.insert(0, os.getcwd())
    with _running("app", name, "cannot be imported"):
        found: Any = import_module(module_name)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigError("app", name, f"{module_name} has no {attribute}")
        found = getattr(found, part)
    if not _is_backend(found) and callable(found):
        with _running("app", name, "fails when it is called"):
            found = found()
    if not _is_backend(found):
        raise ConfigError("app", name, "is neither an App nor a Backend")
    return cast(Backend, found)


def makeService(options: Options) -> IService:
    """The service for `twistd` and `twist`."""
    from twisted.internet import reactor

    runner: Mapping[str, Any] = options.parent or {}
    if runner.get("nodaemon", True):
        look_after_orphans()

    def statistics() -> ServerStatistics:
        return factory.statistics()

    try:
        factory = ServerFactory(
            options.backend(statistics, reactor),
            options.config,
            reactor=reactor,
            observer=service_log(options.config.access_log, options.config.log_level),
        )
        serving = WebSocketService(factory, options.config.listen, reactor)
    except ConfigError as error:
        fail(options.reading.named(error))
    start = Start(runner)
    whole = Logged(start, options.log)
    serving.setServiceParent(whole)

    def abandon() -> None:
        start.remove_pidfile()
        if options.stdio is not None:
            options.stdio.kill()

    seconds = options.config.drain_seconds + options.config.close_timeout
    if options.stdio is not None:
        seconds += options.stdio.stop_seconds
    Signals(reactor, seconds, abandon).setServiceParent(whole)
    Reopening(reactor, options.log).setServiceParent(whole)
    return whole


def fail(error: Exception) -> NoReturn:
    """End with one line and status 1."""
    raise SystemExit(f"mcpws: {error}")


@contextmanager
def _running(key: str, name: str, problem: str) -> Iterator[None]:
    """Code of the user's: whatever it raises is a ConfigError that says what, and where."""
    try:
        yield
    except (Exception, SystemExit) as error:
        what = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
        places = traceback.extract_tb(error.__traceback__)
        own = [place for place in places if os.path.isfile(place.filename)]
        where = f" ({own[-1].filename}, line {own[-1].lineno})" if own and not isinstance(error, ImportError) else ""
        raise ConfigError(key, name, f"{problem}: {what}{where}") from error


def _is_backend(found: Any) -> bool:
    return (
        not isinstance(found, type)
        and callable(getattr(found, "open", None))
        and callable(getattr(found, "stop", None))
    )
