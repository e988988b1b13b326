"""What `mcpws serve` says to what it cannot do; tests/integration/test_serve.py has it serve."""

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from mcpws.cli import serve
from mcpws.cli.commands import mcpws


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    # It would fork what runs the tests, in a container.
    monkeypatch.setattr(serve, "look_after_orphans", lambda: None)
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        (("no_such.py",), 2, "TARGET: there is no file no_such.py"),
        (("8082",), 2, "TARGET: to listen on a port write --port 8082"),
        (("ws://127.0.0.1:8082",), 2, "is a URL: mcpws tools ws://127.0.0.1:8082 asks what is served there"),
        (("sh server.py",), 2, "for a command write mcpws serve -- sh server.py"),
        (("sh",), 2, "for a command write mcpws serve -- sh"),
        (("sh", "server.py"), 2, "write mcpws serve -- sh server.py"),
        (("sh", "-u", "server.py"), 2, "write mcpws serve -- sh -u server.py"),
        (("--",), 2, "--: write the command of a stdio MCP server after it"),
        (("--", "no-such-program"), 2, "there is no such program"),
        (("tools.py", "--", "cat"), 2, "give one of them, not both"),
        (("tools.py", "--max-connections", "many"), 2, "--max-connections: "),
        (("tools.py", "--config", "no_such.toml"), 2, "no_such.toml"),
        (("--reload-include", "x"), 2, "--reload-include goes with --reload"),
        (("--reload",), 2, "--reload: there is nothing to watch: name files with --reload-include"),
        (("nothing.py", "--reload", "--port", "unix:/tmp/mcpws-test"), 2, "--reload: keeps TCP ports alone"),
        (("no_such.py", "--reload"), 2, "there is no file no_such.py"),
        (("broken.py",), 1, "broken.py cannot be loaded: SyntaxError: '(' was never closed (broken.py, line 1)"),
        (("failing.py",), 1, "failing.py cannot be loaded: ZeroDivisionError: division by zero (failing.py, line 2)"),
        (("begins.py",), 1, 'put it under `if __name__ == "__main__":` (begins.py, line 3)'),
        (("nothing.py",), 2, 'TARGET: has no App in it: write app = App("name", "1.0")'),
    ],
)
def test_what_cannot_be_is_told_in_one_line(
    folder: Path, arguments: tuple[str, ...], status: int, problem: str
) -> None:
    (folder / "broken.py").write_text("x = (\n")
    (folder / "failing.py").write_text("\n1 / 0\n")
    (folder / "begins.py").write_text("from mcpws import App\napp = App('a', '1')\napp.run()\n")
    (folder / "nothing.py").write_text("")
    done = CliRunner().invoke(mcpws, ["serve", *arguments], prog_name="mcpws")
    said = done.output.splitlines()
    assert done.exit_code == status, done.output
    assert problem in said[-1]
    # click says how a command is used before it says what is wrong with this use of it.
    assert [line for line in said[:-1] if line and not line.startswith(("Usage:", "Try "))] == []
    assert not isinstance(done.exception, Exception)


def test_the_help_tells_the_exit_statuses_and_has_examples() -> None:
    said = CliRunner().invoke(mcpws, ["serve", "--help"], prog_name="mcpws").output
    for words in ("Exit status:", "130 after Ctrl-C", "mcpws serve tools.py", "--reload", "--max-connections"):
        assert words in said
