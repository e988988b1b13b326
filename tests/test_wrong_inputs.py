"""Wrong inputs, each of which is told in one line that names it and says what to do.

A row is what a person gave and the line that tells what is wrong with it. To add one is to add a line here. All that
can be told without serving is told in the same words by `twistd mcpws` (status 1) and `mcpws config check` (status 2).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from twisted.internet.testing import MemoryReactorClock

from mcpws.cli.commands import mcpws
from mcpws.errors import ConfigError
from mcpws.serving.assembly import assemble
from mcpws.tap import Options

FILE = "mcpws.toml"


@dataclass(frozen=True)
class Row:
    """What is given, and the line that is told."""

    says: str
    options: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    file: str = ""

    @property
    def id(self) -> str:
        return " ".join(
            [*(f"{name}={value}" for name, value in self.environ.items()), *self.options, self.file]
        ).strip()


def option(*options: str, says: str) -> Row:
    return Row(says, options)


def environment(name: str, value: str, says: str, *options: str) -> Row:
    return Row(says, options, {name: value})


def file(text: str, says: str, *options: str) -> Row:
    return Row(says, ("--config", FILE, *options), file=text)


WHOLE = "must be a whole number, 1 or more"
PORT = "must have a port, 0 to 65535, as tcp:8082:interface=127.0.0.1 has"
FORMS = "a port number, tcp:PORT:interface=ADDRESS, unix:PATH, ssl:PORT:privateKey=FILE:certKey=FILE or systemd:..."
SYSTEMD = "names a socket that systemd has not passed on: a .socket unit has to start the service"
CALLED = ", and --allow-host NAME for each name that clients call"
ANOTHER = "start another service for another one"
NAMED = "must be a file (tools.py) or a module (package.tools), with or without :NAME"
NO_APP = 'has no App in it: write app = App("name", "1.0"), or name what makes one, as {}:NAME'

OPTIONS = [
    option("--max-connections", "many", says=f"--max-connections: {WHOLE} (got 'many')"),
    option("--max-connections", "0", says=f"--max-connections: {WHOLE} (got '0')"),
    option("--max-message-size", "16MiB", says=f"--max-message-size: {WHOLE} (got '16MiB')"),
    option("--max-depth", "1.5", says=f"--max-depth: {WHOLE} (got '1.5')"),
    option("--max-in-flight", "1" + 20 * "0", says=f"--max-in-flight: must be at most {2**63 - 1} (got '1{20 * '0'}')"),
    option("--drain-seconds", "soon", says="--drain-seconds: must be 0 or more seconds (got 'soon')"),
    option("--drain-seconds=-1", says="--drain-seconds: must be 0 or more seconds (got '-1')"),
    option("--close-timeout", "nan", says="--close-timeout: must be a number of seconds above 0 (got 'nan')"),
    option(
        "--initialize-timeout",
        "0",
        says="--initialize-timeout: must be a number of seconds above 0, or none (got '0')",
    ),
    option(
        "--heartbeat-interval",
        "90",
        says="--heartbeat-interval: must be below --heartbeat-timeout, which is 60 (got 90.0)",
    ),
    option("--binary", "perhaps", says="--binary: must be accept or refuse (got 'perhaps')"),
    option("--log-level", "INFO", says="--log-level: must be debug, info, warn or error (got 'INFO')"),
    option("--log-format", "xml", says="--log-format: must be text or json (got 'xml')"),
    option("--path", "mcp", says="--path: must begin with / (got 'mcp')"),
    option("--path", "", says="--path: must not be empty (got '')"),
    option(
        *("--host", "0.0.0.0"),
        says=f"--host: to listen there write --listen tcp:8082:interface=0.0.0.0{CALLED} (got '0.0.0.0')",
    ),
    option(
        *("--host", "::"),
        says=rf"--host: to listen there write --listen tcp6:8082:interface=\:\:{CALLED} (got '::')",
    ),
    option(
        *("--port", "9000", "--host", "192.168.1.5"),
        says="--host: to listen there write --listen tcp:9000:interface=192.168.1.5 in place of 9000, and"
        " --allow-host 192.168.1.5 for clients that call it so (got '192.168.1.5')",
    ),
    option(
        *("--allow-host", "0.0.0.0"),
        says="--allow-host: must be what clients call, not where to listen: that is tcp:8082:interface=0.0.0.0"
        " (got '0.0.0.0')",
    ),
    option(
        *("--allow-host", "http://mcp.example.com"),
        says="--allow-host: must be HOST, HOST:PORT or *, international names in their xn-- form"
        " (got 'http://mcp.example.com')",
    ),
    option(
        *("--origin", "app.example.com"),
        says="--origin: must have a scheme, as https://app.example.com has (got 'app.example.com')",
    ),
    option("--cwd", "/", says="--cwd: goes with --stdio, which is not given (got '/')"),
    option("--stdio-mode", "shared", says="--stdio-mode: goes with --stdio, which is not given (got 'shared')"),
    option("--no-translate", says="--no-translate: goes with --stdio, which is not given (got False)"),
    option("--env", "TOKEN", "--stdio", "cat", says="--env: must be NAME=VALUE (got 'TOKEN')"),
    option("--env", "=1", "--stdio", "cat", says="--env: must be NAME=VALUE (got '=1')"),
    option(
        *("--stdio", "cat", "--cwd", "/no/such/folder"),
        says="--cwd: must be a folder that exists (got '/no/such/folder')",
    ),
    option("--stdio-mode", "both", "--stdio", "cat", says="--stdio-mode: must be per-client or shared (got 'both')"),
    option("--max-children", "none", "--stdio", "cat", says=f"--max-children: {WHOLE} (got 'none')"),
    option("--app", "a:b", "--stdio", "cat", says="--app: and --stdio: give one of them, not both (got 'a:b')"),
    option("--app", "a:b", "--app", "c:d", says=f"--app: given twice: one service has one App; {ANOTHER} (got 'c:d')"),
    option("--config", "none.toml", says="--config: cannot be read: No such file or directory (got 'none.toml')"),
    option("--config", "/", says="--config: cannot be read: Is a directory (got '/')"),
]

COMMANDS = [
    option(
        *("--stdio", "cat", "--stdio", "tac"),
        says=f"--stdio: given twice: one service has one command; {ANOTHER} (got 'tac')",
    ),
    option(
        "--stdio", "", says="--stdio: must be a command line, as mcp-server-time --local-timezone Europe/Paris (got '')"
    ),
    option("--stdio", "cat 'x", says="""--stdio: cannot be split into words: No closing quotation (got "cat 'x")"""),
    option(
        *("--stdio", "TOKEN=1 cat"),
        says="--stdio: TOKEN=1 is for a shell: write --env TOKEN=1, and here what follows (got 'TOKEN=1 cat')",
    ),
    option(
        *("--stdio", "cd /srv && cat -u"),
        says="--stdio: cd is for a shell: write --cwd /srv, and here cat -u (got 'cd /srv && cat -u')",
    ),
    option("--stdio", "~/cat -u", says="--stdio: ~/cat is for a shell: write /home/me/cat (got '~/cat -u')"),
    option(
        *("--stdio", "cat | tee log"),
        says="--stdio: | is for a shell, and none is involved: write sh -c 'cat | tee log' (got 'cat | tee log')",
    ),
    option(
        *("--stdio", "cat 2>/dev/null"),
        says="--stdio: 2>/dev/null is for a shell, and none is involved: write sh -c 'cat 2>/dev/null'"
        " (got 'cat 2>/dev/null')",
    ),
    option(
        *("--stdio", "cat $FILE"),
        says="--stdio: $FILE is for a shell, and none is involved: write sh -c 'cat $FILE' (got 'cat $FILE')",
    ),
    environment(
        *("MCPWS_STDIO", "cat; tac"),
        says="MCPWS_STDIO: cat; is for a shell, and none is involved: write sh -c 'cat; tac' (got 'cat; tac')",
    ),
    file(
        "stdio.command = []",
        says="mcpws.toml: stdio.command: must be 1 or more (got ())",
    ),
]

ENDPOINTS = [
    option("--listen", "99999", says="--listen: must be 0 to 65535, or a Twisted endpoint string (got '99999')"),
    option("--port", "-1", says="--port: must be 0 to 65535, or a Twisted endpoint string (got '-1')"),
    option("--port", "", says="--port: must not be empty (got '')"),
    option("--port", "http", says=f"--port: is no endpoint: must be {FORMS} (got 'http')"),
    option("--listen", "nonsense:1", says=f"--listen: is no endpoint: must be {FORMS} (got 'nonsense:1')"),
    option(
        "--listen",
        "0.0.0.0:8082",
        says="--listen: is no endpoint: write tcp:8082:interface=0.0.0.0 (got '0.0.0.0:8082')",
    ),
    option(
        *("--listen", "ws://127.0.0.1:8082"),
        says="--listen: is no endpoint: write tcp:8082:interface=127.0.0.1 (got 'ws://127.0.0.1:8082')",
    ),
    option("--listen", "tcp:http", says=f"--listen: {PORT} (got 'tcp:http')"),
    option(
        *("--listen", "tcp:8082:inteface=0.0.0.0"),
        says="--listen: is no tcp endpoint: it has no inteface (got 'tcp:8082:inteface=0.0.0.0')",
    ),
    option(
        *("--listen", "unix:/no/such/socket"),
        says="--listen: must be in a folder that exists: there is no /no/such (got 'unix:/no/such/socket')",
    ),
    option(
        *("--listen", "ssl:8443"),
        says="--listen: must name PEM files: privateKey=FILE, and certKey=FILE unless it is the same (got 'ssl:8443')",
    ),
    option(
        *("--listen", "ssl:8443:privateKey=key.pem"),
        says="--listen: must name files that can be read: key.pem: No such file or directory"
        " (got 'ssl:8443:privateKey=key.pem')",
    ),
    option(
        *("--listen", "ssl:8443:privateKey=no.pem"),
        says="--listen: must name a certificate and the private key that belongs to it, without password"
        " (got 'ssl:8443:privateKey=no.pem')",
    ),
    option(
        *("--listen", "tls:8443"),
        says="--listen: must name a folder with .pem files, as tls:FOLDER:port=8443 does; with files of other names it"
        " is ssl:PORT:privateKey=FILE:certKey=FILE (got 'tls:8443')",
    ),
    option("--listen", "systemd:domain=INET:index=0", says=f"--listen: {SYSTEMD} (got 'systemd:domain=INET:index=0')"),
    environment("MCPWS_LISTEN", "8082 tcp:x", says=f"MCPWS_LISTEN: {PORT} (got 'tcp:x')"),
    file(
        "server.listen = [8082, 70000]",
        says="mcpws.toml: server.listen: must be 0 to 65535, or a Twisted endpoint string (got '70000')",
    ),
]

ENVIRONMENT = [
    environment("MCPWS_MAX_CONNECTIONS", "many", says=f"MCPWS_MAX_CONNECTIONS: {WHOLE} (got 'many')"),
    environment(
        *("MCPWS_MAX_CONECTIONS", "5"),
        says="MCPWS_MAX_CONECTIONS: no such setting: did you mean MCPWS_MAX_CONNECTIONS?",
    ),
    environment("MCPWS_PASSWORD", "hunter2", says="MCPWS_PASSWORD: no such setting"),
    environment("MCPWS_COMPRESSION", "perhaps", says="MCPWS_COMPRESSION: must be true or false (got 'perhaps')"),
    environment(
        *("MCPWS_HOST", "0.0.0.0"),
        says=f"MCPWS_HOST: to listen there write --listen tcp:8082:interface=0.0.0.0{CALLED} (got '0.0.0.0')",
    ),
    environment(
        *("MCPWS_ALLOW_ORIGIN", "https://a.example b.example"),
        says="MCPWS_ALLOW_ORIGIN: must have a scheme, as https://app.example.com has (got 'b.example')",
    ),
    environment(
        *("MCPWS_ENV", "TOKEN=hunter 2"),
        says="MCPWS_ENV: must be NAME=VALUE, several with spaces between them (got '...')",
    ),
    environment(
        *("MCPWS_CONFIG", "none.toml"),
        says="MCPWS_CONFIG: cannot be read: No such file or directory (got 'none.toml')",
    ),
]

FILES = [
    file("[limits]\nmax_connections = 'five'", says=f"mcpws.toml: limits.max_connections: {WHOLE} (got 'five')"),
    file("[limits]\nmax_connections = true", says=f"mcpws.toml: limits.max_connections: {WHOLE} (got True)"),
    file(
        "[limits]\nmax_conections = 5",
        says="mcpws.toml: limits.max_conections: no such setting: did you mean limits.max_connections?",
    ),
    file(
        "[limits]\nmax-connections = 5",
        says="mcpws.toml: limits.max-connections: no such setting: did you mean limits.max_connections?",
    ),
    file(
        "max_connections = 5", says="mcpws.toml: max_connections: no such setting: did you mean limits.max_connections?"
    ),
    file("[limit]\nmax_connections = 5", says="mcpws.toml: limit: no such setting: did you mean limits?"),
    file("limits = 5", says="mcpws.toml: limits: must be a table: write [limits] (got 5)"),
    file(
        "[access]\nallow_host = ['a.example']",
        says="mcpws.toml: access.allow_host: no such setting: did you mean access.hosts?",
    ),
    file("[access]\npaths = [true]", says="mcpws.toml: access.paths: must be a list of texts (got True)"),
    file(
        "[timeouts]\ndrain_seconds = '5s'",
        says="mcpws.toml: timeouts.drain_seconds: must be 0 or more seconds (got '5s')",
    ),
    file(
        "[timeouts]\nheartbeat_timeout = 20",
        says="mcpws.toml: timeouts.heartbeat_timeout: must be above --heartbeat-interval, which is 30, or 0 (got 20)",
    ),
    file(
        "[server]\napp = 'a:b'\n[stdio]\ncommand = 'cat'",
        says="mcpws.toml: server.app: and mcpws.toml: stdio.command: give one of them, not both (got 'a:b')",
    ),
    file("[wire]\ncompression = 'yes'", says="mcpws.toml: wire.compression: must be true or false (got 'yes')"),
    file(
        "[stdio]\ncommand = 'cat'\nenv = ['TOKEN=1']",
        says="""mcpws.toml: stdio.env: must be a table, as { NAME = "value" } (got 'list')""",
    ),
    file(
        "[limits\n",
        says="--config: is no TOML in UTF-8: Expected ']' at the end of a table declaration (at line 1, column 8)"
        " (got 'mcpws.toml')",
    ),
    file(
        "[limits]\nmax_depth = 5\nmax_depth = 6",
        says="--config: is no TOML in UTF-8: Cannot overwrite a value (at end of document) (got 'mcpws.toml')",
    ),
]

SETTINGS = [*OPTIONS, *COMMANDS, *ENDPOINTS, *ENVIRONMENT, *FILES]
"""Told by whatever reads the settings."""

APPS = [
    option("--app", "tools.py", says="--app: there is no file tools.py (got 'tools.py')"),
    option("--app", "no such", says=f"--app: {NAMED} (got 'no such')"),
    option("--app", "os", says=f"--app: {NO_APP.format('os')} (got 'os')"),
    option("--app", "os:nothing", says="--app: os has no nothing (got 'os:nothing')"),
    option("--app", "os:sep", says="--app: sep is a str, no App or Backend (got 'os:sep')"),
    option(
        "--app", "os:fspath", says="--app: fspath is a function that takes path, no App or Backend (got 'os:fspath')"
    ),
    option(
        "--app", "mcpws:App", says="--app: App is a class that takes name, version, no App or Backend (got 'mcpws:App')"
    ),
    option(
        "--app",
        "no_such:app",
        says=f"--app: there is no module no_such in FOLDER, nor installed for {sys.executable} (got 'no_such:app')",
    ),
]
PROGRAMS = [
    option("--stdio", "no-such-program", says="--stdio: there is no such program (got 'no-such-program')"),
]
SERVED = [*APPS, *PROGRAMS]
"""Told by what is about to serve: whether there is an App, and a program, is found out then."""

MISSPELLED = [
    option("--max-conections", "5", says="--max-conections: no such setting: did you mean --max-connections?"),
    option("--verbose", says="--verbose: no such setting"),
    option("--max-depth", says="--max-depth: requires argument"),
    option("--compression=yes", says="--compression: must not have an argument"),
    option("8082", says="takes options alone, as --listen 8082 (got '8082')"),
]
"""Told by twistd's own options: what else there is has words of its own."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the person is."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("MCPWS_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", "/home/me")
    (tmp_path / "no.pem").write_text("no key\n")
    return tmp_path


