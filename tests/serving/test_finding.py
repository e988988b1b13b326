"""What is found by which name, and what is said when nothing is."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mcpws import App
from mcpws.errors import ConfigError, LoadFailed
from mcpws.serving.finding import find_backend, places_of, their_files

Write = Callable[..., Path]

APP = "from mcpws import App\napp = App('calculator', '1')\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Write a file into the working directory; what is imported from there is forgotten after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)

    def write(path: str, text: str = APP) -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    yield write
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


def name_of(backend: object) -> str:
    assert isinstance(backend, App)
    return backend.described().name


@pytest.mark.parametrize(
    "name",
    [
        "own_tools.py",
        "./own_tools.py",
        "own_tools.py:app",
        "own_tools",
        "own_tools:app",
        "own_tools:make",
        "own_tools:Inside.app",
        "own_tools:Own",
    ],
)
def test_an_app_is_found_by_file_by_module_and_by_its_name(write: Write, name: str) -> None:
    more = "def make(size=1, *rest, **more):\n    return app\nclass Inside:\n    app = app\nclass Own:\n"
    write("own_tools.py", APP + more + "    def open(self, link): pass\n    def stop(self): pass\n")
    found = find_backend(name)
    if not name.endswith(":Own"):
        assert found is sys.modules["own_tools"].app


def test_a_file_is_found_by_its_whole_path_and_may_import_its_neighbours(write: Write, tmp_path: Path) -> None:
    write("far/own_helper.py", "NAME = 'neighbour'\n")
    path = write("far/own_file.py", "from mcpws import App\nimport own_helper\napp = App(own_helper.NAME, '1')\n")
    assert name_of(find_backend(str(path))) == "neighbour"
    assert {str(path), str(tmp_path / "far" / "own_helper.py")} <= their_files()


def test_a_file_in_a_package_is_imported_as_a_part_of_it(write: Write) -> None:
    write("src/own_package/__init__.py", "")
    write("src/own_package/inner/__init__.py", "")
    write("src/own_package/names.py", "NAME = 'relative'\n")
    write("src/own_package/inner/own.py", "from mcpws import App\nfrom ..names import NAME\napp = App(NAME, '1')\n")
    assert name_of(find_backend("src/own_package/inner/own.py")) == "relative"
    assert "own_package.inner.own" in sys.modules


def test_a_package_is_found_by_its_own_file(write: Write) -> None:
    path = write("own_whole/__init__.py")
    assert find_backend(str(path)) is sys.modules["own_whole"].app
    assert find_backend("own_whole") is sys.modules["own_whole"].app


def test_an_app_with_two_names_is_one(write: Write) -> None:
    write("own_twice.py", f"{APP}server = app\n_hidden = App('b', '1')\n")
    assert name_of(find_backend("own_twice.py")) == "calculator"


def test_what_begins_itself_only_as_a_script_is_found(write: Write) -> None:
    write("own_script.py", f"{APP}if __name__ == '__main__':\n    app.run()\n")
    assert name_of(find_backend("own_script.py")) == "calculator"


OTHER = "class FastMCP:\n    def run(self): pass\nFastMCP.__module__ = 'fastmcp.server'\nserver = FastMCP()\n"


@pytest.mark.parametrize(
    ("source", "name", "problem"),
    [
        (APP, "no_such.py", "there is no file no_such.py"),
        (APP, "no/such.py:app", "there is no file no/such.py"),
        (APP, "no_such_module", "there is no module no_such_module in {here}, nor installed for {python}"),
        (APP, "own.no_such", "there is no module own.no_such in {here}, nor installed for {python}"),
        (APP, "own.py:", "must have the name of an App or a Backend after the colon"),
        (APP, "own.py:1st", "must have the name of an App or a Backend after the colon"),
        (APP, ":app", "must be a file (tools.py) or a module (package.tools), with or without :NAME"),
        (APP, "own.js", "there is no module own.js in {here}, nor installed for {python}"),
        (APP, "folder", "is a directory: name the file in it"),
        (APP, "./folder", "is a directory: name the file in it"),
        (APP, "folder/", "is a directory: name the file in it"),
        (APP, "own.py:missing", "own.py has no missing: write own.py:app"),
        (APP, "own:App", "App is a class that takes name, version, no App or Backend: write own:app"),
        (
            APP + "def add(a, b): pass\n",
            "own:add",
            "add is a function that takes a, b, no App or Backend: write own:app",
        ),
        (
            APP + "def one(): return 1\n",
            "own:one",
            "one is a function that gives an int, no App or Backend: write own:app",
        ),
        (APP + "async def make(): pass\n", "own:make", "make is a coroutine function: make the App in a plain one"),
        (APP + "nothing = None\n", "own:nothing", "nothing is None, no App or Backend: write own:app"),
        (APP + "import os\n", "own:os", "os is a module, no App or Backend: write own:app"),
        (APP + "b = App('b', '1')\n", "own.py", "has 2 Apps or Backends: write own.py:app or own.py:b"),
        ("", "own.py", 'has no App in it: write app = App("name", "1.0"), or name what makes one, as own.py:NAME'),
        (OTHER, "own.py", "server is a FastMCP of fastmcp: serve its process, with mcpws serve -- python own.py"),
        (OTHER, "own:server", "server is a FastMCP of fastmcp: serve its process, with mcpws serve -- python -m own"),
    ],
)
def test_what_is_none_is_told_in_a_line_that_says_what_to_write(
    write: Write, tmp_path: Path, source: str, name: str, problem: str
) -> None:
    write("own.py", source)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError) as caught:
        find_backend(name, "TARGET")
    assert str(caught.value) == f"TARGET: {problem.format(here=os.getcwd(), python=sys.executable)} (got {name!r})"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("x = (\n", "SyntaxError: '(' was never closed (own.py, line 1)"),
        (
            "if x:\ny = 1\n",
            "IndentationError: expected an indented block after 'if' statement on line 1 (own.py, line 2)",
        ),
        ("\n\nx = undefined\n", "NameError: name 'undefined' is not defined (own.py, line 3)"),
        ("import own_helper\n", "ZeroDivisionError: division by zero (own_helper.py, line 2)"),
        (
            "import json\njson.loads('{')\n",
            "JSONDecodeError: Expecting property name enclosed in double quotes: line 1",
        ),
        ("raise ValueError('several\\n  lines')\n", "ValueError: several lines (own.py, line 1)"),
        ("raise RuntimeError\n", "RuntimeError (own.py, line 1)"),
        ("import sys\nsys.exit('no database')\n", "SystemExit: no database (own.py, line 2)"),
        ("import no_such\n", "No module named 'no_such' (own.py, line 1; it has to be installed for "),
        ("from mcpws import Ap\n", "ImportError: cannot import name 'Ap' from 'mcpws' ("),
        (
            "from mcpws import App\napp = App('a', '1', page_size=0)\n",
            "page_size: must be 1 or more (got 0) (own.py, line 2)",
        ),
        (
            "from mcpws import App\napp = App('a', '1')\napp.run()\n",
            'put it under `if __name__ == "__main__":` (own.py, line 3)',
        ),
    ],
)
def test_code_that_fails_is_told_with_file_and_line(write: Write, source: str, problem: str) -> None:
    write("own.py", source)
    write("own_helper.py", "def fail():\n    1 / 0\nfail()\n")
    with pytest.raises(LoadFailed) as caught:
        find_backend("own.py")
    said = str(caught.value)
    assert said.startswith("own.py cannot be loaded: ")
    assert problem in said
    assert "\n" not in said


def test_a_function_that_fails_is_told_with_its_line(write: Write) -> None:
    write("own.py", "def make():\n    raise RuntimeError('no database')\n")
    with pytest.raises(LoadFailed, match=r"^own:make cannot be loaded: RuntimeError: no database \(own.py, line 2\)$"):
        find_backend("own:make")


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("own.py:app", {"own.py"}),
        ("own", {"own.py", "own/__init__.py"}),
        ("a.b:app", {"a/b.py", "a/b/__init__.py"}),
    ],
)
def test_where_a_module_is_or_would_be_is_known_before_it_is_loaded(
    write: Write, tmp_path: Path, name: str, files: set[str]
) -> None:
    write("own.py")
    assert places_of(name) == {str(tmp_path / file) for file in files}


def test_a_file_that_is_not_there_is_told_before_it_is_loaded(write: Write) -> None:
    with pytest.raises(ConfigError, match=r"there is no file no_such.py"):
        places_of("no_such.py")


@pytest.mark.parametrize("name", ["json", "sys", "mcpws"])
def test_a_file_that_hides_another_module_is_to_be_called_otherwise(write: Write, name: str) -> None:
    write(f"{name}.py")
    with pytest.raises(ConfigError, match=f"give the file another name: {name} is another module"):
        find_backend(f"{name}.py")


@pytest.mark.parametrize("name", ["my-tools.py", "1st.py", "my.tools.py"])
def test_a_file_that_no_module_can_be_called_like_is_told(write: Write, name: str) -> None:
    write(name)
    with pytest.raises(ConfigError, match="give the file one of letters, digits and _"):
        find_backend(name)
