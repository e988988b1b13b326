"""The settings as options of twistd."""

from __future__ import annotations

import pytest

from mcpws.errors import McpwsError
from mcpws.serving.config import service_settings
from mcpws.serving.sources import options_of_settings
from mcpws.serving.twistd import SettingsOptions


def given(*arguments: str) -> list[tuple[str, str]]:
    options = SettingsOptions({})
    options.parseOptions(list(arguments))
    return options.given


@pytest.mark.parametrize("option", options_of_settings())
def test_every_option_is_noted_as_it_is_spelled(option: str) -> None:
    setting, _ = options_of_settings()[option]
    if setting.is_flag:
        assert given(option) == [(option, "")]
    else:
        assert given(option, "value", f"{option}=other") == [(option, "value"), (option, "other")]


def test_the_order_is_that_of_the_command_line() -> None:
    assert given("-p", "1", "--config", "f", "--compression", "-a", "x:y", "--no-compression") == [
        ("--listen", "1"),
        ("--config", "f"),
        ("--compression", ""),
        ("--app", "x:y"),
        ("--no-compression", ""),
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--max-conections", "5"], "--max-conections: no such setting: did you mean --max-connections?"),
        (["--zzz"], "--zzz: no such setting"),
        (["-z"], "-z: no such setting"),
        (["--max-depth"], "--max-depth: requires argument"),
        (["--compression=yes"], "--compression: must not have an argument"),
    ],
)
def test_what_is_no_option_is_told(arguments: list[str], told: str) -> None:
    with pytest.raises(McpwsError) as caught:
        given(*arguments)
    assert str(caught.value) == told


def test_the_help_has_every_setting_in_its_group_within_its_width() -> None:
    for width in (60, 80, 200):
        said = SettingsOptions({}).getUsage(width)
        assert max(map(len, said.splitlines())) <= width
    for setting in service_settings().values():
        assert f"--{setting.option}" in said
        assert f"\n{setting.title}:\n" in said
        assert f"[default: {setting.default_text}" in said
