"""Welcome: what somebody who has just started a server wants to know, on one screen."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from mcpws.config import WebSocketConfig
from mcpws.seam.interfaces import Description

WIDTH = 80
MAX_URLS = 8
"""That are shown; of more the number."""

_NAME = "mcpws"
_UNUSUAL = re.compile(r"[^A-Za-z0-9_-]+")
_LOOPBACK = re.compile(r"wss?://(127\.|localhost|\[::1\])|unix:")


@dataclass(frozen=True, slots=True)
class OwnCommand:
    """The `mcpws` command as it is called here.

    :param words: that call it from anywhere: an absolute path, first.
    :param typed: what somebody types who stands in the working directory.
    """

    words: tuple[str, ...]
    typed: str


def own_command(argv0: str, executable: str, here: str, on_path: str | None) -> OwnCommand:
    """The command that runs this.

    :param argv0: how the program was called.
    :param executable: the Python that runs it.
    :param here: the working directory.
    :param on_path: what the shell finds under the name; None if it finds nothing.
    """
    beside = os.path.join(os.path.dirname(executable), _NAME)
    scripts = [os.path.abspath(argv0)] if os.path.basename(argv0) == _NAME else []
    script = next((one for one in [*scripts, beside] if os.access(one, os.X_OK) and os.path.isfile(one)), None)
    if script is None:
        return OwnCommand((executable, "-m", _NAME), f"{_typed(executable, here)} -m {_NAME}")
    if on_path is not None and os.path.realpath(on_path) == os.path.realpath(script):
        return OwnCommand((script,), _NAME)
    return OwnCommand((script,), _typed(script, here))


def this_command(here: str | None = None) -> OwnCommand:
    """`own_command` of this process, for somebody who stands in the directory `here`, or where it began."""
    return own_command(sys.argv[0], sys.executable, here or os.getcwd(), shutil.which(_NAME))


def welcome(
    served: Description,
    urls: Sequence[str],
    config: WebSocketConfig,
    command: OwnCommand,
    source: str | None = None,
    servers: Sequence[str] = (),
    page: str | None = None,
) -> str:
    """The whole text, without a newline at its end.

    :param urls: where clients connect, without paths; the first is the one to try.
    :param source: what the person named to be served, None for nothing.
    :param servers: paths of the servers that it is made of, each with what is to be said of it.
    :param page: path of the page in which this machine may try the server, if there is one.
    """
    web = [url for url in urls if url.startswith(("ws:", "wss:"))]
    lines = [served.summary + (f" ({source})" if source and source not in served.summary else ""), ""]
    lines += _columns(_with_paths(web, config.paths))
    lines += [f"    {url}" for url in urls if url not in web]
    if servers:
        lines += ["", "Each server by itself:", *(f"    {one}" for one in _with_paths(urls[:1], servers))]
    lines += ["", f"Who may connect: {_who(urls, config)}"]
    if web:
        url = web[0] if "/" in config.paths else web[0] + config.paths[0]
        terminal = f"    {command.typed} tools {url}"
        if page is not None and _LOOPBACK.match(web[0]):
            lines += ["", "In another terminal, or in a browser:", terminal, f"    http{web[0][2:]}{page}"]
        else:
            lines += ["", "In another terminal:", terminal]
        lines += ["", "In the configuration of a desktop host:", *_host_block(served.name, url, command)]
    lines += ["", "Ctrl-C ends it."]
    return "\n".join(lines)


def _with_paths(urls: Sequence[str], paths: Sequence[str]) -> list[str]:
    whole = [url + path for url in urls for path in paths]
    more = len(whole) - MAX_URLS
    return whole if more <= 0 else [*whole[:MAX_URLS], f"and {more} more"]


def _columns(urls: Sequence[str]) -> list[str]:
    """Two in a line where that fits."""
    column = max(map(len, urls), default=0) + 2
    if 4 + 2 * column > WIDTH:
        return [f"    {url}" for url in urls]
    rows = (urls[at : at + 2] for at in range(0, len(urls), 2))
    return ["    " + "".join(url.ljust(column) for url in row).rstrip() for row in rows]


def _who(urls: Sequence[str], config: WebSocketConfig) -> str:
    if "*" in config.hosts:
        programs = "whoever reaches it, by any name"
    elif config.hosts:
        programs = f"this machine, and whoever calls it {' or '.join(config.hosts)}"
    elif all(_LOOPBACK.match(url) for url in urls):
        programs = "this machine alone"
    else:
        programs = "this machine alone, until --allow-host names what others call it"
    if config.require_origin:
        programs += ", with an Origin"
    pages = "any" if "*" in config.origins else ", ".join(["those of this machine", *config.origins])
    return f"{programs}; web pages: {pages}"


def _host_block(name: str, url: str, command: OwnCommand) -> list[str]:
    program, *rest = command.words
    return [
        "    {",
        '      "mcpServers": {',
        f"        {json.dumps(_UNUSUAL.sub('-', name).strip('-') or _NAME)}: {{",
        f'          "command": {json.dumps(program)},',
        f'          "args": {json.dumps([*rest, "connect", url])}',
        "        }",
        "      }",
        "    }",
    ]


def _typed(path: str, here: str) -> str:
    inside = path.removeprefix(here.rstrip(os.sep) + os.sep)
    shown = path if inside == path else inside if os.sep in inside else os.path.join(os.curdir, inside)
    return shlex.quote(shown)
