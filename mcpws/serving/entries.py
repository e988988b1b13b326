"""Several servers as files name them: the `mcpServers` of a desktop host, in JSON, or `[servers.NAME]` of our own file.

A mistake in what is said of one server costs that one alone: its Entry has it as the problem.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec

from mcpws.errors import ConfigError, UnknownSetting
from mcpws.policy.urls import split
from mcpws.serving.config import Admin, Entry, Log, ServiceConfig, Serving, service_settings
from mcpws.settings import Setting, nearest, settings_of

TABLE = "servers"
"""Of the TOML file, that has a table for each server."""

OWN = "mcpws"
"""Key of a server in JSON under which it has what no host knows: what a TOML table of it has."""

MAX_FILE = 1024 * 1024
"""Bytes of a file that names servers."""

MAX_NAME = 64
"""Characters of a name in a path."""

_IN_JSON = ("mcpServers", "servers")
_SERVED = ("command", "app", "url")
# What hosts say of a server that has no meaning here is left to them.
_OF_HOSTS = ("command", "args", "env", "cwd", "url", "type", "disabled")
_LOCAL, _WEBSOCKET = ("stdio", "local"), ("ws", "websocket")
# Two underscores part the name of a server from that of a tool.
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+|_{2,}")
_VARIABLE = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_FOREIGN = re.compile(r"\$\{[^}]*\}")


def read_entries(
    config: ServiceConfig, tables: Mapping[str, Any], source: str, environ: Mapping[str, str]
) -> Mapping[str, Entry]:
    """All servers that `config` and the tables of its file name, by their names, in the order in which they stand.

    :param config: has what the entries do not say for themselves, and names the JSON file, if there is one.
    :param tables: under `servers` in the TOML file.
    :param source: what that file is called.
    :param environ: where the variables are that texts may name as `${NAME}`.
    :raises ConfigError: the JSON file cannot be read, or names no servers.
    """
    entries: dict[str, Entry] = {}
    read: list[tuple[str, str, Any, bool]] = []
    if config.servers is not None:
        key, servers = _in_json(config.servers)
        read += [(name, f"{config.servers}: {key}.{name}", one, True) for name, one in servers.items()]
    read += [(name, f"{source}: {TABLE}.{name}", one, False) for name, one in tables.items()]
    for name, place, one, is_foreign in read:
        fit = _UNFIT.sub("-", name).lstrip("-._")[:MAX_NAME].rstrip("-._")
        if not fit:
            raise ConfigError(place, name, "must be a name with a letter or digit in it")
        if fit in entries:
            raise ConfigError(place, name, f"is there already, as /servers/{fit}: names have to differ")
        try:
            entry = _entry(config, one, place, environ, is_foreign)
        except ConfigError as error:
            entry = Entry(problem=str(error))
        if entry is not None:
            entries[fit] = entry
    return entries


def _in_json(path: str) -> tuple[str, Mapping[str, Any]]:
    """The servers of a JSON file, and the key that they are under."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        raise ConfigError("servers", path, f"cannot be read: {getattr(error, 'strerror', error)}") from None
    if len(data) > MAX_FILE:
        raise ConfigError("servers", path, f"must be a file of {MAX_FILE} bytes at most")
    try:
        content = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError("servers", path, f"is no JSON: {error}") from None
    for key in _IN_JSON:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            return key, content[key]
    raise ConfigError("servers", path, 'must have the servers by their names, as {"mcpServers": {"time": {...}}}')


def _entry(base: ServiceConfig, given: Any, place: str, environ: Mapping[str, str], is_foreign: bool) -> Entry | None:
    """One server; None if it is switched off. Raises ConfigError for what cannot be taken."""
    if not isinstance(given, dict):
        raise ConfigError(place, given, "must be a table, with a command in it")
    given = dict(given)
    if is_foreign:
        own = given.pop(OWN, {})
        if not isinstance(own, dict):
            raise ConfigError(f"{place}.{OWN}", own, "must be an object, with settings in it")
        given = {key: value for key, value in given.items() if key in _OF_HOSTS} | own
    if _flag(given.pop("disabled", False), f"{place}.disabled"):
        return None
    given = _expanded(given, place, environ)
    url = _url(given, place)
    values: dict[str, Any] = {"app": None, "stdio": None, "servers": None}
    if url is None:
        values |= _served(given, place)
    for setting, name, value in _settings(given, place):
        values[setting.name] = setting.from_toml(value, name)
    if "env" in values:
        values["env"] = tuple((dict(base.env) | dict(values["env"] or ())).items())
    return Entry(config=_config(base, values, place), url=url)


