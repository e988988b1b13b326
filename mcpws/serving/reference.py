"""The settings described for people and for programs: `--help`, the reference page, the JSON Schema, a TOML file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from mcpws.serving.config import ServiceConfig, service_settings
from mcpws.serving.sources import CONFIG
from mcpws.settings import Setting, variable

SEVERAL = "May be given several times."

CONFIG_ROW = (
    f"--{CONFIG} FILE",
    "TOML file with settings, each in its table. What an option does not say the environment may"
    f" ({variable('max-connections')} for --max-connections), and then the file.",
)
"""What `--help` has of the option that names the file."""


def grouped(settings: Iterable[Setting]) -> Iterator[tuple[str, list[Setting]]]:
    """The settings under their headings."""
    for title, ones in groupby(settings, lambda one: one.title):
        yield title, list(ones)


def help_rows(setting: Setting) -> tuple[str, str]:
    """What `--help` has of a setting: its options, and what they are for."""
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
    """The reference page of all settings of a service: a section for each group, a table in it."""
    return "\n".join(_page())


def _page() -> Iterator[str]:
    yield "# Settings"
    yield ""
    yield "Each setting has one name as an option, one in the environment and one in the TOML file that `--config` or"
    yield "`MCPWS_CONFIG` names. An option counts before the environment, that before the file, and that before the"
    yield "default. In a Python program they are the keywords of `WebSocketConfig`, by the names that the file has"
    yield "(but for those that are written with another)."
    for title, settings in grouped(service_settings().values()):
        yield from ["", f"## {title}", ""]
        for one in settings:
            yield from _section(one)


def _section(setting: Setting) -> Iterator[str]:
    options = [f"`--{one}`" for one in setting.spellings] + ([f"`-{setting.short}`"] if setting.short else [])
    if setting.is_flag:
        options.append(f"`--no-{setting.option}`")
    yield from [f"### `{setting.name}`", "", setting.help, ""]
    yield from ["| | |", "|---|---|"]
    yield f"| option | {', '.join(options)}{' (several times)' if setting.repeated else ''} |"
    yield f"| environment | {', '.join(f'`{one}`' for one in setting.variables)} |"
    yield f"| file | `{setting.path}` |"
    yield f"| type | {setting.kind.name}{f' of {setting.unit}' if setting.unit else ''} |"
    yield f"| default | {default_of(setting)} |"
    for name, bound in (("least", setting.least), ("above", setting.above), ("above", setting.exceeds)):
        if bound not in (None, ""):
            yield f"| {name} | {f'{bound:g}' if isinstance(bound, int | float) else f'`{bound}`'} |"
    yield from [f"| for | {setting.side} |", ""]


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the TOML file."""
    tables: dict[str, Any] = {}
    for setting in service_settings().values():
        table = tables.setdefault(
            setting.table, {"title": setting.title, "type": "object", "additionalProperties": False, "properties": {}}
        )
        unit = f" In {setting.unit}." if setting.unit else ""
        described = {"description": f"{setting.help}{unit}"}
        table["properties"][setting.key] = setting.kind.schema() | described | _default(setting)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of an mcpws service",
        "type": "object",
        "additionalProperties": False,
        "properties": tables,
    }


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
    return "\n".join(lines[1:])


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
