"""Sources of the settings of a service: options, the environment, a TOML file, and else their defaults.

The first of these that has a setting says what it is. A mistake in any of them names what the person wrote:
`--max-connections`, `MCPWS_MAX_CONNECTIONS`, or `mcpws.toml: limits.max_connections`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from ipaddress import ip_address
from typing import Any

from mcpws.errors import ConfigError, LoadFailed, UnknownSetting
from mcpws.service.endpoints import listening_at
from mcpws.serving.config import DEFAULT_PORT, ServiceConfig, service_settings
from mcpws.serving.entries import TABLE, read_entries
from mcpws.settings import PREFIX, Setting, exceeded, nearest, variable

Given = Sequence[tuple[str, str]]
"""Options as they stand on the command line, each as it is spelled and with its text: `("--max-connections", "5")`."""

CONFIG = "config"
"""The option, and the variable `MCPWS_CONFIG`, that names the file."""

FILE = "FILE"
"""What a file is called that is named by an argument."""

MAX_FILE = 1024 * 1024
"""Bytes of a file with settings."""

# Kubernetes and Docker set such variables for containers beside a service that is called mcpws.
_FOREIGN = re.compile(rf"{PREFIX}SERVICE_(HOST|PORT(_\w+)?)|{PREFIX}PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?")
_SERVED = ("app", "stdio", "servers")
_FOREIGN_PORT = re.compile(r"(tcp|udp|sctp)://")


@dataclass(frozen=True, slots=True)
class Reading:
    """Settings as they were given, before they are a config.

    :param values: by field; what is not given is missing.
    :param sources: what the person wrote, by field.
    :param mistakes: all that are wrong, in the order of the sources.
    :param servers: the tables of several servers, as the file has them, and `file`, what it is called.
    :param environ: the environment.
    """

    values: Mapping[str, Any]
    sources: Mapping[str, str]
    mistakes: tuple[ConfigError, ...]
    servers: Mapping[str, Any]
    file: str
    environ: Mapping[str, str] = field(compare=False, repr=False)

    def config(self) -> ServiceConfig:
        """The settings; raises the first of the mistakes."""
        for mistake in self.mistakes:
            raise mistake
        config = ServiceConfig(**self.values)
        if config.servers is None and not self.servers:
            return config
        try:
            return replace(config, entries=read_entries(config, self.servers, self.file, self.environ))
        except ConfigError as error:
            raise self.named(error) from None

    def named(self, error: ConfigError) -> ConfigError:
        """`error`, which is about a field, as one that names what the person wrote."""
        if error.key not in self.sources or isinstance(error, LoadFailed):
            return error
        return ConfigError(self.sources[error.key], error.value, error.problem)


class _Level:
    """Settings of one source: values and what they are called there, by field; and its mistakes."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.sources: dict[str, str] = {}
        self.mistakes: list[ConfigError] = []
        self.servers: Mapping[str, Any] = {}

    @property
    def served(self) -> list[str]:
        """What it says is served: the names of those settings of which there may be one."""
        return [name for name in _SERVED if name in self.values or (name == "servers" and self.servers)]

    def put(self, setting: Setting, source: str, read: Callable[[], Any]) -> None:
        """Take the value that `read` returns, or note the ConfigError that it raises."""
        try:
            self.values[setting.name] = read()
            self.sources[setting.name] = source
        except ConfigError as error:
            self.mistakes.append(error)


def read_settings(
    given: Given, environ: Mapping[str, str], values: Mapping[str, tuple[str, Any]] | None = None
) -> Reading:
    """The settings of a service from wherever they are. Nothing is raised: mistakes are in what is returned.

    :param given: the options, among them `--config` for the file.
    :param environ: the environment.
    :param values: what the command line has besides options: by field, what to call it and its value, or its text.
    """
    options = _options(given, values or {})
    environment = _environment(environ)
    files = [(text, spelling) for spelling, text in given if spelling in (f"--{CONFIG}", FILE)]
    file = _Level()
    path = ""
    if files:
        path = files[-1][0]
        file = _file(*files[-1])
    elif environ.get(variable(CONFIG)):
        path = environ[variable(CONFIG)]
        file = _file(path, variable(CONFIG))
    return _merged(options, environment, file, path, environ)


