"""`mcpws serve`: a service in the foreground, for as long as somebody looks at it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import click
from twisted.internet.error import ReactorNotRunning
from twisted.internet.task import LoopingCall

from mcpws.admin.view import PLAYGROUND_PATH
from mcpws.backends.app import App
from mcpws.cli.report import FAILED, exit_status
from mcpws.cli.service_options import ServiceCommand, service_options
from mcpws.errors import ConfigError, LoadFailed, McpwsError
from mcpws.log.output import begin as begin_log
from mcpws.seam.interfaces import description_of
from mcpws.service.endpoints import endpoint_description, make_endpoint
from mcpws.service.heeding import Heeding
from mcpws.service.orphans import look_after_orphans
from mcpws.service.program import run_service, say
from mcpws.serving.assembly import Assembly, assemble
from mcpws.serving.blame import blamed_files, shown_traceback
from mcpws.serving.config import ServiceConfig
from mcpws.serving.finding import places_of, their_files
from mcpws.serving.rereading import Rereading
from mcpws.serving.sockets import KeptSockets, TakenSockets
from mcpws.serving.sources import Given, Reading, read_settings
from mcpws.serving.supervise import Supervision
from mcpws.serving.turn import Turn
from mcpws.serving.watched import Watched
from mcpws.serving.welcome import this_command, welcome

TARGET, COMMAND = "TARGET", "--"
"""What errors call the two ways to say what is served."""

IMPORTS_LOOK = 1.0
"""Seconds between two looks at what has been imported."""

_COMMAND = "mcpws.command"


class ServeCommand(ServiceCommand):
    """The command, which takes all after `--` for a command line of its own."""

    def parse_args(self, context: click.Context, args: list[str]) -> list[str]:
        if COMMAND in args:
            at = args.index(COMMAND)
            context.meta[_COMMAND] = tuple(args[at + 1 :])
            return super().parse_args(context, args[:at])
        given = list(args)
        try:
            return super().parse_args(context, args)
        except click.UsageError as error:
            program = next((word for word in given if not word.startswith("-") and shutil.which(word)), None)
            if program is not None:
                command = shlex.join(given[given.index(program) :])
                hint = f"to serve what a command starts write mcpws serve -- {command}"
                raise click.UsageError(f"{error.format_message()} ({hint})", context) from None
            raise


@click.command(
    cls=ServeCommand,
    short_help="Serve an App of yours, any stdio MCP server, or a demo.",
    epilog="""\b
