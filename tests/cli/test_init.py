"""A new project, as it is written; tests/integration/test_init.py runs it."""

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from mcpws.cli.commands import mcpws
from mcpws.cli.init import FILES, project_name, write_project
from mcpws.errors import ConfigError, McpwsError


@pytest.mark.parametrize(
    ("directory", "name"),
    [("demo", "demo"), ("a/My Tools", "my-tools"), ("x_y.z/", "x-y-z"), ("-9-", "9"), ("../demo", "demo")],
)
def test_the_project_is_called_like_its_directory(directory: str, name: str) -> None:
    assert project_name(directory) == name


@pytest.mark.parametrize("directory", ["...", "/", "\u65e5\u672c"])
def test_a_directory_that_gives_no_name_is_told(directory: str) -> None:
    with pytest.raises(ConfigError, match="must have a letter or a digit in its name"):
        project_name(directory)


def test_all_files_are_written_with_the_name_in_them(tmp_path: Path) -> None:
    paths = write_project(str(tmp_path / "new" / "My Tools"))
    assert [Path(path).name for path in paths] == list(FILES)
    for path in paths:
        assert "{name}" not in Path(path).read_text()
    project = tomllib.loads((tmp_path / "new" / "My Tools" / "pyproject.toml").read_text())["project"]
    assert project["name"] == "my-tools"
    assert 'App("my-tools", ' in (tmp_path / "new" / "My Tools" / "tools.py").read_text()


@pytest.mark.parametrize("file", FILES)
def test_nothing_is_written_where_one_of_the_files_is(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("mine")
    with pytest.raises(ConfigError, match=f"{file} is there already: name another directory"):
        write_project(str(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [file]
    assert (tmp_path / file).read_text() == "mine"


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(McpwsError, match="file"):
        write_project(str(tmp_path / "file" / "demo"))


def test_the_command_says_what_to_do_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(mcpws, ["init", "my demo"])
    assert done.exit_code == 0
    first, cd, serve = done.output.splitlines()
    assert first == "wrote tools.py, test_tools.py, pyproject.toml, README.md, .gitignore. Now:"
    assert cd == "    cd 'my demo'"
    assert serve.endswith("mcpws serve --reload tools.py")
    again = CliRunner().invoke(mcpws, ["init", "my demo"])
    assert again.exit_code == 2
    assert again.output.startswith("mcpws: DIR: my demo/tools.py, ")
    assert len(again.output.splitlines()) == 1


def test_the_command_writes_into_the_directory_where_it_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path / "demo")
    done = CliRunner().invoke(mcpws, ["init"])
    assert done.exit_code == 0
    assert len(done.output.splitlines()) == 2
    assert (tmp_path / "demo" / "tools.py").exists()
