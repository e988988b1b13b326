"""The settings described for people and for programs: `--help`, the reference page, the JSON Schema, a TOML file."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from mcpws.serving.config import Entry, ServiceConfig, service_settings
from mcpws.serving.entries import TABLE as SERVERS
from mcpws.serving.entries import settings_of_one
from mcpws.serving.sources import CONFIG
from mcpws.settings import Setting, settings_of, variable

SEVERAL = "May be given several times."

CONFIG_ROW = (
    f"--{CONFIG} FILE",
    "TOML file with settings, each in its table. What an option does not say the environment may"
    f" ({variable('max-connections')} for --max-connections), and then the file.",
)
"""What `--help` has of the option that names the file."""

# What Markdown would take for emphasis, or for HTML.
_SPECIAL = re.compile(r"[*<]")


def grouped(settings: Iterable[Setting]) -> Iterator[tuple[str, list[Setting]]]:
    """The settings under their headings."""
    for title, ones in groupby(settings, lambda one: one.title):
        yield title, list(ones)


def help_rows(setting: Setting) -> tuple[str, str]:
    """Rows of `--help` for a setting: its options, and what they are for."""
    if setting.is_flag:
        return f"--{setting.option} / --no-{setting.option}", _help(setting)
    short = [f"-{setting.short}"] if setting.short else []
    return f"{', '.join([*short, *(f'--{one}' for one in (setting.option, *setting.also))])} {setting.metavar}", _help(
        setting
    )


def _help(setting: Setting) -> str:
    parts = [setting.help]
    if setting.repeated:
        parts.append(SEVERAL)
    if setting.none:
        parts.append(f"none {setting.none}.")
    return " ".join([*parts, f"[default: {default_of(setting)}]"])


def default_of(setting: Setting) -> str:
    """The default with its unit, for people."""
    unit = "" if setting.shown or setting.default is None else setting.unit
    return f"{setting.default_text} {unit}".rstrip()


def markdown() -> str:
    """The reference page of all settings: a section for each group, and in it one for each setting."""
    return "\n".join([_INTRODUCTION, *_sections()])


_INTRODUCTION = f"""\
# Settings

A service takes each setting from the first of these that has it:

1. an option of `mcpws serve` and `twistd mcpws`;
2. a variable of the environment; an empty one counts as none, and several values stand in one with spaces between them;
3. a key of the TOML file that `--{CONFIG}` or `{variable(CONFIG)}` names;
4. its default.

In a Python program they are the keyword arguments of `WebSocketConfig`, by the names of their sections. What is for a
client, or says what a `WebSocketTransport` is, can be set there alone.
"""


def _sections() -> Iterator[str]:
    for title, settings in grouped(settings_of(ServiceConfig).values()):
        yield f"## {title}\n"
        for one in settings:
            yield f"### `{one.name}`\n"
            yield _SPECIAL.sub(r"\\\g<0>", one.help) + "\n"
            yield "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in _rows(one)), ""])


def _rows(setting: Setting) -> Iterator[tuple[str, str]]:
    if setting.name in service_settings():
        options = [f"--{one}" for one in (setting.option, *setting.also)]
        options += [f"--no-{setting.option}"] if setting.is_flag else []
        options += [f"-{setting.short}"] if setting.short else []
        yield "option", _code(*options) + (", several times" if setting.repeated else "")
        yield "environment", _code(*map(variable, (setting.option, *setting.also)))
        yield "file", _code(setting.path)
        if setting.old:
            yield "also", _code(*(f"--{one}" for one in setting.old), *map(variable, setting.old))
    yield "type", setting.kind.name + (f" of {setting.unit}" if setting.unit else "")
    if setting.none:
        yield "or", f"`none`, in Python `None`, {setting.none}"
    yield "default", default_of(setting)
    if setting.least is not None:
        yield "least", f"{setting.least:g}"
    if setting.above is not None:
        yield "above", f"{setting.above:g}"
    if setting.exceeds:
        yield "above", f"{_code(setting.exceeds)}, unless it is 0"
    yield "side", setting.side


def _code(*texts: str) -> str:
    return ", ".join(f"`{text}`" for text in texts)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the TOML file."""
    tables = _tables(service_settings().values())
    of_one = _tables(settings_of_one().values())
    own = {key: one for key, one in tables["server"]["properties"].items() if key == "app"} | _OF_A_SERVER
    server = _table("One server of several", own | of_one.pop("stdio")["properties"] | of_one)
    tables[SERVERS] = {"title": "Several servers", "type": "object", "additionalProperties": server}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of an mcpws service",
        "type": "object",
        "additionalProperties": False,
        "properties": tables,
    }


_OF_A_SERVER = {
    "command": {
        "type": ["string", "array"],
        "items": {"type": "string"},
        "description": "Program, or whole command line, of a stdio MCP server.",
    },
    "args": {"type": "array", "items": {"type": "string"}, "description": "Arguments of the program."},
    "url": {"type": "string", "pattern": "^wss?:", "description": "Where it is, if it is elsewhere."},
    "disabled": {"type": "boolean", "description": "Leave it out."},
}


def _tables(settings: Iterable[Setting]) -> dict[str, Any]:
    """The schemas of tables with these settings."""
    tables: dict[str, Any] = {}
    for setting in settings:
        table = tables.setdefault(setting.table, _table(setting.title, {}))
        unit = f" In {setting.unit}." if setting.unit else ""
        described = {"description": f"{setting.help}{unit}"}
        table["properties"][setting.key] = setting.kind.schema() | described | _default(setting)
    return tables


def _table(title: str, properties: dict[str, Any]) -> dict[str, Any]:
    return {"title": title, "type": "object", "additionalProperties": False, "properties": properties}


def _default(setting: Setting) -> dict[str, Any]:
    if setting.default is None and not setting.none:
        return {}
    return {"default": setting.kind.to_json(setting.default)}


def toml(config: ServiceConfig, sources: Mapping[str, str]) -> str:
    """Every setting with its value, as a TOML file that would give the same, and where the value is from.

    What the environment of children has is left out: it may be a secret.
    """
    lines: list[str] = []
    for table, settings in groupby(service_settings().values(), lambda one: one.table):
        lines += ["", f"[{table}]"]
        lines += [_line(one, getattr(config, one.name), sources.get(one.name, "default")) for one in settings]
    # What they have for themselves may be in two files, and in words that only one of them knows.
    lines += [f"# [{SERVERS}.{name}]  # {_what_is_served(one)}" for name, one in config.entries.items()]
    return "\n".join(lines[1:])


def _what_is_served(entry: Entry) -> str:
    return entry.problem or entry.url or entry.config.app or shlex.join(entry.config.stdio or ())


def _line(setting: Setting, value: Any, source: str) -> str:
    if value is None and not setting.none:
        return f"# {setting.key} = {setting.default_text}  # {source}"
    if setting.name == "env" and value:
        return f"# {setting.key} = {setting.kind.to_text(value)}  # {source}"
    return f"{setting.key} = {_toml(setting.kind.to_json(value))}  # {source}"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(name)} = {_toml(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, float):
        return str(value)
    # Strings are written as in JSON, but for one character, and without pairs of surrogates.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
