"""The `mcpws` command. It needs click: the extra `cli`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTED = 128 + signal.SIGINT


@contextmanager
def ended_by_interrupt() -> Iterator[None]:
    """Ctrl-C ends the process meanwhile, as it does any, and shows nobody where it was: for imports."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        # Somebody else sees to it, or it is ignored.
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> None:
    """Run the command; ends the process with the status that `mcpws --help` lists."""
    try:
        with ended_by_interrupt():
            import click  # noqa: F401
    except ModuleNotFoundError:
        print("mcpws: the command needs click: pip install 'mcpws[cli]'", file=sys.stderr)
        sys.exit(2)
    with ended_by_interrupt():
        # Only now: it is written in terms of click.
        from mcpws.cli.commands import mcpws

    mcpws(prog_name="mcpws")
