"""A small project to begin with: written as files, which run as they are."""

from __future__ import annotations

import os
import re
import shlex
import sys
from importlib.resources import files

import click

from mcpws.cli.report import exit_status
from mcpws.errors import ConfigError, McpwsError
from mcpws.service.program import say
from mcpws.serving.welcome import this_command

FILES = {
    "tools.py": "tools.py.in",
    "test_tools.py": "test_tools.py.in",
    "pyproject.toml": "pyproject.toml.in",
    "README.md": "README.md.in",
    ".gitignore": "gitignore.in",
}
"""Of the project, and what each is made from. `{name}` in it stands for the name of the project."""

_UNUSUAL = re.compile(r"[^a-z0-9]+")


def project_name(directory: str) -> str:
    """A name for what is in `directory`, as packages have it: letters, digits and hyphens.

    :raises ConfigError: there is no letter and no digit in it.
    """
    name = _UNUSUAL.sub("-", os.path.basename(os.path.abspath(directory)).lower()).strip("-")
    if not name:
        raise ConfigError("DIR", directory, "must have a letter or a digit in its name")
    return name


def write_project(directory: str) -> list[str]:
    """Write the files of a new project, and make the directory if need be; their paths.

    :raises ConfigError: one of the files is there already. Nothing is written then.
    :raises McpwsError: they cannot be written.
    """
    name = project_name(directory)
    paths = {os.path.join(directory, file): source for file, source in FILES.items()}
    there = [path for path in paths if os.path.lexists(path)]
    if there:
        raise ConfigError("DIR", directory, f"{', '.join(there)} is there already: name another directory")
    try:
        os.makedirs(directory, exist_ok=True)
        for path, source in paths.items():
            text = files("mcpws.cli").joinpath("project", source).read_text("utf-8")
            with open(path, "x", encoding="utf-8") as file:
                file.write(text.replace("{name}", name))
    except OSError as error:
        raise McpwsError(f"{error.filename or directory}: {error.strerror}") from error
    return list(paths)


@click.command(short_help="Write a small project to begin with.")
@click.argument("directory", metavar="[DIR]", default=".")
def init(directory: str) -> None:
    """Write a small project into DIR, or here: an App with two tools, its test, and what to do with them.

    It runs as it is. Nothing that is there is overwritten.
    """
    try:
        paths = write_project(directory)
    except McpwsError as error:
        say(str(error))
        sys.exit(exit_status(error))
    click.echo(f"wrote {', '.join(os.path.basename(path) for path in paths)}. Now:")
    if directory != ".":
        click.echo(f"    cd {shlex.quote(directory)}")
    # From there the way to the command may be another one than from here.
    click.echo(f"    {this_command(os.path.abspath(directory)).typed} serve --reload tools.py")
