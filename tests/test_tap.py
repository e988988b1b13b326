"""The options of the plugin, without starting anything; tests/integration runs the installed twistd."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.task import Clock

from mcpws import App, Stdio, WebSocketConfig
from mcpws.backends.eras import DualEra
from mcpws.backends.stdio import SharedStdio
from mcpws.errors import ConfigError
from mcpws.policy.stats import ServerStatistics, Totals
from mcpws.tap import _SETTINGS, Options, load_backend


def parsed(*arguments: str) -> Options:
    options = Options()
    options.parseOptions(list(arguments))
    return options


def statistics() -> ServerStatistics:
    return Totals(0).snapshot((), 0)


def test_without_options_the_config_is_the_default_one_and_the_demo_is_served() -> None:
    options = parsed()
    assert options.config == WebSocketConfig()
    assert options["ports"] == []
    assert isinstance(options.backend(statistics, Clock()), App)


@pytest.mark.parametrize("option", [name for name, _, _ in _SETTINGS])
def test_every_setting_that_is_an_option_reaches_the_config(option: str) -> None:
    value = "refuse" if option == "binary" else "77"
    config = parsed("--heartbeat-timeout", "80", f"--{option}", value).config
    assert str(getattr(config, option.replace("-", "_"))) in ("77", "77.0", "refuse")
    assert config != WebSocketConfig()


def test_what_may_be_given_several_times_is_gathered() -> None:
    options = parsed(
        *("-p", "1", "--port", "tcp:2", "--origin", "https://a.example", "--origin", "https://b.example"),
        *("--host", "a.example", "--path", "/a", "--path", "/b", "--stdio", "cat"),
        *("--env", "A=1", "--env", "B=x=y", "--require-origin"),
    )
    assert options["ports"] == ["1", "tcp:2"]
    assert options["env"] == {"A": "1", "B": "x=y"}
    assert options.config == WebSocketConfig(
        origins=("https://a.example", "https://b.example"),
        hosts=("a.example",),
        paths=("/a", "/b"),
        require_origin=True,
    )


@pytest.mark.parametrize(("flags", "backend"), [([], DualEra), (["--no-translate"], Stdio)])
def test_stdio_serves_both_eras_unless_told_otherwise(flags: list[str], backend: type) -> None:
    assert type(parsed("--stdio", "cat -u", *flags).backend(statistics, cast(Any, Clock()))) is backend


@pytest.mark.parametrize(("mode", "backend"), [("per-client", DualEra), ("shared", SharedStdio)])
def test_the_mode_says_whether_clients_share_a_process(mode: str, backend: type) -> None:
    options = parsed("--stdio", "cat -u", "--stdio-mode", mode)
    assert type(options.backend(statistics, cast(Any, Clock()))) is backend


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--env", "A", "--stdio", "cat"], "'A'"),
        (["--env", "=1", "--stdio", "cat"], "'=1'"),
        (["--cwd", "/", "--app", "x:y"], "--cwd"),
        (["--clean-env"], "--clean-env"),
        (["--stdio", "cat", "--stdio-mode", "both"], "must be per-client or shared (got 'both')"),
        (["--stdio-mode", "shared"], "--stdio-mode and --no-translate go with --stdio"),
        (["--no-translate"], "--stdio-mode and --no-translate go with --stdio"),
        (["--stdio", "cat", "--app", "x:y"], "not both"),
        (["--timeout-seconds", "soon"], "soon"),
        (["--path", "relative"], "relative"),
        (["--unknown"], "unknown"),
        (["8082"], "takes options alone, as --port 8082 (got '8082')"),
        (["--port", "8082", "my-server", "--verbose"], "'my-server'"),
    ],
)
def test_a_mistake_ends_the_program_with_a_line_that_names_it(arguments: list[str], named: str) -> None:
    with pytest.raises(SystemExit) as caught:
        parsed(*arguments)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", ["", " "])
def test_a_command_line_without_a_command_is_named(command: str) -> None:
    options = parsed("--stdio", command)
    with pytest.raises(ConfigError, match=r"^--stdio: must be a command line \(got '.*'\)$"):
        options.backend(statistics, Clock())


@pytest.mark.parametrize("option", [name for name, _, _ in _SETTINGS])
def test_the_help_tells_the_default_of_every_setting(option: str) -> None:
    default = getattr(WebSocketConfig(), option.replace("-", "_"))
    (line,) = [line for line in Options().getUsage(400).splitlines() if line.strip().startswith(f"--{option}=")]
    assert line.endswith(f" [default: {default}]")


def test_the_help_has_no_gaps_within_its_sentences() -> None:
    for line in Options().getUsage(10_000).splitlines():
        assert "  " not in line.strip().partition("  ")[2].strip(), line


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "users_own.py").write_text(
        "from mcpws import App\n"
        "app = App('a', '1')\n"
        "def make():\n"
        "    return App('b', '1')\n"
        "class Inside:\n"
        "    app = App('c', '1')\n"
        "nothing = None\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path)])
    monkeypatch.delitem(sys.modules, "users_own", raising=False)
    return "users_own"


def test_an_app_is_found_by_its_name(module: str) -> None:
    assert load_backend(f"{module}:app") is import_module(module).app
    assert load_backend(f"{module}:Inside.app") is import_module(module).Inside.app


def test_a_function_that_makes_an_app_is_called_for_it(module: str) -> None:
    assert isinstance(load_backend(f"{module}:make"), App)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("users_own", "package.module:name"),
        ("users_own:", "package.module:name"),
        (":app", "package.module:name"),
        ("users_own:missing", "has no missing"),
        ("users_own:nothing", "neither an App nor a Backend"),
        ("no_such_module:app", "cannot be imported"),
    ],
)
def test_what_is_no_app_is_refused_by_name(module: str, name: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        load_backend(name)
    assert name in str(caught.value)


def test_every_option_has_a_help_line() -> None:
    said = Options().getUsage()
    for name, _, help in _SETTINGS:
        assert f"--{name}=" in said
        assert help.split()[0] in said