def _options(given: Given, values: Mapping[str, tuple[str, Any]]) -> _Level:
    level = _Level()
    settings = service_settings()
    by_option = options_of_settings()
    texts: dict[str, list[tuple[str, str]]] = {}
    for spelling, text in given:
        if spelling in (f"--{CONFIG}", FILE):
            continue
        setting, negated = by_option[spelling]
        texts.setdefault(setting.name, []).append(
            (spelling, "false" if negated else "true" if setting.is_flag else text)
        )
    port = next((text for _, text in texts.get("listen", []) if text.isdecimal()), None)
    for name, ones in texts.items():
        setting = settings[name]
        try:
            if setting.twice and (len(ones) > 1 or name in values):
                raise ConfigError(ones[-1][0], ones[-1][1], f"given twice: {setting.twice}")
            for spelling, text in ones:
                if spelling == "--host":
                    _check_old_host(text, port)
                # By itself, so that a mistake names this one.
                setting.from_texts([text], spelling)
        except ConfigError as error:
            level.mistakes.append(error)
        else:
            _put_texts(level, setting, ones)
    for name, (source, value) in values.items():
        _put_value(level, settings[name], source, value)
    return level


def _put_texts(level: _Level, setting: Setting, ones: Sequence[tuple[str, str]]) -> None:
    level.put(setting, ones[-1][0], lambda: setting.from_texts([text for _, text in ones], ones[-1][0]))


def _put_value(level: _Level, setting: Setting, source: str, value: Any) -> None:
    def read() -> Any:
        if isinstance(value, str):
            return setting.from_texts([value], source)
        setting.checked(value, source)
        return value

    level.put(setting, source, read)


def _environment(environ: Mapping[str, str]) -> _Level:
    level = _Level()
    known = {name: setting for setting in service_settings().values() for name in setting.variables}
    for name, text in environ.items():
        # Empty is as good as not there: many ways to start a container have no other.
        if not name.startswith(PREFIX) or not text or name == variable(CONFIG) or _is_foreign(name, text):
            continue
        if name in known:
            _put_variable(level, known[name], name, text)
        else:
            level.mistakes.append(UnknownSetting(name, nearest(name, [*known, variable(CONFIG)], PREFIX)))
    return level


def _put_variable(level: _Level, setting: Setting, name: str, text: str) -> None:
    if name == variable("host"):
        try:
            for one in text.split():
                _check_old_host(one, None, name)
        except ConfigError as error:
            level.mistakes.append(error)
            return
    if setting.name in level.sources:
        level.mistakes.append(ConfigError(name, text, f"{level.sources[setting.name]} is given as well: leave one out"))
        return
    level.put(setting, name, lambda: setting.from_variable(text, name))


def _is_foreign(name: str, text: str) -> bool:
    return bool(_FOREIGN.fullmatch(name) or (name == variable("port") and _FOREIGN_PORT.match(text)))


def _file(path: str, source: str) -> _Level:
    level = _Level()
    try:
        tables = _parsed(path, source)
    except ConfigError as error:
        level.mistakes.append(error)
        return level
    known = {setting.path: setting for setting in service_settings().values()}
    names = {setting.table for setting in known.values()}
    for table, content in tables.items():
        if table == TABLE:
            if isinstance(content, dict):
                level.servers = content
            else:
                level.mistakes.append(ConfigError(f"{path}: {table}", content, f"must be tables: write [{table}.NAME]"))
        elif table not in names:
            level.mistakes.append(UnknownSetting(f"{path}: {table}", _meant(table, [*sorted(names), TABLE], known)))
        elif not isinstance(content, dict):
            level.mistakes.append(ConfigError(f"{path}: {table}", content, f"must be a table: write [{table}]"))
        else:
            for key, value in content.items():
                name = f"{path}: {table}.{key}"
                if setting := known.get(f"{table}.{key}"):
                    _put_toml(level, setting, name, value)
                else:
                    level.mistakes.append(UnknownSetting(name, _meant(key, [], known, table)))
    return level


def _put_toml(level: _Level, setting: Setting, name: str, value: Any) -> None:
    level.put(setting, name, lambda: setting.from_toml(value, name))


