"""Several servers as files name them: what desktop hosts write, our own tables, and mistakes that cost one of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpws.errors import ConfigError
from mcpws.serving.config import Entry, ServiceConfig
from mcpws.serving.entries import MAX_FILE, MAX_NAME, read_entries
from mcpws.serving.sources import read_settings

ENVIRON = {"KEY": "open sesame", "EMPTY": ""}
TIME = {"command": "uvx", "args": ["mcp-server-time"], "env": {"TZ": "UTC"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "servers.json"


def entries(path: Path, servers: Any, base: ServiceConfig | None = None) -> Mapping[str, Entry]:
    """What comes of a JSON file with these servers."""
    path.write_text(json.dumps({"mcpServers": servers}))
    return read_entries(base or ServiceConfig(servers=str(path)), {}, "", ENVIRON)


def one(path: Path, server: Any) -> Entry:
    return entries(path, {"time": server})["time"]


def in_toml(**servers: Any) -> Mapping[str, Entry]:
    return read_entries(ServiceConfig(), servers, "mcpws.toml", ENVIRON)


def test_what_desktop_hosts_write_is_taken_as_it_is(path: Path) -> None:
    entry = one(path, {**TIME, "type": "stdio", "autoApprove": ["now"], "timeout": 60, "description": "The time"})
    assert entry.problem is None
    assert entry.config.stdio == ("uvx", "mcp-server-time")
    assert entry.config.env == (("TZ", "UTC"),)


@pytest.mark.parametrize("key", ["mcpServers", "servers"])
def test_the_keys_of_two_hosts_are_known(path: Path, key: str) -> None:
    path.write_text(json.dumps({key: {"time": TIME}, "inputs": []}))
    assert [*read_entries(ServiceConfig(servers=str(path)), {}, "", {})] == ["time"]


def test_servers_keep_their_order_and_get_names_that_fit_into_a_path(path: Path) -> None:
    found = entries(
        path, {"my server": TIME, "@scope/tool": TIME, "a.b_c-d": TIME, "_two__words_": TIME, "x" * 99: TIME}
    )
    assert [*found] == ["my-server", "scope-tool", "a.b_c-d", "two-words", "x" * MAX_NAME]


def test_a_server_that_is_switched_off_is_not_there(path: Path) -> None:
    assert [*entries(path, {"a": TIME, "b": {**TIME, "disabled": True}, "c": {**TIME, "disabled": False}})] == [
        "a",
        "c",
    ]


def test_a_server_has_the_settings_of_the_service_but_for_those_it_has_itself(path: Path) -> None:
    base = ServiceConfig(servers=str(path), max_in_flight=5, max_depth=7, env=(("A", "1"), ("TZ", "CET")))
    own = {"mode": "shared", "limits": {"max_in_flight": 9}, "child_memory": 1000}
    config = entries(path, {"time": {**TIME, "mcpws": own}}, base)["time"].config
    assert (config.max_in_flight, config.max_depth, config.stdio_mode, config.child_memory) == (9, 7, "shared", 1000)
    assert dict(config.env) == {"A": "1", "TZ": "UTC"}
    assert (config.servers, config.entries) == (None, {})


def test_tables_of_toml_say_the_same_in_fewer_words() -> None:
    found = in_toml(
        line={"command": "mcp-server-time --local-timezone Europe/Paris", "mode": "shared"},
        words={"command": ["npx", "-y"], "args": ["server"], "limits": {"max_connections": 3}},
        own={"app": "tools.py"},
        away={"url": "wss://mcp.example/mcp"},
    )
    assert [entry.problem for entry in found.values()] == [None] * 4
    assert found["line"].config.stdio == ("mcp-server-time", "--local-timezone", "Europe/Paris")
    assert found["words"].config.stdio == ("npx", "-y", "server")
    assert found["words"].config.max_connections == 3
    assert found["own"].config.app == "tools.py"
    assert found["away"].url == "wss://mcp.example/mcp"


def test_variables_are_put_in_where_texts_name_them(path: Path) -> None:
    entry = one(path, {"command": "${KEY}", "args": ["a=${env:KEY}", "${NONE:-x}y", "$KEY"], "env": {"T": "${EMPTY}"}})
    assert entry.config.stdio == ("open sesame", "a=open sesame", "xy", "$KEY")
    assert entry.config.env == (("T", ""),)


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        ("uvx", "mcpServers.time: must be a table"),
        ({}, "mcpServers.time: must have a command, an app or a url"),
        ({"command": ""}, "time.command: must be the program"),
        ({"command": 5}, "time.command: must be the program"),
        ({"command": "a && b"}, "time.command: && is for a shell"),
        ({"command": "a", "args": "b"}, "time.args: must be a list of texts"),
        ({"command": "a", "args": [1]}, "time.args: must be a list of texts"),
        ({"command": "a", "env": {"A": 1}}, "time.env: must have a text as its value"),
        ({"command": "a", "cwd": "/no/such/folder"}, "time.cwd: must be a folder that exists"),
        ({"command": "a", "disabled": "yes"}, "time.disabled: must be true or false"),
        ({"command": "a", "args": ["${NONE}"]}, "time.args: the variable NONE is not set"),
        ({"command": "a", "env": {"K": "${input:key}"}}, "time.env.K: only its host knows what that is"),
        ({"command": "a", "url": "ws://a/"}, "time.url: must not be given beside a command"),
        ({"type": "stdio", "url": "ws://a/"}, "time.url: must not be given beside a command"),
        ({"type": "http", "url": "http://a/mcp"}, "time.url: cannot be served"),
        ({"url": "https://a/mcp"}, "time.url: cannot be served"),
        ({"url": "ws://"}, "time.url: "),
        ({"url": 5}, "time.url: must be text"),
        ({"type": "sse"}, "time.type: cannot be served"),
        ({"command": "a", "mcpws": 5}, "time.mcpws: must be an object"),
        ({"command": "a", "mcpws": {"modes": "shared"}}, "time.modes: no such setting: did you mean stdio.mode?"),
        ({"command": "a", "mcpws": {"mode": "both"}}, "time.mode: "),
        ({"command": "a", "mcpws": {"app": "tools.py"}}, "time: must have either a command or an app"),
        ({"command": "a", "mcpws": {"log": {"level": "debug"}}}, "time.log.level: is of the whole service"),
        ({"command": "a", "mcpws": {"limits": {"max_connections": 0}}}, "time.limits.max_connections: "),
        (
            {"command": "a", "mcpws": {"timeouts": {"heartbeat_interval": 9, "heartbeat_timeout": 5}}},
            "time: heartbeat_timeout: must be above heartbeat_interval",
        ),
    ],
)
def test_a_mistake_costs_the_server_that_it_is_made_in(path: Path, server: Any, problem: str) -> None:
    found = entries(path, {"time": server, "other": TIME})
    assert found["other"].problem is None
    assert problem in (found["time"].problem or "")
    assert str(path) in (found["time"].problem or "")
    assert "open sesame" not in (found["time"].problem or "")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no JSON"),
        ("[]", "must have the servers by their names"),
        ('{"mcpServers": []}', "must have the servers by their names"),
        ('{"time": {}}', "must have the servers by their names"),
        ("\udcff", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        (" " * (MAX_FILE + 1), f"{MAX_FILE} bytes at most"),
        ('{"mcpServers": {"...": {}}}', "with a letter or digit"),
        ('{"mcpServers": {"a b": {}, "a-b": {}}}', "is there already, as /servers/a-b"),
    ],
)
def test_a_file_that_names_no_servers_is_no_file_of_servers(path: Path, text: str, problem: str) -> None:
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=problem):
        read_entries(ServiceConfig(servers=str(path)), {}, "", {})


def test_a_file_that_is_not_there_is_named_by_what_names_it(path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--servers: cannot be read: No such file"):
        read_settings([("--servers", str(path))], {}).config()


def test_servers_of_both_files_are_served_together(tmp_path: Path, path: Path) -> None:
    toml = tmp_path / "mcpws.toml"
    toml.write_text(f'[server]\nservers = "{path}"\n[servers.own]\ncommand = "cat"\n')
    path.write_text(json.dumps({"mcpServers": {"time": TIME}}))
    config = read_settings([("--config", str(toml))], {}).config()
    assert [*config.entries] == ["time", "own"]


def test_who_names_one_server_on_the_command_line_does_not_get_those_of_the_file(tmp_path: Path) -> None:
    toml = tmp_path / "mcpws.toml"
    toml.write_text('[servers.own]\ncommand = "cat"\n')
    config = read_settings([("--config", str(toml)), ("--stdio", "cat -u")], {}).config()
    assert (config.stdio, config.entries) == (("cat", "-u"), {})


def test_one_server_and_several_in_the_same_place_contradict_each_other(tmp_path: Path) -> None:
    toml = tmp_path / "mcpws.toml"
    toml.write_text('[server]\napp = "tools.py"\n[servers.own]\ncommand = "cat"\n')
    (mistake,) = read_settings([("--config", str(toml))], {}).mistakes
    assert str(mistake).startswith(f"{toml}: server.app: and {toml}: servers: give one of them, not both")


def test_options_of_processes_go_with_several_servers_too(path: Path) -> None:
    path.write_text(json.dumps({"mcpServers": {"time": TIME}}))
    config = read_settings([("--servers", str(path)), ("--stdio-mode", "shared"), ("--env", "A=1")], {}).config()
    assert config.entries["time"].config.stdio_mode == "shared"
    assert dict(config.entries["time"].config.env) == {"A": "1", "TZ": "UTC"}


def test_servers_in_toml_have_to_be_tables(tmp_path: Path) -> None:
    toml = tmp_path / "mcpws.toml"
    toml.write_text("servers = 5\n")
    (mistake,) = read_settings([("--config", str(toml))], {}).mistakes
    assert str(mistake) == f"{toml}: servers: must be tables: write [servers.NAME] (got 5)"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_keys = st.sampled_from(["command", "args", "env", "cwd", "type", "url", "disabled", "app", "mcpws", "limits", "mode"])


@given(st.dictionaries(_keys, _json))
def test_whatever_is_said_of_a_server_costs_at_most_that_one(server: dict[str, Any]) -> None:
    found = in_toml(odd=server, other=TIME)
    assert found["other"].problem is None
    assert (
        "odd" not in found or found["odd"].problem or found["odd"].config.stdio or found["odd"].url or "app" in server
    )
