"""The command that watches a running server."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from mcpws.cli.options import Remote, connecting, formatted, show
from mcpws.cli.report import USAGE
from mcpws.cli.running import run, with_session
from mcpws.cli.style import is_terminal
from mcpws.cli.top_sorts import SORTS
from mcpws.cli.top_source import read_status, report_of, status_url, without_page
from mcpws.errors import HandshakeRefused

PLAIN_WIDTH = 120
"""Columns where there is no terminal that says how many it has."""


@click.command(short_help="Watch a running server: who is connected, and what it does.")
@connecting
@click.option("--once", is_flag=True, help="Print the state once, as plain text. So does what is no terminal.")
@click.option("--json", "as_json", is_flag=True, help="Print the state once, as JSON in one line.")
@click.option(
    "--sort", type=click.Choice(list(SORTS)), default="rate", show_default=True, help="Order of the connections."
)
def top(remote: Remote, once: bool, as_json: bool, sort: str) -> None:
    """Watch the mcpws that serves at URL, each second, until q or Ctrl-C. The path is /status if URL has none.

    It shows connections, requests by method, limits that were hit, refusals with what to do about them, and children.
    s sorts the connections by something else, d twice drains: the server turns its clients away, and lets none in.

    \b
    mcpws top 8082
    mcpws top wss://mcp.example.com -H 'Authorization: Bearer TOKEN'
    """
    remote = replace(remote, target=replace(remote.target, url=status_url(remote.target.url)))
    try:
        if as_json:
            show(formatted(with_session(remote, lambda session: read_status(session, remote), "auto"), -1))
        elif once or not is_terminal(sys.stdout):
            _print_once(remote, sort)
        else:
            _watch(remote, sort)
    except HandshakeRefused as error:
        raise without_page(remote, error) from error


def _print_once(remote: Remote, sort: str) -> None:
    picture = _needs_rich()
    report = with_session(remote, lambda session: report_of(session, remote), "auto")
    width = shutil.get_terminal_size((PLAIN_WIDTH, 0)).columns
    show(picture(report, sort=sort).text(max(width, 1)))


def _watch(remote: Remote, sort: str) -> None:
    _needs_rich()
    if remote.verbose and is_terminal(sys.stderr):
        raise click.UsageError("--verbose: its log would go across the screen: write it to a file with 2>FILE")
    from mcpws.cli.top_watch import Watch

    watch = Watch(remote, sort)
    run(watch.run, remote.verbose, end_seconds=remote.config.close_timeout, leave=watch.leave)


def _needs_rich() -> Callable[..., Any]:
    try:
        from mcpws.cli.top_view import Picture
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        click.echo("mcpws: the command needs rich: pip install 'mcpws[cli]'", err=True)
        sys.exit(USAGE)
    return Picture
