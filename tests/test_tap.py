"""The options of the plugin, without starting anything; tests/integration runs the installed twistd."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.task import Clock

from mcpws import App, Stdio
from mcpws.backends.eras import DualEra
from mcpws.backends.stdio import SharedStdio
from mcpws.errors import ConfigError
from mcpws.policy.stats import ServerStatistics, Totals
from mcpws.serving.config import ServiceConfig
from mcpws.tap import Options, load_backend


def parsed(*arguments: str) -> Options:
    options = Options({})
    options.parseOptions(list(arguments))
    return options


def statistics() -> ServerStatistics:
    return Totals(0).snapshot((), 0)


def test_without_options_the_config_is_the_default_one_and_the_demo_is_served() -> None:
    options = parsed()
    assert options.config == ServiceConfig()
    assert isinstance(options.backend(statistics, Clock()), App)


def test_options_may_stand_in_the_environment() -> None:
    options = Options({"MCPWS_MAX_CONNECTIONS": "7"})
    options.parseOptions(["--max-depth", "8"])
    assert options.config == ServiceConfig(max_connections=7, max_depth=8)


@pytest.mark.parametrize(("flags", "backend"), [([], DualEra), (["--no-translate"], Stdio)])
def test_stdio_serves_both_eras_unless_told_otherwise(flags: list[str], backend: type) -> None:
    assert type(parsed("--stdio", "cat -u", *flags).backend(statistics, cast(Any, Clock()))) is backend


@pytest.mark.parametrize(("mode", "backend"), [("per-client", DualEra), ("shared", SharedStdio)])
def test_the_mode_says_whether_clients_share_a_process(mode: str, backend: type) -> None:
    options = parsed("--stdio", "cat -u", "--stdio-mode", mode)
    assert type(options.backend(statistics, cast(Any, Clock()))) is backend


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
