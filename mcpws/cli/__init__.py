"""The `mcpws` command. It needs click: the extra `cli`."""

from __future__ import annotations

import sys

from mcpws.cli.interrupt import ended_by_interrupt


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
