"""One field more, and there is an option, a variable, a key, a check, a line of help and a section of the reference."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.integration

PROGRAM = """
from dataclasses import dataclass

import mcpws.serving.config as config
from mcpws.settings import Group, setting


@dataclass(frozen=True, kw_only=True)
class Owls(Group, table="owls"):
    max_owls: int = setting(3, least=1, unit="owls", side="server", help="In one tree.")


@dataclass(frozen=True, kw_only=True)
class WithOwls(config.ServiceConfig, Owls):
    pass


# As if the field had been written in one of the groups.
config.ServiceConfig = WithOwls

from click.testing import CliRunner

from mcpws.cli.config import config as commands
from mcpws.serving.twistd import SettingsOptions


def run(*arguments, **environ):
    return CliRunner().invoke(commands, arguments, env=environ).output


open("mcpws.toml", "w").write("[owls]\\nmax_owls = 5\\n")
assert "max_owls = 3  # default" in run("show")
assert "max_owls = 5  # mcpws.toml: owls.max_owls" in run("show", "mcpws.toml")
assert "max_owls = 6  # MCPWS_MAX_OWLS" in run("show", "mcpws.toml", MCPWS_MAX_OWLS="6")
assert "max_owls = 7  # --max-owls" in run("show", "mcpws.toml", "--max-owls", "7", MCPWS_MAX_OWLS="6")
assert "--max-owls: must be a whole number, 1 or more (got '0')" in run("check", "--max-owls", "0")
assert "--max-owls OWLS" in run("show", "--help")
assert '"max_owls"' in run("schema")
assert "### `max_owls`" in run("reference")
options = SettingsOptions({})
options.parseOptions(["--max-owls", "7"])
assert options.read().config().max_owls == 7
assert "In one tree. [default: 3 owls]" in options.getUsage()
"""


def test_a_setting_is_added_by_one_edit(tmp_path: object) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, cwd=str(tmp_path), check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