Exit status:
  0      ended by SIGTERM, in order
  1      it cannot listen, or the code of what is to be served fails
  2      the command is not used right, or a setting is wrong
  128+N  ended by signal N: 130 after Ctrl-C""",
)
@click.argument("target", metavar="[FILE|MODULE][:NAME]", required=False)
@service_options
@click.option("--reload", is_flag=True, help="Load the code anew when it changes, on the same port. For development.")
@click.option(
    "--reload-include",
    "includes",
    multiple=True,
    metavar="PATTERN",
    help="Watch these files, or all in a directory, as well: 'templates/*.html'. May be given several times.",
)
def serve(given: Given, target: str | None, reload: bool, includes: tuple[str, ...]) -> None:
    """Serve MCP over WebSocket, until Ctrl-C.

    What is served is the App in a FILE or MODULE, under NAME or the only one there; the stdio MCP server that a command
    after -- starts, with a process for each client; or, without either, a demo. Settings come from options, the
    environment and the file of --config, in this order.

    \b
    mcpws serve tools.py
    mcpws serve package.tools:app --port 9000
    mcpws serve -- npx -y @modelcontextprotocol/server-everything
    """
    command = click.get_current_context().meta.get(_COMMAND)
    asked = _Asked(given, target, command, includes)
    if includes and not reload:
        raise click.UsageError("--reload-include goes with --reload")
    look_after_orphans()
    try:
        sys.exit(_reloading(asked) if reload else _serve(asked))
    except McpwsError as error:
        say(str(error))
        sys.exit(FAILED if isinstance(error, LoadFailed) else exit_status(error))
    except KeyboardInterrupt:
        # While the code was loaded, which may take long.
        sys.exit(128 + signal.SIGINT)


class _Asked:
    """The command line, as the person wrote it.

    :param command: after `--`; None without one.
    """

    def __init__(
        self, given: Given, target: str | None, command: tuple[str, ...] | None, includes: tuple[str, ...]
    ) -> None:
        self.given = given
        self.target = target
        self.command = command
        self.includes = includes

    def read(self) -> Reading:
        """The settings, as they are now."""
        values: dict[str, tuple[str, Any]] = {}
        if self.target is not None:
            _check_target(self.target)
            values["app"] = (TARGET, self.target)
        if self.command is not None:
            if not self.command:
                raise click.UsageError("--: write the command of a stdio MCP server after it")
            values["stdio"] = (COMMAND, self.command)
        return read_settings(self.given, os.environ, values)

    def files(self, config: ServiceConfig) -> set[str]:
        """Files to watch before anything is loaded: those that are named, and those where a module would be."""
        words = [os.path.join(config.cwd or os.curdir, word) for word in config.stdio or ()]
        words += [text for option, text in self.given if option in ("--config", "--servers")]
        named = {word for word in words if os.path.isfile(word)}
        return {os.path.realpath(file) for file in named | (set() if config.app is None else places_of(config.app))}


def _serve(asked: _Asked, turn: Turn | None = None, kept: KeptSockets | None = None) -> int:
    """Serve until the end; the exit status.

    :param turn: of one server process of several in turn, which takes its ports from `kept`.
    """
    began_at = time.monotonic()
    reading = asked.read()
    config = reading.config()
    if turn is not None:
        config = replace(config, drain_seconds=_drain_seconds(reading))
    from twisted.internet import reactor as installed

    reactor: Any = installed
    listener = None if kept is None else TakenSockets(reactor, kept.sockets)
    try:
        assembly = assemble(config, reactor, listener)
    except ConfigError as error:
        raise reading.named(error) from error.__cause__
    if turn is not None:
        if isinstance(assembly.backend, App):
            # Whoever changes the code is the one who calls it.
            assembly.backend.show_errors = True
        turn.loaded(their_files())

    reread = Rereading(asked.read, config, assembly)

    def announce() -> None:
        description = description_of(assembly.backend)
        if turn is None or turn.first:
            with suppress(OSError):
                urls, servers = assembly.service.urls, assembly.servers()
                page = PLAYGROUND_PATH if config.status == config.playground == "on" else None
                said = welcome(description, urls, config, this_command(), config.app, servers, page)
                click.echo(said, err=True)
        else:
            say(f"loaded in {time.monotonic() - began_at:.1f} s: {description.summary}")

    def began() -> None:
        # Programs, which read JSON, have no use for it.
        if config.log_format == "text":
            announce()
        # Not earlier, so that the log comes after what somebody wants to read first; it has what was logged before.
        begin_log(config.log_level, config.log_format)
        if turn is not None:
            _take_orders(turn, assembly, reactor)

    heeding = Heeding(reactor, lambda: {signal.SIGHUP: [reread] if reread.has_something_to_read(reading) else []})
    signals = run_service(
        assembly.service,
        reactor,
        began=began,
        stop_seconds=assembly.stop_seconds,
        abandon=assembly.abandon,
        interruptible=turn is None,
        more=[heeding] if turn is None else [],
    )
    return 128 + signal.SIGINT if signals.received == signal.SIGINT else 0


def _take_orders(turn: Turn, assembly: Assembly, reactor: Any) -> None:
    """Do as the process that keeps the ports says, and tell it what is imported from now on."""

    def stop() -> None:
        # A signal may have come as well.
        with suppress(ReactorNotRunning):
            reactor.stop()

    def restart() -> None:
        assembly.service.stop_listening()
        assembly.service.factory.restart()
        stop()

    def gone() -> None:
        assembly.abandon()
        os.kill(os.getpid(), signal.SIGKILL)

    turn.obey(partial(reactor.callFromThread, restart), partial(reactor.callFromThread, stop), gone)
    looking = LoopingCall(lambda: turn.more(their_files()))
    looking.clock = reactor
    looking.start(IMPORTS_LOOK, now=False)


def _drain_seconds(reading: Reading) -> float:
    """For what is in flight when a server ends that reloads its code: nobody is waited for, unless somebody said so."""
    return reading.config().drain_seconds if "drain_seconds" in reading.sources else 0


def _reloading(asked: _Asked) -> int:
    """Keep the ports, and serve anew after each change; the exit status of this process, and of those it forks."""
    reading = asked.read()
    config = reading.config()
    try:
        files = asked.files(config)
    except ConfigError as error:
        raise reading.named(error) from None
    if not files and not asked.includes:
        raise click.UsageError("--reload: there is nothing to watch: name files with --reload-include")
    watched = Watched(files, asked.includes)
    kept = KeptSockets()
    for description in map(endpoint_description, config.listen):
        kept.bind(description, make_endpoint(kept, description))
    turn = Supervision(watched, say, _drain_seconds(reading)).run()
    if isinstance(turn, int):
        return 128 + turn if turn == signal.SIGINT else 0
    return _in_turn(asked, turn, kept)


def _in_turn(asked: _Asked, turn: Turn, kept: KeptSockets) -> int:
    # Ctrl-C is for all processes of a terminal, and the one that keeps the ports says what becomes of it. It is not
    # ignored, which what tools start would inherit.
    signal.signal(signal.SIGINT, lambda number, frame: None)
    # Two versions of a file that are as long and of the same second would have the same bytecode.
    sys.dont_write_bytecode = True
    try:
        return _serve(asked, turn, kept)
    except McpwsError as error:
        cause = error.__cause__ if isinstance(error, LoadFailed) else None
        if cause is not None:
            click.echo(shown_traceback(cause), nl=False, err=True)
        say(str(error))
        turn.failed(their_files() | blamed_files(cause))
        return FAILED


def _check_target(target: str) -> None:
    """Raise ConfigError for what is meant otherwise."""
    if os.path.exists(target) and target.endswith(".py"):
        return
    problem = None
    if target.isdecimal():
        problem = f"to listen on a port write --port {target}"
    elif "://" in target:
        problem = f"is a URL: mcpws tools {target} asks what is served there"
    elif len(target.split()) > 1 or (os.path.isfile(target) and os.access(target, os.X_OK)):
        problem = f"is no file or module of Python: for a command write mcpws serve -- {target}"
    elif shutil.which(target) and target.isidentifier() and find_spec(target) is None:
        problem = f"is no module: for a command write mcpws serve -- {target}"
    if problem is not None:
        raise ConfigError(TARGET, target, problem)
