"""The settings of a service as options of a command."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import click
from click.core import ParameterSource

from mcpws.kinds import Choice, Kind
from mcpws.serving.config import service_settings
from mcpws.serving.reference import CONFIG_ROW, grouped, help_rows
from mcpws.serving.sources import CONFIG, options_of_settings
from mcpws.settings import Setting

_GIVEN = "mcpws.given"


class SettingOption(click.Option):
    """One spelling of a setting's option. It only notes what is given: `read_settings` makes sense of it.

    :param shown: whether shells complete it.
    """

    def __init__(self, option: str, setting: Setting | None, shown: bool = True) -> None:
        spelled = [option, f"given_{option.strip('-').replace('-', '_')}"]
        details: dict[str, Any] = {"multiple": True, "hidden": not shown}
        if setting is None:
            details["type"] = click.Path()
        elif setting.is_flag:
            details = {"is_flag": True, "help": setting.help}
        else:
            details |= {"help": setting.help, "shell_complete": partial(_completions, setting.kind)}
        if setting is not None and setting.short and option == f"--{setting.option}":
            spelled.append(f"-{setting.short}")
        super().__init__(spelled, expose_value=False, callback=self._note, **details)
        self._option = option

    def _note(self, context: click.Context, parameter: click.Parameter, value: Any) -> None:
        assert parameter.name is not None
        if context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE:
            given = context.meta.setdefault(_GIVEN, [])
            given += [(self._option, text) for text in ([""] if self.is_flag else value)]


def _completions(kind: Kind, context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    words = kind.words if isinstance(kind, Choice) else ()
    return [word for word in words if word.startswith(incomplete)]


class ServiceCommand(click.Command):
    """A command with `service_options`, whose help has them in their groups after its own."""

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        options = [one for one in self.get_params(context) if isinstance(one, click.Option)]
        rows = [one.get_help_record(context) for one in options if not isinstance(one, SettingOption)]
        with formatter.section("Options"):
            formatter.write_dl([CONFIG_ROW, *filter(None, rows)])
        for title, settings in grouped(service_settings().values()):
            with formatter.section(title):
                formatter.write_dl([help_rows(one) for one in settings])


def service_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` all options of a service: what is given is its argument `given`, as `read_settings` takes it."""

    @wraps(command)
    def with_given(**rest: Any) -> None:
        command(given=click.get_current_context().meta.get(_GIVEN, []), **rest)

    options = [
        SettingOption(option, setting, shown=option.removeprefix("--") not in setting.old)
        for option, (setting, _) in options_of_settings().items()
    ]
    options.append(SettingOption(f"--{CONFIG}", None))
    with_given.__dict__.setdefault("__click_params__", []).extend(reversed(options))
    return with_given
