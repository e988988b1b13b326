"""What is shown of an exception: the user's own part of it."""

import json
import os
import sys
from pathlib import Path

import pytest

from mcpws import App
from mcpws.serving import blame
from mcpws.serving.blame import MAX_TEXT, blamed, blamed_files, is_theirs, shown_path, shown_traceback


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "own.py"


def raised_by(file: Path, source: str) -> BaseException:
    """What the code raises, called by what is not the user's."""
    file.write_text(source)
    with pytest.raises(BaseException) as raised:  # noqa: PT011
        exec(compile(source, file, "exec"), {"App": App, "json": json})
    # This file here is somebody's own as well.
    return raised.value.with_traceback(raised.tb.tb_next)


def test_a_traceback_begins_where_the_users_code_does_and_ends_before_ours(code: Path) -> None:
    error = raised_by(code, "def make():\n    App('a', '1', page_size=0)\nmake()\n")
    assert shown_traceback(error).splitlines() == [
        "Traceback (most recent call last):",
        f'  File "{code}", line 3, in <module>',
        "    make()",
        f'  File "{code}", line 2, in make',
        "    App('a', '1', page_size=0)",
        "mcpws.errors.ConfigError: page_size: must be 1 or more (got 0)",
    ]


def test_what_other_libraries_did_of_it_is_shown(code: Path) -> None:
    said = shown_traceback(raised_by(code, "json.loads('{')\n"))
    assert f'File "{code}", line 1' in said
    assert os.path.dirname(json.__file__) in said


def test_causes_are_shown_in_the_same_way(code: Path) -> None:
    source = "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise RuntimeError('no') from error\n"
    error = raised_by(code, source)
    said = shown_traceback(error)
    assert "ZeroDivisionError" in said
    assert "test_blame" not in said
    assert blamed(error) == "RuntimeError: no (own.py, line 4)"
    assert blamed_files(error) == {str(code)}


def test_a_long_text_is_cut(code: Path) -> None:
    said = blamed(raised_by(code, "raise ValueError('x' * 10_000)\n"))
    assert len(said) < MAX_TEXT + 50
    assert said.endswith("(own.py, line 1)")


def test_an_exception_without_any_code_of_the_users_is_told_without_a_place() -> None:
    assert blamed(ValueError("x")) == "ValueError: x"


def test_files_are_the_users_unless_they_are_installed_or_python_s_or_ours(tmp_path: Path) -> None:
    assert is_theirs(str(tmp_path / "tools.py"))
    for path in (
        json.__file__,
        pytest.__file__,
        blame.__file__,
        "<string>",
        "<frozen importlib._bootstrap>",
        str(tmp_path / ".venv" / "lib" / "python3.13" / "site-packages" / "x.py"),
        os.path.join(sys.prefix, "lib", "python3", "dist-packages", "x.py"),
    ):
        assert not is_theirs(path)


def test_a_path_is_shown_as_one_writes_it_here(code: Path) -> None:
    assert shown_path(str(code)) == "own.py"
    assert shown_path("/elsewhere/own.py") == "/elsewhere/own.py"
