"""`mcpws config`: settings checked, shown and described."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mcpws.cli.commands import mcpws
from mcpws.serving.config import service_settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mcpws.toml"
    path.write_text("[limits]\nmax_connections = 5\n")
    return path


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(mcpws, ["config", *arguments], env=environ, prog_name="mcpws")


@pytest.mark.parametrize("command", ["check", "show"])
def test_the_help_has_every_setting_in_its_group(command: str) -> None:
    said = run(command, "--help").stdout
    for setting in service_settings().values():
        assert f"--{setting.option}" in said
        assert f"\n{setting.title}:\n" in said
    assert "--config FILE" in said
    assert max(map(len, said.splitlines())) <= 80


def test_settings_without_a_mistake_are_counted(file: Path) -> None:
    result = run("check", "mcpws.toml", "--max-depth", "5", MCPWS_MAX_WAITING="5")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "3 settings given, no mistakes\n", "")


def test_every_mistake_has_a_line(file: Path) -> None:
    file.write_text("[limits]\nmax_connections = 'five'\nmax_deep = 5\n")
    result = run("check", "mcpws.toml", "--max-depth", "deep", MCPWS_MAX_WAITING="0")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "mcpws: --max-depth: must be a whole number, 1 or more (got 'deep')\n"
        "mcpws: MCPWS_MAX_WAITING: must be a whole number, 1 or more (got '0')\n"
        "mcpws: mcpws.toml: limits.max_connections: must be a whole number, 1 or more (got 'five')\n"
        "mcpws: mcpws.toml: limits.max_deep: no such setting: did you mean limits.max_depth?\n"
    )


def test_what_is_shown_has_every_value_and_its_source(file: Path) -> None:
    result = run("show", "--config", "mcpws.toml", "--no-fast-lane")
    assert result.exit_code == 0
    assert "max_connections = 5  # mcpws.toml: limits.max_connections\n" in result.stdout
    assert "fast_lane = false  # --no-fast-lane\n" in result.stdout
    assert tomllib.loads(result.stdout)["limits"]["max_connections"] == 5


def test_nothing_is_shown_of_settings_with_a_mistake(file: Path) -> None:
    result = run("show", "--max-depth", "0")
    assert (result.exit_code, result.stdout) == (2, "")


def test_the_schema_is_json() -> None:
    tables = {one.table for one in service_settings().values()}
    assert set(json.loads(run("schema").stdout)["properties"]) == {*tables, "servers"}


def test_a_mistake_in_one_of_several_servers_is_told(file: Path) -> None:
    file.write_text('[servers.time]\ncommand = "cat"\n[servers.odd]\ncommand = 5\n')
    result = run("check", "--config", "mcpws.toml")
    assert result.exit_code == 2
    assert result.stderr == "mcpws: mcpws.toml: servers.odd.command: must be the program (got 5)\n"


def test_several_servers_are_shown_by_what_they_serve(file: Path) -> None:
    file.write_text('[servers.time]\ncommand = "cat -u"\n[servers.away]\nurl = "ws://mcp.example/"\n')
    result = run("show", "--config", "mcpws.toml")
    assert result.stdout.endswith("# [servers.time]  # cat -u\n# [servers.away]  # ws://mcp.example/\n")


def test_the_reference_is_markdown() -> None:
    assert run("reference").stdout.startswith("# Settings\n")
