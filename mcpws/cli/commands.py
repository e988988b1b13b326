"""The commands by name. Each is imported only when it is called for: that takes longer than most of them do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from typing import IO, Any

import click
from click.shell_completion import CompletionItem

from mcpws.cli.interrupt import INTERRUPTED, ended_by_interrupt
from mcpws.cli.report import USAGE, printable
from mcpws.version import __version__

_COMMANDS = {
    "call": ("calling", "Send one request and print its result."),
    "config": ("config", "Check, show and describe the settings of a service."),
    "connect": ("connecting", "Be the stdio MCP server that is really at URL."),
    "init": ("init", "Write a small project to begin with."),
    "prompt": ("reading", "Fill in a prompt and print its messages."),
    "prompts": ("listing", "List the prompts of a server."),
    "read": ("reading", "Read a resource."),
    "replay": ("replay", "Play a recording back, and tell what is different."),
    "resources": ("listing", "List the resources of a server."),
    "serve": ("serve", "Serve an App of yours, any stdio MCP server, or a demo."),
    "tool": ("calling", "Call a tool and print its result."),
    "tools": ("listing", "List the tools of a server."),
    "top": ("top", "Watch a running server: who is connected, and what it does."),
}
"""The module of each, below `mcpws.cli`, where it has the same name; and what it is for, in one line."""


class Misuse(click.ClickException):
    """A mistake in a command, told in one line that says where to read more."""

    exit_code = USAGE

    def __init__(self, error: click.UsageError) -> None:
        path = "mcpws" if error.ctx is None else error.ctx.command_path
        super().__init__(f"{error.format_message().rstrip('.')} ({path} --help says more)")

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"mcpws: {printable(self.message)}", file=file, err=True)


@contextmanager
def _in_one_line() -> Iterator[None]:
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        raise Misuse(error) from None


class Commands(click.Group):
    """A group of commands that are imported late."""

    def make_context(self, *arguments: Any, **extra: Any) -> click.Context:
        with _in_one_line():
            return super().make_context(*arguments, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with _in_one_line():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        near = get_close_matches(args[0], _COMMANDS)
        if args[0] not in _COMMANDS and near and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]}?")
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _ = _COMMANDS[cmd_name]
        with ended_by_interrupt():
            command = getattr(import_module(f"mcpws.cli.{module}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in sorted(_COMMANDS.items())])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        commands = [
            CompletionItem(name, help=about)
            for name, (_, about) in sorted(_COMMANDS.items())
            if name.startswith(incomplete)
        ]
        # Past the group's own: it imports all commands for their help.
        return [*commands, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""\b
Exit status:
  0      all went well
  1      the server answered with an error, a tool failed, or nothing can be served
  2      the command is not used right
  3      the server cannot be reached, or refuses the connection
  4      the connection was lost
  5      an answer did not come in time
  128+N  ended by signal N""",
)
@click.version_option(__version__, prog_name="mcpws", message="%(prog)s %(version)s")
def mcpws() -> None:
    """Serve MCP over WebSocket, and talk to MCP servers there.

    A URL is ws://HOST:PORT/PATH, or wss:// with TLS. 8082 is short for ws://127.0.0.1:8082, and localhost:8082 for
    ws://localhost:8082.
    """
