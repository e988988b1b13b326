"""The command that is a stdio server, and really a remote one."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from typing import Any

import click
from twisted.internet.defer import CancelledError
from twisted.internet.stdio import StandardIO

from mcpws.backends.upstream import Upstream
from mcpws.cli.options import Remote, connecting
from mcpws.cli.report import USAGE
from mcpws.cli.running import run
from mcpws.errors import ConnectFailed, HandshakeRefused, McpwsError
from mcpws.fronts.stdio import GRACE, StdioFront
from mcpws.recording.recorder import RECORDED_BYTES, Recorder
from mcpws.turns.steady import steady


@click.command(short_help="Be the stdio MCP server that is really at URL.")
@connecting
@click.option(
    "--record",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Append the conversation to this file, secrets left out, for mcpws replay.",
)
def connect(remote: Remote, record: str | None) -> None:
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

    end_seconds = GRACE + remote.config.close_timeout
    try:
        reason = run(
            lambda reactor: _bridge(remote, reactor, record), remote.verbose, end_seconds=end_seconds, leave=restore
        )
    finally:
        restore()
    if reason is not None:
        raise reason


async def _bridge(remote: Remote, reactor: Any, record: str | None) -> McpwsError | None:
    """Pass messages until one side ends; why, if it was not the client."""
    recorder = None if record is None else Recorder(record, steady(reactor), most=RECORDED_BYTES)
    upstream = Upstream(remote.target, reactor=reactor, config=remote.config)
    front = StdioFront(upstream, clock=reactor, max_line=remote.max_message_size, observer=recorder)
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
        if recorder is not None:
            recorder.close()
    if reason is None and front.output_lost and not stat.S_ISFIFO(os.fstat(1).st_mode):
        # The reader of a pipe may go when it likes; what is lost on the way to a file is a failure.
        return McpwsError("standard output could not be written")
    if reason is None or front.began or isinstance(reason, ConnectFailed | HandshakeRefused):
        return reason
    return ConnectFailed(remote.target.shown, str(reason))
