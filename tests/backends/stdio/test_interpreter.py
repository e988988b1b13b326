"""Which Python starts children, in programs that are none themselves."""

import inspect
import os
import sys
from pathlib import Path

import pytest

from mcpws.backends.stdio.interpreter import check_interpreter, interpreter, launcher
from mcpws.errors import ConfigError

OWN = "python{}.{}".format(*sys.version_info)


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A prefix with nothing in it."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(sys, "exec_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "base_exec_prefix", str(tmp_path))
    return tmp_path


def program(path: Path, mode: int = 0o700) -> str:
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return str(path)


def test_it_is_the_one_that_runs_this() -> None:
    assert interpreter() == sys.executable


@pytest.mark.parametrize("executable", [None, "", "uwsgi", "missing/python3"])
def test_a_program_that_is_no_python_has_one_of_its_own_version_beside_it(
    prefix: Path, monkeypatch: pytest.MonkeyPatch, executable: str | None
) -> None:
    program(prefix / "uwsgi")
    monkeypatch.setattr(sys, "executable", executable and str(prefix / executable))
    own = program(prefix / "bin" / OWN)
    assert interpreter() == own


@pytest.mark.parametrize("executable", [None, "", "uwsgi", "missing/python3", "not-executable-python"])
def test_without_any_it_is_a_mistake_that_names_what_there_is(
    prefix: Path, monkeypatch: pytest.MonkeyPatch, executable: str | None
) -> None:
    program(prefix / "uwsgi")
    program(prefix / "not-executable-python", 0o600)
    (prefix / "bin" / OWN).mkdir()
    value = executable and str(prefix / executable)
    monkeypatch.setattr(sys, "executable", value)
    with pytest.raises(ConfigError, match="is no Python interpreter") as caught:
        interpreter()
    assert (caught.value.key, caught.value.value) == ("python", value)


def test_a_frozen_program_is_no_python_whatever_its_name(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "executable", program(prefix / "python-tool"))
    with pytest.raises(ConfigError):
        interpreter()


def test_one_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    assert check_interpreter(sys.executable) == sys.executable
    for missing in (str(tmp_path), str(tmp_path / "none"), ""):
        with pytest.raises(ConfigError, match="must be the path of a Python interpreter"):
            check_interpreter(missing)


def test_the_launcher_has_to_be_there_as_source(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "execvp" in launcher()

    def none(_: object) -> str:
        raise OSError("could not get source code")

    monkeypatch.setattr(inspect, "getsource", none)
    with pytest.raises(ConfigError, match="as source"):
        launcher()


def test_names_are_compared_whatever_their_case(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As that of the framework on macOS.
    monkeypatch.setattr(sys, "executable", program(prefix / "Python"))
    assert os.path.basename(interpreter()) == "Python"
