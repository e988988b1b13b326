"""The command line as far as it needs no server: what it takes, what it refuses, what it says of itself."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec import Raw
from twisted.internet.defer import Deferred, succeed

from mcpws import cli
from mcpws.cli import calling, commands, listing, reading
from mcpws.cli.interrupt import ended_by_interrupt
from mcpws.cli.options import Remote, to_header, to_seconds, to_url
from mcpws.testing import result_of
from mcpws.version import __version__
from mcpws.ws.target import Target


def run(*arguments: str, input: str | bytes | None = None) -> Result:
    return CliRunner().invoke(commands.mcpws, arguments, input=input, prog_name="mcpws")


NAMES = ("call", "connect", "prompt", "prompts", "read", "resources", "tool", "tools", "top")


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Remote, str, dict[str, object]]]:
    """What the commands that ask would send, to a server without tools."""
    calls: list[tuple[Remote, str, dict[str, object]]] = []

    class Session:
        def request(self, method: str, *_: object, type: Any, **__: object) -> object:
            return succeed(type([], None))

    def ask(remote: Remote, method: str, params: Any, quiet: bool, era: str) -> Raw:
        calls.append((remote, method, result_of(Deferred.fromCoroutine(params(Session())))))
        return Raw(b'{"contents": [], "messages": []}')

    monkeypatch.setattr(calling, "ask", ask)
    monkeypatch.setattr(reading, "ask", ask)
    return calls


def test_help_lists_the_commands_and_the_exit_statuses() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name in NAMES:
        assert f"  {name} " in result.stdout
    for status in ("0", "1", "2", "3", "4", "5", "128+N"):
        assert f"\n    {status} " in result.stdout


@pytest.mark.parametrize("command", NAMES)
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


def test_bad_json_is_named_on_the_command_line() -> None:
    result = run("call", "8082", "ping", '{"a":')
    assert result.exit_code == 2
    assert "Invalid value for JSON: is no JSON: " in result.stderr


def test_the_parameters_may_come_from_standard_input(called: list[tuple[Remote, str, dict[str, object]]]) -> None:
    assert run("call", "8082", "tools/call", "-", input='{"name": "Grüße"}').exit_code == 0
    assert called[0][1:] == ("tools/call", {"name": Raw('"Grüße"'.encode())})
    assert run("call", "8082", "tools/call", "-", input=b"\xff").exit_code == 2


def test_a_tool_is_called_by_its_name(called: list[tuple[Remote, str, dict[str, object]]]) -> None:
    assert run("tool", "8082", "add", '{"a": 1}').exit_code == 0
    assert run("tool", "8082", "now").exit_code == 0
    assert run("tool", "8082", "add", '{"a": 1}', "b=2", "c=d").exit_code == 0
    assert [call[1:] for call in called] == [
        ("tools/call", {"name": "add", "arguments": {"a": Raw(b"1")}}),
        ("tools/call", {"name": "now", "arguments": {}}),
        ("tools/call", {"name": "add", "arguments": {"a": Raw(b"1"), "b": Raw(b"2"), "c": "d"}}),
    ]


def test_a_resource_is_read_and_a_prompt_filled_in(called: list[tuple[Remote, str, dict[str, object]]]) -> None:
    assert run("read", "8082", "file:///a").exit_code == 0
    assert run("prompt", "8082", "greet", "name=5").exit_code == 0
    assert [call[1:] for call in called] == [
        ("resources/read", {"uri": "file:///a"}),
        ("prompts/get", {"name": "greet", "arguments": {"name": "5"}}),
    ]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (
            ["tool", "8082", "add", "five"],
            "Invalid value for ARGUMENTS: must be NAME=VALUE or a JSON object (got 'five')",
        ),
        (["tool", "8082", "\udce9"], r"Invalid value for NAME: is not UTF-8 (got '\udce9')"),
        (["tool", "8082", "add", "a=\udce9"], r"Invalid value for ARGUMENTS: is not UTF-8 (got 'a=\udce9')"),
        (["read", "8082", "\udce9"], r"Invalid value for URI: is not UTF-8 (got '\udce9')"),
        (
            ["tool", "8082", "add", "--text", "--json"],
            "--text and --json exclude each other (mcpws tool --help says more)",
        ),
        (["toolz", "8082"], "No such command 'toolz'. Did you mean tool? (mcpws --help says more)"),
        (["serf"], "No such command 'serf'"),
        (["zzz", "8082"], "No such command 'zzz' (mcpws --help says more)"),
        (["--zzz"], "No such option '--zzz'"),
        (["tools"], "Missing argument 'URL' (mcpws tools --help says more)"),
        (["tools", "8082", "more"], "Got unexpected extra argument (more) (mcpws tools --help says more)"),
        (["tools", "8082", "--zzz"], "No such option '--zzz'"),
        (["config", "zzz"], "No such command 'zzz' (mcpws config --help says more)"),
    ],
)
def test_what_is_not_used_right_is_named(arguments: list[str], problem: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert problem in result.stderr
    assert result.stderr.startswith("mcpws: ")
    assert result.stderr.count("\n") == 1


def test_the_options_say_how_to_connect(called: list[tuple[Remote, str, dict[str, object]]]) -> None:
    assert run("call", "8082", "ping").exit_code == 0
    limits = ["--timeout", "0", "--max-message-size", "100"]
    handshake = ["--origin", "null", "--subprotocol", "a", "--subprotocol", "b", "-H", "A:b", "-H", "A:c"]
    assert run("call", "8082", "ping", *limits, *handshake, "-v").exit_code == 0
    assert run("call", "8082", "ping", "--subprotocol", "").exit_code == 0
    url = "ws://127.0.0.1:8082"
    assert [call[0] for call in called] == [
        Remote(Target(url), 30, 16 * 1024 * 1024),
        Remote(Target(url, (("A", "b"), ("A", "c")), ("a", "b"), "null"), None, 100, True),
        Remote(Target(url, subprotocols=()), 30, 16 * 1024 * 1024),
    ]
    config = called[1][0].config
    assert (config.url, config.timeout_seconds, config.max_message_size) == (url, None, 100)


@pytest.mark.parametrize(
    "command",
    [
        ["call", "8082", "a"],
        ["prompt", "8082", "a"],
        ["prompts", "8082"],
        ["read", "8082", "a"],
        ["resources", "8082"],
        ["tool", "8082", "a"],
        ["tools", "8082"],
    ],
)
def test_the_era_may_be_said(command: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    eras: list[object] = []

    def record(remote: Remote, work: object, era: str, equip: object = None) -> object:
        eras.append(era)
        return [] if command[0].endswith("s") else Raw(b'{"contents": [], "messages": []}')

    monkeypatch.setattr(calling, "with_session", record)
    monkeypatch.setattr(listing, "with_session", record)
    for options in [], ["--era", "legacy"], ["--era", "modern"]:
        assert run(*command, *options).exit_code == 0
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


@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN, print])
def test_an_interrupt_ends_imports_unless_somebody_sees_to_it(handler: Any) -> None:
    before = signal.signal(signal.SIGINT, handler)
    try:
        with ended_by_interrupt():
            meanwhile = signal.getsignal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert meanwhile is (signal.SIG_DFL if handler is signal.default_int_handler else handler)


def test_an_interrupt_ends_with_130_whatever_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(listing, "with_session", interrupt)
    result = run("tools", "8082")
    assert (result.exit_code, result.output) == (130, "")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["toolz"]])
def test_what_needs_no_server_is_there_at_once(arguments: list[str]) -> None:
    code = f"""
import sys
sys.argv = ["mcpws", *{arguments!r}]
from mcpws.cli import main
try:
    main()
finally:
    print(sorted({{"autobahn", "rich", "twisted"}}.intersection(sys.modules)), file=sys.stderr)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ran.stderr.splitlines()[-1] == "[]"


def test_main_is_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [str(Path("bin") / "mcpws"), "--version"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"mcpws {__version__}\n"


def test_without_rich_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mcpws.cli.top_view", raising=False)
    monkeypatch.setitem(sys.modules, "rich.text", None)
    result = run("top", "8082", "--once")
    assert result.exit_code == 2
    assert result.stderr == "mcpws: the command needs rich: pip install 'mcpws[cli]'\n"
