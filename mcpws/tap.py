"""Options of `twistd mcpws`, and the service that it makes of them.

A mistake in the options is told in one line that names it, and ends with a status other than zero.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from typing import Any, NoReturn, cast

from twisted.application.service import IService
from twisted.python import usage

from mcpws.errors import ConfigError, McpwsError
from mcpws.service.heeding import Heeding
from mcpws.service.orphans import look_after_orphans
from mcpws.service.program import Signals, Start
from mcpws.serving.assembly import assemble
from mcpws.serving.rereading import Rereading
from mcpws.serving.twistd import SettingsOptions
from mcpws.serving.twistd_log import Logged, RunnerLog


class Options(SettingsOptions):
    """Options of the `mcpws` plugin: the settings of the service. `config` and `backend` are made of them."""

    synopsis = "[options]"
    longdesc = (
        "Serves MCP (the Model Context Protocol) over WebSocket: an embedded demo server, an App of your own (--app),"
        " or any stdio MCP server (--stdio), with a process of its own for every client or one for all (--stdio-mode)."
    )

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


def makeService(options: Options) -> IService:
    """The service for `twistd` and `twist`."""
    from twisted.internet import reactor

    runner: Mapping[str, Any] = options.parent or {}
    if runner.get("nodaemon", True):
        look_after_orphans()

    try:
        assembly = assemble(options.config, reactor)
    except ConfigError as error:
        fail(options.reading.named(error))
    start = Start(runner)
    whole = Logged(start, options.log)
    assembly.service.setServiceParent(whole)

    def abandon() -> None:
        start.remove_pidfile()
        assembly.abandon()

    seconds = options.config.drain_seconds + options.config.close_timeout + assembly.stop_seconds
    Signals(reactor, seconds, abandon).setServiceParent(whole)
    reread = Rereading(options.read, options.config, assembly)

    def heeded() -> dict[int, list[Callable[[], None]]]:
        reopen = [] if options.log.file is None else [options.log.file.reopen]
        rereading = [reread] if Rereading.has_something_to_read(options.reading) else []
        return {signal.SIGHUP: [*reopen, *rereading], signal.SIGUSR1: [*reopen]}

    Heeding(reactor, heeded).setServiceParent(whole)
    return whole


def fail(error: Exception) -> NoReturn:
    """End with one line and status 1."""
    raise SystemExit(f"mcpws: {error}")
