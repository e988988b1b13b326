"""Which changes of files are seen."""

import os
from pathlib import Path

import pytest

from mcpws.serving.watched import Watched


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "tools.py"
    file.write_text("a = 1")
    return file


def touch(file: Path, seconds: float = 10) -> None:
    """Change nothing but its time."""
    status = file.stat()
    os.utime(file, (status.st_atime, status.st_mtime + seconds))


def test_nothing_has_changed_at_first_nor_twice(file: Path) -> None:
    watched = Watched([str(file)])
    assert watched.changed() == []
    touch(file)
    assert watched.changed() == [str(file)]
    assert watched.changed() == []


def test_a_change_is_one_of_time_or_size_or_file(file: Path, tmp_path: Path) -> None:
    watched = Watched([str(file)])
    times = file.stat().st_atime_ns, file.stat().st_mtime_ns
    file.write_text("a = 10")
    os.utime(file, ns=times)
    assert watched.changed() == [str(file)]
    other = tmp_path / "other"
    other.write_text("b = 10")
    os.utime(other, ns=times)
    other.rename(file)
    assert watched.changed() == [str(file)]


def test_a_file_that_goes_and_one_that_comes_have_changed(file: Path) -> None:
    watched = Watched([str(file)])
    file.unlink()
    assert watched.changed() == [str(file)]
    assert watched.changed() == []
    file.write_text("a = 1")
    assert watched.changed() == [str(file)]


def test_a_file_that_is_added_is_watched_from_then_on(file: Path, tmp_path: Path) -> None:
    watched = Watched([str(file)])
    more = tmp_path / "more.py"
    more.write_text("")
    assert watched.changed() == []
    watched.add([str(more)])
    assert watched.changed() == []
    touch(more)
    assert watched.changed() == [str(more)]


def test_a_change_before_a_file_is_added_again_is_not_lost(file: Path) -> None:
    watched = Watched([str(file)])
    touch(file)
    watched.add([str(file)])
    assert watched.changed() == [str(file)]


@pytest.mark.parametrize("pattern", ["templates", "templates/**/*.html", "templates/*/page.html"])
def test_patterns_and_directories_are_looked_through_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    monkeypatch.chdir(tmp_path)
    page = tmp_path / "templates" / "inner" / "page.html"
    page.parent.mkdir(parents=True)
    watched = Watched(patterns=[pattern])
    assert watched.changed() == []
    page.write_text("hello")
    assert watched.changed() == ["templates/inner/page.html"]
    assert len(watched) >= 1
    page.unlink()
    assert watched.changed() == ["templates/inner/page.html"]


def test_when_more_is_expected_a_new_module_beside_those_watched_is_a_change(file: Path, tmp_path: Path) -> None:
    (tmp_path / "unrelated.py").write_text("")
    watched = Watched([str(file)])
    watched.expect_more(True)
    assert watched.changed() == []
    helper = tmp_path / "helper.py"
    helper.write_text("")
    assert watched.changed() == [str(helper)]
    watched.expect_more(False)
    touch(helper)
    touch(tmp_path / "unrelated.py")
    assert watched.changed() == []


def test_expecting_more_loses_no_change(file: Path) -> None:
    watched = Watched([str(file)])
    touch(file)
    watched.expect_more(True)
    assert watched.changed() == [str(file)]
