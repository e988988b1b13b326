"""Names of what several servers offer together: each with the name of its server before it."""

from __future__ import annotations

import re

from mcpws.errors import ConfigError

SEPARATOR = "__"
"""Between the name of a server and that of a tool or prompt."""

SCHEME = "mcpws://"
"""How URIs of resources begin here; what follows the name of the server, and a slash, is the URI that it knows."""

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]|_(?!_|$)){0,63}")


def check_name(name: str) -> None:
    """Raise ConfigError unless a server may have this name: it has to be told from what follows."""
    if not _NAME.fullmatch(name):
        problem = "must have up to 64 letters, digits, dots, dashes and single underscores, a letter or digit first"
        raise ConfigError("name", name, problem)


def with_server(server: str, name: str) -> str:
    """Name of a tool or prompt of this server's, as it is shown."""
    return f"{server}{SEPARATOR}{name}"


def without_server(name: str) -> tuple[str, str]:
    """The server that a name is of, and what it calls the thing itself; the former is empty if it names none."""
    server, separator, own = name.partition(SEPARATOR)
    return (server, own) if separator else ("", name)


def uri_with_server(server: str, uri: str) -> str:
    """URI, or template of URIs, of this server's, as it is shown."""
    return f"{SCHEME}{server}/{uri}"


def uri_without_server(uri: str) -> tuple[str, str]:
    """The server that a URI is of, and the URI that it knows; the former is empty if it names none."""
    if not uri.startswith(SCHEME):
        return "", uri
    server, slash, own = uri[len(SCHEME) :].partition("/")
    return (server, own) if slash else ("", uri)
