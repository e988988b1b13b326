"""Several servers on one port: each has its own clients, limits and end, and whoever runs them sees all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.interfaces import IReactorPluggableNameResolver
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from mcpws.serving.assembly import Assembly, assemble
from mcpws.serving.config import ServiceConfig
from mcpws.serving.rereading import Rereading
from mcpws.serving.sources import Reading, read_settings
from mcpws.testing import RawClient
from mcpws.testing.network import Network
from mcpws.testing.raw import CLOSE
from tests.conftest import LoggedErrors

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "tester", "version": "1"}},
}
TOOLS = """
from twisted.internet.defer import Deferred
from mcpws import App

app = App("{name}", "1")
waiting = []

@app.tool
def who() -> str:
    return "{name}"

@app.tool
def wait() -> Deferred[str]:
    waiting.append(Deferred())
    return waiting[-1]
"""


@implementer(IReactorPluggableNameResolver)
class Offline(Clock):
    """A reactor that finds nobody by name, and does not say so either."""

    @property
    def nameResolver(self) -> Offline:
        return self

    def installNameResolver(self, resolver: object) -> Any:
        raise NotImplementedError

    def resolveHostName(self, receiver: Any, *arguments: Any, **named: Any) -> Any:
        receiver.resolutionBegan(self)

    def cancel(self) -> None:
        """As an IHostResolution is."""


@pytest.fixture
def clock() -> Clock:
    return Offline()


class Port:
    """A service of several servers in memory, and its clients."""

    def __init__(self, folder: Path, clock: Clock, **tables: Any) -> None:
        self.clock = clock
        self.network = Network(clock)
        self._toml = folder / "mcpws.toml"
        for name in ("ada", "bob"):
            (folder / f"{folder.name}_{name}.py").write_text(TOOLS.format(name=name))
        self.apps: dict[str, Any] = {name: {"app": str(folder / f"{folder.name}_{name}.py")} for name in ("ada", "bob")}
        self.write(**(tables or self.apps))
        config = self.read().config()
        self.assembly: Assembly = assemble(config, cast(Any, clock))
        self.reread = Rereading(self.read, config, self.assembly)
        self.clients: list[RawClient] = []

    def write(self, more: str = "", /, **servers: Any) -> None:
        """Have these servers in the file."""
        lines = [more]
        for name, table in servers.items():
            lines += [f"[servers.{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
        self._toml.write_text("\n".join(lines))

    def read(self) -> Reading:
        return read_settings([("--config", str(self._toml))], {})

    def connect(self, path: str) -> RawClient:
        client = RawClient()
        self.network.join(client, self.assembly.service.factory)
        client.handshake(path)
        self.network.flush()
        self.clients.append(client)
        return client

    def initialised(self, path: str) -> RawClient:
        client = self.connect(path)
        assert client.take_head()[0].startswith("HTTP/1.1 101 ")
        client.send_message(INITIALIZE)
        self.network.flush()
        assert client.take_messages()[0]["id"] == 0
        client.send_message({"jsonrpc": "2.0", "method": "notifications/initialized"})
        return client

    def call(self, client: RawClient, name: str, id: int = 1) -> list[Any]:
        client.send_message(
            {"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name, "arguments": {}}}
        )
        self.network.flush()
        return client.take_messages()

    def page(self, path: str) -> tuple[str, str]:
        """First line and text of a page."""
        client = RawClient()
        self.network.join(client, self.assembly.service.factory)
        client.send(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1:8082\r\n\r\n".encode())
        self.network.advance(0.1)
        first, _ = client.take_head()
        return first, client.received.decode()

    def status(self) -> Any:
        return json.loads(self.page("/status.json")[1])

    def stop(self) -> None:
        stopped = self.assembly.service.factory.stop(0)
        for _ in range(3):
            for client in self.clients:
                if not client.is_gone():
                    client.send_frame(CLOSE, b"\x03\xe9")
            self.network.advance(10)
        assert stopped.called


@pytest.fixture
def port(tmp_path: Path, clock: Clock) -> Iterator[Port]:
    port = Port(tmp_path, clock)
    yield port
    port.stop()


@pytest.fixture
def log() -> Iterator[list[str]]:
    """What those log who read the settings and serve by them."""
    lines: list[str] = []

    def observe(event: LogEvent) -> None:
        if str(event.get("log_namespace")).startswith("mcpws.serving"):
            lines.append(formatEvent(event))

    globalLogPublisher.addObserver(cast(ILogObserver, observe))
    yield lines
    globalLogPublisher.removeObserver(cast(ILogObserver, observe))


def text(answers: list[Any]) -> str:
    return cast(str, answers[0]["result"]["content"][0]["text"])


def test_each_server_answers_at_its_own_path(port: Port) -> None:
    ada, bob = port.initialised("/servers/ada"), port.initialised("/servers/bob")
    assert (text(port.call(ada, "who")), text(port.call(bob, "who"))) == ("ada", "bob")


def test_a_path_that_no_server_has_is_not_found(port: Port) -> None:
    assert port.connect("/servers/eve").take_head()[0].startswith("HTTP/1.1 404 ")
    assert port.page("/servers/eve")[0].startswith("HTTP/1.0 404 ") or port.page("/servers/eve")[0].endswith(
        "Not Found"
    )


def test_the_list_says_where_each_is_and_whether_it_is_ready(
    tmp_path: Path, clock: Clock, logged_errors: LoggedErrors
) -> None:
    port = Port(tmp_path, clock, away={"url": "ws://127.0.0.1:9/"}, web={"url": "https://mcp.example/"})
    assert json.loads(port.page("/servers")[1]) == {
        "servers": [
            {"name": "away", "path": "/servers/away", "ready": True},
            {"name": "web", "path": "/servers/web", "ready": False},
        ]
    }
    assert "426 Upgrade Required" in port.page("/servers/away")[0]
    assert len(logged_errors.flush()) == 1
    port.stop()


@pytest.mark.parametrize("more", ["", "[admin]\nstatus = 'off'\n"])
def test_a_server_that_cannot_be_had_costs_only_itself(
    more: str, tmp_path: Path, clock: Clock, logged_errors: LoggedErrors
) -> None:
    port = Port(tmp_path, clock)
    servers: dict[str, Any] = {
        "no": {"command": "no-such-program"},
        "odd": {"command": 5},
        "app": {"app": "no_such.py"},
    }
    port.write(more, **servers, **port.apps)
    config = port.read().config()
    port.assembly = assemble(config, cast(Any, clock))
    assert len(logged_errors.flush()) == 3
    assert text(port.call(port.initialised("/servers/ada"), "who")) == "ada"
    broken = port.connect("/servers/no")
    assert broken.take_head()[0].startswith("HTTP/1.1 101 ")
    port.stop()


def test_a_server_has_limits_of_its_own_within_those_of_the_service(tmp_path: Path, clock: Clock) -> None:
    port = Port(tmp_path, clock)
    port.write(
        "[limits]\nmax_connections = 3", ada={**port.apps["ada"], "limits.max_connections": 1}, bob=port.apps["bob"]
    )
    port.assembly = assemble(port.read().config(), cast(Any, clock))
    codes = [port.connect(f"/servers/{name}").take_head()[0].split()[1] for name in ("ada", "ada", "bob", "bob", "bob")]
    assert codes == ["101", "503", "101", "101", "503"]
    port.stop()


def test_the_pages_tell_of_all_servers_and_of_each(port: Port) -> None:
    ada, bob = port.initialised("/servers/ada"), port.initialised("/servers/bob")
    port.call(ada, "who")
    port.call(bob, "who", 1)
    port.call(bob, "who", 2)
    status = port.status()
    assert status["totals"]["connections"] == 2
    assert [one["server"] for one in status["connections"]] == ["ada", "bob"]
    assert len({one["id"] for one in status["connections"]}) == 2
    assert [(one["name"], one["connections"], one["messages_received"]) for one in status["servers"]] == [
        ("ada", 1, 3),
        ("bob", 1, 4),
    ]
    assert status["requests"]["tools/call"]["count"] == 3
    assert {name: one["count"] for name, one in status["tools"].items()} == {"ada__who": 1, "bob__who": 2}
    metrics = port.page("/metrics")[1]
    for line in (
        "mcpws_open_connections 2.0",
        'mcpws_server_open_connections{server="ada"} 1.0',
        'mcpws_server_messages_received_total{server="bob"} 4.0',
        'mcpws_requests_total{method="tools/call",outcome="ok"} 3.0',
        'mcpws_tool_calls_total{outcome="ok",tool="bob__who"} 2.0',
    ):
        assert line in metrics


def test_settings_that_say_the_same_disturb_nobody(port: Port, log: list[str]) -> None:
    ada = port.initialised("/servers/ada")
    port.reread()
    assert text(port.call(ada, "who")) == "ada"
    assert "the settings were read again: nothing that is served has changed" in log


def test_a_new_server_is_served_and_the_others_keep_their_clients(port: Port, log: list[str]) -> None:
    ada = port.initialised("/servers/ada")
    port.write(new={"url": "ws://127.0.0.1:9/"}, **port.apps)
    port.reread()
    assert "the settings were read again: new is new" in log
    assert text(port.call(ada, "who")) == "ada"
    assert [one["name"] for one in port.status()["servers"]] == ["new", "ada", "bob"]


def test_a_server_that_is_gone_lets_its_clients_finish(port: Port, log: list[str]) -> None:
    ada, bob = port.initialised("/servers/ada"), port.initialised("/servers/bob")
    assert port.call(bob, "wait") == []
    before = port.status()["requests"]
    port.write(ada=port.apps["ada"])
    port.reread()
    port.network.flush()
    assert "the settings were read again: bob is gone" in log
    assert text(port.call(ada, "who")) == "ada"
    assert port.connect("/servers/bob").take_head()[0].startswith("HTTP/1.1 404 ")
    assert not bob.take_frames()
    port.network.advance(60)
    frames = bob.take_frames()
    assert b'"error"' in frames[0].payload
    assert (frames[-1].opcode, frames[-1].payload[:2]) == (CLOSE, b"\x03\xe9")
    # What was counted stays counted.
    assert port.status()["requests"]["initialize"]["count"] == before["initialize"]["count"] == 2


def test_who_talks_to_a_server_that_has_changed_finds_the_new_one_there(tmp_path: Path, clock: Clock) -> None:
    away = {"url": "ws://127.0.0.1:9/"}
    port = Port(tmp_path, clock, away=away)
    client = port.connect("/servers/away")
    client.take_head()
    port.write(away={**away, "limits.max_in_flight": 3})
    port.reread()
    port.network.flush()
    (closing,) = client.take_frames()
    # 1012: the service restarts.
    assert (closing.opcode, closing.payload[:2]) == (CLOSE, b"\x03\xf4")
    assert port.connect("/servers/away").take_head()[0].startswith("HTTP/1.1 101 ")
    port.stop()


@pytest.mark.parametrize(
    ("more", "servers", "told"),
    [
        ("[limits]\nmax_connections = 0", {"ada": {"app": "x"}}, "the settings were read again, and stay as they were"),
        ("nonsense", {}, "the settings were read again, and stay as they were"),
        ("", {}, "names no server any more"),
        ("[limits]\nmax_depth = 9", None, "limits.max_depth has changed, which takes a restart"),
        ("", {"ada": {"app": "other.py"}}, "ada stays as it was: an App, and what it is served with, takes a restart"),
        ("", {"ada": {"command": 5}}, "ada stays as it was: "),
    ],
)
def test_what_cannot_be_changed_is_said_and_stays(
    port: Port, more: str, servers: Any, told: str, log: list[str], logged_errors: LoggedErrors
) -> None:
    ada = port.initialised("/servers/ada")
    port.write(more, **(port.apps if servers is None else servers))
    port.reread()
    port.network.flush()
    assert any(told in line for line in log)
    assert text(port.call(ada, "who")) == "ada"
    logged_errors.flush()


def test_an_app_is_served_once(tmp_path: Path, clock: Clock, logged_errors: LoggedErrors) -> None:
    port = Port(tmp_path, clock)
    port.write(ada=port.apps["ada"], again=port.apps["ada"])
    port.assembly = assemble(port.read().config(), cast(Any, clock))
    (error,) = logged_errors.flush()
    assert "is served already" in error["problem"]
    assert text(port.call(port.initialised("/servers/ada"), "who")) == "ada"
    port.stop()


def test_a_service_of_one_server_tells_what_takes_a_restart(tmp_path: Path, clock: Clock, log: list[str]) -> None:
    toml = tmp_path / "mcpws.toml"
    toml.write_text("")

    def read() -> Reading:
        return read_settings([("--config", str(toml))], {})

    reread = Rereading(read, ServiceConfig(), assemble(ServiceConfig(), cast(Any, clock)))
    toml.write_text('[servers.ada]\ncommand = "cat"\n[limits]\nmax_depth = 9\n')
    reread()
    assert f"{toml}: limits.max_depth has changed, which takes a restart" in log
    assert f"{toml}: servers has changed, which takes a restart" in log
