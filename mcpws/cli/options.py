"""Common parts of the commands: the server they are about, and how a failure ends them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from errno import EPIPE
from functools import wraps
from typing import Any, TypeVar, get_args

import click
import msgspec
from msgspec import Raw

from mcpws.cli.arguments import is_utf8
from mcpws.cli.report import as_object, exit_status, line
from mcpws.client.opening import Era
from mcpws.config import MIB, WebSocketConfig
from mcpws.errors import ConfigError, McpwsError
from mcpws.jsonrpc.surrogates import mark, read_as, unmark
from mcpws.policy.urls import shown
from mcpws.ws.target import Target

T = TypeVar("T")

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:/")
_PORT_FIRST = re.compile(r"[0-9]+(?![^/?])")
_HEADER = re.compile(r"([^:\s]+):\s*(.*?)\s*")
_CLOSE_TIMEOUT = 2
"""Seconds. A person waits, and has the answer already."""


@dataclass(frozen=True, slots=True)
class Remote:
    """The server that a command is about, and the limits of what the command does with it.

    :param timeout: seconds for each step, None for ever.
    :param max_message_size: bytes, either way.
    :param verbose: whether to log.
    """

    target: Target
    timeout: float | None
    max_message_size: int
    verbose: bool = False

    @property
    def config(self) -> WebSocketConfig:
        """The settings of a client of this server; raises ConfigError."""
        return WebSocketConfig(
            url=self.target.url,
            server_mode=False,
            timeout_seconds=self.timeout,
            max_message_size=self.max_message_size,
            max_outbound_size=self.max_message_size,
            close_timeout=_CLOSE_TIMEOUT,
        )


_OF_TARGET = ("url", "headers", "origin", "subprotocols")
_OF_REMOTE = ("timeout", "max_message_size", "verbose")


def to_url(value: str) -> str:
    """`8082`, `8082/mcp` and `localhost:8082` are short for what they look like."""
    url = f"127.0.0.1:{value}" if _PORT_FIRST.match(value) else value
    if not _SCHEME.match(url):
        url = f"ws://{url}"
    try:
        return WebSocketConfig(url=url, server_mode=False).url
    except ConfigError as error:
        raise click.BadParameter(f"{error.problem} (got {shown(value)!r})") from None


def to_header(value: str) -> tuple[str, str]:
    """`Name: value`, taken apart."""
    match = _HEADER.fullmatch(value)
    if match is None:
        # It may be a secret: it is not repeated.
        raise click.BadParameter("must be 'Name: value'")
    return match[1], match[2]


def to_seconds(value: str) -> float | None:
    """A number above 0; 0 is for ever, as None."""
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1
    if not seconds >= 0:
        raise click.BadParameter(f"must be a number of seconds, 0 or more (got {value!r})")
    return seconds or None


def formatted(raw: Raw | bytes, indent: int) -> Raw:
    """JSON for people to read, by msgspec.json.format, with its lone surrogates as they came."""
    return unmark(msgspec.json.format(mark(raw) or bytes(raw), indent=indent))


def decoded(raw: Raw, type: type[T]) -> T:
    """Value of `type` that the server sent; raises McpwsError if it is none."""
    try:
        return read_as(type, raw)
    except (ValueError, RecursionError) as error:
        raise McpwsError(f"the server's answer is malformed: {error}") from error


def show(text: str | bytes | Raw, newline: bool = True) -> None:
    """Print on standard output; raises McpwsError if that cannot be."""
    try:
        click.echo(bytes(text) if isinstance(text, Raw) else text, nl=newline)
    except OSError as error:
        if error.errno == EPIPE:
            # Nobody reads any more, of which click makes a quiet end.
            raise
        raise McpwsError(f"standard output: {error.strerror}") from error


era_option = click.option(
    "--era",
    type=click.Choice(get_args(Era)),
    default="auto",
    show_default=True,
    help="With initialize, as up to MCP 2025-11-25; without, as since 2026-07-28; or as the server wants it.",
)
"""For commands that have a session of their own."""


def connecting(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the URL and the options of every connection, as a Remote; end the process properly if it fails.

    What the command calls `as_json` decides whether the failure is an object on standard output, too.
    """

    @click.argument("url", type=to_url)
    @click.option(
        "-H",
        "--header",
        "headers",
        type=to_header,
        multiple=True,
        metavar="'NAME: VALUE'",
        help="Send this header with the handshake, Host for one in place of its own. May be given several times.",
    )
    @click.option("--origin", metavar="ORIGIN", help="Send this Origin header, as a browser does.")
    @click.option(
        "--subprotocol",
        "subprotocols",
        multiple=True,
        default=("mcp",),
        metavar="NAME",
        help="Offer this WebSocket subprotocol; '' for none. May be given several times.  [default: mcp]",
    )
    @click.option(
        "--timeout",
        type=to_seconds,
        default="30",
        show_default=True,
        metavar="SECONDS",
        help="For the connection, and for every answer that the command waits for; 0 to wait for ever.",
    )
    @click.option(
        "--max-message-size",
        type=click.IntRange(min=1),
        default=16 * MIB,
        show_default=True,
        metavar="BYTES",
        help="Of a message, either way.",
    )
    @click.option("-v", "--verbose", is_flag=True, help="Log to standard error.")
    @wraps(command)
    def connected(**given: Any) -> None:
        of_target = {name: given.pop(name) for name in _OF_TARGET}
        of_target["subprotocols"] = tuple(filter(None, of_target["subprotocols"]))
        of_remote = {name: given.pop(name) for name in _OF_REMOTE}
        for name, value in given.items():
            if isinstance(value, str) and not is_utf8(value):
                raise click.BadParameter(f"is not UTF-8 (got {value!r})", param_hint=name.upper())
        try:
            command(Remote(Target(**of_target), **of_remote), **given)
        except McpwsError as error:
            click.echo(f"mcpws: {line(shown(of_target['url']), error)}", err=True)
            if given.get("as_json"):
                with suppress(McpwsError):
                    show(msgspec.json.encode({"error": as_object(error)}))
            sys.exit(exit_status(error))

    return connected
