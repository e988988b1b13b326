"""The commands about the settings of a service: check them, show them, describe them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

import click
import msgspec

from mcpws.cli.options import formatted, show
from mcpws.cli.report import USAGE
from mcpws.cli.service_options import ServiceCommand, service_options
from mcpws.errors import ConfigError
from mcpws.serving.reference import json_schema, markdown, toml
from mcpws.serving.sources import FILE, Given, Reading, read_settings


@click.group()
def config() -> None:
    """Check, show and describe the settings of a service, as `mcpws serve` and `twistd mcpws` take them.

    Settings are options, variables MCPWS_... of the environment, and keys of a TOML file. The exit status is 0, or 2
    when something is wrong with them.
    """


def _reading(command: Callable[[Reading], None]) -> Callable[..., None]:
    """Give `command` the settings from everywhere; end the process with a line for each mistake in them."""

    @service_options
    @click.argument("file", required=False, metavar="[FILE]")
    @wraps(command)
    def read(given: Given, file: str | None, **rest: Any) -> None:
        reading = read_settings([*given, *([] if file is None else [(FILE, file)])], os.environ)
        mistakes = [*map(str, reading.mistakes)] or _of_servers(reading)
        for mistake in mistakes:
            click.echo(f"mcpws: {mistake}", err=True)
        if mistakes:
            sys.exit(USAGE)
        command(reading, **rest)

    return read


def _of_servers(reading: Reading) -> list[str]:
    """Mistakes in what is said of several servers, which a service would go on without."""
    try:
        return [entry.problem for entry in reading.config().entries.values() if entry.problem is not None]
    except ConfigError as error:
        return [str(error)]


@config.command(cls=ServiceCommand, short_help="Tell every mistake in the settings.")
@_reading
def check(reading: Reading) -> None:
    """Tell every mistake in the settings: those of FILE, of the environment and of the options.

    FILE is short for --config FILE. There is one line for each mistake, which names what was written and where.
    """
    show(f"{len(reading.values)} settings given, no mistakes")


@config.command("show", cls=ServiceCommand, short_help="Print every setting, and where it is from.")
@_reading
def show_settings(reading: Reading) -> None:
    """Print every setting with its value, and where that is from, as a TOML file.

    FILE is short for --config FILE. What the environment of children has is not shown: it may be a secret.
    """
    show(toml(reading.config(), reading.sources))


@config.command(short_help="Print the JSON Schema of the TOML file.")
def schema() -> None:
    """Print the JSON Schema of the TOML file, for editors and other tools."""
    show(formatted(msgspec.json.encode(json_schema()), 2))


@config.command(short_help="Print the reference of all settings.")
def reference() -> None:
    """Print the reference of all settings, in Markdown."""
    show(markdown())
