"""The commands: a stdio server that is really a remote one, one request, the list of tools."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from typing import Any

import click
import msgspec
from msgspec import Raw, Struct
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.stdio import StandardIO

from mcpws.backends.upstream import Upstream
from mcpws.bridge import GRACE, StdioFront
from mcpws.cli.config import config
from mcpws.cli.init import init
from mcpws.cli.listing import decoded, described, list_tools
from mcpws.cli.options import Target, connecting, era_option, formatted, show, to_json_object
from mcpws.cli.report import FAILED, USAGE, printable
from mcpws.cli.running import run, with_session
from mcpws.client.opening import Era
from mcpws.client.session import Session
from mcpws.core.peer import Progress
from mcpws.core.urls import shown
from mcpws.errors import ConnectFailed, HandshakeRefused, McpwsError
from mcpws.version import __version__

LOG_LEVEL = "info"
"""What a modern server is to tell of, as most legacy ones do without being asked."""


class _Outcome(Struct):
    """What is read of a tool's result."""

    isError: bool = False


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Exit status:
  0      all went well
  1      the server answered with an error, or a tool failed
  2      the command is not used right
  3      the server cannot be reached, or refuses the connection
  4      the connection was lost
  5      an answer did not come in time
  128+N  ended by signal N""",
)
@click.version_option(__version__, prog_name="mcpws", message="%(prog)s %(version)s")
def mcpws() -> None:
    """Talk to MCP servers over WebSocket.

    A URL is ws://HOST:PORT/PATH, or wss:// with TLS. 8082 is short for ws://127.0.0.1:8082, and localhost:8082 for
    ws://localhost:8082.
    """


mcpws.add_command(config)
mcpws.add_command(init)


@mcpws.command(short_help="Be the stdio MCP server that is really at URL.")
@connecting
def connect(target: Target) -> None:
    """Be a stdio MCP server that is really the one at URL, for programs that know only stdio.

    Standard output carries the protocol alone. The end of the input is the end of the connection, once what is in
    flight is answered, or 5 seconds later; so is SIGTERM, at once, and a second one waits for nobody. When the
    connection is lost, open requests are answered with errors and the exit status is not 0.
    """
    if sys.stdin is None or sys.stdout is None:
        click.echo("mcpws: standard input or output is closed", err=True)
        sys.exit(USAGE)
    blocking = {fd: os.get_blocking(fd) for fd in (0, 1)}

    def restore() -> None:
        # They may be a terminal, which its shell goes on to use.
        for fd, was_blocking in blocking.items():
            # It may have been closed meanwhile.
            with suppress(OSError):
                os.set_blocking(fd, was_blocking)

    end_seconds = GRACE + target.config.close_timeout
    try:
        reason = run(lambda reactor: _bridge(target, reactor), target.verbose, end_seconds=end_seconds, leave=restore)
    finally:
        restore()
    if reason is not None:
        raise reason


@mcpws.command(short_help="Send one request and print its result.")
@connecting
@click.argument("method")
@click.argument("params", metavar="[JSON]", type=to_json_object, default="{}")
@click.option("--json", "as_json", is_flag=True, help='Print one compact line; {"error": {...}} for a failure.')
@click.option("-q", "--quiet", is_flag=True, help="Print no progress and no log messages of the server.")
@era_option
def call(target: Target, method: str, params: dict[str, Any], as_json: bool, quiet: bool, era: Era) -> None:
    """Send the request METHOD with parameters JSON to the server at URL, and print its result.

    JSON is an object, or - to read it from standard input. Progress and log messages go to standard error.

    \b
    mcpws call 8082 tools/call '{"name": "add", "arguments": {"a": 1, "b": 2}}'
    """
    _call(target, method, params, as_json, quiet, era)


@mcpws.command(short_help="Call a tool and print its result.")
@connecting
@click.argument("name")
@click.argument("arguments", metavar="[JSON]", type=to_json_object, default="{}")
@click.option("--json", "as_json", is_flag=True, help='Print one compact line; {"error": {...}} for a failure.')
@click.option("-q", "--quiet", is_flag=True, help="Print no progress and no log messages of the server.")
@era_option
def tool(target: Target, name: str, arguments: dict[str, Any], as_json: bool, quiet: bool, era: Era) -> None:
    """Call the tool NAME of the server at URL with arguments JSON, and print its result.

    JSON is an object, or - to read it from standard input. Progress and log messages go to standard error.

    \b
    mcpws tool 8082 add '{"a": 1, "b": 2}'
    """
    _call(target, "tools/call", {"name": name, "arguments": arguments}, as_json, quiet, era)


@mcpws.command(short_help="List the tools of a server.")
@connecting
@click.option("--json", "as_json", is_flag=True, help="Print the whole descriptions, as a JSON array in one line.")
@era_option
def tools(target: Target, as_json: bool, era: Era) -> None:
    """List the tools of the server at URL: name, arguments, and the first line of the description.

    Optional arguments are marked with a question mark.
    """
    found = with_session(target, lambda session: list_tools(session, target.timeout), era)
    if as_json:
        show(formatted(msgspec.json.encode(found), -1))
    else:
        for one in found:
            show(described(one))


async def _bridge(target: Target, reactor: Any) -> McpwsError | None:
    """Pass messages until one side ends; why, if it was not the client."""
    upstream = Upstream(
        target.url,
        reactor=reactor,
        config=target.config,
        headers=target.headers,
        subprotocols=target.subprotocols,
        origin=target.origin,
    )
    front = StdioFront(upstream, clock=reactor, max_line=target.max_message_size)
    StandardIO(front, reactor=reactor)
    try:
        reason = await front.when_done()
    except CancelledError:
        # By a signal, which is as good an end as any for a server, once it is one.
        began = front.began
        front.stop()
        reason = await front.when_done()
        if not began:
            raise
    finally:
        await upstream.stop()
    if reason is None and front.output_lost and not stat.S_ISFIFO(os.fstat(1).st_mode):
        # The reader of a pipe may go when it likes; what is lost on the way to a file is a failure.
        return McpwsError("standard output could not be written")
    if reason is None or front.began or isinstance(reason, ConnectFailed | HandshakeRefused):
        return reason
    return ConnectFailed(shown(target.url), str(reason))


def _call(target: Target, method: str, params: dict[str, Any], as_json: bool, quiet: bool, era: Era) -> None:
    if not isinstance(params.get("_meta", {}), dict):
        raise click.BadParameter("_meta must be an object", param_hint="JSON")

    def ask(session: Session) -> Deferred[Raw]:
        return session.request(
            method,
            params,
            timeout=target.timeout,
            on_progress=None if quiet else _show_progress,
            log_level=None if quiet else LOG_LEVEL,
            type=Raw,
        )

    result = with_session(target, ask, era, None if quiet else {"notifications/message": _show_message})
    show(formatted(result, -1 if as_json else 2))
    if method == "tools/call" and decoded(result, _Outcome).isError:
        sys.exit(FAILED)


def _show_progress(progress: Progress) -> None:
    total = "" if progress.total is None else f"/{progress.total:g}"
    click.echo(printable(f"progress {progress.progress:g}{total} {progress.message or ''}".rstrip()), err=True)


def _show_message(params: dict[str, Any]) -> None:
    data = params.get("data")
    text = data if isinstance(data, str) else msgspec.json.encode(data).decode()
    origin = [str(params[key]) for key in ("level", "logger") if key in params]
    click.echo(printable(": ".join([*origin, text])), err=True)