def _config(base: ServiceConfig, values: Mapping[str, Any], place: str) -> ServiceConfig:
    try:
        return replace(base, entries={}, **values)
    except ConfigError as error:
        raise ConfigError(f"{place}: {error.key}", error.value, error.problem) from None


def _url(given: dict[str, Any], place: str) -> str | None:
    """The URL of a server that is elsewhere, which is taken out; None for one that is not."""
    kind = given.pop("type", None)
    url = given.pop("url", None)
    if url is None:
        if kind not in (None, *_LOCAL):
            raise ConfigError(f"{place}.type", kind, "cannot be served: a server is a command, an app, or a ws: URL")
        return None
    if kind in _LOCAL or any(key in given for key in _SERVED):
        raise ConfigError(f"{place}.url", url, "must not be given beside a command: one of them answers")
    if not isinstance(url, str):
        raise ConfigError(f"{place}.url", url, "must be text")
    if kind not in (None, *_WEBSOCKET) or not url.startswith(("ws:", "wss:")):
        raise ConfigError(f"{place}.url", url, "cannot be served: a server elsewhere has a ws: or wss: URL")
    try:
        split(url)
    except ConfigError as error:
        raise ConfigError(f"{place}.url", error.value, error.problem) from None
    return url


def _served(given: dict[str, Any], place: str) -> dict[str, Any]:
    """What is served, by the fields of a ServiceConfig; it is taken out."""
    command, arguments = given.pop("command", None), given.pop("args", [])
    app = given.pop("app", None)
    if (command is None) is (app is None):
        problem = "must have a command, an app or a url" if command is None else "must have either a command or an app"
        raise ConfigError(place, sorted(given), problem)
    if app is not None:
        return {"app": _setting("app").from_toml(app, f"{place}.app")}
    if not isinstance(arguments, list) or not all(isinstance(one, str) for one in arguments):
        raise ConfigError(f"{place}.args", arguments, "must be a list of texts")
    words: object = command
    if isinstance(command, list):
        words = [*command, *arguments]
    elif not isinstance(command, str) or not command.strip():
        raise ConfigError(f"{place}.command", command, "must be the program")
    elif arguments or os.path.exists(command):
        words = [command, *arguments]
    # Hosts have the program alone; whoever writes by hand may write the whole line.
    return {"stdio": _setting("stdio").from_toml(words, f"{place}.command")}


def _settings(given: Mapping[str, Any], place: str) -> Iterator[tuple[Setting, str, Any]]:
    """Settings of a server, each with what it is called and its value: of its processes, or in the usual tables."""
    known = settings_of_one()
    tables = {one.table for one in service_settings().values()}
    for key, value in given.items():
        if key in tables and isinstance(value, dict):
            for inner, one in value.items():
                yield _found(known, f"{key}.{inner}", f"{place}.{key}.{inner}"), f"{place}.{key}.{inner}", one
        else:
            yield _found(known, f"stdio.{key}", f"{place}.{key}"), f"{place}.{key}", value


def _found(known: Mapping[str, Setting], path: str, source: str) -> Setting:
    if path not in known:
        if any(one.path == path for one in service_settings().values()):
            raise ConfigError(source, "...", "is of the whole service, not of one server")
        raise UnknownSetting(source, nearest(path, known))
    return known[path]


@cache
def settings_of_one() -> Mapping[str, Setting]:
    """The settings that each server may have for itself, by their paths in the TOML file."""
    whole = {*settings_of(Admin), *settings_of(Log), *settings_of(Serving), "stdio", "paths"}
    return {one.path: one for one in service_settings().values() if one.name not in whole}


def _setting(name: str) -> Setting:
    return service_settings()[name]


def _flag(value: Any, place: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(place, value, "must be true or false")
    return value


def _expanded(value: Any, place: str, environ: Mapping[str, str]) -> Any:
    """`value` with the variables of the environment in place of `${NAME}`, in all of its texts."""
    if isinstance(value, dict):
        return {key: _expanded(one, f"{place}.{key}", environ) for key, one in value.items()}
    if isinstance(value, list):
        return [_expanded(one, place, environ) for one in value]
    return _VARIABLE.sub(_value_in(environ, place), _checked(value, place)) if isinstance(value, str) else value


def _value_in(environ: Mapping[str, str], place: str) -> Callable[[re.Match[str]], str]:
    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = environ.get(name, default)
        if found is None:
            raise ConfigError(place, match[0], f"the variable {name} is not set")
        return found

    return value


def _checked(text: str, place: str) -> str:
    for one in _FOREIGN.findall(text):
        if not _VARIABLE.fullmatch(one):
            raise ConfigError(place, one, "only its host knows what that is: write ${NAME} for a variable")
    return text
