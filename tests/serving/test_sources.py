"""Where settings come from, which source counts, and what their mistakes are called."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.errors import ConfigError
from mcpws.serving.config import ServiceConfig, service_settings
from mcpws.serving.sources import FILE, MAX_FILE, Reading, options_of_settings, read_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mcpws.toml"


def reading(*options: str, file: Path | None = None, **environ: Any) -> Reading:
    """What comes of options as `--a=b`, and of variables without what they begin with."""
    given = [(name, text) for name, _, text in (one.partition("=") for one in options)]
    if file is not None:
        given.append(("--config", str(file)))
    return read_settings(given, {f"MCPWS_{name}": text for name, text in environ.items()})


def mistakes(reading: Reading) -> list[str]:
    return [str(one) for one in reading.mistakes]


def test_nothing_given_is_the_defaults() -> None:
    assert reading().config() == ServiceConfig()
    assert reading().sources == {}


def test_an_option_counts_before_the_environment_and_that_before_the_file(file: Path) -> None:
    file.write_text("[limits]\nmax_connections = 1\nmax_in_flight = 1\nmax_depth = 1\n")
    read = reading("--max-connections=3", MAX_CONNECTIONS="2", MAX_IN_FLIGHT="2", file=file)
    config = read.config()
    assert (config.max_connections, config.max_in_flight, config.max_depth, config.max_waiting) == (3, 2, 1, 64)
    assert read.sources == {
        "max_connections": "--max-connections",
        "max_in_flight": "MCPWS_MAX_IN_FLIGHT",
        "max_depth": f"{file}: limits.max_depth",
    }


def test_of_an_option_that_is_given_twice_the_last_one_counts() -> None:
    assert reading("--max-depth=3", "--max-depth=4").config().max_depth == 4
    assert not reading("--compression", "--no-compression").config().compression


def test_what_may_be_given_several_times_is_gathered_in_all_spellings() -> None:
    config = reading("--listen=1", "--port=tcp:2", "--allow-host=a.example", "--host=b.example").config()
    assert config.listen == ("1", "tcp:2")
    assert config.hosts == ("a.example", "b.example")
    config = reading("--stdio=cat", "--env=A=1", "--env=B=x=y", "--env=A=2").config()
    assert config.env == (("A", "2"), ("B", "x=y"))


def test_a_list_is_replaced_and_not_added_to(file: Path) -> None:
    file.write_text('[access]\nhosts = ["a.example"]\n')
    assert reading("--allow-host=b.example", file=file).config().hosts == ("b.example",)


def test_a_variable_has_several_texts_between_spaces() -> None:
    config = reading(ALLOW_HOST=" a.example  b.example ", ENV="A=1 B=2", STDIO="cat 'a b'", PORT="1 2").config()
    assert config.hosts == ("a.example", "b.example")
    assert config.env == (("A", "1"), ("B", "2"))
    assert config.stdio == ("cat", "a b")
    assert config.listen == ("1", "2")


def test_an_empty_variable_is_none() -> None:
    assert reading(MAX_CONNECTIONS="", CONFIG="", NO_SUCH="") == reading()


def test_the_variables_that_kubernetes_sets_for_a_service_of_this_name_are_none() -> None:
    foreign: dict[str, Any] = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "8082",
        "SERVICE_PORT_WS": "8082",
        "PORT": "tcp://10.0.0.1:8082",
        "PORT_8082_TCP": "tcp://10.0.0.1:8082",
        "PORT_8082_TCP_PROTO": "tcp",
        "PORT_8082_TCP_PORT": "8082",
        "PORT_8082_TCP_ADDR": "10.0.0.1",
    }
    assert reading(**foreign) == reading()


def test_the_environment_may_name_the_file(file: Path, tmp_path: Path) -> None:
    file.write_text("[limits]\nmax_depth = 5\n")
    assert reading(CONFIG=str(file)).config().max_depth == 5
    other = tmp_path / "other.toml"
    other.write_text("")
    assert reading(CONFIG=str(file), file=other).config().max_depth == 128


def test_a_command_line_in_a_file_may_be_a_list(file: Path) -> None:
    file.write_text("[stdio]\ncommand = ['cat', 'a  b', 5]\nenv = { A = '1' }\n")
    config = reading(file=file).config()
    assert (config.stdio, config.env) == (("cat", "a  b", "5"), (("A", "1"),))


def test_whoever_names_what_is_served_names_it_in_place_of_others(file: Path) -> None:
    file.write_text("[server]\napp = 'a:b'\n[stdio]\nmax_children = 3\n")
    config = reading("--stdio=cat", file=file).config()
    assert (config.stdio, config.app, config.max_children) == (("cat",), None, 3)
    config = reading(file=file, STDIO="cat").config()
    assert (config.stdio, config.app) == (("cat",), None)


def test_what_is_no_option_has_a_name_of_its_own() -> None:
    read = read_settings([], {}, {"app": ("TARGET", "a:b")})
    assert (read.config().app, read.sources) == ("a:b", {"app": "TARGET"})
    assert read_settings([], {}, {"stdio": ("--", ("npx", "-y", "x"))}).config().stdio == ("npx", "-y", "x")
    read = read_settings([("--app", "c:d")], {}, {"app": ("TARGET", "a:b")})
    assert mistakes(read) == [
        "--app: given twice: one service has one App; start another service for another one (got 'c:d')"
    ]


def test_all_mistakes_are_told_those_of_options_first(file: Path) -> None:
    file.write_text("[limits]\nmax_depth = 'deep'\n[nothing]\n")
    read = reading("--max-connections=many", file=file, BINARY="perhaps", MAX_CONECTIONS="5")
    assert mistakes(read) == [
        "--max-connections: must be a whole number, 1 or more (got 'many')",
        "MCPWS_BINARY: must be accept or refuse (got 'perhaps')",
        "MCPWS_MAX_CONECTIONS: no such setting: did you mean MCPWS_MAX_CONNECTIONS?",
        f"{file}: limits.max_depth: must be a whole number, 1 or more (got 'deep')",
        f"{file}: nothing: no such setting",
    ]
    with pytest.raises(ConfigError) as caught:
        read.config()
    assert caught.value is read.mistakes[0]


@pytest.mark.parametrize(
    ("options", "mistake"),
    [
        (
            ["--heartbeat-timeout=20"],
            "--heartbeat-timeout: must be above --heartbeat-interval, which is 30, or 0 (got 20.0)",
        ),
        (
            ["--heartbeat-interval=90"],
            "--heartbeat-interval: must be below --heartbeat-timeout, which is 60 (got 90.0)",
        ),
        (
            ["--heartbeat-interval=90", "--heartbeat-timeout=80"],
            "--heartbeat-timeout: must be above --heartbeat-interval, or 0 (got 80.0)",
        ),
    ],
)
def test_of_two_that_do_not_go_together_the_one_that_was_given_is_named(options: list[str], mistake: str) -> None:
    assert mistakes(reading(*options)) == [mistake]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "mcp.example.com", "mcp.example.com:8082"])
def test_the_old_option_for_a_host_stays_where_it_can_mean_only_that(host: str) -> None:
    assert reading(f"--host={host}").config().hosts == (host,)


NAMES = ", and --allow-host NAME for each name that clients call"


@pytest.mark.parametrize(
    ("options", "instead"),
    [
        (["--host=0.0.0.0"], f"tcp:8082:interface=0.0.0.0{NAMES}"),
        (["--port=9000", "--host=0.0.0.0"], f"tcp:9000:interface=0.0.0.0 in place of 9000{NAMES}"),
        (["--host=::"], rf"tcp6:8082:interface=\:\:{NAMES}"),
        (["--host=[::]"], rf"tcp6:8082:interface=\:\:{NAMES}"),
        (
            ["--host=192.168.1.5"],
            "tcp:8082:interface=192.168.1.5, and --allow-host 192.168.1.5 for clients that call it so",
        ),
    ],
)
def test_an_address_for_a_host_is_told_what_to_write_instead(options: list[str], instead: str) -> None:
    [mistake] = mistakes(reading(*options))
    assert mistake.startswith(f"--host: to listen there write --listen {instead} (got ")


def test_a_file_is_not_read_without_end(file: Path) -> None:
    file.write_bytes(b"#" * (MAX_FILE + 1))
    assert mistakes(reading(file=file)) == [f"--config: must be a file of {MAX_FILE} bytes at most (got {str(file)!r})"]
    assert mistakes(reading("--config=/dev/zero")) == [
        f"--config: must be a file of {MAX_FILE} bytes at most (got '/dev/zero')"
    ]


def test_an_argument_may_name_the_file(tmp_path: Path) -> None:
    assert mistakes(read_settings([(FILE, str(tmp_path))], {})) == [
        f"FILE: cannot be read: Is a directory (got {str(tmp_path)!r})"
    ]


def test_every_setting_has_names_of_its_own() -> None:
    options = [option for setting in service_settings().values() for option in setting.spellings]
    variables = [name for setting in service_settings().values() for name in setting.variables]
    paths = [setting.path for setting in service_settings().values()]
    for names in (options, variables, paths):
        assert len(set(names)) == len(names)
    negations = sum(len(one.spellings) for one in service_settings().values() if one.is_flag)
    assert len(options_of_settings()) == len(options) + negations


@given(
    st.lists(st.tuples(st.sampled_from(sorted(options_of_settings())), st.text())),
    st.dictionaries(
        st.sampled_from([name for one in service_settings().values() for name in one.variables]) | st.text(), st.text()
    ),
)
def test_any_settings_are_a_config_or_told_in_lines(options: list[tuple[str, str]], environ: dict[str, str]) -> None:
    read = read_settings(options, environ)
    for mistake in read.mistakes:
        assert "\n" not in str(mistake)
    if not read.mistakes:
        read.config()


def test_the_process_environment_of_the_tests_has_no_settings() -> None:
    assert read_settings([], os.environ).mistakes == ()
