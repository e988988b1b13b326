"""The commands that ask one thing: any request, or a tool."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click
from msgspec import Raw, Struct

from mcpws.cli.arguments import Arguments, to_json_object
from mcpws.cli.asking import CAPABILITIES, Asking, declined
from mcpws.cli.completion import complete_tool
from mcpws.cli.display import Display
from mcpws.cli.listing import schema_of
from mcpws.cli.options import Remote, connecting, decoded, era_option, formatted, show
from mcpws.cli.patience import Patience
from mcpws.cli.report import FAILED
from mcpws.cli.running import with_session
from mcpws.cli.said import show_said
from mcpws.cli.terminal import Terminal, can_ask
from mcpws.client.identity import ClientIdentity
from mcpws.client.opening import Era
from mcpws.client.session import Session
from mcpws.mcp.methods import ELICIT, LOG_MESSAGE, TOOLS_CALL

LOG_LEVEL = "info"
"""What a modern server is to tell of, as most legacy ones do without being asked."""

json_option = click.option(
    "--json", "as_json", is_flag=True, help='Print one compact line; {"error": {...}} for a failure.'
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print no progress and no log messages of the server.")

Params = Callable[[Session], Awaitable[dict[str, Any]]]
"""Finds out what to send, once there is a session."""


class _Outcome(Struct):
    """Members of a tool's result that are read."""

    isError: bool = False


@click.command(short_help="Send one request and print its result.")
@connecting
@click.argument("method")
@click.argument("params", metavar="[JSON]", type=to_json_object, default="{}")
@json_option
@quiet_option
@era_option
def call(remote: Remote, method: str, params: dict[str, Any], as_json: bool, quiet: bool, era: Era) -> None:
    """Send the request METHOD with parameters JSON to the server at URL, and print its result.

    JSON is an object, or - to read it from standard input. Progress and log messages go to standard error; what the
    server wants to know of you is asked at the terminal.

    \b
    mcpws call 8082 tools/call '{"name": "add", "arguments": {"a": 1, "b": 2}}'
    """

    async def given(session: Session) -> dict[str, Any]:
        return params

    result = ask(remote, method, given, quiet, era)
    show(formatted(result, -1 if as_json else 2))
    if method == TOOLS_CALL and decoded(result, _Outcome).isError:
        sys.exit(FAILED)


@click.command(short_help="Call a tool and print its result.")
@connecting
@click.argument("name", shell_complete=complete_tool)
@click.argument("arguments", metavar="[JSON] [NAME=VALUE]...", nargs=-1)
@json_option
@click.option("--text", is_flag=True, help="Print only what the tool says.")
@quiet_option
@era_option
def tool(
    remote: Remote, name: str, arguments: tuple[str, ...], as_json: bool, text: bool, quiet: bool, era: Era
) -> None:
    """Call the tool NAME of the server at URL with these arguments, and print its result.

    A VALUE is JSON where the tool takes that, else text. JSON is an object with arguments, or - to read it from
    standard input. Progress and log messages go to standard error; what the server wants to know of you is asked at
    the terminal. With --text what a tool says of its failure goes to standard error as well.

    \b
    mcpws tool 8082 add a=1 b=2
    mcpws tool 8082 add '{"a": 1, "b": 2}'
    """
    if text and as_json:
        raise click.UsageError("--text and --json exclude each other.")
    typed = Arguments(arguments)

    async def given(session: Session) -> dict[str, Any]:
        return {
            "name": name,
            "arguments": typed.by(await schema_of(session, name, remote.timeout) if typed.texts else None),
        }

    result = ask(remote, TOOLS_CALL, given, quiet, era)
    failed = decoded(result, _Outcome).isError
    if text:
        show_said(result, failed)
    else:
        show(formatted(result, -1 if as_json else 2))
    if failed:
        sys.exit(FAILED)


def ask(remote: Remote, method: str, params: Params, quiet: bool, era: Era) -> Raw:
    """The result of a request, with all that comes meanwhile shown, and asked, at the terminal."""
    exchange = Exchange(remote, method, params, quiet)
    return with_session(remote, exchange.run, era, exchange.equip)


class Exchange:
    """A request, and what becomes of it at the terminal."""

    def __init__(self, remote: Remote, method: str, params: Params, quiet: bool) -> None:
        self._remote = remote
        self._method = method
        self._params = params
        self._quiet = quiet
        self._display: Display
        self._patience: Patience

    def equip(self, reactor: Any) -> dict[str, Any]:
        """Arguments for `connect`: what answers the server, and what hears of it."""
        self._display = Display(reactor)
        self._patience = Patience(reactor, self._remote.timeout)
        elicit = Asking(Terminal(reactor), self._held).elicit if can_ask() else declined
        return {
            "requests": {ELICIT: elicit},
            "notifications": {} if self._quiet else {LOG_MESSAGE: self._display.message},
            "identity": ClientIdentity(capabilities=CAPABILITIES),
        }

    async def run(self, session: Session) -> Raw:
        """Ask, and wait for the result."""
        asked = session.request(
            self._method,
            await self._params(session),
            timeout=None,
            on_progress=None if self._quiet else self._display.progress,
            log_level=None if self._quiet else LOG_LEVEL,
            type=Raw,
        )
        try:
            result: Raw = await self._patience.with_answer(self._method, asked)
        finally:
            self._display.close()
        return result

    @contextmanager
    def _held(self) -> Iterator[None]:
        with self._patience.held(), self._display.hidden():
            yield