def served(row: Row) -> str:
    """The line with which a program that is to serve ends."""
    options = Options(row.environ)
    reactor: Any = MemoryReactorClock()
    try:
        options.parseOptions(row.options)
        assemble(options.config, reactor)
    except SystemExit as end:
        return str(end.code).removeprefix("mcpws: ")
    except ConfigError as error:
        return str(options.reading.named(error))
    raise AssertionError("it would serve")


def parametrize(rows: list[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in rows])


@parametrize([*SETTINGS, *SERVED, *MISSPELLED])
def test_a_service_is_told_what_is_wrong_in_one_line(row: Row, folder: Path) -> None:
    if row.file:
        (folder / FILE).write_text(row.file)
    assert served(row).replace(str(folder), "FOLDER") == row.says
    assert "\n" not in row.says


@parametrize(SETTINGS)
def test_a_check_of_the_settings_tells_the_same(row: Row, folder: Path) -> None:
    if row.file:
        (folder / FILE).write_text(row.file)
    result = CliRunner().invoke(mcpws, ["config", "check", *row.options], env=dict(row.environ), prog_name="mcpws")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.replace(str(folder), "FOLDER") == f"mcpws: {row.says}\n"


def test_there_are_enough_of_them() -> None:
    assert len({row.id for row in [*SETTINGS, *SERVED]}) >= 60