def _meant(name: str, tables: Sequence[str], known: Mapping[str, Setting], table: str = "") -> str | None:
    """Names that may be meant by one of a table, or of a key in a `table`."""
    by_name = {one: one for one in tables}
    for path, setting in known.items():
        for one in (path, setting.key, setting.name, *(spelling.replace("-", "_") for spelling in setting.spellings)):
            by_name.setdefault(one, path)
    if f"{table}.{name}" not in by_name and name.replace("-", "_") in by_name:
        return by_name[name.replace("-", "_")]
    found = nearest(f"{table}.{name}", known) if table else None
    return found or by_name.get(nearest(name, by_name) or "")


def _parsed(path: str, source: str) -> dict[str, Any]:
    """The tables of a TOML file; raises ConfigError that names `source` or the file."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(source, path, f"cannot be read: {getattr(error, 'strerror', error)}") from None
    if len(data) > MAX_FILE:
        raise ConfigError(source, path, f"must be a file of {MAX_FILE} bytes at most")
    try:
        return tomllib.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise ConfigError(source, path, f"is no TOML in UTF-8: {' '.join(str(error).split())}") from None


def _merged(options: _Level, environment: _Level, file: _Level, path: str, environ: Mapping[str, str]) -> Reading:
    levels = (options, environment, file)
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    mistakes = [mistake for level in levels for mistake in level.mistakes]
    servers: Mapping[str, Any] = {}
    for level in reversed(levels):
        # What is served is one thing: whoever names it names it in place of what is named further down.
        if level.served:
            for name in _SERVED:
                values.pop(name, None)
            servers = level.servers
        values |= level.values
        sources |= level.sources
    sources = {name: source for name, source in sources.items() if name in values}
    if servers:
        sources.setdefault("servers", f"{path}: {TABLE}")
    mistakes += _contradictions(options, values, sources)
    return Reading(values, sources, tuple(mistakes), servers, path, environ)


def _contradictions(options: _Level, values: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[ConfigError]:
    served = [name for name in _SERVED if name in sources]
    if len(served) > 1:
        one, other = served[:2]
        yield ConfigError(sources[one], values.get(one), f"and {sources[other]}: give one of them, not both")
    settings = service_settings()
    for setting in settings.values():
        # In the environment or a file it may be there for when it is needed.
        if (
            setting.needs
            and setting.name in options.values
            and setting.needs not in values
            and "servers" not in sources
        ):
            needed = settings[setting.needs].option
            yield ConfigError(sources[setting.name], values[setting.name], f"goes with --{needed}, which is not given")
        if setting.exceeds:
            yield from _excess(setting, settings[setting.exceeds], values, sources)


def _excess(
    setting: Setting, other: Setting, values: Mapping[str, Any], sources: Mapping[str, str]
) -> Iterator[ConfigError]:
    value, bound = values.get(setting.name, setting.default), values.get(other.name, other.default)
    if not exceeded(value, bound):
        return
    if setting.name in sources:
        named = sources.get(other.name, f"--{other.option}, which is {bound:g}")
        yield ConfigError(sources[setting.name], value, f"must be above {named}, or 0")
    else:
        yield ConfigError(sources[other.name], bound, f"must be below --{setting.option}, which is {value:g}")


def _check_old_host(text: str, port: str | None, source: str = "--host") -> None:
    """Raise ConfigError for an address, which elsewhere says what to bind: here it would be what clients call.

    :param port: the number that was given as the one to listen at, if there is one.
    """
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return
    if address.is_loopback:
        return
    instead = f" in place of {port}" if port else ""
    called = "each name that clients call" if address.is_unspecified else "clients that call it so"
    name = "NAME" if address.is_unspecified else text
    raise ConfigError(
        source,
        text,
        f"to listen there write --listen {listening_at(str(address), port or DEFAULT_PORT)}{instead}, and --allow-host "
        f"{name} for {called}",
    )


@cache
def options_of_settings() -> Mapping[str, tuple[Setting, bool]]:
    """Setting of each option, by its spelling with dashes, and whether it says that it is not so."""
    settings = service_settings().values()
    plain = {f"--{spelling}": (one, False) for one in settings for spelling in one.spellings}
    negated = {f"--no-{spelling}": (one, True) for one in settings if one.is_flag for spelling in one.spellings}
    return plain | negated
