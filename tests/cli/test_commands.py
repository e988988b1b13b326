"""The command line as far as it needs no server: what it takes, what it refuses, what it says of itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click import BadParameter
from click.testing import CliRunner, Result
from msgspec import Raw

from mcpws import cli
from mcpws.cli import commands
from mcpws.cli.options import Target, to_header, to_json_object, to_seconds, to_url
from mcpws.version import __version__


def run(*arguments: str, input: str | bytes | None = None) -> Result:
    return CliRunner().invoke(commands.mcpws, arguments, input=input, prog_name="mcpws")


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Target, str, dict[str, object]]]:
    """What `mcpws call` and `mcpws tool` would send."""
    calls: list[tuple[Target, str, dict[str, object]]] = []

    def record(target: Target, method: str, params: dict[str, object], as_json: bool, quiet: bool, era: str) -> None:
        calls.append((target, method, params))

    monkeypatch.setattr(commands, "_call", record)
    return calls


def test_help_lists_the_commands_and_the_exit_statuses() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name in ("call", "connect", "tool", "tools"):
        assert f"  {name} " in result.stdout
    for status in ("0", "1", "2", "3", "4", "5", "128+N"):
        assert f"\n    {status} " in result.stdout


@pytest.mark.parametrize("command", ["call", "connect", "tool", "tools"])
def test_every_command_has_its_help(command: str) -> None:
    result = run(command, "-h")
    assert result.exit_code == 0
    assert "--header" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_the_version_is_told() -> None:
    assert run("--version").stdout == f"mcpws {__version__}\n"


@pytest.mark.parametrize(
    ("short", "url"),
    [
        ("8082", "ws://127.0.0.1:8082"),
        ("8082/mcp", "ws://127.0.0.1:8082/mcp"),
        ("localhost:8082", "ws://localhost:8082"),
        ("[::1]:8082", "ws://[::1]:8082"),
        ("10.0.0.1:8082", "ws://10.0.0.1:8082"),
        ("mcp.example.com", "ws://mcp.example.com"),
        ("wss://mcp.example.com/mcp?a=b", "wss://mcp.example.com/mcp?a=b"),
    ],
)
def test_a_url_may_be_short(short: str, url: str) -> None:
    assert to_url(short) == url


@pytest.mark.parametrize("url", ["http://localhost:8082", "ws://", "", "99999", "ws://[::1", "8082x:y"])
def test_what_is_no_url_is_named(url: str) -> None:
    result = run("call", url, "ping")
    assert result.exit_code == 2
    assert "'URL'" in result.stderr
    assert repr(url) in result.stderr


@pytest.mark.parametrize(
    ("text", "header"),
    [("X-A: b", ("X-A", "b")), ("X-A:b: c ", ("X-A", "b: c")), ("X-A:", ("X-A", ""))],
)
def test_a_header_is_taken_apart(text: str, header: tuple[str, str]) -> None:
    assert to_header(text) == header


@pytest.mark.parametrize("text", ["secret", ": secret", "X A: secret"])
def test_what_is_no_header_is_refused_and_not_repeated(text: str) -> None:
    result = run("call", "8082", "ping", "--header", text)
    assert result.exit_code == 2
    assert "'--header'" in result.stderr
    assert "secret" not in result.stderr


@pytest.mark.parametrize(("text", "seconds"), [("0", None), ("1.5", 1.5), ("inf", float("inf"))])
def test_seconds_are_a_number_and_0_is_for_ever(text: str, seconds: float | None) -> None:
    assert to_seconds(text) == seconds


@pytest.mark.parametrize("text", ["soon", "-1", "nan"])
def test_what_is_no_number_of_seconds_is_named(text: str) -> None:
    result = run("tools", "8082", "--timeout", text)
    assert result.exit_code == 2
    assert "'--timeout'" in result.stderr
    assert repr(text) in result.stderr


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no JSON"),
        ('{"a":', "is no JSON"),
        ('{"a": \udce9}', "is no JSON"),
        ('{"a":' * 100_000, "is no JSON"),
        ("[1]", "must be an object"),
        ("null", "must be an object"),
    ],
)
def test_what_is_no_json_object_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(BadParameter, match=problem) as refused:
        to_json_object(text)
    assert refused.value.param_hint == "JSON"


def test_bad_json_is_named_on_the_command_line() -> None:
    result = run("call", "8082", "ping", '{"a":')
    assert result.exit_code == 2
    assert "Invalid value for JSON: is no JSON: " in result.stderr


def test_the_parameters_may_come_from_standard_input(called: list[tuple[Target, str, dict[str, object]]]) -> None:
    assert run("call", "8082", "tools/call", "-", input='{"name": "Grüße"}').exit_code == 0
    assert called[0][1:] == ("tools/call", {"name": "Grüße"})
    assert run("call", "8082", "tools/call", "-", input=b"\xff").exit_code == 2


def test_a_tool_is_called_by_its_name(called: list[tuple[Target, str, dict[str, object]]]) -> None:
    assert run("tool", "8082", "add", '{"a": 1}').exit_code == 0
    assert run("tool", "8082", "now").exit_code == 0
    assert [call[1:] for call in called] == [
        ("tools/call", {"name": "add", "arguments": {"a": 1}}),
        ("tools/call", {"name": "now", "arguments": {}}),
    ]


def test_the_options_say_how_to_connect(called: list[tuple[Target, str, dict[str, object]]]) -> None:
    assert run("call", "8082", "ping").exit_code == 0
    limits = ["--timeout", "0", "--max-message-size", "100"]
    handshake = ["--origin", "null", "--subprotocol", "a", "--subprotocol", "b", "-H", "A:b", "-H", "A:c"]
    assert run("call", "8082", "ping", *limits, *handshake, "-v").exit_code == 0
    assert run("call", "8082", "ping", "--subprotocol", "").exit_code == 0
    url = "ws://127.0.0.1:8082"
    assert [call[0] for call in called] == [
        Target(url, (), None, ("mcp",), 30, 16 * 1024 * 1024, False),
        Target(url, (("A", "b"), ("A", "c")), "null", ("a", "b"), None, 100, True),
        Target(url, (), None, (), 30, 16 * 1024 * 1024, False),
    ]
    config = called[1][0].config
    assert (config.url, config.timeout_seconds, config.max_message_size) == (url, None, 100)


@pytest.mark.parametrize("command", [["call", "8082", "a"], ["tool", "8082", "a"], ["tools", "8082"]])
def test_the_era_may_be_said(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    eras: list[object] = []

    def record(target: Target, work: object, era: str, notifications: object = None) -> object:
        eras.append(era)
        return Raw(b"[]") if command[0] != "tools" else []

    monkeypatch.setattr(commands, "with_session", record)
    for options in [], ["--era", "legacy"], ["--era", "modern"]:
        run(*command, *options)
    assert eras == ["auto", "legacy", "modern"]
    assert run(*command, "--era", "ice age").exit_code == 2


def test_meta_that_is_no_object_is_refused() -> None:
    result = run("call", "8082", "ping", '{"_meta": 1}')
    assert result.exit_code == 2
    assert "_meta must be an object" in result.stderr


def test_without_click_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "click", None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "mcpws: the command needs click: pip install 'mcpws[cli]'\n")


def test_main_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [str(Path("bin") / "mcpws"), "--version"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"mcpws {__version__}\n"
